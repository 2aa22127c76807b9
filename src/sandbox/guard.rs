//! Watches what all processes of a room use together, and ends them all at once when that is too much: limits of the kernel
//! hold for one process, or need rights that an ordinary user has not.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::Limits;

/// Between two looks.
const STEP: Duration = Duration::from_millis(15);
/// Processes of netdiag itself.
const OURS: u64 = 16;

/// What was exceeded, once something was.
#[derive(Debug, Clone, Default)]
pub struct Guard(Arc<Mutex<Option<String>>>);

impl Guard {
    /// Begins to watch, in the room of which this process is the keeper; elsewhere nothing is watched.
    #[must_use]
    pub fn watch(limits: Limits) -> Self {
        let guard = Self::default();
        if std::process::id() == 1 {
            let told = Arc::clone(&guard.0);
            let watch = move || {
                loop {
                    if let Some(what) = excess(&limits) {
                        // To everybody but process 1 (kill(2)); whoever is just being forked is hit too.
                        let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
                        told.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(what);
                    }
                    std::thread::sleep(STEP);
                }
            };
            let _ = std::thread::Builder::new().name("netdiag-guard".to_owned()).stack_size(256 << 10).spawn(watch);
        }
        guard
    }

    /// What was exceeded, as a clause: "more than 256 processes ran at the same time".
    #[must_use]
    pub fn exceeded(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
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
        return Some(format!("more than {} processes ran at the same time", limits.processes));
    }
    let mib = (pages * page_size()) >> 20;
    (mib > limits.memory_mib)
        .then(|| format!("its processes used more than {} MiB of memory together", limits.memory_mib))
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
