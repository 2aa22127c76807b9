//! How the server behaves towards clients that are many, rude, hasty, or send much or anything but text.

use crate::evidence::{Close, Framing, Lifetime, Shape, Transport};

use super::compare::{Comparison, weigh_form};
use super::form::Form;
use super::reading::{Aftermath, Reading, Readings, contains};
use super::wording::Wording;
use super::{Dialect, Learned};

/// A silence this long is no stall of a busy machine, in milliseconds.
const LONG_SILENCE_MS: f64 = 900.0;

/// Up to this long after the last write a steady answer is certainly still listened to, in milliseconds.
const STILL_LISTENING_MS: f64 = 4000.0;

/// How many connections a server was seen to serve at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Places {
    /// One: the second client was served only when the first one had left.
    One,
    /// This many, and no more: the next client was served only when others had left.
    Exactly(u32),
    /// This many; more were not tried, or not answered for another reason.
    AtLeast(u32),
}

/// What becomes of bytes that are not text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binary {
    /// They come back as they went.
    Clean,
    /// They are dropped or altered, or that connection is closed, and the server goes on serving: a text service.
    TextOnly,
    /// The server served nobody afterwards.
    Fatal,
}

/// What becomes of many bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bulk {
    /// The most that came back whole.
    pub whole: Option<u64>,
    /// The least that did not come back right, and what was wrong. A program that stops reading while it writes can
    /// carry some ten thousand bytes and still choke on a million.
    pub broken: Option<(u64, Comparison)>,
}

/// Which sizes of datagrams come back whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Datagrams {
    /// The largest that did, in bytes.
    pub whole: u32,
    /// The smallest that came back shorter: its size and how much of it came.
    pub cut: Option<(u32, u32)>,
    /// The smallest that got no answer.
    pub unanswered: Option<u32>,
}

pub(super) fn read(readings: &Readings, wording: &Wording, dialect: &mut Dialect) {
    dialect.places = places(readings);
    dialect.crosstalk = crosstalk(readings);
    dialect.survives_rude = survives_rude(readings);
    let (Some(form), Some(framing)) = (&wording.form, &dialect.framing) else { return };
    let bench = Bench { readings, form, framing: framing.value };
    let one_shot = dialect.lifetime.as_ref().is_some_and(|lifetime| lifetime.value == Lifetime::OneShot);
    dialect.binary = bench.binary();
    match framing.value {
        Framing::Datagram => dialect.datagrams = bench.datagrams(),
        Framing::Raw | Framing::Line | Framing::UntilEof => {
            dialect.answers_half_close = bench.pays(Shape::LineHalfClose);
            dialect.answers_partial_at_eof = bench.partial_at_eof();
            dialect.bulk = bench.bulk();
            if framing.value == Framing::UntilEof || !one_shot {
                dialect.answers_joined = bench.pays(Shape::JoinedLines);
            }
            // A server that answers chunks and then hangs up is right to answer half a line.
            if framing.value != Framing::Raw || !one_shot {
                dialect.answers_split = bench.pays(Shape::SplitLine);
            }
        }
    }
}

/// Everything needed to weigh an answer.
struct Bench<'a> {
    readings: &'a Readings<'a>,
    form: &'a Form,
    framing: Framing,
}

