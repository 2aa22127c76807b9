//! Packets put on a wire by hand, and what becomes of them.

use etherparse::{PacketBuilder, TcpOptionElement};
use proptest::prelude::*;

use super::*;
use crate::evidence::{Bytes, Conversation, Flags, Note, Port, Stream};

const CLIENT: u16 = 40_000;
const SERVER: u16 = 7;

const SYN: Flags = Flags { syn: true, ack: false, fin: false, rst: false, psh: false };
const SYN_ACK: Flags = Flags { ack: true, ..SYN };
const ACK: Flags = Flags { syn: false, ..SYN_ACK };
const FIN: Flags = Flags { fin: true, ..ACK };
const RST: Flags = Flags { rst: true, ..ACK };

/// A wire on which packets can be put by hand; one microsecond passes between them.
struct Wire {
    conversations: Conversations,
    number: u64,
}

impl Wire {
    fn new() -> Self {
        Self { conversations: Conversations::new(), number: 0 }
    }

    fn put(&mut self, packet: &[u8]) {
        self.number += 1;
        let at = At(self.number * 1000);
        self.conversations.push(self.number, at, Link::Raw, packet, packet.len() as u32);
    }

    fn tcp(&mut self, (from, to): (u16, u16), flags: Flags, seq: u32, ack: u32, window: u16, payload: &[u8]) {
        let mut builder = PacketBuilder::ipv4([127, 0, 0, 1], [127, 0, 0, 1], 64).tcp(from, to, seq, window);
        if flags.syn {
            builder = builder.syn().options(&[TcpOptionElement::WindowScale(3)]).unwrap();
        }
        if flags.ack {
            builder = builder.ack(ack);
        }
        if flags.fin {
            builder = builder.fin();
        }
        if flags.rst {
            builder = builder.rst();
        }
        let mut packet = Vec::new();
        builder.write(&mut packet, payload).unwrap();
        self.put(&packet);
    }

    fn client(&mut self, flags: Flags, seq: u32, ack: u32, payload: &[u8]) {
        self.tcp((CLIENT, SERVER), flags, seq, ack, 100, payload);
    }

    fn server(&mut self, flags: Flags, seq: u32, ack: u32, payload: &[u8]) {
        self.tcp((SERVER, CLIENT), flags, seq, ack, 100, payload);
    }

    /// A handshake with initial sequence numbers `c` and `s`.
    fn shake(&mut self, c: u32, s: u32) {
        self.client(SYN, c, 0, b"");
        self.server(SYN_ACK, s, c.wrapping_add(1), b"");
        self.client(ACK, c.wrapping_add(1), s.wrapping_add(1), b"");
    }

    fn udp(&mut self, from: u16, to: u16, payload: &[u8]) {
        let mut packet = Vec::new();
        PacketBuilder::ipv4([127, 0, 0, 1], [127, 0, 0, 1], 64).udp(from, to).write(&mut packet, payload).unwrap();
        self.put(&packet);
    }

    fn talks(&self) -> Vec<Conversation> {
        self.conversations.view().conversations
    }

    fn in_flight(&self) -> bool {
        self.conversations.in_flight()
    }
}

fn notes(talk: &Conversation) -> Vec<Option<Note>> {
    talk.segments.iter().map(|segment| segment.note).collect()
}

#[test]
fn something_is_in_flight_until_it_is_acknowledged() {
    let mut wire = Wire::new();
    assert!(!wire.in_flight());
    wire.client(SYN, 10, 0, b"");
    assert!(wire.in_flight(), "a SYN without an answer");
    wire.server(SYN_ACK, 20, 11, b"");
    wire.client(ACK, 11, 21, b"");
    assert!(!wire.in_flight());
    wire.client(ACK, 11, 21, b"hello");
    assert!(wire.in_flight(), "payload");
    wire.server(ACK, 21, 14, b"");
    assert!(wire.in_flight(), "acknowledged in part");
    wire.server(ACK, 21, 16, b"");
    assert!(!wire.in_flight());
    wire.client(FIN, 16, 21, b"");
    assert!(wire.in_flight(), "a FIN");
    wire.server(ACK, 21, 17, b"");
    assert!(!wire.in_flight());
}

