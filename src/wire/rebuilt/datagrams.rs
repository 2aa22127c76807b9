//! Datagrams as the calls at both ends show them: each counts once, whoever is heard first.

use std::collections::VecDeque;
use std::net::SocketAddr;

use super::{FOLLOWED, Rebuilt};
use crate::evidence::{At, Transport};
use crate::wire::decode::{Complaint, Datagram, Decoded};

/// How many datagrams at most wait for their sender to tell of them.
const EARLY: usize = 64;
/// How many datagrams between two addresses may find nobody before that is not looked for any more.
const REFUSALS: u64 = 16;

/// Datagrams from one address to another, counted.
#[derive(Debug, Clone, Default)]
pub(super) struct Passing {
    sent: u64,
    got: u64,
    told: u64,
    /// Those that were taken before the call that sends them has returned. It will tell them better: whoever takes a
    /// datagram may have room for a part of it only.
    pub(super) early: VecDeque<(At, Vec<u8>, u32)>,
}

impl Rebuilt {
    /// A datagram was handed over at `source`. `nobody`: no socket has the port it goes to.
    pub fn sent_datagram(
        &mut self,
        at: At,
        (source, target): (SocketAddr, SocketAddr),
        bytes: &[u8],
        len: u32,
        nobody: bool,
    ) {
        // An answer: what it answers has passed.
        self.tell_early(target, source);
        let Some(passing) = self.passing(source, target) else { return };
        passing.sent += 1;
        let (fresh, few) = (passing.sent > passing.told, passing.sent <= REFUSALS);
        if fresh {
            passing.told += 1;
            let at = passing.early.pop_front().map_or(at, |(taken, ..)| taken.min(at));
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
        if passing.got > passing.told + passing.early.len() as u64 && passing.early.len() < EARLY {
            passing.early.push_back((at, bytes.to_vec(), len));
        }
    }

    /// Folds in what was taken of a sender that has not told of it.
    pub(super) fn tell_early(&mut self, source: SocketAddr, target: SocketAddr) {
        let Some(passing) = self.passing.get_mut(&(source, target)) else { return };
        let early = std::mem::take(&mut passing.early);
        passing.told += early.len() as u64;
        for (at, bytes, len) in early {
            self.datagram(at, source, target, &bytes, len);
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
}
