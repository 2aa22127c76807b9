//! Ends every process of a stage: asks first, then insists, until nothing is left.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use rustix::process::{WaitId, WaitIdOptions, waitid};

use super::{Held, Stage, raw, threads};
use crate::evidence::{Farewell, Sample};

/// How long programs may take to end in good order.
const GRACE: Duration = Duration::from_millis(300);
/// How long SIGKILL is repeated, against programs that fork while they are being killed. What is left then (another
/// user's process, or one stuck in a driver) cannot be ended by us at all.
const INSIST: Duration = Duration::from_secs(3);
/// How long an end that is under way is waited for before the recording is frozen; on a busy machine it takes its time.
const UNDER_WAY: Duration = Duration::from_secs(1);
/// Between two looks at what is left; a child that ends is noticed at once all the same.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

impl Stage {
    /// Ends every process of every program we started, stopped and detached ones too. Output is frozen first, and an
    /// exit is noted as by us only if the program still ran when the first signal was sent. Calling it again is harmless.
    pub fn end_all(&mut self) {
        self.freeze_output();
        self.note_who_ended_itself();
        self.ending = true;
        // TERM before CONT: a stopped program must not do anything else when it wakes up.
        if self.signal(&[Signal::SIGTERM, Signal::SIGCONT]) == 0 {
            return;
        }
        let asked = Instant::now();
        while asked.elapsed() < GRACE && self.left() > 0 {
            self.pause(LOOK_AGAIN);
        }
        let insisted = Instant::now();
        while insisted.elapsed() < INSIST && self.signal(&[Signal::SIGKILL]) > 0 {
            self.pause(LOOK_AGAIN);
        }
    }

    /// Sends SIGINT to the group of a running program, as a terminal does, and waits up to `limit` for its end. What it
    /// then does is told here and nowhere else: in its row it was ended by us. `None` when it was not running.
    pub fn interrupt(&mut self, program: usize, limit: Duration) -> Option<Farewell> {
        self.note_who_ended_itself();
        let pid = self.held.get(program).filter(|held| !held.ended_itself)?.pid()?;
        let at = self.clock.now();
        let _ = killpg(Pid::from_raw(pid.cast_signed()), Signal::SIGINT);
        let asked = Instant::now();
        while asked.elapsed() < limit && self.running(program) {
            self.pause(LOOK_AGAIN);
        }
        self.freeze_output();
        let row = self.programs.get_mut(program)?;
        let exit = row.exit.clone();
        if let Some(exit) = &mut row.exit {
            exit.by_us = true;
        }
        let limit_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        Some(Farewell { at, exit, limit_ms, stderr: row.stderr.clone().unwrap_or_default() })
    }

    /// Ends some of the programs, the others stay: a client that still waits would keep a server from being probed.
    pub fn end(&mut self, programs: &[usize]) {
        self.note_who_ended_itself();
        self.ending = true;
        let asked = Instant::now();
        while asked.elapsed() < GRACE + INSIST {
            let left: Vec<u32> = self
                .members()
                .into_iter()
                .filter(|(_, (program, _))| programs.contains(program))
                .map(|(pid, _)| pid)
                .collect();
            if left.is_empty() {
                return;
            }
            let signals: &[Signal] =
                if asked.elapsed() < GRACE { &[Signal::SIGTERM, Signal::SIGCONT] } else { &[Signal::SIGKILL] };
            for pid in left {
                for &signal in signals {
                    let _ = kill(Pid::from_raw(pid.cast_signed()), signal);
                }
            }
            self.pause(LOOK_AGAIN);
        }
    }

    /// Children that are zombies already, though their watcher has not said so yet.
    fn note_who_ended_itself(&mut self) {
        self.poll();
        if self.ending {
            return;
        }
        for held in &mut self.held {
            held.ended_itself = held.pid().is_some_and(is_zombie);
        }
    }

    /// Waits until every end that is under way is noted with its time: whoever stops a recording because a program is gone
    /// may be heard before the end itself is.
    pub fn hear_ends(&mut self) {
        let began = Instant::now();
        let is_ending = |pid| is_zombie(pid) || threads::are_leaving(pid);
        self.poll();
        while began.elapsed() < UNDER_WAY && self.held.iter().filter_map(Held::pid).any(is_ending) {
            self.pause(LOOK_AGAIN);
        }
    }

    /// Whether a program has ended, or is ending, of whose end its watcher has not told yet: on a busy machine it may wait for a
    /// processor, and so may a thread that the program has yet to be rid of. In `sample` there is nobody left in it then.
    #[must_use]
    pub fn has_unheard_end(&self, sample: &Sample) -> bool {
        let is_left = |pid| {
            let mut known = sample.processes.iter().filter(|process| process.pid == pid);
            known.any(|process| process.state == 'Z' && process.threads.is_empty())
        };
        self.held.iter().filter_map(Held::pid).any(|pid| is_zombie(pid) || is_left(pid))
    }

    /// How many processes of ours are left, counting children that are not reaped yet.
    fn left(&mut self) -> usize {
        self.poll();
        let roots = self.roots();
        self.tree.refresh(&roots);
        self.tree.ours().count().max(roots.len())
    }

    /// Sends the signals to every process that is left and says how many were left. Each gets them once, through its group
    /// where a process of ours leads that: Python, for one, dies of a second SIGTERM while it cleans up after the first.
    fn signal(&mut self, signals: &[Signal]) -> usize {
        let left = self.left();
        let ours: BTreeMap<u32, u32> = self.tree.ours().collect();
        let (led, alone): (Vec<_>, Vec<_>) = ours.iter().partition(|(_, group)| ours.contains_key(group));
        let groups: BTreeSet<u32> = led.into_iter().map(|(_, &group)| group).collect();
        for &signal in signals {
            // A process may be gone by now, or not ours to signal; the next look tells.
            for &group in &groups {
                let _ = killpg(Pid::from_raw(group.cast_signed()), signal);
            }
            for &(&pid, _) in &alone {
                let _ = kill(Pid::from_raw(pid.cast_signed()), signal);
            }
        }
        left
    }
}

/// Whether this child of ours has ended and was not reaped.
fn is_zombie(pid: u32) -> bool {
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    matches!(waitid(WaitId::Pid(raw(pid)), look), Ok(Some(_)))
}
