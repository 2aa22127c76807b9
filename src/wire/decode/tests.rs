//! Frames of every kind, whole and cut short, and what becomes of them.

use etherparse::{Icmpv4Type, PacketBuilder, icmpv4};
use proptest::prelude::*;

use super::*;

const CLIENT: ([u8; 4], u16) = ([127, 0, 0, 1], 40000);
const SERVER: ([u8; 4], u16) = ([127, 0, 0, 2], 7);

fn addr((ip, port): ([u8; 4], u16)) -> SocketAddr {
    SocketAddr::from((ip, port))
}

/// The same IP packet behind every link layer that is read.
fn on_every_link(packet: &[u8]) -> Vec<(Link, Vec<u8>)> {
    let ether_type: [u8; 2] = if packet[0] >> 4 == 4 { [8, 0] } else { [0x86, 0xdd] };
    let behind = |header: &[u8]| [header, packet].concat();
    vec![
        (Link::Ethernet, behind(&[&[0; 12], &ether_type[..]].concat())),
        (Link::Ethernet, behind(&[&[0; 12], &[0x81, 0, 0, 5][..], &ether_type[..]].concat())),
        (Link::Sll, behind(&[&[0; 14], &ether_type[..]].concat())),
        (Link::Sll2, behind(&[&ether_type[..], &[0; 18]].concat())),
        (Link::Raw, behind(&[])),
        (Link::Null, behind(&[2, 0, 0, 0])),
    ]
}

