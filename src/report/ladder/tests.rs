use super::super::sample::{self, Talk, addr, ms, packets};
use super::super::style::Style;
use super::*;
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Flags, How, Note, Observed, Output, Port, Programs, Role, Transport, Unreachable};

const D: Port = Port::Dialler;
const L: Port = Port::Listener;

fn nobody() -> Diagnosis {
    sample::diagnosis(Side::Unknown, None, Confidence::Possible, "")
}

/// The ladder's rows without its header.
fn rows(evidence: &Evidence, diagnosis: &Diagnosis, style: Style) -> String {
    let mut sheet = Sheet::new(style, 80);
    assert!(draw(&mut sheet, evidence, diagnosis, Telling::Exact), "nothing was drawn");
    let text = sheet.finish();
    text.lines().skip(1).fold(String::new(), |all, line| all + line + "\n")
}

fn drawn(talks: Vec<Talk>) -> String {
    let mut evidence = sample::evidence();
    evidence.packets = packets(talks);
    evidence.setting.server_ready = None;
    rows(&evidence, &nobody(), Style::PLAIN)
}

fn tcp() -> Talk {
    Talk::new(Transport::Tcp, "127.0.0.1:40512", "127.0.0.1:12345", 1)
}

#[test]
fn what_a_program_said_stands_before_its_end_however_late_it_was_read() {
    for read in [4.0, 6.0] {
        let mut evidence = sample::evidence();
        let mut server = sample::program(Role::Server, "./server", Some((5.0, How::Code(1))));
        server.stderr = Some(Output { first: Some(ms(read)), head: "oops\n".into(), ..Output::default() });
        evidence.programs = Observed::Seen(Programs { programs: vec![server], ..Programs::default() });
        let drawn = rows(&evidence, &nobody(), Style::PLAIN);
        let (said, ended) = (drawn.find("oops").unwrap(), drawn.find("exits with status 1").unwrap());
        assert!(said < ended, "{drawn}");
    }
}

#[test]
fn dials_that_nobody_answers_are_one_row() {
    assert_eq!(
        drawn(vec![tcp().syn(1.0).syn(1001.0).syn(3001.0)]),
        "     1.0 ms  │── SYN to 127.0.0.1:12345, 3 times, no answer ───────────────▶ ✗ │\n"
    );
}

#[test]
fn segments_of_one_message_are_one_row_and_bare_acknowledgements_none() {
    let talk = tcp().connected(1.0).data(2.0, D, b"hel").ack(2.1, L).data(2.2, D, b"lo\n").ack(2.3, L);
    assert_eq!(
        drawn(vec![talk.data(3.0, L, b"HELLO\n").fin(4.0, L)]),
        "     1.0 ms  │◀─ connected ───────────────────────────────────────────────────▶│
     2.0 ms  │── \"hello\\n\" · 6 bytes in 2 segments ───────────────────────────▶│
     3.0 ms  │◀─ \"HELLO\\n\" · 6 bytes ──────────────────────────────────────────│
     4.0 ms  │◀─ FIN: nothing more to send ────────────────────────────────────│
"
    );
}

#[test]
fn a_reset_a_closed_window_and_a_repeated_segment_are_told() {
    let mut talk = tcp().connected(1.0).data(2.0, D, b"hello\n");
    talk.segment(3.0, D, Flags::default(), b"hello\n").note = Some(Note::Retransmission);
    talk.segment(4.0, L, Flags { ack: true, ..Flags::default() }, b"").note = Some(Note::ZeroWindow);
    talk.segment(5.0, L, Flags { ack: true, ..Flags::default() }, b"").note = Some(Note::ZeroWindow);
    talk.segment(6.0, D, Flags { rst: true, ..Flags::default() }, b"");
    assert_eq!(
        drawn(vec![talk]),
        "     1.0 ms  │◀─ connected ───────────────────────────────────────────────────▶│
     2.0 ms  │── \"hello\\n\" · 6 bytes ─────────────────────────────────────────▶│
     3.0 ms  │── \"hello\\n\" · 6 bytes, sent again ─────────────────────────────▶│
     4.0 ms  │◀─ window 0: no room, it does not read ──────────────────────────│
     6.0 ms  │── RST: resets the connection ──────────────────────────────────▶│
"
    );
}

#[test]
fn a_datagram_to_nobody_ends_before_the_server() {
    let talk = Talk::new(Transport::Udp, "127.0.0.1:40512", "127.0.0.1:12345", 1).data(1.0, D, b"hi");
    let mut evidence = sample::evidence();
    evidence.setting.server_ready = None;
    evidence.packets = packets(vec![talk]);
    let Observed::Seen(seen) = &mut evidence.packets else { unreachable!() };
    seen.unreachable.push(Unreachable {
        number: 2,
        at: ms(1.1),
        code: 3,
        v6: false,
        transport: Transport::Udp,
        sender: addr("127.0.0.1:40512"),
        target: addr("127.0.0.1:12345"),
    });
    assert_eq!(
        rows(&evidence, &nobody(), Style::PLAIN),
        "     1.0 ms  │── \"hi\" · 2 bytes ───────────────────────────────────────────▶ ✗ │
     1.1 ms  │◀─ ICMP: port unreachable, no socket there ─────────────────── ✗ │
"
    );
}

