//! What the packets source says about real captures (tests/fixtures/captures/README.md tells how each was made).

#![allow(clippy::unwrap_used, reason = "a fixture that cannot be read fails the test, as it should")]

use std::path::{Path, PathBuf};

use netdiag::collect::packets::{Completeness, read_file};
use netdiag::evidence::{Bytes, Conversation, Note, Packets, Port, Transport};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/captures").join(name)
}

fn read(name: &str) -> Packets {
    let (packets, completeness) = read_file(&path(name)).unwrap();
    assert_eq!(completeness, Completeness::Whole);
    assert_eq!((packets.device.as_str(), packets.undecoded, packets.dropped), (name, 0, 0));
    packets
}

fn only(name: &str) -> Conversation {
    let mut packets = read(name);
    assert_eq!(packets.conversations.len(), 1, "{packets:#?}");
    packets.conversations.remove(0)
}

fn notes(talk: &Conversation, note: Note) -> Vec<(Port, u64, u32)> {
    let noted = talk.segments.iter().filter(|segment| segment.note == Some(note));
    noted.map(|segment| (segment.from, segment.offset, segment.len)).collect()
}

/// Who spoke, and how many bytes, turn by turn.
fn turns(talk: &Conversation) -> Vec<(Port, u64)> {
    talk.turns.iter().map(|turn| (turn.from, turn.len)).collect()
}

fn is_an_echo_of_two_lines(talk: &Conversation) {
    let said = Bytes::from("hello\nhow are you?\n");
    assert!(talk.from_start && talk.syn_ack.is_some() && talk.refused.is_none() && !talk.self_connect);
    assert_eq!((&talk.sent.head, &talk.received.head), (&said, &said));
    assert!(talk.sent.is_whole() && talk.received.is_whole());
    assert_eq!((talk.sent.acked, talk.received.acked), (19, 19));
    assert_eq!(talk.sent.digest, talk.received.digest);
    assert!(talk.sent.fin.is_some() && talk.sent.fin < talk.received.fin);
    let both = |len| [(Port::Dialler, len), (Port::Listener, len)];
    assert_eq!(turns(talk), [both(6), both(13)].concat());
    assert_eq!((talk.sent.retransmissions, talk.received.retransmissions), (0, 0));
    assert!(talk.segments.iter().all(|segment| segment.note.is_none()));
    assert!(talk.sent.first < talk.received.first && talk.sent.last < talk.received.last);
    assert!(talk.sent.rst.is_none() && talk.sent.zero_window.is_none() && talk.received.zero_window.is_none());
}

#[test]
fn an_echo_over_ipv4_is_read_whole() {
    let talk = only("echo-ipv4.pcap");
    assert_eq!((talk.transport, talk.listener), (Transport::Tcp, "127.0.0.1:12345".parse().unwrap()));
    is_an_echo_of_two_lines(&talk);
    assert_eq!((talk.segments.len(), talk.segments[0].number, talk.began.0), (12, 1, 0));
    assert_eq!(talk.segments[2].window, 64 << 10, "scaled by the shift of the SYN");
    assert_eq!(talk.segments[0].window, 65_495, "a SYN's own window is not scaled");
    assert_eq!(talk.segments[3].excerpt, Bytes::from("hello\n"));
}

#[test]
fn an_echo_over_ipv6_is_read_whole() {
    let talk = only("echo-ipv6.pcap");
    assert_eq!(talk.listener, "[::1]:12345".parse().unwrap());
    is_an_echo_of_two_lines(&talk);
}

#[test]
fn the_any_device_reads_the_same_in_both_cooked_forms() {
    is_an_echo_of_two_lines(&only("any-sll.pcap"));
    is_an_echo_of_two_lines(&only("any-sll2.pcap"));
}

#[test]
fn packets_seen_at_a_bridge_and_at_its_port_count_once() {
    for name in ["bridge-sll.pcap", "bridge-sll2.pcap"] {
        let talk = only(name);
        is_an_echo_of_two_lines(&talk);
        assert_eq!(talk.segments.len(), 12, "{name}: half of the 24 frames");
        assert_eq!(talk.syns.len(), 1);
    }
}

