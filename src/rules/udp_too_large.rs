//! `udp-too-large`: a message is larger than any datagram can be, and the kernel refuses to send it.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Role, Transport};
use crate::facts::Facts;

pub(super) static RULE: Rule = Rule {
    name: "udp-too-large",
    symptoms: &[Symptom::Dies, Symptom::Hangs],
    sides: &[Side::Client, Side::Server],
    shown_by: "the error of the call that sends (EMSGSIZE)",
    seen_in: &[Look::Output, Look::Contents],
    over: Some(Transport::Udp),
    explains: &[
        "swallowed-exception",
        "missing-reply",
        "server-crashed",
        "connection-refused",
        "client-gives-up-early",
        "client-failed",
    ],
    check,
};

/// EMSGSIZE on Linux, whose exceptions give numbers.
const EMSGSIZE: i32 = 90;
/// The same in the words of C's strerror, Node, Java and Go.
const TOO_LONG: &[&str] = &["message too long", "emsgsize", "message too large", "os error 90"];

fn check(facts: &Facts) -> Ruling {
    if facts.transport() != Transport::Udp {
        return Ok(Call::Silent);
    }
    for role in [Role::Client, Role::Server] {
        let raised = facts.exceptions(role).unwrap_or_default();
        let raised = raised.into_iter().find(|(_, raised)| raised.errno == Some(EMSGSIZE));
        let players = facts.players(role)?;
        let telling = players.iter().find(|player| player.says_any(TOO_LONG));
        if raised.is_none() && telling.is_none() {
            continue;
        }
        let side = if role == Role::Client { Side::Client } else { Side::Server };
        let line = raised.as_ref().and_then(|(_, raised)| Some((raised.frames.last()?.clone(), role)));
        return finding(
            &RULE,
            side,
            if raised.is_some() { Confidence::Proven } else { Confidence::Likely },
            format!(
                "The kernel refused a datagram of the {role}'s (EMSGSIZE): a datagram carries at most 65507 bytes over IPv4, \
                 and nothing of a longer message is sent."
            ),
        )
        .because(raised.as_ref().map(|(index, _)| format!("exceptions:{index}")))
        .because(telling.map(crate::facts::Player::reference))
        .at(line)
        .fix("Cut the message into smaller ones, each with its number, or use TCP; about 1400 bytes pass everywhere unfragmented.")
        .fires();
    }
    Ok(Call::Silent)
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::{Action, How, Role};
    use crate::facts::staged::{Stage, datagrams, pair};

    fn refused(role: Role) -> Stage {
        let stage = pair().udp().raised(role, 60.0, "OSError", Action::Uncaught);
        stage.last_raised(|raised| raised.errno = Some(90)).exits(role, 70.0, How::Code(1))
    }

    #[test]
    fn the_sender_of_what_is_too_large_is_named() {
        let found = refused(Role::Client).fires("udp-too-large");
        assert_eq!((found.side, found.confidence), (Side::Client, Confidence::Proven));
        assert_eq!(found.location.map(|frame| frame.line), Some(7));
        assert_eq!(refused(Role::Client).verdict().fault.as_deref(), Some("udp-too-large"));
        let served = refused(Role::Server).talk(datagrams(40001).asks("hello").open());
        assert_eq!(served.fires("udp-too-large").side, Side::Server);
        assert_eq!(served.verdict().side, Side::Server);
    }

    #[test]
    fn its_own_words_will_do() {
        let stage = pair().udp().complains(Role::Client, "Error: send EMSGSIZE 127.0.0.1:12345\n");
        let stage = stage.exits(Role::Client, 70.0, How::Code(1));
        assert_eq!(stage.fires("udp-too-large").confidence, Confidence::Likely);
        assert_eq!(stage.verdict().side, Side::Client);
    }

    #[test]
    fn other_errors_and_other_transports_are_not_meant() {
        pair().complains(Role::Client, "Message too long\n").silent("udp-too-large");
        pair().udp().complains(Role::Client, "Connection refused\n").silent("udp-too-large");
        let other = pair().udp().raised(Role::Client, 60.0, "OSError", Action::Uncaught);
        other.last_raised(|raised| raised.errno = Some(101)).silent("udp-too-large");
    }

    #[test]
    fn cannot_tell_without_programs() {
        assert_eq!(pair().udp().unseen("programs").cannot_tell("udp-too-large"), "programs");
    }
}
