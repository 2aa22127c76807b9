//! The few socket calls that matter, with their results, whatever language made them.
//!
//! A seccomp(2) filter lets every other system call pass at full speed and stops these few for a tracer (ptrace(2)), a
//! process of its own: so it takes no report of a child away from the recorder, and its waits are nobody's hang. The
//! filter must be installed inside the program, hence the shim, which is started in its place and becomes it.
//!
//! Programs that cannot be traced without a change for them are started plainly, and those that turn out so later end
//! the recording ([`Heard::disturbed`]), which is then to be made again without tracing. Nothing here judges.

mod hearing;
mod line;
mod source;

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod crash;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod entered;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod filter;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod moved;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod place;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod process;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod registers;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod shim;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod suitable;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod tracer;

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
#[path = "calls/elsewhere.rs"]
mod shim;
#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
use self::{shim as suitable, shim as tracer};

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::Context;

pub use self::shim::become_program;

use self::hearing::Hearing;
use super::clock::Clock;
use crate::evidence::{At, Calls, Gap, Observed, Packets, Role, Sample};

/// What to do instead where calls cannot be traced.
const BY_HAND: &str = "run the program under `strace -f -e trace=network`";

/// The tracer of one recording, seen from the recorder.
#[derive(Debug)]
pub struct Tracer {
    netdiag: PathBuf,
    socket: PathBuf,
    process: Child,
    hearing: Hearing,
    /// Whether the calls that carry bytes are traced too.
    bytes: bool,
    parts: RefCell<BTreeMap<usize, Part>>,
}

/// A program the tracer was prepared for.
#[derive(Debug)]
struct Part {
    role: Role,
    /// Why it was started without the shim.
    obstacle: Option<String>,
}

/// What was heard of all programs.
#[derive(Debug)]
pub struct Heard {
    /// The calls, when all programs were traced.
    pub calls: Observed<Calls>,
    /// Programs that could not be started, with the system's words: what was started was only the shim.
    pub missing: Vec<(usize, String)>,
    /// Why the programs may have behaved differently from how they do untraced; the recording is worth nothing then.
    pub disturbed: Option<String>,
}

impl Tracer {
    /// Starts a tracer whose socket is in `dir`, a private directory. `netdiag` is our own program file.
    /// With `bytes` it follows the calls that carry bytes too, which is slow, and rebuilds conversations from them.
    pub fn open(clock: Clock, dir: &Path, netdiag: &Path, bytes: bool) -> Result<Self, Gap> {
        if !POSSIBLE {
            return Err(gap("system calls can be traced on Linux on x86-64 and AArch64 only"));
        }
        Self::try_open(clock, dir, netdiag, bytes)
            .map_err(|error| gap(format!("the tracer could not be started: {error:#}")))
    }

    fn try_open(clock: Clock, dir: &Path, netdiag: &Path, bytes: bool) -> anyhow::Result<Self> {
        let socket = dir.join("calls");
        let listener = UnixListener::bind(&socket).context("binding its socket")?;
        let (ours, theirs) = UnixStream::pair().context("making a socket pair")?;
        let process = Command::new(netdiag)
            .arg("__trace")
            .args(bytes.then(|| format!("--bytes={}", clock.zero_unix_ns())))
            .stdin(OwnedFd::from(listener))
            .stdout(OwnedFd::from(theirs))
            .stderr(Stdio::null())
            .spawn()?;
        let hearing = Hearing::start(ours, clock)?;
        Ok(Self { netdiag: netdiag.to_owned(), socket, process, hearing, bytes, parts: RefCell::default() })
    }

    /// The command that starts `command`, which plays `role` as program number `program` in the directory `cwd`, under
    /// the tracer; `command` itself when it cannot be traced.
    pub fn prepare(&self, role: Role, program: usize, command: &[String], cwd: Option<&Path>) -> Vec<String> {
        let obstacle = suitable::obstacle(command, cwd);
        let mut words = Vec::new();
        if obstacle.is_none() {
            let shim = ["__exec", "--tracer"].map(str::to_owned);
            words.push(self.netdiag.to_string_lossy().into_owned());
            words.extend(shim);
            words.push(self.socket.to_string_lossy().into_owned());
            words.extend(["--program".to_owned(), program.to_string()]);
            words.extend(self.bytes.then(|| "--bytes".to_owned()));
            words.push("--".to_owned());
        }
        words.extend_from_slice(command);
        self.parts.borrow_mut().insert(program, Part { role, obstacle });
        words
    }

    /// Corrects a sample: threads that only stop for the tracer run, and those that it holds for a stop signal are
    /// stopped (T), as they would be without it.
    pub fn correct(&self, sample: &mut Sample) {
        self.hearing.correct(sample);
    }

    /// Whether it follows the calls that carry bytes.
    pub fn follows_bytes(&self) -> bool {
        self.bytes
    }

    /// The conversations up to now.
    ///
    /// # Errors
    /// A clause that says why some call may have been missed, so that what is not in them may have happened all the same.
    pub fn conversations(&self) -> Result<Packets, String> {
        let parts = self.parts.borrow();
        let bare = parts.values().find_map(|part| Some((part.role, part.obstacle.clone()?)));
        match bare {
            Some((role, why)) => Err(format!("the {role} was not traced: {why}")),
            None if parts.is_empty() => Err("there was no program to trace".to_owned()),
            None => self.hearing.view(parts.keys().copied()),
        }
    }

    /// When bytes last flowed, and whether a dial waits for its answer; `None` before there were any.
    pub fn lively(&self) -> Option<(At, bool)> {
        self.hearing.lively()
    }

    /// Must be called before the first signal that is to end a program: what such a signal does to a traced program is no
    /// disturbance.
    pub fn announce_end(&self) {
        self.hearing.announce_end();
    }

    /// Ends the tracer, and with it whatever it still traces.
    #[must_use]
    pub fn finish(mut self) -> Heard {
        let told = self.hearing.finish();
        let _ = self.process.wait();
        let mut parts = std::mem::take(&mut *self.parts.borrow_mut());
        let disturbed = told.disturbed();
        let bare = parts.iter_mut().find_map(|(program, part)| {
            part.obstacle.take().or_else(|| told.obstacle(*program)).map(|why| (part.role, why))
        });
        let calls = match (&disturbed, bare, told.blind()) {
            (Some(why), ..) => Observed::NotObserved(gap(why)),
            (_, Some((role, why)), _) => Observed::NotObserved(gap(format!("the {role} was not traced: {why}"))),
            (.., Some(why)) => Observed::NotObserved(gap(why)),
            _ if parts.is_empty() => Observed::NotObserved(gap("there was no program to trace")),
            _ => Observed::Seen(told.calls(|program| parts.get(&program).map(|part| part.role))),
        };
        Heard { calls, missing: told.missing(), disturbed }
    }
}

impl Drop for Tracer {
    /// On an early return: a tracer without a recorder ends, and so do its programs.
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Whether calls can be traced on this kind of machine at all.
const POSSIBLE: bool = cfg!(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")));

fn gap(why: impl Into<String>) -> Gap {
    Gap::new("calls", why, BY_HAND)
}

/// The tracer's process: traces until the recorder closes its end. Shims knock at `knocking`. This process must have one
/// thread only.
/// `bytes` is the beginning of the recording, in nanoseconds since the Unix epoch, if the bytes are to be followed.
pub fn trace(knocking: OwnedFd, recorder: OwnedFd, bytes: Option<u64>) -> anyhow::Result<()> {
    tracer::run(UnixListener::from(knocking), UnixStream::from(recorder), bytes)
}
