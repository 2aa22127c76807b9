//! Proof that nothing can ever move again: waiting longer cannot help, so a hang is a fact and not a time-out.
//!
//! The recorder asks this between two samples; rules rely on its answer through `Ending::HangProven`.

use crate::evidence::{Limit, Process, Sample, Socket, SocketState, Wait};

/// Whether two looks at all processes, and the socket table of the second look, prove that nothing will change without
/// outside help: the same threads, none of which ran in between, each in a wait without a time limit, no timer armed,
/// and no connection in a state that the kernel itself ends.
///
/// The caller adds what it knows of bytes in flight. Anything that could not be read counts against the proof.
#[must_use]
pub fn is_proven(earlier: &Sample, later: &Sample, sockets: &[Socket]) -> bool {
    !later.processes.is_empty()
        && earlier.processes.len() == later.processes.len()
        && later.processes.iter().all(|process| {
            earlier.processes.iter().any(|before| before.pid == process.pid && did_not_run(before, process))
                && waits_for_ever(process)
        })
        && !sockets.iter().any(moves_by_itself)
}

fn did_not_run(before: &Process, now: &Process) -> bool {
    before.threads.len() == now.threads.len()
        && now.threads.iter().all(|thread| {
            before.threads.iter().any(|b| b.tid == thread.tid && b.switches.is_some() && b.switches == thread.switches)
        })
}

fn waits_for_ever(process: &Process) -> bool {
    // A zombie waits for its parent, which is judged by itself; a stopped process cannot run whatever its timers do.
    if matches!(process.state, 'Z' | 'T' | 't') {
        return true;
    }
    process.armed_timers == Some(0)
        && process
            .threads
            .iter()
            .all(|thread| matches!(thread.wait, Wait::Stopped | Wait::Call { limit: Limit::Forever, .. }))
}

/// A handshake under way, or one that the kernel will give up by itself.
fn moves_by_itself(socket: &Socket) -> bool {
    matches!(socket.state, SocketState::SynSent | SocketState::SynReceived)
}
