//! One direction of a conversation: its bytes put in order, each counted once, the holes remembered.

use std::collections::BTreeMap;

use super::kept::Room;
use crate::evidence::{At, Bytes, Stream};

/// The bytes of one direction, as far as they were seen. Positions count from 0, the first byte after the SYN.
#[derive(Debug, Clone)]
pub(super) struct Flow {
    seen: Stream,
    /// The newest bytes beyond the head, up to twice [`Stream::TAIL`] before they are cut back.
    tail: Vec<u8>,
    /// Everything before this position is folded in or given up.
    next: u64,
    /// Pieces that came after a hole, by position.
    waiting: BTreeMap<u64, Piece>,
    waiting_cost: usize,
}

/// Consecutive bytes of a stream: the captured ones, then those the capture cut off.
#[derive(Debug, Clone)]
struct Piece {
    bytes: Vec<u8>,
    absent: u64,
}

impl Piece {
    fn len(&self) -> u64 {
        self.bytes.len() as u64 + self.absent
    }

    fn cost(&self) -> usize {
        self.bytes.len() + PIECE_COST
    }
}

/// What a piece costs besides its bytes: its place in the map.
const PIECE_COST: usize = 64;
/// How much may wait in one direction before its first hole is given up.
const WAITING_LIMIT: usize = 256 << 10;
/// How much of its beginning each direction keeps even when the common room is used up.
const HEAD_AT_LEAST: usize = 256;

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// What [`Flow::accept`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Folded {
    /// How many of the bytes had not been seen before.
    pub(super) fresh: u64,
    /// Bytes before it were missing when it came.
    pub(super) after_hole: bool,
    /// It filled a hole, so that bytes which had waited are in order now.
    pub(super) filled: bool,
}

impl Flow {
    pub(super) fn new() -> Self {
        let seen = Stream { digest: FNV_OFFSET, ..Stream::default() };
        Self { seen, tail: Vec::new(), next: 0, waiting: BTreeMap::new(), waiting_cost: 0 }
    }

    /// Everything before this position is folded in or given up.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// What is known of the stream apart from its bytes.
    pub(super) fn seen(&self) -> &Stream {
        &self.seen
    }

    /// The same, to set what the bytes do not tell: FIN, RST, window, retransmissions, datagram lengths.
    pub(super) fn seen_mut(&mut self) -> &mut Stream {
        &mut self.seen
    }

    /// Takes `len` bytes at position `start`, of which the first `payload` were captured. What lies before position 0
    /// or was seen already is left out.
    pub(super) fn accept(&mut self, start: i64, payload: &[u8], len: u32, at: At, room: &mut Room) -> Folded {
        let payload = &payload[..payload.len().min(len as usize)];
        let end = (start + i64::from(len)).max(0) as u64;
        let from = (start.max(0) as u64).max(self.next);
        if end <= from {
            return Folded::default();
        }
        let captured = |a: u64, b: u64| {
            let index = |position: u64| ((position.cast_signed() - start) as usize).min(payload.len());
            &payload[index(a)..index(b)]
        };
        let after_hole = from > self.next;
        let mut folded = Folded { fresh: 0, after_hole, filled: false };
        if self.waiting.is_empty() && !after_hole {
            folded.fresh = end - from;
            self.append(captured(from, end), end - from, room);
        } else {
            for (a, b) in self.unseen(from, end) {
                folded.fresh += b - a;
                let bytes = captured(a, b).to_vec();
                let absent = b - a - bytes.len() as u64;
                self.put_aside(a, Piece { bytes, absent }, room);
            }
            folded.filled = self.take_in(room) && !after_hole;
            self.keep_within_limits(room);
        }
        if folded.fresh > 0 {
            self.seen.first.get_or_insert(at);
            self.seen.last = Some(at);
        }
        folded
    }

    /// The parts of `from..end` that no waiting piece covers.
    fn unseen(&self, from: u64, end: u64) -> Vec<(u64, u64)> {
        let mut parts = Vec::new();
        let mut at = from;
        // At most one piece that begins earlier can reach in.
        let before = self.waiting.range(..from).next_back();
        for (&start, piece) in before.into_iter().chain(self.waiting.range(from..end)) {
            if start > at {
                parts.push((at, start));
            }
            at = at.max(start + piece.len());
        }
        if at < end {
            parts.push((at, end));
        }
        parts
    }

    fn put_aside(&mut self, start: u64, piece: Piece, room: &mut Room) {
        self.waiting_cost += piece.cost();
        room.hold(piece.cost());
        self.waiting.insert(start, piece);
    }

