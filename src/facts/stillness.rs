//! Proof that nothing can ever move again: waiting longer cannot help, so a hang is a fact and not a time-out.
//!
//! The recorder asks this between two samples; rules rely on its answer through `Ending::HangProven`.

use crate::evidence::{Limit, Process, Sample, Socket, SocketState, Transport, Wait};

/// Whether two looks at all processes, and the socket table of the second look, prove that nothing will change without
/// outside help: the same threads, none of which ran in between, each in a wait without a time limit, no timer armed,
/// no connection in a state that the kernel itself ends, and none with somebody who is not on the stand.
///
/// The caller adds what it knows of bytes in flight. Anything that could not be read counts against the proof.
#[must_use]
pub fn is_proven(earlier: &Sample, later: &Sample, sockets: &[Socket]) -> bool {
    !later.processes.is_empty()
        && earlier.processes.len() == later.processes.len()
        && later.processes.iter().all(|process| {
            earlier.processes.iter().any(|before| before.pid == process.pid && did_not_run(before, process))
                && waits_for_ever(process)
                && waits_for_somebody_there(process, &later.processes)
        })
        && !sockets.iter().any(|socket| moves_by_itself(socket) || has_a_stranger(socket, sockets))
}

fn did_not_run(before: &Process, now: &Process) -> bool {
    before.threads.len() == now.threads.len()
        && now.threads.iter().all(|thread| {
            before.threads.iter().any(|b| b.tid == thread.tid && b.switches.is_some() && b.switches == thread.switches)
        })
}

/// A parent in wait(2) needs a living child to wait for. Without one, or with one that has ended, it is about to go on: the
/// list of processes was merely older than the fork.
fn waits_for_somebody_there(process: &Process, all: &[Process]) -> bool {
    let in_wait = process.threads.iter().any(|thread| {
        matches!(&thread.wait, Wait::Call { name, .. } if matches!(name.as_str(), "wait4" | "waitid" | "waitpid"))
    });
    let mut children = all.iter().filter(|child| child.ppid == process.pid).peekable();
    !in_wait || (children.peek().is_some() && children.all(|child| child.state != 'Z'))
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

/// Whether a process of ours is connected to one that is not: nobody has looked at what that one is about to do (a
/// database, a name server, a server that was running before).
fn has_a_stranger(socket: &Socket, all: &[Socket]) -> bool {
    let Some(peer) = socket.remote.filter(|_| is_ours(socket) && takes_bytes(socket)) else { return false };
    let is_other_end = |other: &&Socket| other.local == peer && other.remote == Some(socket.local);
    let waits_at_peer = |other: &Socket| other.local.port() == peer.port() && other.remote.is_none();
    match all.iter().filter(|other| other.transport == socket.transport).find(is_other_end) {
        Some(end) if end.inode != 0 => !is_ours(end),
        // Nobody's yet: whoever listens there may accept it. Nobody's any more: it is the kernel's.
        Some(end) if takes_bytes(end) => !all.iter().any(|other| waits_at_peer(other) && is_ours(other)),
        Some(_) => false,
        // A UDP server answers everybody from one socket.
        None => !all.iter().any(|other| waits_at_peer(other) && is_ours(other) && other.transport == Transport::Udp),
    }
}

fn is_ours(socket: &Socket) -> bool {
    socket.owners.iter().any(|owner| owner.role.is_some())
}

/// Whether bytes may still come in.
fn takes_bytes(socket: &Socket) -> bool {
    matches!(
        socket.state,
        SocketState::Established | SocketState::FinWait1 | SocketState::FinWait2 | SocketState::Unconnected
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Owner, Role};

    fn socket(local: u16, remote: Option<u16>, owner: Option<Option<Role>>) -> Socket {
        let address = |port| std::net::SocketAddr::from(([127, 0, 0, 1], port));
        let owners = owner.into_iter().map(|role| Owner { pid: 7, name: "x".to_owned(), role, program: None });
        Socket {
            transport: Transport::Tcp,
            local: address(local),
            remote: remote.map(address),
            state: if remote.is_some() { SocketState::Established } else { SocketState::Listen },
            inode: u64::from(owner.is_some()),
            uid: None,
            owners: owners.collect(),
            owners_known: true,
            recv_queue: Some(0),
            send_queue: Some(0),
            eof_unread: None,
            v6only: None,
            info: None,
        }
    }

    const CLIENT: Option<Option<Role>> = Some(Some(Role::Client));
    const SERVER: Option<Option<Role>> = Some(Some(Role::Server));
    const STRANGER: Option<Option<Role>> = Some(None);

    fn waits_for_a_stranger(rows: &[Socket]) -> bool {
        rows.iter().any(|row| has_a_stranger(row, rows))
    }

    #[test]
    fn a_pair_that_waits_for_itself_can_be_proven_to_hang() {
        let listener = socket(1, None, SERVER);
        assert!(!waits_for_a_stranger(&[listener.clone(), socket(9, Some(1), CLIENT), socket(1, Some(9), SERVER)]));
        assert!(!waits_for_a_stranger(&[listener, socket(9, Some(1), CLIENT), socket(1, Some(9), None)]));
    }

    #[test]
    fn whoever_waits_for_a_program_off_the_stand_cannot() {
        let pair = [socket(1, None, SERVER), socket(9, Some(1), CLIENT), socket(1, Some(9), SERVER)];
        let unseen_backend = [&pair[..], &[socket(8, Some(2), SERVER)]].concat();
        let backend = [&unseen_backend[..], &[socket(2, Some(8), STRANGER)]].concat();
        assert!(waits_for_a_stranger(&unseen_backend));
        assert!(waits_for_a_stranger(&backend));
        assert!(waits_for_a_stranger(&[
            socket(1, None, STRANGER),
            socket(9, Some(1), CLIENT),
            socket(1, Some(9), None)
        ]));
    }
}
