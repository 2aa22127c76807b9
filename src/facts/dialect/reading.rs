//! Each probe with the parts that conclusions are drawn from: its messages, the answer without the banner, whether it
//! was answered in time.

use std::collections::BTreeMap;

use crate::evidence::{Bytes, Close, Probe, Probes, Reach, Shape, Transport};

use super::Learned;
use super::form::{fits, split_terminator};

/// No silence shorter than this proves anything, in milliseconds.
const SHORTEST_SILENCE_MS: f64 = 80.0;

/// A silence must last this many times the slowest answer to prove anything.
const SILENCE_FACTOR: f64 = 2.5;

/// One probe that got through.
pub(super) struct Reading<'a> {
    pub index: usize,
    pub probe: &'a Probe,
    /// All that was sent.
    pub sent: Vec<u8>,
    /// The same, message by message, terminators included.
    pub messages: Vec<Vec<u8>>,
    /// How many bytes of what came are banner.
    banner: usize,
}

impl<'a> Reading<'a> {
    fn new(index: usize, probe: &'a Probe) -> Self {
        let sent = probe.said();
        let messages = match probe.transport {
            Transport::Udp => probe.sent.iter().map(|part| part.0.clone()).collect(),
            Transport::Tcp => sent.split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect(),
        };
        Self { index, probe, sent, messages, banner: 0 }
    }

    /// What came for what was sent: all but the banner.
    pub(super) fn got(&self) -> &'a [u8] {
        &self.probe.received.0[self.banner..]
    }

    /// How many of these bytes came before our half-close.
    pub(super) fn got_before_half_close(&self) -> usize {
        (self.probe.before_half_close as usize).saturating_sub(self.banner).min(self.got().len())
    }

    /// Whether something came for what was sent.
    pub(super) fn answered(&self) -> bool {
        !self.sent.is_empty() && !self.got().is_empty()
    }

    /// Whether something came without a half-close.
    pub(super) fn answered_before_half_close(&self) -> bool {
        self.answered() && self.got_before_half_close() > 0
    }

    /// The text of message `n`, without its terminator.
    pub(super) fn text(&self, n: usize) -> Option<&[u8]> {
        self.messages.get(n).map(|message| split_terminator(message).0).filter(|text| !text.is_empty())
    }

    /// Whether its messages are short enough for any server, and long enough to be found in an answer without doubt.
    pub(super) fn is_short(&self) -> bool {
        self.messages.iter().all(|message| (9..=80).contains(&message.len()))
    }

    /// Whether the text of message `n` is in the answer, in any case.
    pub(super) fn holds(&self, n: usize) -> bool {
        self.text(n).is_some_and(|text| contains(self.got(), text))
    }

    /// Whether the answer holds the text of every message, in order and no more often than it was sent; the first one's is
    /// enough where the server then hung up.
    pub(super) fn holds_each_once(&self) -> bool {
        let mut rest = self.got();
        let mut held = 0;
        for n in 0..self.messages.len() {
            let Some(text) = self.text(n) else { continue };
            let Some(at) = rest.windows(text.len()).position(|window| window.eq_ignore_ascii_case(text)) else { break };
            rest = &rest[at + text.len()..];
            held = n + 1;
        }
        let again = (0..held).filter_map(|n| self.text(n)).any(|text| contains(rest, text));
        !again && held > 0 && (held == self.messages.len() || self.server_hung_up())
    }

    /// Whether the server has ended this connection: then nothing more could come, however long one waits.
    pub(super) fn is_final(&self) -> bool {
        matches!(self.probe.close, Close::Fin | Close::Reset)
    }

    /// Whether the server ended this connection before we did.
    pub(super) fn server_hung_up(&self) -> bool {
        !self.probe.half_closed && self.is_final()
    }

    /// Whether it is one of the plain greetings every echo server should answer with the message in some form.
    pub(super) fn is_plain(&self) -> bool {
        use Shape::{Chunk, ChunkHalfClose, CrLfLine, Datagram, Line, LineHalfClose, Overlapping, TwoLines};
        matches!(
            self.probe.shape,
            Line | CrLfLine | TwoLines | Chunk | ChunkHalfClose | LineHalfClose | Overlapping | Datagram
        )
    }
}

/// What became of a server after a probe, and the probe that shows it.
pub(super) enum Aftermath {
    /// It answered the next greeting.
    Served(usize),
    /// It refused, hung up on or ignored the next greeting.
    Dead(usize),
}

/// All probes that got through.
pub(super) struct Readings<'a> {
    pub all: Vec<Reading<'a>>,
    /// Probes that were refused.
    refused: Vec<(usize, &'a Probe)>,
    /// The slowest answer seen, of any shape, in milliseconds.
    slowest_ms: f64,
}

