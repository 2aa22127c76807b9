//! Who waits where, and who tried to reach whom: what happens before the first byte.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use super::{asked, datagrams};
use crate::evidence::{
    Action, At, Conversation, Evidence, Exceptions, Gap, Observed, Owner, Packets, Raised, Role, Socket, SocketState,
    Sockets, Transport,
};

/// A socket that waits for connections or datagrams.
#[derive(Debug, Clone, PartialEq)]
pub struct Listener {
    /// TCP or UDP.
    pub transport: Transport,
    /// Where.
    pub local: SocketAddr,
    /// IPV6_V6ONLY.
    pub v6only: Option<bool>,
    /// The part its owner plays; `None` when the owner is not on the stand or not known.
    pub role: Option<Role>,
    /// Who holds it.
    pub owners: Vec<Owner>,
    /// Whether all possible owners were looked at.
    pub owners_known: bool,
    /// When it was first seen.
    pub first_seen: At,
    /// When it was last seen.
    pub last_seen: At,
    /// Connections that wait for accept, when last seen.
    pub waiting: Option<u32>,
    /// The most connections that were seen to wait at one time.
    pub most_waiting: Option<u32>,
    /// Length of the accept queue.
    pub backlog: Option<u32>,
    /// `sockets:S/R`: where it was last seen.
    pub reference: String,
}

impl Listener {
    /// Whether a packet to `target` reaches this socket.
    #[must_use]
    pub fn covers(&self, transport: Transport, target: SocketAddr) -> bool {
        self.transport == transport && self.local.port() == target.port() && self.covers_ip(target.ip())
    }

    fn covers_ip(&self, target: IpAddr) -> bool {
        match (self.local.ip(), target) {
            (IpAddr::V4(local), IpAddr::V4(_)) if local.is_unspecified() => true,
            (IpAddr::V6(local), IpAddr::V6(_)) if local.is_unspecified() => true,
            (IpAddr::V6(local), IpAddr::V4(_)) if local.is_unspecified() => self.v6only != Some(true),
            (local, target) => local == target,
        }
    }
}

/// Every listener seen up to the moment the recording was frozen.
pub(super) fn listeners(evidence: &Evidence) -> Result<Vec<Listener>, Gap> {
    let sockets = evidence.sockets.seen()?;
    let mut found: Vec<Listener> = Vec::new();
    for (reference, at, socket) in sockets.rows() {
        if at > evidence.setting.ended_at || !waits_for_peers(socket) {
            continue;
        }
        let seen = listener(reference, at, socket);
        match found.iter_mut().find(|known| is_same(known, &seen)) {
            Some(known) => {
                let most_waiting = known.most_waiting.max(seen.most_waiting);
                *known = Listener { first_seen: known.first_seen, most_waiting, ..seen };
            }
            None => found.push(seen),
        }
    }
    Ok(found)
}

fn waits_for_peers(socket: &Socket) -> bool {
    match socket.transport {
        Transport::Tcp => socket.state == SocketState::Listen,
        Transport::Udp => {
            socket.remote.is_none() && !socket.owners.iter().any(|owner| owner.role == Some(Role::Client))
        }
    }
}

fn is_same(a: &Listener, b: &Listener) -> bool {
    let pid = |listener: &Listener| listener.owners.first().map(|owner| owner.pid);
    // Who holds a stranger's socket is looked up at the end only.
    let named_later = a.owners.is_empty() && b.role.is_none();
    a.transport == b.transport && a.local == b.local && (pid(a) == pid(b) || named_later)
}

fn listener(reference: String, at: At, socket: &Socket) -> Listener {
    Listener {
        transport: socket.transport,
        local: socket.local,
        v6only: socket.v6only,
        role: socket.owners.iter().find_map(|owner| owner.role),
        owners: socket.owners.clone(),
        owners_known: socket.owners_known,
        first_seen: at,
        last_seen: at,
        waiting: socket.recv_queue,
        most_waiting: socket.recv_queue,
        backlog: socket.send_queue,
        reference,
    }
}

