//! `one-reply-versus-session`: the server closes after one reply, and the client sends on over the same connection.

use super::{Call, Look, Rule, Ruling, Symptom, Transport, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Lifetime, Role, Source, Term};
use crate::facts::{Echo, Facts, Talk};

pub(super) static RULE: Rule = Rule {
    name: "one-reply-versus-session",
    symptoms: &[Symptom::WorksOnce, Symptom::Lost],
    sides: &[Side::Both, Side::Server, Side::Client],
    shown_by: "whether the server closes after its first reply on every connection",
    seen_in: &[Look::Contents],
    over: Some(Transport::Tcp),
    explains: &["early-close", "reset", "half-close-dropped", "missing-reply", "client-gives-up-early", "client-failed"],
    check,
};

/// A server that closes this many milliseconds after its last reply had waited for more, and lost its patience.
const AT_ONCE_MS: f64 = 1000.0;

fn check(facts: &Facts) -> Ruling {
    let exchanges = facts.exchanges()?;
    let session_told =
        facts.contract.lifetime.as_ref().is_some_and(|term| *term == Term::told(Lifetime::Session));
    let cut = exchanges.iter().find(|(talk, exchange)| {
        let more_was_to_come = match exchange.echo {
            Echo::Short { whole_messages: true, .. } => true,
            // It noticed the end before it could send on, and says so.
            Echo::Right => session_told && facts.a_client_failed() && talk.rst(Role::Client).is_none(),
            _ => false,
        };
        more_was_to_come && closed_after_its_reply(talk)
    });
    let Some((talk, exchange)) = cut else { return Ok(Call::Silent) };
    if facts.server_ended_badly() {
        return super::ruled_out("the server's program ended");
    }
    let lifetime = facts.contract.lifetime.as_ref().map(|term| (term.value, term.source));
    let session = matches!(lifetime, Some((Lifetime::Session, Source::Told | Source::Learned)));
    if session && lay_unread(talk) {
        return super::ruled_out("what the client had sent was there before the server closed, and lay unread");
    }
    facts.capture_is_whole()?;
    let (side, sure, agreed, fix) = match lifetime {
        Some((Lifetime::OneShot, Source::Told)) => (
            Side::Client,
            Confidence::Proven,
            "One message per connection was agreed on.",
            "Dial again for each message: one connection, one message.",
        ),
        Some((Lifetime::Session, Source::Told | Source::Learned)) => (
            Side::Server,
            if exchange.echo == Echo::Right { Confidence::Likely } else { Confidence::Proven },
            "A connection is to carry many messages.",
            "Serve the connection in a loop until the client's input ends, and close only then.",
        ),
        _ => (
            Side::Both,
            // Unless it was seen to live on, the server may have ended over something else.
            if facts.evidence.programs.seen().is_ok() { Confidence::Likely } else { Confidence::Possible },
            "Nothing says how many messages a connection carries, and each side has its own idea.",
            "Agree: either the server answers in a loop until the client's input ends, or the client dials for each message.",
        ),
    };
    finding(
        &RULE,
        side,
        sure,
        match exchange.echo {
            Echo::Right => format!("The server closed the connection after a reply, and the client had more to ask. {agreed}"),
            _ => format!("The server closed the connection after a reply; the client sent on over it, and got nothing more. {agreed}"),
        },
    )
    .because(talk.references())
    .because(talk.closing_references(Role::Server))
    // What is to be repeated begins where the server reads.
    .at(match side {
        Side::Server => facts.only_line(Role::Server, |text| &text.receives).or_else(|| facts.only_line(Role::Server, |text| &text.closes)),
        Side::Client => facts.only_line(Role::Client, |text| &text.sends),
        _ => None,
    })
    .fix(fix)
    .fires()
}

/// The server ended the connection first, right after it had answered something.
fn closed_after_its_reply(talk: &Talk) -> bool {
    let (Some(closed), Ok(response)) = (talk.ended_by(Role::Server), talk.response()) else { return false };
    let before = talk.ended_by(Role::Client).is_none_or(|client| closed < client);
    before && response.last.is_some_and(|last| closed.ms_since(last) < AT_ONCE_MS) && response.head.0.ends_with(b"\n")
}

