//! Real sockets, looked at.

use std::io::{Read, Write};
use std::net::{Ipv6Addr, Shutdown, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket as RawSocket, Type};

use super::*;
use crate::evidence::{SocketState, Transport};

/// Looks until the table shows what is awaited; the kernel needs a moment for a FIN or a byte to arrive.
fn wait_for<T>(what: &str, find: impl Fn(&[Socket]) -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(10);
    let us = BTreeMap::from([(std::process::id(), (3, Role::Server))]);
    loop {
        let rows = look(Scope::Processes(&us), None).unwrap();
        if let Some(found) = find(&rows) {
            return found;
        }
        assert!(Instant::now() < deadline, "never saw {what}");
        std::thread::yield_now();
    }
}

fn row(rows: &[Socket], local: SocketAddr, remote: Option<SocketAddr>) -> Option<Socket> {
    rows.iter().find(|row| row.local == local && row.remote == remote).cloned()
}

/// A connection over 127.0.0.1: the dialling and the accepted end.
fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

fn row_of(rows: &[Socket], stream: &TcpStream) -> Option<Socket> {
    row(rows, stream.local_addr().unwrap(), Some(stream.peer_addr().unwrap()))
}

#[test]
fn a_listener_shows_its_backlog_and_the_connections_that_wait_for_accept() {
    let listener = RawSocket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    listener.listen(7).unwrap();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    let clients: Vec<_> = (0..2).map(|_| TcpStream::connect(address).unwrap()).collect();

    let listening = wait_for("two waiting connections", |rows| {
        row(rows, address, None).filter(|row| row.recv_queue == Some(clients.len() as u32))
    });
    assert_eq!((listening.state, listening.send_queue), (SocketState::Listen, Some(7)));
    let rows = look(Scope::Everything, None).unwrap();
    let waiting = row(&rows, address, Some(clients[0].local_addr().unwrap())).unwrap();
    assert_eq!((waiting.state, waiting.inode, waiting.uid), (SocketState::Established, 0, None));
    assert!(waiting.owners.is_empty() && waiting.owners_known);
}

#[test]
fn queues_and_counters_are_payload_bytes_and_nothing_else() {
    let (mut client, mut server) = pair();
    client.write_all(b"hello").unwrap();
    let unread = wait_for("five unread bytes", |rows| row_of(rows, &server).filter(|row| row.recv_queue == Some(5)));
    assert_eq!((unread.info.unwrap().bytes_received, unread.eof_unread), (5, None));
    // The handshake's SYN is not among the acknowledged bytes, although the kernel counts it.
    let sent = wait_for("the acknowledgement", |rows| row_of(rows, &client).filter(|row| row.send_queue == Some(0)));
    assert_eq!(sent.info.unwrap().bytes_acked, 5);

    client.shutdown(Shutdown::Write).unwrap();
    let closed = wait_for("CLOSE-WAIT", |rows| row_of(rows, &server).filter(|r| r.state == SocketState::CloseWait));
    assert_eq!((closed.recv_queue, closed.eof_unread), (Some(5), Some(true)));
    assert_eq!(closed.info.unwrap().bytes_received, 5);
    let half = wait_for("FIN-WAIT2", |rows| row_of(rows, &client).filter(|row| row.state == SocketState::FinWait2));
    assert_eq!((half.info.unwrap().bytes_acked, half.send_queue), (5, Some(0)));

    server.read_exact(&mut [0; 5]).unwrap();
    wait_for("no unread bytes", |rows| row_of(rows, &server).filter(|row| row.recv_queue == Some(0)));
    assert_eq!(server.read(&mut [0; 1]).unwrap(), 0);
    wait_for("the end of file read", |rows| row_of(rows, &server).filter(|row| row.eof_unread == Some(false)));
}