#[test]
fn nothing_is_in_flight_after_a_reset_or_a_refusal_or_a_new_attempt() {
    let mut wire = Wire::new();
    wire.shake(10, 20);
    wire.client(ACK, 11, 21, b"hello");
    wire.server(RST, 21, 11, b"");
    assert!(!wire.in_flight());
    wire.client(SYN, 500, 0, b"");
    wire.server(RST, 0, 501, b"");
    assert!(!wire.in_flight());
    wire.client(SYN, 900, 0, b"");
    wire.client(SYN, 1900, 0, b"");
    wire.server(RST, 0, 1901, b"");
    assert!(!wire.in_flight(), "the attempt that was abandoned does not count");
    let talks = wire.talks();
    assert_eq!(talks.len(), 4);
    assert_eq!(talks.iter().map(|talk| talk.refused.is_some()).collect::<Vec<_>>(), [false, true, false, true]);
    assert!(talks[0].received.rst.is_some());
}

#[test]
fn sequence_numbers_may_wrap() {
    let mut wire = Wire::new();
    let (c, s) = (u32::MAX - 2, u32::MAX);
    wire.shake(c, s);
    wire.client(ACK, c.wrapping_add(1), 0, b"hello");
    wire.server(ACK, 0, c.wrapping_add(6), b"world");
    wire.client(FIN, c.wrapping_add(6), 5, b"");
    wire.server(ACK, 5, c.wrapping_add(7), b"");
    let talk = &wire.talks()[0];
    assert_eq!((&talk.sent.head, talk.sent.acked), (&Bytes::from("hello"), 5));
    assert_eq!((&talk.received.head, talk.received.acked), (&Bytes::from("world"), 5));
    assert!(talk.sent.is_whole() && talk.received.is_whole());
}

#[test]
fn positions_stay_right_beyond_four_gigabytes() {
    let mut side = super::super::side::Side::new();
    side.acknowledge(1);
    for step in 1..=10i64 {
        let end = step << 30;
        assert_eq!(side.position((1 + end) as u32), end);
        side.sent(end);
    }
}

#[test]
fn a_hole_that_is_filled_later_was_only_disorder() {
    let mut wire = Wire::new();
    wire.shake(10, 20);
    wire.client(ACK, 14, 21, b"lo");
    assert_eq!(notes(&wire.talks()[0])[3], Some(Note::AfterGap));
    wire.client(ACK, 11, 21, b"hel");
    let talk = &wire.talks()[0];
    assert_eq!(notes(talk)[3..], [Some(Note::OutOfOrder), None]);
    assert_eq!((&talk.sent.head, talk.sent.retransmissions), (&Bytes::from("hello"), 0));
}

#[test]
fn acknowledged_bytes_that_were_not_captured_are_missing() {
    let mut wire = Wire::new();
    wire.shake(10, 20);
    wire.client(ACK, 14, 21, b"lo");
    wire.server(ACK, 21, 26, b"");
    let talk = &wire.talks()[0];
    assert_eq!((talk.sent.total, talk.sent.missing, talk.sent.acked), (2, 13, 15));
}

#[test]
fn a_stale_acknowledgement_invents_no_missing_bytes() {
    let mut wire = Wire::new();
    wire.client(SYN, 10, 0, b"");
    wire.server(ACK, 999, 900_000_000, b"");
    wire.client(RST, 900_000_000, 0, b"");
    let talk = &wire.talks()[0];
    assert_eq!((talk.sent.missing, talk.received.missing), (0, 0));
}

