//! What remains of looking at processes where there is no /proc: the children themselves, and that they run.

use std::collections::BTreeMap;

use crate::evidence::{Process, Socket, Thread, Wait};

/// The stage's own children; their descendants are not seen.
#[derive(Debug)]
pub struct Tree {
    members: BTreeMap<u32, usize>,
}

/// A program that was found running; never made here, since nothing could be said about it.
#[derive(Debug)]
pub struct Found {
    /// Its first process.
    pub pid: u32,
    /// The words of its command.
    pub command: Vec<String>,
    /// Its working directory.
    pub cwd: Option<String>,
}

impl Tree {
    /// No process yet.
    pub fn new(_mark: String) -> Self {
        Self { members: BTreeMap::new() }
    }

    /// Orphans go to the system's own reaper here.
    pub fn claim_orphans(&mut self) {}

    /// Descendants are not told apart here.
    pub fn started(&mut self, _program: usize) {}

    /// Running processes cannot be looked at here.
    pub fn find(&mut self, _pids: &[u32], _program: usize) -> Option<Found> {
        None
    }

    /// The children and their programs.
    pub fn members(&self) -> impl Iterator<Item = (u32, usize)> + '_ {
        self.members.iter().map(|(&pid, &program)| (pid, program))
    }

    /// The same.
    pub fn everybody(&self) -> impl Iterator<Item = (u32, usize)> + '_ {
        self.members()
    }

    /// The children with the process groups they were started in.
    pub fn ours(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.members.keys().map(|&pid| (pid, pid))
    }

    /// Whether it is a child of ours.
    pub fn holds(&self, pid: u32) -> bool {
        self.members.contains_key(&pid)
    }

    /// Takes over the children that have not been reaped.
    pub fn refresh(&mut self, roots: &[(u32, usize)]) {
        self.members = roots.iter().copied().collect();
    }
}

/// Threads on their way out are not told from others here.
pub fn are_leaving(_pid: u32) -> bool {
    false
}

/// Each process with one thread of which nothing is known, so that nothing is concluded from it.
pub fn look(members: impl Iterator<Item = (u32, usize)>, _sockets: &[Socket]) -> Vec<Process> {
    let unknown = |pid| Thread { tid: pid, state: '?', wait: Wait::Unknown, switches: None };
    members
        .map(|(pid, program)| Process {
            program,
            pid,
            ppid: std::process::id(),
            name: String::new(),
            state: '?',
            descriptors: None,
            descriptor_limit: None,
            cpu_ms: 0,
            kernel_ms: 0,
            rss_kib: 0,
            threads: vec![unknown(pid)],
            armed_timers: None,
        })
        .collect()
}
