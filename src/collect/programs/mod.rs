//! Programs on the stand: starts them, watches them and their descendants, ends them.
//!
//! It notes how each one ended, what it printed and what its threads wait for. It never says whether that is right.

mod ending;
mod output;
mod start;
mod texts;

#[cfg(target_os = "linux")]
mod fds;
#[cfg(target_os = "linux")]
mod threads;
#[cfg(target_os = "linux")]
mod tree;
#[cfg(target_os = "linux")]
mod waits;

#[cfg(not(target_os = "linux"))]
#[path = "elsewhere.rs"]
mod threads;
#[cfg(not(target_os = "linux"))]
use threads as tree;

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use rustix::process::Pid;

pub use self::start::Launch;
pub use self::texts::read;

use self::output::Drain;
use self::tree::Tree;
use crate::collect::clock::Clock;
use crate::evidence::{At, Exit, How, Program, Programs, Role, Sample, Socket, Text};

/// Names the program that a process descends from, in its environment, so that a daemon is recognised however it detached.
const MARK: &str = "NETDIAG_PROGRAM";

/// How many threads' looks are kept; older samples are dropped beyond it, so that memory stays bounded.
const KEPT_THREADS: usize = 50_000;

/// Stages of one process are told apart by number.
static STAGES: AtomicU64 = AtomicU64::new(0);

/// The programs of one recording.
#[derive(Debug)]
pub struct Stage {
    clock: Clock,
    mark: String,
    programs: Vec<Program>,
    /// What we hold of each program, in the same order.
    held: Vec<Held>,
    samples: Vec<Sample>,
    tree: Tree,
    endings: (Sender<Ending>, Receiver<Ending>),
    /// Whether signals have been sent; what ends after that was ended by us.
    ending: bool,
}

/// A child has become a zombie.
#[derive(Debug)]
struct Ending {
    program: usize,
    at: At,
}

/// What we hold of one program.
#[derive(Debug, Default)]
struct Held {
    /// The child; `None` when it never started, was only found, or has been reaped.
    child: Option<Child>,
    stdout: Option<Drain>,
    stderr: Option<Drain>,
    /// Whether it had ended before we sent the first signal, though we had not reaped it yet.
    ended_itself: bool,
}

impl Held {
    fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }
}

