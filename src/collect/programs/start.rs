//! Starts a program and sets its watchers: a thread for its end, one for each stream.

use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::process::{WaitId, WaitIdOptions, waitid};

use super::output::Drain;
use super::{Ending, Held, MARK, Stage, raw};
use crate::evidence::{Program, Role, Text};

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

/// The waiting threads only wait or copy; the default 2 MiB each would be felt with a hundred clients.
const STACK: usize = 256 << 10;

impl Stage {
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
            text: Text::default(),
        });
        if outcome.is_ok() {
            self.tree.started(index);
        }
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
}

/// A thread of the stage.
pub(super) fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new().name(name.to_owned()).stack_size(STACK).spawn(work).map(drop)
}
