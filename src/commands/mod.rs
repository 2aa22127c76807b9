//! One thin file per subcommand. Only here is anything printed.

mod actor;
mod check;
mod client;
mod columns;
mod command_line;
mod completions;
mod doctor;
mod exec;
mod explain;
mod grade;
mod hold;
mod man;
mod quiz;
mod record;
mod replay;
mod run;
mod scenario;
mod serve;
mod sockets;
mod tasks;
mod terminal;
mod verdict;

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
        Command::Scenario(args) => scenario::run(args, cli.color),
        Command::Check(args) => check::run(args, cli.color),
        Command::Run(args) => run::run(args, cli.color),
        Command::Replay(args) => replay::run(args, cli.color),
        Command::Serve(args) => serve::run(args),
        Command::Client(args) => client::run(args),
        Command::Explain(args) => explain::run(args, cli.color),
        Command::Doctor(args) => doctor::run(args),
        Command::Record(args) => record::run(args),
        Command::Actor(args) => actor::run(args),
        Command::Trace(args) => exec::trace(args),
        Command::Exec(args) => exec::run(args),
        Command::Guest(args) => exec::guest(args),
        Command::TryNamespace => doctor::try_namespace(),
        Command::Grade(args) => grade::run(args, cli.color),
        Command::Merge(args) => grade::merge(args, cli.color),
        Command::Sockets(args) => sockets::run(args, cli.color),
        Command::Tasks(args) => tasks::run(args, cli.color),
        Command::Completions(args) => completions::run(args),
        Command::Man(args) => man::run(args),
    }
}

/// Says on standard error what went wrong, outermost reason first.
#[expect(clippy::print_stderr, reason = "the one place where errors reach the user")]
pub fn complain(error: &anyhow::Error) {
    eprintln!("netdiag: {error:#}");
}
