//! `whole-buffer-echo`: the server sends its whole buffer instead of the bytes it received.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Gap, Role};
use crate::facts::leavings::Leaving;
use crate::facts::{Facts, Round, Talk};

pub(super) static RULE: Rule = Rule {
    name: "whole-buffer-echo",
    symptoms: &[Symptom::Garbled],
    sides: &[Side::Server],
    shown_by: "NUL bytes that follow the message and that nobody had sent",
    seen_in: &[Look::Contents],
    over: None,
    explains: &["corrupted-reply", "reset", "client-gives-up-early", "client-failed"],
    check,
};

/// Fewer NULs may be the end of a string in C, sent on purpose.
const PADDING: usize = 4;

/// Fewer NULs by themselves may be a number in binary.
const BLANK: usize = 16;

fn check(facts: &Facts) -> Ruling {
    if let Some(padded) = facts.padded_answers().filter(|_| facts.is_alone()) {
        return alone(facts, padded);
    }
    let talks = facts.talks()?;
    if let Some(talk) = talks.iter().find(|talk| talk.conversation.is_none()) {
        talk.conversation()?;
    }
    let padded: Vec<(&Talk, Round)> = talks
        .iter()
        .flat_map(|talk| talk.rounds().into_iter().map(move |round| (talk, round)))
        .filter(|(_, round)| is_padded(round))
        .collect();
    let Some((talk, first)) = padded.first() else { return blank(facts) };
    facts.capture_is_whole()?;
    let known = !facts.contract.reply_is_assumed();
    let constant = padded.iter().any(|(_, other)| {
        other.answered.len() == first.answered.len() && other.asked.len() != first.asked.len()
    });
    // Records of a fixed size can be meant; then the client expects them.
    if !known && !constant && !facts.echoes_damaged() && !facts.a_client_failed() {
        return Err(Gap::new(
            "probes",
            "nothing tells what the server is supposed to answer",
            "tell the reply's form with --contract, or let netdiag probe the server",
        ));
    }
    finding(
        &RULE,
        Side::Server,
        if known { Confidence::Proven } else { Confidence::Likely },
        format!(
            "The reply to {} bytes has {}: the message, and then {} NUL bytes that nobody sent. The server writes its whole \
             buffer, not the part that it had filled.",
            first.asked.len(),
            first.answered.len(),
            first.answered.split(|byte| *byte == 0).count() - 1
        ),
    )
    .because(talk.references())
    .at(facts.only_line(Role::Server, |text| &text.sends))
    .fix("Send as many bytes as were received: `buf[..n]`, `send(fd, buf, n, 0)` with the count that recv returned.")
    .fires()
}

fn alone(facts: &Facts, padded: Leaving) -> Ruling {
    let statement = format!(
        "The answer to netdiag's {} bytes has {}: the message, and then {} NUL bytes that nobody sent, and so has every other \
         one. The server writes its whole buffer, not the part that it had filled.",
        padded.asked.len(),
        padded.asked.len() + padded.rest.len(),
        padded.rest.len()
    );
    finding(&RULE, Side::Server, Confidence::Likely, statement)
        .because(padded.evidence)
        .at(facts.only_line(Role::Server, |text| &text.sends))
        .fix("Send as many bytes as were received: `buf[..n]`, `send(fd, buf, n, 0)` with the count that recv returned.")
        .fires()
}

/// The reply is NULs and nothing else: a buffer was sent from where the message ended, or one into which nothing was read.
/// No service answers text like that, but who is content with it may know better.
fn blank(facts: &Facts) -> Ruling {
    let talks = facts.talks()?;
    let is_blank = |talk: &&Talk| {
        let rounds = talk.rounds();
        let mut answered = rounds.iter().filter(|round| !round.answered.is_empty()).peekable();
        answered.peek().is_some()
            && answered.all(|round| {
                round.answered.len() >= BLANK && round.answered.iter().all(|byte| *byte == 0) && !round.asked.contains(&0)
            })
    };
    let in_trouble = facts.a_client_failed() || facts.still_waiting();
    let Some(talk) = talks.iter().find(is_blank).filter(|_| in_trouble) else { return Ok(Call::Silent) };
    facts.capture_is_whole()?;
    let length = talk.replied_bytes().unwrap_or_default();
    finding(
        &RULE,
        Side::Server,
        Confidence::Likely,
        format!(
            "The reply is {length} NUL bytes and nothing else. The server writes a part of its buffer that it had not filled."
        ),
    )
    .because(talk.references())
    .at(facts.only_line(Role::Server, |text| &text.sends))
    .fix("Send the bytes that were received and no others: `buf[..n]`; in Java call `flip()` between reading and writing.")
    .fires()
}

