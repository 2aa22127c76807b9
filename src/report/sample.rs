//! Evidence and diagnoses made by hand, for the tests of this module.

use crate::diagnosis::{Candidate, Confidence, Diagnosis, Finding, Part, RuledOut, Side, Verdict};
use crate::evidence::{
    Action, Bytes, Contract, Ending, Evidence, Exceptions, Framing, Gap, How, Lifetime, Observed, Output, Packets,
    Port, Programs, Raised, Reply, Role, Rung, Snapshot, Socket, Sockets, Term, Transport,
};
pub use crate::facts::staged::{Talk, addr, frame, listener, ms, nothing_seen as evidence, probe, program};

/// The classic pair, with the client ending as told.
pub fn programs(client_exit: Option<(f64, How)>) -> Observed<Programs> {
    let programs = vec![
        program(Role::Server, "python3 server.py", None),
        program(Role::Client, "python3 client.py hello", client_exit),
    ];
    Observed::Seen(Programs { programs, samples: vec![] })
}

pub fn sockets(at: f64, sockets: Vec<Socket>) -> Observed<Sockets> {
    let snapshots = vec![Snapshot { at: ms(at), sockets, counters: None, loopback_up: Some(true) }];
    Observed::Seen(Sockets { snapshots, has_queues: true })
}

pub fn packets(talks: Vec<Talk>) -> Observed<Packets> {
    let conversations = talks.into_iter().map(|talk| talk.conversation).collect();
    Observed::Seen(Packets { device: "lo".to_owned(), conversations, ..Packets::default() })
}

pub fn diagnosis(side: Side, fault: Option<&str>, confidence: Confidence, summary: &str) -> Diagnosis {
    let verdict = Verdict {
        side,
        fault: fault.map(str::to_owned),
        confidence,
        summary: summary.to_owned(),
        to_settle: vec![],
        candidates: vec![],
    };
    let contract = Contract {
        address: Some(Term::told("127.0.0.1:12345".to_owned())),
        transport: Some(Term::assumed(Transport::Tcp)),
        framing: Some(Term::learned(Framing::Line)),
        reply: Some(Term::learned(Reply::Exact)),
        lifetime: Some(Term::learned(Lifetime::Session)),
        ..Contract::default()
    };
    Diagnosis { verdict, findings: vec![], ruled_out: vec![], cross: vec![], contract, gaps: vec![] }
}

pub fn finding(fault: &str, side: Side, role: Part, statement: &str, evidence: &[&str], fix: &str) -> Finding {
    Finding {
        fault: fault.to_owned(),
        side,
        role,
        confidence: Confidence::Proven,
        statement: statement.to_owned(),
        evidence: evidence.iter().map(|&reference| reference.to_owned()).collect(),
        location: None,
        location_of: None,
        fix: fix.to_owned(),
    }
}

/// The client dials 12435 instead of 12345, swallows the refusal and exits 0.
pub fn refused() -> (Evidence, Diagnosis) {
    let mut seen = evidence();
    seen.packets =
        packets(vec![Talk::new(Transport::Tcp, "127.0.0.1:40512", "127.0.0.1:12435", 1).syn(88.1).refused(88.11)]);
    seen.sockets = sockets(39.0, vec![listener("127.0.0.1:12345")]);
    seen.programs = programs(Some((93.4, How::Code(0))));
    let dial = frame("client.py", 6, "talk", "reader, writer = await asyncio.open_connection(\"127.0.0.1\", 12435)");
    let catch = frame("client.py", 11, "main", "except Exception:");
    seen.exceptions = Observed::Seen(Exceptions {
        raised: vec![Raised {
            at: ms(88.9),
            role: Role::Client,
            program: 1,
            pid: 4711,
            kind: "ConnectionRefusedError".to_owned(),
            message: "[Errno 111] Connect call failed ('127.0.0.1', 12435)".to_owned(),
            errno: Some(111),
            frames: vec![dial.clone()],
            address: Some("127.0.0.1:12435".to_owned()),
            caught: Some(catch.clone()),
            action: Action::Silent,
        }],
        ..Exceptions::default()
    });
    let summary = "The client dials 127.0.0.1:12435, but the server listens on 127.0.0.1:12345 as agreed.";
    let mut diagnosis = diagnosis(Side::Client, Some("wrong-port"), Confidence::Proven, summary);
    let fix = "Dial port 12345 in client.py, and keep the port in one place.";
    let mut cause =
        finding("wrong-port", Side::Client, Part::Cause, summary, &["packets:1", "packets:2", "sockets:0/0"], fix);
    cause.location = Some(dial);
    cause.location_of = Some(Role::Client);
    let statement = "The client catches the ConnectionRefusedError and tells nobody.";
    let fix = "Print the error and exit with a status other than 0.";
    let mut hidden =
        finding("swallowed-exception", Side::Client, Part::Contributing, statement, &["exceptions:0"], fix);
    hidden.location = Some(catch);
    let statement = "The connection to 127.0.0.1:12435 was refused.";
    let refused = finding("connection-refused", Side::Unknown, Part::Consequence, statement, &["packets:2"], "");
    diagnosis.findings = vec![cause, hidden, refused];
    let because = "the server listens on the agreed port since 38.2 ms, before the client dials".to_owned();
    diagnosis.ruled_out = vec![RuledOut { fault: "client-before-server".to_owned(), because }];
    diagnosis.gaps = vec![Gap::new("tasks", "neither program serves a tokio console", "")];
    (seen, diagnosis)
}