#[test]
fn a_refused_syn_is_a_refusal_and_not_a_reset() {
    let packets = read("refused.pcap");
    let [v4, v6] = &packets.conversations[..] else { panic!("{packets:#?}") };
    assert!(v4.listener.is_ipv4() && v6.listener.is_ipv6());
    for talk in [v4, v6] {
        assert!(talk.from_start && talk.refused.is_some() && talk.syn_ack.is_none());
        assert_eq!(talk.syns.len(), 1);
        assert!(talk.received.rst.is_none() && talk.received.zero_window.is_none());
        assert_eq!((talk.sent.total, talk.received.total), (0, 0));
        assert_eq!((talk.sent.missing, talk.received.missing), (0, 0));
    }
}

#[test]
fn datagrams_keep_their_lengths_even_when_empty() {
    let talk = only("udp-echo.pcap");
    assert_eq!(talk.transport, Transport::Udp);
    assert_eq!((&talk.sent.datagrams[..], &talk.received.datagrams[..]), (&[4, 6, 0][..], &[4, 6][..]));
    assert_eq!((&talk.sent.head, &talk.received.head), (&Bytes::from("one\nthree\n"), &Bytes::from("one\nthree\n")));
    assert!(talk.from_start && talk.syns.is_empty());
    let (dialler, listener) = (Port::Dialler, Port::Listener);
    assert_eq!(turns(&talk), [(dialler, 4), (listener, 4), (dialler, 6), (listener, 6), (dialler, 0)]);
}

#[test]
fn an_unreachable_udp_port_is_reported_for_both_families() {
    let packets = read("udp-unreachable.pcap");
    assert_eq!(packets.conversations.len(), 2);
    let [v4, v6] = &packets.unreachable[..] else { panic!("{packets:#?}") };
    for (message, talk) in [v4, v6].into_iter().zip(&packets.conversations) {
        assert!(message.port_closed());
        assert_eq!(message.transport, Transport::Udp);
        assert_eq!((message.sender, message.target), (talk.dialler, talk.listener));
        assert_eq!((talk.sent.total, talk.received.total), (9, 0));
        assert!(message.at > talk.began);
    }
    assert!(!v4.v6 && v6.v6);
    assert_eq!((v4.number, v6.number), (2, 4));
}

#[test]
fn a_half_close_shows_the_reply_after_the_fin() {
    let talk = only("half-close.pcap");
    assert_eq!((&talk.sent.head, &talk.received.head), (&Bytes::from("desserts"), &Bytes::from("stressed")));
    assert!(talk.sent.fin < talk.received.first && talk.received.first < talk.received.fin);
    assert_eq!((talk.sent.acked, talk.received.acked), (8, 8), "the FIN is no byte");
}

#[test]
fn a_reset_after_data_names_the_end_that_sent_it() {
    let talk = only("reset-after-data.pcap");
    assert!(talk.received.rst.is_some() && talk.sent.rst.is_none());
    assert!(talk.refused.is_none() && talk.syn_ack.is_some());
    assert_eq!((talk.received.head, talk.received.acked), (Bytes::from("hel"), 3));
    assert!(talk.sent.fin.is_none() && talk.received.fin.is_none());
}

#[test]
fn an_unanswered_syn_is_counted_as_often_as_it_was_sent() {
    let talk = only("unanswered-syn.pcap");
    assert_eq!(talk.syns.len(), 3);
    assert!(talk.syn_ack.is_none() && talk.refused.is_none() && talk.from_start);
    assert!((900.0..1200.0).contains(&talk.syns[1].ms_since(talk.syns[0])));
    assert_eq!(notes(&talk, Note::Retransmission).len(), 2);
}