    /// Folds in the pieces that are in order by now; whether there were any behind a hole.
    fn take_in(&mut self, room: &mut Room) -> bool {
        let mut pieces = 0;
        while let Some(entry) = self.waiting.first_entry() {
            if *entry.key() > self.next {
                break;
            }
            let piece = entry.remove();
            self.waiting_cost -= piece.cost();
            room.release(piece.cost());
            self.append(&piece.bytes, piece.len(), room);
            pieces += 1;
        }
        // The first one is the arrival itself.
        pieces > 1
    }

    fn keep_within_limits(&mut self, room: &mut Room) {
        while (self.waiting_cost > WAITING_LIMIT || room.overdrawn()) && self.give_up_first_hole(room) {}
    }

    /// Goes on behind the first hole; false when nothing waits.
    fn give_up_first_hole(&mut self, room: &mut Room) -> bool {
        let Some((&start, _)) = self.waiting.first_key_value() else { return false };
        self.seen.missing += start.saturating_sub(self.next);
        self.next = self.next.max(start);
        self.take_in(room);
        true
    }

    /// Appends `len` bytes, of which `bytes` were captured, at position `next`.
    fn append(&mut self, bytes: &[u8], len: u64, room: &mut Room) {
        self.next += len;
        self.seen.missing += len - bytes.len() as u64;
        self.seen.digest =
            bytes.iter().fold(self.seen.digest, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME));
        let kept = self.keep_head(bytes, room);
        self.seen.total += bytes.len() as u64;
        self.keep_tail(&bytes[kept..]);
    }

    /// How many of `bytes` still belong to the beginning.
    fn keep_head(&mut self, bytes: &[u8], room: &mut Room) -> usize {
        let head = &mut self.seen.head.0;
        if head.len() as u64 != self.seen.total {
            return 0;
        }
        let wanted = bytes.len().min(Stream::HEAD - head.len());
        let owed = HEAD_AT_LEAST.saturating_sub(head.len()).min(wanted);
        let kept = owed + room.take(wanted - owed);
        head.extend_from_slice(&bytes[..kept]);
        kept
    }

    fn keep_tail(&mut self, bytes: &[u8]) {
        self.tail.extend_from_slice(&bytes[bytes.len().saturating_sub(Stream::TAIL)..]);
        if self.tail.len() > 2 * Stream::TAIL {
            self.tail.drain(..self.tail.len() - Stream::TAIL);
        }
    }

    /// The stream as it stands, with `acked` bytes acknowledged by the other end. What waits is folded in and every hole
    /// counted as missing, also bytes at the end that were acknowledged but never captured.
    pub(super) fn stream(&self, acked: u64, room: &Room) -> Stream {
        let mut whole = self.clone();
        let mut scratch = room.clone();
        while whole.give_up_first_hole(&mut scratch) {}
        let mut stream = whole.seen;
        stream.missing += acked.saturating_sub(whole.next);
        stream.acked = acked;
        stream.tail = Bytes::from(&whole.tail[whole.tail.len().saturating_sub(Stream::TAIL)..]);
        stream
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fold(pieces: &[(i64, &[u8])]) -> (Flow, Room) {
        let (mut flow, mut room) = (Flow::new(), Room::new());
        for (number, (start, bytes)) in pieces.iter().enumerate() {
            flow.accept(*start, bytes, bytes.len() as u32, At(number as u64), &mut room);
        }
        (flow, room)
    }

    fn fnv(bytes: &[u8]) -> u64 {
        bytes.iter().fold(FNV_OFFSET, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME))
    }

    #[test]
    fn the_digest_is_fnv_1a() {
        // Test vectors of draft-eastlake-fnv.
        let (flow, room) = fold(&[(0, b"foo"), (3, b"bar")]);
        assert_eq!(flow.stream(6, &room).digest, 0x8594_4171_f739_67e8);
        assert_eq!(Flow::new().stream(0, &room).digest, 0xcbf2_9ce4_8422_2325);
    }

    #[test]
    fn bytes_out_of_order_are_put_in_order() {
        let (flow, room) = fold(&[(0, b"ab"), (4, b"ef"), (2, b"cd")]);
        let stream = flow.stream(6, &room);
        assert_eq!((stream.head, stream.total, stream.missing), (Bytes::from("abcdef"), 6, 0));
        assert_eq!((stream.first, stream.last), (Some(At(0)), Some(At(2))));
    }

    #[test]
    fn bytes_seen_twice_count_once() {
        let (mut flow, mut room) = fold(&[(0, b"abcd")]);
        let again = flow.accept(2, b"cdef", 4, At(9), &mut room);
        assert_eq!(again, Folded { fresh: 2, after_hole: false, filled: false });
        assert_eq!(flow.accept(0, b"abcdef", 6, At(10), &mut room), Folded::default());
        let stream = flow.stream(6, &room);
        assert_eq!((stream.head, stream.total, stream.last), (Bytes::from("abcdef"), 6, Some(At(9))));
    }

    #[test]
    fn a_hole_is_said_to_be_missing_and_can_still_be_filled() {
        let (mut flow, mut room) = fold(&[(0, b"ab")]);
        assert!(flow.accept(5, b"fg", 2, At(1), &mut room).after_hole);
        let holed = flow.stream(7, &room);
        assert_eq!((holed.head.clone(), holed.total, holed.missing), (Bytes::from("abfg"), 4, 3));
        assert!(!holed.is_whole());
        assert!(flow.accept(2, b"cde", 3, At(2), &mut room).filled);
        assert!(flow.stream(7, &room).is_whole());
    }

    #[test]
    fn acknowledged_bytes_that_were_never_captured_are_missing() {
        let (flow, room) = fold(&[(0, b"ab")]);
        assert_eq!(flow.stream(10, &room).missing, 8);
    }

    #[test]
    fn bytes_the_capture_cut_off_are_missing_and_keep_their_place() {
        let (mut flow, mut room) = (Flow::new(), Room::new());
        for number in 0..3 {
            flow.accept(number * 100, b"head", 100, At(0), &mut room);
        }
        let stream = flow.stream(300, &room);
        assert_eq!((stream.total, stream.missing, stream.head), (12, 288, Bytes::from("headheadhead")));
        assert!(flow.waiting.is_empty(), "nothing waits for bytes that cannot come");
    }

    #[test]
    fn a_long_stream_keeps_its_head_and_its_tail() {
        let all: Vec<u8> = (0..200_000u32).map(|n| (n % 251) as u8).collect();
        let (mut flow, mut room) = (Flow::new(), Room::new());
        for (number, chunk) in all.chunks(1460).enumerate() {
            flow.accept(number.cast_signed() as i64 * 1460, chunk, chunk.len() as u32, At(0), &mut room);
        }
        let stream = flow.stream(all.len() as u64, &room);
        assert_eq!(stream.head.0, all[..Stream::HEAD]);
        assert_eq!(stream.tail.0, all[all.len() - Stream::TAIL..]);
        assert_eq!((stream.total, stream.digest), (all.len() as u64, fnv(&all)));
    }

    #[test]
    fn what_waits_behind_a_hole_is_bounded() {
        let (mut flow, mut room) = (Flow::new(), Room::new());
        for number in 0..10_000i64 {
            flow.accept(1 + number * 1000, &[7; 1000], 1000, At(0), &mut room);
            assert!(flow.waiting_cost <= WAITING_LIMIT);
        }
        let stream = flow.stream(0, &room);
        assert_eq!((stream.total, stream.missing), (10_000_000, 1));
    }

    #[test]
    fn a_stream_without_room_gives_up_its_holes_and_keeps_a_small_head() {
        let mut room = Room::new();
        room.take(usize::MAX);
        room.hold(16 << 20);
        let mut flow = Flow::new();
        flow.accept(10, &[1; 1000], 1000, At(0), &mut room);
        assert!(flow.waiting.is_empty());
        let stream = flow.stream(0, &room);
        assert_eq!((stream.total, stream.missing, stream.head.len()), (1000, 10, HEAD_AT_LEAST));
        assert_eq!(stream.head.len() + stream.tail.len(), 1000);
    }

    proptest! {
        /// Whatever order, overlap and repetition, the result is the stream itself, and all room is given back.
        #[test]
        fn any_order_of_pieces_gives_the_stream(
            data in proptest::collection::vec(any::<u8>(), 1..600),
            pieces in proptest::collection::vec((any::<proptest::sample::Index>(), 1usize..80), 0..80),
        ) {
            let (mut flow, mut room) = (Flow::new(), Room::new());
            let mut fresh = 0;
            let mut covered = vec![false; data.len()];
            for (start, len) in &pieces {
                let start = start.index(data.len());
                let end = (start + len).min(data.len());
                let new = covered[start..end].iter().filter(|seen| !**seen).count() as u64;
                covered[start..end].fill(true);
                let folded = flow.accept(start.cast_signed() as i64, &data[start..end], (end - start) as u32, At(0), &mut room);
                prop_assert_eq!(folded.fresh, new);
                fresh += new;
            }
            let last = covered.iter().rposition(|seen| *seen).map_or(0, |at| at + 1);
            let seen: Vec<u8> = (0..last).filter(|at| covered[*at]).map(|at| data[at]).collect();
            let partial = flow.stream(0, &room);
            prop_assert_eq!(&partial.head.0, &seen);
            prop_assert_eq!((partial.total, partial.missing), (fresh, last as u64 - fresh));
            flow.accept(0, &data, data.len() as u32, At(1), &mut room);
            let whole = flow.stream(0, &room);
            prop_assert_eq!(&whole.head.0, &data);
            prop_assert_eq!((whole.digest, whole.missing), (fnv(&data), 0));
            room.hold(16 << 20);
            prop_assert!(!room.overdrawn(), "all that waited was given back");
        }
    }
}
