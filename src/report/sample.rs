//! Evidence and diagnoses made by hand, for the tests of this module.

use std::net::SocketAddr;

use crate::diagnosis::{Confidence, Diagnosis, Finding, Part, RuledOut, Side, Verdict};
use crate::evidence::{
    Action, At, Bytes, Close, Contract, Conversation, Ending, Evidence, Exceptions, Exit, Flags, Frame, Framing, Gap,
    How, Lifetime, Observed, Occasion, Output, Owner, Packets, Port, Probe, Program, Programs, Raised, Reach, Reply,
    Role, Rung, SCHEMA, Segment, Setting, Shape, Snapshot, Socket, SocketState, Sockets, Stream, Term, Transport,
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

/// A pair was run, and nothing could be looked at.
pub fn evidence() -> Evidence {
    let gap = |source: &str| Gap::new(source, format!("{source} were not recorded"), "");
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
    }
}

pub fn program(role: Role, command: &str, exit: Option<(f64, How)>) -> Program {
    Program {
        role,
        command: command.split(' ').map(str::to_owned).collect(),
        cwd: None,
        reference: false,
        started_by_us: true,
        pid: 4711,
        started: ms(0.0),
        exit: exit.map(|(at, how)| Exit { at: ms(at), how, by_us: false }),
        stdout: Some(Output::default()),
        stderr: Some(Output::default()),
        spawn_error: None,
    }
}

/// The classic pair, with the client ending as told.
pub fn programs(client_exit: Option<(f64, How)>) -> Observed<Programs> {
    let programs = vec![
        program(Role::Server, "python3 server.py", None),
        program(Role::Client, "python3 client.py hello", client_exit),
    ];
    Observed::Seen(Programs { programs, samples: vec![] })
}

pub fn listener(address: &str) -> Socket {
    Socket {
        transport: Transport::Tcp,
        local: addr(address),
        remote: None,
        state: SocketState::Listen,
        inode: 1,
        uid: None,
        owners: vec![Owner { pid: 4710, name: "python3".to_owned(), role: Some(Role::Server), program: Some(0) }],
        owners_known: true,
        recv_queue: Some(0),
        send_queue: Some(100),
        v6only: None,
        eof_unread: None,
        info: None,
    }
}

pub fn sockets(at: f64, sockets: Vec<Socket>) -> Observed<Sockets> {
    let snapshots = vec![Snapshot { at: ms(at), sockets, counters: None, loopback_up: Some(true) }];
    Observed::Seen(Sockets { snapshots, has_queues: true })
}

/// A conversation under construction; each step becomes a segment with the next number.
pub struct Talk {
    pub conversation: Conversation,
    next: u64,
}

impl Talk {
    pub fn new(transport: Transport, dialler: &str, listener: &str, number: u64) -> Self {
        let conversation = Conversation {
            transport,
            dialler: addr(dialler),
            listener: addr(listener),
            from_start: true,
            began: ms(0.0),
            syns: vec![],
            syn_ack: None,
            refused: None,
            self_connect: false,
            sent: Stream::default(),
            received: Stream::default(),
            segments: vec![],
            segments_omitted: 0,
            segments_head: usize::MAX,
            turns: vec![],
            turns_omitted: 0,
        };
        Self { conversation, next: number }
    }

    pub fn segment(&mut self, at: f64, from: Port, flags: Flags, payload: &[u8]) -> &mut Segment {
        let stream = if from == Port::Dialler { &mut self.conversation.sent } else { &mut self.conversation.received };
        let offset = stream.total;
        stream.total += payload.len() as u64;
        stream.head.0.extend_from_slice(payload);
        stream.digest = stream.head.0.iter().fold(7, |sum: u64, byte| sum.wrapping_mul(31) ^ u64::from(*byte));
        let excerpt = Bytes(payload.iter().copied().take(Segment::EXCERPT).collect());
        let len = payload.len() as u32;
        self.conversation.segments.push(Segment {
            number: self.next,
            at: ms(at),
            from,
            flags,
            offset,
            ack: 0,
            window: 65_535,
            len,
            excerpt,
            note: None,
        });
        self.next += 1;
        self.conversation.segments.last_mut().unwrap()
    }

    pub fn syn(mut self, at: f64) -> Self {
        self.conversation.began = ms(at);
        self.conversation.syns.push(ms(at));
        self.segment(at, Port::Dialler, Flags { syn: true, ..Flags::default() }, b"");
        self
    }

    pub fn connected(self, at: f64) -> Self {
        let mut talk = self.syn(at);
        talk.conversation.syn_ack = Some(ms(at));
        talk.segment(at, Port::Listener, Flags { syn: true, ack: true, ..Flags::default() }, b"");
        talk.ack(at, Port::Dialler)
    }

    pub fn refused(mut self, at: f64) -> Self {
        self.conversation.refused = Some(ms(at));
        self.segment(at, Port::Listener, Flags { rst: true, ack: true, ..Flags::default() }, b"");
        self
    }

    pub fn ack(mut self, at: f64, from: Port) -> Self {
        self.segment(at, from, Flags { ack: true, ..Flags::default() }, b"");
        self
    }

    pub fn data(mut self, at: f64, from: Port, payload: &[u8]) -> Self {
        self.segment(at, from, Flags { ack: true, psh: true, ..Flags::default() }, payload);
        self
    }

    pub fn fin(mut self, at: f64, from: Port) -> Self {
        let stream = if from == Port::Dialler { &mut self.conversation.sent } else { &mut self.conversation.received };
        stream.fin = Some(ms(at));
        self.segment(at, from, Flags { fin: true, ack: true, ..Flags::default() }, b"");
        self
    }
}

/// A probe with one line that was answered after 0.4 ms.
pub fn probe(sent: &str, received: &str) -> Probe {
    Probe {
        shape: Shape::Line,
        target: addr("127.0.0.1:12345"),
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
        group: 0,
    }
}

pub fn packets(talks: Vec<Talk>) -> Observed<Packets> {
    let conversations = talks.into_iter().map(|talk| talk.conversation).collect();
    Observed::Seen(Packets { device: "lo".to_owned(), conversations, ..Packets::default() })
}

pub fn diagnosis(side: Side, fault: Option<&str>, confidence: Confidence, summary: &str) -> Diagnosis {
    let verdict =
        Verdict { side, fault: fault.map(str::to_owned), confidence, summary: summary.to_owned(), to_settle: vec![] };
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
    let why = "capturing needs CAP_NET_RAW, which this process does not hold";
    diagnosis.gaps = vec![Gap::new("packets", why, "Run with sudo.")];
    (seen, diagnosis)
}
