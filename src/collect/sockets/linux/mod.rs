//! Linux: rows from sock_diag, or from /proc/net where sock_diag is refused; owners from /proc/PID/fd.

mod census;
mod counters;
mod diag;
mod owners;
mod proc_net;

pub use counters::counters;

use std::collections::HashSet;
use std::net::SocketAddr;

use self::census::Census;
use super::{Rows, Scope};
use crate::evidence::{Gap, Socket, SocketState, Transport};

/// sock_diag and /proc/net both tell the queues.
pub const HAS_QUEUES: bool = true;

/// All tables of the thread's network namespace by transport and family.
const TABLES: [(Transport, Family); 4] = [
    (Transport::Tcp, Family::V4),
    (Transport::Udp, Family::V4),
    (Transport::Tcp, Family::V6),
    (Transport::Udp, Family::V6),
];

/// Whether every table is empty but for netdiag's `own` datagram socket.
pub fn are_none(own: Option<SocketAddr>) -> bool {
    let census = Census::take();
    TABLES.into_iter().all(|(transport, family)| census.is_empty(transport, family, own.iter().count() as u64, 0))
}

/// The rows of the thread's network namespace, but for netdiag's `own` datagram socket.
pub fn look(scope: Scope<'_>, rows: Rows, own: Option<SocketAddr>) -> Result<Vec<Socket>, Gap> {
    let census = Census::take();
    let mut sockets = Vec::new();
    for (transport, family) in TABLES {
        let remembered = sockets.iter().filter(|row: &&Socket| row.state == SocketState::TimeWait).count();
        if !census.is_empty(transport, family, own.iter().count() as u64, remembered as u64) {
            sockets.extend(table(transport, family, rows)?);
        }
    }
    sockets.retain(|row| row.transport != Transport::Udp || Some(row.local) != own);
    drop_repeated(&mut sockets);
    match scope {
        Scope::Everything => owners::of_everyone(&mut sockets),
        Scope::Processes(processes) => owners::of_processes(processes, &mut sockets),
    }
    // An inode means that somebody holds the socket. If nobody was found, it is a process of another user, of another
    // container, or one that came or went while we looked: never "nobody".
    for socket in &mut sockets {
        socket.owners_known = socket.inode == 0 || !socket.owners.is_empty();
    }
    Ok(sockets)
}

/// Both sources hand a large table out in pieces, and repeat a row when the table changes between two of them.
fn drop_repeated(sockets: &mut Vec<Socket>) {
    let mut seen = HashSet::with_capacity(sockets.len());
    sockets.retain(|socket| seen.insert((socket.transport, socket.local, socket.remote, socket.inode)));
}

/// Address family of a table; IPv6 tables also hold the IPv4 connections of dual-stack sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    V4,
    V6,
}

/// One of the four tables. Each falls back by itself: kernels without the udp_diag module still answer for TCP.
fn table(transport: Transport, family: Family, rows: Rows) -> Result<Vec<Socket>, Gap> {
    let refused = match diag::dump(transport, family, rows) {
        Ok(rows) => return Ok(rows),
        Err(refused) => refused,
    };
    proc_net::read(transport, family).map_err(|unreadable| {
        let why = format!("the kernel gave no {transport} table: sock_diag: {refused:#}; /proc/net: {unreadable:#}");
        Gap::new("sockets", why, "run netdiag where /proc is mounted and netlink sockets are permitted")
    })
}

/// What a row says before its owners are known, with the kernel's state number (include/net/tcp_states.h) and its queues
/// still as the kernel counts them.
struct Raw {
    transport: Transport,
    local: SocketAddr,
    remote: Option<SocketAddr>,
    state: u8,
    inode: u64,
    uid: u32,
    recv_queue: u32,
    send_queue: Option<u32>,
}

