//! The text tables of /proc/net, for where sock_diag is refused (some container profiles forbid netlink). They lack the
//! backlog, IPV6_V6ONLY and TCP_INFO.

use std::io::ErrorKind;
use std::net::SocketAddr;

use procfs::net::{TcpNetEntries, UdpNetEntries};
use procfs::{FromReadSI, ProcError, ProcResult, current_system_info};

use super::super::{address, peer};
use super::{Family, Raw};
use crate::evidence::{Socket, SocketState, Transport};

/// All rows of one table of the thread's network namespace.
pub fn read(transport: Transport, family: Family) -> anyhow::Result<Vec<Socket>> {
    // `thread-self`, because a network namespace belongs to a thread and /proc/net shows the main thread's.
    let path = match (transport, family) {
        (Transport::Tcp, Family::V4) => "/proc/thread-self/net/tcp",
        (Transport::Tcp, Family::V6) => "/proc/thread-self/net/tcp6",
        (Transport::Udp, Family::V4) => "/proc/thread-self/net/udp",
        (Transport::Udp, Family::V6) => "/proc/thread-self/net/udp6",
    };
    let rows = match transport {
        Transport::Tcp => tcp(path),
        Transport::Udp => udp(path),
    };
    match rows {
        // A kernel without IPv6 has no such file, and no such sockets.
        Err(error) if family == Family::V6 && is_absent(&error) => Ok(Vec::new()),
        rows => Ok(rows?),
    }
}

fn is_absent(error: &ProcError) -> bool {
    match error {
        ProcError::NotFound(_) => true,
        ProcError::Io(error, _) => error.kind() == ErrorKind::NotFound,
        _ => false,
    }
}

fn tcp(path: &str) -> ProcResult<Vec<Socket>> {
    let entries = TcpNetEntries::from_file(path, current_system_info())?.0;
    let row = |entry: procfs::net::TcpNetEntry| {
        let ends = (entry.local_address, entry.remote_address);
        row(Transport::Tcp, ends, entry.state.to_u8(), (entry.rx_queue, entry.tx_queue), (entry.inode, entry.uid))
    };
    Ok(entries.into_iter().map(row).collect())
}

fn udp(path: &str) -> ProcResult<Vec<Socket>> {
    let entries = UdpNetEntries::from_file(path, current_system_info())?.0;
    let row = |entry: procfs::net::UdpNetEntry| {
        let ends = (entry.local_address, entry.remote_address);
        row(Transport::Udp, ends, entry.state.to_u8(), (entry.rx_queue, entry.tx_queue), (entry.inode, entry.uid))
    };
    Ok(entries.into_iter().map(row).collect())
}

fn row(
    transport: Transport,
    (local, remote): (SocketAddr, SocketAddr),
    state: u8,
    (recv_queue, send_queue): (u32, u32),
    (inode, uid): (u64, u32),
) -> Socket {
    let listens = super::state(transport, state) == SocketState::Listen;
    let raw = Raw {
        transport,
        local: address(local.ip(), local.port(), 0),
        remote: peer(remote.ip(), remote.port(), 0),
        state,
        inode,
        uid,
        recv_queue,
        // /proc/net shows a listener's backlog nowhere; its 0 would read as "no room".
        send_queue: (!listens).then_some(send_queue),
    };
    raw.tidy()
}
