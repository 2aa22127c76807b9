//! `server-closes-with-unread-data`: the server answered a part and closed on bytes that it had not read.

use super::{Call, Look, Rule, Ruling, Symptom, Transport, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Lifetime, Role, Source};
use crate::facts::{Echo, Exchange, Facts, Talk};

pub(super) static RULE: Rule = Rule {
    name: "server-closes-with-unread-data",
    symptoms: &[Symptom::Lost, Symptom::Garbled],
    sides: &[Side::Server],
    shown_by: "what lay unread in the server's socket when it closed",
    seen_in: &[Look::Contents],
    over: Some(Transport::Tcp),
    explains: &["truncated-reply", "reset", "early-close", "half-close-dropped", "client-gives-up-early", "client-failed"],
    check,
};

fn check(facts: &Facts) -> Ruling {
    let exchanges = facts.exchanges()?;
    let Some((talk, exchange)) = exchanges.iter().find(|(talk, exchange)| closed_on_unread(talk, exchange)) else {
        return Ok(Call::Silent);
    };
    let whole = matches!(exchange.echo, Echo::Short { whole_messages: true, .. })
        && talk.response().is_ok_and(|got| got.head.0.ends_with(b"\n"));
    let session = facts
        .contract
        .lifetime
        .as_ref()
        .is_some_and(|term| term.value == Lifetime::Session && term.source != Source::Assumed);
    if whole && !session {
        return super::ruled_out("a whole message was answered, and nothing says that a connection carries more");
    }
    if facts.server_ended_badly() {
        return super::ruled_out("the server's program ended");
    }
    facts.capture_is_whole()?;
    // A beginning of the request that breaks off inside a line is no reply of some other form.
    let mid_line = talk.response().is_ok_and(|got| !got.head.0.ends_with(b"\n"));
    let known = !facts.contract.reply_is_assumed() || mid_line;
    finding(
        &RULE,
        Side::Server,
        if known || whole { Confidence::Proven } else { Confidence::Likely },
        format!(
            "The server answered {} of the {} bytes it had been sent and closed the connection; its kernel reset it (RST), \
             because bytes had been left unread. What the client has not yet read of the reply may be lost with it.",
            exchange.got, exchange.asked
        ),
    )
    .because(talk.references())
    .because(talk.closing_references(Role::Server))
    .at(facts.only_line(Role::Server, |text| &text.receives))
    .fix("Read to the end of the client's input, shut down the sending side, and close after that.")
    .fires()
}

/// The reply is a beginning of the right one, and a reset came at once, without a FIN before it, although everything the
/// client had sent was there.
fn closed_on_unread(talk: &Talk, exchange: &Exchange) -> bool {
    let (Some(reset), Ok(asked), Ok(got)) = (talk.rst(Role::Server), talk.request(), talk.response()) else {
        return false;
    };
    matches!(exchange.echo, Echo::Short { .. })
        && exchange.got > 0
        && asked.head.0.starts_with(&got.head.0)
        && talk.fin(Role::Server).is_none_or(|closed| closed >= reset)
        && asked.last.is_some_and(|last| last < reset)
        && got.last.is_some_and(|last| asked.last.is_some_and(|sent| sent <= last))
        && talk.rst(Role::Client).is_none()
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::Side;
    use crate::evidence::{Contract, Lifetime, Role, Term};
    use crate::facts::staged::{Stage, Talk, pair, talk};

    const NAME: &str = "server-closes-with-unread-data";

    fn met(talk: Talk) -> Stage {
        pair().talk(talk)
    }

    fn session(stage: Stage) -> Stage {
        stage.contract(|terms: &mut Contract| terms.lifetime = Some(Term::told(Lifetime::Session)))
    }

    fn two_lines() -> Talk {
        talk(40001).asks("one\ntwo\n").answers("one\n").resets(Role::Server)
    }

    #[test]
    fn the_server_closes_on_what_it_has_not_read() {
        assert_eq!(session(met(two_lines())).fires(NAME).side, Side::Server);
        assert_eq!(session(met(two_lines())).verdict().fault.as_deref(), Some(NAME));
        let part = met(talk(40001).asks("a longer message\n").answers("a longe").resets(Role::Server));
        assert_eq!((part.verdict().side, part.verdict().fault.as_deref()), (Side::Server, Some(NAME)));
    }

    #[test]
    fn one_message_per_connection_may_be_all_it_offers() {
        assert!(met(two_lines()).excludes(NAME).contains("nothing says"));
    }

    #[test]
    fn a_server_that_had_closed_in_order_left_nothing_unread() {
        let talk = talk(40001).echoes("one\n").closes(Role::Server).asks("two\n").resets(Role::Server);
        session(met(talk)).silent(NAME);
    }

    #[test]
    fn what_was_answered_whole_was_read() {
        met(talk(40001).echoes("hello\n").resets(Role::Server)).silent(NAME);
    }

    #[test]
    fn a_reset_without_any_answer_is_another_fault() {
        met(talk(40001).asks("hello\n").resets(Role::Server)).silent(NAME);
    }

    #[test]
    fn cannot_tell_what_it_did_not_see() {
        assert_eq!(met(two_lines()).unseen("packets").unseen("sockets").cannot_tell(NAME), "packets");
        assert_eq!(session(met(two_lines())).packets(|packets| packets.dropped = 1).cannot_tell(NAME), "packets");
    }
}
