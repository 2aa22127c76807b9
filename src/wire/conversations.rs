//! All conversations of a capture, folded packet by packet into [`Packets`].
//!
//! Memory is bounded by the number of conversations kept, the room they share for beginnings, and fixed ends: about
//! 200 MB at the very worst, a few hundred bytes per conversation in an ordinary run.

use std::collections::HashMap;
use std::net::SocketAddr;

use super::decode::{Complaint, Datagram, Decoded, Link, Tcp, decode};
use super::duplicates::Duplicates;
use super::kept::Room;
use super::tcp::Connection;
use super::udp::Exchange;
use crate::evidence::{At, Packets, Transport, Unreachable};

/// How many conversations are kept; the rest is counted.
pub const LIMIT: usize = 2_000;
/// How many address pairs of conversations that are not kept are remembered, so that each is counted once.
const OMITTED_PAIRS: usize = 100_000;
/// How many "unreachable" messages are kept.
const UNREACHABLE: usize = 1_000;

/// Folds packets into conversations.
#[derive(Debug, Clone)]
pub struct Conversations {
    kept: Vec<Kept>,
    places: HashMap<Pair, Place>,
    /// The pair of the previous packet: most packets belong to the same conversation as the one before.
    latest: Option<(Pair, Place)>,
    listening: Vec<u16>,
    omitted: u64,
    undecoded: u64,
    unreachable: Vec<Unreachable>,
    duplicates: Duplicates,
    room: Room,
    in_flight: usize,
    last_packet: Option<At>,
}

#[derive(Debug, Clone)]
struct Kept {
    talk: Talk,
    in_flight: bool,
}

#[derive(Debug, Clone)]
enum Talk {
    Tcp(Box<Connection>),
    Udp(Box<Exchange>),
}

/// The two addresses of a conversation, the lower one first, so that both directions agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Pair(Transport, SocketAddr, SocketAddr);

impl Pair {
    fn of(transport: Transport, a: SocketAddr, b: SocketAddr) -> Self {
        if a <= b { Self(transport, a, b) } else { Self(transport, b, a) }
    }
}

/// Where the present conversation of a pair is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Kept(usize),
    /// Beyond the limit; with the initial sequence number, so that a repeated SYN is not counted again.
    Omitted(u32),
}

impl Default for Conversations {
    fn default() -> Self {
        Self::new()
    }
}