/// The server reads the request and never replies; the hang is proven.
pub fn missing_reply() -> (Evidence, Diagnosis) {
    let mut seen = evidence();
    let (dialler, listener) = (Port::Dialler, Port::Listener);
    seen.packets = packets(vec![
        Talk::new(Transport::Tcp, "127.0.0.1:40512", "127.0.0.1:12345", 1)
            .connected(88.1)
            .data(88.4, dialler, b"hello\n")
            .ack(88.41, listener),
    ]);
    seen.programs = programs(None);
    seen.setting.ended = Ending::HangProven;
    seen.setting.ended_at = ms(172.3);
    let summary = "The server reads the request and goes on waiting for more without replying.";
    let mut diagnosis = diagnosis(Side::Server, Some("missing-reply"), Confidence::Proven, summary);
    let fix = "Write the line back after reading it.";
    let mut cause = finding("missing-reply", Side::Server, Part::Cause, summary, &["packets:4"], fix);
    cause.location = Some(frame("server.py", 8, "handle", "line = await reader.readline()"));
    cause.location_of = Some(Role::Server);
    diagnosis.findings = vec![cause];
    (seen, diagnosis)
}

/// A complete, right exchange.
pub fn healthy() -> (Evidence, Diagnosis) {
    let mut seen = evidence();
    let (dialler, listener) = (Port::Dialler, Port::Listener);
    seen.packets = packets(vec![
        Talk::new(Transport::Tcp, "[::1]:40512", "[::1]:12345", 1)
            .connected(88.1)
            .data(88.4, dialler, b"hello\n")
            .data(88.9, listener, b"hello\n")
            .fin(89.3, dialler)
            .fin(89.5, listener),
    ]);
    seen.programs = programs(Some((93.4, How::Code(0))));
    let summary = "The client sent one message and got the right reply.";
    (seen, diagnosis(Side::None, None, Confidence::Proven, summary))
}

/// Nothing captured, no fault to name.
pub fn unknown() -> (Evidence, Diagnosis) {
    let mut seen = evidence();
    seen.programs = programs(Some((60.0, How::Code(1))));
    seen.setting.rung = Rung::NoCapture;
    if let Observed::Seen(programs) = &mut seen.programs {
        let head = Bytes::from("Traceback (most recent call last):\n  File \"client.py\"\nTimeoutError\n");
        programs.programs[1].stderr =
            Some(Output { total: head.len() as u64, head, tail: Bytes::default(), first: Some(ms(58.0)) });
    }
    let summary = "The client gave up, and without packets it cannot be told whether the server replied.";
    let mut diagnosis = diagnosis(Side::Unknown, None, Confidence::Possible, summary);
    diagnosis.verdict.to_settle = vec!["Run netdiag with sudo once, so that it can capture packets.".to_owned()];
    let candidate =
        |fault: &str, side, shown_by: &str| Candidate { fault: fault.to_owned(), side, shown_by: shown_by.to_owned() };
    diagnosis.verdict.candidates = vec![
        candidate("dropped-packets", Side::Environment, "a SYN that nobody answers while a listener has room for it"),
        candidate("missing-reply", Side::Server, "an empty receive queue at the server, which then sent nothing"),
        candidate("reset", Side::Unknown, "which side sent the RST, and when"),
    ];
    let why = "capturing needs CAP_NET_RAW, which this process does not hold";
    diagnosis.gaps = vec![Gap::new("packets", why, "Run with sudo.")];
    (seen, diagnosis)
}
