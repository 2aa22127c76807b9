//! `struct-padding`: the client packs its header as its processor would keep it, with unused bytes in between.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Role, Source, Transport};
use crate::facts::{Echo, Facts};

pub(super) static RULE: Rule = Rule {
    name: "struct-padding",
    symptoms: &[Symptom::Hangs, Symptom::Garbled],
    sides: &[Side::Client, Side::Server],
    shown_by: "unused bytes between the fields of the request's header",
    seen_in: &[Look::Contents, Look::Queues, Look::Waits],
    over: Some(Transport::Tcp),
    explains: &[
        "missing-reply", "missing-terminator", "truncated-reply", "corrupted-reply", "length-prefix-byte-order",
        "client-gives-up-early", "client-failed",
    ],
    check,
};

/// A header with a gap: fields before it, and the length behind it.
struct Padded {
    fields: usize,
    gap: usize,
    says: u64,
}

fn check(facts: &Facts) -> Ruling {
    let exchanges = facts.exchanges()?;
    let found = exchanges.iter().find_map(|(talk, exchange)| {
        let unanswered = matches!(exchange.echo, Echo::Nothing | Echo::Pending) && exchange.got == 0;
        let waits = facts.still_waiting() && talk.ended_by(Role::Server).is_none() && talk.was_read() == Some(true);
        let header = padded(&talk.request().ok().filter(|request| request.is_whole())?.head.0)?;
        (talk.transport == Transport::Tcp && unanswered && waits).then_some((talk, header))
    });
    let Some((talk, header)) = found else { return Ok(Call::Silent) };
    if facts.contract.framing.as_ref().is_some_and(|term| term.source == Source::Told) {
        return super::ruled_out("the framing that was told has no header");
    }
    facts.capture_is_whole()?;
    facts.is_final(talk, Role::Server)?;
    // The server reads exact counts; at which of them it waits, its own source says.
    let counts = facts.line_where_waits(Role::Server).filter(|(line, _)| {
        ["readexactly(", "read_exact", "recv_exact", "read(", "recv(", "unpack"].iter().any(|call| line.source.contains(call))
    });
    let sure = if counts.is_some() { Confidence::Likely } else { Confidence::Possible };
    finding(
        &RULE,
        Side::Client,
        sure,
        format!(
            "The client's header has {} unused zero byte{} behind its first {}, so that its length ({}) begins at a multiple of \
             its size: it was packed as this processor keeps it. The server reads on as if the fields lay side by side.",
            header.gap,
            if header.gap == 1 { "" } else { "s" },
            if header.fields == 1 { "byte".to_owned() } else { format!("{} bytes", header.fields) },
            header.says
        ),
    )
    .because(talk.references())
    .at(counts.or_else(|| facts.only_line(Role::Client, |text| &text.packs)))
    .fix("Pack without gaps and in network order: `struct.pack(\"!BI\", kind, n)`; in C write field by field.")
    .fires()
}

/// One to three bytes, zeros up to the next multiple of four (or a byte, a zero and two bytes), and a length that gives
/// exactly what follows.
fn padded(bytes: &[u8]) -> Option<Padded> {
    let number = |bytes: &[u8]| bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte));
    [(1, 4), (2, 4), (3, 4), (1, 2)].into_iter().find_map(|(fields, width)| {
        let gap = width - fields;
        let length = bytes.get(width..2 * width)?;
        let says = number(length);
        let follows = (bytes.len() - 2 * width) as u64;
        let is_gap = bytes[fields..width].iter().all(|byte| *byte == 0) && bytes[..fields].iter().all(|byte| *byte != 0);
        (is_gap && says == follows && follows > 0).then_some(Padded { fields, gap, says })
    })
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::Side;
    use crate::evidence::{Framing, Limit, Port, Role, Stack, Term};
    use crate::facts::staged::{Stage, frame, pair, talk};

    const NAME: &str = "struct-padding";
    const PADDED: &[u8] = b"\x01\0\0\0\x05\0\0\0hello";

    fn sent(bytes: &[u8], source: Option<&str>) -> Stage {
        let talk = talk(40001).data(51.0, Port::Dialler, bytes).open();
        let mut stage = pair().untold().talk(talk).waits(Role::Server, "recvfrom", Limit::Forever).hangs();
        if let Some(source) = source {
            let frames = vec![frame("server.py", 7, "main", source)];
            let (of, within) = ("thread MainThread".to_owned(), "socket.recv".to_owned());
            stage.traced(Role::Server).stacks.push(Stack { role: Role::Server, program: 0, of, frames, within });
        }
        stage
    }

    #[test]
    fn a_header_packed_natively_has_a_gap() {
        let stage = sent(PADDED, Some("body = stream.read(length)"));
        assert_eq!(stage.fires(NAME).side, Side::Client);
        assert_eq!((stage.verdict().side, stage.verdict().fault.as_deref()), (Side::Client, Some(NAME)));
        sent(b"\x01\0\x05\0hello", Some("body = stream.read(length)")).fires(NAME);
    }

    #[test]
    fn where_nothing_shows_what_the_server_reads_nobody_is_accused() {
        assert_eq!(sent(PADDED, None).verdict().side, Side::Unknown);
    }

    #[test]
    fn fields_side_by_side_have_no_gap() {
        sent(b"\x01\x05\0\0\0hello", Some("body = stream.read(length)")).silent(NAME);
        sent(b"hello\n", Some("body = stream.read(length)")).silent(NAME);
    }

    #[test]
    fn a_pair_that_agrees_on_the_gap_is_right() {
        let both = talk(40001).data(51.0, Port::Dialler, PADDED).data(52.0, Port::Listener, PADDED).closes(Role::Client);
        pair().untold().talk(both).silent(NAME);
    }

    #[test]
    fn a_told_framing_has_no_header() {
        let raw = sent(PADDED, Some("data = connection.recv(100)"));
        let raw = raw.contract(|terms| terms.framing = Some(Term::told(Framing::Raw)));
        assert!(raw.excludes(NAME).contains("no header"));
    }

    #[test]
    fn cannot_tell_what_it_did_not_see() {
        let stage = sent(PADDED, Some("body = stream.read(length)"));
        assert_eq!(stage.clone().unseen("packets").unseen("sockets").cannot_tell(NAME), "packets");
        assert_eq!(stage.packets(|packets| packets.dropped = 1).cannot_tell(NAME), "packets");
    }
}
