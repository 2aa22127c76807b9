//! References into the evidence, put in words: `packets:3` becomes what packet 3 was. Says what was recorded, no more.
//!
//! The forms: `packets:N` (packet number), `sockets:N` (snapshot) and `sockets:N/M` (its row), `programs:N`,
//! `programs:samples/N`, `tasks:N`, `exceptions:N` (raised), `exceptions:neglected/N`, `exceptions:stalls/N`,
//! `exceptions:stacks/N`, `calls:N`, `probes:N`, and `swaps:N/` before any of them for one recorded in that swap.
//! All but packet numbers count from 0.

use crate::evidence::{
    Action, Close, Conversation, Evidence, Frame, How, Limit, Note, Port, Probe, Process, Program, Raised, Reach, Role,
    Segment, Snapshot, Socket, SocketCall, SocketState, Task, TaskState, Wait,
};

use super::escape;

/// How many columns of payload are quoted.
const EXCERPT: usize = 48;
/// How many rows or threads are told of before the rest is counted.
const FEW: usize = 3;

/// What `reference` refers to, as a clause without a full stop; `None` when the evidence has no such entry.
#[must_use]
pub fn words(reference: &str, evidence: &Evidence) -> Option<String> {
    let (source, rest) = reference.split_once(':')?;
    if source == "swaps" {
        let (number, inner) = rest.split_once('/').unwrap_or((rest, ""));
        let swap = evidence.swaps.get(number.parse::<usize>().ok()?)?;
        let setting = format!("with the reference {} instead", swap.kept.partner());
        return if inner.is_empty() {
            Some(setting)
        } else {
            Some(format!("{setting}: {}", words(inner, &swap.evidence)?))
        };
    }
    let (list, number) = rest.rsplit_once('/').unwrap_or(("", rest));
    let number: usize = number.parse().ok()?;
    match (source, list) {
        ("packets", "") => packet(number as u64, evidence),
        ("sockets", "") => evidence.sockets.seen().ok()?.snapshots.get(number).map(snapshot),
        ("sockets", row_of) => {
            let snapshot = evidence.sockets.seen().ok()?.snapshots.get(row_of.parse::<usize>().ok()?)?;
            Some(format!("socket table at {}: {}", time(snapshot.at.ms()), row(snapshot.sockets.get(number)?)))
        }
        ("programs", "") => evidence.programs.seen().ok()?.programs.get(number).map(program),
        ("programs", "samples") => {
            let sample = evidence.programs.seen().ok()?.samples.get(number)?;
            let waits = list_few(sample.processes.iter().flat_map(waits));
            Some(format!("threads at {}: {waits}", time(sample.at.ms())))
        }
        ("tasks", "") => evidence.tasks.seen().ok()?.tasks.get(number).map(task),
        ("exceptions", _) => exception(list, number, evidence),
        ("calls", "") => evidence.calls.seen().ok()?.calls.get(number).map(call),
        ("probes", "") => evidence.probes.seen().ok()?.probes.get(number).map(probe),
        _ => None,
    }
}

/// A duration or moment in milliseconds, with as many digits as one cares for.
#[must_use]
pub fn time(ms: f64) -> String {
    match ms {
        ..0.9995 => format!("{ms:.2} ms"),
        ..99.95 => format!("{ms:.1} ms"),
        ..9999.5 => format!("{ms:.0} ms"),
        _ => format!("{:.1} s", ms / 1000.0),
    }
}

/// A number of bytes, with thousands set apart.
#[must_use]
pub fn size(bytes: u64) -> String {
    let digits = bytes.to_string();
    let mut out = String::new();
    for (n, c) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out + if bytes == 1 { " byte" } else { " bytes" }
}

/// `client.py:6 in talk`.
#[must_use]
pub fn place(frame: &Frame) -> String {
    let function = if frame.function.is_empty() || frame.function == "<module>" {
        String::new()
    } else {
        format!(" in {}", frame.function)
    };
    format!("{}:{}{function}", frame.file, frame.line)
}

/// How a program ended, as a predicate.
#[must_use]
pub fn ending(how: How) -> String {
    match how {
        How::Code(code) => format!("exits with status {code}"),
        How::Signal(number) => match signal(number) {
            Some(name) => format!("is ended by {name}"),
            None => format!("is ended by signal {number}"),
        },
    }
}

/// Signals that have the same number on every system netdiag runs on.
fn signal(number: i32) -> Option<&'static str> {
    Some(match number {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        _ => return None,
    })
}

