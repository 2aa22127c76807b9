//! What the tracers inside the programs report: exceptions and their fate, neglected tasks, blocked loops, stacks.
//!
//! The tracer is a few Python files (beside this one) that need nothing but the standard library. They get into a
//! program without editing it and talk to us over a Unix socket in a private directory. Everything that comes over that
//! socket may be forged or flooded by the program under test: it is bounded, checked and never trusted further than to
//! be that program's own words. This file judges nothing.

mod command;
mod compiled;
mod line;
mod reader;
mod starved;

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::BuildHasher;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;
use tempfile::TempDir;

pub use compiled::{Compiled, interpreter_of};

use super::clock::Clock;
use crate::evidence::{Exceptions, Gap, Role};
use reader::{Bell, Reader, Request};

const BOOT: &str = include_str!("exceptions/boot.py");
const SITE: &str = include_str!("exceptions/sitecustomize.py");
/// The tracer proper, as a Python package.
const PACKAGE: [(&str, &str); 10] = [
    ("__init__.py", ""),
    ("channel.py", include_str!("exceptions/channel.py")),
    ("handlers.py", include_str!("exceptions/handlers.py")),
    ("hooks.py", include_str!("exceptions/hooks.py")),
    ("imports.py", include_str!("exceptions/imports.py")),
    ("main.py", include_str!("exceptions/main.py")),
    ("seen.py", include_str!("exceptions/seen.py")),
    ("source.py", include_str!("exceptions/source.py")),
    ("streams.py", include_str!("exceptions/streams.py")),
    ("watch.py", include_str!("exceptions/watch.py")),
];
/// Python's warnings skip frames whose file name has both "importlib" and "_bootstrap" in it: so the tracer's frame
/// beneath the program's never becomes the place a warning is attributed to.
const HOME: &str = "importlib_bootstrap";

/// A program the tracer was prepared for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Part {
    role: Role,
    program: usize,
}

/// Parts by the name the tracer calls itself by, which holds a number no other program knows.
type Parts = Arc<Mutex<HashMap<String, Part>>>;

/// A command with the tracer in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// The words to start instead of the told ones.
    pub command: Vec<String>,
    /// What to add to the environment.
    pub env: Vec<(String, String)>,
}

/// Listens for tracers from `open` to `finish`.
#[derive(Debug)]
pub struct Listener {
    place: TempDir,
    parts: Parts,
    own_threads: Arc<Mutex<Vec<(u32, u32)>>>,
    requests: Sender<Request>,
    bell: Bell,
    thread: Option<JoinHandle<Exceptions>>,
}

impl Listener {
    /// Makes a private directory (mode 0700) below `dir`, writes the tracer there and listens on a socket in it.
    ///
    /// The path of `dir` must leave room for a socket's name (108 bytes in all on Linux, unix(7)).
    pub fn open(clock: Clock, dir: &Path) -> Result<Self, Gap> {
        Self::open_compiled(clock, dir, None)
    }

    /// The same, with the tracer's bytecode from a directory that [`Compiled`] made, if there is one.
    pub fn open_compiled(clock: Clock, dir: &Path, compiled: Option<&Path>) -> Result<Self, Gap> {
        Self::try_open(clock, dir, compiled).map_err(|error| {
            Gap::new(
                "exceptions",
                format!("the socket for the tracer could not be set up: {error:#}"),
                "make the temporary directory writable, and its path shorter than 60 characters (set TMPDIR)",
            )
        })
    }

    fn try_open(clock: Clock, dir: &Path, compiled: Option<&Path>) -> anyhow::Result<Self> {
        let place = tempfile::Builder::new()
            .prefix("tracer-")
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir_in(dir)
            .with_context(|| format!("making a directory in {}", dir.display()))?;
        write_package(place.path(), compiled).context("writing the tracer")?;
        let socket = UnixListener::bind(place.path().join("socket")).context("binding the socket")?;
        let parts = Parts::default();
        let own_threads = Arc::default();
        let (requests, inbox) = channel();
        let (bell, ringing) = Bell::pair().context("making a socket pair")?;
        let reader = Reader::new(socket, ringing, inbox, clock, Arc::clone(&parts), Arc::clone(&own_threads))?;
        let thread = std::thread::Builder::new().name("exceptions".to_owned()).spawn(move || reader.run())?;
        Ok(Self { place, parts, own_threads, requests, bell, thread: Some(thread) })
    }

