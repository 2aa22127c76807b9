//! `netdiag __actor`: plays a reference part that is told on standard input, so that the command line of its process
//! does not reveal what was staged.
//!
//! It behaves like any program: default signals (a TERM ends it even while its event loop is blocked), results on
//! standard output, errors on standard error, status 1 when it fails.

use std::fs::File;
use std::io::{self, Read, Write};

use anyhow::{Context, bail};

use crate::cli::ActorArgs;
use crate::recording::Actor;
use crate::reference::console;
use crate::reference::server;
use crate::reference::spec::ServerSpec;

use super::{Outcome, client, complain, serve};

/// Plays the part; returns when it ends by itself.
pub fn run(args: &ActorArgs) -> anyhow::Result<Outcome> {
    let mut told = String::new();
    io::stdin().read_to_string(&mut told).context("cannot read the part to play")?;
    let actor: Actor = serde_json::from_str(&told).context("the part to play is not understood")?;
    // Whoever told the part may go on without us; the descriptor itself stays taken, as in any program.
    nix::unistd::dup2_stdin(File::open("/dev/null")?)?;
    let played = match actor {
        Actor::Server(spec) => play_server(&spec, args),
        Actor::Client(spec) => open_console(args).and_then(|()| client::play(&spec, false)),
        Actor::Command(_) => bail!("a command is started directly, not played"),
    };
    match played {
        Ok(outcome) => Ok(outcome),
        Err(error) => {
            complain(&error);
            Ok(Outcome::Fault)
        }
    }
}

fn open_console(args: &ActorArgs) -> anyhow::Result<()> {
    match &args.console {
        // Without task tracing the part is played all the same; whoever reads the tasks finds nobody there.
        Some(path) if console::POSSIBLE => console::open_unix(path),
        _ => Ok(()),
    }
}

/// One thread runs everything, so that a handler that blocks it blocks everybody, and no timer is armed while it waits.
fn play_server(spec: &ServerSpec, args: &ActorArgs) -> anyhow::Result<Outcome> {
    if let Some(words) = server::last_words(spec) {
        let _ = writeln!(io::stderr(), "{words}");
        return Ok(Outcome::Fault);
    }
    open_console(args)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let _inside = runtime.enter();
    let server = server::bind(spec)?;
    serve::announce(&server)?;
    runtime.block_on(server.serve(std::future::pending()))?;
    Ok(Outcome::Fine)
}
