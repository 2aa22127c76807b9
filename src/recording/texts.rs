//! Adds to the programs of a finished recording what their own texts tell of it.

use std::collections::BTreeSet;

use super::freeze::waiting;
use super::pair::documented_port;
use crate::collect::programs;
use crate::evidence::{Evidence, Observed};

/// More ports than this are no longer a question of one number.
const PORTS: usize = 64;

/// Looks the ports up once everybody has ended: it takes no time from the recording.
pub(super) fn note(evidence: &mut Evidence) {
    let ports = ports(evidence);
    let Observed::Seen(seen) = &mut evidence.programs else { return };
    for program in seen.programs.iter_mut().filter(|program| !program.reference) {
        program.text = programs::read(program, &ports);
    }
}

/// The documented port, those that were dialled, and those of the programs' listeners.
fn ports(evidence: &Evidence) -> BTreeSet<u16> {
    let dialled = evidence.packets.seen().map(|packets| packets.conversations.iter().map(|one| one.listener.port()));
    let snapshots = evidence.sockets.seen().map(|sockets| sockets.snapshots.as_slice()).unwrap_or_default();
    let of_programs = snapshots.iter().flat_map(|snapshot| waiting(&snapshot.sockets)).map(|row| row.local.port());
    let known = documented_port(&evidence.contract).into_iter().chain(dialled.into_iter().flatten());
    known.chain(of_programs).take(PORTS).collect()
}