fn packet(number: u64, evidence: &Evidence) -> Option<String> {
    let packets = evidence.packets.seen().ok()?;
    if let Some(icmp) = packets.unreachable.iter().find(|icmp| icmp.number == number) {
        let what = if icmp.port_closed() { "no socket has that port" } else { "a rule forbids it" };
        let at = time(icmp.at.ms());
        return Some(format!("packet {number} at {at}: ICMP unreachable for {} ({what})", icmp.target));
    }
    packets.conversations.iter().find_map(|conversation| {
        let segment = conversation.segments.iter().find(|segment| segment.number == number)?;
        let at = time(segment.at.ms());
        Some(format!("packet {number} at {at}: {}", segment_words(conversation, segment)))
    })
}

fn segment_words(conversation: &Conversation, segment: &Segment) -> String {
    let (from, to, target) = match segment.from {
        Port::Dialler => ("the client", "the server", conversation.listener),
        Port::Listener => ("the server", "the client", conversation.dialler),
    };
    let flags = segment.flags;
    if flags.syn && !flags.ack {
        return format!("{from} dials {target} (SYN)");
    }
    if flags.rst && conversation.syn_ack.is_none() {
        return format!("{} refuses (RST): nobody listens there", conversation.listener);
    }
    let again = if segment.note == Some(Note::Retransmission) { " again" } else { "" };
    if segment.len > 0 {
        let text = escape::quoted(&segment.excerpt.0, u64::from(segment.len), EXCERPT);
        return format!("{from} sends{again} {text} ({})", size(u64::from(segment.len)));
    }
    match flags {
        _ if flags.syn => format!("{from}'s kernel accepts the connection (SYN-ACK)"),
        _ if flags.rst => format!("{from} resets the connection (RST)"),
        _ if flags.fin => format!("{from} has nothing more to send (FIN)"),
        _ if segment.note == Some(Note::ZeroWindow) => {
            format!("{from} has no room for more (window 0)")
        }
        _ => format!("{from} acknowledges what {to} sent (ACK)"),
    }
}

fn snapshot(snapshot: &Snapshot) -> String {
    format!("socket table at {}: {}", time(snapshot.at.ms()), list_few(snapshot.sockets.iter().map(row)))
}

fn row(socket: &Socket) -> String {
    let holder = match socket.owners.first() {
        Some(owner) => match owner.role {
            Some(role) => format!("the {role} (pid {})", owner.pid),
            None => format!("{} (pid {})", owner.name, owner.pid),
        },
        None if socket.owners_known => "no process".to_owned(),
        None => "a process netdiag may not look at".to_owned(),
    };
    let queued = socket.recv_queue.unwrap_or(0);
    if socket.state == SocketState::Listen {
        let waiting = match queued {
            0 => String::new(),
            1 => ", 1 connection waits for accept".to_owned(),
            n => format!(", {n} connections wait for accept"),
        };
        return format!("{holder} listens on {}{waiting}", socket.local);
    }
    let peer = socket.remote.map_or_else(String::new, |remote| format!(" ↔ {remote}"));
    let unread = if queued > 0 { format!(", {} unread", size(u64::from(queued))) } else { String::new() };
    format!("{holder} holds {}{peer} ({}{unread})", socket.local, state(socket.state))
}

fn state(state: SocketState) -> &'static str {
    match state {
        SocketState::Listen => "LISTEN",
        SocketState::SynSent => "SYN-SENT",
        SocketState::SynReceived => "SYN-RECV",
        SocketState::Established => "ESTABLISHED",
        SocketState::FinWait1 => "FIN-WAIT-1",
        SocketState::FinWait2 => "FIN-WAIT-2",
        SocketState::CloseWait => "CLOSE-WAIT",
        SocketState::Closing => "CLOSING",
        SocketState::LastAck => "LAST-ACK",
        SocketState::TimeWait => "TIME-WAIT",
        SocketState::Closed => "CLOSED",
        SocketState::Unconnected => "UDP, unconnected",
    }
}

fn program(program: &Program) -> String {
    let name = format!("the {} ({})", program.role, escape::clip(&escape::line(&program.command.join(" ")), EXCERPT));
    if let Some(error) = &program.spawn_error {
        return format!("{name} could not be started: {error}");
    }
    let ended = match &program.exit {
        None => "was still running".to_owned(),
        Some(exit) if exit.by_us => "was still running and was ended by netdiag".to_owned(),
        Some(exit) => format!("{} at {}", ending(exit.how), time(exit.at.ms())),
    };
    let said = match &program.stderr {
        Some(stderr) if stderr.total == 0 => " and writes nothing to standard error".to_owned(),
        Some(stderr) => last_words(&stderr.head.0, &stderr.tail.0)
            .map_or_else(String::new, |line| format!("; standard error: {line}")),
        None => String::new(),
    };
    format!("{name} {ended}{said}")
}

