//! Where one message ends, how many a connection carries, and which line ends count.

use crate::evidence::{Framing, Lifetime, Shape, Transport};

use super::reading::{Reading, Readings};
use super::{Dialect, Learned};

/// Reads framing, blocks, lifetime and line ends into the dialect.
pub(super) fn read(readings: &Readings, dialect: &mut Dialect) {
    dialect.blocks = blocks(readings);
    dialect.hoards = hoards(readings);
    if dialect.blocks.is_none() && dialect.hoards.is_none() {
        dialect.framing = framing(readings);
    }
    line_ends(readings, dialect);
    (dialect.lifetime, dialect.answers_second) = lifetime(readings, dialect.framing.as_ref());
}

fn framing(readings: &Readings) -> Option<Learned<Framing>> {
    let first_datagram = readings.all.iter().find(|r| r.probe.transport == Transport::Udp && r.answered());
    if let Some(datagram) = first_datagram {
        return Some(Learned::new(Framing::Datagram, [datagram.index]));
    }
    if let Some(chunk) = readings.of(Shape::Chunk).find(|r| r.answered_before_half_close()) {
        return Some(Learned::new(Framing::Raw, [chunk.index]));
    }
    if let Some(line) = readings.prompt_lines().next() {
        let chunk = readings.of(Shape::Chunk).find(|r| readings.silence_tells(r))?;
        return Some(Learned::new(Framing::Line, [line.index, chunk.index]));
    }
    let mut greetings = readings.of(Shape::Line).chain(readings.of(Shape::OwnClient));
    let silent = greetings.find(|r| !r.answered_before_half_close() && readings.silence_tells(r))?;
    let ended = readings.all.iter().find(|r| r.probe.half_closed && r.answered() && r.got_before_half_close() == 0)?;
    Some(Learned::new(Framing::UntilEof, [silent.index, ended.index]))
}

/// A part of the answer to many bytes came before we ended our side, and more of it after that, while a line got nothing
/// until then. Who ends the connection by itself takes no more than so much, and had come to an end.
fn hoards(readings: &Readings) -> Option<Learned<u64>> {
    let held_back = |r: &&Reading| r.answered() && !r.answered_before_half_close() && readings.silence_tells(r);
    let line = readings.of(Shape::Line).find(held_back)?;
    let much = readings.of(Shape::Bulk).find(|r| {
        let early = r.got_before_half_close();
        r.probe.half_closed && 0 < early && early < r.sent.len() && early < r.got().len()
    })?;
    Some(Learned::new(much.got_before_half_close() as u64, [line.index, much.index]))
}

/// The size of the blocks a server answers in, if its answers stop at a multiple of one.
fn blocks(readings: &Readings) -> Option<Learned<u32>> {
    let is_copy = |r: &&Reading| r.probe.transport == Transport::Tcp && r.sent.starts_with(got_in_time(r));
    // Where we ended our side at once, nothing shows what would have come without that.
    let tells = |r: &&Reading| !matches!(r.probe.shape, Shape::Rude | Shape::LineHalfClose | Shape::ChunkHalfClose);
    let asked: Vec<&Reading> = readings.all.iter().filter(|r| !r.sent.is_empty()).filter(tells).collect();
    let cut_off = |r: &&&Reading| (1..r.sent.len()).contains(&got_in_time(r).len());
    let strips = |r: &Reading| r.got() == r.sent.trim_ascii_end();
    let first = asked.iter().find(cut_off)?;
    if !asked.iter().all(is_copy) || asked.iter().filter(cut_off).any(|r| strips(r)) {
        return None;
    }
    let fits = |size: &usize| {
        let is_kept_whole = |r: &&&Reading| r.probe.received_total <= r.probe.received.len() as u64;
        asked.iter().filter(is_kept_whole).filter(|r| !readings.had_to_queue(r)).all(|r| {
            let (asked, got) = (r.sent.len(), got_in_time(r).len());
            asked / size * size == got && readings.silence_tells(r)
        })
    };
    let round = (1..=16).map(|power| 1usize << power).chain([10, 100, 1000, 10_000]).find(fits);
    let size = round.or_else(|| (2..=65_536).find(fits))?;
    Some(Learned::new(size as u32, [first.index]))
}

fn got_in_time<'a>(reading: &Reading<'a>) -> &'a [u8] {
    &reading.got()[..reading.got_before_half_close()]
}

fn line_ends(readings: &Readings, dialect: &mut Dialect) {
    let answered = |ending: &'static [u8]| {
        readings.prompt_lines().find(move |r| r.messages.iter().all(|m| super::form::split_terminator(m).1 == ending))
    };
    let silent =
        |shape| readings.of(shape).find(|r: &&Reading| !r.answered_before_half_close() && readings.silence_tells(r));
    let (lf, crlf) = (answered(b"\n"), answered(b"\r\n"));
    let accepts = |this: Option<&Reading>, other: Option<&Reading>, shape| match (this, other, silent(shape)) {
        (Some(r), _, _) => Some(Learned::new(true, [r.index])),
        (None, Some(other), Some(silent)) => Some(Learned::new(false, [silent.index, other.index])),
        _ => None,
    };
    dialect.accepts_lf = accepts(lf, crlf, Shape::Line);
    dialect.accepts_crlf = accepts(crlf, lf, Shape::CrLfLine);
    dialect.keeps_crlf = readings
        .of(Shape::CrLfLine)
        .find(|r| r.holds(0) && r.got().ends_with(b"\n"))
        .map(|r| Learned::new(r.got().ends_with(b"\r\n"), [r.index]));
}

type Seconds = (Option<Learned<Lifetime>>, Option<Learned<bool>>);

fn lifetime(readings: &Readings, framing: Option<&Learned<Framing>>) -> Seconds {
    let in_turn =
        || readings.of(Shape::TwoLines).chain(readings.of(Shape::Overlapping)).filter(|r| r.messages.len() > 1);
    // The second line was said only after something had come for the first; what came then answers the second, even if
    // both answers are damaged.
    let damaged = |r: &&Reading| r.probe.shape == Shape::TwoLines && !r.holds(0) && r.probe.first_byte_ms.is_some();
    if let Some(both) = in_turn().find(|r| (r.holds(0) && r.holds(1)) || damaged(r)) {
        let index = [both.index];
        return (Some(Learned::new(Lifetime::Session, index)), Some(Learned::new(true, index)));
    }
    if let Some(framing) = framing.filter(|framing| framing.value == Framing::UntilEof) {
        return (Some(Learned::new(Lifetime::OneShot, framing.probes.clone())), None);
    }
    let hung_up: Vec<usize> = readings
        .all
        .iter()
        .filter(|r| r.is_plain() && r.answered_before_half_close() && r.server_hung_up())
        .map(|r| r.index)
        .collect();
    if !hung_up.is_empty() {
        return (Some(Learned::new(Lifetime::OneShot, hung_up)), None);
    }
    let silent_for_good = |r: &Reading| r.is_final() || readings.silence_tells(r);
    let ignored = in_turn().find(|r| r.holds(0) && !r.holds(1) && r.probe.half_closed && silent_for_good(r));
    (None, ignored.map(|r| Learned::new(false, [r.index])))
}
