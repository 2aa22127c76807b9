//! What was owed for what was asked, and what came back, in one conversation.

use super::dialect::{self, Comparison, Dialect, Terms};
use super::talk::Talk;
use crate::evidence::{Bytes, Contract, Framing, Gap, Reply, Source, Stream, Transport};

/// One conversation as an exchange of messages.
#[derive(Debug, Clone, PartialEq)]
pub struct Exchange {
    /// Bytes the client sent.
    pub asked: u64,
    /// Whether the client's last message is complete by the contract's framing; `None` when the framing, or what was
    /// sent, is not known.
    pub asked_completely: Option<bool>,
    /// Bytes that came back.
    pub got: u64,
    /// How these compare with what was owed.
    pub echo: Echo,
}

/// How what came back compares with what was owed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Echo {
    /// The client sent nothing.
    NothingAsked,
    /// Everything that was owed came, and nothing else.
    Right,
    /// Everything owed so far came; the client's last message is not complete, so nothing is owed for it.
    Pending,
    /// Something was owed and nothing at all came.
    Nothing,
    /// What came is right, and less than what was owed.
    Short {
        /// How many bytes were owed.
        owed: u64,
        /// Whether what came ends where a message ends: whole replies are missing, none is cut.
        whole_messages: bool,
    },
    /// All that was owed came, but for the line's end.
    Unterminated,
    /// What came differs from what was owed.
    Differs {
        /// Position of the first byte that differs.
        at: u64,
        /// What was owed from there on, cut.
        owed: Bytes,
        /// What came from there on, cut.
        got: Bytes,
    },
    /// All that was owed came, and then more.
    Surplus {
        /// The first bytes of what was too much, cut.
        extra: Bytes,
    },
}

/// How many differing bytes a comparison shows.
const EXCERPT: usize = 24;

/// Reads `talk` by the terms of `contract`; the probes' `dialect` adds what a contract cannot say (greeting, line end).
pub(super) fn read(talk: &Talk, contract: &Contract, dialect: Option<&Dialect>) -> Result<Exchange, Gap> {
    let Some(conversation) = talk.conversation else { return read_counts(talk) };
    if !conversation.from_start {
        return Err(begun_before(talk));
    }
    let (sent, received) = (&conversation.sent, &conversation.received);
    let framing = contract.framing.as_ref().map(|term| term.value);
    let echo = if sent.total == 0 && received.total == 0 {
        Echo::NothingAsked
    } else if received.total == 0 && framing.is_none() {
        Echo::Nothing
    } else if !sent.is_whole() || !received.is_whole() {
        weigh_long(&terms(contract, dialect), sent, received, talk)?
    } else if explains_itself(contract, dialect, sent, received) {
        Echo::Right
    } else {
        weigh(&terms(contract, dialect), sent, received)
    };
    Ok(Exchange {
        asked: sent.total,
        asked_completely: completeness(sent, framing, talk.transport),
        got: received.total,
        echo,
    })
}

/// Where neither a contract nor probes say how replies look, an exchange that some dialect explains from its first byte
/// to its last (a line end of the server's own, a greeting) is a right one.
fn explains_itself(contract: &Contract, dialect: Option<&Dialect>, sent: &Stream, received: &Stream) -> bool {
    contract.reply.as_ref().is_none_or(|term| term.source != Source::Told)
        && dialect.and_then(Dialect::terms).is_none()
        && dialect::learn_from_pair(&sent.head.0, &received.head.0).is_some()
}

fn begun_before(talk: &Talk) -> Gap {
    Gap::new(
        "packets",
        format!("the capture began in the middle of the conversation with {}", talk.client),
        "begin to capture before the client is started",
    )
}

