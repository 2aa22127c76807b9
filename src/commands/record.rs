//! `netdiag __record`: the process that records, started by netdiag itself.

use std::io;

use super::Outcome;
use crate::cli::RecordArgs;
use crate::recording::{self, Room};

/// Records the plan on standard input and answers on standard output.
pub fn run(args: &RecordArgs) -> anyhow::Result<Outcome> {
    let (private, calls, bytes) = (args.private, args.calls, args.bytes);
    let room = match (args.porter, args.keeper) {
        (true, _) => Room::Porter,
        (false, true) => Room::Keeper,
        (false, false) => Room::None,
    };
    let (cgroup, python) = (args.cgroup.clone(), args.python.clone());
    let manner = recording::Manner { private, room, cgroup, calls, bytes, python };
    recording::work(&manner, &mut io::stdin().lock(), &mut io::stdout().lock())?;
    Ok(Outcome::Fine)
}