impl Conversations {
    /// Nothing seen yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            kept: Vec::new(),
            places: HashMap::new(),
            latest: None,
            listening: Vec::new(),
            omitted: 0,
            undecoded: 0,
            unreachable: Vec::new(),
            duplicates: Duplicates::default(),
            room: Room::new(),
            in_flight: 0,
            last_packet: None,
        }
    }

    /// Tells that a server listens on `port`. It decides who dialled where the capture began in the middle; a SYN that
    /// was seen says it better.
    pub fn listens_on(&mut self, port: u16) {
        if !self.listening.contains(&port) {
            self.listening.push(port);
        }
    }

    /// Folds one frame in. `number` is what `packets:N` will refer to; `original_len` is the frame's length on the wire.
    pub fn push(&mut self, number: u64, at: At, link: Link, frame: &[u8], original_len: u32) {
        self.last_packet = Some(at);
        match decode(link, frame, original_len) {
            Ok(decoded) if self.duplicates.seen_before(at, link, frame, &decoded) => {}
            Ok(decoded) => self.fold(number, at, &decoded),
            Err(_) => self.undecoded += 1,
        }
    }

    /// Folds in what needs no decoding.
    pub(super) fn fold(&mut self, number: u64, at: At, decoded: &Decoded<'_>) {
        self.last_packet = Some(at);
        match decoded {
            Decoded::Tcp(segment) => self.tcp(number, at, segment),
            Decoded::Udp(datagram) => self.udp(number, at, datagram),
            Decoded::Unreachable(complaint) => self.complain(number, at, *complaint),
            Decoded::Other => {}
        }
    }

    /// Whether anything is on its way: payload or a FIN that was not acknowledged, or a SYN that was not answered.
    #[must_use]
    pub fn in_flight(&self) -> bool {
        self.in_flight > 0
    }

    /// When the newest packet was seen.
    #[must_use]
    pub fn last_packet(&self) -> Option<At> {
        self.last_packet
    }

    /// The state at this moment. `device` and `dropped` are for the collector to fill in.
    #[must_use]
    pub fn view(&self) -> Packets {
        let conversation = |kept: &Kept| match &kept.talk {
            Talk::Tcp(connection) => connection.view(&self.room),
            Talk::Udp(exchange) => exchange.view(&self.room),
        };
        Packets {
            device: String::new(),
            dropped: 0,
            rebuilt: None,
            undecoded: self.undecoded,
            conversations: self.kept.iter().map(conversation).collect(),
            conversations_omitted: self.omitted,
            unreachable: self.unreachable.clone(),
        }
    }

    fn tcp(&mut self, number: u64, at: At, segment: &Tcp<'_>) {
        let pair = Pair::of(Transport::Tcp, segment.source, segment.destination);
        let index = match self.place(pair) {
            Some(Place::Kept(index)) if self.owns(index, segment) => index,
            Some(Place::Omitted(isn)) if !segment.flags.syn || segment.flags.ack || segment.seq == isn => return,
            earlier => {
                if let Some(Place::Kept(index)) = earlier {
                    self.settle(index, false);
                }
                let (dialler, listener) = self.roles(segment);
                let connection = Connection::new(dialler, listener, at);
                let begins = segment.flags.syn && !segment.flags.ack;
                let Some(index) = self.keep(pair, segment.seq, begins, Talk::Tcp(Box::new(connection))) else { return };
                index
            }
        };
        if let Some(Kept { talk: Talk::Tcp(connection), .. }) = self.kept.get_mut(index) {
            connection.push(number, at, segment, &mut self.room);
            let in_flight = connection.in_flight();
            self.settle(index, in_flight);
        }
    }

    fn udp(&mut self, number: u64, at: At, datagram: &Datagram<'_>) {
        let pair = Pair::of(Transport::Udp, datagram.source, datagram.destination);
        let index = match self.place(pair) {
            Some(Place::Kept(index)) => index,
            Some(Place::Omitted(_)) => return,
            None => {
                let sender = (datagram.source, datagram.destination);
                let (dialler, listener) = self.told(sender).unwrap_or(sender);
                let exchange = Exchange::new(dialler, listener, at);
                let Some(index) = self.keep(pair, 0, false, Talk::Udp(Box::new(exchange))) else { return };
                index
            }
        };
        if let Some(Kept { talk: Talk::Udp(exchange), .. }) = self.kept.get_mut(index) {
            exchange.push(number, at, datagram, &mut self.room);
        }
    }

    fn complain(&mut self, number: u64, at: At, complaint: Complaint) {
        let Complaint { code, v6, transport, sender, target } = complaint;
        if self.unreachable.len() < UNREACHABLE {
            self.unreachable.push(Unreachable { number, at, code, v6, transport, sender, target });
        }
    }

    /// Where the present conversation of `pair` is.
    fn place(&mut self, pair: Pair) -> Option<Place> {
        if let Some((latest, place)) = self.latest
            && latest == pair
        {
            return Some(place);
        }
        let place = self.places.get(&pair).copied()?;
        self.latest = Some((pair, place));
        Some(place)
    }

    fn owns(&self, index: usize, segment: &Tcp<'_>) -> bool {
        matches!(self.kept.get(index), Some(Kept { talk: Talk::Tcp(connection), .. }) if connection.owns(segment))
    }

    /// Keeps a new conversation, or counts it if there are too many.
    fn keep(&mut self, pair: Pair, isn: u32, begins: bool, talk: Talk) -> Option<usize> {
        let index = self.kept.len();
        let place = if index < LIMIT { Place::Kept(index) } else { Place::Omitted(isn) };
        self.latest = Some((pair, place));
        if index < LIMIT {
            self.kept.push(Kept { talk, in_flight: false });
            self.places.insert(pair, place);
            return Some(index);
        }
        let remembered = self.places.len() < LIMIT + OMITTED_PAIRS || self.places.contains_key(&pair);
        if remembered {
            self.places.insert(pair, place);
        }
        // A pair that cannot be remembered is counted by its SYN only, or each of its packets would count.
        if remembered || begins {
            self.omitted += 1;
        }
        None
    }

    fn settle(&mut self, index: usize, in_flight: bool) {
        let Some(kept) = self.kept.get_mut(index) else { return };
        match (kept.in_flight, in_flight) {
            (false, true) => self.in_flight += 1,
            (true, false) => self.in_flight -= 1,
            _ => {}
        }
        kept.in_flight = in_flight;
    }

    /// Who dials whom, judged by a connection's first segment seen.
    fn roles(&self, segment: &Tcp<'_>) -> (SocketAddr, SocketAddr) {
        let (source, destination) = (segment.source, segment.destination);
        match (segment.flags.syn, segment.flags.ack) {
            (true, false) => (source, destination),
            (true, true) => (destination, source),
            // Ports handed out by the kernel lie above those that servers choose.
            _ => self.told((source, destination)).unwrap_or(if source.port() >= destination.port() {
                (source, destination)
            } else {
                (destination, source)
            }),
        }
    }

    /// Who dials whom, if exactly one of the ports is known to be a listener's.
    fn told(&self, (a, b): (SocketAddr, SocketAddr)) -> Option<(SocketAddr, SocketAddr)> {
        match (self.listening.contains(&a.port()), self.listening.contains(&b.port())) {
            (false, true) => Some((a, b)),
            (true, false) => Some((b, a)),
            _ => None,
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
