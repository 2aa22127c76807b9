//! Second sights of one packet. A capture on every device at once (`any`) can show a packet at each device it passes.
//!
//! A true retransmission must never be taken for one: it has an IP identification of its own, and it is seen at the same
//! places as the original. Only a copy in every byte, within a moment, counts, and only if either fact tells it apart.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::decode::{Link, network_layer};
use crate::evidence::At;

/// How long a packet may take from one device to the next, in nanoseconds.
const MOMENT: u64 = 1_000_000;
/// How many packets are remembered.
const MEMORY: usize = 64;
/// How many bytes are compared besides the length: all headers with the usual options fit.
const COMPARED: usize = 128;

/// The packets seen within the last moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Duplicates {
    recent: VecDeque<Sight>,
}

#[derive(Debug, Clone, Copy)]
struct Sight {
    at: At,
    /// Device and direction, as far as the link layer tells.
    place: (u32, u16),
    fingerprint: u64,
}

impl Duplicates {
    /// Whether `frame` is a second sight of a packet that was seen already.
    pub(super) fn seen_before(&mut self, at: At, link: Link, frame: &[u8]) -> bool {
        let Some(place) = place(link, frame) else { return false };
        let Ok(Some(packet)) = network_layer(link, frame) else { return false };
        let sight = Sight { at, place, fingerprint: fingerprint(packet) };
        let identified = is_identified(packet);
        let again = self.recent.iter().any(|old| {
            old.fingerprint == sight.fingerprint
                && at.0.saturating_sub(old.at.0) <= MOMENT
                && (identified || old.place != place)
        });
        if !again {
            if self.recent.len() == MEMORY {
                self.recent.pop_front();
            }
            self.recent.push_back(sight);
        }
        again
    }
}

/// Where a packet was seen; `None` for link layers that a capture on one device has.
fn place(link: Link, frame: &[u8]) -> Option<(u32, u16)> {
    let bytes = |at: usize, len: usize| {
        frame.get(at..at + len).map(|field| field.iter().fold(0, |number, &byte| (number << 8) | u32::from(byte)))
    };
    match link {
        Link::Sll => Some((0, bytes(0, 2)? as u16)),
        Link::Sll2 => Some((bytes(4, 4)?, bytes(10, 1)? as u16)),
        Link::Ethernet | Link::Raw | Link::Null => None,
    }
}

fn fingerprint(packet: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    packet.len().hash(&mut hasher);
    packet[..packet.len().min(COMPARED)].hash(&mut hasher);
    hasher.finish()
}

/// Whether the sender numbered the packet: IPv4 with an identification that is not zero (RFC 6864 lets it be zero).
fn is_identified(packet: &[u8]) -> bool {
    matches!(packet, [version, _, _, _, high, low, ..] if version >> 4 == 4 && (*high, *low) != (0, 0))
}

#[cfg(test)]
mod tests {
    use etherparse::PacketBuilder;

    use super::*;

    /// A cooked frame of `kind` (0 to us, 4 from us) with a TCP segment.
    fn cooked(kind: u8, identification: u16) -> Vec<u8> {
        let builder = PacketBuilder::ipv4([127, 0, 0, 1], [127, 0, 0, 1], 64).tcp(40000, 7, 1, 1024);
        let mut packet = Vec::new();
        builder.write(&mut packet, b"hello").unwrap();
        packet[4..6].copy_from_slice(&identification.to_be_bytes());
        let mut frame = vec![0, kind, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0];
        frame.extend(packet);
        frame
    }

    #[test]
    fn the_outgoing_and_the_incoming_sight_are_one_packet() {
        let mut duplicates = Duplicates::default();
        assert!(!duplicates.seen_before(At(0), Link::Sll, &cooked(4, 0)));
        assert!(duplicates.seen_before(At(2_000), Link::Sll, &cooked(0, 0)));
    }

    #[test]
    fn a_numbered_packet_is_known_again_at_the_same_kind_of_place() {
        let mut duplicates = Duplicates::default();
        assert!(!duplicates.seen_before(At(0), Link::Sll, &cooked(0, 77)));
        assert!(duplicates.seen_before(At(2_000), Link::Sll, &cooked(0, 77)));
    }

    #[test]
    fn a_retransmission_is_not_a_second_sight() {
        let mut duplicates = Duplicates::default();
        assert!(!duplicates.seen_before(At(0), Link::Sll, &cooked(0, 77)));
        assert!(!duplicates.seen_before(At(2_000), Link::Sll, &cooked(0, 78)), "another identification");
        assert!(!duplicates.seen_before(At(200_000_000), Link::Sll, &cooked(0, 77)), "much later");
    }

    #[test]
    fn equal_packets_without_a_number_at_one_place_are_two_packets() {
        let mut duplicates = Duplicates::default();
        assert!(!duplicates.seen_before(At(0), Link::Sll, &cooked(0, 0)));
        assert!(!duplicates.seen_before(At(10), Link::Sll, &cooked(0, 0)));
    }

    #[test]
    fn a_capture_on_one_device_has_no_second_sights() {
        let mut duplicates = Duplicates::default();
        let frame = cooked(0, 77);
        assert!(!duplicates.seen_before(At(0), Link::Raw, &frame[16..]));
        assert!(!duplicates.seen_before(At(1), Link::Raw, &frame[16..]));
    }
}
