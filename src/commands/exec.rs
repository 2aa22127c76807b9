//! `netdiag __trace` and `netdiag __exec`: the tracer of socket calls and the shim that becomes a traced program, both
//! started by netdiag itself.

use std::io;
use std::os::fd::AsFd;

use anyhow::Context;

use super::Outcome;
use crate::cli::{ExecArgs, GuestArgs, TraceArgs};
use crate::collect::calls;
use crate::sandbox;

/// Traces until the recorder is done. Standard input is the socket where programs knock, standard output the recorder.
pub fn trace(args: &TraceArgs) -> anyhow::Result<Outcome> {
    let knocking = io::stdin().as_fd().try_clone_to_owned().context("there is no socket to knock at")?;
    let recorder = io::stdout().as_fd().try_clone_to_owned().context("there is no recorder")?;
    calls::trace(knocking, recorder, args.bytes)?;
    Ok(Outcome::Fine)
}

/// Becomes the program within its limits, so it returns only with an error.
pub fn guest(args: &GuestArgs) -> anyhow::Result<Outcome> {
    let limits = serde_json::from_str(&args.limits).context("the limits are not understood")?;
    Err(sandbox::confine::become_guest(&limits, args.uid, args.cgroup.as_deref(), &args.command))
}

/// Becomes the program, so it returns only with an error.
pub fn run(args: &ExecArgs) -> anyhow::Result<Outcome> {
    Err(calls::become_program(&args.tracer, args.program, args.bytes, &args.command))
}
