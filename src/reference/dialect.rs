//! The echo protocols themselves: what goes over the wire for a message, and what has to come back. Pure.

use crate::evidence::{Framing, Reply, Terminator};

/// What a server makes of `text`, without any line terminator.
#[must_use]
pub fn transform(reply: &Reply, text: &[u8]) -> Vec<u8> {
    let mut out = opening(reply).to_vec();
    append_body(reply, text, &mut out);
    out.extend_from_slice(closing(reply));
    out
}

/// What a reply begins with, before the message.
#[must_use]
pub fn opening(reply: &Reply) -> &[u8] {
    match reply {
        Reply::Prefix(bytes) => &bytes.0,
        _ => b"",
    }
}

/// What follows the message in a reply, before the line's terminator.
#[must_use]
pub fn closing(reply: &Reply) -> &[u8] {
    match reply {
        Reply::Suffix(bytes) => &bytes.0,
        _ => b"",
    }
}

/// Appends what becomes of the message itself; pieces of a long message may be given one after the other.
///
/// Upper case is that of ASCII, since a message may be any bytes.
pub fn append_body(reply: &Reply, text: &[u8], out: &mut Vec<u8>) {
    match reply {
        Reply::Uppercase => out.extend(text.iter().map(u8::to_ascii_uppercase)),
        Reply::Exact | Reply::Prefix(_) | Reply::Suffix(_) => out.extend_from_slice(text),
    }
}

/// Splits a line into its text and its terminator, which may be missing.
#[must_use]
pub fn split_terminator(line: &[u8]) -> (&[u8], &[u8]) {
    let end = if line.ends_with(b"\r\n") { 2 } else { usize::from(line.ends_with(b"\n")) };
    line.split_at(line.len() - end)
}

/// The bytes that carry `text` under `framing`.
#[must_use]
pub fn request(framing: Framing, terminator: Terminator, text: &[u8]) -> Vec<u8> {
    [text, ending(framing, terminator)].concat()
}

/// The bytes that must come back for `text`.
#[must_use]
pub fn expected(framing: Framing, terminator: Terminator, reply: &Reply, text: &[u8]) -> Vec<u8> {
    let mut bytes = transform(reply, text);
    bytes.extend_from_slice(ending(framing, terminator));
    bytes
}

/// The bytes that must come back for all that one turn of a conversation says, whatever number of messages that is.
#[must_use]
pub fn expected_of_turn(framing: Framing, reply: &Reply, turn: &[u8]) -> Vec<u8> {
    if framing != Framing::Line {
        return transform(reply, turn);
    }
    let mut bytes = Vec::new();
    // What follows the last line feed is not a message yet.
    for line in turn.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
        let (text, terminator) = split_terminator(line);
        bytes.extend_from_slice(&transform(reply, text));
        bytes.extend_from_slice(terminator);
    }
    bytes
}

fn ending(framing: Framing, terminator: Terminator) -> &'static [u8] {
    match (framing, terminator) {
        (Framing::Line, Terminator::Lf) => b"\n",
        (Framing::Line, Terminator::CrLf) => b"\r\n",
        (Framing::Raw | Framing::UntilEof | Framing::Datagram, _) => b"",
    }
}

/// Bytes of a peer as text that cannot disturb a terminal or a log: letters of every language stay, anything that
/// controls (escape sequences, line feeds, bidirectional overrides) or is not UTF-8 is escaped.
#[must_use]
pub fn readable(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' | '\'' => out.push(c),
                other => out.extend(other.escape_debug()),
            }
        }
        for byte in chunk.invalid() {
            out.extend(std::ascii::escape_default(*byte).map(char::from));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suffix_stands_before_the_line_terminator() {
        let reply = Reply::Suffix("!".into());
        assert_eq!(expected(Framing::Line, Terminator::CrLf, &reply, b"hi"), b"hi!\r\n");
        assert_eq!(expected(Framing::UntilEof, Terminator::CrLf, &reply, b"hi"), b"hi!");
    }

    #[test]
    fn every_line_of_a_turn_gets_its_reply_and_half_a_line_none() {
        let reply = Reply::Prefix("ECHO: ".into());
        assert_eq!(expected_of_turn(Framing::Line, &reply, b"a\nb\r\nc"), b"ECHO: a\nECHO: b\r\n");
        assert_eq!(expected_of_turn(Framing::Raw, &reply, b"a\nb"), b"ECHO: a\nb");
    }

    #[test]
    fn upper_case_leaves_foreign_bytes_alone() {
        assert_eq!(transform(&Reply::Uppercase, b"a\xff\xe4z"), b"A\xff\xe4Z");
    }

    #[test]
    fn a_lone_carriage_return_ends_no_line() {
        assert_eq!(split_terminator(b"a\r\n"), (&b"a"[..], &b"\r\n"[..]));
        assert_eq!(split_terminator(b"a\n"), (&b"a"[..], &b"\n"[..]));
        assert_eq!(split_terminator(b"a\r"), (&b"a\r"[..], &b""[..]));
        assert_eq!(split_terminator(b""), (&b""[..], &b""[..]));
    }

    #[test]
    fn what_is_printed_keeps_letters_and_escapes_control() {
        assert_eq!(readable("grüße 'x'".as_bytes()), "grüße 'x'");
        assert_eq!(readable(b"\x1b[2Ja\nb\xff"), "\\u{1b}[2Ja\\nb\\xff");
        assert_eq!(readable("a\u{202e}b".as_bytes()), "a\\u{202e}b");
        assert!(readable("\u{9b}31m".as_bytes()).is_ascii());
    }
}
