//! `server-crashed`: the server's program ended while clients were waiting for it.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::Role;
use crate::facts::{Echo, Ended, Facts};

pub(super) static RULE: Rule = Rule {
    name: "server-crashed",
    symptoms: &[Symptom::Dies, Symptom::WorksOnce, Symptom::Lost],
    sides: &[Side::Server],
    shown_by: "how and when the server's process ended",
    seen_in: &[Look::Ends],
    over: None,
    explains: super::AFTER_A_CRASH,
    check,
};

fn check(facts: &Facts) -> Ruling {
    if facts.is_alone()
        && let Some(blow) = facts.killed_by()
    {
        return finding(
            &RULE,
            Side::Server,
            Confidence::Proven,
            format!("The server served until it met {}; after that it served nobody any more.", blow.what),
        )
        .because(blow.evidence)
        .fix("Handle errors per connection, so that one client cannot end the server for all.")
        .fires();
    }
    let Some(server) = facts.player(Role::Server)? else { return Ok(Call::Silent) };
    let left_early = server.ended == Ended::Exited(0) && (facts.refused_dial()?.is_some() || reset_in_the_queue(facts));
    if facts.evidence.setting.server_ready.is_none() || !(facts.server_ended_badly() || left_early) {
        return Ok(Call::Silent);
    }
    // With every client served, its status is the only sign that something went wrong.
    let all_served = facts.exchanges().is_ok_and(|exchanges| {
        !exchanges.is_empty() && exchanges.iter().all(|(_, exchange)| exchange.echo == Echo::Right)
    });
    let harmed_nobody = all_served && facts.refused_dial().is_ok_and(|dial| dial.is_none());
    if harmed_nobody && matches!(server.ended, Ended::Exited(_)) && server.complained() != Some(true) {
        return super::ruled_out("every client had been served before it ended, and it did not complain");
    }
    let how = match server.ended {
        Ended::Exited(status) => format!("exited with status {status}"),
        Ended::Killed(signal) => facts.ended_by(&server, signal),
        Ended::Running | Ended::NeverStarted => return Ok(Call::Silent),
    };
    let (side, sure) = match () {
        () if server.was_ended_from_outside() => (Side::Environment, Confidence::Likely),
        () if harmed_nobody => (Side::Server, Confidence::Likely),
        () => (Side::Server, Confidence::Proven),
    };
    let words = server.last_words().map(|words| format!(" Its last words: {}", words.readable())).unwrap_or_default();
    finding(&RULE, side, sure, format!("The server {how} while it was serving.{words}"))
        .because([server.reference()].into_iter().chain(facts.crash_reference(Role::Server)))
        .at(facts.line_of_failure(Role::Server).or_else(|| {
            // What ends in good order after a client has not come back to where clients are taken in.
            if server.ended == Ended::Exited(0) { facts.only_line(Role::Server, |text| &text.accepts) } else { None }
        }))
        .fix("Handle errors per connection, so that one client cannot end the server for all.")
        .fires()
}

/// Whether a client failed over a connection that was reset before it had asked anything: what waits to be accepted when a
/// listening socket is closed, the kernel resets.
fn reset_in_the_queue(facts: &Facts) -> bool {
    facts.a_client_failed()
        && facts.exchanges().is_ok_and(|exchanges| {
            exchanges.iter().any(|(talk, exchange)| {
                exchange.echo == Echo::NothingAsked
                    && talk.rst(Role::Server).is_some()
                    && talk.fin(Role::Server).is_none()
                    && talk.ended_by(Role::Client).is_none()
            })
        })
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::{How, Role};
    use crate::facts::staged::{Stage, pair, talk};

    /// The server ended while a request was open.
    fn crashed(how: How) -> Stage {
        let talk = talk(40001).asks("hello\n").closes(Role::Server).closes(Role::Client);
        pair().talk(talk).exits(Role::Server, 60.0, how).exits(Role::Client, 80.0, How::Code(1))
    }

    #[test]
    fn the_server_ended_with_a_request_open() {
        let stage = crashed(How::Code(1)).complains(Role::Server, "Traceback\nKeyError: 'x'\n");
        let found = stage.fires("server-crashed");
        assert_eq!((found.side, found.confidence), (Side::Server, Confidence::Proven));
        assert!(found.statement.contains("KeyError"));
        assert_eq!(stage.verdict().fault.as_deref(), Some("server-crashed"));
        assert_eq!(crashed(How::Signal(11)).fires("server-crashed").side, Side::Server);
    }

    #[test]
    fn a_client_that_waits_in_the_queue_is_reset_when_the_server_leaves() {
        let queued = talk(40002).at(90.0).resets(Role::Server);
        let stage = pair().talk(talk(40001).healthy()).talk(queued).exits(Role::Server, 95.0, How::Code(0)).frozen(120.0);
        stage.clone().exits(Role::Client, 99.0, How::Code(0)).silent("server-crashed");
        let failed = stage.exits(Role::Client, 99.0, How::Code(1));
        assert_eq!(failed.fires("server-crashed").side, Side::Server);
        assert_eq!(failed.verdict().side, Side::Server);
    }

    #[test]
    fn a_server_that_somebody_ended_did_not_crash_by_itself() {
        assert_eq!(crashed(How::Signal(9)).fires("server-crashed").side, Side::Environment);
    }

    #[test]
    fn a_server_that_has_served_everybody_may_end_with_any_status() {
        let stage = pair().talk(talk(40001).healthy()).exits(Role::Server, 85.0, How::Code(13));
        assert!(stage.excludes("server-crashed").contains("had been served"));
        assert_eq!(stage.verdict().side, Side::None);
    }

    #[test]
    fn a_server_that_ended_in_good_order_did_not_crash() {
        crashed(How::Code(0)).silent("server-crashed");
        pair().without_listener().exits(Role::Server, 20.0, How::Code(1)).silent("server-crashed");
        pair().talk(talk(40001).healthy()).silent("server-crashed");
    }

    #[test]
    fn what_netdiag_ended_itself_did_not_crash() {
        let stage = crashed(How::Signal(15)).program(Role::Server, |server| {
            server.exit.as_mut().unwrap().by_us = true;
        });
        stage.silent("server-crashed");
    }

    #[test]
    fn cannot_tell_without_programs() {
        assert_eq!(crashed(How::Code(1)).unseen("programs").cannot_tell("server-crashed"), "programs");
    }
}
