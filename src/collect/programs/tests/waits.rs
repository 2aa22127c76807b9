//! What threads of real programs wait for.

use super::*;
use crate::evidence::{Limit, Process, Socket, SocketState, Transport, Wait};

/// Waits until the first process has `threads` threads, all of them waiting in a call, and returns the process.
fn at_rest(stage: &mut Stage, threads: usize) -> Process {
    until(stage, "every thread waiting", |stage| {
        let sockets = table();
        let process = stage.sample(&sockets).processes.into_iter().next()?;
        let waiting = |thread: &crate::evidence::Thread| matches!(thread.wait, Wait::Call { .. });
        (process.threads.len() == threads && process.threads.iter().all(waiting)).then_some(process)
    })
}

/// Every IPv4 TCP socket of this network namespace.
fn table() -> Vec<Socket> {
    let row = |entry: procfs::net::TcpNetEntry| Socket {
        transport: Transport::Tcp,
        local: entry.local_address,
        remote: Some(entry.remote_address).filter(|remote| remote.port() != 0),
        state: SocketState::Established,
        inode: entry.inode,
        uid: None,
        owners: vec![],
        owners_known: false,
        recv_queue: None,
        send_queue: None,
        v6only: None,
        eof_unread: None,
        info: None,
    };
    procfs::net::tcp().into_iter().flatten().map(row).collect()
}

/// The call and limit of a program with one thread once it has printed "ready".
fn rests_in(launch: Launch) -> (String, Limit, Process) {
    let mut stage = stage();
    let index = stage.start(launch);
    until_printed(&mut stage, index, "ready");
    let process = at_rest(&mut stage, 1);
    match process.threads[0].wait.clone() {
        Wait::Call { name, limit, .. } => (name, limit, process),
        other => panic!("{other:?}"),
    }
}

/// The client's descriptor in [`pair`]; which ones come first depends on what a program was started with.
const CLIENT: i32 = 40;

/// A TCP pair within one program, and what it does with it.
fn pair(then: &str) -> Launch {
    python(&format!(
        "import os,socket,struct\nl = socket.create_server(('127.0.0.1', 0))\nc = socket.create_connection(l.getsockname())\n\
         s, _ = l.accept()\nc = socket.socket(fileno=os.dup2(c.detach(), {CLIENT}))\nprint('ready')\n{then}"
    ))
}

#[test]
fn recv_on_a_blocking_socket_waits_for_ever_and_shows_both_addresses() {
    let (name, limit, process) = rests_in(pair("c.recv(1)"));
    assert_eq!((name.as_str(), limit), ("recvfrom", Limit::Forever));
    assert_eq!(process.armed_timers, Some(0));
    let Wait::Call { fd: Some(CLIENT), socket: Some((local, Some(peer))), .. } = &process.threads[0].wait else {
        panic!("{process:?}")
    };
    assert!(local.ip().is_loopback() && peer.ip().is_loopback() && local.port() != peer.port());
}

#[test]
fn every_kind_of_receive_time_out_is_seen() {
    let kernel = "c.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack('ll', 900, 0)); c.recv(1)";
    assert_eq!(rests_in(pair(kernel)).1, Limit::Timed);
    let (name, limit, process) = rests_in(pair("c.settimeout(900); c.recv(1)"));
    assert_eq!((name.as_str(), limit), ("poll", Limit::Timed));
    assert!(matches!(&process.threads[0].wait, Wait::Call { fd: Some(CLIENT), socket: Some(_), .. }), "{process:?}");
}

#[test]
fn accept_waits_for_ever() {
    let (name, limit, process) =
        rests_in(python("import socket\nl = socket.create_server(('127.0.0.1', 0))\nprint('ready')\nl.accept()"));
    assert_eq!((name.as_str(), limit), ("accept4", Limit::Forever));
    assert!(matches!(&process.threads[0].wait, Wait::Call { socket: Some((_, None)), .. }), "{process:?}");
}

#[test]
fn send_to_a_peer_that_does_not_read_waits_for_ever() {
    assert_eq!(rests_in(pair("c.sendall(bytes(100 << 20))")).1, Limit::Forever);
    let timed = "c.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 900000); c.sendall(bytes(100 << 20))";
    assert_eq!(rests_in(pair(timed)).1, Limit::Timed);
}

#[test]
fn a_sleep_is_timed() {
    let (name, limit, _) = rests_in(python("import time\nprint('ready')\ntime.sleep(1000)"));
    assert_eq!((name.as_str(), limit), ("clock_nanosleep", Limit::Timed));
    assert_eq!(rests_in(launch(&["perl", "-e", "$| = 1; print 'ready'; sleep 1000"])).1, Limit::Timed);
}

#[test]
fn a_read_from_a_pipe_waits_for_ever() {
    let (name, limit, process) = rests_in(python("import os\nr, w = os.pipe()\nprint('ready')\nos.read(r, 1)"));
    assert_eq!((name.as_str(), limit), ("read", Limit::Forever));
    assert!(matches!(&process.threads[0].wait, Wait::Call { file: Some(file), .. } if file == "pipe"), "{process:?}");
}

