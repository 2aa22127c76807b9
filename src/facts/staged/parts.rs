//! Single pieces of evidence, each an ordinary one of its kind.

use std::net::SocketAddr;

use super::{CLIENT_PID, SERVER, SERVER_PID, owner};
use crate::evidence::{
    At, Close, Contract, Ending, Evidence, Exit, Frame, Gap, How, Limit, Observed, Occasion, Output, Owner, Probe,
    Process, Program, Reach, Role, Rung, SCHEMA, Setting, Shape, Socket, SocketState, Text, Thread, Transport, Wait,
};

pub fn ms(ms: f64) -> At {
    At((ms * 1e6) as u64)
}

pub fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub fn frame(file: &str, line: u32, function: &str, source: &str) -> Frame {
    Frame { file: file.to_owned(), line, function: function.to_owned(), source: source.to_owned() }
}

pub fn gap(source: &str) -> Gap {
    Gap::new(source, format!("{source} were not recorded"), format!("record {source}"))
}

/// A pair was run, and nothing could be looked at.
pub fn nothing_seen() -> Evidence {
    Evidence {
        schema: SCHEMA.to_owned(),
        setting: Setting {
            netdiag: "0.1.0".to_owned(),
            os: "linux".to_owned(),
            occasion: Occasion::Pair,
            rung: Rung::Namespace,
            began_unix_ms: 0,
            server_ready: Some(ms(38.2)),
            clients_started: Some(ms(40.0)),
            ended: Ending::ClientsEnded,
            ended_at: ms(95.0),
            patience_ms: 10_000,
        },
        contract: Contract::default(),
        packets: Observed::NotObserved(gap("packets")),
        sockets: Observed::NotObserved(gap("sockets")),
        programs: Observed::NotObserved(gap("programs")),
        tasks: Observed::NotObserved(gap("tasks")),
        exceptions: Observed::NotObserved(gap("exceptions")),
        calls: Observed::NotObserved(gap("calls")),
        probes: Observed::NotObserved(gap("probes")),
        swaps: vec![],
        farewell: None,
        exceeded: None,
    }
}

pub fn program(role: Role, command: &str, exit: Option<(f64, How)>) -> Program {
    Program {
        role,
        command: command.split(' ').map(str::to_owned).collect(),
        cwd: None,
        reference: false,
        started_by_us: true,
        pid: CLIENT_PID,
        started: ms(0.0),
        exit: exit.map(|(at, how)| Exit { at: ms(at), how, by_us: false }),
        stdout: Some(Output::default()),
        stderr: Some(Output::default()),
        spawn_error: None,
        text: Text::default(),
    }
}

/// The process of program `index`, with a single thread in that system call.
pub fn process(index: usize, call: &str, limit: Limit) -> Process {
    let pid = SERVER_PID + index as u32;
    let wait = Wait::Call { name: call.to_owned(), limit, fd: None, socket: None, file: None };
    Process {
        program: index,
        pid,
        ppid: 1,
        name: "python3".to_owned(),
        state: 'S',
        descriptors: Some(4),
        descriptor_limit: Some(1024),
        cpu_ms: 20,
        kernel_ms: 0,
        rss_kib: 9000,
        threads: vec![Thread { tid: pid, state: 'S', wait, switches: Some(17) }],
        armed_timers: Some(0),
    }
}

/// The server's listening socket.
pub fn listener(address: &str) -> Socket {
    Socket {
        transport: Transport::Tcp,
        local: addr(address),
        remote: None,
        state: SocketState::Listen,
        inode: 1,
        uid: None,
        owners: vec![owner(Role::Server)],
        owners_known: true,
        recv_queue: Some(0),
        send_queue: Some(100),
        v6only: None,
        eof_unread: None,
        info: None,
    }
}

/// The same of a program that is not on the stand.
pub fn stranger(address: &str) -> Socket {
    let owner = Owner { pid: 77, name: "squatter".to_owned(), role: None, program: None };
    Socket { inode: 2, owners: vec![owner], ..listener(address) }
}

/// A probe with one line that was answered after 0.4 ms.
pub fn probe(sent: &str, received: &str) -> Probe {
    Probe {
        shape: Shape::Line,
        target: addr(SERVER),
        transport: Transport::Tcp,
        at: ms(0.0),
        from: None,
        reach: Reach::Connected,
        sent: vec![sent.into()],
        sent_total: sent.len() as u64,
        received: received.into(),
        received_total: received.len() as u64,
        first_byte_ms: Some(0.4),
        last_byte_ms: Some(0.4),
        before_half_close: received.len() as u64,
        half_closed: false,
        close: Close::Open,
        patience_ms: 500,
        at_rest: false,
        group: 0,
    }
}
