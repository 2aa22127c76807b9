//! Looks at the socket table, and keeps those looks that differ from the one before.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::collect::clock::Clock;
use crate::collect::sockets::{self, Scope};
use crate::evidence::{Gap, Observed, Owner, Role, Snapshot, Socket, SocketState, Sockets, Transport};

/// How many tables are kept; the first ones and always the last one.
const KEPT: usize = 200;

/// The tables of one recording.
pub(super) struct Tables {
    clock: Clock,
    /// Whether every row is kept; else only rows with a port of the recording, or held by one of its programs.
    everything: bool,
    /// netdiag's own datagram socket, which is no part of what is looked at.
    own: Option<SocketAddr>,
    snapshots: Vec<Snapshot>,
    gap: Option<Gap>,
}

impl Tables {
    /// No looks yet. In a private namespace (`everything`) every row belongs to the recording.
    pub(super) fn new(clock: Clock, everything: bool, own: Option<SocketAddr>) -> Self {
        Self { clock, everything, own, snapshots: Vec::new(), gap: None }
    }

    /// Whether nobody but the recording lives in this namespace.
    pub(super) fn is_private(&self) -> bool {
        self.everything
    }

    /// Whether a program that plays `role` was seen to hold a socket with this port of its own.
    pub(super) fn has_held(&self, role: Role, transport: Transport, port: u16) -> bool {
        let mut rows = self.snapshots.iter().flat_map(|snapshot| &snapshot.sockets);
        rows.any(|row| {
            (row.transport, row.local.port()) == (transport, port)
                && row.owners.iter().any(|owner| owner.role == Some(role))
        })
    }

    /// A look for those rows alone that wait for somebody, to be passed to [`waiting`]. It is not kept.
    pub(super) fn look_for_waiting(&self, members: &BTreeMap<u32, (usize, Role)>) -> Vec<Socket> {
        sockets::look_for_waiting(Scope::Processes(members), self.own).unwrap_or_default()
    }

    /// Whether nobody has a socket, which only a private network can show; it costs far less than a look.
    pub(super) fn are_empty(&self) -> bool {
        sockets::are_none(self.own)
    }

    /// Looks once and returns the rows; the look is kept if anything changed.
    pub(super) fn look(&mut self, members: &BTreeMap<u32, (usize, Role)>, ports: &[u16]) -> Vec<Socket> {
        let rows = self.rows(members, ports);
        let is_news = self.snapshots.last().is_none_or(|last| !looks_alike(&last.sockets, &rows));
        if is_news && self.snapshots.len() < KEPT {
            self.keep(rows.clone());
        }
        rows
    }

    /// The look that stays: who holds what is completed for processes that are not on the stand.
    pub(super) fn freeze(&mut self, members: &BTreeMap<u32, (usize, Role)>, ports: &[u16]) -> Vec<Socket> {
        let mut rows = self.rows(members, ports);
        if rows.iter().any(is_strangers)
            && let Ok(all) = sockets::look(Scope::Everything, self.own)
        {
            for row in rows.iter_mut().filter(|row| is_strangers(row)) {
                if let Some(known) = all.iter().find(|known| known.inode == row.inode) {
                    row.owners.clone_from(&known.owners);
                    row.owners_known = known.owners_known;
                }
            }
        }
        self.keep(rows.clone());
        rows
    }

    fn rows(&mut self, members: &BTreeMap<u32, (usize, Role)>, ports: &[u16]) -> Vec<Socket> {
        match sockets::look(Scope::Processes(members), self.own) {
            Ok(mut rows) => {
                rows.retain(|row| self.everything || concerns(row, ports));
                rows
            }
            Err(gap) => {
                self.gap = Some(gap);
                Vec::new()
            }
        }
    }

    fn keep(&mut self, rows: Vec<Socket>) {
        self.snapshots.push(Snapshot {
            at: self.clock.now(),
            sockets: rows,
            loopback_up: sockets::loopback_up(),
            counters: sockets::counters(),
        });
    }

    /// What was seen, or why nothing could be.
    pub(super) fn finish(self) -> Observed<Sockets> {
        match self.gap {
            Some(gap) => Observed::NotObserved(gap),
            None => Observed::Seen(Sockets { snapshots: self.snapshots, has_queues: sockets::HAS_QUEUES }),
        }
    }
}

fn is_strangers(row: &Socket) -> bool {
    row.owners.is_empty() && row.inode != 0
}

fn concerns(row: &Socket, ports: &[u16]) -> bool {
    row.owners.iter().any(|owner: &Owner| owner.role.is_some())
        || ports.contains(&row.local.port())
        || row.remote.is_some_and(|remote| ports.contains(&remote.port()))
}

/// Times in TCP_INFO change with every look; what rules read of a row does not.
fn looks_alike(before: &[Socket], now: &[Socket]) -> bool {
    before.len() == now.len()
        && before.iter().zip(now).all(|(a, b)| {
            (a.transport, a.local, a.remote, a.state, a.inode) == (b.transport, b.local, b.remote, b.state, b.inode)
                && (a.recv_queue, a.send_queue, &a.owners) == (b.recv_queue, b.send_queue, &b.owners)
        })
}

/// A look for those rows alone that wait for somebody, to be passed to [`waiting`].
pub(super) fn look_for_waiting(members: &BTreeMap<u32, (usize, Role)>) -> Vec<Socket> {
    sockets::look_for_waiting(Scope::Processes(members), None).unwrap_or_default()
}

/// Sockets of the server that wait for somebody.
pub(super) fn waiting(rows: &[Socket]) -> impl Iterator<Item = &Socket> {
    rows.iter().filter(|row| {
        let waits = match row.transport {
            Transport::Tcp => row.state == SocketState::Listen,
            Transport::Udp => row.remote.is_none(),
        };
        waits && row.owners.iter().any(|owner| owner.role == Some(Role::Server))
    })
}

/// Where to dial a socket bound to a wildcard address.
pub(super) fn reachable(local: SocketAddr) -> SocketAddr {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
    let mut address = local;
    match local.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}