impl Raw {
    /// The row in netdiag's words.
    fn tidy(self) -> Socket {
        let state = state(self.transport, self.state);
        let tcp = self.transport == Transport::Tcp;
        // A received FIN sits in the receive queue as one byte until the program has read the end of file, and a FIN or
        // SYN on its way sits in the send queue as one byte; neither is payload.
        let fin_received = tcp && fin_received(state);
        let ours_in_flight = tcp && flag_in_flight(state);
        Socket {
            transport: self.transport,
            local: self.local,
            remote: self.remote,
            state,
            inode: self.inode,
            // Without an inode no process has the socket, and what the kernel writes as its user is no one's.
            uid: (self.inode != 0).then_some(self.uid),
            owners: Vec::new(),
            owners_known: false,
            recv_queue: Some(self.recv_queue.saturating_sub(u32::from(fin_received))),
            send_queue: self.send_queue.map(|queue| queue.saturating_sub(u32::from(ours_in_flight))),
            eof_unread: fin_received.then_some(self.recv_queue > 0),
            v6only: None,
            info: None,
        }
    }
}

/// Whether the peer's FIN has arrived, by the state diagram of RFC 9293.
fn fin_received(state: SocketState) -> bool {
    use SocketState::{CloseWait, Closing, LastAck, TimeWait};
    matches!(state, CloseWait | Closing | LastAck | TimeWait)
}

/// Whether our own SYN or FIN is sent and not acknowledged.
fn flag_in_flight(state: SocketState) -> bool {
    use SocketState::{Closing, FinWait1, LastAck, SynSent};
    matches!(state, SynSent | FinWait1 | Closing | LastAck)
}

/// The kernel's state numbers; UDP uses two of them.
fn state(transport: Transport, number: u8) -> SocketState {
    match (transport, number) {
        (_, 1) => SocketState::Established,
        (Transport::Udp, _) => SocketState::Unconnected,
        (_, 2) => SocketState::SynSent,
        // 12 is TCP_NEW_SYN_RECV, a handshake the kernel keeps in a smaller structure.
        (_, 3 | 12) => SocketState::SynReceived,
        (_, 4) => SocketState::FinWait1,
        (_, 5) => SocketState::FinWait2,
        (_, 6) => SocketState::TimeWait,
        (_, 8) => SocketState::CloseWait,
        (_, 9) => SocketState::LastAck,
        (_, 10) => SocketState::Listen,
        (_, 11) => SocketState::Closing,
        _ => SocketState::Closed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What both sources can tell of one row.
    fn shared(row: &Socket) -> (SocketState, u64, Option<u32>, Option<u32>, Option<bool>) {
        (row.state, row.inode, row.uid, row.recv_queue, row.eof_unread)
    }

    #[test]
    fn proc_net_tells_the_same_rows_as_sock_diag() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let client = std::net::TcpStream::connect(address).unwrap();
        let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let tcp = vec![address, client.local_addr().unwrap()];
        for (transport, mine) in [(Transport::Tcp, tcp), (Transport::Udp, vec![udp.local_addr().unwrap()])] {
            let ours = |mut rows: Vec<Socket>| {
                drop_repeated(&mut rows);
                // An earlier connection on one of our ports may still be in TIME-WAIT.
                rows.retain(|row| mine.contains(&row.local) && row.state != SocketState::TimeWait);
                rows.sort_by_key(|row| (row.local, row.remote));
                rows
            };
            let by_diag = ours(diag::dump(transport, Family::V4, Rows::All).unwrap());
            let by_proc = ours(proc_net::read(transport, Family::V4).unwrap());
            // The listener, the accepted end and the dialling end; or the one datagram socket.
            let expected = if transport == Transport::Tcp { 3 } else { 1 };
            assert!(by_diag.len() == expected, "{by_diag:#?}");
            assert_eq!(by_diag.iter().map(shared).collect::<Vec<_>>(), by_proc.iter().map(shared).collect::<Vec<_>>());
            let listening = by_proc.iter().find(|row| row.state == SocketState::Listen);
            assert!(listening.is_none_or(|row| row.send_queue.is_none()), "/proc/net does not know the backlog");
        }
        proc_net::read(Transport::Tcp, Family::V6).unwrap();
    }

    #[test]
    fn every_state_of_the_kernel_has_its_name() {
        let seen: std::collections::BTreeSet<_> = (1..=11).map(|number| state(Transport::Tcp, number)).collect();
        assert_eq!(seen.len(), 11);
        assert_eq!(state(Transport::Tcp, 12), SocketState::SynReceived);
        assert_eq!(state(Transport::Udp, 7), SocketState::Unconnected);
    }
}
