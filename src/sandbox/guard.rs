//! Watches what all programs of a room use together, and ends them all at once when that is too much: limits of the kernel for
//! one process do not add up. Where the programs have a cgroup, the kernel counts and refuses, and is asked what it refused;
//! elsewhere they are counted here, again and again.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::Limits;
use super::enclosure::{self, Found};

/// Between two looks.
const STEP: Duration = Duration::from_millis(15);
/// Processes of netdiag itself.
const OURS: u64 = 16;

/// What was exceeded, once something was.
#[derive(Debug, Default)]
pub struct Guard {
    told: Arc<Mutex<Option<String>>>,
    cgroup: Option<(PathBuf, Limits)>,
}

impl Guard {
    /// Begins to watch, in the room of which this process is the keeper; elsewhere nothing is watched. `cgroup` bears the
    /// limits ([`super::Enclosure`]), if there is one.
    #[must_use]
    pub fn watch(limits: Limits, cgroup: Option<&Path>) -> Self {
        let guard = Self { told: Arc::default(), cgroup: cgroup.map(|dir| (dir.to_owned(), limits)) };
        if std::process::id() == 1 {
            let (told, cgroup) = (Arc::clone(&guard.told), guard.cgroup.clone());
            let watch = move || {
                loop {
                    let found = match &cgroup {
                        Some((dir, limits)) => enclosure::look(dir, limits).unwrap_or(None),
                        None => excess(&limits).map(Found::Exceeded),
                    };
                    if let Some(found) = found {
                        // Told first: whoever sees them end may ask for the reason at once. That the machine had too little
                        // is asked for at the end; until then nobody has to wait.
                        if let Found::Exceeded(what) = found {
                            told.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(what);
                        }
                        end_guests(cgroup.as_ref().map(|(dir, _)| dir.as_path()));
                    }
                    std::thread::sleep(STEP);
                }
            };
            let _ = std::thread::Builder::new().name("netdiag-guard".to_owned()).stack_size(256 << 10).spawn(watch);
        }
        guard
    }

    /// What was exceeded, as a clause ([`Limits::exceeded_processes`]).
    ///
    /// # Errors
    /// When the kernel does not tell, or the machine had less to give than the limits allow: then nothing that was recorded
    /// says anything about the programs.
    pub fn exceeded(&self) -> anyhow::Result<Option<String>> {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (None, Some((dir, limits))) = (&told, &self.cgroup) else { return Ok(told) };
        match enclosure::look(dir, limits).context("the cgroup of the recording cannot be read")? {
            Some(Found::Exceeded(what)) => Ok(Some(what)),
            Some(Found::Scarce(what)) => anyhow::bail!("{what}; grade fewer submissions at once (--jobs)"),
            None => Ok(None),
        }
    }
}

fn end_guests(cgroup: Option<&Path>) {
    if cgroup.is_none_or(|dir| enclosure::kill_all(dir).is_err()) {
        // To everybody but process 1 (kill(2)); whoever is just being forked is hit too.
        let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
    }
}

fn excess(limits: &Limits) -> Option<String> {
    let mut processes = 0;
    let mut pages = 0;
    for entry in std::fs::read_dir("/proc").ok()?.flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())) else { continue };
        processes += 1;
        // Beyond the limit they need not be asked one by one.
        if processes <= limits.processes + OURS && pid != "1" {
            pages += resident(pid).unwrap_or(0);
        }
    }
    if processes > limits.processes + OURS {
        return Some(limits.exceeded_processes());
    }
    let mib = (pages * page_size()) >> 20;
    (mib > limits.memory_mib).then(|| limits.exceeded_memory())
}

/// Pages that belong to the process alone, roughly: those it shares with files are left out.
fn resident(pid: &str) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let mut numbers = text.split(' ').map(|number| number.parse::<u64>().unwrap_or(0));
    let (resident, shared) = (numbers.nth(1)?, numbers.next()?);
    Some(resident.saturating_sub(shared))
}

fn page_size() -> u64 {
    rustix::param::page_size() as u64
}