/// What became of an attempt to reach somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The handshake was completed, or a datagram was sent and nothing objected.
    Established,
    /// RST, or ICMP port unreachable: no socket is there.
    Refused,
    /// ICMP said that a rule forbids it; or the system did, for an address of its own.
    Prohibited,
    /// No answer at all by the end.
    Unanswered,
    /// It connected to itself.
    ToItself,
}

/// An attempt to reach somebody.
#[derive(Debug, Clone, PartialEq)]
pub struct Dial {
    /// TCP or UDP.
    pub transport: Transport,
    /// Where to.
    pub target: SocketAddr,
    /// When.
    pub at: At,
    /// What became of it.
    pub outcome: Outcome,
    /// How often it was tried again by the kernel.
    pub repeats: usize,
    /// How long it had gone unanswered when the recording was frozen, in milliseconds.
    pub unanswered_ms: f64,
    /// References into the evidence.
    pub evidence: Vec<String>,
}

/// Every attempt of a client, from packets; where there are none, as far as other sources show it.
pub(super) fn dials(evidence: &Evidence) -> Result<Vec<Dial>, Gap> {
    match &evidence.packets {
        Observed::Seen(packets) => {
            let calls = from_calls(evidence);
            let mut told = from_exceptions(evidence.exceptions.seen().ok());
            told.extend(calls.iter().cloned());
            Ok(with_forbidden(with_calls(from_packets(packets, evidence), &calls), told))
        }
        Observed::NotObserved(gap) => {
            let mut dials = from_exceptions(evidence.exceptions.seen().ok());
            dials.extend(from_calls(evidence));
            dials.extend(evidence.sockets.seen().map(|sockets| from_sockets(sockets, evidence)).unwrap_or_default());
            dials.sort_by_key(|dial| dial.at);
            if dials.is_empty() { Err(gap.clone()) } else { Ok(dials) }
        }
    }
}

fn from_packets(packets: &Packets, evidence: &Evidence) -> Vec<Dial> {
    let clients_began = clients_began(evidence);
    packets
        .conversations
        .iter()
        .filter(|conversation| {
            conversation.began >= clients_began
                && !is_name_lookup(conversation, evidence)
                && !is_servers_own(conversation, evidence)
                && !datagrams::answers_another(conversation, packets)
                && !asked::is_probes(evidence, conversation.dialler)
        })
        .map(|conversation| dial(conversation, packets, evidence.setting.ended_at))
        .collect()
}

/// When the first client was started: what was dialled before, no client dialled.
fn clients_began(evidence: &Evidence) -> At {
    let Ok(programs) = evidence.programs.seen() else { return At::default() };
    let clients = programs.programs.iter().filter(|program| program.role == Role::Client && program.started_by_us);
    clients.map(|client| client.started).min().unwrap_or_default()
}

/// A question to a resolver on this machine (127.0.0.53, 127.0.0.11), which a private namespace does not have.
pub(super) fn is_name_lookup(conversation: &Conversation, evidence: &Evidence) -> bool {
    const DOMAIN: u16 = 53;
    let documented = |address: &str| address.ends_with(":53");
    conversation.transport == Transport::Udp
        && conversation.listener.port() == DOMAIN
        && !evidence.contract.address.as_ref().is_some_and(|term| documented(&term.value))
}

/// Whether the server's program dialled, towards a service of its own, as far as sockets, calls or exceptions show it.
pub(super) fn is_servers_own(conversation: &Conversation, evidence: &Evidence) -> bool {
    let target = conversation.listener;
    let held = evidence.sockets.seen().is_ok_and(|sockets| {
        sockets.rows().any(|(_, _, socket)| {
            socket.local == conversation.dialler
                && socket.remote.is_some()
                && socket.owners.iter().any(|owner| owner.role == Some(Role::Server))
        })
    });
    let called_by = |role| {
        evidence.calls.seen().is_ok_and(|calls| {
            calls.calls.iter().any(|call| call.role == role && call.name == "connect" && call.address == Some(target))
        })
    };
    let complained = |role| {
        evidence.exceptions.seen().is_ok_and(|exceptions| {
            // An exception of bind names an address too, and nobody dialled it.
            let names = |raised: &&Raised| {
                raised.kind.starts_with("ConnectionRefused")
                    && raised.address.as_ref().and_then(|text| text.parse().ok()) == Some(target)
            };
            exceptions.raised.iter().filter(|raised| raised.role == role).any(|raised| names(&raised))
        })
    };
    held || (called_by(Role::Server) && !called_by(Role::Client))
        || (complained(Role::Server) && !complained(Role::Client) && conversation.refused.is_some())
}

