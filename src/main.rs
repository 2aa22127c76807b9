//! Parse, run, exit.

use std::process::ExitCode;

use clap::Parser;
use netdiag::cli::Cli;
use netdiag::commands;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match commands::run(&cli) {
        Ok(outcome) => outcome.into(),
        Err(error) => {
            commands::complain(&error);
            ExitCode::from(2)
        }
    }
}
