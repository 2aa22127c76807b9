//! The programs on the stand at the moment the recording was frozen.

use std::net::SocketAddr;

use super::trace::{self, Trace};
use crate::evidence::{At, Bytes, How, Limit, Output, Process, Program, Programs, Role, Sample, Thread, Wait};

/// A thread that looks after something every now and then sleeps for less than this, in milliseconds.
const LONG_SLEEP_MS: f64 = 1500.0;

/// Calls that read from one connection.
pub(super) const IN_ONE_READ: [&str; 4] = ["read", "readv", "recvfrom", "recvmsg"];

/// How a program ended, seen from the moment the recording was frozen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It was still there.
    Running,
    /// It could not be started.
    NeverStarted,
    /// It ended by itself with this status.
    Exited(i32),
    /// A signal ended it that netdiag did not send.
    Killed(i32),
}

/// One program of the pair.
#[derive(Debug, Clone)]
pub struct Player<'e> {
    /// Index in the evidence.
    pub index: usize,
    /// What was seen of it.
    pub program: &'e Program,
    /// How it stood.
    pub ended: Ended,
    /// Its processes at the last look before the freeze.
    pub processes: Vec<&'e Process>,
}

impl<'e> Player<'e> {
    /// `programs:N`.
    #[must_use]
    pub fn reference(&self) -> String {
        format!("programs:{}", self.index)
    }

    /// Whether it failed by its own account: a status other than 0, or a signal.
    #[must_use]
    pub fn failed(&self) -> bool {
        match self.ended {
            Ended::Exited(status) => status != 0,
            Ended::Killed(_) | Ended::NeverStarted => true,
            Ended::Running => false,
        }
    }

    /// Whether somebody else ended it: SIGHUP, SIGINT, SIGKILL and SIGTERM are sent by people, shells and kernels, never by
    /// a fault of the program's own.
    #[must_use]
    pub fn was_ended_from_outside(&self) -> bool {
        matches!(self.ended, Ended::Killed(1 | 2 | 9 | 15))
    }

    /// How long it lived, in milliseconds, if it has ended by itself.
    #[must_use]
    pub fn lifetime_ms(&self) -> Option<f64> {
        let exit = self.program.exit.as_ref().filter(|exit| !exit.by_us)?;
        Some(exit.at.ms_since(self.program.started))
    }

