//! `udp-error-kills-server`: a client left before its reply, and the error that came back for it ended the server.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{At, Role, Transport};
use crate::facts::{Echo, Facts};

pub(super) static RULE: Rule = Rule {
    name: "udp-error-kills-server",
    symptoms: &[Symptom::Dies, Symptom::WorksOnce, Symptom::Hangs],
    sides: &[Side::Server],
    shown_by: "the error that ended the server, after ICMP had told it that a client was gone",
    seen_in: &[Look::Contents, Look::Ends],
    over: Some(Transport::Udp),
    explains: &[
        "server-crashed",
        "swallowed-exception",
        "missing-reply",
        "unread-request",
        "connection-refused",
        "client-gives-up-early",
        "client-failed",
    ],
    check,
};

/// ECONNREFUSED in the words of C's strerror, Node and Rust.
const REFUSED: &[&str] = &["connection refused", "econnrefused", "connectionrefused", "os error 111"];

fn check(facts: &Facts) -> Ruling {
    if facts.transport() != Transport::Udp {
        return Ok(Call::Silent);
    }
    let Some((at, mut proof)) = facts.reply_that_was_refused()? else { return Ok(Call::Silent) };
    let Some(server) = facts.player(Role::Server)? else { return Ok(Call::Silent) };
    let raised = facts.exceptions(Role::Server).unwrap_or_default();
    let raised = raised.into_iter().find(|(_, raised)| raised.kind.contains("ConnectionRefused") && raised.at >= at);
    proof.extend(raised.as_ref().map(|(index, _)| format!("exceptions:{index}")));
    proof.push(server.reference());
    if server.was_ended_from_outside() {
        return super::ruled_out("somebody else ended the server");
    }
    // A server that ended badly is at fault for that, whichever error it was.
    let certain = raised.is_some() || server.says_any(REFUSED) || facts.server_ended_badly();
    let became = if facts.server_ended_badly() {
        "it ended the server"
    } else if is_deaf_since(facts, at) {
        "since then the server has answered nobody"
    } else {
        return super::ruled_out("the server went on after the error");
    };
    finding(
        &RULE,
        Side::Server,
        if certain { Confidence::Proven } else { Confidence::Likely },
        format!(
            "A client had left before its reply came; its system said so (ICMP port unreachable), the server got that as an \
             error, and {became}."
        ),
    )
    .because(proof)
    .at(raised.and_then(|(_, raised)| Some((raised.frames.last()?.clone(), Role::Server))))
    .fix("Treat ECONNREFUSED from recvfrom or sendto of a UDP server as the news that one client has gone: go on with the loop.")
    .fires()
}

/// Whether a request that came after the error was never answered, although an earlier one was read and answered.
fn is_deaf_since(facts: &Facts, at: At) -> bool {
    facts.exchanges().is_ok_and(|exchanges| {
        exchanges.iter().any(|(talk, exchange)| {
            exchange.echo == Echo::Nothing
                && talk.request().is_ok_and(|request| request.last.is_some_and(|last| last > at))
                && facts.is_final(talk, Role::Server).is_ok()
        })
    })
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::{Action, How, Role};
    use crate::facts::staged::{Stage, datagrams, pair};

    /// The first client left before its reply; the second one asks later.
    fn left_early() -> Stage {
        let first = datagrams(40001).echoes("never mind");
        let stage = pair().udp().talk(first).unreachable(50.3, 12345, "127.0.0.1:40001");
        stage.talk(datagrams(40002).at(55.0).asks("hello").open())
    }

    #[test]
    fn the_error_ended_the_server() {
        let stage = left_early().exits(Role::Server, 50.5, How::Code(1)).exits(Role::Client, 90.0, How::Code(1));
        let found = stage.fires("udp-error-kills-server");
        assert_eq!((found.side, found.confidence), (Side::Server, Confidence::Proven));
        let verdict = stage.verdict();
        assert_eq!((verdict.side, verdict.fault.as_deref()), (Side::Server, Some("udp-error-kills-server")));
    }

    #[test]
    fn the_server_lives_and_is_deaf() {
        let stage = left_early().hangs().raised(Role::Server, 50.4, "ConnectionRefusedError", Action::Silent);
        let found = stage.fires("udp-error-kills-server");
        assert_eq!((found.confidence, found.location.map(|frame| frame.line)), (Confidence::Proven, Some(7)));
        assert_eq!(stage.verdict().fault.as_deref(), Some("udp-error-kills-server"));
    }

    #[test]
    fn a_server_that_says_nothing_of_the_error_may_be_deaf_for_another_reason() {
        assert_eq!(left_early().hangs().fires("udp-error-kills-server").confidence, Confidence::Likely);
        let killed = left_early().exits(Role::Server, 60.0, How::Signal(9));
        assert!(killed.excludes("udp-error-kills-server").contains("somebody else"));
    }

    #[test]
    fn a_server_that_goes_on_has_done_right() {
        let first = datagrams(40001).echoes("never mind");
        let stage = pair().udp().talk(first).unreachable(50.3, 12345, "127.0.0.1:40001");
        let stage = stage.talk(datagrams(40002).at(55.0).echoes("hello"));
        assert!(stage.excludes("udp-error-kills-server").contains("went on"));
        assert_ne!(stage.verdict().side, Side::Server);
    }

    #[test]
    fn a_crash_without_such_an_error_has_another_reason() {
        let stage = pair().udp().talk(datagrams(40001).asks("hello").open()).exits(Role::Server, 60.0, How::Code(1));
        stage.silent("udp-error-kills-server");
    }

    #[test]
    fn cannot_tell_what_it_did_not_see() {
        let stage = left_early().exits(Role::Server, 50.5, How::Code(1));
        for source in ["packets", "programs"] {
            assert_eq!(stage.clone().unseen(source).cannot_tell("udp-error-kills-server"), source);
        }
    }
}