#[test]
fn a_repeated_syn_ack_or_fin_is_noted_and_changes_nothing() {
    let mut wire = Wire::new();
    wire.client(SYN, 10, 0, b"");
    wire.server(SYN_ACK, 20, 11, b"");
    wire.server(SYN_ACK, 20, 11, b"");
    wire.client(FIN, 11, 21, b"x");
    wire.client(FIN, 11, 21, b"x");
    let again = Some(Note::Retransmission);
    let talk = &wire.talks()[0];
    assert_eq!(notes(talk), [None, None, again, None, again]);
    assert_eq!((talk.syn_ack, talk.sent.fin), (Some(At(2000)), Some(At(4000))));
    assert_eq!((talk.sent.total, talk.sent.retransmissions), (1, 1));
}

#[test]
fn a_single_byte_sent_twice_is_a_retransmission_unless_it_was_acknowledged() {
    let mut wire = Wire::new();
    wire.shake(10, 20);
    wire.client(ACK, 11, 21, b"x");
    wire.client(ACK, 11, 21, b"x");
    wire.server(ACK, 21, 12, b"");
    wire.client(ACK, 11, 21, b"\0");
    let talk = &wire.talks()[0];
    assert_eq!(notes(talk)[3..], [None, Some(Note::Retransmission), None, Some(Note::KeepAlive)]);
    assert_eq!((&talk.sent.head, talk.sent.retransmissions), (&Bytes::from("x"), 1));
}

#[test]
fn ends_that_dial_each_other_are_told() {
    let mut wire = Wire::new();
    wire.client(SYN, 10, 0, b"");
    wire.server(SYN, 20, 0, b"");
    wire.client(SYN_ACK, 10, 21, b"");
    wire.server(SYN_ACK, 20, 11, b"");
    wire.client(ACK, 11, 21, b"hi");
    let talks = wire.talks();
    assert_eq!(talks.len(), 1);
    assert!(talks[0].self_connect && talks[0].syn_ack.is_some());
    assert_eq!(talks[0].sent.head, Bytes::from("hi"));
}

#[test]
fn a_conversation_without_its_beginning_goes_by_what_is_known_of_the_ports() {
    let mut wire = Wire::new();
    wire.conversations.listens_on(50_000);
    wire.tcp((50_000, CLIENT), ACK, 5, 5, 100, b"welcome");
    wire.tcp((60_000, SERVER), ACK, 5, 5, 100, b"hello");
    wire.tcp((8080, 60_001), SYN_ACK, 5, 5, 100, b"");
    wire.udp(50_000, 60_000, b"late");
    let talks = wire.talks();
    let listeners: Vec<_> = talks.iter().map(|talk| talk.listener.port()).collect();
    assert_eq!(listeners, [50_000, SERVER, 8080, 50_000]);
    assert!(talks[..3].iter().all(|talk| !talk.from_start));
    assert_eq!(talks[3].received.datagrams, [4]);
}

#[test]
fn the_middle_of_a_long_exchange_is_counted_but_not_kept() {
    let mut wire = Wire::new();
    wire.shake(10, 20);
    for round in 0..300 {
        wire.client(ACK, 11 + round, 21 + round, b"q");
        wire.server(ACK, 21 + round, 12 + round, b"a");
    }
    let talk = &wire.talks()[0];
    assert_eq!((talk.segments.len(), talk.segments_head, talk.segments_omitted), (250, 200, 353));
    assert_eq!((talk.turns.len(), talk.turns_omitted), (250, 350));
    assert_eq!(talk.segments[talk.segments_head].number, 554);
    assert_eq!(talk.turns.last().map(|turn| (turn.from, turn.offset)), Some((Port::Listener, 299)));
    assert_eq!((talk.sent.total, talk.received.total), (300, 300));
}

