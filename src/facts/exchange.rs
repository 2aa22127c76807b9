//! What was owed for what was asked, and what came back, in one conversation.

use std::collections::BTreeSet;

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
        let echo = weigh(&terms(contract, dialect), sent, received);
        let told = contract.reply.as_ref().is_some_and(|term| term.source == Source::Told);
        if told || echo == Echo::Right { echo } else { in_its_own_words(echo, contract, dialect, sent, received) }
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
    // Words, that is: what lay behind the message in the server's memory is none.
    let is_word = extra.0.iter().any(u8::is_ascii_alphabetic) && !extra.0.contains(&0);
    let (Some(fin), true) = (sent.fin, is_word) else { return false };
    let got = &received.head.0;
    let Some(from) = got.windows(extra.len()).rposition(|part| part == extra.0) else { return false };
    let of_server = conversation.segments.iter().rev().filter(|s| s.from == Port::Listener && s.len > 0);
    let carrier = of_server.into_iter().find(|segment| segment.offset <= from as u64);
    let lines = || sent.head.0.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    carrier.is_some_and(|segment| segment.at > fin)
        && !lines().any(|line| got[from..].split(|byte| *byte == b'\n').any(|part| part.trim_ascii() == line))
}

/// Where neither a contract nor probes say how replies look, an exchange that some dialect explains from its first byte
/// to its last (a line end of the server's own, a greeting) is a right one.
fn explains_itself(contract: &Contract, dialect: Option<&Dialect>, sent: &Stream, received: &Stream) -> bool {
    contract.reply.as_ref().is_none_or(|term| term.source != Source::Told)
        && dialect.and_then(Dialect::terms).is_none()
        && !contract.reply_is_assumed()
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
            .or_else(|| later_lines_missing(terms, sent, got))
            .or_else(|| cut_lines(terms, &owed(), got))
            .unwrap_or_else(|| differs(at, &owed(), got)),
        Comparison::Surplus { at } => Echo::Surplus { extra: excerpt(got, at) },
    }
}

/// Words with which a client says goodbye in the programs of textbooks.
const FAREWELLS: &[&str] = &["bye", "close", "disconnect", "end", "exit", "goodbye", "logout", "q", "quit", "stop"];

impl super::Facts<'_> {
    /// Whether the last line of this client's is such a word.
    #[must_use]
    pub fn ends_with_goodbye(&self, talk: &Talk) -> bool {
        let word = |sent: &Stream| without_last_line(&sent.head.0).1;
        talk.request().is_ok_and(|sent| sent.is_whole() && FAREWELLS.contains(&word(sent).as_str()))
    }
}

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
    // A NUL that nobody sent is the rest of a buffer, whatever form it seems to have.
    let padded = received.head.0.contains(&0) && !sent.head.0.contains(&0);
    let wordy = contract.reply_is_assumed() && dialect.is_some_and(|dialect| dialect.decoration.is_some()) && !padded;
    if echoes && wordy && matches!(echo, Echo::Differs { .. } | Echo::Surplus { .. } | Echo::Short { .. }) {
        let (sent, got) = (&sent.head.0, &received.head.0);
        return if holds_all(sent, got) && !repeats(sent, got) { Echo::Right } else { echo };
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

/// Whether some line of `sent` stands in `got` more often than it was sent.
fn repeats(sent: &[u8], got: &[u8]) -> bool {
    let times =
        |line: &[u8], bytes: &[u8]| bytes.windows(line.len()).filter(|part| part.eq_ignore_ascii_case(line)).count();
    let mut lines: Vec<&[u8]> = sent.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).collect();
    lines.sort_unstable();
    lines.dedup();
    // Too short a text, or too many of them, may be found anywhere.
    lines.iter().filter(|line| line.len() > 2).take(32).any(|line| times(line, got) > times(line, sent))
}

/// All lines but the last one, and the last one's text in lower case.
fn without_last_line(sent: &[u8]) -> (&[u8], String) {
    let body = sent.strip_suffix(b"\n").unwrap_or(sent);
    let start = body.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let last = String::from_utf8_lossy(body[start..].trim_ascii()).to_ascii_lowercase();
    (&sent[..start], last)
}

/// Datagrams keep their borders, so each is answered by itself. UDP promises no order (RFC 768), and a server with
/// several threads keeps none: answers may come in any.
fn weigh_datagrams(terms: &Terms, sent: &Stream, received: &Stream) -> Echo {
    let answer = |datagram: &[u8]| match datagram {
        [] => Vec::new(),
        datagram => dialect::expected(&terms.reply, Framing::Datagram, datagram),
    };
    let mut owed: Vec<Vec<u8>> = datagrams(sent).into_iter().map(answer).collect();
    // A client that sends the same datagram again, because none came back in time, wants one answer.
    if received.datagrams.len() < owed.len() {
        owed.dedup();
    }
    let got = &received.head.0;
    let all = owed.concat();
    let mut missing = owed;
    let in_any_order = datagrams(received).into_iter().all(|datagram| {
        // A line end around the text is nobody's content.
        let paid = missing.iter().position(|owed| owed.trim_ascii_end() == datagram.trim_ascii_end());
        paid.map(|paid| missing.swap_remove(paid)).is_some()
    });
    missing.retain(|owed| !owed.is_empty());
    match dialect::compare(&all, got) {
        _ if in_any_order && missing.is_empty() => Echo::Right,
        Comparison::Exact | Comparison::Pending => Echo::Right,
        Comparison::Nothing => Echo::Nothing,
        _ if in_any_order => Echo::Short { owed: all.len() as u64, whole_messages: true },
        Comparison::Truncated { .. } => Echo::Short { owed: all.len() as u64, whole_messages: false },
        Comparison::Differs { at } => differs(at, &all, got),
        Comparison::Surplus { at } => Echo::Surplus { extra: excerpt(got, at) },
    }
}