/// Two hundred exchanges; the packet with this number is cited.
fn long_session(cited: u64) -> String {
    let mut talk = tcp().connected(1.0);
    for n in 0..200 {
        talk = talk.data(2.0 + f64::from(n), D, b"ping\n").data(2.5 + f64::from(n), L, b"pong\n");
    }
    let mut evidence = sample::evidence();
    evidence.setting.server_ready = None;
    evidence.packets = packets(vec![talk.data(202.0, D, b"the end")]);
    let mut diagnosis = nobody();
    let cited = format!("packets:{cited}");
    diagnosis.findings = vec![sample::finding("reset", Side::Server, crate::diagnosis::Part::Cause, "", &[&cited], "")];
    rows(&evidence, &diagnosis, Style::PLAIN)
}

#[test]
fn the_middle_of_a_long_session_is_left_out() {
    let text = long_session(0);
    assert!(text.lines().count() == FIRST + LAST + 1, "{text}");
    assert!(text.contains("… 384 packets …") && text.contains("the end"), "{text}");
    assert!(!text.contains("nothing"), "a left-out middle is no silence: {text}");
}

#[test]
fn a_packet_that_a_finding_refers_to_is_never_left_out() {
    let text = long_session(204);
    assert_eq!(text.lines().count(), FIRST + LAST + 3, "{text}");
    assert!(text.contains("102.0 ms  │── \"ping"), "{text}");
}

#[test]
fn of_many_connections_the_cited_ones_are_drawn_with_their_numbers() {
    let many = (0..9).map(|n| {
        Talk::new(Transport::Tcp, &format!("127.0.0.1:4000{n}"), "127.0.0.1:12345", 1 + 10 * n)
            .connected(1.0 + n as f64)
    });
    let mut evidence = sample::evidence();
    evidence.setting.server_ready = None;
    evidence.packets = packets(many.collect());
    let mut diagnosis = nobody();
    let part = crate::diagnosis::Part::Cause;
    diagnosis.findings = vec![sample::finding("reset", Side::Server, part, "", &["packets:71", "packets:52"], "")];
    assert_eq!(
        rows(&evidence, &diagnosis, Style::PLAIN),
        "     1.0 ms  │◀─ #1 connected ────────────────────────────────────────────────▶│
     6.0 ms  │◀─ #6 connected ────────────────────────────────────────────────▶│
     8.0 ms  │◀─ #8 connected ────────────────────────────────────────────────▶│
  #1 is 127.0.0.1:40000 → 127.0.0.1:12345
  #6 is 127.0.0.1:40005 → 127.0.0.1:12345
  #8 is 127.0.0.1:40007 → 127.0.0.1:12345
  … 6 more connections are not drawn
"
    );
}

#[test]
fn without_packets_the_socket_table_is_drawn() {
    let mut evidence = sample::evidence();
    let mut waiting = sample::listener("127.0.0.1:12345");
    waiting.remote = Some(addr("127.0.0.1:40512"));
    waiting.state = crate::evidence::SocketState::Established;
    waiting.owners.clear();
    waiting.recv_queue = Some(6);
    evidence.sockets = sample::sockets(90.0, vec![sample::listener("127.0.0.1:12345"), waiting]);
    evidence.setting.ended = crate::evidence::Ending::DeadlinePassed;
    evidence.setting.ended_at = ms(10_040.0);
    assert_eq!(
        rows(&evidence, &nobody(), Style::ASCII),
        "    38.2 ms  |                                      listens on 127.0.0.1:12345 |
    90.0 ms  |   connection from 127.0.0.1:40512, not accepted, 6 bytes unread |
 10040.0 ms  |             : 9950 ms, nothing more by the deadline             |
"
    );
}

#[test]
fn every_row_is_equally_wide_whatever_was_sent() {
    use unicode_width::UnicodeWidthStr as _;
    let payloads: [&[u8]; 5] =
        [b"\x1b[2J\x07", "你好你好你好你好你好你好你好你好".as_bytes(), b"", &[0xff; 300], "\u{202e}x🦀".as_bytes()];
    for style in [Style::PLAIN, Style::ASCII] {
        let talk = payloads
            .iter()
            .fold(tcp().connected(1.0), |talk, payload| talk.data(2.0, D, payload).data(3.0, L, payload));
        let mut evidence = sample::evidence();
        evidence.packets = packets(vec![talk]);
        let text = rows(&evidence, &nobody(), style);
        assert!(text.lines().all(|line| line.width() == 80), "{text}");
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
    }
}
