//! Conversations rebuilt from socket calls, for machines where packets may not be captured.
//!
//! What a program hands to its socket is what the kernel sends, and on one machine it arrives at once; so each call is
//! folded in as the segments it caused. Both ends tell of the same bytes: whichever is heard of first is told, and the
//! other one only confirms it. Windows, repetitions and the moments of acknowledgements are not known this way.

use std::collections::HashMap;
use std::net::SocketAddr;

use super::conversations::Conversations;
use super::decode::{Complaint, Datagram, Decoded, Tcp};
use crate::evidence::{At, Flags, Packets, Port, Transport};

/// How many connections at most are followed at the same time.
const FOLLOWED: usize = 20_000;
/// How many datagrams between two addresses may find nobody before that is not looked for any more.
const REFUSALS: u64 = 16;

/// Folds socket calls into conversations. A socket is known by a number that is its own for as long as it lives.
#[derive(Debug, Clone, Default)]
pub struct Rebuilt {
    conversations: Conversations,
    links: HashMap<u32, Link>,
    ends: HashMap<u64, (u32, Port)>,
    latest: HashMap<(SocketAddr, SocketAddr), u32>,
    passing: HashMap<(SocketAddr, SocketAddr), Passing>,
    made: u32,
    number: u64,
}

/// One TCP connection, or the attempt at one.
#[derive(Debug, Clone)]
struct Link {
    dialler: SocketAddr,
    listener: SocketAddr,
    state: State,
    dialling: End,
    listening: End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Dialling,
    Open,
    Refused,
}

/// One end of a connection.
#[derive(Debug, Clone, Default)]
struct End {
    socket: Option<u64>,
    /// Bytes its program handed over.
    sent: u64,
    /// Bytes its program took.
    got: u64,
    /// Bytes it sent that have been folded in.
    told: u64,
    /// Whether it sent bytes that could not be read.
    unread_bytes: bool,
    fin: bool,
    rst: bool,
    /// Nobody holds it any more.
    closed: bool,
    /// SO_LINGER with a time of zero.
    abrupt: bool,
}

/// Datagrams from one address to another, counted.
#[derive(Debug, Clone, Copy, Default)]
struct Passing {
    sent: u64,
    got: u64,
    told: u64,
}

impl Link {
    fn end(&self, port: Port) -> &End {
        match port {
            Port::Dialler => &self.dialling,
            Port::Listener => &self.listening,
        }
    }

    fn end_mut(&mut self, port: Port) -> &mut End {
        match port {
            Port::Dialler => &mut self.dialling,
            Port::Listener => &mut self.listening,
        }
    }

    fn address(&self, port: Port) -> SocketAddr {
        match port {
            Port::Dialler => self.dialler,
            Port::Listener => self.listener,
        }
    }

    fn is_to_itself(&self) -> bool {
        self.dialler == self.listener
    }

    fn is_reset(&self) -> bool {
        self.dialling.rst || self.listening.rst
    }
}

impl Rebuilt {
    /// The state at this moment.
    #[must_use]
    pub fn view(&self) -> Packets {
        let mut packets = self.with_unread_bytes().conversations.view();
        packets.rebuilt = true;
        packets
    }

    /// Whether a dial waits for its answer.
    #[must_use]
    pub fn in_flight(&self) -> bool {
        self.conversations.in_flight()
    }

    /// When something was last folded in.
    #[must_use]
    pub fn last_packet(&self) -> Option<At> {
        self.conversations.last_packet()
    }

    /// Whether `socket` is one end of a connection that is followed.
    #[must_use]
    pub fn follows(&self, socket: u64) -> bool {
        self.ends.contains_key(&socket)
    }

    /// All sockets that are followed.
    pub fn followed(&self) -> impl Iterator<Item = u64> {
        self.ends.keys().copied()
    }

    /// `socket` dials.
    pub fn dials(&mut self, at: At, socket: u64, local: SocketAddr, remote: SocketAddr) {
        if let Some(link) = self.ends.get(&socket).and_then(|(id, _)| self.links.get(id))
            && link.state != State::Refused
        {
            return;
        }
        self.join(at, socket, (local, remote), Port::Dialler);
    }

    /// The dial of `socket` got through.
    pub fn connected(&mut self, at: At, socket: u64) {
        if let Some((id, _)) = self.ends.get(&socket).copied() {
            self.open(at, id);
        }
    }

