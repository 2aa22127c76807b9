//! `utf8-split-across-reads`: a piece that ended inside a letter was decoded by itself.

use super::{Call, Look, Rule, Ruling, Symptom, Transport, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Frame, Role, Stream};
use crate::facts::textual::letters_were_split;
use crate::facts::{Facts, Talk};

pub(super) static RULE: Rule = Rule {
    name: "utf8-split-across-reads",
    symptoms: &[Symptom::Dies, Symptom::Garbled],
    sides: &[Side::Server, Side::Client],
    shown_by: "where the text breaks: inside a letter",
    seen_in: &[Look::Output, Look::Contents],
    over: Some(Transport::Tcp),
    explains: &[
        "client-closes-with-unread-data", "server-crashed", "swallowed-exception", "corrupted-reply", "truncated-reply", "missing-reply", "early-close", "reset",
        "half-close-dropped", "client-one-recv-per-message", "client-gives-up-early", "client-failed",
    ],
    check,
};

/// What Python, Rust and Go say when text ends inside a letter.
const COMPLAINTS: &[&str] = &["unexpected end of data", "incomplete utf-8 byte sequence", "incomplete multibyte character"];

fn check(facts: &Facts) -> Ruling {
    for role in [Role::Server, Role::Client] {
        let Some((line, references)) = complaint(facts, role) else { continue };
        let side = if role == Role::Server { Side::Server } else { Side::Client };
        // Bytes that never were text are another matter.
        facts.looked(Look::Contents)?;
        let talks = facts.talks()?;
        let Some(talk) = talks.iter().find(|talk| was_sent_text(talk, role)) else {
            return super::ruled_out(format!("what the {role} was sent is no UTF-8 text"));
        };
        let statement = format!(
            "The {role} decoded a piece of text that ended inside a letter: what it was sent is right, and it must not be \
             decoded in the pieces in which it arrives."
        );
        return finding(&RULE, side, Confidence::Proven, statement)
            .because(references)
            .because(talk.references())
            .at(line)
            .fix("Decode whole messages only, or with an incremental decoder; an echo server need not decode at all.")
            .fires();
    }
    replaced(facts)
}

type Complaint = (Option<(Frame, Role)>, Vec<String>);

/// Where `role` complained of text that ends too soon: in an exception, or in its last words.
fn complaint(facts: &Facts, role: Role) -> Option<Complaint> {
    let says = |text: &str| COMPLAINTS.iter().any(|words| text.contains(words));
    if let Ok(raised) = facts.exceptions(role)
        && let Some((index, raised)) = raised.iter().find(|(_, raised)| says(&raised.message))
    {
        let line = raised.frames.last().map(|frame| (frame.clone(), role));
        return Some((line, vec![format!("exceptions:{index}")]));
    }
    let players = facts.players(role).ok()?;
    let failed = players.iter().find(|player| player.last_words().is_some_and(|words| says(&words.escaped())))?;
    Some((None, vec![failed.reference()]))
}

/// Whether what was sent to `role` is UTF-8 text with letters beyond ASCII, but for a letter cut at the end of what was kept.
fn was_sent_text(talk: &Talk, role: Role) -> bool {
    let stream = if role == Role::Server { talk.request() } else { talk.response() };
    stream.is_ok_and(|stream| !stream.head.0.is_ascii() && is_text(stream))
}

fn is_text(stream: &Stream) -> bool {
    match std::str::from_utf8(&stream.head.0) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none() && !stream.is_whole(),
    }
}

