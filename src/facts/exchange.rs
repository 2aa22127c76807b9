//! What was owed for what was asked, and what came back, in one conversation.

use super::dialect::{self, Comparison, Dialect, Terms};
use super::talk::Talk;
use crate::evidence::{Bytes, Contract, Conversation, Framing, Gap, Port, Reply, Source, Stream, Transport};

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
    let (sent, received) = (&conversation.sent, &conversation.received);
    let framing = contract.framing.as_ref().map(|term| term.value);
    let echo = if sent.total == 0 && received.total == 0 {
        Echo::NothingAsked
    } else if received.total == 0 && framing.is_none() {
        Echo::Nothing
    } else if sent.is_whole() && received.is_whole() {
        let echo = weigh(&terms(contract, dialect), sent, received);
        let told = contract.reply.as_ref().is_some_and(|term| term.source == Source::Told);
        if told || echo == Echo::Right { echo } else { in_its_own_words(echo, contract, dialect, sent, received) }
    } else {
        weigh_long(sent, received, contract, talk)?
    };
    let echo = match echo {
        Echo::Short { owed, .. } if is_raw_echo(contract) && ends_with_a_write(conversation, received.total) => {
            Echo::Short { owed, whole_messages: true }
        }
        echo => echo,
    };
    let echo = match echo {
        // The server reads lines that end in CR LF, and this one ended in LF alone.
        Echo::Nothing if framing == Some(Framing::Line) && wants_crlf(dialect) && !holds_crlf(&sent.head.0) => {
            Echo::Pending
        }
        echo => echo,
    };
    let echo = match echo {
        Echo::Surplus { extra } if is_farewell(conversation, &extra) => Echo::Right,
        echo => echo,
    };
    Ok(Exchange {
        asked: sent.total,
        asked_completely: completeness(sent, framing, talk.transport),
        got: received.total,
        echo,
    })
}

/// Whether the probes showed that LF alone does not end a line for this server, and CR LF does.
fn wants_crlf(dialect: Option<&Dialect>) -> bool {
    dialect.is_some_and(|dialect| {
        dialect.accepts_lf.as_ref().is_some_and(|accepts| !accepts.value)
            && dialect.accepts_crlf.as_ref().is_some_and(|accepts| accepts.value)
    })
}

fn holds_crlf(bytes: &[u8]) -> bool {
    bytes.windows(2).any(|pair| pair == b"\r\n")
}

fn is_raw_echo(contract: &Contract) -> bool {
    contract.framing.as_ref().is_none_or(|term| term.value == Framing::Raw)
        && contract.reply.as_ref().is_none_or(|term| term.value == Reply::Exact)
}

/// Whether the first `got` bytes of the request are one or several whole writes of the client: then whole replies are
/// missing, none is cut.
fn ends_with_a_write(conversation: &Conversation, got: u64) -> bool {
    got > 0
        && conversation.segments.iter().any(|segment| {
            segment.from == Port::Dialler && segment.len > 0 && segment.offset + u64::from(segment.len) == got
        })
}

/// Whether what was too much is a word of parting: said only after the client had ended its side, and no part of what
/// the client had sent.
fn is_farewell(conversation: &Conversation, extra: &Bytes) -> bool {
    let (sent, received) = (&conversation.sent, &conversation.received);
    let Some(fin) = sent.fin else { return false };
    let late = conversation.segments.iter().find(|s| s.from == Port::Listener && s.len > 0 && s.at > fin);
    let Some(from) = late.and_then(|segment| usize::try_from(segment.offset).ok()) else { return false };
    let lines = || sent.head.0.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let parting = received.head.0.get(from..).unwrap_or_default();
    !extra.is_empty()
        && parting.starts_with(&extra.0)
        && !lines().any(|line| parting.windows(line.len()).any(|part| part == line))
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
        return weigh_datagrams(terms, sent, received);
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

/// Words with which a client says goodbye in the programs of textbooks.
const FAREWELLS: &[&str] = &["bye", "close", "disconnect", "end", "exit", "goodbye", "logout", "q", "quit", "stop"];

/// The server owns the protocol unless a reply was told: an answer that holds everything that was sent, in order, is its
/// own way of putting it, and a farewell that it takes by closing owes no echo.
fn in_its_own_words(
    echo: Echo,
    contract: &Contract,
    dialect: Option<&Dialect>,
    sent: &Stream,
    received: &Stream,
) -> Echo {
    let echoes = dialect.is_some_and(|dialect| dialect.echoes.as_ref().is_some_and(|echoes| echoes.value));
    let wordy = dialect.is_some_and(|dialect| dialect.decoration.is_some()) || contract.reply_is_assumed();
    if echoes && wordy && matches!(echo, Echo::Differs { .. } | Echo::Surplus { .. } | Echo::Short { .. }) {
        return if holds_all(&sent.head.0, &received.head.0) { Echo::Right } else { echo };
    }
    let (text, farewell) = without_last_line(&sent.head.0);
    if !FAREWELLS.contains(&farewell.as_str()) || received.fin.is_none() {
        return echo;
    }
    let goes_right = dialect::compare(text, &received.head.0);
    match goes_right {
        Comparison::Exact | Comparison::Surplus { .. } => Echo::Right,
        _ => echo,
    }
}

/// Whether every line of `sent` stands in `got`, in order.
fn holds_all(sent: &[u8], got: &[u8]) -> bool {
    let mut rest = got;
    sent.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()).all(|line| {
        let found = rest.windows(line.len()).position(|window| window.eq_ignore_ascii_case(line));
        found.is_some_and(|at| {
            rest = &rest[at + line.len()..];
            true
        })
    })
}

