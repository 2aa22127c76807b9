//! Programs on the stand: starts them, watches them and their descendants, ends them.
//!
//! It notes how each one ended, what it printed and what its threads wait for. It never says whether that is right.

mod ending;
mod output;

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

#[cfg(all(test, target_os = "linux"))]
mod tests;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use self::output::Drain;
use self::tree::Tree;
use crate::collect::clock::Clock;
use crate::evidence::{At, Exit, How, Program, Programs, Role, Sample, Socket};

/// What to start.
#[derive(Debug, Clone, PartialEq)]
pub struct Launch {
    /// The part it plays.
    pub role: Role,
    /// The words of the command; the first one is looked up on PATH as a shell does. No shell runs it.
    pub command: Vec<String>,
    /// Working directory; `None` is ours.
    pub cwd: Option<PathBuf>,
    /// Additions to our own environment.
    pub env: Vec<(String, String)>,
    /// What it reads on standard input before the end of file; `None` is /dev/null.
    pub stdin: Option<Vec<u8>>,
    /// Whether it is netdiag's own reference.
    pub reference: bool,
    /// The words put into the evidence instead of `command`.
    pub shown: Vec<String>,
}

/// Names the program that a process descends from, in its environment, so that a daemon is recognised however it detached.
const MARK: &str = "NETDIAG_PROGRAM";

/// How many threads' looks are kept; older samples are dropped beyond it, so that memory stays bounded.
const KEPT_THREADS: usize = 50_000;

/// The waiting threads only wait or copy; the default 2 MiB each would be felt with a hundred clients.
const STACK: usize = 256 << 10;

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

    /// Starts a program in a process group of its own and returns its index. A program that cannot be started is an
    /// observation ([`Program::spawn_error`]), not an error.
    pub fn start(&mut self, launch: Launch) -> usize {
        let index = self.programs.len();
        let started = self.clock.now();
        let outcome = self.spawn(&launch, index).and_then(|child| self.hold(child, index, launch.stdin));
        let cwd = launch.cwd.or_else(|| std::env::current_dir().ok());
        self.programs.push(Program {
            role: launch.role,
            command: launch.shown,
            cwd: cwd.map(|path| path.to_string_lossy().into_owned()),
            reference: launch.reference,
            started_by_us: true,
            pid: outcome.as_ref().ok().and_then(Held::pid).unwrap_or(0),
            started,
            exit: None,
            stdout: None,
            stderr: None,
            spawn_error: outcome.as_ref().err().map(ToString::to_string),
        });
        self.held.push(outcome.unwrap_or_default());
        index
    }

    fn spawn(&self, launch: &Launch, index: usize) -> io::Result<Child> {
        let (program, arguments) = launch
            .command
            .split_first()
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the command is empty"))?;
        let mut command = Command::new(program);
        command.args(arguments).envs(launch.env.iter().map(|(name, value)| (name, value)));
        command.env(MARK, format!("{}{index}", self.mark));
        command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.stdin(if launch.stdin.is_some() { Stdio::piped() } else { Stdio::null() });
        if let Some(cwd) = &launch.cwd {
            // Otherwise the system's "No such file or directory" would seem to speak of the program.
            std::fs::metadata(cwd)
                .map_err(|error| io::Error::new(error.kind(), format!("directory {}: {error}", cwd.display())))?;
            command.current_dir(cwd);
        }
        command.spawn().map_err(|error| io::Error::new(error.kind(), format!("{program}: {error}")))
    }

    /// Sets the watchers of a child. Without them it could block or its end be missed, so it is not kept then.
    fn hold(&self, mut child: Child, index: usize, stdin: Option<Vec<u8>>) -> io::Result<Held> {
        let held = self.watch(&mut child, index, stdin);
        if held.is_err() {
            let _ = child.kill();
            let _ = child.wait();
        }
        Ok(Held { child: Some(child), ..held? })
    }

    fn watch(&self, child: &mut Child, index: usize, stdin: Option<Vec<u8>>) -> io::Result<Held> {
        let drain = |pipe: Option<OwnedFd>| pipe.map(|pipe| Drain::start(self.clock, pipe)).transpose();
        let stdout = drain(child.stdout.take().map(Into::into))?;
        let stderr = drain(child.stderr.take().map(Into::into))?;
        if let (Some(mut pipe), Some(bytes)) = (child.stdin.take(), stdin) {
            // A program that does not read all of it is no failure of ours.
            thread("netdiag-stdin", move || drop(pipe.write_all(&bytes)))?;
        }
        let (pid, clock, endings) = (raw(child.id()), self.clock, self.endings.0.clone());
        thread("netdiag-wait", move || {
            // The zombie is left for `poll` to reap, so that its pid is not reused while somebody may signal it.
            let ended = || waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
            while ended().is_err_and(|error| error == rustix::io::Errno::INTR) {}
            let _ = endings.send(Ending { program: index, at: clock.now() });
        })?;
        Ok(Held { stdout, stderr, ..Held::default() })
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
        let at = self.clock.now();
        let sample = Sample { at, processes: threads::look(self.tree.everybody(), sockets) };
        self.samples.push(sample.clone());
        self.trim_samples();
        sample
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

fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new().name(name.to_owned()).stack_size(STACK).spawn(work).map(drop)
}
