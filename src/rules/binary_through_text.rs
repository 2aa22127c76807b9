//! `binary-through-text`: bytes went through a string on their way back, which changed those that are not text.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Framing, Reply, Role, Source};
use crate::facts::textual::mangled;
use crate::facts::{Facts, Talk, dialect};

pub(super) static RULE: Rule = Rule {
    name: "binary-through-text",
    symptoms: &[Symptom::Garbled],
    sides: &[Side::Server, Side::Client],
    shown_by: "which bytes came back changed: those that are not ASCII",
    seen_in: &[Look::Contents],
    over: None,
    explains: &["corrupted-reply", "truncated-reply", "missing-reply", "client-gives-up-early", "client-failed"],
    check,
};

fn check(facts: &Facts) -> Ruling {
    let exchanges = facts.exchanges()?;
    let Some((talk, how)) = exchanges.iter().find_map(|(talk, _)| Some((talk, changed(talk, facts)?))) else {
        return Ok(Call::Silent);
    };
    facts.capture_is_whole()?;
    let known = facts.contract.reply.as_ref().is_some_and(|term| term.source != Source::Assumed);
    finding(
        &RULE,
        Side::Server,
        if known { Confidence::Proven } else { Confidence::Likely },
        format!("The server turned the message into text and back, and bytes above 127 did not survive it: {how}."),
    )
    .because(talk.references())
    .at(facts.only_line(Role::Server, |text| &text.decodes).or_else(|| facts.only_line(Role::Server, |text| &text.sends)))
    .fix("Keep the message as bytes from reading to writing: no decode, no toString, no text mode.")
    .fires()
}

/// How the reply came out of the request; `None` when it is the request, or something else.
fn changed(talk: &Talk, facts: &Facts) -> Option<&'static str> {
    let sent = &talk.request().ok().filter(|request| request.is_whole())?.head.0;
    let got = &talk.response().ok().filter(|response| response.is_whole())?.head.0;
    let framing = facts.contract.framing.as_ref().map_or(Framing::Raw, |term| term.value);
    let reply = facts.contract.reply.as_ref().map_or(Reply::Exact, |term| term.value.clone());
    let answer = |bytes: &[u8]| {
        // A message without its end is echoed by a server that cuts its input elsewhere.
        let owed = dialect::expected(&reply, framing, bytes);
        if owed.is_empty() { bytes.to_vec() } else { owed }
    };
    let same = |owed: &[u8]| !got.is_empty() && owed.trim_ascii_end() == got.trim_ascii_end();
    if same(&answer(sent)) {
        return None;
    }
    mangled(sent).into_iter().find(|way| same(&answer(&way.bytes))).map(|way| way.how)
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::{Port, Role};
    use crate::facts::staged::{Stage, pair, talk};

    const NAME: &str = "binary-through-text";

    fn echoed(sent: &[u8], got: &[u8]) -> Stage {
        let talk = talk(40001).data(51.0, Port::Dialler, sent).data(52.0, Port::Listener, got);
        pair().talk(talk.closes(Role::Client).closes(Role::Server))
    }

    #[test]
    fn bytes_come_back_as_replacement_characters() {
        let stage = echoed(b"\x89PNG\xff\n", "\u{fffd}PNG\u{fffd}\n".as_bytes());
        let found = stage.fires(NAME);
        assert_eq!((found.side, found.confidence), (Side::Server, Confidence::Proven));
        assert_eq!((stage.verdict().side, stage.verdict().fault.as_deref()), (Side::Server, Some(NAME)));
        assert_eq!(stage.untold().fires(NAME).confidence, Confidence::Likely);
    }

    #[test]
    fn letters_come_back_doubled_or_as_question_marks() {
        assert!(echoed("gr\u{fc}n\n".as_bytes(), "gr\u{c3}\u{bc}n\n".as_bytes()).fires(NAME).statement.contains("doubles"));
        assert!(echoed("gr\u{fc}n\n".as_bytes(), b"gr?n\n").fires(NAME).statement.contains("question mark"));
    }

    #[test]
    fn bytes_that_come_back_as_they_were_are_right() {
        let stage = echoed(b"\x89PNG\xff\n", b"\x89PNG\xff\n");
        stage.silent(NAME);
        assert_eq!(stage.verdict().side, Side::None);
    }

    #[test]
    fn other_damage_has_another_cause() {
        echoed(b"\x89PNG\xff\n", b"\x89PNG\xfe\n").silent(NAME);
        echoed(b"hello\n", b"hexlo\n").silent(NAME);
    }

    #[test]
    fn cannot_tell_what_it_did_not_see() {
        let stage = echoed(b"\x89PNG\xff\n", "\u{fffd}PNG\u{fffd}\n".as_bytes());
        assert_eq!(stage.clone().unseen("packets").unseen("sockets").cannot_tell(NAME), "packets");
        assert_eq!(stage.packets(|packets| packets.dropped = 1).cannot_tell(NAME), "packets");
    }
}