/// All lines but the last one, and the last one's text in lower case.
fn without_last_line(sent: &[u8]) -> (&[u8], String) {
    let body = sent.strip_suffix(b"\n").unwrap_or(sent);
    let start = body.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let last = String::from_utf8_lossy(body[start..].trim_ascii()).to_ascii_lowercase();
    (&sent[..start], last)
}

/// Datagrams keep their borders, so each is answered by itself.
fn weigh_datagrams(terms: &Terms, sent: &Stream, received: &Stream) -> Echo {
    let got = received.head.0.as_slice();
    let answers: Vec<Vec<u8>> = datagrams(sent)
        .map(|datagram| match datagram {
            [] => Vec::new(),
            text => dialect::expected(&terms.reply, Framing::Datagram, text),
        })
        .collect();
    let mut owed = Vec::new();
    let mut borders = vec![0];
    for answer in &answers {
        owed.extend(answer);
        borders.push(owed.len());
    }
    // A client that sends the same datagram again wants one answer, and a line end around the text is nobody's content.
    let due: Vec<&[u8]> = answers.iter().map(|text| text.trim_ascii_end()).collect();
    let came: Vec<&[u8]> = datagrams(received).map(<[u8]>::trim_ascii_end).collect();
    let mut once = due.clone();
    once.dedup();
    // A server with several threads may answer them in another order; UDP promises none.
    let sorted = |mut datagrams: Vec<&[u8]>| -> Vec<Vec<u8>> {
        datagrams.sort_unstable();
        datagrams.into_iter().map(<[u8]>::to_vec).collect()
    };
    if !came.is_empty() && (came == once || sorted(came.clone()) == sorted(due.clone())) {
        return Echo::Right;
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

/// The datagrams of a direction, as far as they were kept.
fn datagrams(stream: &Stream) -> impl Iterator<Item = &[u8]> {
    let mut rest = stream.head.0.as_slice();
    stream.datagrams.iter().map(move |length| {
        let (datagram, later) = rest.split_at((*length as usize).min(rest.len()));
        rest = later;
        datagram
    })
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
fn weigh_long(sent: &Stream, received: &Stream, contract: &Contract, talk: &Talk) -> Result<Echo, Gap> {
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
    if contract.reply.as_ref().is_some_and(|term| term.value != Reply::Exact) {
        return Err(too_long());
    }
    let kept = sent.head.len().min(received.head.len());
    match dialect::compare(&sent.head.0[..kept], &received.head.0[..kept]) {
        Comparison::Differs { at } => Ok(differs(at, &sent.head.0, &received.head.0)),
        _ if received.total == 0 => Ok(Echo::Nothing),
        _ if received.total < sent.total => Ok(Echo::Short { owed: sent.total, whole_messages: false }),
        _ if received.total > sent.total => Ok(Echo::Surplus { extra: Bytes::default() }),
        _ if received.digest == sent.digest => Ok(Echo::Right),
        _ => Err(too_long()),
    }
}

/// Whether the client's message ended in a line end and the server's reply does not.
pub(super) fn lacks_line_end(talk: &Talk) -> bool {
    let last = |stream: &Stream| stream.tail.0.last().or(stream.head.0.last()).copied();
    let Some(conversation) = talk.conversation else { return false };
    talk.transport == Transport::Tcp
        && last(&conversation.sent) == Some(b'\n')
        && last(&conversation.received).is_some_and(|byte| byte != b'\n')
}
