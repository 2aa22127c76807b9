//! `tls-to-plain-port`: the client opens with TLS or HTTP, and the server is a plain echo server.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Port, Transport};
use crate::facts::{Facts, Talk};

pub(super) static RULE: Rule = Rule {
    name: "tls-to-plain-port",
    symptoms: &[Symptom::Dies, Symptom::Hangs, Symptom::Garbled],
    sides: &[Side::Client],
    shown_by: "the first bytes of the request: a TLS record, or a line of HTTP",
    seen_in: &[Look::Contents],
    over: Some(Transport::Tcp),
    explains: &[
        "corrupted-reply",
        "missing-reply",
        "truncated-reply",
        "unterminated-reply",
        "missing-terminator",
        "read-to-eof-without-half-close",
        "contract-disagreement",
        "swallowed-exception",
        "early-close",
        "reset",
        "server-crashed",
        "client-gives-up-early",
        "client-failed",
    ],
    check,
};

/// What a client opened with, other than a message to echo.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Opening {
    /// A TLS record with a ClientHello (RFC 8446 §4.1.2).
    Tls,
    /// An HTTP request line (RFC 9112 §3).
    Http,
}

fn check(facts: &Facts) -> Ruling {
    let talks = facts.talks()?;
    let opened = talks.iter().find_map(|talk| Some((talk, opening(talk)?)));
    let Some((talk, opening)) = opened else { return Ok(Call::Silent) };
    let replied = &talk.response()?.head.0;
    if is_spoken_by_server(opening, replied) {
        return super::ruled_out("the server answered in the same protocol");
    }
    // A line that looks like a request of HTTP may well be somebody's test message; a ClientHello is nobody's.
    if opening == Opening::Http && !facts.still_waiting() && !facts.a_client_failed() {
        return super::ruled_out("the client was content with what came back");
    }
    let (what, fix) = match opening {
        Opening::Tls => (
            "a TLS handshake (ClientHello)",
            "Use a plain socket in the client, or put TLS on both sides: a certificate and a wrapped socket in the server.",
        ),
        Opening::Http => (
            "an HTTP request",
            "Use a plain socket in the client and send the message itself; an HTTP library needs an HTTP server.",
        ),
    };
    let became = if !replied.is_empty() && talk.request()?.head.0.starts_with(replied) {
        " The server sent it straight back, as an echo server does."
    } else {
        ""
    };
    let first = talk.conversation()?.segments.iter().find(|segment| segment.from == Port::Dialler && segment.len > 0);
    finding(
        &RULE,
        Side::Client,
        if opening == Opening::Tls { Confidence::Proven } else { Confidence::Likely },
        format!("The client opened the connection to {} with {what}, not with a message to echo.{became}", talk.server),
    )
    .because(first.map(|segment| format!("packets:{}", segment.number)))
    .because(talk.references())
    .at(facts.line_of_failure(crate::evidence::Role::Client))
    .fix(fix)
    .fires()
}

fn opening(talk: &Talk) -> Option<Opening> {
    const METHODS: &[&str] = &["GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS", "PATCH", "CONNECT", "PRI"];
    let sent = &talk.request().ok()?.head.0;
    if talk.transport != Transport::Tcp {
        return None;
    }
    if let [0x16, 3, 0..=4, _, _, 1, ..] = sent[..] {
        return Some(Opening::Tls);
    }
    let line = sent.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let words: Vec<&str> = std::str::from_utf8(line).ok()?.trim_end().split(' ').collect();
    match words[..] {
        [method, _, version] if METHODS.contains(&method) && version.starts_with("HTTP/") => Some(Opening::Http),
        _ => None,
    }
}

/// Whether the server answered as a server of that protocol does: a TLS alert or ServerHello, an HTTP status line.
fn is_spoken_by_server(opening: Opening, replied: &[u8]) -> bool {
    match opening {
        Opening::Tls => matches!(replied, [0x15, 3, ..] | [0x16, 3, _, _, _, 2, ..]),
        Opening::Http => replied.starts_with(b"HTTP/"),
    }
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::{How, Port, Role};
    use crate::facts::staged::{Stage, pair, talk};

    const HELLO: &[u8] = b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03";
    const REQUEST: &str = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

    fn tls(reply: &[u8]) -> Stage {
        let talk = talk(40001).data(50.1, Port::Dialler, HELLO);
        let talk = if reply.is_empty() { talk.open() } else { talk.data(50.2, Port::Listener, reply) };
        pair().talk(talk).exits(Role::Client, 60.0, How::Code(1))
    }

    #[test]
    fn a_client_hello_is_no_message_to_echo() {
        let found = tls(HELLO).fires("tls-to-plain-port");
        assert_eq!((found.side, found.confidence), (Side::Client, Confidence::Proven));
        assert!(found.statement.contains("straight back"), "{}", found.statement);
        assert_eq!(tls(HELLO).verdict().side, Side::Client);
    }

    #[test]
    fn a_server_of_lines_may_wait_for_the_end_of_it() {
        let stage = tls(b"").hangs();
        assert_eq!(stage.verdict().fault.as_deref(), Some("tls-to-plain-port"));
        assert!(!stage.fires("tls-to-plain-port").statement.contains("straight back"));
    }

    #[test]
    fn a_server_that_speaks_tls_is_asked_rightly() {
        for spoken in [&b"\x15\x03\x03\x00\x02\x02\x28"[..], b"\x16\x03\x03\x00\x04\x02\x00\x00\x00"] {
            assert!(tls(spoken).excludes("tls-to-plain-port").contains("same protocol"));
        }
    }

    #[test]
    fn a_request_of_http_that_comes_back_fails_its_client() {
        let stage = pair().talk(talk(40001).echoes(REQUEST).closes(Role::Client)).exits(Role::Client, 60.0, How::Code(1));
        let found = stage.fires("tls-to-plain-port");
        assert_eq!((found.side, found.confidence), (Side::Client, Confidence::Likely));
        assert_eq!(stage.verdict().side, Side::Client);
    }

    #[test]
    fn a_client_that_only_tests_the_echo_with_such_a_line_is_content() {
        let stage = pair().talk(talk(40001).echoes("GET / HTTP/1.1\n").closes(Role::Client).closes(Role::Server));
        assert!(stage.excludes("tls-to-plain-port").contains("content"));
        assert_eq!(stage.verdict().side, Side::None);
        let answered = pair().talk(talk(40001).asks(REQUEST).answers("HTTP/1.1 200 OK\r\n\r\n"));
        assert!(answered.excludes("tls-to-plain-port").contains("same protocol"));
    }

    #[test]
    fn words_that_merely_begin_so_are_messages() {
        for message in ["GET it done\n", "POST\n", "hello HTTP/1.1 world\n", "\u{16}\u{3}\n"] {
            pair().talk(talk(40001).asks(message).open()).hangs().silent("tls-to-plain-port");
        }
    }

    #[test]
    fn cannot_tell_without_packets_and_sockets() {
        assert_eq!(tls(HELLO).unseen("packets").unseen("sockets").cannot_tell("tls-to-plain-port"), "packets");
        assert_eq!(tls(HELLO).unseen("packets").cannot_tell("tls-to-plain-port"), "packets");
    }
}
