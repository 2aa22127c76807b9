//! Other systems: netstat2's table as it is, without queues. Compiled on Linux for its tests, so that it cannot rot.

use std::net::SocketAddr;

use netstat2::{AddressFamilyFlags, ProtocolFlags, ProtocolSocketInfo, SocketInfo, TcpState};

use super::{Rows, Scope, address, peer};
use crate::evidence::{Counters, Gap, Owner, Socket, SocketState, Transport};

/// netstat2 tells no queues.
#[cfg(not(target_os = "linux"))]
pub const HAS_QUEUES: bool = false;

/// All rows of the system.
pub fn look(scope: Scope<'_>, _: Rows, own: Option<SocketAddr>) -> Result<Vec<Socket>, Gap> {
    let families = AddressFamilyFlags::IPV4 | AddressFamilyFlags::IPV6;
    let table = netstat2::get_sockets_info(families, ProtocolFlags::TCP | ProtocolFlags::UDP).map_err(|error| {
        let why = format!("the system's socket table cannot be read: {error}");
        Gap::new("sockets", why, "run netdiag as the user whose programs you look at, or with sudo")
    })?;
    let sockets = table.into_iter().map(|row| socket(row, scope));
    Ok(sockets.filter(|row| row.transport != Transport::Udp || Some(row.local) != own).collect())
}

/// It does not say.
pub fn are_none(_: Option<SocketAddr>) -> bool {
    false
}

/// No such counters.
pub fn counters() -> Option<Counters> {
    None
}

fn socket(row: SocketInfo, scope: Scope<'_>) -> Socket {
    let mut owners: Vec<Owner> = row.associated_pids.into_iter().filter_map(|pid| owner(pid, scope)).collect();
    owners.sort_unstable_by_key(|owner| owner.pid);
    let (transport, local, remote, state) = match row.protocol_socket_info {
        ProtocolSocketInfo::Tcp(tcp) => {
            let remote = peer(tcp.remote_addr, tcp.remote_port, 0);
            (Transport::Tcp, address(tcp.local_addr, tcp.local_port, 0), remote, state(tcp.state))
        }
        ProtocolSocketInfo::Udp(udp) => {
            (Transport::Udp, address(udp.local_addr, udp.local_port, 0), None, SocketState::Unconnected)
        }
    };
    Socket {
        transport,
        local,
        remote,
        state,
        inode: 0,
        uid: None,
        owners_known: state == SocketState::TimeWait || !owners.is_empty(),
        owners,
        recv_queue: None,
        send_queue: None,
        eof_unread: None,
        v6only: None,
        info: None,
    }
}

/// The name stays empty: only Linux tells it without another system interface.
fn owner(pid: u32, scope: Scope<'_>) -> Option<Owner> {
    let part = match scope {
        Scope::Everything => None,
        Scope::Processes(processes) => Some(*processes.get(&pid)?),
    };
    Some(Owner {
        pid,
        name: String::new(),
        role: part.map(|(_, role)| role),
        program: part.map(|(program, _)| program),
    })
}

fn state(state: TcpState) -> SocketState {
    match state {
        TcpState::Listen => SocketState::Listen,
        TcpState::SynSent => SocketState::SynSent,
        TcpState::SynReceived => SocketState::SynReceived,
        TcpState::Established => SocketState::Established,
        TcpState::FinWait1 => SocketState::FinWait1,
        TcpState::FinWait2 => SocketState::FinWait2,
        TcpState::CloseWait => SocketState::CloseWait,
        TcpState::Closing => SocketState::Closing,
        TcpState::LastAck => SocketState::LastAck,
        TcpState::TimeWait => SocketState::TimeWait,
        TcpState::Closed | TcpState::DeleteTcb | TcpState::Unknown => SocketState::Closed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_of_ours_is_found_with_its_owner_and_without_queues() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let rows = look(Scope::Everything, Rows::All, None).unwrap();
        let row = rows.iter().find(|row| row.local == listener.local_addr().unwrap()).unwrap();
        assert_eq!((row.state, row.remote, row.recv_queue), (SocketState::Listen, None, None));
        assert_eq!(row.owners.first().map(|owner| owner.pid), Some(std::process::id()));
        assert!(row.owners_known && counters().is_none() && !are_none(None));
    }
}
