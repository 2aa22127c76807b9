//! `missing-terminator`: the client leaves out the line end that a line server waits for.

use super::{Call, Look, Rule, Ruling, Symptom, Transport, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Framing, Role, Source};
use crate::facts::{Echo, Facts};

pub(super) static RULE: Rule = Rule {
    name: "missing-terminator",
    symptoms: &[Symptom::Hangs],
    sides: &[Side::Client],
    shown_by: "the last byte of the request, and whether the server answers to whole lines",
    seen_in: &[Look::Contents, Look::Agreement],
    over: Some(Transport::Tcp),
    explains: &["missing-reply", "client-gives-up-early", "client-failed"],
    check,
};

fn check(facts: &Facts) -> Ruling {
    let exchanges = facts.exchanges()?;
    let unfinished = exchanges.iter().find(|(talk, exchange)| {
        exchange.echo == Echo::Pending
            && exchange.asked > 0
            && talk.fin(Role::Server).is_none()
            && talk.rst(Role::Server).is_none()
            && !(talk.ended_by(Role::Client).is_some() && exchange.got > 0)
    });
    let Some((talk, _)) = unfinished else {
        if let Some((talk, _)) = exchanges.iter().find(|(talk, exchange)| exchange.asked > 0 && talk.conversation.is_none()) {
            talk.conversation()?;
        }
        return if facts.still_waiting() && exchanges.iter().any(|(_, exchange)| exchange.asked_completely == Some(true)) {
            super::ruled_out("the client's message is complete")
        } else {
            Ok(Call::Silent)
        };
    };
    let Some(framing) = facts.contract.framing.as_ref().filter(|term| term.value == Framing::Line) else {
        return Ok(Call::Silent);
    };
    let gave_up = talk.ended_by(Role::Client).is_some();
    if !facts.still_waiting() && !gave_up {
        return Ok(Call::Silent);
    }
    facts.capture_is_whole()?;
    if !gave_up {
        facts.is_final(talk, Role::Client)?;
    }
    let known = if framing.source == Source::Told { "as agreed" } else { "as it showed when netdiag asked it" };
    let sure = match framing.source {
        Source::Assumed => Confidence::Possible,
        _ if facts.hang_proven() || gave_up => Confidence::Proven,
        _ => Confidence::Likely,
    };
    let ends_in_lf = talk.request()?.head.0.ends_with(b"\n");
    if ends_in_lf {
        return super::ruled_out("the client's message ends in a line feed");
    }
    finding(
        &RULE,
        Side::Client,
        sure,
        format!(
            "The client's message has no line end. The server reads lines, {known}, so it has read these bytes and goes on \
             waiting for the rest of the line; the client waits for the reply."
        ),
    )
    .because(talk.references())
    .at(facts.only_line(Role::Client, |text| &text.sends).or_else(|| facts.line_where_waits(Role::Client)))
    .fix("End the message with a newline: `b\"hello\\n\"`.")
    .fires()
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::{Contract, Framing, Role, Term};
    use crate::facts::staged::{Stage, Talk, pair, talk};

    fn stuck(talk: Talk) -> Stage {
        pair().talk(talk.open()).hangs()
    }

    #[test]
    fn the_client_leaves_out_the_line_end() {
        let stage = stuck(talk(40001).asks("hello"));
        let found = stage.fires("missing-terminator");
        assert_eq!((found.side, found.confidence), (Side::Client, Confidence::Proven));
        assert_eq!(stage.verdict().side, Side::Client);
        stage.deadline().fires("missing-terminator");
    }

    #[test]
    fn one_that_gave_up_is_told_as_well() {
        let talk = talk(40001).asks("hello").at(80.0).closes(Role::Client);
        assert_eq!(pair().talk(talk).fires("missing-terminator").side, Side::Client);
    }

    #[test]
    fn a_complete_line_has_its_end() {
        assert!(stuck(talk(40001).asks("hello\n")).excludes("missing-terminator").contains("complete"));
    }

    #[test]
    fn a_last_word_at_the_end_of_a_good_conversation_owes_no_newline() {
        pair().talk(talk(40001).echoes("hello\n").asks("quit").closes(Role::Client)).silent("missing-terminator");
        pair().talk(talk(40001).echoes("hello\n").asks("quit").resets(Role::Client)).silent("missing-terminator");
    }

    #[test]
    fn where_messages_are_not_lines_none_needs_an_end() {
        let raw = |terms: &mut Contract| terms.framing = Some(Term::told(Framing::Raw));
        stuck(talk(40001).asks("hello")).contract(raw).excludes("missing-terminator");
        let until_eof = |terms: &mut Contract| terms.framing = Some(Term::told(Framing::UntilEof));
        stuck(talk(40001).asks("hello")).contract(until_eof).silent("missing-terminator");
    }

    #[test]
    fn a_user_who_interrupts_may_have_been_typing() {
        assert_eq!(stuck(talk(40001).asks("hel")).interrupted().cannot_tell("missing-terminator"), "programs");
    }

    #[test]
    fn nothing_tells_that_it_is_a_line_server() {
        stuck(talk(40001).asks("hello")).untold().silent("missing-terminator");
    }

    #[test]
    fn cannot_tell_what_it_did_not_see() {
        let stage = stuck(talk(40001).asks("hello"));
        assert_eq!(stage.clone().unseen("packets").cannot_tell("missing-terminator"), "packets");
        assert_eq!(stage.packets(|packets| packets.dropped = 1).cannot_tell("missing-terminator"), "packets");
    }
}
