//! Conversations rebuilt from socket calls, for machines where packets may not be captured.
//!
//! What a program hands to its socket is what the kernel sends, and on one machine it arrives at once; so each call is
//! folded in as the segments it caused. Both ends tell of the same bytes: whichever is heard of first is told, and the
//! other one only confirms it. Windows, repetitions and the moments of acknowledgements are not known this way.

mod datagrams;
mod link;

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::SocketAddr;

use self::datagrams::Passing;
use self::link::{End, Link, State};
use super::conversations::Conversations;
use super::decode::{Decoded, Tcp};
use crate::evidence::{At, Flags, Packets, Port};

/// How many connections at most are followed at the same time.
const FOLLOWED: usize = 20_000;
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

impl Rebuilt {
    /// The state at this moment. Why no packet was captured is for the recorder to fill in.
    #[must_use]
    pub fn view(&self) -> Packets {
        self.with_the_rest().conversations.view()
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
        if let Some((id, port)) = self.ends.get(&socket).copied()
            && self.links.get(&id).is_some_and(|link| !link.end(port).deaf)
        {
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

    /// The program of `socket` will send no more, or read no more, or neither.
    pub fn shut(&mut self, at: At, socket: u64, reads: bool, sends: bool) {
        let Some((id, port)) = self.ends.get(&socket).copied() else { return };
        if let Some(link) = self.links.get_mut(&id) {
            link.end_mut(port).deaf |= reads;
        }
        if sends {
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
        // Linux resets what arrives once nobody can read it: after close, and after shutdown in both directions.
        let other = link.end(port.other());
        if other.closed || (other.deaf && other.fin) {
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
        // It acknowledges nothing: what had arrived before was acknowledged then.
        self.segment(at, id, port, Flags { rst: true, ..Flags::default() }, &[], offset);
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

    /// With all that neither end's memory showed, or only one end told of: bytes that are missing, datagrams of strangers.
    fn with_the_rest(&self) -> Cow<'_, Self> {
        let hidden = |end: &End| end.unread_bytes && end.sent > end.told;
        let hides = |link: &Link| hidden(&link.dialling) || hidden(&link.listening);
        let ids: Vec<u32> = self.links.iter().filter(|(_, link)| hides(link)).map(|(id, _)| *id).collect();
        let early = self.passing.iter().filter(|(_, passing)| !passing.early.is_empty());
        let pairs: Vec<_> = early.map(|(pair, _)| *pair).collect();
        if ids.is_empty() && pairs.is_empty() {
            return Cow::Borrowed(self);
        }
        let mut all = self.clone();
        for (source, target) in pairs {
            all.tell_early(source, target);
        }
        let at = self.last_packet().unwrap_or_default();
        for (id, port) in ids.into_iter().flat_map(|id| [(id, Port::Dialler), (id, Port::Listener)]) {
            let end = all.links.get(&id).map(|link| link.end(port).clone());
            if let Some(end) = end.filter(hidden) {
                let flags = Flags { ack: true, psh: true, ..Flags::default() };
                all.absent(at, id, port, flags, &[], (end.told, (end.sent - end.told) as u32));
            }
        }
        Cow::Owned(all)
    }
}

#[cfg(test)]
#[path = "rebuilt/tests.rs"]
mod tests;
