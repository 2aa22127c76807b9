//! `netdiag __trace` and `netdiag __exec`: the tracer of socket calls and the shim that becomes a traced program, both
//! started by netdiag itself.

use super::Outcome;
use crate::cli::ExecArgs;
use crate::collect::calls;

/// Traces until the recorder is done.
pub fn trace() -> anyhow::Result<Outcome> {
    calls::trace()?;
    Ok(Outcome::Fine)
}

/// Becomes the program, so it returns only with an error.
pub fn run(args: &ExecArgs) -> anyhow::Result<Outcome> {
    Err(calls::become_program(&args.tracer, args.program, &args.command))
}