#[test]
fn conversations_beyond_the_limit_are_counted_once_each() {
    let mut wire = Wire::new();
    for client in 0..LIMIT as u16 + 3 {
        let port = 10_000 + client;
        wire.tcp((port, SERVER), SYN, 10, 0, 100, b"");
        wire.tcp((port, SERVER), SYN, 10, 0, 100, b"");
        wire.tcp((SERVER, port), SYN_ACK, 20, 11, 100, b"");
        wire.tcp((port, SERVER), FIN, 11, 21, 100, b"x");
    }
    wire.tcp((10_000 + LIMIT as u16, SERVER), SYN, 99, 0, 100, b"");
    wire.tcp((10_000, SERVER), SYN, 99, 0, 100, b"");
    wire.tcp((10_000, SERVER), ACK, 100, 1, 100, b"not for the first conversation on this port");
    let packets = wire.conversations.view();
    assert_eq!((packets.conversations.len(), packets.conversations_omitted), (LIMIT, 5));
    assert_eq!(packets.conversations[0].sent.total, 1);
}

#[test]
fn memory_is_bounded_whatever_flows() {
    let mut wire = Wire::new();
    let payload = [b'z'; 4_000];
    // All but a megabyte for beginnings and a quarter of one for bytes out of order is used up elsewhere.
    wire.conversations.room.take((64 << 20) - (1 << 20));
    wire.conversations.room.hold((16 << 20) - (256 << 10));
    for client in 0..LIMIT as u16 {
        let port = 10_000 + client;
        wire.tcp((port, SERVER), SYN, 10, 0, 100, b"");
        wire.tcp((port, SERVER), ACK, 11, 0, 100, &payload);
        // Out of order for ever.
        wire.tcp((port, SERVER), ACK, 9_000, 0, 100, &payload);
    }
    let talks = wire.talks();
    let kept: usize = talks.iter().map(|talk| talk.sent.head.len() + talk.sent.tail.len()).sum();
    assert!(kept <= (1 << 20) + LIMIT * (Stream::TAIL + 256), "{kept}");
    let total = |talk: &Conversation| (talk.sent.total, talk.sent.missing);
    assert!(talks.iter().all(|talk| total(talk) == (8_000, 4_989)));
    assert!(talks.iter().all(|talk| talk.sent.head.len() >= 256 && talk.segments.len() == 3));
}

#[test]
fn frames_that_cannot_be_read_are_counted() {
    let mut wire = Wire::new();
    wire.put(&[0x45, 0, 0]);
    wire.put(&[]);
    assert_eq!(wire.conversations.view().undecoded, 2);
    assert_eq!(wire.conversations.last_packet(), Some(At(2000)));
}

proptest! {
    /// Any segments between two ends, sane or not: no panic, no byte counted twice, never a negative flight.
    #[test]
    fn any_segments_are_survived(
        segments in proptest::collection::vec(
            (any::<[bool; 5]>(), any::<bool>(), 0u32..300, 0u32..300, any::<bool>(), 0usize..60), 0..120,
        ),
    ) {
        let mut wire = Wire::new();
        for ([syn, ack, fin, rst, wild], from_client, seq, acked, open, len) in segments {
            let flags = Flags { syn, ack, fin, rst, psh: false };
            let seq = if wild { seq.wrapping_mul(40_503_777) } else { seq };
            let ends = if from_client { (CLIENT, SERVER) } else { (SERVER, CLIENT) };
            wire.tcp(ends, flags, seq, acked, u16::from(open), &vec![b'p'; len]);
        }
        for talk in wire.talks() {
            for stream in [&talk.sent, &talk.received] {
                prop_assert!(stream.head.len() as u64 <= stream.total);
                prop_assert_eq!(stream.total == 0, stream.first.is_none());
            }
            let spoken: u64 = talk.turns.iter().map(|turn| turn.len).sum();
            prop_assert_eq!(spoken, talk.sent.total + talk.received.total);
        }
    }

    #[test]
    fn any_frames_are_survived(frames: Vec<Vec<u8>>) {
        let mut conversations = Conversations::new();
        for frame in &frames {
            for link in [Link::Ethernet, Link::Sll, Link::Sll2, Link::Raw, Link::Null] {
                conversations.push(1, At(0), link, frame, frame.len() as u32);
            }
        }
        let _ = conversations.view();
    }
}