/// The reply is the request with replacement characters where letters of several bytes were.
fn replaced(facts: &Facts) -> Ruling {
    let talks = facts.talks()?;
    let split = talks.iter().find(|talk| {
        let (Ok(sent), Ok(got)) = (talk.request(), talk.response()) else { return false };
        let text = std::str::from_utf8(&sent.head.0).ok().filter(|_| sent.is_whole() && got.is_whole());
        text.is_some_and(|text| letters_were_split(text, &got.head.0))
    });
    let Some(talk) = split else { return Ok(Call::Silent) };
    facts.capture_is_whole()?;
    let statement = "Letters of several bytes came back as replacement characters (EF BF BD), the others are right: the server \
                     decoded the text in the pieces in which it arrived, and some ended inside a letter.";
    finding(&RULE, Side::Server, Confidence::Proven, statement)
        .because(talk.references())
        .fix("Decode whole messages only, or with an incremental decoder; an echo server need not decode at all.")
        .fires()
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::Side;
    use crate::evidence::{Action, How, Port, Role};
    use crate::facts::staged::{Stage, Talk, pair, talk};

    const NAME: &str = "utf8-split-across-reads";
    const WORDS: &str = "UnicodeDecodeError: 'utf-8' codec can't decode byte 0xc3 in position 15: unexpected end of data\n";

    fn asked(text: &str) -> Talk {
        talk(40001).asks(text)
    }

    fn crashed(talk: Talk) -> Stage {
        let stage = pair().talk(talk.closes(Role::Server)).complains(Role::Server, WORDS);
        stage.exits(Role::Server, 55.0, How::Code(1))
    }

    #[test]
    fn the_server_dies_of_half_a_letter() {
        let stage = crashed(asked("g\u{fc}nstige \u{c4}pfel\n"));
        assert_eq!(stage.fires(NAME).side, Side::Server);
        assert_eq!((stage.verdict().side, stage.verdict().fault.as_deref()), (Side::Server, Some(NAME)));
    }

    #[test]
    fn the_client_dies_of_half_a_letter() {
        let stage = pair().talk(asked("\u{c4}pfel\n").answers("\u{c4}pfel\n").resets(Role::Client));
        let stage = stage.exits(Role::Client, 60.0, How::Code(1)).complains(Role::Client, WORDS);
        assert_eq!((stage.verdict().side, stage.verdict().fault.as_deref()), (Side::Client, Some(NAME)));
    }

    #[test]
    fn an_exception_names_the_line() {
        let stage = pair().talk(asked("\u{c4}pfel\n").open()).hangs().raised(Role::Server, 52.0, "UnicodeDecodeError", Action::Silent);
        let stage = stage.last_raised(|raised| raised.message = "… unexpected end of data".to_owned());
        assert_eq!(stage.fires(NAME).location.map(|frame| frame.line), Some(7));
        assert_eq!(stage.verdict().fault.as_deref(), Some(NAME));
    }

    #[test]
    fn letters_come_back_as_replacement_characters() {
        let stage = pair().talk(asked("a\u{fc}b\n").answers("a\u{fffd}\u{fffd}b\n").closes(Role::Client));
        assert_eq!((stage.verdict().side, stage.verdict().fault.as_deref()), (Side::Server, Some(NAME)));
    }

    #[test]
    fn bytes_that_are_no_text_are_another_matter() {
        let stage = crashed(talk(40001).data(51.0, Port::Dialler, b"\x89PNG\xc3"));
        assert!(stage.excludes(NAME).contains("no UTF-8"));
        assert_eq!(stage.verdict().fault.as_deref(), Some("server-crashed"));
    }

    #[test]
    fn text_that_comes_back_whole_is_right() {
        pair().talk(asked("\u{c4}pfel\n").answers("\u{c4}pfel\n").closes(Role::Client)).silent(NAME);
    }

    #[test]
    fn cannot_tell_what_it_did_not_see() {
        assert_eq!(crashed(asked("\u{c4}pfel\n")).unseen("packets").unseen("sockets").cannot_tell(NAME), "packets");
        let lost = pair().talk(asked("a\u{fc}b\n").answers("a\u{fffd}\u{fffd}b\n")).packets(|packets| packets.dropped = 1);
        assert_eq!(lost.cannot_tell(NAME), "packets");
    }
}