/// A stream cut at the borders of its datagrams.
pub(super) fn datagrams(stream: &Stream) -> Vec<&[u8]> {
    let mut rest = stream.head.0.as_slice();
    let mut cut = |length: &u32| {
        let (datagram, later) = rest.split_at((*length as usize).min(rest.len()));
        rest = later;
        datagram
    };
    stream.datagrams.iter().map(&mut cut).collect()
}

fn short(terms: &Terms, owed: &[u8], got: &[u8]) -> Echo {
    let missing = owed.get(got.len()..).unwrap_or_default();
    // Behind a whole line it is the answer to an empty one that is missing.
    if terms.framing == Framing::Line && matches!(missing, b"\n" | b"\r\n") && !got.ends_with(b"\n") {
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

/// How the reply reads if its lines end in the other one of LF and CR LF, which a told reply leaves open.
fn with_other_line_ends(terms: &Terms, sent: &Stream, got: &[u8]) -> Option<Comparison> {
    let other = |ending| {
        let terms = Terms { ending, ..terms.clone() };
        dialect::weigh(&terms, &sent.head.0, sent.fin.is_some(), got)
    };
    let ends = [dialect::Ending::Lf, dialect::Ending::CrLf];
    let mut read =
        ends.map(other).into_iter().filter(|read| matches!(read, Comparison::Exact | Comparison::Truncated { .. }));
    (terms.framing == Framing::Line).then(|| read.next()).flatten()
}

/// The lines that came are right but for their ends, and whole ones are missing behind them.
fn later_lines_missing(terms: &Terms, sent: &Stream, got: &[u8]) -> Option<Echo> {
    let cut = matches!(with_other_line_ends(terms, sent, got)?, Comparison::Truncated { .. });
    let owed = dialect::expected(&terms.reply, terms.framing, &sent.head.0).len() as u64;
    (cut && got.ends_with(b"\n")).then_some(Echo::Short { owed, whole_messages: true })
}

/// Whether everything that was owed in `talk` came back with nothing changed but the line ends.
pub(super) fn changed_line_ends(talk: &Talk, contract: &Contract) -> bool {
    let Some(conversation) = talk.conversation.filter(|it| it.sent.is_whole() && it.received.is_whole()) else {
        return false;
    };
    let terms = terms(contract, None);
    with_other_line_ends(&terms, &conversation.sent, &conversation.received.head.0) == Some(Comparison::Exact)
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

/// Whether the client's message ended in a line end and the server's reply does not.
pub(super) fn lacks_line_end(talk: &Talk) -> bool {
    let last = |stream: &Stream| stream.tail.0.last().or(stream.head.0.last()).copied();
    let Some(conversation) = talk.conversation else { return false };
    talk.transport == Transport::Tcp
        && last(&conversation.sent) == Some(b'\n')
        && last(&conversation.received).is_some_and(|byte| byte != b'\n')
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

/// A text shorter than this may well come up twice by chance.
const TELLING: usize = 4;

/// Marks replies that hold a line which only another connection had sent: one buffer serves them all.
pub(super) fn find_strangers_text(exchanges: &mut [(&Talk, Exchange)]) {
    let sent = |talk: &Talk| talk.conversation.map(|conversation| conversation.sent.head.0.clone()).unwrap_or_default();
    let requests: Vec<Vec<u8>> = exchanges.iter().map(|(talk, _)| sent(talk)).collect();
    let lines: BTreeSet<&[u8]> = requests
        .iter()
        .flat_map(|request| request.split(|byte| *byte == b'\n'))
        .filter(|line| line.len() >= TELLING)
        .collect();
    let holds = |bytes: &[u8], line: &[u8]| bytes.windows(line.len()).any(|part| part == line);
    for ((talk, exchange), own) in exchanges.iter_mut().zip(&requests) {
        let Some(conversation) = talk.conversation.filter(|_| exchange.echo != Echo::Right) else { continue };
        let received = &conversation.received.head.0;
        if let Some(line) = lines.iter().find(|line| holds(received, line) && !holds(own, line)) {
            exchange.echo = Echo::Surplus { extra: excerpt(line, 0) };
        }
    }
}

#[cfg(test)]
mod tests;
