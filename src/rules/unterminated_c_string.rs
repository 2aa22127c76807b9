//! `unterminated-c-string`: the reply goes on with the end of an earlier message, which was still in the buffer.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Bytes, Role};
use crate::facts::leavings::Leaving;
use crate::facts::{Facts, Round, Talk};

pub(super) static RULE: Rule = Rule {
    name: "unterminated-c-string",
    symptoms: &[Symptom::Garbled, Symptom::WorksOnce],
    sides: &[Side::Server],
    shown_by: "the end of the reply beside the messages that came before",
    seen_in: &[Look::Contents],
    over: None,
    explains: &["corrupted-reply", "client-gives-up-early", "client-failed"],
    check,
};

/// A shorter rest may well be there by chance.
const TELLING: usize = 2;

fn check(facts: &Facts) -> Ruling {
    if let Some(older) = facts.answer_with_older_text().filter(|_| facts.is_alone()) {
        return alone(facts, older);
    }
    let talks = facts.talks()?;
    if let Some(talk) = talks.iter().find(|talk| talk.conversation.is_none()) {
        talk.conversation()?;
    }
    let mut rounds: Vec<(&Talk, Round)> =
        talks.iter().flat_map(|talk| talk.rounds().into_iter().map(move |round| (talk, round))).collect();
    rounds.sort_by_key(|(_, round)| round.at);
    let found = rounds.iter().enumerate().find_map(|(index, (talk, round))| {
        let tail = rounds[..index].iter().rev().find_map(|(_, earlier)| leftover(round, earlier.asked))?;
        Some((talk, round, tail))
    });
    let Some((talk, round, tail)) = found else { return Ok(Call::Silent) };
    facts.capture_is_whole()?;
    // So much text at the very same place is no chance, whatever the reply is supposed to be.
    let known = !facts.contract.reply_is_assumed() || tail.trim_ascii_end().len() >= 2 * TELLING;
    finding(
        &RULE,
        Side::Server,
        if known { Confidence::Proven } else { Confidence::Likely },
        format!(
            "After `{}` the reply goes on with `{}`: the end of a longer message that came before, at the same place. The \
             server's buffer still held it, and nothing marked where the new message ends.",
            Bytes::from(round.asked.trim_ascii_end()).escaped(),
            Bytes::from(tail.trim_ascii_end()).escaped()
        ),
    )
    .because(talk.references())
    .at(facts.only_line(Role::Server, |text| &text.sends))
    .fix("Use the count that recv returned, for writing and for printing; or put a NUL there: `buf[n] = '\\0'`.")
    .fires()
}

fn alone(facts: &Facts, older: Leaving) -> Ruling {
    let statement = format!(
        "After `{}` the answer goes on with `{}`, which netdiag had said in an earlier conversation: the server's buffer still \
         held it, and nothing marked where the new message ends.",
        Bytes::from(older.asked.trim_ascii_end()).escaped(),
        Bytes::from(older.rest.trim_ascii()).escaped()
    );
    finding(&RULE, Side::Server, Confidence::Likely, statement)
        .because(older.evidence)
        .at(facts.only_line(Role::Server, |text| &text.sends))
        .fix("Use the count that recv returned, for writing and for printing; or put a NUL there: `buf[n] = '\\0'`.")
        .fires()
}

/// What the reply has beyond the message, when an earlier, longer message has the same at the same place.
fn leftover<'e>(round: &Round<'e>, earlier: &[u8]) -> Option<&'e [u8]> {
    let [asked, text] = [round.asked, round.asked.trim_ascii_end()];
    [asked, text].into_iter().filter(|asked| !asked.is_empty()).find_map(|asked| {
        let at = round.answered.windows(asked.len()).position(|part| part == asked)?;
        let surplus = &round.answered[at + asked.len()..];
        let lay_there = earlier.get(asked.len()..)?;
        (surplus.trim_ascii_end().len() >= TELLING && lay_there.starts_with(surplus.trim_ascii_end())).then_some(surplus)
    })
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::Side;
    use crate::evidence::Role;
    use crate::facts::staged::{Stage, Talk, pair, talk};

    const NAME: &str = "unterminated-c-string";

    fn met(talk: Talk) -> Stage {
        pair().talk(talk.closes(Role::Client))
    }

    fn leftovers() -> Talk {
        talk(40001).echoes("international\n").asks("law\n").answers("law\nrnational\n")
    }

    #[test]
    fn the_end_of_a_longer_message_comes_again() {
        let stage = met(leftovers());
        assert_eq!(stage.fires(NAME).side, Side::Server);
        assert_eq!((stage.verdict().side, stage.verdict().fault.as_deref()), (Side::Server, Some(NAME)));
    }

    #[test]
    fn it_may_have_come_from_another_connection() {
        let second = talk(40002).at(60.0).asks("law\n").answers("law\nrnational\n").closes(Role::Client);
        let stage = pair().another_client().talk(talk(40001).echoes("international\n")).talk(second);
        stage.fires(NAME);
        assert_eq!(stage.verdict().side, Side::Server);
    }

    #[test]
    fn messages_of_falling_length_may_be_echoed_well() {
        met(talk(40001).echoes("international\n").echoes("law\n")).silent(NAME);
    }

    #[test]
    fn another_surplus_has_another_cause() {
        met(talk(40001).echoes("international\n").asks("law\n").answers("law\nlaw\n")).silent(NAME);
        met(talk(40001).asks("law\n").answers("law\nrnational\n").echoes("international\n")).silent(NAME);
    }

    #[test]
    fn cannot_tell_what_it_did_not_see() {
        assert_eq!(met(leftovers()).unseen("packets").unseen("sockets").cannot_tell(NAME), "packets");
        assert_eq!(met(leftovers()).packets(|packets| packets.dropped = 1).cannot_tell(NAME), "packets");
    }
}
