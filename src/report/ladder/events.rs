//! What goes on the ladder and when: chosen conversations, what the programs did and said, and how it all stopped.

use crate::diagnosis::{Diagnosis, Part};
use crate::evidence::{
    Action, At, Ending, Evidence, Exceptions, How, Occasion, Owner, Program, Raised, Role, Snapshot, SocketState,
};

use super::super::cite::{self, Telling};
use super::super::escape;
use super::super::style::Ink;
use super::traffic;

/// One row of the ladder.
#[derive(Debug, Clone)]
pub struct Event {
    /// When it began.
    pub at: At,
    /// When it was over (a run of segments takes a while).
    pub until: At,
    /// What happened.
    pub what: What,
    /// How many packets this row stands for.
    pub packets: u64,
    /// How many rows this row stands for, when it stands for left-out ones.
    pub events: usize,
    /// Whether a finding refers to one of its packets.
    pub cited: bool,
}

impl Event {
    /// A row that stands for no packet.
    pub fn new(at: At, what: What) -> Self {
        Self { at, until: at, what, packets: 0, events: 0, cited: false }
    }
}

/// What a row shows.
#[derive(Debug, Clone)]
pub enum What {
    /// Something sent; `lands` is false when it reached no program.
    Arrow { from: Role, label: String, ink: Ink, lands: bool },
    /// Something both ends did together.
    Both(String),
    /// Something that happened at one end.
    Note { of: Role, label: String, ink: Ink },
    /// Time passes.
    Pause(String),
    /// Time passed and nothing came any more.
    Silence(String),
    /// Rows left out.
    Elided,
}

impl What {
    /// Whose it is, and what it says.
    fn words(&self) -> (Option<bool>, String) {
        let server = |role: &Role| Some(*role == Role::Server);
        match self {
            Self::Arrow { from, label, .. } => (server(from), label.clone()),
            Self::Note { of, label, .. } => (server(of), label.clone()),
            Self::Both(label) | Self::Pause(label) | Self::Silence(label) => (None, label.clone()),
            Self::Elided => (None, String::new()),
        }
    }
}

/// All rows, and lines to put under them.
#[derive(Debug, Default)]
pub struct Shown {
    /// Rows in time order.
    pub events: Vec<Event>,
    /// Which connection is which, and what was not drawn.
    pub legend: Vec<String>,
}

/// Collects the rows.
pub fn gather(evidence: &Evidence, diagnosis: &Diagnosis, telling: Telling) -> Shown {
    let mut shown = Shown::default();
    let drawn = traffic::draw(&mut shown, evidence, &cited_packets(diagnosis), telling);
    if !drawn {
        without_packets(&mut shown, evidence, telling);
    }
    let mut own = Vec::new();
    programs(&mut own, evidence, drawn, telling);
    if telling == Telling::Exact {
        shown.events.append(&mut own);
        shown.events.sort_by_key(|event| event.at);
    } else {
        shown.events = around(shown.events, own, evidence);
    }
    if let Some(event) = stop(&shown.events, evidence, telling) {
        shown.events.push(event);
    }
    shown
}

/// What programs did before a client was there, what went over the wire, what programs did then: clocks of different sources
/// would put neighbours in another order each time.
fn around(wire: Vec<Event>, own: Vec<Event>, evidence: &Evidence) -> Vec<Event> {
    let started = evidence.setting.clients_started;
    let (mut rows, mut after): (Vec<_>, Vec<_>) =
        own.into_iter().partition(|event| started.is_none_or(|started| event.at <= started));
    rows.sort_by_key(|event| event.at);
    after.sort_by_cached_key(|event| event.what.words());
    after.dedup_by_key(|event| event.what.words());
    rows.extend(wire);
    rows.append(&mut after);
    rows
}

/// Packet numbers the findings refer to, those of root causes first.
fn cited_packets(diagnosis: &Diagnosis) -> Vec<u64> {
    let mut findings: Vec<_> = diagnosis.findings.iter().collect();
    findings.sort_by_key(|finding| finding.role != Part::Cause);
    findings
        .iter()
        .flat_map(|finding| &finding.evidence)
        .filter_map(|reference| reference.strip_prefix("packets:")?.parse().ok())
        .collect()
}