/// The line that says most about an output: the last one of a traceback, else the first that is not empty.
#[must_use]
pub fn last_words(head: &[u8], tail: &[u8]) -> Option<String> {
    let is_full = |line: &&[u8]| !line.trim_ascii().is_empty();
    let first = head.split(|byte| *byte == b'\n').find(is_full)?;
    let traceback = first.starts_with(b"Traceback (most recent call last)");
    let end = if tail.is_empty() { head } else { tail };
    let line = if traceback { end.split(|byte| *byte == b'\n').rfind(is_full)? } else { first };
    let line = line.trim_ascii();
    Some(escape::quoted(line, line.len() as u64, 200))
}

fn waits(process: &Process) -> impl Iterator<Item = String> + '_ {
    process.threads.iter().map(move |thread| format!("{} (pid {}) {}", process.name, process.pid, wait(&thread.wait)))
}

fn wait(wait: &Wait) -> String {
    match wait {
        Wait::Running => "is running".to_owned(),
        Wait::Stopped => "is stopped".to_owned(),
        Wait::Unknown => "may not be looked at".to_owned(),
        Wait::Call { name, limit, socket, file, .. } => {
            let on = match (socket, file) {
                (Some((local, Some(peer))), _) => format!(" on {local} ↔ {peer}"),
                (Some((local, None)), _) => format!(" on {local}"),
                (None, Some(file)) => format!(" on {file}"),
                (None, None) => String::new(),
            };
            let long = match limit {
                Limit::Forever => ", without a time limit",
                Limit::Timed => ", with a time limit",
                Limit::Unknown => "",
            };
            format!("waits in {name}{on}{long}")
        }
    }
}

fn task(task: &Task) -> String {
    let name = task.name.clone().unwrap_or_else(|| format!("task {}", task.id));
    let whose = task.role.map_or_else(String::new, |role| format!(" of the {role}"));
    let doing = match task.state {
        TaskState::Running => task.polling_ms.map_or_else(
            || "is being polled".to_owned(),
            |ms| format!("has been running for {} without giving way", time(ms)),
        ),
        TaskState::Scheduled => "is woken and waits for its turn".to_owned(),
        TaskState::Idle if task.wakers == Some(0) => "waits, and nothing can wake it".to_owned(),
        TaskState::Idle => "waits".to_owned(),
        TaskState::Done => "is done".to_owned(),
    };
    let at = task.location.as_ref().map_or_else(String::new, |frame| format!(" at {}", line_of(frame)));
    format!("{} {name}{whose} {doing}{at}", task.runtime)
}

fn exception(list: &str, number: usize, evidence: &Evidence) -> Option<String> {
    let exceptions = evidence.exceptions.seen().ok()?;
    match list {
        "" => exceptions.raised.get(number).map(raised),
        "neglected" => exceptions.neglected.get(number).map(|one| {
            let fate =
                if one.what == "never-awaited" { "is never awaited" } else { "fails, and nobody asks for its result" };
            let what = one.exception.as_ref().map_or_else(String::new, |text| format!(" ({text})"));
            let at = one.location.as_ref().map_or_else(String::new, |frame| format!(" at {}", line_of(frame)));
            format!("{} in the {} {fate}{what}{at}", one.name, one.role)
        }),
        "stalls" => exceptions.stalls.get(number).map(|stall| {
            format!("the {}'s event loop is stuck for {} at {}", stall.role, time(stall.ms), line_of(&stall.location))
        }),
        "stacks" => exceptions.stacks.get(number).map(|stack| {
            let at = stack.frames.last().map_or_else(String::new, |frame| format!(" at {}", line_of(frame)));
            let within = if stack.within.is_empty() { String::new() } else { format!(", in {}", stack.within) };
            format!("{} of the {} stands{at}{within}", stack.of, stack.role)
        }),
        _ => None,
    }
}

/// `client.py:6, “await talk()”`.
fn line_of(frame: &Frame) -> String {
    if frame.source.is_empty() { place(frame) } else { format!("{}, “{}”", place(frame), frame.source) }
}

fn raised(raised: &Raised) -> String {
    let text = if raised.message.is_empty() { String::new() } else { format!(" ({})", raised.message) };
    let at = raised.frames.last().map_or_else(String::new, |frame| format!(" raised at {}", place(frame)));
    format!("{}{text} in the {}{at}; {}", raised.kind, raised.role, fate(raised))
}