    /// The dial of `socket` was refused.
    pub fn refused(&mut self, at: At, socket: u64) {
        let Some((id, Port::Dialler)) = self.ends.get(&socket).copied() else { return };
        let Some(link) = self.links.get_mut(&id).filter(|link| link.state == State::Dialling) else { return };
        link.state = State::Refused;
        self.segment(at, id, Port::Listener, Flags { rst: true, ack: true, ..Flags::default() }, &[], 0);
    }

    /// `socket` was accepted by whoever listens at `local`.
    pub fn accepted(&mut self, at: At, socket: u64, local: SocketAddr, remote: SocketAddr) {
        if !self.follows(socket) {
            let id = self.join(at, socket, (remote, local), Port::Listener);
            self.open(at, id);
        }
    }

    /// The program of `socket` handed over `len` bytes; `bytes` where they could be read.
    pub fn sent(&mut self, at: At, socket: u64, bytes: Option<&[u8]>, len: u64) {
        let Some((id, port)) = self.ends.get(&socket).copied() else { return };
        self.open(at, id);
        let Some(link) = self.links.get_mut(&id) else { return };
        let end = link.end_mut(port);
        let from = end.sent;
        end.sent += len;
        match bytes {
            Some(bytes) => {
                let known = end.told.saturating_sub(from).min(len);
                self.tell(at, id, port, from + known, &bytes[known as usize..]);
            }
            None => end.unread_bytes = true,
        }
    }

    /// The program of `socket` took `len` bytes; `bytes` where they could be read.
    pub fn received(&mut self, at: At, socket: u64, bytes: Option<&[u8]>, len: u64) {
        let Some((id, port)) = self.ends.get(&socket).copied() else { return };
        self.open(at, id);
        let Some(link) = self.links.get_mut(&id) else { return };
        let end = link.end_mut(port);
        let from = end.got;
        end.got += len;
        let itself = link.is_to_itself();
        let sender = link.end_mut(port.other());
        if let Some(bytes) = bytes.filter(|_| !itself) {
            let known = if sender.unread_bytes { 0 } else { sender.told.saturating_sub(from).min(len) };
            self.tell(at, id, port.other(), from + known, &bytes[known as usize..]);
        }
    }

    /// The program of `socket` read the end of the stream.
    pub fn read_end(&mut self, at: At, socket: u64) {
        if let Some((id, port)) = self.ends.get(&socket).copied() {
            self.fin(at, id, port.other());
        }
    }

    /// The program of `socket` was told that the other end reset the connection.
    pub fn was_reset(&mut self, at: At, socket: u64) {
        let Some((id, port)) = self.ends.get(&socket).copied() else { return };
        self.rst(at, id, port.other());
    }

    /// The program of `socket` was told that it can send no more (EPIPE): it said so itself, or was reset.
    pub fn cannot_send(&mut self, at: At, socket: u64) {
        let Some((id, port)) = self.ends.get(&socket).copied() else { return };
        if self.links.get(&id).is_some_and(|link| !link.end(port).fin) {
            self.rst(at, id, port.other());
        }
    }

    /// The program of `socket` will send no more.
    pub fn shut(&mut self, at: At, socket: u64) {
        if let Some((id, port)) = self.ends.get(&socket).copied() {
            self.fin(at, id, port);
        }
    }

    /// `socket` resets its connection when it is closed, or no longer does.
    pub fn lingers(&mut self, socket: u64, abrupt: bool) {
        let Some((id, port)) = self.ends.get(&socket).copied() else { return };
        if let Some(link) = self.links.get_mut(&id) {
            link.end_mut(port).abrupt = abrupt;
        }
    }

    /// Nobody holds `socket` any more. A kernel that closes with unread bytes resets the connection (RFC 9293 §3.6.1).
    pub fn closed(&mut self, at: At, socket: u64) {
        let Some((id, port)) = self.ends.remove(&socket) else { return };
        let Some(link) = self.links.get_mut(&id) else { return };
        let (other, ended) = (link.end(port.other()).clone(), link.is_reset() || link.state != State::Open);
        let end = link.end_mut(port);
        end.closed = true;
        let unread = other.told.max(other.sent) > end.got;
        let abrupt = end.abrupt && !(end.fin && other.fin);
        if !ended && (unread || abrupt) && !link.is_to_itself() {
            self.rst(at, id, port);
        } else if !ended {
            self.fin(at, id, port);
        }
        self.forget(id);
    }

