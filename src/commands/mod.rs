//! One thin file per subcommand. Only here is anything printed.

mod actor;
mod client;
mod serve;
mod doctor;
pub mod explain;
pub mod terminal;

use std::process::ExitCode;

use crate::cli::{Cli, Command};

/// How a command ended; the numbers are a promise other programs rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// No fault, or the expectation was met.
    Fine,
    /// A fault was found, or the expectation was not met.
    Fault,
    /// netdiag could not tell.
    CouldNotTell,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Fine => Self::SUCCESS,
            Outcome::Fault => Self::from(1),
            Outcome::CouldNotTell => Self::from(3),
        }
    }
}

/// Carries out what was typed.
pub fn run(cli: &Cli) -> anyhow::Result<Outcome> {
    match &cli.command {
        Command::Serve(args) => serve::run(args),
        Command::Client(args) => client::run(args),
        Command::Actor(args) => actor::run(args),
        Command::Doctor(arguments) => doctor::run(arguments),
        Command::TryNamespace => doctor::try_namespace(),
        Command::Explain(args) => explain::run(args, cli.color),
        Command::Scenario(_)
        | Command::Check(_)
        | Command::Run(_)
        | Command::Sockets(_)
        | Command::Tasks(_)
        | Command::Replay(_)
        | Command::Explain(_)
        | Command::Doctor(_)
        | Command::Completions(_)
        | Command::Man(_)
        | Command::Record(_) => anyhow::bail!("not built yet"),
    }
}

/// Says on standard error what went wrong, outermost reason first.
#[expect(clippy::print_stderr, reason = "the one place where errors reach the user")]
pub fn complain(error: &anyhow::Error) {
    eprintln!("netdiag: {error:#}");
}