    /// Whether it was still there.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.ended == Ended::Running
    }

    /// Whether some process of it, its first one or one that this left behind, was alive at the last look.
    #[must_use]
    pub fn lives_on(&self) -> bool {
        self.processes.iter().any(|process| !matches!(process.state, 'Z' | 'X'))
    }

    /// Whether every one of its processes is stopped (state T), so that nothing it does or leaves undone is its choice.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        let living: Vec<_> = self.processes.iter().filter(|process| process.state != 'Z').collect();
        !living.is_empty() && living.iter().all(|process| matches!(process.state, 'T' | 't'))
    }

    /// Its threads at the last look.
    pub fn threads(&self) -> impl Iterator<Item = &'e Thread> {
        self.processes.iter().copied().flat_map(|process| process.threads.iter())
    }

    /// Whether some thread sits in one of these system calls.
    #[must_use]
    pub fn waits_in(&self, names: &[&str]) -> bool {
        self.threads().any(|thread| matches!(&thread.wait, Wait::Call { name, .. } if names.contains(&name.as_str())))
    }

    /// Whether some thread waits for bytes on the connection between `local` and `peer`, and on nothing else; or on a socket
    /// that could not be made out.
    #[must_use]
    pub fn reads_from(&self, local: SocketAddr, peer: SocketAddr) -> bool {
        const READING: &[&str] = &["read", "readv", "recvfrom", "recvmsg", "poll", "ppoll"];
        self.threads().any(|thread| {
            matches!(&thread.wait, Wait::Call { name, socket, .. }
                if READING.contains(&name.as_str()) && *socket == Some((local, Some(peer)))
                    || name.starts_with("recv") && socket.is_none())
        })
    }

    /// Whether every thread of the processes with these ids waits at a socket, or for a child, that is not the connection
    /// between `local` and `peer`, so that nobody would notice what comes on it; `None` when not all of them were seen.
    #[must_use]
    pub fn has_left_alone(&self, pids: &[u32], local: SocketAddr, peer: SocketAddr) -> Option<bool> {
        let waits_elsewhere = |thread: &Thread| match &thread.wait {
            Wait::Call { socket: Some(other), .. } => *other != (local, Some(peer)),
            Wait::Call { name, .. } => matches!(name.as_str(), "wait4" | "waitid" | "waitpid"),
            _ => false,
        };
        let holders: Vec<_> = self.processes.iter().filter(|process| pids.contains(&process.pid)).collect();
        let threads = || holders.iter().flat_map(|process| &process.threads);
        let is_seen = |process: &Process| {
            !process.threads.is_empty() && process.threads.iter().all(|thread| thread.wait != Wait::Unknown)
        };
        let all_seen = holders.len() == pids.len() && holders.iter().all(|process| is_seen(process));
        all_seen.then(|| threads().all(waits_elsewhere))
    }

    /// Whether some thread waits for more bytes on the connection between `local` and `peer`, as far as its call tells: then
    /// it has read what had come.
    #[must_use]
    pub fn waits_for_more(&self, local: SocketAddr, peer: SocketAddr) -> bool {
        self.threads().any(|thread| {
            matches!(&thread.wait, Wait::Call { name, socket, .. }
                if IN_ONE_READ.contains(&name.as_str()) && *socket == Some((local, Some(peer))))
        })
    }

    /// Whether some thread was running, and not waiting for anything.
    #[must_use]
    pub fn computes(&self) -> bool {
        self.threads().any(|thread| thread.wait == Wait::Running)
    }

    /// Whether it runs, was looked at, and every thread sits in a wait without a time limit: it waits for somebody else.
    #[must_use]
    pub fn waits_for_ever(&self) -> bool {
        let mut threads = self.threads().peekable();
        self.is_running()
            && threads.peek().is_some()
            && threads.all(|thread| matches!(thread.wait, Wait::Call { limit: Limit::Forever, .. }))
    }

    /// Whether it is known what each of its threads did at the last look.
    #[must_use]
    pub fn was_looked_at(&self) -> bool {
        let mut threads = self.threads().peekable();
        threads.peek().is_some() && threads.all(|thread| thread.wait != Wait::Unknown)
    }

    /// Whether some thread sits in a call that may be reading from a connection.
    #[must_use]
    pub fn may_be_reading(&self) -> bool {
        self.waits_in(&["read", "readv", "recvfrom", "recvmsg", "recvmmsg"]) || self.waits_for_several()
    }

    /// Whether some thread sits in a call that may be waiting for a connection.
    #[must_use]
    pub fn may_be_accepting(&self) -> bool {
        self.waits_in(&["accept", "accept4"]) || self.waits_for_several()
    }

    /// Whether some thread waits for any of several descriptors.
    fn waits_for_several(&self) -> bool {
        const SEVERAL: &[&str] = &["poll", "ppoll", "select", "pselect6", "epoll_wait", "epoll_pwait", "epoll_pwait2"];
        let uring = |thread: &Thread| matches!(&thread.wait, Wait::Call { name, .. } if name.starts_with("io_uring"));
        self.waits_in(SEVERAL) || self.threads().any(uring)
    }

    /// Whether some thread waits for input from a keyboard or a pipe.
    #[must_use]
    pub fn waits_for_input(&self) -> bool {
        self.threads().any(|thread| matches!(&thread.wait, Wait::Call { name, fd: Some(0), .. } if name == "read"))
    }

    /// Whether it wrote anything at all on standard error; `None` when that was not piped to us.
    #[must_use]
    pub fn complained(&self) -> Option<bool> {
        self.program.stderr.as_ref().map(|output| output.total > 0)
    }

    /// Whether its standard error holds what a language's runtime writes about an error that nothing in the program handled.
    #[must_use]
    pub fn reports_a_crash(&self) -> bool {
        const BEGINNINGS: [&str; 4] = [
            "Exception in thread ", // Java, of an error without frames
            "Uncaught ",            // Deno, browsers
            "Segmentation fault",   // a shell, of its child
            "terminate called ",    // C++
        ];
        let Some(output) = &self.program.stderr else { return false };
        let mut lines = [&output.head.0, &output.tail.0].into_iter().flat_map(|kept| kept.split(|byte| *byte == b'\n'));
        let begins = |line: &[u8]| BEGINNINGS.iter().any(|beginning| line.starts_with(beginning.as_bytes()));
        self.trace().is_some() || lines.any(begins)
    }

    /// The last error that the program's runtime printed, with its line.
    #[must_use]
    pub fn trace(&self) -> Option<Trace> {
        trace::last(self.program.stderr.as_ref()?, self.program.cwd.as_deref())
    }

    /// Whether some thread began to sleep for a time after `asked` and has slept ever since: it has not said its last word.
    #[must_use]
    pub fn sleeps_since(&self, asked: At, samples: &[Sample]) -> bool {
        const SLEEPS: [&str; 2] = ["clock_nanosleep", "nanosleep"];
        let asleep =
            |thread: &Thread| matches!(&thread.wait, Wait::Call { name, .. } if SLEEPS.contains(&name.as_str()));
        let same = |thread: &Thread, sample: &Sample| {
            let mut all = sample.processes.iter().flat_map(|process| &process.threads);
            all.any(|one| one.tid == thread.tid && one.switches == thread.switches)
        };
        let (before, after): (Vec<&Sample>, Vec<&Sample>) = samples.iter().partition(|sample| sample.at < asked);
        let long_after = || after.iter().filter(|sample| sample.at.ms_since(asked) > LONG_SLEEP_MS);
        self.threads().filter(|thread| asleep(thread)).any(|thread| {
            !before.iter().any(|sample| same(thread, sample)) && long_after().all(|sample| same(thread, sample))
        })
    }

    /// Whether it wrote anything on either stream.
    #[must_use]
    pub fn said_something(&self) -> bool {
        [&self.program.stdout, &self.program.stderr].into_iter().flatten().any(|output| output.total > 0)
    }

    /// Whether what it wrote, on either stream, holds one of these phrases, which are in lower case.
    #[must_use]
    pub fn says_any(&self, phrases: &[&str]) -> bool {
        self.program.stderr.iter().chain(&self.program.stdout).any(|output| {
            [&output.head, &output.tail].into_iter().any(|kept| {
                let text = String::from_utf8_lossy(&kept.0).to_ascii_lowercase();
                phrases.iter().any(|phrase| text.contains(phrase))
            })
        })
    }

    /// Whether it ended because its standard input had, which is netdiag's doing: that holds what `--input` gives.
    #[must_use]
    pub fn ran_out_of_input(&self) -> bool {
        /// What Python's `input` and Java's `Scanner` say then.
        const ENDED: [&str; 2] = ["EOFError: EOF when reading a line", "NoSuchElementException: No line found"];
        let words = self.last_words().map(|words| words.readable()).unwrap_or_default();
        matches!(self.ended, Ended::Exited(_)) && ENDED.iter().any(|end| words.contains(end))
    }

    /// The last line of standard error that holds more than blanks: for a trace, the error itself.
    #[must_use]
    pub fn last_words(&self) -> Option<Bytes> {
        if let Some(trace) = self.trace().filter(Trace::is_last) {
            return Some(trace.words);
        }
        let output: &Output = self.program.stderr.as_ref()?;
        let kept = if output.tail.is_empty() { &output.head.0 } else { &output.tail.0 };
        let line = kept.split(|byte| *byte == b'\n').rev().find(|line| !line.trim_ascii().is_empty())?;
        Some(Bytes::from(line.trim_ascii()))
    }
}