impl<'a> Readings<'a> {
    pub(super) fn new(probes: &'a Probes) -> Self {
        let reached = |reach| probes.probes.iter().enumerate().filter(move |(_, probe)| probe.reach == reach);
        Self {
            all: reached(Reach::Connected).map(|(index, probe)| Reading::new(index, probe)).collect(),
            refused: reached(Reach::Refused).collect(),
            slowest_ms: 0.0,
        }
    }

    /// What became of the next ordinary greeting after `reading` at the same address.
    pub(super) fn aftermath(&self, reading: &Reading) -> Option<Aftermath> {
        let later = |index: usize, probe: &Probe| index > reading.index && probe.target == reading.probe.target;
        let next = self.all.iter().find(|r| later(r.index, r.probe) && r.is_plain());
        let refused = self.refused.iter().find(|(index, probe)| later(*index, probe)).map(|(index, _)| *index);
        match (next, refused) {
            (Some(next), refused) if refused.is_none_or(|index| next.index < index) => match next.answered() {
                true => Some(Aftermath::Served(next.index)),
                false if self.silence_tells(next) || next.is_final() => Some(Aftermath::Dead(next.index)),
                false => None,
            },
            (_, refused) => refused.map(Aftermath::Dead),
        }
    }

    /// The last complete message before `reading`, if it was answered.
    pub(super) fn served_before(&self, reading: &Reading) -> Option<&Reading<'a>> {
        let is_complete = |r: &Reading| r.is_plain() && !matches!(r.probe.shape, Shape::Chunk | Shape::ChunkHalfClose);
        self.all.iter().rfind(|r| r.index < reading.index && is_complete(r)).filter(|r| r.answered())
    }

    /// Readings of one shape.
    pub(super) fn of(&self, shape: Shape) -> impl Iterator<Item = &Reading<'a>> {
        self.all.iter().filter(move |reading| reading.probe.shape == shape)
    }

    /// Readings whose every message was a complete line and which had to be answered without a half-close.
    pub(super) fn prompt_lines(&self) -> impl Iterator<Item = &Reading<'a>> {
        use Shape::{CrLfLine, JoinedLines, Line, Overlapping, TwoLines};
        self.all.iter().filter(|reading| {
            matches!(reading.probe.shape, Line | TwoLines | CrLfLine | JoinedLines | Overlapping)
                && reading.sent.ends_with(b"\n")
                && reading.answered_before_half_close()
        })
    }

    /// Whether no answer within this probe's patience means that none was going to come.
    pub(super) fn silence_tells(&self, reading: &Reading) -> bool {
        reading.probe.at_rest || (self.is_long(reading.probe.patience_ms) && !self.had_to_queue(reading))
    }

    /// Whether a wait was long against everything this server was seen to take.
    pub(super) fn is_long(&self, ms: u64) -> bool {
        ms as f64 >= SHORTEST_SILENCE_MS.max(SILENCE_FACTOR * self.slowest_ms)
    }

    /// Whether another connection that might have kept the server busy was open during this one.
    pub(super) fn had_to_queue(&self, reading: &Reading) -> bool {
        self.all.iter().any(|other| {
            other.index != reading.index
                && other.probe.group == reading.probe.group
                && match other.probe.shape {
                    Shape::Idler => true,
                    Shape::Line => !other.answered_before_half_close() && other.probe.half_closed,
                    _ => false,
                }
        })
    }

    /// Finds what the server says unasked, and sets it aside in every reading.
    pub(super) fn find_banner(&mut self) -> Option<Learned<Bytes>> {
        let unasked: Vec<(usize, Vec<u8>)> = self
            .all
            .iter()
            .filter(|r| r.sent.is_empty() && r.probe.before_half_close > 0)
            .map(|r| (r.index, r.probe.received.0[..r.got_before_half_close()].to_vec()))
            .collect();
        let found = if unasked.is_empty() { self.banners_before_two_answers() } else { unasked };
        let (_, first) = found.first()?;
        let first = first.clone();
        let fixed = found.iter().all(|(_, banner)| *banner == first) && !first.iter().any(u8::is_ascii_digit);
        let lines = first.split(|b| *b == b'\n').count() - 1;
        for reading in &mut self.all {
            reading.banner = banner_length(&reading.probe.received.0, &first, fixed, lines);
        }
        Some(Learned::new(Bytes(first), found.into_iter().map(|(index, _)| index).collect::<Vec<_>>()))
    }

    fn banners_before_two_answers(&self) -> Vec<(usize, Vec<u8>)> {
        let mut found = Vec::new();
        for reading in self.all.iter().filter(|r| matches!(r.probe.shape, Shape::TwoLines | Shape::Overlapping)) {
            let messages: Vec<&[u8]> = reading.messages.iter().map(Vec::as_slice).collect();
            if messages.len() < 2 {
                continue;
            }
            match fits(&messages, reading.got()).into_iter().next() {
                Some(fit) if !fit.banner.is_empty() => found.push((reading.index, fit.banner)),
                Some(_) => return Vec::new(),
                None => {}
            }
        }
        found
    }

    /// Whether some connection stayed silent long enough for a banner to show.
    pub(super) fn a_banner_would_have_shown(&self) -> bool {
        self.all.iter().any(|r| r.sent.is_empty() || (r.messages.len() > 1 && r.answered()))
    }

    /// Median and maximum of the time to the first byte of an ordinary answer.
    pub(super) fn latencies(&mut self) -> (Option<Learned<f64>>, Option<Learned<f64>>) {
        use Shape::{Binary, Bulk, Overlapping, OwnClient};
        let mut times: Vec<(f64, usize)> = Vec::new();
        let mut slowest_of_all = 0.0_f64;
        for reading in self.all.iter().filter(|r| r.answered() && !self.had_to_queue(r)) {
            let at_once = matches!(reading.probe.shape, Shape::LineHalfClose | Shape::ChunkHalfClose);
            // Where a banner comes first, its time is not the answer's.
            let banner_first = reading.banner > 0 && reading.probe.shape != Shape::TwoLines;
            if banner_first && reading.messages.len() > 1 {
                continue;
            }
            let ms = if banner_first { reading.probe.last_byte_ms } else { reading.probe.first_byte_ms };
            let Some(ms) = ms.filter(|_| at_once || reading.answered_before_half_close()) else { continue };
            // One of a crowd that said a single line may have waited for its turn.
            let queued = reading.probe.shape == Overlapping && reading.messages.len() == 1;
            if !queued && !matches!(reading.probe.shape, Bulk | OwnClient) {
                slowest_of_all = slowest_of_all.max(ms);
            }
            if !matches!(reading.probe.shape, Binary | Bulk | Overlapping | OwnClient) {
                times.push((ms, reading.index));
            }
        }
        self.slowest_ms = slowest_of_all;
        times.sort_by(|a, b| a.0.total_cmp(&b.0));
        let Some(&(slowest, slowest_index)) = times.last() else { return (None, None) };
        let median = times[(times.len() - 1) / 2].0;
        let all: Vec<usize> = times.iter().map(|(_, index)| *index).collect();
        (Some(Learned::new(median, all)), Some(Learned::new(slowest, [slowest_index])))
    }

    /// Whether anything that was sent got an answer of any kind.
    pub(super) fn answers(&self) -> Option<Learned<bool>> {
        // Reset and then nobody there: it waited in the queue of a server that was about to end.
        let lost = |r: &Reading| {
            r.probe.close == Close::Reset && r.got().is_empty() && !self.all.iter().any(|other| other.index > r.index)
        };
        // Whoever serves only one client may well give up one that never ended its line.
        let unfinished = |r: &Reading| r.probe.shape == Shape::OwnClient && !r.sent.ends_with(b"\n") && !r.answered();
        let is_asked = |r: &&Reading| !r.sent.is_empty() && r.probe.shape != Shape::Rude && !lost(r) && !unfinished(r);
        let asked: Vec<&Reading> = self.all.iter().filter(is_asked).collect();
        let answered: Vec<usize> = asked.iter().filter(|r| r.answered()).map(|r| r.index).collect();
        match (asked.is_empty(), answered.is_empty()) {
            (true, _) => None,
            (false, false) => Some(Learned::new(true, answered)),
            (false, true) => Some(Learned::new(false, asked.iter().map(|r| r.index).collect::<Vec<_>>())),
        }
    }
}

