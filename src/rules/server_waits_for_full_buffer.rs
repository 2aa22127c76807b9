//! `server-waits-for-full-buffer`: the server answers only when a fixed number of bytes has come together.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Framing, Gap, Role, Source, Transport};
use crate::facts::{Echo, Exchange, Facts, Talk};

pub(super) static RULE: Rule = Rule {
    name: "server-waits-for-full-buffer",
    symptoms: &[Symptom::Hangs],
    sides: &[Side::Server, Side::Both],
    shown_by: "whether more bytes are answered, in blocks of one size",
    seen_in: &[Look::Contents, Look::Waits, Look::Agreement],
    over: Some(Transport::Tcp),
    explains: &["missing-reply", "truncated-reply", "missing-terminator", "client-gives-up-early", "client-failed"],
    check,
};

/// Calls that come back only when everything they were asked for is there.
const PATIENT_READS: &[&str] = &["readexactly(", "MSG_WAITALL", "read_exact", "recv_exact", "readFully", "readN("];

fn check(facts: &Facts) -> Ruling {
    let exchanges = facts.exchanges()?;
    let waiting = exchanges.iter().find(|(talk, exchange)| is_short_of_a_block(talk, exchange, facts));
    let Some((talk, exchange)) = waiting else { return Ok(Call::Silent) };
    let told = facts.contract.framing.as_ref().is_some_and(|term| {
        term.source == Source::Told && matches!(term.value, Framing::Line | Framing::Raw)
    });
    let block = facts.dialect.as_ref().ok().and_then(|dialect| dialect.blocks.as_ref());
    let at_a_line = facts.line_where_waits(Role::Server).filter(|(line, _)| {
        PATIENT_READS.iter().any(|call| line.source.contains(call))
    });
    // What lies in a library's buffer has been read; that is a fault of its own, but where the line shows who waits.
    let block = block.filter(|_| facts.keeps_answers_back().is_none() || at_a_line.is_some());
    let size = match (block, &at_a_line) {
        (Some(block), _) if exchange.asked % u64::from(block.value) != 0 => format!("{} bytes", block.value),
        // A length that is read first looks the same; it is not what a told framing has.
        (None, Some(_)) if told => "a fixed number of bytes".to_owned(),
        _ => return Ok(Call::Silent),
    };
    facts.capture_is_whole()?;
    if facts.contract.framing.is_none() && talk.request()?.head.0.iter().any(|byte| *byte < b'\t') {
        return Err(Gap::new(
            "contract",
            "the request is binary, and nothing tells where the server expects a message to end",
            "tell the framing with --contract",
        ));
    }
    // Whoever ends a line has ended its message. Nobody told what ends others: a number of bytes may have been agreed on.
    let ended = told || talk.request()?.last_byte() == Some(b'\n');
    let evidence = block.map(crate::facts::dialect::Learned::evidence).unwrap_or_default();
    finding(
        &RULE,
        if ended { Side::Server } else { Side::Both },
        if told && facts.hang_proven() { Confidence::Proven } else { Confidence::Likely },
        format!(
            "The server has read the client's {} bytes and goes on reading: it answers only when {size} have come together.",
            exchange.asked
        ),
    )
    .because(talk.references())
    .because(evidence)
    .at(facts.line_where_waits(Role::Server).or_else(|| facts.only_line(Role::Server, |text| &text.receives)))
    .fix("Take what has come: `recv(n)` or `read(n)` returns up to n bytes; cut messages where the protocol ends them.")
    .fires()
}

/// All was read, less than all answered, and the server waits.
fn is_short_of_a_block(talk: &Talk, exchange: &Exchange, facts: &Facts) -> bool {
    let unanswered = matches!(exchange.echo, Echo::Nothing | Echo::Short { .. } | Echo::Pending);
    talk.transport == Transport::Tcp
        && unanswered
        && exchange.asked > 0
        && talk.ended_by(Role::Server).is_none()
        && talk.was_read() != Some(false)
        && (facts.still_waiting() || talk.ended_by(Role::Client).is_some())
        && facts.is_final(talk, Role::Server).is_ok()
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::{Role, Stack};
    use crate::facts::staged::{Stage, frame, pair, talk};

    const NAME: &str = "server-waits-for-full-buffer";

    fn waits_at(source: &str) -> Stage {
        let mut stage = pair().talk(talk(40001).asks("hello\n").open()).hangs();
        stage.traced(Role::Server).stacks.push(Stack {
            role: Role::Server,
            program: 0,
            of: "thread MainThread".to_owned(),
            frames: vec![frame("server.py", 7, "main", source)],
            within: "socket.recv".to_owned(),
        });
        stage
    }

    #[test]
    fn the_server_waits_for_more_than_a_message() {
        let stage = waits_at("block = connection.recv(512, socket.MSG_WAITALL)");
        let found = stage.fires(NAME);
        assert_eq!((found.side, found.confidence), (Side::Server, Confidence::Proven));
        assert_eq!((stage.verdict().side, stage.verdict().fault.as_deref()), (Side::Server, Some(NAME)));
    }

    #[test]
    fn a_server_that_takes_what_comes_is_mute_for_another_reason() {
        waits_at("data = connection.recv(512)").silent(NAME);
    }

    #[test]
    fn a_length_that_is_read_first_may_be_agreed_on() {
        waits_at("head = await reader.readexactly(4)").untold().silent(NAME);
    }

    #[test]
    fn a_message_that_was_answered_was_long_enough() {
        pair().talk(talk(40001).healthy()).silent(NAME);
    }

    #[test]
    fn cannot_tell_what_it_did_not_see() {
        let stage = waits_at("block = connection.recv(512, socket.MSG_WAITALL)");
        assert_eq!(stage.clone().unseen("packets").unseen("sockets").cannot_tell(NAME), "packets");
        assert_eq!(stage.packets(|packets| packets.dropped = 1).cannot_tell(NAME), "packets");
    }
}
