//! What the server's program holds: connections of clients that have gone, and its table of descriptors.

use std::net::SocketAddr;

use super::{Facts, Talk};
use crate::evidence::{At, Gap, Role, Snapshot, Socket, SocketState};

/// A server that has not closed after so many milliseconds, although it may run, does not mean to.
const TIME_TO_CLOSE_MS: f64 = 100.0;

/// A server that has meanwhile taken so many others had the time to close as well.
const OTHERS: usize = 3;

/// A connection in CLOSE_WAIT whose client has gone for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forgotten {
    /// Where the client was.
    pub client: SocketAddr,
    /// `sockets:S/R`.
    pub reference: String,
}

/// A process with no descriptor left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FullTable {
    /// When it was first seen full.
    pub at: At,
    /// Its process id.
    pub pid: u32,
    /// Its program.
    pub program: usize,
    /// How many it may have.
    pub limit: u64,
}

/// What a process had open, as far as connections tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Load {
    /// Connections whose client was there.
    pub live: usize,
    /// Connections whose client had gone.
    pub forgotten: usize,
}

impl Facts<'_> {
    /// Connections that the server kept although their clients had gone, at the moment when there were most of them.
    pub fn forgotten(&self) -> Result<Vec<Forgotten>, Gap> {
        let sockets = self.evidence.sockets.seen()?;
        let waits_for_ever = self.player(Role::Server).ok().flatten().is_some_and(|server| server.waits_for_ever());
        let seen: Vec<&Snapshot> = sockets.snapshots.iter().filter(|table| table.at <= self.frozen()).collect();
        let mut most: Vec<Forgotten> = Vec::new();
        for (number, table) in seen.iter().enumerate() {
            let last = number + 1 == seen.len();
            let until = if last { self.frozen() } else { table.at };
            let rows = table.sockets.iter().enumerate().filter(|(_, row)| is_forgotten(row, table));
            let kept = rows.filter(|(_, row)| {
                let since = since(row, &seen[..=number]);
                (last && waits_for_ever)
                    || until.ms_since(since) >= TIME_TO_CLOSE_MS
                    || self.others_after(row.remote) >= OTHERS
            });
            let kept: Vec<Forgotten> = kept
                .filter_map(|(row, socket)| {
                    Some(Forgotten { client: socket.remote?, reference: format!("sockets:{number}/{row}") })
                })
                .collect();
            if kept.len() >= most.len() {
                most = kept;
            }
        }
        let on_the_wire = self.never_closed();
        Ok(if on_the_wire.len() > most.len() { on_the_wire } else { most })
    }

    /// The same from packets alone, for a server that did not live to be looked at.
    fn never_closed(&self) -> Vec<Forgotten> {
        let talks = self.talks().unwrap_or_default();
        let kept = talks.iter().filter(|talk| {
            let others = self.others_after(Some(talk.client));
            let end = talk.ended_by(Role::Server);
            let before_its_end = talks.iter().filter(|other| end.is_none_or(|end| other.began < end)).count();
            let before_this = talks.iter().filter(|other| Some(other.began) <= talk.fin(Role::Client)).count();
            others >= OTHERS && before_its_end >= before_this + OTHERS
        });
        let reference = |talk: &Talk| talk.closing_references(Role::Client).into_iter().next();
        kept.filter_map(|talk| Some(Forgotten { client: talk.client, reference: reference(talk)? })).collect()
    }

    /// How many clients came to the server after this one had closed, and were answered.
    fn others_after(&self, client: Option<SocketAddr>) -> usize {
        let Ok(talks) = self.talks() else { return 0 };
        let left = talks.iter().find(|talk| Some(talk.client) == client).and_then(|talk| talk.fin(Role::Client));
        let Some(left) = left else { return 0 };
        talks.iter().filter(|talk| talk.began > left && talk.replied_bytes() > Some(0)).count()
    }

    /// The limit on descriptors that a process of the server was last seen to have.
    #[must_use]
    pub fn descriptor_limit(&self) -> Option<u64> {
        let programs = self.evidence.programs.seen().ok()?;
        let of_server = |program: usize| programs.programs.get(program).is_some_and(|it| it.role == Role::Server);
        let processes = programs.samples.iter().rev().flat_map(|sample| &sample.processes);
        processes.filter(|process| of_server(process.program)).find_map(|process| process.descriptor_limit)
    }

    /// The first process of the server that was seen without a free descriptor.
    pub fn full_table(&self) -> Result<Option<FullTable>, Gap> {
        let programs = self.evidence.programs.seen()?;
        Ok(programs.samples.iter().filter(|sample| sample.at <= self.frozen()).find_map(|sample| {
            sample.processes.iter().find_map(|process| {
                let of_server = programs.programs.get(process.program).is_some_and(|p| p.role == Role::Server);
                let limit = process.descriptor_limit?;
                let is_full = of_server && u64::from(process.descriptors?) >= limit;
                is_full.then_some(FullTable { at: sample.at, pid: process.pid, program: process.program, limit })
            })
        }))
    }

    /// The server's connections when it held most of them.
    pub fn load(&self) -> Result<Load, Gap> {
        let sockets = self.evidence.sockets.seen()?;
        let loads = sockets.snapshots.iter().filter(|table| table.at <= self.frozen()).map(|table| {
            let held = table.sockets.iter().filter(|row| row.remote.is_some() && is_servers(row));
            let mut load = Load::default();
            for row in held {
                if is_forgotten(row, table) { load.forgotten += 1 } else { load.live += 1 }
            }
            load
        });
        Ok(loads.max_by_key(|load| load.live + load.forgotten).unwrap_or_default())
    }

    /// Whether connections waited to be accepted at some moment from `at` on.
    #[must_use]
    pub fn somebody_queued_after(&self, at: At) -> bool {
        let Ok(sockets) = self.evidence.sockets.seen() else { return false };
        let tables = sockets.snapshots.iter().filter(|table| table.at >= at && table.at <= self.frozen());
        tables.flat_map(|table| &table.sockets).any(|row| {
            row.state == SocketState::Listen && is_servers(row) && row.recv_queue.is_some_and(|waiting| waiting > 0)
        })
    }
}

fn is_servers(row: &Socket) -> bool {
    row.owners.iter().any(|owner| owner.role == Some(Role::Server))
}

fn is_forgotten(row: &Socket, table: &Snapshot) -> bool {
    let client_is_there = || {
        table
            .sockets
            .iter()
            .any(|other| Some(other.local) == row.remote && other.remote == Some(row.local) && !other.owners.is_empty())
    };
    row.state == SocketState::CloseWait && is_servers(row) && !client_is_there()
}

/// Since when the row was in this state without interruption.
fn since(row: &Socket, tables: &[&Snapshot]) -> At {
    let same = |table: &Snapshot| {
        table.sockets.iter().any(|other| {
            (other.local, other.remote, other.state) == (row.local, row.remote, row.state) && other.inode == row.inode
        })
    };
    tables.iter().rev().take_while(|table| same(table)).last().map_or(At::default(), |table| table.at)
}