/// Without packets only counts are known, from TCP_INFO at both ends.
fn read_counts(talk: &Talk) -> Result<Exchange, Gap> {
    let exchange = |asked, echo| Ok(Exchange { asked, asked_completely: None, got: 0, echo });
    match (talk.asked_bytes(), talk.replied_bytes()) {
        (Some(0), Some(0)) => exchange(0, Echo::NothingAsked),
        (Some(asked), Some(0)) => exchange(asked, Echo::Nothing),
        _ => Err(talk
            .conversation()
            .err()
            .unwrap_or_else(|| Gap::new("packets", "no contents were seen", "capture them"))),
    }
}

fn terms(contract: &Contract, dialect: Option<&Dialect>) -> Terms {
    let framing = contract.framing.as_ref().map_or(Framing::Raw, |term| term.value);
    let reply = contract.reply.as_ref().map_or(Reply::Exact, |term| term.value.clone());
    let told = contract.reply.as_ref().is_some_and(|term| term.source == Source::Told);
    match dialect.and_then(Dialect::terms) {
        Some(learned) if !told => Terms { framing, reply, ..learned },
        _ => Terms::new(framing, reply),
    }
}

fn completeness(sent: &Stream, framing: Option<Framing>, transport: Transport) -> Option<bool> {
    let last = sent.tail.0.last().or(sent.head.0.last());
    match (framing, transport) {
        (_, Transport::Udp) | (Some(Framing::Raw | Framing::Datagram), _) => Some(true),
        (Some(Framing::Line), _) => Some(last == Some(&b'\n')),
        (Some(Framing::UntilEof), _) => Some(sent.fin.is_some()),
        (None, _) => None,
    }
}

fn weigh(terms: &Terms, sent: &Stream, received: &Stream) -> Echo {
    let got = &received.head.0;
    if terms.framing == Framing::Datagram && !sent.datagrams.is_empty() {
        return weigh_datagrams(terms, sent, got);
    }
    let half_closed = sent.fin.is_some();
    let comparison = dialect::weigh(terms, &sent.head.0, half_closed, got);
    let owed = || dialect::expected(&terms.reply, terms.framing, &sent.head.0);
    match comparison {
        Comparison::Exact => Echo::Right,
        Comparison::Pending => Echo::Pending,
        Comparison::Nothing => Echo::Nothing,
        Comparison::Truncated { .. } => short(terms, &owed(), got),
        Comparison::Differs { at } => lost_line_ends(terms, &sent.head.0, got)
            .or_else(|| cut_lines(terms, &owed(), got))
            .unwrap_or_else(|| differs(at, &owed(), got)),
        Comparison::Surplus { at } => Echo::Surplus { extra: excerpt(got, at) },
    }
}

/// Datagrams keep their borders, so each is answered by itself; on loopback they keep their order too.
fn weigh_datagrams(terms: &Terms, sent: &Stream, got: &[u8]) -> Echo {
    let mut owed = Vec::new();
    let mut borders = vec![0];
    let mut rest = sent.head.0.as_slice();
    for length in &sent.datagrams {
        let (datagram, later) = rest.split_at((*length as usize).min(rest.len()));
        let answer =
            if datagram.is_empty() { Vec::new() } else { dialect::expected(&terms.reply, Framing::Datagram, datagram) };
        owed.extend(answer);
        borders.push(owed.len());
        rest = later;
    }
    match dialect::compare(&owed, got) {
        Comparison::Exact | Comparison::Pending => Echo::Right,
        Comparison::Nothing => Echo::Nothing,
        Comparison::Truncated { .. } => {
            Echo::Short { owed: owed.len() as u64, whole_messages: borders.contains(&got.len()) }
        }
        Comparison::Differs { at } => differs(at, &owed, got),
        Comparison::Surplus { at } => Echo::Surplus { extra: excerpt(got, at) },
    }
}

fn short(terms: &Terms, owed: &[u8], got: &[u8]) -> Echo {
    let missing = owed.get(got.len()..).unwrap_or_default();
    if terms.framing == Framing::Line && matches!(missing, b"\n" | b"\r\n") {
        return Echo::Unterminated;
    }
    let whole_messages = terms.framing == Framing::Line && got.ends_with(b"\n");
    Echo::Short { owed: owed.len() as u64, whole_messages }
}

