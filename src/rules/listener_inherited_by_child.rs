//! `listener-inherited-by-child`: the server is gone, and a child that never meant to serve keeps its listener open.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Bytes, Role};
use crate::facts::Facts;

pub(super) static RULE: Rule = Rule {
    name: "listener-inherited-by-child",
    symptoms: &[Symptom::Hangs],
    sides: &[Side::Server],
    shown_by: "which process holds the listening socket",
    seen_in: &[Look::Sockets, Look::Queues, Look::Owners, Look::Waits],
    over: None,
    explains: &[
        "never-accepts",
        "backlog-full",
        "missing-reply",
        "server-crashed",
        "client-gives-up-early",
        "client-failed",
    ],
    check,
};

fn check(facts: &Facts) -> Ruling {
    let Some(server) = facts.player(Role::Server)? else { return Ok(Call::Silent) };
    let left = server.program.exit.as_ref().filter(|exit| !exit.by_us && exit.at <= facts.frozen());
    let Some(_) = left else { return Ok(Call::Silent) };
    let first = server.program.pid;
    let listeners = facts.server_listeners()?;
    let orphaned = listeners.iter().find(|listener| {
        facts.is_documented(listener.local)
            && !listener.owners.is_empty()
            && listener.owners.iter().all(|owner| owner.role == Some(Role::Server) && owner.pid != first)
    });
    let Some(listener) = orphaned else { return Ok(Call::Silent) };
    let talks = facts.talks()?;
    // A first process that ends and leaves a child to accept is a daemon, as it should be.
    if talks.iter().any(|talk| talk.was_accepted() == Some(true)) {
        return super::ruled_out("the process that is left accepts connections");
    }
    let Some(talk) = talks.iter().find(|talk| talk.was_accepted() == Some(false)) else { return Ok(Call::Silent) };
    if server.may_be_accepting() {
        return super::ruled_out("the process that is left waits for connections");
    }
    facts.is_final(talk, Role::Server)?;
    let holder = &listener.owners[0];
    let other_program = facts.name_of(first).is_some_and(|name| !holder.name.is_empty() && name != holder.name);
    finding(
        &RULE,
        Side::Server,
        if other_program { Confidence::Proven } else { Confidence::Likely },
        format!(
            "The server has ended, and its listening socket lives on in {} (pid {}), a child that never accepts: clients \
             connect to {} and nobody answers.",
            Bytes::from(holder.name.as_str()).escaped(),
            holder.pid,
            listener.local
        ),
    )
    .because([listener.reference.clone(), server.reference()])
    .because(talk.references())
    .at(facts.only_line(Role::Server, |text| &text.forks))
    .fix("Make the listening socket with SOCK_CLOEXEC (Python does, unless told otherwise), and end the child with the server.")
    .fires()
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::{How, Limit, Observed, Owner, Role, Sample};
    use crate::facts::staged::{SERVER, SERVER_PID, Stage, listener, ms, pair, process, talk};

    const CHILD: u32 = 4799;

    /// The server ended after it had started `child`, which waits in `call`.
    fn left_to(child: &str, call: &str) -> Stage {
        let owner = Owner { pid: CHILD, name: child.to_owned(), role: Some(Role::Server), program: Some(0) };
        let mut stage = pair().talk(talk(40001).asks("hello\n").unaccepted()).hangs();
        stage = stage.exits(Role::Server, 45.0, How::Code(0));
        let last = stage.snapshots().last_mut().unwrap();
        last.sockets.retain(|row| row.remote.is_some());
        let mut inherited = listener(SERVER);
        inherited.owners = vec![owner];
        last.sockets.push(inherited);
        let mut waits = process(0, call, Limit::Forever);
        (waits.pid, waits.name) = (CHILD, child.to_owned());
        if let Observed::Seen(programs) = &mut stage.0.programs {
            programs.samples[0].processes.push(waits);
            let before = Sample { at: ms(39.0), processes: vec![process(0, "accept4", Limit::Forever)] };
            programs.samples.insert(0, before);
        }
        stage
    }

    #[test]
    fn another_program_keeps_the_listener_of_a_server_that_is_gone() {
        let found = left_to("cat", "read").fires("listener-inherited-by-child");
        assert_eq!((found.side, found.confidence), (Side::Server, Confidence::Proven));
        assert!(found.statement.contains("cat (pid 4799)"), "{}", found.statement);
        let verdict = left_to("cat", "read").verdict();
        assert_eq!((verdict.side, verdict.fault.as_deref()), (Side::Server, Some("listener-inherited-by-child")));
    }

    #[test]
    fn a_child_of_the_same_name_may_be_a_part_of_the_server() {
        let found = left_to("python3", "futex").fires("listener-inherited-by-child");
        assert_eq!(found.confidence, Confidence::Likely);
    }

    #[test]
    fn a_daemon_that_waits_for_connections_is_no_left_over() {
        for call in ["accept4", "epoll_wait", "poll"] {
            assert!(left_to("python3", call).excludes("listener-inherited-by-child").contains("waits for connections"));
        }
        let served = left_to("python3", "futex").talk(talk(40002).echoes("hi\n").open());
        assert!(served.excludes("listener-inherited-by-child").contains("accepts"));
    }

    #[test]
    fn a_server_that_lives_keeps_its_own_listener() {
        pair().talk(talk(40001).asks("hello\n").unaccepted()).hangs().silent("listener-inherited-by-child");
        assert_ne!(CHILD, SERVER_PID);
    }

    #[test]
    fn cannot_tell_what_it_did_not_see() {
        let stage = left_to("cat", "read");
        assert_eq!(stage.clone().unseen("sockets").cannot_tell("listener-inherited-by-child"), "sockets");
        assert_eq!(stage.clone().unseen("programs").cannot_tell("listener-inherited-by-child"), "programs");
        assert_eq!(stage.interrupted().cannot_tell("listener-inherited-by-child"), "programs");
    }
}
