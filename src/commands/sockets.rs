//! `netdiag sockets`: every socket with its owners and queues, what `lsof -i -P` and `ss` show in one table.

use std::collections::HashMap;
use std::net::SocketAddr;

use anyhow::bail;
use nix::unistd::{Uid, User, geteuid};
use serde::Serialize;

use super::columns::{Cell, Side, lay_out};
use super::{Outcome, complain, terminal};
use crate::cli::{ColorWhen, SocketsArgs};
use crate::collect::sockets::{self, Scope};
use crate::evidence::{Socket, SocketState, Transport};
use crate::report::style::Ink;

/// Prints the table.
pub fn run(args: &SocketsArgs, color: ColorWhen) -> anyhow::Result<Outcome> {
    let state = args.state.as_deref().map(state_called).transpose()?;
    let mut sockets = match sockets::look(Scope::Everything, None) {
        Ok(sockets) => sockets,
        Err(gap) => {
            complain(&anyhow::anyhow!("{}; {}", gap.why, gap.remedy));
            return Ok(Outcome::CouldNotTell);
        }
    };
    sockets.retain(|socket| wanted(socket, args, state));
    sockets.sort_by_key(|socket| (rank(socket), socket.local.port(), socket.transport, socket.local, socket.remote));
    let mut users = Users::default();
    if args.json {
        let rows = sockets.iter().map(|socket| Row { socket, user: users.name(socket.uid) }).collect();
        terminal::show_json(&serde_json::to_value(Listing { schema: "netdiag/sockets/v1", sockets: rows })?)?;
    } else if !sockets.is_empty() {
        let rows: Vec<_> = sockets.iter().map(|socket| row(socket, &mut users)).collect();
        terminal::show(&lay_out(HEADINGS, &rows, terminal::style(color)))?;
    }
    for hint in hints(&sockets, args) {
        complain(&anyhow::anyhow!(hint));
    }
    Ok(Outcome::Fine)
}

/// What `--json` prints.
#[derive(Serialize)]
struct Listing<'a> {
    schema: &'static str,
    sockets: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    #[serde(flatten)]
    socket: &'a Socket,
    /// Name of the user with the number `uid`.
    user: Option<String>,
}

fn wanted(socket: &Socket, args: &SocketsArgs, state: Option<SocketState>) -> bool {
    let port = |port| socket.local.port() == port || socket.remote.is_some_and(|remote| remote.port() == port);
    (!args.listening || listens(socket))
        && (!args.tcp || socket.transport == Transport::Tcp)
        && (!args.udp || socket.transport == Transport::Udp)
        && args.port.is_none_or(port)
        && args.pid.is_none_or(|pid| socket.owners.iter().any(|owner| owner.pid == pid))
        && state.is_none_or(|state| socket.state == state)
}

/// Whether it waits for whoever comes; for UDP that is a socket without a peer.
fn listens(socket: &Socket) -> bool {
    matches!(socket.state, SocketState::Listen | SocketState::Unconnected)
}

/// Listeners first, then what is alive, then what is on its way out.
fn rank(socket: &Socket) -> u8 {
    match socket.state {
        SocketState::Listen => 0,
        SocketState::Unconnected => 1,
        SocketState::TimeWait | SocketState::Closed => 3,
        _ => 2,
    }
}

const STATES: [(SocketState, &str); 12] = [
    (SocketState::Listen, "LISTEN"),
    (SocketState::Unconnected, "UNCONNECTED"),
    (SocketState::Established, "ESTABLISHED"),
    (SocketState::SynSent, "SYN-SENT"),
    (SocketState::SynReceived, "SYN-RECEIVED"),
    (SocketState::FinWait1, "FIN-WAIT-1"),
    (SocketState::FinWait2, "FIN-WAIT-2"),
    (SocketState::CloseWait, "CLOSE-WAIT"),
    (SocketState::Closing, "CLOSING"),
    (SocketState::LastAck, "LAST-ACK"),
    (SocketState::TimeWait, "TIME-WAIT"),
    (SocketState::Closed, "CLOSED"),
];

fn name_of(state: SocketState) -> &'static str {
    STATES.iter().find(|(other, _)| *other == state).map_or("?", |(_, name)| name)
}

/// The state that is meant: case and dashes do not matter, and a beginning is enough where it fits only one
/// (`ss` says ESTAB).
fn state_called(typed: &str) -> anyhow::Result<SocketState> {
    let bare = |text: &str| text.to_ascii_lowercase().replace(['-', '_', ' '], "");
    let fitting = |fits: &dyn Fn(&str) -> bool| {
        let mut states = STATES.iter().filter(|(_, name)| fits(&bare(name)));
        states.next().filter(|_| states.next().is_none()).map(|(state, _)| *state)
    };
    let typed_bare = bare(typed);
    let exact = fitting(&|name| name == typed_bare);
    match exact.or_else(|| fitting(&|name| !typed_bare.is_empty() && name.starts_with(&typed_bare))) {
        Some(state) => Ok(state),
        None => bail!("there is no state {typed:?}; the states are {}", STATES.map(|(_, name)| name).join(", ")),
    }
}