/// What the socket table and the traced calls tell of connections when no packet was captured.
fn without_packets(shown: &mut Shown, evidence: &Evidence, telling: Telling) {
    if let Ok(calls) = evidence.calls.seen() {
        for call in calls.calls.iter().filter(|call| call.name == "connect" || call.name == "so-error").take(8) {
            let ink = if call.result < 0 && call.result != -115 { Ink::Bad } else { Ink::Plain };
            let words = cite::call(call, telling);
            let label = words.strip_prefix(&format!("the {} ", call.role)).unwrap_or(&words).to_owned();
            shown.events.push(Event::new(call.at, What::Note { of: call.role, label, ink }));
        }
    }
    let Some(frozen) = frozen(evidence) else { return };
    for socket in frozen.sockets.iter().filter(|socket| socket.state == SocketState::Established).take(8) {
        let Some(remote) = socket.remote else { continue };
        let of = socket.owners.first().and_then(|owner| owner.role).unwrap_or(Role::Server);
        let nobody = socket.owners.is_empty() && socket.owners_known;
        let way = if of == Role::Server { "from" } else { "to" };
        let accepted = if nobody { ", not accepted" } else { "" };
        let unread = match socket.recv_queue {
            Some(n) if n > 0 => format!(", {} unread", cite::size(u64::from(n))),
            _ => String::new(),
        };
        let ink = if nobody || !unread.is_empty() { Ink::Bad } else { Ink::Plain };
        let label = format!("connection {way} {remote}{accepted}{unread}");
        shown.events.push(Event::new(frozen.at, What::Note { of, label, ink }));
    }
}

/// The socket table that shows the state in which the recording stopped.
fn frozen(evidence: &Evidence) -> Option<&Snapshot> {
    let sockets = evidence.sockets.seen().ok()?;
    sockets.snapshots.iter().rev().find(|snapshot| snapshot.at <= evidence.setting.ended_at)
}

fn programs(events: &mut Vec<Event>, evidence: &Evidence, drawn: bool, telling: Telling) {
    listening(events, evidence);
    if let Ok(exceptions) = evidence.exceptions.seen() {
        raised(events, exceptions);
    }
    let Ok(programs) = evidence.programs.seen() else { return };
    let many = programs.programs.iter().filter(|program| program.role == Role::Client).count() > 4;
    for (index, program) in programs.programs.iter().enumerate() {
        let failed = program.exit.as_ref().is_some_and(|exit| exit.how != How::Code(0));
        // How the reference fares with a fault depends on what reaches it first.
        let is_chance = program.reference && telling == Telling::Steady;
        if is_chance || (program.role == Role::Client && many && !failed) {
            continue;
        }
        said(events, program, index, evidence, drawn);
        ended(events, program);
    }
}

/// The moment the server began to listen, and where.
fn listening(events: &mut Vec<Event>, evidence: &Evidence) {
    if evidence.setting.occasion != Occasion::Pair {
        return;
    }
    let Some(ready) = evidence.setting.server_ready else { return };
    let mut places: Vec<String> = evidence.sockets.seen().map_or_else(
        |_| vec![],
        |sockets| {
            let is_server = |owner: &Owner| owner.role == Some(Role::Server);
            let listens = |state| matches!(state, SocketState::Listen | SocketState::Unconnected);
            let rows = sockets.snapshots.iter().flat_map(|snapshot| &snapshot.sockets);
            rows.filter(|socket| listens(socket.state) && socket.owners.iter().any(is_server))
                .map(|socket| socket.local.to_string())
                .collect()
        },
    );
    places.sort();
    places.dedup();
    places.truncate(2);
    let on = if places.is_empty() { String::new() } else { format!(" on {}", places.join(" and ")) };
    let label = format!("listens{on}");
    events.push(Event::new(ready, What::Note { of: Role::Server, label, ink: Ink::Plain }));
}