    /// The command and the environment that bring the tracer into `command`, which plays `role` as program number
    /// `program`. A `python SCRIPT` gets the boot script in front of its script; any other command gets only variables
    /// that a Python it starts will notice.
    #[must_use]
    pub fn prepare(&self, role: Role, program: usize, command: &[String]) -> Prepared {
        let part = format!("{role}:{program}:{:016x}", RandomState::new().hash_one(program));
        let home = self.place.path().join(HOME);
        let boot = home.join(format!("{}.py", part.replace(':', "-")));
        self.parts.lock().unwrap_or_else(PoisonError::into_inner).insert(part.clone(), Part { role, program });
        if fs::write(&boot, BOOT).is_err() {
            return Prepared { command: command.to_vec(), env: Vec::new() };
        }
        let mut env = vec![
            ("NETDIAG_TRACE".to_owned(), self.place.path().join("socket").to_string_lossy().into_owned()),
            ("NETDIAG_PART".to_owned(), part),
            ("PYTHONPATH".to_owned(), python_path(&home.join("site"))),
        ];
        let mut command = command.to_vec();
        if let Some(at) = command::script(&command) {
            command.insert(at, boot.to_string_lossy().into_owned());
            env.push(("NETDIAG_BOOT".to_owned(), "yes".to_owned()));
        }
        Prepared { command, env }
    }

    /// Asks every tracer for the stacks of all its threads and tasks, and waits for the answers, at most `patience`.
    /// True when all of them answered. The answers of the last time asked are part of what [`Self::finish`] returns.
    #[must_use]
    pub fn ask_stacks(&self, patience: Duration) -> bool {
        let (answered, answers) = channel();
        self.send(Request::Stacks(answered));
        answers.recv_timeout(patience).is_ok()
    }

    /// The tracers' own threads, as (process id, thread id): nothing follows from what these wait for.
    #[must_use]
    pub fn own_threads(&self) -> Vec<(u32, u32)> {
        self.own_threads.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends listening; what programs that have ended sent before is still read.
    #[must_use]
    pub fn finish(mut self) -> Exceptions {
        self.stop().unwrap_or_default()
    }

    fn send(&self, request: Request) {
        // The reader only goes away after a stop; then there is nobody to ask.
        if self.requests.send(request).is_ok() {
            self.bell.ring();
        }
    }

    fn stop(&mut self) -> Option<Exceptions> {
        let thread = self.thread.take()?;
        self.send(Request::Stop);
        thread.join().ok()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop();
    }
}

fn write_package(place: &Path, compiled: Option<&Path>) -> std::io::Result<()> {
    let package = place.join(HOME).join("_netdiag");
    fs::create_dir_all(&package)?;
    let site = place.join(HOME).join("site");
    fs::create_dir(&site)?;
    write_sources(&package, &site)?;
    if let Some(compiled) = compiled {
        compiled::lay_beside(&package, &site, compiled);
    }
    Ok(())
}

fn write_sources(package: &Path, site: &Path) -> std::io::Result<()> {
    for (name, text) in PACKAGE {
        fs::write(package.join(name), text)?;
    }
    fs::write(site.join("sitecustomize.py"), SITE)
}

/// `site` in front of what PYTHONPATH holds already.
fn python_path(site: &Path) -> String {
    let mut path = site.to_string_lossy().into_owned();
    if let Some(rest) = std::env::var_os("PYTHONPATH").filter(|rest| !rest.is_empty()) {
        path.push(':');
        path.push_str(&rest.to_string_lossy());
    }
    path
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    /// Nobody is connected, so nothing but the bell wakes the reader, and it is awake when the second request comes.
    #[test]
    fn a_request_that_comes_while_another_is_answered_is_not_slept_through() {
        let dir = tempfile::tempdir().unwrap();
        let listener = Listener::open(Clock::start(), dir.path()).unwrap();
        for turn in 0..20_000 {
            let (answered, answers) = channel();
            let (again, once_more) = channel();
            listener.send(Request::Stacks(answered));
            let sent = Instant::now();
            while sent.elapsed() < Duration::from_micros(turn % 100) {}
            listener.send(Request::Stacks(again));
            answers.recv_timeout(Duration::from_secs(20)).unwrap();
            once_more.recv_timeout(Duration::from_secs(20)).unwrap_or_else(|_| panic!("slept in turn {turn}"));
        }
    }
}