impl Stage {
    /// An empty stage. Orphans of its programs come back to this process only if that is their reaper
    /// ([`crate::sandbox::tie_to_parent`]).
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        let mark = format!("{}-{}-", std::process::id(), STAGES.fetch_add(1, Ordering::Relaxed));
        Self {
            clock,
            tree: Tree::new(format!("{MARK}={mark}")),
            mark,
            programs: Vec::new(),
            held: Vec::new(),
            samples: Vec::new(),
            endings: channel(),
            ending: false,
        }
    }

    /// Declares that this process has no children but the stage's, so that every orphan which comes back to it in a
    /// process group of its own is the stage's too, even one that wiped its environment and was never seen before.
    pub fn claim_orphans(&mut self) {
        self.tree.claim_orphans();
    }

    /// Puts a server that is already running on the stage: `pids` own the listener. It is watched and never ended.
    /// Returns its index, or `None` when none of the processes can be looked at.
    pub fn find(&mut self, pids: &[u32]) -> Option<usize> {
        let index = self.programs.len();
        let first = self.tree.find(pids, index)?;
        self.programs.push(Program {
            role: Role::Server,
            command: first.command,
            cwd: first.cwd,
            reference: false,
            started_by_us: false,
            pid: first.pid,
            started: self.clock.now(),
            exit: None,
            stdout: None,
            stderr: None,
            spawn_error: None,
            text: Text::default(),
        });
        self.held.push(Held::default());
        Some(index)
    }

    /// Notes which programs have ended since the last call. Never blocks.
    pub fn poll(&mut self) {
        while let Ok(ending) = self.endings.1.try_recv() {
            self.reap(&ending);
        }
    }

    /// Like [`Stage::poll`], but waits up to `limit` for a program to end; returns at once when one does.
    pub fn pause(&mut self, limit: Duration) {
        if let Ok(ending) = self.endings.1.recv_timeout(limit) {
            self.reap(&ending);
        }
        self.poll();
    }

    fn reap(&mut self, ending: &Ending) {
        let held = &mut self.held[ending.program];
        let status = held.child.take().and_then(|mut child| child.wait().ok());
        let by_us = self.ending && !held.ended_itself;
        self.programs[ending.program].exit = status.and_then(how).map(|how| Exit { at: ending.at, how, by_us });
    }

    /// Whether the program's first process is still there. For a program that was only found: whether it was at the last
    /// look ([`Stage::members`], [`Stage::sample`]).
    #[must_use]
    pub fn running(&self, program: usize) -> bool {
        match self.programs.get(program) {
            Some(row) if row.started_by_us => self.held[program].child.is_some(),
            Some(row) => self.tree.holds(row.pid),
            None => false,
        }
    }

    /// How the program ended, if [`Stage::poll`] has noted it.
    #[must_use]
    pub fn exit(&self, program: usize) -> Option<&Exit> {
        self.programs.get(program)?.exit.as_ref()
    }

    /// The program's row of the evidence as far as it is known; its output is filled in at the end.
    #[must_use]
    pub fn program(&self, program: usize) -> Option<&Program> {
        self.programs.get(program)
    }

    /// Every live process of every program: the children, their descendants, and those that detached themselves.
    pub fn members(&mut self) -> BTreeMap<u32, (usize, Role)> {
        self.poll();
        self.tree.refresh(&self.roots());
        self.tree.members().map(|(pid, program)| (pid, (program, self.programs[program].role))).collect()
    }

    /// Looks at every thread of every process once. `sockets` is the present table, for the addresses behind descriptors.
    /// The sample is kept, the oldest ones only within bounds.
    pub fn sample(&mut self, sockets: &[Socket]) -> Sample {
        self.poll();
        self.tree.refresh(&self.roots());
        let sample = self.glance(sockets);
        self.samples.push(sample.clone());
        self.trim_samples();
        sample
    }

    /// The indexes of the programs that play `role`.
    #[must_use]
    pub fn programs_of(&self, role: Role) -> Vec<usize> {
        let programs = self.programs.iter().enumerate();
        programs.filter(|(_, program)| program.role == role).map(|(index, _)| index).collect()
    }

    /// A look at every thread that is not kept.
    pub fn glance(&mut self, sockets: &[Socket]) -> Sample {
        let at = self.clock.now();
        Sample { at, processes: threads::look(self.tree.everybody(), sockets) }
    }

    fn trim_samples(&mut self) {
        let weight =
            |sample: &Sample| 1 + sample.processes.iter().map(|process| 1 + process.threads.len()).sum::<usize>();
        let mut total: usize = self.samples.iter().map(weight).sum();
        // The last two are what a proof compares.
        while total > KEPT_THREADS && self.samples.len() > 2 {
            total -= weight(&self.samples.remove(0));
        }
    }

    /// The children that have not been reaped, by process id.
    fn roots(&self) -> Vec<(u32, usize)> {
        self.held.iter().enumerate().filter_map(|(index, held)| Some((held.pid()?, index))).collect()
    }

    /// Fixes what the programs have printed so far: later output is read, so that nobody blocks, and forgotten, because
    /// a program says all kinds of things when it is told to end. [`Stage::end_all`] does it first; call it earlier when
    /// the recording ends earlier.
    pub fn freeze_output(&mut self) {
        for (program, held) in self.programs.iter_mut().zip(&self.held) {
            if program.stdout.is_none() {
                program.stdout = held.stdout.as_ref().map(Drain::freeze);
                program.stderr = held.stderr.as_ref().map(Drain::freeze);
            }
        }
    }

    /// The beginning of what the program has printed on standard output so far.
    #[cfg(test)]
    fn peek_stdout(&self, program: usize) -> String {
        let head = self.held[program].stdout.as_ref().map(Drain::peek).unwrap_or_default();
        String::from_utf8_lossy(&head.0).into_owned()
    }

    /// Ends whatever still runs and returns what was seen.
    #[must_use]
    pub fn finish(mut self) -> Programs {
        self.end_all();
        Programs { programs: std::mem::take(&mut self.programs), samples: std::mem::take(&mut self.samples) }
    }
}

impl Drop for Stage {
    /// Nothing is left behind on an early return either.
    fn drop(&mut self) {
        self.end_all();
    }
}

fn how(status: ExitStatus) -> Option<How> {
    status.code().map(How::Code).or_else(|| status.signal().map(How::Signal))
}

/// The process id as the system calls take it; a live child's is never zero.
fn raw(pid: u32) -> Pid {
    Pid::from_raw(pid.cast_signed()).unwrap_or(Pid::INIT)
}