/// A server that drops every line end differs at the second line already; it is still that one fault.
fn lost_line_ends(terms: &Terms, sent: &[u8], got: &[u8]) -> Option<Echo> {
    let stripped = Terms { ending: dialect::Ending::Dropped, ..terms.clone() };
    let is_line = terms.framing == Framing::Line && terms.ending != dialect::Ending::Dropped;
    (is_line && dialect::weigh(&stripped, sent, false, got) == Comparison::Exact).then_some(Echo::Unterminated)
}

/// Every line came, some of them cut before their line end: bytes are missing, none is wrong.
fn cut_lines(terms: &Terms, owed: &[u8], got: &[u8]) -> Option<Echo> {
    let lines = |bytes: &'_ [u8]| bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>();
    let (owed_lines, got_lines) = (lines(owed), lines(got));
    let cut = terms.framing == Framing::Line
        && owed_lines.len() == got_lines.len()
        && owed_lines.iter().zip(&got_lines).all(|(owed, got)| {
            let got = got.strip_suffix(b"\r").unwrap_or(got);
            owed.starts_with(got) && (owed.is_empty() || !got.is_empty())
        });
    cut.then_some(Echo::Short { owed: owed.len() as u64, whole_messages: false })
}

fn differs(at: usize, owed: &[u8], got: &[u8]) -> Echo {
    Echo::Differs { at: at as u64, owed: excerpt(owed, at), got: excerpt(got, at) }
}

fn excerpt(bytes: &[u8], from: usize) -> Bytes {
    Bytes::from(&bytes[from.min(bytes.len())..(from + EXCERPT).min(bytes.len())])
}

/// Streams too long to be kept whole: an exact echo is settled by length and digest, or by the part that was kept.
fn weigh_long(terms: &Terms, sent: &Stream, received: &Stream, talk: &Talk) -> Result<Echo, Gap> {
    let too_long = || {
        Gap::new(
            "packets",
            format!("the conversation with {} is too long for its middle to be kept", talk.client),
            "repeat it with a shorter message",
        )
    };
    if sent.missing > 0 || received.missing > 0 {
        return Err(Gap::new("packets", "the capture itself lost packets", "record again on a quieter machine"));
    }
    if *terms != Terms::new(terms.framing, Reply::Exact) {
        return Err(too_long());
    }
    let owed = owed_in_length(terms.framing, sent).ok_or_else(too_long)?;
    let kept = sent.head.len().min(received.head.len());
    match dialect::compare(&sent.head.0[..kept], &received.head.0[..kept]) {
        Comparison::Differs { at } => Ok(differs(at, &sent.head.0, &received.head.0)),
        _ if owed == 0 && received.total == 0 => Ok(Echo::Pending),
        _ if received.total == 0 => Ok(Echo::Nothing),
        _ if received.total < owed => Ok(Echo::Short { owed, whole_messages: false }),
        _ if received.total > sent.total => Ok(Echo::Surplus { extra: Bytes::default() }),
        _ if received.total == sent.total && received.digest == sent.digest => Ok(Echo::Right),
        _ if received.total == owed && owed < sent.total => Ok(Echo::Pending),
        _ => Err(too_long()),
    }
}

/// How many of the bytes sent are owed back: none of an unfinished last line, nor of a message whose end is to come.
/// `None` when the last line is longer than what was kept of the end.
fn owed_in_length(framing: Framing, sent: &Stream) -> Option<u64> {
    let end = if sent.tail.is_empty() { &sent.head.0 } else { &sent.tail.0 };
    match framing {
        Framing::UntilEof if sent.fin.is_none() => Some(0),
        Framing::Line => match end.iter().rposition(|byte| *byte == b'\n') {
            Some(last) => Some(sent.total - (end.len() - last - 1) as u64),
            None if !sent.head.0.contains(&b'\n') && sent.tail.is_empty() => Some(0),
            None => None,
        },
        Framing::UntilEof | Framing::Raw | Framing::Datagram => Some(sent.total),
    }
}
