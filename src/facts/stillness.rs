//! Proof that nothing can ever move again: waiting longer cannot help, so a hang is a fact and not a time-out.
//!
//! The recorder asks this between two samples; rules rely on its answer through `Ending::HangProven`.

use std::net::SocketAddr;

use crate::evidence::{Limit, Process, Sample, Socket, SocketState, Thread, Transport, Wait};

/// Whether two looks at all processes, and the socket table of the second look, prove that nothing will change without
/// outside help: the same threads, none of which ran in between, each in a wait without a time limit, no timer armed,
/// no connection in a state that the kernel itself ends, and none with somebody who is not on the stand.
///
/// The caller adds what it knows of bytes in flight. Anything that could not be read counts against the proof.
#[must_use]
pub fn is_proven(earlier: &Sample, later: &Sample, sockets: &[Socket]) -> bool {
    nobody_moves(earlier, later, sockets, &[])
}

/// The same for a server that netdiag itself talks to from the addresses `asking`: it rests, and has taken and read
/// whatever it was sent, by everybody. What it has not answered then it will not answer before it is told more.
#[must_use]
pub fn is_at_rest(earlier: &Sample, later: &Sample, sockets: &[Socket], asking: &[SocketAddr]) -> bool {
    let is_read = |socket: &Socket| socket.recv_queue == Some(0);
    nobody_moves(earlier, later, sockets, asking)
        && sockets.iter().filter(|socket| is_ours(socket)).all(is_read)
        // A connection that nobody has accepted belongs to nobody yet.
        && !sockets.iter().any(|socket| {
            socket.remote.is_some_and(|remote| asking.contains(&remote)) && takes_bytes(socket) && !is_ours(socket)
        })
}

/// How often every thread of the server that waits for somebody new with a time limit, as `socketserver` of Python does, has
/// come back to that wait between two looks; `None` when anything else has happened. Such a thread could count its turns
/// and do something in the end; that none did is no proof, and all that a deadline would have shown.
#[must_use]
pub fn idle_turns(earlier: &Sample, later: &Sample, sockets: &[Socket], server: &[usize]) -> Option<u64> {
    if later.processes.is_empty() || earlier.processes.len() != later.processes.len() {
        return None;
    }
    let stirs = |socket: &Socket| {
        moves_by_itself(socket) || has_bytes_under_way(socket, sockets) || has_a_stranger(socket, sockets)
    };
    let mut turns = None;
    for process in &later.processes {
        let before = earlier.processes.iter().find(|before| before.pid == process.pid)?;
        if !waits_for_somebody_there(process, &later.processes) {
            return None;
        }
        if is_out_of_play(process) {
            continue;
        }
        if process.armed_timers != Some(0) || before.threads.len() != process.threads.len() {
            return None;
        }
        for thread in &process.threads {
            let was = before.threads.iter().find(|was| was.tid == thread.tid)?;
            let returned = thread.switches?.checked_sub(was.switches?)?;
            if server.contains(&process.program) && attends(was, sockets) {
                // One that is just about to return is not back yet.
                let returned = if attends(thread, sockets) { returned } else { 0 };
                turns = Some(turns.map_or(returned, |least: u64| least.min(returned)));
            } else if returned > 0 || !matches!(thread.wait, Wait::Call { limit: Limit::Forever, .. }) {
                return None;
            }
        }
    }
    turns.filter(|_| !sockets.iter().any(stirs))
}

/// Whether the thread waits at a socket where somebody new may appear, and nobody has.
fn attends(thread: &Thread, sockets: &[Socket]) -> bool {
    let Wait::Call { limit: Limit::Timed, socket: Some((local, None)), .. } = &thread.wait else { return false };
    sockets.iter().any(|socket| {
        let is_open = matches!(socket.state, SocketState::Listen | SocketState::Unconnected);
        is_ours(socket) && socket.local == *local && is_open && socket.recv_queue == Some(0)
    })
}