#[test]
fn an_idle_event_loop_waits_for_ever_and_one_with_a_timer_does_not() {
    let looping = |body: &str| python(&format!("import asyncio\nasync def main():\n {body}\nasyncio.run(main())"));
    let (name, limit, _) = rests_in(looping("print('ready'); await asyncio.get_running_loop().create_future()"));
    assert_eq!((name.as_str(), limit), ("epoll_wait", Limit::Forever));
    assert_eq!(rests_in(looping("print('ready'); await asyncio.sleep(1000)")).1, Limit::Timed);
}

/// Makes a timerfd and an epoll set that watches it.
const TIMERFD: &str = "import ctypes,select\nlibc = ctypes.CDLL(None)\nfd = libc.timerfd_create(1, 0)\n\
    def arm(s): libc.timerfd_settime(fd, 0, (ctypes.c_long * 4)(0, 0, s, 0), None)\n\
    e = select.epoll()\n";

#[test]
fn a_timerfd_in_the_epoll_set_counts_only_while_it_is_armed() {
    let (name, limit, process) =
        rests_in(python(&format!("{TIMERFD}e.register(fd); arm(900)\nprint('ready')\ne.poll()")));
    assert_eq!((name.as_str(), limit, process.armed_timers), ("epoll_wait", Limit::Timed, Some(1)));
    let (_, limit, process) = rests_in(python(&format!("{TIMERFD}e.register(fd)\nprint('ready')\ne.poll()")));
    assert_eq!((limit, process.armed_timers), (Limit::Forever, Some(0)));
    let nested =
        format!("{TIMERFD}e.register(fd); arm(900)\no = select.epoll(); o.register(e)\nprint('ready')\no.poll()");
    assert_eq!(rests_in(python(&nested)).1, Limit::Timed);
    let polled = format!("{TIMERFD}arm(900)\np = select.poll(); p.register(fd)\nprint('ready')\np.poll()");
    assert_eq!(rests_in(python(&polled)).1, Limit::Timed);
}

#[test]
fn timers_that_cannot_be_read_are_not_called_absent() {
    let alarm = "import signal\nsignal.signal(signal.SIGALRM, lambda *_: None); signal.alarm(900)\nprint('ready')\nsignal.pause()";
    let (name, limit, process) = rests_in(python(alarm));
    assert_eq!((name.as_str(), limit, process.armed_timers), ("pause", Limit::Forever, None));
    let posix = "import ctypes,signal\nctypes.CDLL(None).timer_create(1, None, ctypes.byref(ctypes.c_void_p()))\n\
                 print('ready')\nsignal.pause()";
    assert_eq!(rests_in(python(posix)).2.armed_timers, Some(1));
}

#[test]
fn every_thread_is_seen_and_does_not_run_between_two_looks() {
    let mut stage = stage();
    let index = stage.start(python(
        "import threading\nlock = threading.Lock(); lock.acquire()\n\
         t = threading.Thread(target=lock.acquire); t.start()\nprint('ready')\nt.join()",
    ));
    until_printed(&mut stage, index, "ready");
    let one = at_rest(&mut stage, 2);
    for thread in &one.threads {
        assert!(
            matches!(&thread.wait, Wait::Call { name, limit: Limit::Forever, .. } if name == "futex"),
            "{thread:?}"
        );
    }
    let other = at_rest(&mut stage, 2);
    assert_eq!(one.threads, other.threads);
    assert!(one.threads.iter().all(|thread| thread.switches.is_some()));
}

#[test]
fn a_futex_with_a_time_out_is_timed() {
    let mut stage = stage();
    let index = stage.start(python("import threading\nprint('ready')\nthreading.Event().wait(900)"));
    until_printed(&mut stage, index, "ready");
    assert!(matches!(at_rest(&mut stage, 1).threads[0].wait, Wait::Call { limit: Limit::Timed, .. }));
}

#[test]
fn a_running_program_is_not_called_waiting() {
    let mut stage = stage();
    stage.start(python("while True: pass"));
    until(&mut stage, "a running thread", |stage| {
        let process = stage.sample(&[]).processes.into_iter().next()?;
        (process.cpu_ms > 50 && process.threads.first()?.wait == Wait::Running).then_some(())
    });
}

#[test]
fn a_shell_waits_for_its_child_and_both_are_at_rest() {
    let mut stage = stage();
    stage.start(launch(&["sh", "-c", "perl -e 'pipe(R, W); <R>'; true"]));
    until(&mut stage, "wait4 and read", |stage| {
        let processes = stage.sample(&[]).processes;
        let rests = |process: &Process, call: &str| {
            matches!(&process.threads.first()?.wait, Wait::Call { name, limit: Limit::Forever, .. } if name == call)
                .then(|| process.armed_timers)?
        };
        let [shell, perl] = processes.as_slice() else { return None };
        Some((rests(shell, "wait4")?, rests(perl, "read")?))
    });
}

#[test]
fn an_idle_node_server_waits_for_ever_in_every_thread() {
    let mut stage = stage();
    let script = "require('net').createServer(() => {}).listen(0, '127.0.0.1', () => console.log('ready'))";
    let index = stage.start(launch(&["node", "-e", script]));
    until_printed(&mut stage, index, "ready");
    let process = until(&mut stage, "node at rest", |stage| {
        let process = stage.sample(&[]).processes.into_iter().next()?;
        let rests = |wait: &Wait| matches!(wait, Wait::Call { limit: Limit::Forever, .. });
        (process.threads.len() > 1 && process.threads.iter().all(|thread| rests(&thread.wait))).then_some(process)
    });
    assert_eq!(process.armed_timers, Some(0));
}