fn dial(conversation: &Conversation, packets: &Packets, frozen: At) -> Dial {
    let complaint = packets.unreachable.iter().find(|unreachable| {
        unreachable.transport == conversation.transport
            && unreachable.sender == conversation.dialler
            && unreachable.target == conversation.listener
    });
    let answered = conversation.syn_ack.is_some()
        || !conversation.from_start
        || conversation.received.total > 0
        || conversation.transport == Transport::Udp;
    let outcome = match complaint {
        _ if conversation.self_connect => Outcome::ToItself,
        // Datagrams sent before the server was there were refused; a later one was answered.
        Some(_) if conversation.transport == Transport::Udp && conversation.received.total > 0 => Outcome::Established,
        Some(unreachable) if unreachable.port_closed() => Outcome::Refused,
        Some(_) => Outcome::Prohibited,
        None if conversation.refused.is_some() => Outcome::Refused,
        None if answered => Outcome::Established,
        None => Outcome::Unanswered,
    };
    let mut references: Vec<String> =
        conversation.segments.iter().take(2).map(|segment| format!("packets:{}", segment.number)).collect();
    references.extend(complaint.map(|unreachable| format!("packets:{}", unreachable.number)));
    Dial {
        transport: conversation.transport,
        target: conversation.listener,
        at: conversation.began,
        outcome,
        repeats: conversation.syns.len().saturating_sub(1),
        unanswered_ms: if outcome == Outcome::Unanswered { frozen.ms_since(conversation.began) } else { 0.0 },
        evidence: references,
    }
}

/// Adds to each refused attempt the call of a client that got the refusal.
fn with_calls(mut dials: Vec<Dial>, calls: &[Dial]) -> Vec<Dial> {
    let mut calls: Vec<&Dial> = calls.iter().collect();
    for dial in dials.iter_mut().filter(|dial| dial.outcome == Outcome::Refused && dial.transport == Transport::Tcp) {
        // The call returns after the packets; each call is the end of one attempt.
        if let Some(at) = calls.iter().position(|call| call.target == dial.target && call.at >= dial.at) {
            dial.evidence.extend(calls.remove(at).evidence.iter().cloned());
        }
    }
    dials
}

/// Adds the attempts that were forbidden before any packet of theirs left.
fn with_forbidden(mut dials: Vec<Dial>, told: Vec<Dial>) -> Vec<Dial> {
    for forbidden in told.into_iter().filter(|dial| dial.outcome == Outcome::Prohibited) {
        if dials.iter().all(|dial| dial.target != forbidden.target) {
            dials.push(forbidden);
        }
    }
    dials
}

/// Whether this error of `connect` says that a rule forbids it. There is always a route to the machine's own addresses, as
/// long as nobody forbids that.
fn is_forbidden(errno: i64, target: SocketAddr) -> bool {
    const EPERM: i64 = 1;
    const EACCES: i64 = 13;
    const EHOSTUNREACH: i64 = 113;
    target.ip().is_loopback() && [EPERM, EACCES, EHOSTUNREACH].contains(&errno)
}

/// `connect` results are proof of the attempt whatever language made it.
fn from_calls(evidence: &Evidence) -> Vec<Dial> {
    const ECONNREFUSED: i64 = -111;
    let Ok(calls) = evidence.calls.seen() else { return Vec::new() };
    calls
        .calls
        .iter()
        .enumerate()
        .filter(|(_, call)| call.role == Role::Client && ["connect", "so-error"].contains(&call.name.as_str()))
        .filter_map(|(index, call)| {
            let target = call.address?;
            let dial = refused(target, call.at, format!("calls:{index}"));
            match call.result {
                ECONNREFUSED => Some(dial),
                result if is_forbidden(-result, target) => Some(Dial { outcome: Outcome::Prohibited, ..dial }),
                0 => Some(Dial { outcome: Outcome::Established, ..dial }),
                _ => None,
            }
        })
        .collect()
}