fn nobody_moves(earlier: &Sample, later: &Sample, sockets: &[Socket], asking: &[SocketAddr]) -> bool {
    let is_asked = |socket: &Socket| socket.remote.is_some_and(|remote| asking.contains(&remote));
    !later.processes.is_empty()
        && earlier.processes.len() == later.processes.len()
        && later.processes.iter().all(|process| {
            earlier.processes.iter().any(|before| before.pid == process.pid && did_not_run(before, process))
                && waits_for_ever(process)
                && waits_for_somebody_there(process, &later.processes)
        })
        && !sockets.iter().any(|socket| {
            moves_by_itself(socket)
                || has_bytes_under_way(socket, sockets)
                || (!is_asked(socket) && has_a_stranger(socket, sockets))
        })
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

/// A zombie waits for its parent, which is judged by itself; a stopped process cannot run whatever its timers do. One
/// whose first thread alone has ended looks like a zombie and is none.
fn is_out_of_play(process: &Process) -> bool {
    match process.state {
        'Z' => process.threads.is_empty(),
        state => matches!(state, 'T' | 't'),
    }
}

fn waits_for_ever(process: &Process) -> bool {
    if is_out_of_play(process) {
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

/// Whether bytes were written that have not been acknowledged although the other end has room for them: the kernel sends
/// them, or acknowledges them, by itself within a moment (Nagle's algorithm and delayed acknowledgements, RFC 1122 §4.2).
fn has_bytes_under_way(socket: &Socket, all: &[Socket]) -> bool {
    let Some(peer) = socket.remote.filter(|_| socket.send_queue.unwrap_or_default() > 0) else { return false };
    let is_other_end = |other: &&Socket| other.local == peer && other.remote == Some(socket.local);
    let other = all.iter().filter(|other| other.transport == Transport::Tcp).find(is_other_end);
    socket.transport == Transport::Tcp && other.is_some_and(|other| other.recv_queue == Some(0))
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
#[expect(
    clippy::option_option,
    reason = "nobody, a stranger, or one of the pair: three cases, each told apart in place"
)]
mod tests {
    use super::*;
    use crate::evidence::{Owner, Role};
    use crate::facts::staged;

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

    #[test]
    fn bytes_that_wait_for_an_acknowledgement_are_under_way_and_those_before_a_full_reader_are_not() {
        let row = |local, remote, unread, unsent| Socket {
            recv_queue: Some(unread),
            send_queue: Some(unsent),
            ..socket(local, Some(remote), SERVER)
        };
        let under_way = |rows: [Socket; 2]| rows.iter().any(|socket| has_bytes_under_way(socket, &rows));
        assert!(under_way([row(7, 40_000, 0, 1), row(40_000, 7, 0, 0)]));
        assert!(!under_way([row(7, 40_000, 0, 4096), row(40_000, 7, 9000, 0)]));
        assert!(!under_way([row(7, 40_000, 0, 0), row(40_000, 7, 0, 0)]));
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

    /// Two looks at one process that waits for ever, with sockets that belong to the pair, and what `change` makes of
    /// the second look.
    fn proven(change: impl FnOnce(&mut Sample, &mut Vec<Socket>)) -> bool {
        let look = |at| Sample {
            at: staged::ms(at),
            processes: vec![
                staged::process(0, "epoll_wait", Limit::Forever),
                staged::process(1, "recvfrom", Limit::Forever),
            ],
        };
        let (earlier, mut later) = (look(60.0), look(72.0));
        let mut sockets = vec![socket(1, None, SERVER), socket(9, Some(1), CLIENT), socket(1, Some(9), SERVER)];
        change(&mut later, &mut sockets);
        is_proven(&earlier, &later, &sockets)
    }

    #[test]
    fn everybody_waits_for_ever_and_nothing_is_under_way() {
        assert!(proven(|_, _| {}));
    }

    #[test]
    fn a_wait_that_ends_by_itself_is_no_proof() {
        for limit in [Limit::Timed, Limit::Unknown] {
            assert!(!proven(|later, _| later.processes[0] = staged::process(0, "epoll_wait", limit)));
        }
    }

    #[test]
    fn a_thread_that_ran_in_between_is_no_proof() {
        assert!(!proven(|later, _| later.processes[0].threads[0].switches = Some(18)));
        assert!(!proven(|later, _| later.processes[0].threads[0].switches = None));
        assert!(!proven(|later, _| later.processes[0].threads[0].wait = Wait::Running));
        assert!(!proven(|later, _| later.processes[0].threads[0].wait = Wait::Unknown));
    }

    #[test]
    fn a_thread_or_process_that_came_or_went_is_no_proof() {
        assert!(!proven(|later, _| later.processes.truncate(1)));
        assert!(!proven(|later, _| later.processes[0].pid = 9999));
        assert!(!proven(|later, _| {
            let new = later.processes[1].threads[0].clone();
            later.processes[0].threads.push(new);
        }));
        assert!(!proven(|later, _| later.processes.clear()));
    }

    #[test]
    fn an_armed_timer_is_no_proof() {
        assert!(!proven(|later, _| later.processes[0].armed_timers = Some(1)));
        assert!(!proven(|later, _| later.processes[0].armed_timers = None), "it could not be read");
    }

    #[test]
    fn a_handshake_under_way_is_no_proof() {
        assert!(!proven(|_, sockets| sockets[1].state = SocketState::SynSent));
        assert!(!proven(|_, sockets| sockets[2].state = SocketState::SynReceived));
    }

    #[test]
    fn a_stopped_process_waits_whatever_its_timers_do() {
        assert!(proven(|later, _| {
            later.processes[0].state = 'T';
            later.processes[0].threads[0].wait = Wait::Stopped;
            later.processes[0].armed_timers = Some(1);
        }));
    }

    #[test]
    fn a_zombie_waits_for_nothing() {
        let still = |ended: &dyn Fn(&mut Process)| {
            let looks = [60.0, 72.0].map(|at| {
                let mut process = staged::process(0, "futex", Limit::Timed);
                (process.state, process.armed_timers) = ('Z', None);
                ended(&mut process);
                Sample { at: staged::ms(at), processes: vec![process] }
            });
            is_proven(&looks[0], &looks[1], &[])
        };
        assert!(still(&|process| process.threads.clear()));
        assert!(!still(&|_| ()), "its first thread has ended, and another one wakes up by itself");
    }

    /// A server in two looks `ms` apart: its main thread waits with a time limit at the listener and has come back to it
    /// `returns` times; `change` makes of it what it likes.
    fn idle(ms: f64, returns: u64, change: impl FnOnce(&mut Sample, &mut Vec<Socket>)) -> bool {
        let listener = socket(1, None, SERVER);
        let attends = |switches| Thread {
            tid: 77,
            state: 'S',
            wait: Wait::Call {
                name: "poll".to_owned(),
                limit: Limit::Timed,
                fd: Some(3),
                socket: Some((listener.local, None)),
                file: None,
            },
            switches: Some(switches),
        };
        let look = |at: f64, switches| {
            let mut server = staged::process(0, "recvfrom", Limit::Forever);
            server.threads.push(attends(switches));
            Sample { at: staged::ms(at), processes: vec![server, staged::process(1, "recvfrom", Limit::Forever)] }
        };
        let (earlier, mut later) = (look(60.0, 9), look(60.0 + ms, 9 + returns));
        let mut sockets = vec![listener.clone(), socket(9, Some(1), CLIENT), socket(1, Some(9), SERVER)];
        change(&mut later, &mut sockets);
        idle_turns(&earlier, &later, &sockets, &[0]).is_some_and(|turns| turns >= 3)
    }

    #[test]
    fn a_thread_that_only_returns_to_its_listener_leaves_the_pair_idle() {
        assert!(idle(1500.0, 3, |_, _| {}));
        assert!(!idle(1500.0, 2, |_, _| {}), "not often enough");
    }

    #[test]
    fn whoever_works_or_may_go_on_by_itself_is_not_idle() {
        assert!(!idle(1500.0, 3, |later, _| later.processes[0].threads[0].switches = Some(18)), "a handler ran");
        assert!(!idle(1500.0, 3, |later, _| later.processes[0].threads[1].wait = Wait::Running));
        assert!(!idle(1500.0, 3, |later, _| later.processes[1] = staged::process(1, "recvfrom", Limit::Timed)));
        assert!(!idle(1500.0, 3, |later, _| later.processes[0].armed_timers = None));
        assert!(!idle(1500.0, 3, |_, sockets| sockets[0].recv_queue = Some(1)), "somebody waits to be accepted");
        assert!(!idle(1500.0, 3, |_, sockets| sockets[0].state = SocketState::Established), "no listener");
    }

    #[test]
    fn a_client_that_waits_with_a_time_limit_is_not_idle_whatever_it_waits_at() {
        assert!(!idle(1500.0, 3, |later, sockets| {
            sockets[0].owners[0].role = Some(Role::Client);
            later.processes[0].program = 1;
        }));
    }

    /// The looks of [`proven`] for a server that netdiag asks from port 9.
    fn at_rest(change: impl FnOnce(&mut Vec<Socket>)) -> bool {
        let look = |at| Sample { at: staged::ms(at), processes: vec![staged::process(0, "recvfrom", Limit::Forever)] };
        let mut sockets = vec![socket(1, None, SERVER), socket(9, Some(1), STRANGER), socket(1, Some(9), SERVER)];
        change(&mut sockets);
        is_at_rest(&look(60.0), &look(72.0), &sockets, &[std::net::SocketAddr::from(([127, 0, 0, 1], 9))])
    }

    #[test]
    fn a_server_that_has_read_every_question_and_waits_is_at_rest() {
        assert!(at_rest(|_| {}));
        assert!(!at_rest(|sockets| sockets[2].recv_queue = Some(3)), "it has not read all");
        assert!(!at_rest(|sockets| sockets[0].recv_queue = Some(1)), "somebody waits to be accepted");
        assert!(!at_rest(|sockets| sockets[2].owners.clear()), "nobody has accepted the connection");
        assert!(!at_rest(|sockets| sockets.push(socket(8, Some(5432), SERVER))), "somebody else may answer it");
    }

    #[test]
    fn a_connection_with_a_stranger_is_no_proof() {
        assert!(!proven(|_, sockets| sockets.push(socket(8, Some(5432), SERVER))));
    }
}
