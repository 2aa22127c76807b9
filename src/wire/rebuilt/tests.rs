use super::*;
use crate::evidence::{Conversation, Stream};

const CLIENT: u64 = 11;
const SERVER: u64 = 12;

fn at(ms: u64) -> At {
    At(ms * 1_000_000)
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn ends() -> (SocketAddr, SocketAddr) {
    (address(40_001), address(7))
}

/// A connection of which both ends were heard.
fn connected() -> Rebuilt {
    let mut rebuilt = Rebuilt::default();
    let (client, server) = ends();
    rebuilt.dials(at(1), CLIENT, client, server);
    rebuilt.connected(at(1), CLIENT);
    rebuilt.accepted(at(2), SERVER, server, client);
    rebuilt
}

fn only(rebuilt: &Rebuilt) -> Conversation {
    let [one] = <[Conversation; 1]>::try_from(rebuilt.view().conversations).unwrap();
    one
}

fn said(stream: &Stream) -> String {
    stream.head.escaped()
}

#[test]
fn both_ends_tell_of_the_same_bytes_and_they_count_once() {
    let mut rebuilt = connected();
    rebuilt.sent(at(3), CLIENT, Some(b"hello\n"), 6);
    rebuilt.received(at(4), SERVER, Some(b"hello\n"), 6);
    // The one who takes may be heard first.
    rebuilt.received(at(5), CLIENT, Some(b"HEL"), 3);
    rebuilt.sent(at(6), SERVER, Some(b"HELLO\n"), 6);
    rebuilt.received(at(7), CLIENT, Some(b"LO\n"), 3);
    rebuilt.closed(at(8), CLIENT);
    rebuilt.read_end(at(8), SERVER);
    rebuilt.closed(at(9), SERVER);
    let one = only(&rebuilt);
    assert_eq!((said(&one.sent), said(&one.received)), ("hello\\n".into(), "HELLO\\n".into()));
    assert_eq!((one.sent.acked, one.received.acked), (6, 6));
    assert_eq!((one.sent.fin, one.received.fin), (Some(at(8)), Some(at(9))));
    assert_eq!((one.sent.rst, one.received.rst), (None, None));
    assert_eq!((one.dialler, one.listener), ends());
    assert!(one.syn_ack.is_some() && one.sent.retransmissions + one.received.retransmissions == 0, "{one:#?}");
    assert_eq!(one.turns.len(), 2);
    assert!(!rebuilt.in_flight());
}

#[test]
fn the_server_may_be_heard_before_the_dial_has_returned() {
    let mut rebuilt = Rebuilt::default();
    let (client, server) = ends();
    rebuilt.accepted(at(1), SERVER, server, client);
    rebuilt.sent(at(2), SERVER, Some(b"hi"), 2);
    rebuilt.dials(at(3), CLIENT, client, server);
    rebuilt.connected(at(3), CLIENT);
    rebuilt.received(at(4), CLIENT, Some(b"hi"), 2);
    let one = only(&rebuilt);
    assert_eq!((one.dialler, one.syns.len(), said(&one.received)), (client, 1, "hi".to_owned()));
}

#[test]
fn a_dial_waits_is_refused_and_may_be_made_again() {
    let mut rebuilt = Rebuilt::default();
    let (_, server) = ends();
    rebuilt.dials(at(1), CLIENT, address(0), server);
    assert!(rebuilt.in_flight());
    rebuilt.refused(at(2), CLIENT);
    assert!(!rebuilt.in_flight());
    rebuilt.dials(at(3), CLIENT, address(40_002), server);
    rebuilt.connected(at(3), CLIENT);
    let all = rebuilt.view().conversations;
    assert_eq!((all[0].refused, all[0].syn_ack), (Some(at(2)), None));
    assert_eq!((all[1].refused, all[1].syn_ack), (None, Some(at(3))));
}

#[test]
fn whoever_closes_with_unread_bytes_or_without_lingering_resets() {
    let mut unread = connected();
    unread.sent(at(3), CLIENT, Some(b"hello"), 5);
    unread.received(at(4), SERVER, Some(b"he"), 2);
    unread.closed(at(5), SERVER);
    unread.was_reset(at(6), CLIENT);
    let mut abrupt = connected();
    abrupt.lingers(SERVER, true);
    abrupt.closed(at(5), SERVER);
    for rebuilt in [unread, abrupt] {
        let one = only(&rebuilt);
        assert_eq!((one.received.rst, one.received.fin, one.sent.rst), (Some(at(5)), None, None));
    }
}

#[test]
fn bytes_for_a_closed_end_are_reset_and_not_acknowledged() {
    let mut rebuilt = connected();
    rebuilt.sent(at(3), CLIENT, Some(b"hello"), 5);
    rebuilt.received(at(3), SERVER, Some(b"hello"), 5);
    rebuilt.closed(at(4), CLIENT);
    rebuilt.sent(at(5), SERVER, Some(b"hello"), 5);
    let one = only(&rebuilt);
    assert_eq!((one.sent.fin, one.sent.rst), (Some(at(4)), Some(at(5))));
    assert_eq!((one.received.total, one.received.acked), (5, 0));
}

#[test]
fn an_end_that_was_shut_for_reading_says_nothing_about_the_other_one() {
    let mut rebuilt = connected();
    rebuilt.shut(at(3), CLIENT, true, true);
    rebuilt.read_end(at(4), CLIENT);
    rebuilt.read_end(at(5), SERVER);
    let one = only(&rebuilt);
    assert_eq!((one.sent.fin, one.received.fin), (Some(at(3)), None));
    rebuilt.sent(at(6), SERVER, Some(b"late"), 4);
    assert_eq!(only(&rebuilt).sent.rst, Some(at(6)));
}

#[test]
fn bytes_that_only_the_reader_shows_are_known_and_others_are_missing() {
    let mut rebuilt = connected();
    rebuilt.sent(at(3), SERVER, None, 8);
    assert_eq!(only(&rebuilt).received.missing, 8, "sent from a file");
    rebuilt.received(at(4), CLIENT, Some(b"from"), 4);
    let one = only(&rebuilt);
    assert_eq!((said(&one.received), one.received.total + one.received.missing), ("from".to_owned(), 8));
    rebuilt.received(at(5), CLIENT, Some(b"file"), 4);
    let one = only(&rebuilt);
    assert_eq!((said(&one.received), one.received.missing), ("fromfile".to_owned(), 0));
}

#[test]
fn a_pipe_that_breaks_by_ones_own_shutdown_is_no_reset() {
    let mut rebuilt = connected();
    rebuilt.shut(at(3), CLIENT, false, true);
    rebuilt.cannot_send(at(4), CLIENT);
    assert_eq!(only(&rebuilt).received.rst, None);
    rebuilt.cannot_send(at(5), SERVER);
    assert_eq!(only(&rebuilt).sent.rst, Some(at(5)));
}

#[test]
fn the_same_ports_may_be_used_again() {
    let mut rebuilt = connected();
    rebuilt.closed(at(3), CLIENT);
    rebuilt.closed(at(4), SERVER);
    let (client, server) = ends();
    rebuilt.dials(at(5), 21, client, server);
    rebuilt.connected(at(5), 21);
    rebuilt.accepted(at(5), 22, server, client);
    rebuilt.sent(at(6), 21, Some(b"again"), 5);
    let all = rebuilt.view().conversations;
    assert_eq!((all.len(), all[0].sent.total, said(&all[1].sent)), (2, 0, "again".to_owned()));
}

#[test]
fn datagrams_keep_their_bounds_whoever_is_heard_first() {
    let mut rebuilt = Rebuilt::default();
    let (client, server) = ends();
    rebuilt.sent_datagram(at(1), (client, server), b"one", 3, false);
    rebuilt.received_datagram(at(2), (client, server), b"one", 3);
    // The server's room was too small for the whole.
    rebuilt.received_datagram(at(3), (client, server), b"tw", 2);
    rebuilt.sent_datagram(at(4), (client, server), b"two", 3, false);
    rebuilt.sent_datagram(at(5), (server, client), b"two", 3, false);
    rebuilt.received_datagram(at(6), (address(9), client), b"one more", 8);
    let all = rebuilt.view().conversations;
    assert_eq!((all[0].sent.datagrams.as_slice(), said(&all[0].sent)), (&[3, 3][..], "onetwo".to_owned()));
    assert_eq!((said(&all[0].received), said(&all[1].sent)), ("two".to_owned(), "one more".to_owned()));
    assert_eq!(rebuilt.view(), rebuilt.view());
}

#[test]
fn a_datagram_for_nobody_is_complained_of() {
    let mut rebuilt = Rebuilt::default();
    let (client, server) = ends();
    rebuilt.sent_datagram(at(1), (client, server), b"one", 3, true);
    let [complaint] = &rebuilt.view().unreachable[..] else { panic!("{:?}", rebuilt.view()) };
    assert!(complaint.port_closed());
    assert_eq!((complaint.sender, complaint.target), (client, server));
}