#[test]
fn a_retransmitted_segment_counts_once_in_the_stream() {
    let talk = only("retransmission.pcap");
    assert_eq!(talk.sent.head, Bytes::from("first\nlost on the way\n"));
    assert_eq!((talk.sent.retransmissions, talk.received.retransmissions), (1, 0));
    assert_eq!(notes(&talk, Note::Retransmission), [(Port::Dialler, 6, 16)]);
    assert_eq!(turns(&talk), [(Port::Dialler, 22), (Port::Listener, 3)]);
    assert_eq!(talk.turns[0].segments, 2);
}

#[test]
fn a_window_that_stays_shut_is_told_with_its_probes() {
    let talk = only("zero-window.pcap");
    assert!(talk.received.zero_window.is_some() && talk.sent.zero_window.is_none());
    assert_eq!((talk.sent.acked, talk.sent.total + talk.sent.missing), (2048, 2048));
    assert_eq!(notes(&talk, Note::ZeroWindow).len(), 2);
    let probes = notes(&talk, Note::WindowProbe);
    assert!(!probes.is_empty() && probes.iter().all(|(from, _, len)| (*from, *len) == (Port::Dialler, 0)));
    assert!(notes(&talk, Note::KeepAlive).is_empty());
}

#[test]
fn a_window_that_opened_again_is_not_shut() {
    let talk = only("zero-window-opened.pcap");
    assert!(talk.received.zero_window.is_none());
    assert!(!notes(&talk, Note::ZeroWindow).is_empty() && !notes(&talk, Note::WindowProbe).is_empty());
    assert_eq!(talk.sent.acked, talk.sent.total + talk.sent.missing);
    assert!(talk.sent.fin.is_some() && talk.received.fin.is_some());
}

#[test]
fn keep_alives_are_neither_payload_nor_retransmissions() {
    let talk = only("keep-alive.pcap");
    assert_eq!(notes(&talk, Note::KeepAlive), [(Port::Dialler, 0, 0); 2]);
    assert_eq!((talk.sent.total, talk.sent.retransmissions), (1, 0));
    assert!(talk.sent.is_whole() && talk.received.is_whole());
}

#[test]
fn a_capture_begun_in_the_middle_says_so_and_guesses_the_dialler() {
    let talk = only("middle.pcap");
    assert!(!talk.from_start && talk.syns.is_empty() && talk.syn_ack.is_none() && talk.refused.is_none());
    assert_eq!(talk.listener.port(), 12345, "although it spoke first");
    assert_eq!((&talk.sent.head, &talk.received.head), (&Bytes::from("hello\n"), &Bytes::from("welcome\nhello\n")));
    assert!(talk.sent.is_whole() && talk.received.is_whole());
    assert_eq!((talk.sent.acked, talk.received.acked), (6, 14));
    assert_eq!(turns(&talk), [(Port::Listener, 8), (Port::Dialler, 6), (Port::Listener, 6)]);
}

#[test]
fn frames_cut_short_keep_every_position_and_say_how_much_is_missing() {
    let talk = only("bulk-snaplen-96.pcap");
    assert_eq!(talk.sent.total + talk.sent.missing, 1_000_000);
    assert_eq!(talk.sent.acked, 1_000_000);
    assert!(!talk.sent.is_whole() && talk.sent.missing > 990_000);
    assert!(talk.received.is_whole());
    assert_eq!(talk.received.head, Bytes::from("1000000\n"));
    assert_eq!(turns(&talk), [(Port::Dialler, 1_000_000), (Port::Listener, 8)]);
    assert!(notes(&talk, Note::AfterGap).is_empty() && notes(&talk, Note::Retransmission).is_empty());
    assert!(talk.received.zero_window.is_none());
}

#[test]
fn a_socket_connected_to_itself_is_recognised() {
    let talk = only("self-connect.pcap");
    assert!(talk.self_connect && talk.from_start && talk.syn_ack.is_some());
    assert_eq!(talk.dialler, talk.listener);
    assert_eq!((talk.sent.head, talk.sent.acked), (Bytes::from("is anybody there?\n"), 18));
    assert_eq!((talk.received.total, talk.received.missing, talk.sent.retransmissions), (0, 0, 0));
}

