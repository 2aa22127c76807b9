//! The datagrams between two UDP addresses.

use std::net::SocketAddr;

use super::decode::Datagram;
use super::flow::Flow;
use super::kept::Room;
use super::log::Log;
use crate::evidence::{At, Bytes, Conversation, Flags, Port, Segment, Stream, Transport};

/// All datagrams between two addresses.
#[derive(Debug, Clone)]
pub(super) struct Exchange {
    dialler: SocketAddr,
    listener: SocketAddr,
    began: At,
    sent: Flow,
    received: Flow,
    log: Log,
}

impl Exchange {
    pub(super) fn new(dialler: SocketAddr, listener: SocketAddr, began: At) -> Self {
        Self { dialler, listener, began, sent: Flow::new(), received: Flow::new(), log: Log::new() }
    }

    /// Follows one datagram.
    pub(super) fn push(&mut self, number: u64, at: At, datagram: &Datagram<'_>, room: &mut Room) {
        let from = if datagram.source == self.dialler { Port::Dialler } else { Port::Listener };
        let flow = match from {
            Port::Dialler => &mut self.sent,
            Port::Listener => &mut self.received,
        };
        let (offset, len) = (flow.next(), datagram.len);
        flow.accept(offset.cast_signed(), datagram.payload, len, at, room);
        let seen = flow.seen_mut();
        if seen.datagrams.len() < Stream::DATAGRAMS {
            seen.datagrams.push(len);
        }
        // An empty datagram is speech too.
        seen.first.get_or_insert(at);
        seen.last = Some(at);
        self.log.speak(from, offset, u64::from(len), at);
        let excerpt = Bytes::from(&datagram.payload[..datagram.payload.len().min(Segment::EXCERPT)]);
        let flags = Flags::default();
        let segment = Segment { number, at, from, flags, offset, ack: 0, window: 0, len, excerpt, note: None };
        self.log.segment(segment, room);
    }

    /// The exchange as it stands.
    pub(super) fn view(&self, room: &Room) -> Conversation {
        let mut conversation = Conversation {
            transport: Transport::Udp,
            dialler: self.dialler,
            listener: self.listener,
            from_start: true,
            began: self.began,
            syns: Vec::new(),
            syn_ack: None,
            refused: None,
            self_connect: self.dialler == self.listener,
            sent: self.sent.stream(0, room),
            received: self.received.stream(0, room),
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