fn tcp_of(decoded: Result<Decoded<'_>, Undecodable>) -> Tcp<'_> {
    match decoded {
        Ok(Decoded::Tcp(segment)) => segment,
        other => panic!("not TCP: {other:?}"),
    }
}

fn tcp_packet(payload: &[u8]) -> Vec<u8> {
    let options = [TcpOptionElement::WindowScale(7), TcpOptionElement::Timestamp(1, 2)];
    let builder = PacketBuilder::ipv4(CLIENT.0, SERVER.0, 64)
        .tcp(CLIENT.1, SERVER.1, 1000, 512)
        .syn()
        .ack(77)
        .options(&options)
        .unwrap();
    let mut packet = Vec::new();
    builder.write(&mut packet, payload).unwrap();
    packet
}

#[test]
fn a_segment_reads_the_same_behind_every_link_layer() {
    for (link, frame) in on_every_link(&tcp_packet(b"hello")) {
        let segment = tcp_of(decode(link, &frame, frame.len() as u32));
        assert_eq!((segment.source, segment.destination), (addr(CLIENT), addr(SERVER)), "{link:?}");
        assert_eq!((segment.seq, segment.ack, segment.window, segment.window_scale), (1000, 77, 512, Some(7)));
        assert!(segment.flags.syn && segment.flags.ack && !segment.flags.fin);
        assert_eq!((segment.payload, segment.len), (&b"hello"[..], 5));
    }
}

#[test]
fn a_frame_cut_short_still_says_how_long_it_was() {
    let packet = tcp_packet(&[b'x'; 1000]);
    let wire = packet.len() as u32;
    let head = packet.len() - 1000;
    let cut_in_payload = tcp_of(decode(Link::Raw, &packet[..head + 10], wire));
    assert_eq!((cut_in_payload.payload.len(), cut_in_payload.len), (10, 1000));
    let cut_in_options = tcp_of(decode(Link::Raw, &packet[..42], wire));
    assert_eq!((cut_in_options.seq, cut_in_options.payload.len(), cut_in_options.len), (1000, 0, 1000));
    assert_eq!(cut_in_options.window_scale, None);
    assert_eq!(decode(Link::Raw, &packet[..39], wire), Err(Undecodable));
}

#[test]
fn padding_behind_the_packet_is_not_payload() {
    let mut frame = [&[0; 12], &[8, 0][..], &tcp_packet(b"a")].concat();
    frame.resize(200, 0xee);
    assert_eq!(tcp_of(decode(Link::Ethernet, &frame, 200)).payload, b"a");
}

#[test]
fn a_length_that_was_never_on_the_wire_invents_no_bytes() {
    let mut packet = tcp_packet(b"abc");
    packet[2..4].copy_from_slice(&60_000u16.to_be_bytes());
    assert_eq!(tcp_of(decode(Link::Raw, &packet, packet.len() as u32)).len, 3);
}

#[test]
fn a_total_length_of_zero_is_taken_from_the_frame() {
    let mut packet = tcp_packet(b"abc");
    packet[2..4].copy_from_slice(&[0, 0]);
    let segment = tcp_of(decode(Link::Raw, &packet, packet.len() as u32 + 7));
    assert_eq!((segment.payload, segment.len), (&b"abc"[..], 10));
}

#[test]
fn ipv6_extension_headers_are_passed_over() {
    let inner = PacketBuilder::ipv6([1; 16], [2; 16], 64).udp(5, 6);
    let mut packet = Vec::new();
    inner.write(&mut packet, b"ping").unwrap();
    // Hop-by-hop options (RFC 8200 §4.3): next header UDP, length 0, PadN.
    packet[6] = 0;
    packet.splice(40..40, [17, 0, 1, 4, 0, 0, 0, 0]);
    let body = (packet.len() - 40) as u16;
    packet[4..6].copy_from_slice(&body.to_be_bytes());
    for (link, frame) in on_every_link(&packet) {
        let Ok(Decoded::Udp(datagram)) = decode(link, &frame, frame.len() as u32) else { panic!("{link:?}") };
        assert_eq!((datagram.source.port(), datagram.destination.port()), (5, 6));
        assert_eq!((datagram.payload, datagram.len), (&b"ping"[..], 4));
    }
}

#[test]
fn only_the_first_fragment_of_a_datagram_counts() {
    let mut packet = Vec::new();
    PacketBuilder::ipv4(CLIENT.0, SERVER.0, 64).udp(1, 2).write(&mut packet, &[b'u'; 16]).unwrap();
    packet[24..26].copy_from_slice(&2008u16.to_be_bytes());
    packet[6] = 0x20;
    let Ok(Decoded::Udp(first)) = decode(Link::Raw, &packet, packet.len() as u32) else { panic!() };
    assert_eq!((first.payload.len(), first.len), (16, 2000));
    packet[7] = 3;
    assert_eq!(decode(Link::Raw, &packet, packet.len() as u32), Ok(Decoded::Other));
}

#[test]
fn an_unreachable_message_names_the_packet_it_complains_about() {
    let mut quoted = Vec::new();
    PacketBuilder::ipv4(CLIENT.0, SERVER.0, 64).udp(CLIENT.1, SERVER.1).write(&mut quoted, b"hi").unwrap();
    // RFC 792 promises no more than eight bytes of the quoted payload.
    quoted.truncate(28);
    let kind = Icmpv4Type::DestinationUnreachable(icmpv4::DestUnreachableHeader::Port);
    let mut packet = Vec::new();
    PacketBuilder::ipv4(SERVER.0, CLIENT.0, 64).icmpv4(kind).write(&mut packet, &quoted).unwrap();
    let expected =
        Complaint { code: 3, v6: false, transport: Transport::Udp, sender: addr(CLIENT), target: addr(SERVER) };
    assert_eq!(decode(Link::Raw, &packet, packet.len() as u32), Ok(Decoded::Unreachable(expected)));
}

#[test]
fn what_is_neither_tcp_nor_udp_is_no_error() {
    let arp = [&[0xff; 12], &[8, 6][..], &[0; 28]].concat();
    assert_eq!(decode(Link::Ethernet, &arp, arp.len() as u32), Ok(Decoded::Other));
    let mut ping = Vec::new();
    PacketBuilder::ipv4([1; 4], [2; 4], 9).icmpv4_echo_request(1, 2).write(&mut ping, b"").unwrap();
    assert_eq!(decode(Link::Raw, &ping, ping.len() as u32), Ok(Decoded::Other));
}

fn any_link() -> impl Strategy<Value = Link> {
    prop_oneof![Just(0), Just(1), Just(101), Just(113), Just(276)].prop_map(|n| Link::from_number(n).unwrap())
}

proptest! {
    #[test]
    fn no_bytes_can_make_it_panic(link in any_link(), frame: Vec<u8>, more in 0u32..100_000) {
        let _ = decode(link, &frame, frame.len() as u32 + more);
    }

    #[test]
    fn no_damage_to_a_good_packet_can_make_it_panic(
        payload: Vec<u8>, at: proptest::sample::Index, byte: u8, keep: proptest::sample::Index,
    ) {
        let mut packet = tcp_packet(&payload);
        let wire = packet.len() as u32;
        let at = at.index(packet.len().min(60));
        packet[at] = byte;
        packet.truncate(keep.index(packet.len() + 1));
        if let Ok(Decoded::Tcp(segment)) = decode(Link::Raw, &packet, wire) {
            prop_assert!(segment.payload.len() <= segment.len as usize);
            prop_assert!(segment.len <= wire);
        }
    }

    #[test]
    fn what_is_built_is_read_back(
        v6: bool, source: u16, destination: u16, seq: u32, window: u16,
        payload in proptest::collection::vec(any::<u8>(), 0..2000),
    ) {
        let mut packet = Vec::new();
        let builder = if v6 {
            PacketBuilder::ipv6([7; 16], [8; 16], 3)
        } else {
            PacketBuilder::ipv4([7; 4], [8; 4], 3)
        };
        builder.tcp(source, destination, seq, window).psh().fin().write(&mut packet, &payload).unwrap();
        for (link, frame) in on_every_link(&packet) {
            let segment = tcp_of(decode(link, &frame, frame.len() as u32));
            prop_assert_eq!(segment.source.port(), source);
            prop_assert_eq!(segment.destination.port(), destination);
            prop_assert_eq!((segment.seq, segment.window), (seq, window));
            prop_assert!(segment.flags.psh && segment.flags.fin && !segment.flags.syn);
            prop_assert_eq!(segment.payload, &payload[..]);
            prop_assert_eq!(segment.len as usize, payload.len());
        }
    }
}
