//! One TCP connection, or the attempt at one, followed segment by segment (RFC 9293).

use std::net::SocketAddr;

use super::decode::Tcp;
use super::flow::Folded;
use super::kept::Room;
use super::log::Log;
use super::side::Side;
use crate::evidence::{At, Bytes, Conversation, Note, Port, Segment, Transport};

/// Nobody repeats a SYN that often; a flood of them must not grow the list.
const SYNS: usize = 64;

/// A TCP connection, or the attempt at one.
#[derive(Debug, Clone)]
pub(super) struct Connection {
    dialler: SocketAddr,
    listener: SocketAddr,
    began: At,
    syns: Vec<At>,
    syn_ack: Option<At>,
    refused: Option<At>,
    self_connect: bool,
    dialling: Side,
    listening: Side,
    log: Log,
}

/// What is remarkable about a segment's sequence range, found before it is folded in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ordinary,
    /// Repeats the last byte or none, only to get an answer.
    Probe,
}

impl Connection {
    /// A connection whose first segment seen is on its way; `dialler` is the end taken for the one that dialled.
    pub(super) fn new(dialler: SocketAddr, listener: SocketAddr, began: At) -> Self {
        Self {
            dialler,
            listener,
            began,
            syns: Vec::new(),
            syn_ack: None,
            refused: None,
            self_connect: dialler == listener,
            dialling: Side::new(),
            listening: Side::new(),
            log: Log::new(),
        }
    }

    fn from(&self, segment: &Tcp<'_>) -> Port {
        if segment.source == self.dialler { Port::Dialler } else { Port::Listener }
    }

    /// The sender's side, and the side whose bytes it acknowledges. A socket connected to itself acknowledges its own.
    fn sides(&mut self, from: Port) -> (&mut Side, Option<&mut Side>) {
        match from {
            Port::Dialler if self.dialler == self.listener => (&mut self.dialling, None),
            Port::Dialler => (&mut self.dialling, Some(&mut self.listening)),
            Port::Listener => (&mut self.listening, Some(&mut self.dialling)),
        }
    }

    fn side(&self, port: Port) -> &Side {
        match port {
            Port::Dialler => &self.dialling,
            Port::Listener => &self.listening,
        }
    }

    /// Whether `segment` belongs to this connection; false when it opens another one on the same pair of ports.
    pub(super) fn owns(&self, segment: &Tcp<'_>) -> bool {
        if !segment.flags.syn {
            return true;
        }
        let from = self.from(segment);
        let side = self.side(from);
        if side.began_with(segment.seq) || self.dialler == self.listener {
            return true;
        }
        match (from, segment.flags.ack) {
            // Both ends dial each other at the same time (RFC 9293 §3.5).
            (Port::Listener, false) => self.is_dialling(),
            // The answer to our SYN, or to one that was not captured.
            (Port::Listener, true) => !side.synchronised && self.listening.flow.next() == 0,
            (Port::Dialler, _) => false,
        }
    }

    /// Whether a SYN waits for its answer.
    fn is_dialling(&self) -> bool {
        !self.syns.is_empty() && self.syn_ack.is_none() && self.refused.is_none()
    }

    /// Whether something is on its way: a SYN without an answer, or bytes (or a FIN) not acknowledged.
    pub(super) fn in_flight(&self) -> bool {
        let mut sides = [&self.dialling, &self.listening].into_iter();
        let reset = |side: &Side| side.flow.seen().rst.is_some();
        if self.refused.is_some() || sides.clone().any(reset) {
            return false;
        }
        self.is_dialling() || sides.any(|side| !side.is_acknowledged())
    }

    /// Follows one segment, which this connection [owns](Connection::owns).
    pub(super) fn push(&mut self, number: u64, at: At, segment: &Tcp<'_>, room: &mut Room) {
        let from = self.from(segment);
        let (sender, other) = self.sides(from);
        sender.synchronise(segment);
        let position = sender.position(segment.seq) + i64::from(segment.flags.syn);
        let ack = match (segment.flags.ack, other) {
            (false, _) => 0,
            (true, Some(other)) => other.acknowledge(segment.ack),
            (true, None) => sender.acknowledge(segment.ack),
        };
        let repeated = self.control(from, at, segment, position);
        let window = self.window(from, segment);
        let kind = self.kind(from, segment, position);
        let folded = self.payload(from, at, segment, position, kind, room);
        let note = self.note(from, segment, kind, folded, window, repeated);
        if !segment.flags.rst {
            let seen = self.sides(from).0.flow.seen_mut();
            seen.zero_window = (window == 0).then(|| seen.zero_window.unwrap_or(at));
        }
        let excerpt = Bytes::from(&segment.payload[..segment.payload.len().min(Segment::EXCERPT)]);
        let (offset, len, flags) = (position.max(0) as u64, segment.len, segment.flags);
        self.log.segment(Segment { number, at, from, flags, offset, ack, window, len, excerpt, note }, room);
    }