/// The message comes back at the beginning, NULs fill the rest, and the client had sent none.
fn is_padded(round: &Round) -> bool {
    let text = round.asked.trim_ascii_end();
    let Some(rest) = round.answered.strip_prefix(text).filter(|_| !text.is_empty()) else { return false };
    let padding = rest.trim_ascii_start();
    let padding = if padding.len() < rest.len() && padding.first() == Some(&0) { padding } else { rest };
    !round.asked.contains(&0)
        && padding.len() >= PADDING
        && padding.iter().all(|byte| *byte == 0)
        && (round.answered.len().is_multiple_of(8) || round.answered.len().is_multiple_of(10))
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::Role;
    use crate::facts::staged::{Stage, Talk, datagrams, pair, talk};

    const NAME: &str = "whole-buffer-echo";

    fn padded(text: &str, size: usize) -> String {
        format!("{text}{}", "\0".repeat(size - text.len()))
    }

    fn met(talk: Talk) -> Stage {
        pair().talk(talk.closes(Role::Client))
    }

    fn one(size: usize) -> Stage {
        met(talk(40001).asks("hello\n").answers(&padded("hello\n", size)))
    }

    #[test]
    fn the_rest_of_the_buffer_comes_along() {
        let stage = one(64);
        let found = stage.fires(NAME);
        assert_eq!((found.side, found.confidence), (Side::Server, Confidence::Proven));
        assert_eq!((stage.verdict().side, stage.verdict().fault.as_deref()), (Side::Server, Some(NAME)));
        let datagram = datagrams(40001).asks("hello").answers(&padded("hello", 512));
        pair().udp().talk(datagram).fires(NAME);
    }

    #[test]
    fn two_replies_of_one_length_to_messages_of_two_need_no_contract() {
        let talk = talk(40001).asks("hi\n").answers(&padded("hi\n", 32)).asks("hello\n").answers(&padded("hello\n", 32));
        assert_eq!(met(talk).untold().fires(NAME).confidence, Confidence::Likely);
    }

    #[test]
    fn a_fixed_record_that_nobody_complains_about_may_be_meant() {
        assert_eq!(one(64).untold().cannot_tell(NAME), "probes");
        assert_ne!(one(64).untold().verdict().side, Side::Server);
    }

    #[test]
    fn a_blank_buffer_answers_nothing_unless_its_client_takes_it() {
        let blank = || pair().talk(talk(40001).asks("one\n").answers(&"\0".repeat(1020)).open()).untold();
        let found = blank().hangs().fires(NAME);
        assert_eq!((found.side, found.confidence), (Side::Server, Confidence::Likely));
        blank().silent(NAME);
        let number = pair().talk(talk(40001).asks("one\n").answers("\0\0\0\0").open()).untold();
        number.hangs().silent(NAME);
        let binary = pair().talk(talk(40001).asks("one\0\n").answers(&"\0".repeat(1020)).open()).untold();
        binary.hangs().silent(NAME);
    }

    #[test]
    fn a_c_string_with_its_end_is_no_buffer() {
        met(talk(40001).asks("hello\n").answers("hello\n\0")).silent(NAME);
    }

    #[test]
    fn a_client_that_pads_gets_its_own_padding_back() {
        met(talk(40001).asks(&padded("hello\n", 64)).answers(&padded("hello\n", 64))).silent(NAME);
    }

    #[test]
    fn cannot_tell_what_it_did_not_see() {
        assert_eq!(one(64).unseen("packets").unseen("sockets").cannot_tell(NAME), "packets");
        assert_eq!(one(64).packets(|packets| packets.dropped = 1).cannot_tell(NAME), "packets");
    }
}