fn from_exceptions(exceptions: Option<&Exceptions>) -> Vec<Dial> {
    let Some(exceptions) = exceptions else { return Vec::new() };
    exceptions
        .raised
        .iter()
        .enumerate()
        .filter(|(_, raised)| raised.role == Role::Client)
        // One that is dealt with may have been tried again, with a success that nobody saw.
        .filter(|(_, raised)| raised.action != Action::Handled)
        .filter_map(|(index, raised)| {
            let target = raised.address.as_ref()?.parse().ok()?;
            let dial = refused(target, raised.at, format!("exceptions:{index}"));
            match raised.errno {
                _ if raised.kind == "ConnectionRefusedError" => Some(dial),
                Some(errno) if is_forbidden(errno.into(), target) => {
                    Some(Dial { outcome: Outcome::Prohibited, ..dial })
                }
                _ => None,
            }
        })
        .collect()
}

fn refused(target: SocketAddr, at: At, reference: String) -> Dial {
    Dial {
        transport: Transport::Tcp,
        target,
        at,
        outcome: Outcome::Refused,
        repeats: 0,
        unanswered_ms: 0.0,
        evidence: vec![reference],
    }
}

/// Without packets the table shows connections that a look happened to meet, and those that ended lately (TIME_WAIT).
fn from_sockets(sockets: &Sockets, evidence: &Evidence) -> Vec<Dial> {
    let (began, frozen) = (clients_began(evidence), evidence.setting.ended_at);
    let served = served_ports(sockets);
    let mut left_over: Vec<(SocketAddr, SocketAddr)> = Vec::new();
    let mut dials: Vec<((SocketAddr, SocketAddr), Dial)> = Vec::new();
    for (reference, at, socket) in sockets.rows().filter(|(_, at, _)| *at <= frozen) {
        let Some(ends) = client_and_target(socket, &served) else { continue };
        let seen = from_row(socket, ends.1, at, reference);
        match dials.iter_mut().find(|(known, _)| *known == ends) {
            _ if left_over.contains(&ends) => {}
            None if at < began => left_over.push(ends),
            None => dials.push((ends, seen)),
            Some((_, dial)) => *dial = Dial { at: dial.at, ..seen },
        }
    }
    let mut dials: Vec<Dial> = dials.into_iter().map(|(_, dial)| dial).collect();
    for dial in dials.iter_mut().filter(|dial| dial.outcome == Outcome::Unanswered) {
        dial.unanswered_ms = frozen.ms_since(dial.at);
    }
    dials
}

/// The ports of the server's listeners. Found once: a table may hold thousands of connections that are over.
fn served_ports(sockets: &Sockets) -> BTreeSet<u16> {
    let all = sockets.snapshots.iter().flat_map(|snapshot| &snapshot.sockets);
    all.filter(|row| waits_for_peers(row) && row.owners.iter().any(|owner| owner.role == Some(Role::Server)))
        .map(|row| row.local.port())
        .collect()
}

/// The ends of a connection of a client's, or of one that is over and that had one of the ports `served`.
fn client_and_target(socket: &Socket, served: &BTreeSet<u16>) -> Option<(SocketAddr, SocketAddr)> {
    let peer = socket.remote?;
    if socket.owners.iter().any(|owner| owner.role == Some(Role::Client)) {
        return Some((socket.local, peer));
    }
    match socket.state {
        SocketState::TimeWait if served.contains(&peer.port()) => Some((socket.local, peer)),
        SocketState::TimeWait if served.contains(&socket.local.port()) => Some((peer, socket.local)),
        _ => None,
    }
}

fn from_row(socket: &Socket, target: SocketAddr, at: At, reference: String) -> Dial {
    let waits = socket.state == SocketState::SynSent;
    Dial {
        transport: socket.transport,
        target,
        at,
        outcome: if waits { Outcome::Unanswered } else { Outcome::Established },
        repeats: socket.info.filter(|_| waits).map_or(0, |info| info.total_retrans as usize),
        unanswered_ms: 0.0,
        evidence: vec![reference],
    }
}

#[cfg(test)]
mod tests;