impl Bench<'_> {
    fn weigh(&self, reading: &Reading) -> Comparison {
        weigh_form(self.form, b"", self.framing, &reading.sent, reading.probe.half_closed, reading.got())
    }

    /// Whether a probe of this shape got all it was owed.
    fn pays(&self, shape: Shape) -> Option<Learned<bool>> {
        let tried = || self.readings.of(shape);
        if let Some(paid) = tried().find(|r| self.weigh(r) == Comparison::Exact) {
            return Some(Learned::new(true, [paid.index]));
        }
        let unpaid = tried().find(|r| self.readings.silence_tells(r) || r.is_final())?;
        Some(Learned::new(false, [unpaid.index]))
    }

    fn partial_at_eof(&self) -> Option<Learned<bool>> {
        let tried = self.readings.of(Shape::ChunkHalfClose).next()?;
        let paid = tried.answered() && self.weigh(tried).is_right();
        (paid || tried.is_final() || self.readings.silence_tells(tried)).then(|| Learned::new(paid, [tried.index]))
    }

    fn binary(&self) -> Option<Learned<Binary>> {
        let tried = self.readings.of(Shape::Binary).next()?;
        if self.weigh(tried) == Comparison::Exact {
            return Some(Learned::new(Binary::Clean, [tried.index]));
        }
        match self.readings.aftermath(tried)? {
            Aftermath::Served(next) => Some(Learned::new(Binary::TextOnly, [tried.index, next])),
            // One that had fallen silent before did not do so over these bytes.
            Aftermath::Dead(next) => {
                self.readings.served_before(tried).map(|_| Learned::new(Binary::Fatal, [tried.index, next]))
            }
        }
    }

    fn bulk(&self) -> Option<Learned<Bulk>> {
        let mut bulk = Bulk { whole: None, broken: None };
        let mut rests_on = Vec::new();
        for reading in self.readings.of(Shape::Bulk) {
            let bytes = reading.probe.sent_total.max(reading.sent.len() as u64);
            match self.weigh_bulk(reading) {
                Comparison::Nothing | Comparison::Truncated { .. } if !ended(reading) => continue,
                Comparison::Exact => bulk.whole = bulk.whole.max(Some(bytes)),
                how if bulk.broken.is_none_or(|(least, _)| bytes < least) => bulk.broken = Some((bytes, how)),
                _ => {}
            }
            rests_on.push(reading.index);
        }
        (!rests_on.is_empty()).then(|| Learned::new(bulk, rests_on))
    }

    /// Weighs as much as the evidence keeps; beyond that only the number of bytes is known.
    fn weigh_bulk(&self, reading: &Reading) -> Comparison {
        let probe = reading.probe;
        let (kept, sent) = (reading.got().len() as u64, reading.sent.len() as u64);
        let comparison = self.weigh(reading);
        let sent_was_cut = probe.sent_total > sent;
        match comparison {
            Comparison::Truncated { at } if probe.received_total > kept && at as u64 == kept => {}
            Comparison::Surplus { .. } | Comparison::Exact if sent_was_cut => {}
            other => return other,
        }
        let total = probe.received_total as usize;
        if sent_was_cut
            && self.form.reply() == Some(crate::evidence::Reply::Exact)
            && probe.received_total < probe.sent_total
        {
            return Comparison::Truncated { at: total };
        }
        Comparison::Exact
    }

    fn datagrams(&self) -> Option<Learned<Datagrams>> {
        let udp = |r: &&Reading| r.probe.transport == Transport::Udp && r.probe.shape == Shape::Datagram;
        let tried: Vec<&Reading> = self.readings.all.iter().filter(udp).collect();
        let size = |r: &&Reading| r.sent.len() as u32;
        let whole = tried.iter().copied().filter(|r| self.weigh(r) == Comparison::Exact).max_by_key(size)?;
        let cut =
            tried.iter().copied().filter(|r| matches!(self.weigh(r), Comparison::Truncated { .. })).min_by_key(size);
        let unanswered =
            tried.iter().copied().filter(|r| !r.answered() && self.readings.silence_tells(r)).min_by_key(size);
        let value = Datagrams {
            whole: size(&whole),
            cut: cut.map(|r| (size(&r), r.got().len() as u32)),
            unanswered: unanswered.map(|r| size(&r)),
        };
        let rests_on: Vec<usize> = [Some(whole), cut, unanswered].into_iter().flatten().map(|r| r.index).collect();
        Some(Learned::new(value, rests_on))
    }
}

/// Whether the server had stopped answering before netdiag stopped listening to it.
fn ended(reading: &Reading) -> bool {
    let patience = reading.probe.patience_ms as f64;
    let last = reading.probe.last_byte_ms.unwrap_or_default();
    // It was still at it when netdiag ended its side, and may have taken that for the client's leaving.
    if reading.probe.half_closed && reading.probe.close == Close::Fin && last + patience >= STILL_LISTENING_MS {
        return false;
    }
    reading.is_final() || reading.probe.at_rest || (patience >= LONG_SILENCE_MS && last + patience < STILL_LISTENING_MS)
}