/// What became of an exception, as a clause.
fn fate(raised: &Raised) -> String {
    let caught = raised.caught.as_ref().map_or_else(String::new, |frame| format!(" at {}", place(frame)));
    match raised.action {
        Action::Silent => format!("caught{caught}, where nothing tells of it"),
        Action::Reported => format!("caught and reported{caught}"),
        Action::Reraised => format!("caught and raised again{caught}"),
        Action::Handled => format!("caught and handled{caught}"),
        Action::Uncaught => "caught nowhere".to_owned(),
    }
}

/// A socket call with its result.
#[must_use]
pub fn call(call: &SocketCall) -> String {
    let address = call.address.map_or_else(String::new, |address| address.to_string());
    let result = match call.result {
        ok @ 0.. => ok.to_string(),
        failed => errno(-failed).map_or_else(|| format!("error {}", -failed), str::to_owned),
    };
    format!("the {} calls {}({address}) at {}: {result}", call.role, call.name, time(call.at.ms()))
}

/// Linux's numbers (include/uapi/asm-generic/errno.h) of the errors that sockets give; calls are traced there only.
fn errno(number: i64) -> Option<&'static str> {
    Some(match number {
        13 => "EACCES (permission denied)",
        98 => "EADDRINUSE (address already in use)",
        99 => "EADDRNOTAVAIL (no such address here)",
        101 => "ENETUNREACH (network unreachable)",
        104 => "ECONNRESET (connection reset)",
        110 => "ETIMEDOUT (timed out)",
        111 => "ECONNREFUSED (connection refused)",
        113 => "EHOSTUNREACH (host unreachable)",
        115 => "EINPROGRESS (begun)",
        _ => return None,
    })
}

/// A probe and what came of it.
#[must_use]
pub fn probe(probe: &Probe) -> String {
    let Some(reach) = reach(probe) else {
        return format!("netdiag {} and {}", sent(probe), answer(probe));
    };
    format!("netdiag's probe of {} {reach}", probe.target)
}

fn reach(probe: &Probe) -> Option<&'static str> {
    match probe.reach {
        Reach::Connected => None,
        Reach::Refused => Some("is refused"),
        Reach::Unanswered => Some("gets no answer"),
        Reach::Local => Some("is refused by this machine's own kernel"),
    }
}

fn sent(probe: &Probe) -> String {
    let total: usize = probe.sent.iter().map(crate::evidence::Bytes::len).sum();
    if total == 0 {
        return format!("connects to {}, sends nothing", probe.target);
    }
    let all: Vec<u8> = probe.sent.iter().flat_map(|write| &write.0).copied().take(256).collect();
    let closing = if probe.half_closed { ", half-closes" } else { "" };
    format!("sends {} ({}){closing}", escape::quoted(&all, total as u64, EXCERPT), size(total as u64))
}

/// What a probe got back, as a predicate.
#[must_use]
pub fn answer(probe: &Probe) -> String {
    let end = match probe.close {
        Close::Fin => ", then the server closes",
        Close::Reset => ", then the server resets the connection",
        Close::Open | Close::None => "",
    };
    if probe.received_total == 0 {
        return format!("gets nothing back within {}{end}", time(probe.patience_ms as f64));
    }
    let after = probe.first_byte_ms.map_or_else(String::new, |ms| format!(" after {}", time(ms)));
    let same = probe.received.0 == probe.sent.iter().flat_map(|write| write.0.clone()).collect::<Vec<_>>();
    let what = if same {
        "the same".to_owned()
    } else {
        format!("{} ({})", escape::quoted(&probe.received.0, probe.received_total, EXCERPT), size(probe.received_total))
    };
    format!("gets back {what}{after}{end}")
}

fn list_few(items: impl Iterator<Item = String>) -> String {
    let all: Vec<String> = items.collect();
    let more = all.len().saturating_sub(FEW);
    let shown = all[..all.len() - more].join("; ");
    match (shown.is_empty(), more) {
        (true, _) => "empty".to_owned(),
        (false, 0) => shown,
        (false, more) => format!("{shown}; and {more} more"),
    }
}

/// The program that plays `role`, if just one does.
#[must_use]
pub fn only(role: Role, evidence: &Evidence) -> Option<&Program> {
    let programs = evidence.programs.seen().ok()?;
    let mut playing = programs.programs.iter().filter(|program| program.role == role);
    playing.next().filter(|_| playing.next().is_none())
}