const HEADINGS: [(&str, Side); 8] = [
    ("PROTO", Side::Left),
    ("LOCAL", Side::Left),
    ("REMOTE", Side::Left),
    ("STATE", Side::Left),
    ("RECV-Q", Side::Right),
    ("SEND-Q", Side::Right),
    ("PROCESS", Side::Left),
    ("USER", Side::Left),
];

fn row(socket: &Socket, users: &mut Users) -> [Cell; 8] {
    let (received, sent) = queues(socket);
    let local = match socket.v6only {
        Some(true) => format!("{} (IPv6 only)", socket.local),
        _ => socket.local.to_string(),
    };
    let user = users.name(socket.uid).or_else(|| socket.uid.map(|uid| uid.to_string()));
    [
        Cell::plain(socket.transport.to_string()),
        Cell::plain(local),
        Cell::plain(socket.remote.as_ref().map_or("*".to_owned(), SocketAddr::to_string)),
        Cell::new(if listens(socket) { Ink::Server } else { Ink::Plain }, name_of(socket.state)),
        received,
        sent,
        process(socket),
        Cell::plain(user.as_deref().unwrap_or("-")),
    ]
}

/// What lies in the queues. A listener's queues hold connections, not bytes, and say so.
fn queues(socket: &Socket) -> (Cell, Cell) {
    let listener = socket.state == SocketState::Listen;
    let cell = |queue: Option<u32>, told: &dyn Fn(u32) -> String| {
        let text = queue.map_or("-".to_owned(), told);
        // What lies in a queue is what one looks for.
        Cell::new(if queue.is_some_and(|queue| queue > 0) { Ink::Strong } else { Ink::Plain }, text)
    };
    if listener {
        let backlog = socket.send_queue.map_or("-".to_owned(), |backlog| format!("max {backlog}"));
        (cell(socket.recv_queue, &|waiting| format!("{waiting} waiting")), Cell::plain(backlog))
    } else {
        (cell(socket.recv_queue, &|bytes| bytes.to_string()), cell(socket.send_queue, &|bytes| bytes.to_string()))
    }
}

/// How many owners are named; a server that forks early has hundreds.
const NAMED: usize = 3;

fn process(socket: &Socket) -> Cell {
    if socket.owners.is_empty() {
        return match (socket.owners_known, socket.state) {
            (false, _) => Cell::new(Ink::Dim, unknown_owner(socket)),
            // A finished handshake without a socket: the kernel made the connection, the program has not accepted it.
            (true, SocketState::Established | SocketState::CloseWait) => Cell::new(Ink::Bad, "waits for accept"),
            (true, _) => Cell::new(Ink::Dim, "-"),
        };
    }
    let mut owners: Vec<String> =
        socket.owners.iter().take(NAMED).map(|owner| format!("{}/{}", owner.pid, owner.name)).collect();
    if let Some(more) = socket.owners.len().checked_sub(NAMED).filter(|more| *more > 0) {
        owners.push(format!("{more} more"));
    }
    Cell::plain(owners.join(", "))
}

fn unknown_owner(socket: &Socket) -> String {
    match socket.uid {
        Some(uid) if needs_root(socket) => format!("uid {uid}, owner needs root"),
        _ => "owner not seen".to_owned(),
    }
}

/// Whether root could see the owner: it is another user's.
fn needs_root(socket: &Socket) -> bool {
    let us = geteuid();
    !us.is_root() && socket.uid.is_some_and(|uid| uid != us.as_raw())
}

/// What the table alone does not make clear.
fn hints(sockets: &[Socket], args: &SocketsArgs) -> Vec<String> {
    let mut hints = Vec::new();
    if sockets.is_empty() {
        hints.push(match args.pid {
            Some(pid) if !geteuid().is_root() => {
                format!("no socket of process {pid} was seen; if it is another user's, only root sees them")
            }
            Some(pid) => format!("no socket of process {pid} fits"),
            None => "no socket fits".to_owned(),
        });
    }
    let unknown: Vec<&Socket> = sockets.iter().filter(|socket| !socket.owners_known).collect();
    let foreign = unknown.iter().filter(|socket| needs_root(socket)).count();
    if foreign > 0 {
        hints.push(format!(
            "sockets of other users whose owner could not be seen: {foreign}; sudo netdiag sockets shows them"
        ));
    }
    if unknown.len() > foreign {
        let count = unknown.len() - foreign;
        hints.push(format!(
            "sockets whose owner was not seen: {count}; the kernel itself, another container, or a process that just came or went"
        ));
    }
    hints
}

