//! The cgroup of one recording: what all programs of a submission may use together, held by the kernel.
//!
//! The limits are those of a directory, the programs live in the one below it. So a program that is root in a cgroup
//! namespace of its own, and mounts what it can see from there, sees no limit that it could raise, and no cgroup to leave for.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;

use super::Limits;
use super::cgroup::lock;

/// Where the programs live, below the limits.
const GUESTS: &str = "guests";
/// How long the kernel may take to end what was killed.
const ENDING: Duration = Duration::from_secs(2);
const STEP: Duration = Duration::from_millis(2);
/// Whoever clears away what killed runs have left may meet a directory in the moment before it is claimed.
const TRIES: u32 = 3;

/// A cgroup with limits; whoever is in it is ended, and it is removed, when this is dropped.
#[derive(Debug)]
pub struct Enclosure {
    dir: PathBuf,
    _claim: File,
}

impl Enclosure {
    /// Makes one below `base` ([`super::Delegation`]).
    ///
    /// # Errors
    /// When the system refuses.
    pub fn make(base: &Path, limits: &Limits) -> anyhow::Result<Self> {
        let mut made = Self::try_to_make(base, limits);
        for _ in 1..TRIES {
            if made.is_ok() {
                break;
            }
            made = Self::try_to_make(base, limits);
        }
        made.with_context(|| format!("cannot make a cgroup with limits in {}", base.display()))
    }

    fn try_to_make(base: &Path, limits: &Limits) -> io::Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let dir = base.join(claim_name(NEXT.fetch_add(1, Ordering::Relaxed)));
        fs::create_dir(&dir)?;
        let claim = lock(&dir).inspect_err(|_| end(&dir))?;
        // From here on it is removed with what it is returned in, or instead of being returned.
        let enclosure = Self { dir, _claim: claim };
        set(&enclosure.dir, limits)?;
        Ok(enclosure)
    }

    /// The directory that bears the limits.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

impl Drop for Enclosure {
    fn drop(&mut self) {
        end(&self.dir);
    }
}

/// What a cgroup made by this process is called.
pub(super) fn claim_name(number: u32) -> String {
    format!("netdiag-{}-{number}", std::process::id())
}

fn set(dir: &Path, limits: &Limits) -> io::Result<()> {
    put(&dir.join("pids.max"), &limits.processes.to_string())?;
    put(&dir.join("memory.max"), &(limits.memory_mib << 20).to_string())?;
    // Kernels that do not count swap have nothing to forbid; those that cannot end all at once end one after the other.
    for (file, value) in [("memory.swap.max", "0"), ("memory.oom.group", "1")] {
        put(&dir.join(file), value).or_else(|error| if is_missing(&error) { Ok(()) } else { Err(error) })?;
    }
    fs::create_dir(dir.join(GUESTS))
}

fn is_missing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

/// Moves this process among the programs that the limits of `dir` are for; whatever it starts is born there.
pub(super) fn join(dir: &Path) -> io::Result<()> {
    put(&dir.join(GUESTS).join("cgroup.procs"), "0")
}

/// Ends everybody in it at once, whoever is being forked too.
pub(super) fn kill_all(dir: &Path) -> io::Result<()> {
    put(&dir.join("cgroup.kill"), "1")
}

/// Ends everybody in it, and removes it with what its programs may have made below.
pub(super) fn end(dir: &Path) {
    // Before Linux 5.14 there is no such file; the end of the room has ended everybody then.
    let _ = kill_all(dir);
    let began = Instant::now();
    while remove(dir).is_err_and(|error| error.kind() == io::ErrorKind::ResourceBusy) && began.elapsed() < ENDING {
        std::thread::sleep(STEP);
    }
}

fn remove(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)?.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        remove(&entry.path())?;
    }
    fs::remove_dir(dir)
}

/// What the kernel has counted.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A limit was reached, and more was asked for: which, as a clause.
    Exceeded(String),
    /// The machine, or a cgroup above, had less to give than the limits allow: what happened. It says nothing about the
    /// programs.
    Scarce(&'static str),
}

/// Reads what has happened below `dir` since it was made.
pub(super) fn look(dir: &Path, limits: &Limits) -> io::Result<Option<Found>> {
    let memory = fs::read_to_string(dir.join("memory.events"))?;
    if count(&memory, "oom") > 0 {
        return Ok(Some(Found::Exceeded(limits.exceeded_memory())));
    }
    let processes = fs::read_to_string(dir.join("pids.events"))?;
    if count(&processes, "max") > 0 {
        // Before Linux 6.11 forks are counted here too that a limit above refused.
        let is_own = number(dir, "pids.peak").max(number(dir, "pids.current")) >= limits.processes;
        return Ok(Some(if is_own {
            Found::Exceeded(limits.exceeded_processes())
        } else {
            Found::Scarce("a limit of this machine refused a program a process that the lab allows")
        }));
    }
    let scarce = "this machine ran out of memory and ended a program that used less than the lab allows";
    Ok((count(&memory, "oom_kill") > 0).then_some(Found::Scarce(scarce)))
}