/// The rest of the request was there when the server answered, and it closed on it: its kernel resets instead of ending.
fn lay_unread(talk: &Talk) -> bool {
    let (Ok(asked), Ok(got)) = (talk.request(), talk.response()) else { return false };
    talk.rst(Role::Server).is_some() && talk.fin(Role::Server).is_none() && asked.last <= got.last
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::Side;
    use crate::evidence::{How, Lifetime, Role, Term};
    use crate::facts::staged::{Stage, Talk, pair, talk};

    const NAME: &str = "one-reply-versus-session";

    /// The first message was answered, then the server closed; the client went on, and was reset.
    fn one_answered() -> Talk {
        talk(40001).echoes("one\n").closes(Role::Server).asks("two\n").resets(Role::Server).closes(Role::Client)
    }

    fn agreed(lifetime: Lifetime) -> Stage {
        pair().talk(one_answered()).contract(|terms| terms.lifetime = Some(Term::told(lifetime)))
    }

    #[test]
    fn the_contract_says_who_departs_from_it() {
        for (lifetime, side) in [(Lifetime::Session, Side::Server), (Lifetime::OneShot, Side::Client)] {
            assert_eq!(agreed(lifetime).fires(NAME).side, side);
            let verdict = agreed(lifetime).verdict();
            assert_eq!((verdict.side, verdict.fault.as_deref()), (side, Some(NAME)));
        }
    }

    #[test]
    fn without_one_they_disagree() {
        let verdict = pair().talk(one_answered()).verdict();
        assert_eq!((verdict.side, verdict.fault.as_deref()), (Side::Both, Some(NAME)));
    }

    #[test]
    fn both_lines_in_one_write_are_the_same_disagreement() {
        let stage = pair().talk(talk(40001).asks("one\ntwo\n").answers("one\n").resets(Role::Server));
        assert_eq!(stage.verdict().fault.as_deref(), Some(NAME));
        assert_eq!(stage.verdict().side, Side::Both);
        let session = stage.contract(|terms| terms.lifetime = Some(Term::told(Lifetime::Session)));
        assert!(session.excludes(NAME).contains("lay unread"));
    }

    #[test]
    fn a_server_may_close_when_everything_was_answered() {
        pair().talk(talk(40001).echoes("one\n").closes(Role::Server).closes(Role::Client)).silent(NAME);
        pair().talk(talk(40001).asks("one\n").closes(Role::Server).closes(Role::Client)).silent(NAME);
    }

    #[test]
    fn a_client_may_notice_the_end_before_it_can_send_on() {
        let talk = talk(40001).echoes("one\n").closes(Role::Server).closes(Role::Client);
        let stage = pair().talk(talk).exits(Role::Client, 60.0, How::Code(1));
        stage.silent(NAME);
        let session = stage.contract(|terms| terms.lifetime = Some(Term::told(Lifetime::Session)));
        assert_eq!((session.verdict().side, session.verdict().fault.as_deref()), (Side::Server, Some(NAME)));
    }

    #[test]
    fn one_that_lost_its_patience_does_serve_sessions() {
        let idle = talk(40001).echoes("one\n").after(5000.0).closes(Role::Server).asks("two\n").resets(Role::Server);
        pair().talk(idle).frozen(6000.0).silent(NAME);
    }

    #[test]
    fn a_server_that_died_did_not_choose_to_close() {
        assert!(pair().talk(one_answered()).exits(Role::Server, 50.5, How::Code(1)).excludes(NAME).contains("program ended"));
    }

    #[test]
    fn cannot_tell_what_it_did_not_see() {
        assert_eq!(pair().talk(one_answered()).unseen("packets").unseen("sockets").cannot_tell(NAME), "packets");
        assert_eq!(agreed(Lifetime::Session).packets(|packets| packets.dropped = 1).cannot_tell(NAME), "packets");
    }
}