/// The programs that play `role`.
pub(super) fn players(programs: &Programs, role: Role, frozen: At) -> Vec<Player<'_>> {
    let last = programs.samples.iter().rev().find(|sample| sample.at <= frozen);
    programs
        .programs
        .iter()
        .enumerate()
        .filter(|(_, program)| program.role == role)
        .map(|(index, program)| Player {
            index,
            program,
            ended: ended(program, frozen),
            processes: last
                .map(|sample| sample.processes.iter().filter(|process| process.program == index).collect())
                .unwrap_or_default(),
        })
        .map(go_on_as_daemon)
        .collect()
}

/// A first process that ended in good order while others of its program live has gone into the background.
fn go_on_as_daemon(player: Player) -> Player {
    match player.ended {
        Ended::Exited(0) if player.lives_on() => Player { ended: Ended::Running, ..player },
        _ => player,
    }
}

fn ended(program: &Program, frozen: At) -> Ended {
    if program.spawn_error.is_some() {
        return Ended::NeverStarted;
    }
    match &program.exit {
        Some(exit) if !exit.by_us && exit.at <= frozen => match exit.how {
            How::Code(status) => Ended::Exited(status),
            How::Signal(signal) => Ended::Killed(signal),
        },
        _ => Ended::Running,
    }
}

#[cfg(test)]
mod tests;
