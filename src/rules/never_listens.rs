//! `never-listens`: the server's program lives on and owns no listening socket.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Action, Ending, Gap, Role};
use crate::facts::Facts;

pub(super) static RULE: Rule = Rule {
    name: "never-listens",
    symptoms: &[Symptom::Refused],
    sides: &[Side::Server],
    shown_by: "which sockets the server, which is alive, has",
    seen_in: &[Look::Failures, Look::Sockets, Look::Owners],
    over: None,
    explains: &["connection-refused", "swallowed-exception", "client-before-server", "client-failed"],
    check,
};

fn check(facts: &Facts) -> Ruling {
    let Some(server) = facts.player(Role::Server)? else { return Ok(Call::Silent) };
    if !server.is_running() || facts.evidence.setting.server_ready.is_some() {
        return Ok(Call::Silent);
    }
    if !facts.server_listeners()?.is_empty() {
        return super::ruled_out("the server listens");
    }
    if server.is_stopped() {
        return super::ruled_out("the server is stopped");
    }
    if facts.evidence.setting.ended == Ending::Interrupted {
        let why = "the recording was interrupted while the server could still have been starting";
        return Err(Gap::new("programs", why, "record again, and let it run until it ends"));
    }
    if let Some(nameless) = facts.listeners()?.iter().find(|l| l.owners.is_empty() && facts.is_documented(l.local)) {
        return Err(Gap::new(
            "sockets",
            format!("who holds {} could not be seen, so it may be the server itself", nameless.local),
            "run netdiag as the user whose programs you look at, or with sudo",
        ));
    }
    let waits = server.waits_for_ever();
    let swallowed = facts.exceptions(Role::Server).ok().and_then(|raised| {
        raised.into_iter().rev().find(|(_, raised)| raised.action != Action::Uncaught && raised.errno.is_some())
    });
    let failed = facts.failed_binds().last();
    let error = match (&swallowed, failed) {
        (Some((_, raised)), _) => format!(" It met {} on the way and went on.", raised.kind),
        (None, Some((_, call))) => {
            let address = call.address.map_or_else(String::new, |address| format!(" {address}"));
            let why = call.error().map_or_else(String::new, |error| format!(": {error}"));
            format!(" It could not {}{address}{why}, and went on.", call.name)
        }
        (None, None) => String::new(),
    };
    let sure = match () {
        () if waits => Confidence::Proven,
        // On a slow machine it may still have been on its way.
        () if server.computes() && error.is_empty() => Confidence::Possible,
        () => Confidence::Likely,
    };
    finding(
        &RULE,
        Side::Server,
        sure,
        format!("The server's program runs, but no socket of it listens, for TCP or UDP: nobody can reach it.{error}"),
    )
    .because([server.reference()])
    .because(swallowed.as_ref().map(|(index, _)| format!("exceptions:{index}")))
    .because(failed.map(|(index, _)| format!("calls:{index}")))
    .at(swallowed.and_then(|(_, raised)| Some((raised.frames.last()?.clone(), Role::Server))))
    .fix("Let an error of bind or listen end the program, and call listen before waiting for anything else.")
    .fires()
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::{Action, How, Limit, Role, Wait};
    use crate::facts::staged::{SERVER, dial, pair, stranger};

    #[test]
    fn the_server_lives_on_without_a_listening_socket() {
        let found = pair().without_listener().fires("never-listens");
        assert_eq!((found.side, found.confidence), (Side::Server, Confidence::Proven));
        let busy = pair().without_listener().waits(Role::Server, "clock_nanosleep", Limit::Timed);
        assert_eq!(busy.fires("never-listens").confidence, Confidence::Likely);
        let refused = pair().without_listener().talk(dial(40001, SERVER).syn(50.0).refused(50.1));
        assert_eq!(refused.verdict().side, Side::Server);
    }

    #[test]
    fn one_that_is_still_at_work_may_be_on_its_way() {
        let mut stage = pair().without_listener();
        let looks = stage.programs().samples.iter_mut().flat_map(|sample| &mut sample.processes);
        looks.flat_map(|process| &mut process.threads).for_each(|thread| thread.wait = Wait::Running);
        assert_eq!(stage.fires("never-listens").confidence, Confidence::Possible);
        assert_eq!(stage.verdict().side, Side::Unknown);
        let failed = stage.raised(Role::Server, 20.0, "OSError", Action::Reported);
        let failed = failed.last_raised(|raised| raised.errno = Some(98));
        assert_eq!(failed.fires("never-listens").confidence, Confidence::Likely);
    }

    #[test]
    fn the_error_it_met_is_named() {
        let stage = pair().without_listener().raised(Role::Server, 20.0, "OSError", Action::Reported);
        let found = stage.last_raised(|raised| raised.errno = Some(98)).fires("never-listens");
        assert!(found.statement.contains("OSError") && found.location.is_some());
    }

    #[test]
    fn a_server_that_listens_listens() {
        pair().silent("never-listens");
        let mut seen_late = pair();
        seen_late.0.setting.server_ready = None;
        assert!(seen_late.excludes("never-listens").contains("listens"));
    }

    #[test]
    fn one_that_has_ended_or_is_stopped_is_another_matter() {
        pair().without_listener().exits(Role::Server, 20.0, How::Code(1)).silent("never-listens");
        assert!(pair().without_listener().stopped(Role::Server).excludes("never-listens").contains("stopped"));
        pair().without_server().silent("never-listens");
    }

    #[test]
    fn a_server_interrupted_at_its_start_may_have_been_about_to_listen() {
        assert_eq!(pair().without_listener().interrupted().cannot_tell("never-listens"), "programs");
    }

    #[test]
    fn a_socket_of_unknown_owner_may_be_its_own() {
        let mut hidden = stranger(SERVER);
        hidden.owners.clear();
        assert_eq!(pair().without_listener().row(hidden).cannot_tell("never-listens"), "sockets");
    }

    #[test]
    fn cannot_tell_without_sockets_or_programs() {
        for source in ["sockets", "programs"] {
            assert_eq!(pair().without_listener().unseen(source).cannot_tell("never-listens"), source);
        }
    }
}