/// One number of a file with a name and a number in each line.
fn count(text: &str, name: &str) -> u64 {
    let line = text.lines().filter_map(|line| line.split_once(' ')).find(|(known, _)| *known == name);
    line.and_then(|(_, number)| number.trim().parse().ok()).unwrap_or(0)
}

/// The number that a file holds; `pids.peak` is not there before Linux 6.1.
fn number(dir: &Path, file: &str) -> u64 {
    fs::read_to_string(dir.join(file)).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

/// Writes to a file of a cgroup, which is there or will never be.
pub(super) fn put(file: &Path, text: &str) -> io::Result<()> {
    File::options().write(true).truncate(true).open(file)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALM: &str = "low 0\nhigh 0\nmax 12\noom 0\noom_kill 0\noom_group_kill 0\n";

    fn limits() -> Limits {
        Limits { processes: 40, memory_mib: 500, ..Limits::default() }
    }

    fn cgroup(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(dir.path().join(name), text).unwrap();
        }
        dir
    }

    fn found(files: &[(&str, &str)]) -> Option<Found> {
        look(cgroup(files).path(), &limits()).unwrap()
    }

    #[test]
    fn limits_are_written_and_the_programs_live_below_them() {
        let files = ["pids.max", "memory.max", "memory.swap.max", "memory.oom.group"];
        let dir = cgroup(&files.map(|file| (file, "max")));
        set(dir.path(), &limits()).unwrap();
        let told = files.map(|file| fs::read_to_string(dir.path().join(file)).unwrap());
        assert_eq!(told, ["40", "524288000", "0", "1"]);
        fs::write(dir.path().join("guests/cgroup.procs"), "").unwrap();
        join(dir.path()).unwrap();
        assert_eq!(fs::read_to_string(dir.path().join("guests/cgroup.procs")).unwrap(), "0");
    }

    #[test]
    fn a_kernel_that_does_not_count_swap_will_do_and_one_that_does_not_count_memory_will_not() {
        assert!(set(cgroup(&[("pids.max", ""), ("memory.max", "")]).path(), &limits()).is_ok());
        assert!(set(cgroup(&[("pids.max", "")]).path(), &limits()).is_err());
    }

    #[test]
    fn nothing_is_left_where_limits_were_refused() {
        let base = tempfile::tempdir().unwrap();
        assert!(Enclosure::make(base.path(), &limits()).is_err());
        assert_eq!(fs::read_dir(base.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_exceeded_a_limit_is_told() {
        let oom = CALM.replace("oom 0", "oom 2").replace("oom_kill 0", "oom_kill 5");
        let said = found(&[("memory.events", &oom), ("pids.events", "max 0\n")]);
        assert_eq!(said, Some(Found::Exceeded(limits().exceeded_memory())));
        let said = found(&[("memory.events", CALM), ("pids.events", "max 3\n"), ("pids.peak", "40\n")]);
        assert_eq!(said, Some(Found::Exceeded(limits().exceeded_processes())));
    }

    #[test]
    fn a_limit_that_was_reached_and_made_room_for_by_dropping_caches_is_not_exceeded() {
        assert_eq!(found(&[("memory.events", CALM), ("pids.events", "max 0\n"), ("pids.peak", "40\n")]), None);
    }

    #[test]
    fn what_the_machine_or_a_cgroup_above_refused_is_not_held_against_anybody() {
        let killed = CALM.replace("oom_kill 0", "oom_kill 1");
        let calm = ("pids.events", "max 0\n");
        assert!(matches!(found(&[("memory.events", &killed), calm]), Some(Found::Scarce(_))));
        let refused =
            [("memory.events", CALM), ("pids.events", "max 3\n"), ("pids.peak", "17\n"), ("pids.current", "9\n")];
        assert!(matches!(found(&refused), Some(Found::Scarce(_))));
        // Without a peak, what is there now decides.
        let full = [("memory.events", CALM), ("pids.events", "max 3\n"), ("pids.current", "40\n")];
        assert!(matches!(found(&full), Some(Found::Exceeded(_))));
    }

    #[test]
    fn a_cgroup_that_is_gone_is_no_answer() {
        assert!(look(Path::new("/nonexistent"), &limits()).is_err());
    }

    #[test]
    fn what_programs_made_below_goes_with_it() {
        let base = tempfile::tempdir().unwrap();
        let dir = base.path().join("one");
        fs::create_dir_all(dir.join("guests/theirs/deeper")).unwrap();
        end(&dir);
        assert!(!dir.exists());
    }
}
