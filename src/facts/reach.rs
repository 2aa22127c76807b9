//! Who waits where, and who tried to reach whom: what happens before the first byte.

use std::net::{IpAddr, SocketAddr};

use super::asked;
use crate::evidence::{
    At, Conversation, Evidence, Exceptions, Gap, Observed, Owner, Packets, Role, Socket, SocketState, Sockets,
    Transport,
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
            Some(known) => *known = Listener { first_seen: known.first_seen, ..seen },
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
    a.transport == b.transport
        && a.local == b.local
        && a.owners.first().map(|owner| owner.pid) == b.owners.first().map(|owner| owner.pid)
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
    /// ICMP said that a rule forbids it.
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
        Observed::Seen(packets) => Ok(with_calls(from_packets(packets, evidence), &from_calls(evidence))),
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
    let of_server = |address: SocketAddr| {
        evidence.sockets.seen().is_ok_and(|sockets| {
            sockets.rows().any(|(_, _, socket)| {
                socket.local == address
                    && socket.remote.is_some()
                    && socket.owners.iter().any(|owner| owner.role == Some(Role::Server))
            })
        })
    };
    packets
        .conversations
        .iter()
        .filter(|conversation| !of_server(conversation.dialler) && !asked::is_probes(evidence, conversation.dialler))
        .map(|conversation| dial(conversation, packets, evidence.setting.ended_at))
        .collect()
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

/// `connect` results are proof of the attempt whatever language made it.
fn from_calls(evidence: &Evidence) -> Vec<Dial> {
    const ECONNREFUSED: i64 = -111;
    let Ok(calls) = evidence.calls.seen() else { return Vec::new() };
    calls
        .calls
        .iter()
        .enumerate()
        .filter(|(_, call)| call.role == Role::Client && call.result == ECONNREFUSED)
        .filter_map(|(index, call)| Some(refused(call.address?, call.at, format!("calls:{index}"))))
        .collect()
}

fn from_exceptions(exceptions: Option<&Exceptions>) -> Vec<Dial> {
    let Some(exceptions) = exceptions else { return Vec::new() };
    exceptions
        .raised
        .iter()
        .enumerate()
        .filter(|(_, raised)| raised.role == Role::Client && raised.kind == "ConnectionRefusedError")
        .filter_map(|(index, raised)| {
            let target = raised.address.as_ref()?.parse().ok()?;
            Some(refused(target, raised.at, format!("exceptions:{index}")))
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

fn from_sockets(sockets: &Sockets, evidence: &Evidence) -> Vec<Dial> {
    let mut dials: Vec<Dial> = Vec::new();
    let mut known: Vec<(SocketAddr, SocketAddr)> = Vec::new();
    let rows: Vec<_> = sockets.rows().collect();
    for (reference, at, socket) in rows.into_iter().rev() {
        let Some(target) = socket.remote else { continue };
        let by_client = socket.owners.iter().any(|owner| owner.role == Some(Role::Client));
        if !by_client || known.contains(&(socket.local, target)) {
            continue;
        }
        known.push((socket.local, target));
        let waits = socket.state == SocketState::SynSent;
        dials.push(Dial {
            transport: socket.transport,
            target,
            at,
            outcome: if waits { Outcome::Unanswered } else { Outcome::Established },
            repeats: 0,
            unanswered_ms: if waits { evidence.setting.ended_at.ms_since(at) } else { 0.0 },
            evidence: vec![reference],
        });
    }
    dials
}