    /// A datagram was handed over at `source`. `nobody`: no socket has the port it goes to.
    pub fn sent_datagram(
        &mut self,
        at: At,
        (source, target): (SocketAddr, SocketAddr),
        bytes: &[u8],
        len: u32,
        nobody: bool,
    ) {
        let Some(passing) = self.passing(source, target) else { return };
        passing.sent += 1;
        let (fresh, few) = (passing.sent > passing.told, passing.sent <= REFUSALS);
        if fresh {
            passing.told += 1;
            self.datagram(at, source, target, bytes, len);
        }
        if nobody && few {
            self.refused_datagram(at, source, target);
        }
    }

    /// A datagram was taken at `target`.
    pub fn received_datagram(&mut self, at: At, (source, target): (SocketAddr, SocketAddr), bytes: &[u8], len: u32) {
        let Some(passing) = self.passing(source, target) else { return };
        passing.got += 1;
        if passing.got > passing.told {
            passing.told += 1;
            self.datagram(at, source, target, bytes, len);
        }
    }

    /// The program at `sender` was told that no socket has the port of `target`.
    pub fn refused_datagram(&mut self, at: At, sender: SocketAddr, target: SocketAddr) {
        let v6 = target.is_ipv6();
        let code = if v6 { 4 } else { 3 };
        self.push(at, &Decoded::Unreachable(Complaint { code, v6, transport: Transport::Udp, sender, target }));
    }

    /// Whether anything ever came from `source` to `target`.
    #[must_use]
    pub fn was_answered(&self, source: SocketAddr, target: SocketAddr) -> bool {
        self.passing.get(&(source, target)).is_some_and(|passing| passing.told > 0)
    }

    /// A datagram that was sent to `target` and that nobody is known to have taken: where it came from.
    #[must_use]
    pub fn awaits(&self, target: SocketAddr) -> Option<SocketAddr> {
        let waits = |((_, to), passing): &(&(SocketAddr, SocketAddr), &Passing)| {
            to.port() == target.port() && passing.got < passing.told
        };
        self.passing.iter().find(waits).map(|((source, _), _)| *source)
    }

    fn passing(&mut self, source: SocketAddr, target: SocketAddr) -> Option<&mut Passing> {
        let known = self.passing.contains_key(&(source, target));
        (known || self.passing.len() < FOLLOWED).then(|| self.passing.entry((source, target)).or_default())
    }

    fn datagram(&mut self, at: At, source: SocketAddr, destination: SocketAddr, bytes: &[u8], len: u32) {
        self.push(at, &Decoded::Udp(Datagram { source, destination, payload: bytes, len }));
    }

    /// The connection between the two addresses of which `socket` is that end.
    fn join(&mut self, at: At, socket: u64, pair: (SocketAddr, SocketAddr), port: Port) -> u32 {
        let known = self.latest.get(&pair).copied().filter(|id| {
            self.links.get(id).is_some_and(|link| link.end(port).socket.is_none() && link.state != State::Refused)
        });
        let id = known.unwrap_or_else(|| self.begin(at, pair));
        if let Some(link) = self.links.get_mut(&id) {
            link.end_mut(port).socket = Some(socket);
            self.ends.insert(socket, (id, port));
        }
        id
    }

    fn begin(&mut self, at: At, (dialler, listener): (SocketAddr, SocketAddr)) -> u32 {
        self.made += 1;
        let id = self.made;
        if self.links.len() < FOLLOWED {
            let (dialling, listening) = (End::default(), End::default());
            self.links.insert(id, Link { dialler, listener, state: State::Dialling, dialling, listening });
            self.latest.insert((dialler, listener), id);
        }
        self.segment(at, id, Port::Dialler, Flags { syn: true, ..Flags::default() }, &[], 0);
        id
    }

    fn open(&mut self, at: At, id: u32) {
        let Some(link) = self.links.get_mut(&id).filter(|link| link.state == State::Dialling) else { return };
        link.state = State::Open;
        if !link.is_to_itself() {
            self.segment(at, id, Port::Listener, Flags { syn: true, ack: true, ..Flags::default() }, &[], 0);
            self.acknowledge(at, id, Port::Dialler);
        }
    }

