//! Programs that are stopped by a signal, and go on when they are told to.
//!
//! A traced thread stays stopped exactly as long as its process would be untraced. The kernel tells the tracer when a stop
//! begins; when it ends must be asked (PTRACE_LISTEN, which would tell that too, has no safe interface).

use std::collections::BTreeSet;

use nix::libc;
use nix::sys::ptrace;
use nix::unistd::Pid;

use super::{Step, Tracee, Tracer, go_on, now};
use crate::collect::calls::line::Word;
use crate::collect::calls::process::Status;

/// How a thread stands to stop signals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// It runs.
    No,
    /// It was reported stopped, and is asked whether it still is.
    Asked {
        /// What was pending before it was asked ([`Status::stop_signals`]): whatever comes later is news.
        pending: u64,
        /// The stop may have ended after it answered, so it must be asked once more.
        again: bool,
    },
    /// It is held stopped.
    Held {
        /// What was pending before it was last asked.
        pending: u64,
    },
}

impl Tracer {
    /// A thread stands still because of a stop signal, or (SIGTRAP) does so no longer or never did.
    ///
    /// A report may be older than the signal that ended the stop, so each one is verified by asking once more; a thread
    /// that has been asked traps again without having run.
    pub(super) fn group_stop(&mut self, tid: i32, signal: i32) -> Step {
        let Some(tracee) = self.tracees.get_mut(&tid) else { return Ok(()) };
        let before = tracee.stop;
        if signal == libc::SIGTRAP {
            tracee.stop = Stop::No;
            go_on(tid);
            return match before {
                Stop::No => Ok(()),
                _ => self.tell(&Word::Resumed { tid: tid.cast_unsigned(), at: now() }),
            };
        }
        if let Stop::Asked { pending, again: false } = before {
            tracee.stop = Stop::Held { pending };
            return Ok(());
        }
        tracee.stop = ask(tid);
        match before {
            Stop::No => self.tell(&Word::Stopped { tid: tid.cast_unsigned(), at: now() }),
            _ => Ok(()),
        }
    }

    /// A signal that ends the stop, or makes a new one, waits at the door of a process all of whose threads are held.
    pub(super) fn ask_the_held(&mut self) {
        let news = |(tid, tracee): (&i32, &Tracee)| {
            let Stop::Held { pending } = tracee.stop else { return None };
            let now = Status::read(*tid)?.stop_signals();
            (now != pending).then_some(tracee.pid)
        };
        let called: BTreeSet<i32> = self.tracees.iter().filter_map(news).collect();
        for pid in called {
            self.ask_held_of(pid);
        }
    }

    pub(super) fn ask_held_of(&mut self, pid: i32) {
        for (tid, tracee) in self.tracees.iter_mut().filter(|(_, tracee)| tracee.pid == pid) {
            match tracee.stop {
                Stop::No => {}
                Stop::Asked { pending, .. } => tracee.stop = Stop::Asked { pending, again: true },
                Stop::Held { .. } => tracee.stop = ask(*tid),
            }
        }
    }
}

/// Makes a stopped thread report anew whether its process is stopped. It does not run in between.
fn ask(tid: i32) -> Stop {
    let pending = Status::read(tid).map_or(0, |status| status.stop_signals());
    let _ = ptrace::interrupt(Pid::from_raw(tid));
    go_on(tid);
    Stop::Asked { pending, again: false }
}