/// User names, asked for once each.
#[derive(Default)]
struct Users(HashMap<u32, Option<String>>);

impl Users {
    fn name(&mut self, uid: Option<u32>) -> Option<String> {
        let uid = uid?;
        let ask = || User::from_uid(Uid::from_raw(uid)).ok().flatten().map(|user| user.name);
        self.0.entry(uid).or_insert_with(ask).clone()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};
    use crate::evidence::Owner;

    fn socket(state: SocketState) -> Socket {
        Socket {
            transport: Transport::Tcp,
            local: ([127, 0, 0, 1], 12345).into(),
            remote: None,
            state,
            inode: 9,
            uid: Some(geteuid().as_raw()),
            owners: vec![Owner { pid: 4711, name: "python3".to_owned(), role: None, program: None }],
            owners_known: true,
            recv_queue: Some(2),
            send_queue: Some(128),
            eof_unread: None,
            v6only: None,
            info: None,
        }
    }

    fn args(words: &str) -> SocketsArgs {
        let cli = Cli::try_parse_from(["netdiag", "sockets"].into_iter().chain(words.split_whitespace())).unwrap();
        let Command::Sockets(args) = cli.command else { panic!() };
        args
    }

    fn texts(socket: &Socket) -> String {
        let row = row(socket, &mut Users::default());
        lay_out(HEADINGS, &[row], crate::report::style::Style::PLAIN).lines().nth(1).unwrap().to_owned()
    }

    #[test]
    fn a_listener_shows_connections_and_others_bytes() {
        let listener = texts(&socket(SocketState::Listen));
        assert!(listener.contains("2 waiting  max 128  4711/python3"), "{listener}");
        let connected =
            texts(&Socket { remote: Some(([127, 0, 0, 1], 40000).into()), ..socket(SocketState::Established) });
        assert!(connected.contains("127.0.0.1:40000  ESTABLISHED       2     128  4711/python3"), "{connected}");
    }

    #[test]
    fn nobody_and_unknown_are_told_apart() {
        let nobody = |state| Socket { owners: vec![], inode: 0, uid: None, ..socket(state) };
        assert!(texts(&nobody(SocketState::Established)).contains("waits for accept"));
        let finished = texts(&nobody(SocketState::TimeWait));
        assert!(!finished.contains("accept") && !finished.contains("not seen"), "{finished}");
        let hidden = Socket { owners: vec![], owners_known: false, ..socket(SocketState::Established) };
        assert!(texts(&hidden).contains("owner not seen"));
        assert_eq!(hints(&[hidden], &args("")).len(), 1);
        assert_eq!(hints(&[socket(SocketState::Listen)], &args("")), Vec::<String>::new());
    }

    #[test]
    fn filters_keep_what_was_asked_for() {
        let listener = socket(SocketState::Listen);
        for (words, kept) in [
            ("", true),
            ("--port 12345 --pid 4711 --tcp -l", true),
            ("--port 1", false),
            ("--pid 1", false),
            ("--udp", false),
        ] {
            assert_eq!(wanted(&listener, &args(words), None), kept, "{words}");
        }
        let dialled = Socket { remote: Some(([127, 0, 0, 1], 80).into()), ..socket(SocketState::Established) };
        assert!(wanted(&dialled, &args("--port 80"), None) && !wanted(&dialled, &args("-l"), None));
        assert!(!wanted(&dialled, &args(""), Some(SocketState::Listen)));
    }

    #[test]
    fn a_state_may_be_typed_in_any_spelling_that_fits_one() {
        for (typed, state) in [
            ("listen", SocketState::Listen),
            ("ESTAB", SocketState::Established),
            ("time_wait", SocketState::TimeWait),
            ("fin-wait1", SocketState::FinWait1),
            ("CLOSED", SocketState::Closed),
            ("syn-rec", SocketState::SynReceived),
        ] {
            assert_eq!(state_called(typed).unwrap(), state, "{typed}");
        }
        for typed in ["", "fin", "waiting"] {
            assert!(state_called(typed).unwrap_err().to_string().contains("TIME-WAIT"), "{typed}");
        }
    }

    #[test]
    fn many_owners_are_counted() {
        let mut shared = socket(SocketState::Listen);
        shared.owners = vec![shared.owners[0].clone(); 100];
        assert!(texts(&shared).contains("4711/python3, 97 more"));
    }

    #[test]
    fn every_state_has_a_name() {
        assert!(STATES.iter().all(|(state, name)| name_of(*state) == *name && state_called(name).unwrap() == *state));
    }
}