fn places(readings: &Readings) -> Option<Learned<Places>> {
    in_a_crowd(readings).or_else(|| beside_idlers(readings))
}

fn in_a_crowd(readings: &Readings) -> Option<Learned<Places>> {
    let crowd: Vec<&Reading> =
        readings.of(Shape::Overlapping).filter(|r| r.messages.len() > 1 && r.answered()).collect();
    let largest = crowd.iter().map(|r| r.probe.group).max_by_key(|group| in_group(&crowd, *group).len())?;
    let served = in_group(&crowd, largest);
    let count = served.len() as u32;
    if count < 2 {
        return None;
    }
    let queued = readings.of(Shape::Overlapping).find(|r| {
        let held = r.probe.patience_ms;
        let alone = r.messages.len() == 1 && r.probe.group == largest && r.answered();
        alone && waited(r, held) && held as f64 >= LONG_SILENCE_MS && readings.is_long(held)
    });
    let value = if queued.is_some() { Places::Exactly(count) } else { Places::AtLeast(count) };
    Some(Learned::new(value, queued.map(|r| r.index).into_iter().chain(served).collect::<Vec<_>>()))
}

/// One trial that served the second client beside an idle one outweighs any number that did not.
fn beside_idlers(readings: &Readings) -> Option<Learned<Places>> {
    let second = |idler: &Reading| {
        readings.all.iter().find(|r| r.index != idler.index && r.probe.group == idler.probe.group && r.answered())
    };
    let mut waiting = Vec::new();
    for idler in readings.of(Shape::Idler) {
        let Some(second) = second(idler) else { continue };
        if !waited(second, idler.probe.patience_ms) {
            return Some(Learned::new(Places::AtLeast(2), [idler.index, second.index]));
        }
        if readings.is_long(idler.probe.patience_ms) {
            waiting.extend([idler.index, second.index]);
        }
    }
    (!waiting.is_empty()).then(|| Learned::new(Places::One, waiting))
}

fn in_group(crowd: &[&Reading], group: u32) -> Vec<usize> {
    crowd.iter().filter(|r| r.probe.group == group).map(|r| r.index).collect()
}

/// Whether the answer came only after the `held_ms` during which other connections were kept open.
fn waited(reading: &Reading, held_ms: u64) -> bool {
    reading.probe.first_byte_ms.is_some_and(|ms| ms > held_ms as f64)
}

fn crosstalk(readings: &Readings) -> Option<Learned<bool>> {
    let crowd: Vec<&Reading> = readings.of(Shape::Overlapping).filter(|r| r.answered()).collect();
    for reading in &crowd {
        let foreign = crowd
            .iter()
            .filter(|other| other.probe.group == reading.probe.group && other.index != reading.index)
            .find(|other| (0..other.messages.len()).any(|n| holds_text_of(reading, other, n)));
        if let Some(other) = foreign {
            return Some(Learned::new(true, [reading.index, other.index]));
        }
    }
    let all: Vec<usize> = crowd.iter().map(|r| r.index).collect();
    (all.len() > 1).then(|| Learned::new(false, all))
}

fn holds_text_of(reading: &Reading, other: &Reading, n: usize) -> bool {
    /// What got into an answer stands near its beginning; a server that repeats itself would be read for minutes.
    const READ: usize = 4096;
    let got = reading.got();
    let got = &got[..got.len().min(READ)];
    other.text(n).is_some_and(|text| contains(got, text) && !contains(&reading.sent, text))
}

fn survives_rude(readings: &Readings) -> Option<Learned<bool>> {
    let rude = readings.of(Shape::Rude).next()?;
    let before = readings.served_before(rude)?;
    match readings.aftermath(rude)? {
        Aftermath::Served(next) => Some(Learned::new(true, [rude.index, next])),
        Aftermath::Dead(next) => Some(Learned::new(false, [before.index, rude.index, next])),
    }
}