/// How many of the bytes of `received` are banner.
fn banner_length(received: &[u8], banner: &[u8], fixed: bool, lines: usize) -> usize {
    if received.starts_with(banner) {
        return banner.len();
    }
    if fixed || lines == 0 {
        return if banner.starts_with(received) { received.len() } else { 0 };
    }
    received.split_inclusive(|b| *b == b'\n').take(lines).map(<[u8]>::len).sum()
}

/// Whether `needle` occurs in `bytes`, in any case.
pub(super) fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    let Some(first) = needle.first() else { return true };
    let begins = |window: &[u8]| window[0].eq_ignore_ascii_case(first);
    bytes.windows(needle.len()).any(|window| begins(window) && window.eq_ignore_ascii_case(needle))
}

/// The first probe refused where an earlier one had got through, unless it was one of a crowd, which some services
/// refuse on purpose.
pub(super) fn gone(probes: &Probes) -> Option<usize> {
    let mut got_through = BTreeMap::new();
    probes.probes.iter().enumerate().find_map(|(index, probe)| {
        let before = *got_through.get(&probe.target).unwrap_or(&false);
        match probe.reach {
            Reach::Refused if before && probe.shape != Shape::Overlapping => Some(index),
            Reach::Connected => {
                got_through.insert(probe.target, true);
                None
            }
            _ => None,
        }
    })
}

/// The first connection of a crowd that nothing was answered on.
pub(super) fn turned_away(probes: &Probes) -> Option<usize> {
    let crowd = |probe: &Probe| probe.shape == Shape::Overlapping && probe.transport == Transport::Tcp;
    probes.probes.iter().position(|probe| crowd(probe) && probe.received_total == 0)
}
