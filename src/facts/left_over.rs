//! What earlier runs and processes have left behind: ports found taken, connections that belong to nobody any more.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::lines::port_in;
use super::{Facts, Player};
use crate::evidence::{Gap, Role, SocketCall, SocketState, Transport};

/// EADDRINUSE on Linux, whose socket calls and exceptions give numbers.
const EADDRINUSE: i32 = 98;
/// The same in the words of C's strerror, Node, Java and Rust.
const TAKEN: &[&str] = &["address already in use", "eaddrinuse", "address in use", "os error 98"];

/// Source ports that connections to one address keep.
#[derive(Debug, Clone, PartialEq)]
pub struct TakenPorts {
    /// The server's address.
    pub target: SocketAddr,
    /// `sockets:S/R` and the state of each connection.
    pub rows: Vec<(String, SocketState)>,
}

impl Facts<'_> {
    /// The port that the server found taken by its own account (a call's result, an exception, its words), and what shows
    /// it.
    #[must_use]
    pub fn port_found_taken(&self, server: &Player) -> Option<(u16, Vec<String>)> {
        let failed = self.failed_binds().find(|(_, call)| call.result == -i64::from(EADDRINUSE));
        let raised = self.exceptions(Role::Server).unwrap_or_default();
        let raised = raised.into_iter().find(|(_, raised)| raised.errno == Some(EADDRINUSE));
        let named = failed.and_then(|(_, call)| call.address).map(|address| address.port());
        let named = named.or_else(|| port_in(raised.as_ref()?.1.address.as_deref()?));
        let port = named.filter(|port| *port != 0).or_else(|| self.documented_port())?;
        let told = self.says_port_is_taken(server);
        let failed = failed.map(|(index, _)| format!("calls:{index}"));
        told.then(|| (port, failed.into_iter().chain(raised.map(|(index, _)| format!("exceptions:{index}"))).collect()))
    }

    /// Whether the server says, in whatever way, that its port is taken.
    #[must_use]
    pub fn says_port_is_taken(&self, server: &Player) -> bool {
        let failed = self.failed_binds().any(|(_, call)| call.result == -i64::from(EADDRINUSE));
        let raised = self.exceptions(Role::Server).unwrap_or_default();
        failed || raised.iter().any(|(_, raised)| raised.errno == Some(EADDRINUSE)) || server.says_any(TAKEN)
    }

    /// Connections whose own end has this port, which are over, or nearly, and which no process holds: each once, with the
    /// row that shows it.
    pub fn connections_without_owner(&self, port: u16) -> Result<Vec<(String, SocketState)>, Gap> {
        let mut found: BTreeMap<(SocketAddr, SocketAddr), (String, SocketState)> = BTreeMap::new();
        for (reference, at, socket) in self.evidence.sockets.seen()?.rows() {
            let Some(peer) = socket.remote else { continue };
            let over = matches!(
                socket.state,
                SocketState::TimeWait | SocketState::FinWait2 | SocketState::Closing | SocketState::LastAck
            );
            if at <= self.frozen() && socket.local.port() == port && over && socket.owners.is_empty() {
                found.insert((socket.local, peer), (reference, socket.state));
            }
        }
        Ok(found.into_values().collect())
    }

    /// A client's call to connect that failed with `errno`, as a reference.
    #[must_use]
    pub fn failed_connect(&self, errno: i32) -> Option<String> {
        let calls = &self.evidence.calls.seen().ok()?.calls;
        let failed =
            |call: &SocketCall| call.role == Role::Client && call.name == "connect" && call.result == -i64::from(errno);
        calls.iter().position(failed).map(|index| format!("calls:{index}"))
    }

    /// The server's address towards which most source ports were taken when the recording was frozen, by connections that
    /// are open or over and remembered (TIME_WAIT), with the row and the state of each.
    pub fn most_taken(&self) -> Result<Option<TakenPorts>, Gap> {
        let listeners = self.listeners()?;
        let dialled = |address: SocketAddr| listeners.iter().any(|listener| listener.covers(Transport::Tcp, address));
        let mut towards: BTreeMap<SocketAddr, BTreeMap<SocketAddr, (String, SocketState)>> = BTreeMap::new();
        for (reference, at, socket) in self.evidence.sockets.seen()?.rows() {
            let Some(peer) = socket.remote.filter(|_| at <= self.frozen() && socket.transport == Transport::Tcp) else {
                continue;
            };
            // Whoever closed first remembers it; the other end's port is as good as taken, too.
            let (client, server) = if dialled(socket.local) { (peer, socket.local) } else { (socket.local, peer) };
            towards.entry(server).or_default().insert(client, (reference, socket.state));
        }
        let most = towards.into_iter().max_by_key(|(_, clients)| clients.len());
        Ok(most.map(|(target, clients)| TakenPorts { target, rows: clients.into_values().collect() }))
    }

    /// The short name of process `pid` at the last look that met it.
    #[must_use]
    pub fn name_of(&self, pid: u32) -> Option<&str> {
        let samples = &self.evidence.programs.seen().ok()?.samples;
        let mut seen = samples.iter().rev().flat_map(|sample| &sample.processes);
        seen.find(|process| process.pid == pid).map(|process| process.name.as_str())
    }
}
