//! Turns actors into programs that can be started.

use std::path::{Path, PathBuf};

use anyhow::Context;

use super::{Actor, Home};
use crate::collect::calls::Tracer;
use crate::collect::exceptions::Listener;
use crate::collect::programs::Launch;
use crate::evidence::Role;

/// What every part on the stand needs to be started.
#[derive(Clone, Copy)]
pub(super) struct Wings<'a> {
    /// A directory of this recording, for programs given as text and for sockets.
    pub dir: &'a Path,
    /// The tracers' socket, if there is one.
    pub tracers: Option<&'a Listener>,
    /// The tracer of socket calls, if they are traced.
    pub calls: Option<&'a Tracer>,
    /// Whether reference parts serve their tasks.
    pub console: bool,
    /// The interpreter of programs given as text.
    pub python: &'a str,
    /// What clients given as commands read at their standard input.
    pub input: Option<&'a str>,
    /// Where programs given as commands live.
    pub home: Option<(&'a Home, &'a Path)>,
}

impl Wings<'_> {
    /// The launch of `actor` as program number `program`.
    pub(super) fn prepare(&self, actor: &Actor, role: Role, program: usize) -> anyhow::Result<Launch> {
        let mut launch = match actor {
            Actor::Server(_) | Actor::Client(_) => return self.reference(actor, role, program),
            Actor::Command(words) => self.command(words),
            Actor::Python(text) => self.python(text, role, program)?,
        };
        launch.role = role;
        if let (Role::Client, Actor::Command(_)) = (role, actor) {
            launch.stdin = self.input.map(|input| input.as_bytes().to_owned());
        }
        // Otherwise what a program printed before it hung would sit in its buffer, and the order would mean nothing.
        launch.env.push(("PYTHONUNBUFFERED".to_owned(), "1".to_owned()));
        if let Some(tracers) = self.tracers {
            let prepared = tracers.prepare(role, program, &launch.command);
            launch.command = prepared.command;
            launch.env.extend(prepared.env);
        }
        if let Some(calls) = self.calls {
            launch.command = calls.prepare(role, program, &launch.command, launch.cwd.as_deref());
        }
        if let (Some((home, _)), Actor::Command(_)) = (self.home, actor) {
            launch.command = home.guest(launch.command)?;
        }
        Ok(launch)
    }

    /// A program of a submission meets the real interpreter at once: a script in Python's place costs a shell each time.
    fn command(&self, words: &[String]) -> Launch {
        let mut launch = plain(words.to_vec(), None);
        if let Some((_, place)) = self.home {
            if launch.command[0] == "python3" {
                self.python.clone_into(&mut launch.command[0]);
            }
            launch.cwd = Some(place.to_owned());
        }
        launch
    }

    fn reference(&self, actor: &Actor, role: Role, program: usize) -> anyhow::Result<Launch> {
        let netdiag = std::env::current_exe().context("cannot find netdiag's own program file")?;
        let mut command = vec![netdiag.to_string_lossy().into_owned(), "__actor".to_owned()];
        if self.console {
            command.extend(["--console".to_owned(), self.console_path(program).to_string_lossy().into_owned()]);
        }
        let mut launch = plain(command, Some(serde_json::to_vec(actor)?));
        launch.role = role;
        launch.reference = true;
        launch.shown = actor.shown();
        // Its calls answer no question of their own; only where bytes are not seen otherwise they matter.
        if let Some(calls) = self.calls.filter(|calls| calls.follows_bytes()) {
            launch.command = calls.prepare(role, program, &launch.command, None);
        }
        Ok(launch)
    }

    /// Where the reference part `program` serves its tasks.
    pub(super) fn console_path(&self, program: usize) -> PathBuf {
        self.dir.join(format!("console-{program}"))
    }

    fn python(&self, text: &str, role: Role, program: usize) -> anyhow::Result<Launch> {
        let home = self.dir.join(format!("program-{program}"));
        std::fs::create_dir_all(&home).with_context(|| format!("cannot create {}", home.display()))?;
        let file = format!("{role}.py");
        std::fs::write(home.join(&file), text.trim_start()).context("cannot write the scenario's Python program")?;
        let mut launch = plain(vec!["python3".to_owned(), file], None);
        self.python.clone_into(&mut launch.command[0]);
        launch.cwd = Some(home);
        Ok(launch)
    }
}

fn plain(command: Vec<String>, stdin: Option<Vec<u8>>) -> Launch {
    Launch { role: Role::Server, shown: command.clone(), command, cwd: None, env: Vec::new(), stdin, reference: false }
}
