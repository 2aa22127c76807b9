//! What one end of a TCP connection did: its sequence numbers as positions, its window, its FIN and RST.

use super::decode::Tcp;
use super::flow::Flow;
use super::kept::Room;
use crate::evidence::{At, Stream};

/// The farthest an acknowledgement may run ahead of what was seen. A stale one, left over from an earlier connection on
/// the same ports, is off by a random amount and must not invent missing bytes.
const BELIEVABLE_AHEAD: i64 = 1 << 20;

/// One end of a TCP connection.
#[derive(Debug, Clone)]
pub(super) struct Side {
    /// Sequence number of position 0; unknown until a packet shows it.
    base: Option<u32>,
    /// Whether `base` comes from a SYN. Otherwise the capture began in the middle and it is where we came in.
    pub(super) synchronised: bool,
    /// Window shift this end offered in its SYN.
    pub(super) shift: Option<u8>,
    /// Highest position sent; its FIN counts as one.
    sent_end: i64,
    /// Highest position the other end acknowledged; the FIN counts as one.
    acked: i64,
    /// Position after the FIN.
    fin_end: Option<i64>,
    /// Its bytes.
    pub(super) flow: Flow,
}

impl Side {
    pub(super) fn new() -> Self {
        Self { base: None, synchronised: false, shift: None, sent_end: 0, acked: 0, fin_end: None, flow: Flow::new() }
    }

    /// Whether the initial sequence number is known to be this one.
    pub(super) fn began_with(&self, isn: u32) -> bool {
        self.synchronised && self.base == Some(isn.wrapping_add(1))
    }

    /// Learns where positions begin: after the SYN, or with the first packet seen of this end.
    pub(super) fn synchronise(&mut self, segment: &Tcp<'_>) {
        if segment.flags.syn && !self.synchronised {
            self.base = Some(segment.seq.wrapping_add(1));
            self.synchronised = true;
            self.shift = segment.window_scale;
        }
        self.base.get_or_insert(segment.seq);
    }

    /// The position a sequence number stands for: the one nearest to what was sent last, as numbers wrap after 2³².
    pub(super) fn position(&self, seq: u32) -> i64 {
        let newest = self.base.unwrap_or(seq).wrapping_add(self.sent_end as u32);
        self.sent_end + i64::from(seq.wrapping_sub(newest).cast_signed())
    }

    /// Highest position sent, the FIN included.
    pub(super) fn sent_end(&self) -> i64 {
        self.sent_end
    }

    /// Whether all that was sent is acknowledged.
    pub(super) fn is_acknowledged(&self) -> bool {
        self.sent_end <= self.acked
    }

    /// Notes that this end sent everything up to `end`.
    pub(super) fn sent(&mut self, end: i64) {
        self.sent_end = self.sent_end.max(end);
    }

    /// Notes a FIN after position `end`; false when it is a repetition.
    pub(super) fn finish(&mut self, end: i64, at: At) -> bool {
        let first = self.fin_end.is_none();
        self.fin_end = Some(end + 1);
        self.sent(end + 1);
        self.flow.seen_mut().fin.get_or_insert(at);
        first
    }

    /// Takes in an acknowledgement by the other end, and returns its position in this end's stream.
    pub(super) fn acknowledge(&mut self, ack: u32) -> u64 {
        let untouched = self.sent_end == 0 && self.flow.next() == 0 && !self.synchronised;
        if self.base.is_none() || untouched {
            // The capture began in the middle: what is acknowledged already lies before our beginning.
            self.base = Some(ack);
            return 0;
        }
        let position = self.position(ack);
        if position - self.sent_end <= BELIEVABLE_AHEAD {
            self.acked = self.acked.max(position);
            self.sent_end = self.sent_end.max(position);
        }
        self.data_position(position)
    }

    /// A position counted in payload bytes only: the FIN is not one.
    fn data_position(&self, position: i64) -> u64 {
        let fin = i64::from(self.fin_end.is_some_and(|end| position >= end));
        (position - fin).max(0) as u64
    }

    /// The stream this end sent, as it stands.
    pub(super) fn stream(&self, room: &Room) -> Stream {
        self.flow.stream(self.data_position(self.acked), room)
    }
}