/// Exceptions that nobody was told of, or that ended something.
fn raised(events: &mut Vec<Event>, exceptions: &Exceptions) {
    for raised in exceptions.raised.iter().filter(|raised| raised.action != Action::Handled).take(4) {
        let label = escape::line(&format!("{}, {}", raised.kind, fate(raised)));
        events.push(Event::new(raised.at, What::Note { of: raised.role, label, ink: Ink::Bad }));
    }
}

/// What became of an exception, in few words.
fn fate(raised: &Raised) -> String {
    let at = raised.caught.as_ref().map_or_else(String::new, |frame| format!(" at {}:{}", frame.file, frame.line));
    match raised.action {
        Action::Silent => format!("swallowed{at}"),
        Action::Reported => format!("reported{at}"),
        Action::Reraised => format!("raised again{at}"),
        Action::Handled => format!("handled{at}"),
        Action::Uncaught => "caught nowhere".to_owned(),
    }
}

/// So long after a program's end its output may still be read; what comes later is of a child that it left behind.
const READ_LATE_MS: f64 = 50.0;

/// The first thing a program wrote on standard error (or, when there is no traffic to see, on standard output), unless
/// an exception on the ladder tells it already.
fn said(events: &mut Vec<Event>, program: &Program, index: usize, evidence: &Evidence, drawn: bool) {
    let told = evidence.exceptions.seen().is_ok_and(|exceptions| {
        exceptions.raised.iter().any(|raised| raised.program == index && raised.action == Action::Uncaught)
    });
    let outputs = [(&program.stderr, "stderr", !told), (&program.stdout, "stdout", !drawn && !program.reference)];
    for (output, name, wanted) in outputs {
        let Some(output) = output.as_ref().filter(|_| wanted) else { continue };
        let (Some(at), Some(words)) = (output.first, cite::last_words(output)) else {
            continue;
        };
        // The pipe is read when there is time for it; what was written last was written before the end.
        let late = |end: &At| at > *end && at.ms_since(*end) < READ_LATE_MS;
        let at = program.exit.as_ref().map(|exit| exit.at).filter(late).unwrap_or(at);
        let ink = if name == "stderr" { Ink::Bad } else { Ink::Plain };
        events.push(Event::new(at, What::Note { of: program.role, label: format!("{name}: {words}"), ink }));
    }
}

fn ended(events: &mut Vec<Event>, program: &Program) {
    if let Some(error) = &program.spawn_error {
        let label = escape::line(&format!("could not be started: {error}"));
        events.push(Event::new(program.started, What::Note { of: program.role, label, ink: Ink::Bad }));
    }
    let Some(exit) = program.exit.as_ref().filter(|exit| !exit.by_us) else { return };
    let ink = if exit.how == How::Code(0) { Ink::Plain } else { Ink::Bad };
    let label = cite::ending(exit.how);
    events.push(Event::new(exit.at, What::Note { of: program.role, label, ink }));
}

/// The last row of a recording that did not stop by itself.
fn stop(events: &[Event], evidence: &Evidence, telling: Telling) -> Option<Event> {
    let at = evidence.setting.ended_at;
    let last = events.iter().map(|event| event.until).max()?;
    let waited = match telling {
        Telling::Exact => format!("{}, ", cite::time(at.ms_since(last))),
        Telling::Steady => String::new(),
    };
    let label = match evidence.setting.ended {
        Ending::HangProven => format!("{waited}nothing more: neither side can ever move again"),
        Ending::Idle => format!("{waited}nothing more: the server only looks for new clients"),
        Ending::DeadlinePassed => format!("{waited}nothing more by the deadline"),
        Ending::Interrupted => "interrupted by the user".to_owned(),
        Ending::CutShort => "the capture file breaks off here".to_owned(),
        Ending::ClientsEnded | Ending::ServerEnded | Ending::Complete => return None,
    };
    Some(Event::new(at, What::Silence(label)))
}