    /// Folds in bytes that stand at `offset` of what `port` sent, and what the other end's kernel makes of them.
    fn tell(&mut self, at: At, id: u32, port: Port, offset: u64, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let flags = Flags { ack: true, psh: true, ..Flags::default() };
        self.segment(at, id, port, flags, bytes, offset);
        let Some(link) = self.links.get_mut(&id) else { return };
        let end = link.end_mut(port);
        end.told = end.told.max(offset + bytes.len() as u64);
        if link.end(port.other()).closed {
            self.rst(at, id, port.other());
        } else {
            self.acknowledge(at, id, port.other());
        }
    }

    fn fin(&mut self, at: At, id: u32, port: Port) {
        let Some(link) = self.links.get_mut(&id) else { return };
        if link.state != State::Open || link.is_reset() || std::mem::replace(&mut link.end_mut(port).fin, true) {
            return;
        }
        let offset = link.end(port).told;
        self.segment(at, id, port, Flags { fin: true, ack: true, ..Flags::default() }, &[], offset);
        self.acknowledge(at, id, port.other());
    }

    fn rst(&mut self, at: At, id: u32, port: Port) {
        let Some(link) = self.links.get_mut(&id).filter(|link| !link.is_reset()) else { return };
        link.end_mut(port).rst = true;
        let offset = link.end(port).told + u64::from(link.end(port).fin);
        self.segment(at, id, port, Flags { rst: true, ack: true, ..Flags::default() }, &[], offset);
    }

    fn acknowledge(&mut self, at: At, id: u32, port: Port) {
        let Some(link) = self.links.get(&id) else { return };
        let offset = link.end(port).told + u64::from(link.end(port).fin);
        self.segment(at, id, port, Flags { ack: true, ..Flags::default() }, &[], offset);
    }

    fn segment(&mut self, at: At, id: u32, from: Port, flags: Flags, payload: &[u8], offset: u64) {
        self.absent(at, id, from, flags, payload, (offset, payload.len() as u32));
    }

    /// As [`Rebuilt::segment`]; of the `len` bytes only `payload` is known.
    fn absent(&mut self, at: At, id: u32, from: Port, flags: Flags, payload: &[u8], (offset, len): (u64, u32)) {
        let Some(link) = self.links.get(&id) else { return };
        // Any number will do that tells two connections between the same ports apart.
        let isn = id.wrapping_mul(0x9e37_79b9);
        let after_syn = u32::from(!flags.syn);
        let other = link.end(from.other());
        let seen = (other.told + u64::from(other.fin)) as u32;
        let (source, destination) = (link.address(from), link.address(from.other()));
        let segment = Tcp {
            source,
            destination,
            seq: isn.wrapping_add(after_syn).wrapping_add(offset as u32),
            ack: if flags.ack { isn.wrapping_add(1).wrapping_add(seen) } else { 0 },
            flags,
            window: u16::MAX,
            window_scale: None,
            payload,
            len,
        };
        self.push(at, &Decoded::Tcp(segment));
    }

    fn push(&mut self, at: At, decoded: &Decoded<'_>) {
        self.number += 1;
        self.conversations.fold(self.number, at, decoded);
    }

    /// Both ends are gone: nothing more can come.
    fn forget(&mut self, id: u32) {
        let Some(link) = self.links.get(&id) else { return };
        if link.dialling.closed && link.listening.closed {
            let pair = (link.dialler, link.listener);
            self.links.remove(&id);
            if self.latest.get(&pair) == Some(&id) {
                self.latest.remove(&pair);
            }
        }
    }

    /// With the bytes that were handed over, and that neither end's memory showed, as missing ones.
    fn with_unread_bytes(&self) -> std::borrow::Cow<'_, Self> {
        let hidden = |end: &End| end.unread_bytes && end.sent > end.told;
        let ids: Vec<u32> = self
            .links
            .iter()
            .filter(|(_, link)| hidden(&link.dialling) || hidden(&link.listening))
            .map(|(id, _)| *id)
            .collect();
        if ids.is_empty() {
            return std::borrow::Cow::Borrowed(self);
        }
        let mut all = self.clone();
        let at = self.last_packet().unwrap_or_default();
        for id in ids {
            for port in [Port::Dialler, Port::Listener] {
                let Some(end) = all.links.get(&id).map(|link| link.end(port).clone()).filter(|end| hidden(end)) else {
                    continue;
                };
                let flags = Flags { ack: true, psh: true, ..Flags::default() };
                all.absent(at, id, port, flags, &[], (end.told, (end.sent - end.told) as u32));
            }
        }
        std::borrow::Cow::Owned(all)
    }
}
