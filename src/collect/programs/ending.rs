//! Ends every process of a stage: asks first, then insists, until nothing is left.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use rustix::process::{WaitId, WaitIdOptions, waitid};

use super::{Stage, raw};

/// How long programs may take to end in good order.
const GRACE: Duration = Duration::from_millis(300);
/// How long SIGKILL is repeated, against programs that fork while they are being killed. What is left then (another
/// user's process, or one stuck in a driver) cannot be ended by us at all.
const INSIST: Duration = Duration::from_secs(3);
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

    /// Children that are zombies already, though their watcher has not said so yet.
    fn note_who_ended_itself(&mut self) {
        self.poll();
        if self.ending {
            return;
        }
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        for held in &mut self.held {
            held.ended_itself =
                held.pid().is_some_and(|pid| matches!(waitid(WaitId::Pid(raw(pid)), look), Ok(Some(_))));
        }
    }

    /// How many processes of ours are left, counting children that are not reaped yet.
    fn left(&mut self) -> usize {
        self.poll();
        let roots = self.roots();
        self.tree.refresh(&roots);
        self.tree.ours().count().max(roots.len())
    }

    /// Sends the signals to each process group and each process that is left, and says how many were left.
    fn signal(&mut self, signals: &[Signal]) -> usize {
        let left = self.left();
        let pids: BTreeSet<u32> =
            self.tree.ours().map(|(pid, _)| pid).chain(self.roots().into_iter().map(|(pid, _)| pid)).collect();
        let groups: BTreeSet<u32> =
            self.tree.ours().map(|(_, group)| group).filter(|group| pids.contains(group)).collect();
        for &signal in signals {
            // A process may be gone by now, or not ours to signal; the next look tells.
            for &group in &groups {
                let _ = killpg(Pid::from_raw(group.cast_signed()), signal);
            }
            for &pid in &pids {
                let _ = kill(Pid::from_raw(pid.cast_signed()), signal);
            }
        }
        left
    }
}
