//! `never-accepts`: the kernel completed the handshake, and the server's program never called accept.

use super::{Call, Look, Rule, Ruling, Symptom, Transport, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::Role;
use crate::facts::Facts;
use crate::facts::asked::Muteness;

pub(super) static RULE: Rule = Rule {
    name: "never-accepts",
    symptoms: &[Symptom::Hangs],
    sides: &[Side::Server],
    shown_by: "whether any process holds the server's end of the connection",
    seen_in: &[Look::Sockets, Look::Queues],
    over: Some(Transport::Tcp),
    explains: &["missing-reply", "client-gives-up-early", "client-failed"],
    check,
};

fn check(facts: &Facts) -> Ruling {
    if let Some((Muteness::NotAccepted, evidence)) = facts.muteness()? {
        return finding(
            &RULE,
            Side::Server,
            Confidence::Proven,
            "Every connection that netdiag made was completed by the kernel, and the server's program accepted none of them.",
        )
        .because(evidence)
        .fix("Call accept in a loop that nothing else blocks, and hand each connection to a task or thread of its own.")
        .fires();
    }
    let talks = facts.talks()?;
    let Some(talk) = talks.iter().find(|talk| talk.was_accepted() == Some(false)) else {
        return if talks.iter().any(|talk| talk.was_accepted() == Some(true) && talk.is_open()) {
            super::ruled_out("the server's program holds the connection: it was accepted")
        } else {
            Ok(Call::Silent)
        };
    };
    if talks.iter().any(|other| other.was_accepted() == Some(true) && other.is_open() && other.server == talk.server) {
        return super::ruled_out("another connection was accepted and is still being served");
    }
    facts.is_final(talk, Role::Server)?;
    let waiting = facts.listeners()?.iter().find(|listener| listener.covers(talk.transport, talk.server));
    let queue = waiting
        .and_then(|listener| listener.waiting)
        .map(|n| format!(" Its accept queue holds {n} connection{}.", if n == 1 { "" } else { "s" }))
        .unwrap_or_default();
    let sure = if facts.hang_proven() { Confidence::Proven } else { Confidence::Likely };
    finding(
        &RULE,
        Side::Server,
        sure,
        format!(
            "The client is connected to {}, but no process holds the server's end: the kernel finished the handshake, \
             and the server's program never accepted the connection.{queue}",
            talk.server
        ),
    )
    .because(talk.references())
    .because(waiting.map(|listener| listener.reference.clone()))
    .at(facts.line_where_waits(Role::Server).or_else(|| facts.only_line(Role::Server, |text| &text.listens)))
    .fix("Call accept in a loop that nothing else blocks, and hand each connection to a task or thread of its own.")
    .fires()
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::{Limit, Observed, Role};
    use crate::facts::staged::{Stage, pair, talk};

    fn queued() -> Stage {
        pair().talk(talk(40001).asks("hello\n").unaccepted()).hangs()
    }

    #[test]
    fn nobody_took_the_connection() {
        let found = queued().fires("never-accepts");
        assert_eq!((found.side, found.confidence), (Side::Server, Confidence::Proven));
        assert_eq!(queued().verdict().side, Side::Server);
        assert_eq!(queued().deadline().fires("never-accepts").confidence, Confidence::Likely);
    }

    #[test]
    fn a_held_connection_was_accepted() {
        let stage = pair().talk(talk(40001).asks("hello\n").open()).hangs();
        assert!(stage.excludes("never-accepts").contains("was accepted"));
    }

    #[test]
    fn a_server_busy_with_another_client_will_come_to_this_one() {
        let served = talk(40002).echoes("hi\n").open();
        let stage = queued().another_client().talk(served);
        assert!(stage.excludes("never-accepts").contains("still being served"));
    }

    #[test]
    fn a_server_that_computes_may_accept_a_moment_later() {
        let mut stage = pair().talk(talk(40001).closes(Role::Client).unaccepted());
        stage = stage.waits(Role::Server, "clock_nanosleep", Limit::Timed);
        assert_eq!(stage.cannot_tell("never-accepts"), "programs");
        assert_eq!(stage.waits(Role::Server, "futex", Limit::Forever).fires("never-accepts").confidence, Confidence::Likely);
    }

    #[test]
    fn an_interrupted_recording_shows_no_absence() {
        assert_eq!(queued().interrupted().cannot_tell("never-accepts"), "programs");
    }

    #[test]
    fn where_no_inodes_are_known_nobody_can_be_missed() {
        let mut stage = queued();
        if let Observed::Seen(sockets) = &mut stage.0.sockets {
            sockets.has_queues = false;
        }
        stage.silent("never-accepts");
    }

    #[test]
    fn cannot_tell_what_it_did_not_see() {
        assert_eq!(queued().unseen("packets").unseen("sockets").cannot_tell("never-accepts"), "packets");
        queued().unseen("packets").fires("never-accepts");
        queued().unseen("sockets").silent("never-accepts");
    }
}
