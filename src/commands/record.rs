//! `netdiag __record`: the process that records, started by netdiag itself.

use std::io;

use super::Outcome;
use crate::cli::RecordArgs;
use crate::recording;

/// Records the plan on standard input and answers on standard output.
pub fn run(args: &RecordArgs) -> anyhow::Result<Outcome> {
    recording::work(
        recording::Manner { private: args.private, calls: args.calls, bytes: args.bytes },
        &mut io::stdin().lock(),
        &mut io::stdout().lock(),
    )?;
    Ok(Outcome::Fine)
}