#[test]
fn unread_datagrams_are_seen_and_a_udp_socket_without_a_peer_is_unconnected() {
    let (server, client) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
    let (at, from) = (server.local_addr().unwrap(), client.local_addr().unwrap());
    client.connect(at).unwrap();
    let is_udp = |row: &Socket| row.transport == Transport::Udp;
    let before = wait_for("the socket", |rows| row(rows, at, None).filter(is_udp));
    assert_eq!((before.state, before.recv_queue), (SocketState::Unconnected, Some(0)));
    client.send(b"hello").unwrap();
    wait_for("an unread datagram", |rows| row(rows, at, None).filter(|row| is_udp(row) && row.recv_queue > Some(4)));
    let connected = wait_for("the connected end", |rows| row(rows, from, Some(at)).filter(is_udp));
    assert_eq!(connected.state, SocketState::Established);
}

#[test]
fn a_listener_for_ipv6_alone_is_told_from_one_for_both() {
    for only in [true, false] {
        let Ok(listener) = RawSocket::new(Domain::IPV6, Type::STREAM, None) else {
            return eprintln!("reduced: no IPv6 on this machine");
        };
        listener.set_only_v6(only).unwrap();
        listener.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)).into()).unwrap();
        listener.listen(1).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let seen = wait_for("the listener", |rows| row(rows, address, None));
        assert_eq!((seen.local.is_ipv6(), seen.v6only), (true, Some(only)));
    }
}

#[test]
fn an_ipv4_connection_of_a_dual_stack_listener_is_an_ipv4_connection() {
    let Ok(listener) = TcpListener::bind("[::]:0") else {
        return eprintln!("reduced: no IPv6 on this machine");
    };
    let client = TcpStream::connect(("127.0.0.1", listener.local_addr().unwrap().port())).unwrap();
    let accepted = listener.accept().unwrap().0;
    assert!(accepted.local_addr().unwrap().is_ipv6(), "the socket itself says ::ffff:127.0.0.1");
    let ends = (client.peer_addr().unwrap(), client.local_addr().unwrap());
    let seen = wait_for("the accepted end", |rows| row(rows, ends.0, Some(ends.1)));
    assert!(seen.local.is_ipv4() && seen.v6only.is_none());
}

#[test]
fn the_owner_is_named_with_its_part_where_one_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let ours = wait_for("the listener", |rows| row(rows, address, None));
    let [owner] = &ours.owners[..] else { panic!("{ours:?}") };
    assert_eq!((owner.pid, owner.role, owner.program), (std::process::id(), Some(Role::Server), Some(3)));
    assert!(ours.owners_known && ours.uid == Some(nix::unistd::geteuid().as_raw()));

    let everyone = row(&look(Scope::Everything, None).unwrap(), address, None).unwrap();
    let [owner] = &everyone.owners[..] else { panic!("{everyone:?}") };
    assert_eq!((owner.pid, owner.role, owner.name.is_empty()), (std::process::id(), None, false));

    let nobody = row(&look(Scope::Processes(&BTreeMap::new()), None).unwrap(), address, None).unwrap();
    assert!(nobody.owners.is_empty() && !nobody.owners_known, "an owner that was not looked for is unknown");
}

#[test]
fn time_wait_belongs_to_nobody_and_that_is_known() {
    let (client, server) = pair();
    let ends = (client.local_addr().unwrap(), client.peer_addr().unwrap());
    client.shutdown(Shutdown::Write).unwrap();
    drop(server);
    drop(client);
    let seen =
        wait_for("TIME-WAIT", |rows| row(rows, ends.0, Some(ends.1)).filter(|row| row.state == SocketState::TimeWait));
    assert!(seen.inode == 0 && seen.owners.is_empty() && seen.owners_known && seen.info.is_none());
}

#[test]
fn a_thread_in_a_namespace_of_its_own_sees_that_one() {
    let outside = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let look_inside = std::thread::spawn(move || {
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).ok()?;
        let _inside = TcpListener::bind("0.0.0.0:0").unwrap();
        Some((look(Scope::Everything, None).unwrap(), loopback_up(), counters()))
    });
    let Some((rows, up, counters)) = look_inside.join().unwrap() else {
        return eprintln!("reduced: this user may not make a network namespace from a thread");
    };
    assert!(row(&rows, outside, None).is_none());
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(up, Some(false), "nobody brought it up");
    assert_eq!(counters, Some(Counters { listen_overflows: 0, listen_drops: 0 }));
}

#[test]
fn the_loopback_interface_these_tests_run_on_is_up() {
    assert_eq!(loopback_up(), Some(true));
}