#[test]
fn a_port_used_again_begins_a_new_conversation_each_time() {
    let packets = read("port-reuse.pcap");
    let [first, second, third] = &packets.conversations[..] else { panic!("{packets:#?}") };
    assert!(first.refused.is_some() && first.sent.total == 0);
    for (talk, said) in [(second, "second\n"), (third, "third\n")] {
        assert_eq!((talk.dialler, talk.listener), (first.dialler, first.listener));
        assert!(talk.from_start && talk.syn_ack.is_some() && talk.refused.is_none());
        assert_eq!(talk.sent.head, Bytes::from(said));
        assert!(talk.sent.rst.is_some() && talk.sent.missing == 0);
    }
}

#[test]
fn a_file_cut_short_yields_what_it_holds_and_says_so() {
    let whole = std::fs::read(path("echo-ipv4.pcap")).unwrap();
    let cut = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(cut.path(), &whole[..whole.len() - 30]).unwrap();
    let (packets, completeness) = read_file(cut.path()).unwrap();
    assert!(matches!(completeness, Completeness::CutShort { why } if why.contains("truncated")));
    assert_eq!(packets.conversations[0].segments.len(), 11);
}

#[test]
fn what_is_no_capture_file_is_a_clear_error() {
    let error = |path: &Path| format!("{:#}", read_file(path).unwrap_err());
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert!(error(&manifest.join("Cargo.toml")).contains("Cargo.toml is not a capture file (pcap or pcapng)"));
    assert!(error(&manifest.join("no-such-file.pcap")).contains("cannot open"));
    assert!(error(&manifest.join("src")).contains("is not a capture file"));
    assert!(error(Path::new("-")).contains("cannot open"));
    let empty = tempfile::NamedTempFile::new().unwrap();
    assert!(error(empty.path()).contains("is not a capture file"));
    let mut radio = std::fs::read(path("refused.pcap")).unwrap();
    radio[20..24].copy_from_slice(&127u32.to_le_bytes());
    std::fs::write(empty.path(), radio).unwrap();
    assert!(error(empty.path()).contains("IEEE802_11_RADIO"), "a link layer netdiag does not read");
}

#[test]
fn a_pcapng_file_reads_like_its_pcap_twin() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), pcapng(&std::fs::read(path("echo-ipv4.pcap")).unwrap())).unwrap();
    let (packets, completeness) = read_file(file.path()).unwrap();
    assert_eq!(completeness, Completeness::Whole);
    assert_eq!(packets.conversations, read("echo-ipv4.pcap").conversations);
}

/// The same packets as a nanosecond pcap file in pcapng (draft-ietf-opsawg-pcapng).
fn pcapng(pcap: &[u8]) -> Vec<u8> {
    let block = |kind: u32, body: &[u8]| {
        let len = 12 + body.len().next_multiple_of(4) as u32;
        let mut block = [kind.to_le_bytes(), len.to_le_bytes()].concat();
        block.extend(body);
        block.resize(len as usize - 4, 0);
        block.extend(len.to_le_bytes());
        block
    };
    let section = [&0x1a2b_3c4du32.to_le_bytes()[..], &[1, 0, 0, 0], &[0xff; 8]].concat();
    // Ethernet, no snap length; if_tsresol (9): 10⁻⁹ s.
    let interface = [&[1, 0, 0, 0, 0, 0, 0, 0][..], &[9, 0, 1, 0, 9, 0, 0, 0], &[0; 4]].concat();
    let mut out = [block(0x0a0d_0d0a, &section), block(1, &interface)].concat();
    let mut rest = &pcap[24..];
    while !rest.is_empty() {
        let field = |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().unwrap());
        let ns = u64::from(field(0)) * 1_000_000_000 + u64::from(field(4));
        let (len, words) = (field(8) as usize, [0, (ns >> 32) as u32, ns as u32, field(8), field(12)]);
        let mut packet: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        packet.extend(&rest[16..16 + len]);
        out.extend(block(6, &packet));
        rest = &rest[16 + len..];
    }
    out
}