    /// Follows SYN, RST and FIN; whether the segment repeats a SYN or FIN.
    fn control(&mut self, from: Port, at: At, segment: &Tcp<'_>, position: i64) -> bool {
        let flags = segment.flags;
        if flags.rst {
            if from == Port::Listener && self.is_dialling() && self.listening.flow.next() == 0 {
                self.refused = Some(at);
            } else if self.refused.is_none() {
                self.sides(from).0.flow.seen_mut().rst.get_or_insert(at);
            }
        }
        let syn_again = flags.syn && self.handshake(from, at, flags.ack);
        // A FIN beside a SYN or RST means nothing (RFC 9293 §3.10.7).
        let fins = flags.fin && !flags.rst && !flags.syn;
        let fin_again = fins && !self.sides(from).0.finish(position + i64::from(segment.len), at);
        syn_again || fin_again
    }

    /// Follows a SYN; whether it was there before.
    fn handshake(&mut self, from: Port, at: At, ack: bool) -> bool {
        match (from, ack) {
            (Port::Dialler, false) => {
                if self.syns.len() < SYNS {
                    self.syns.push(at);
                }
                self.syns.len() > 1
            }
            (Port::Listener, false) => {
                self.self_connect = true;
                false
            }
            (Port::Listener, true) => self.syn_ack.replace(self.syn_ack.unwrap_or(at)).is_some(),
            (Port::Dialler, true) if self.self_connect => {
                self.syn_ack.get_or_insert(at);
                false
            }
            (Port::Dialler, true) => false,
        }
    }

    /// The announced window in bytes. A SYN's window is never scaled, and without both SYNs the shift is not known
    /// (RFC 7323 §2.2).
    fn window(&self, from: Port, segment: &Tcp<'_>) -> u32 {
        let shift = match (self.side(from).shift, self.side(from.other()).shift) {
            (Some(shift), Some(_)) if !segment.flags.syn => shift,
            (Some(shift), None) if self.dialler == self.listener && !segment.flags.syn => shift,
            _ => 0,
        };
        u32::from(segment.window) << shift
    }

    fn kind(&self, from: Port, segment: &Tcp<'_>, position: i64) -> Kind {
        let side = self.side(from);
        let flags = segment.flags;
        let bare = segment.len <= 1 && !flags.syn && !flags.fin && !flags.rst;
        // One byte that nobody acknowledged yet is a true retransmission.
        let repeats_old = segment.len == 0 || side.is_acknowledged();
        if bare && repeats_old && position == side.sent_end() - 1 { Kind::Probe } else { Kind::Ordinary }
    }

    fn payload(&mut self, from: Port, at: At, segment: &Tcp<'_>, position: i64, kind: Kind, room: &mut Room) -> Folded {
        if segment.len == 0 || kind == Kind::Probe || segment.flags.rst {
            return Folded::default();
        }
        let (sender, _) = self.sides(from);
        sender.sent(position + i64::from(segment.len));
        let folded = sender.flow.accept(position, segment.payload, segment.len, at, room);
        if folded.fresh < u64::from(segment.len) {
            sender.flow.seen_mut().retransmissions += 1;
        }
        let next = sender.flow.next();
        if folded.fresh > 0 {
            let offset = (position + i64::from(segment.len)) as u64 - folded.fresh;
            self.log.speak(from, offset, folded.fresh, at);
        }
        if folded.filled {
            self.log.fill(from, next);
        }
        folded
    }

    fn note(
        &self,
        from: Port,
        segment: &Tcp<'_>,
        kind: Kind,
        folded: Folded,
        window: u32,
        repeated: bool,
    ) -> Option<Note> {
        let shut = self.side(from.other()).flow.seen().zero_window.is_some();
        let carries = segment.len > 0 && kind == Kind::Ordinary && !segment.flags.rst;
        if repeated || (carries && folded.fresh < u64::from(segment.len)) {
            Some(Note::Retransmission)
        } else if folded.after_hole {
            Some(Note::AfterGap)
        } else if shut && (kind == Kind::Probe || (carries && segment.len == 1)) {
            Some(Note::WindowProbe)
        } else if kind == Kind::Probe {
            Some(Note::KeepAlive)
        } else if window == 0 && !segment.flags.rst {
            Some(Note::ZeroWindow)
        } else {
            None
        }
    }

    /// The connection as it stands.
    pub(super) fn view(&self, room: &Room) -> Conversation {
        let mut conversation = Conversation {
            transport: Transport::Tcp,
            dialler: self.dialler,
            listener: self.listener,
            from_start: !self.syns.is_empty(),
            began: self.began,
            syns: self.syns.clone(),
            syn_ack: self.syn_ack,
            refused: self.refused,
            self_connect: self.self_connect,
            sent: self.dialling.stream(room),
            received: self.listening.stream(room),
            segments: Vec::new(),
            segments_omitted: 0,
            segments_head: 0,
            turns: Vec::new(),
            turns_omitted: 0,
        };
        self.log.write(&mut conversation);
        conversation
    }
}
