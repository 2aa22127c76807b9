//! Evidence made by hand, for the tests of facts, rules, verdict and report: a pair on the stand, told step by step.
//!
//! Everything is asked for by name in the test that needs it, so that a test reads as the story it tells.

mod parts;
mod talk;

pub use parts::{addr, frame, gap, listener, ms, nothing_seen, probe, process, program, stranger};
pub use talk::{Talk, datagrams, dial, owner, talk};

use std::net::SocketAddr;

use crate::diagnosis::{Diagnosis, Finding, Verdict, examine};
use crate::evidence::{
    Action, Addressed, Bytes, Contract, Ending, Evidence, Exceptions, Exit, Frame, Framing, How, Limit, Mention,
    Observed, Output, Packets, Probe, Probes, Process, Program, Programs, Raised, Reply, Role, Sample, Snapshot,
    Socket, SocketState, Sockets, Term, Thread, Tracer, Transport, Unreachable, Wait,
};
use crate::facts::Facts;
use crate::rules::{Call, Ruling, find};

/// Where the server is documented to be, and is.
pub const SERVER: &str = "127.0.0.1:12345";
pub const SERVER_PID: u32 = 4710;
pub const CLIENT_PID: u32 = 4711;

/// A recording under construction.
#[derive(Debug, Clone)]
pub struct Stage(pub Evidence);

/// A server that listens where it should and waits, and a client that ended with status 0; they have not met yet. The
/// contract is told: lines, echoed exactly. Packets, sockets and programs were seen, nothing else.
pub fn pair() -> Stage {
    let mut evidence = nothing_seen();
    evidence.contract = Contract {
        address: Some(Term::told(SERVER.to_owned())),
        framing: Some(Term::told(Framing::Line)),
        reply: Some(Term::told(Reply::Exact)),
        ..Contract::default()
    };
    evidence.packets = Observed::Seen(Packets { device: "lo".to_owned(), ..Packets::default() });
    let look = |at| Snapshot { at: ms(at), sockets: vec![listener(SERVER)], counters: None, loopback_up: Some(true) };
    evidence.sockets = Observed::Seen(Sockets { snapshots: vec![look(38.0), look(95.0)], has_queues: true });
    let mut server = program(Role::Server, "python3 server.py", None);
    server.pid = SERVER_PID;
    let mut client = program(Role::Client, "python3 client.py hello", Some((90.0, How::Code(0))));
    client.started = ms(40.0);
    let samples = vec![Sample { at: ms(95.0), processes: vec![process(0, "epoll_wait", Limit::Forever)] }];
    evidence.programs = Observed::Seen(Programs { programs: vec![server, client], samples });
    Stage(evidence)
}

impl Stage {
    // ---- the agreement ------------------------------------------------------------------------------------------

    /// Changes what was told.
    pub fn contract(mut self, change: impl FnOnce(&mut Contract)) -> Self {
        change(&mut self.0.contract);
        self
    }

    /// Nobody told anything but, perhaps, the address.
    pub fn untold(self) -> Self {
        self.contract(|terms| *terms = Contract { address: terms.address.take(), ..Contract::default() })
    }

    /// The pair speaks UDP.
    pub fn udp(self) -> Self {
        let mut stage = self.contract(|terms| {
            terms.transport = Some(Term::told(Transport::Udp));
            terms.framing = Some(Term::told(Framing::Datagram));
        });
        for row in stage.snapshots().iter_mut().flat_map(|snapshot| &mut snapshot.sockets) {
            row.transport = Transport::Udp;
            row.state = SocketState::Unconnected;
        }
        stage
    }

    // ---- how it ended -------------------------------------------------------------------------------------------

    /// The recording was frozen then.
    pub fn frozen(mut self, at: f64) -> Self {
        self.0.setting.ended_at = ms(at);
        if let Some(last) = self.snapshots().last_mut() {
            last.at = ms(at);
        }
        if let Some(last) = self.programs().samples.last_mut() {
            last.at = ms(at);
        }
        self
    }

    /// The clients are still there, and the recording ended for this reason.
    pub fn ends(mut self, ended: Ending) -> Self {
        self.0.setting.ended = ended;
        let processes = &mut self.programs().samples[0].processes;
        if processes.iter().all(|process| process.program != 1) {
            processes.push(process(1, "recvfrom", Limit::Forever));
        }
        self.program(Role::Client, |client| client.exit = None)
    }

    /// Nothing can move any more: proven.
    pub fn hangs(self) -> Self {
        self.ends(Ending::HangProven).frozen(120.0)
    }

    /// Patience was at its end, ten seconds after the clients were started.
    pub fn deadline(self) -> Self {
        self.ends(Ending::DeadlinePassed).frozen(10_040.0)
    }

    /// The user interrupted, a moment after the pair had met.
    pub fn interrupted(self) -> Self {
        self.ends(Ending::Interrupted).frozen(60.0)
    }

    // ---- who is on the stand ------------------------------------------------------------------------------------

    /// Changes every program that plays `role`.
    pub fn program(mut self, role: Role, change: impl Fn(&mut Program)) -> Self {
        self.programs().programs.iter_mut().filter(|program| program.role == role).for_each(change);
        self
    }

    /// `role` ended by itself, or a signal ended it.
    pub fn exits(mut self, role: Role, at: f64, how: How) -> Self {
        let index = usize::from(role == Role::Client);
        self.programs().samples[0].processes.retain(|process| process.program != index);
        self.program(role, |program| program.exit = Some(Exit { at: ms(at), how, by_us: false }))
    }

    /// `role` wrote this on standard error.
    pub fn complains(self, role: Role, text: &str) -> Self {
        let output =
            Output { total: text.len() as u64, head: text.into(), tail: Bytes::default(), first: Some(ms(60.0)) };
        self.program(role, |program| program.stderr = Some(output.clone()))
    }

    /// No server was started.
    pub fn without_server(mut self) -> Self {
        self.programs().programs.retain(|program| program.role == Role::Client);
        self.programs().samples.clear();
        self.without_listener()
    }

    /// No client was started.
    pub fn client_gone(mut self) -> Self {
        self.programs().programs.retain(|program| program.role == Role::Server);
        self
    }

    /// A second client like the first one.
    pub fn another_client(mut self) -> Self {
        let client = self.programs().programs[1].clone();
        self.programs().programs.push(client);
        self
    }

    /// At the freeze the only thread of `role` sat in this system call.
    pub fn waits(self, role: Role, call: &str, limit: Limit) -> Self {
        let index = usize::from(role == Role::Client);
        self.process(role, |_| process(index, call, limit))
    }

    /// At the freeze `role` was stopped by a signal.
    pub fn stopped(self, role: Role) -> Self {
        self.process(role, |mut process| {
            process.state = 'T';
            process.threads[0] = Thread { state: 'T', wait: Wait::Stopped, ..process.threads[0].clone() };
            process
        })
    }

    fn process(mut self, role: Role, change: impl Fn(Process) -> Process) -> Self {
        let index = usize::from(role == Role::Client);
        for process in self.programs().samples.iter_mut().flat_map(|sample| &mut sample.processes) {
            if process.program == index {
                *process = change(process.clone());
            }
        }
        self
    }

    /// The server's processes in every look.
    pub fn server_processes(&mut self) -> impl Iterator<Item = &mut Process> {
        let processes = self.programs().samples.iter_mut().flat_map(|sample| &mut sample.processes);
        processes.filter(|process| process.program == 0)
    }

    // ---- what passed between them -------------------------------------------------------------------------------

    /// Adds a conversation, with its rows in the last socket table.
    pub fn talk(mut self, mut talk: Talk) -> Self {
        let rows = std::mem::take(&mut talk.rows);
        if let Observed::Seen(packets) = &mut self.0.packets {
            let last = packets.conversations.iter().flat_map(|c| &c.segments).map(|segment| segment.number).max();
            talk.renumber(last.unwrap_or_default());
            packets.conversations.push(talk.conversation);
        }
        rows.into_iter().fold(self, Self::row)
    }

    /// Changes what was captured.
    pub fn packets(mut self, change: impl FnOnce(&mut Packets)) -> Self {
        if let Observed::Seen(packets) = &mut self.0.packets {
            change(packets);
        }
        self
    }

    /// No packet was captured; the conversations come from socket calls.
    pub fn rebuilt(self) -> Self {
        self.packets(|packets| packets.rebuilt = Some(gap("packets")))
    }

    /// ICMP "port unreachable" for what the client sent from `from` to `target`.
    pub fn unreachable(self, at: f64, from: u16, target: &str) -> Self {
        self.complaint(at, from, target, 3)
    }

    /// ICMP "administratively prohibited".
    pub fn prohibited(self, at: f64, from: u16, target: &str) -> Self {
        self.complaint(at, from, target, 13)
    }

    fn complaint(self, at: f64, from: u16, target: &str, code: u8) -> Self {
        let sender = SocketAddr::from(([127, 0, 0, 1], from));
        self.packets(|packets| {
            let transport = packets.conversations.last().map_or(Transport::Tcp, |talk| talk.transport);
            let target = addr(target);
            packets.unreachable.push(Unreachable {
                number: 99,
                at: ms(at),
                code,
                v6: false,
                transport,
                sender,
                target,
            });
        })
    }

    /// Adds a row to the last socket table. A UDP server has one socket for all its clients.
    pub fn row(mut self, row: Socket) -> Self {
        if let Some(last) = self.snapshots().last_mut() {
            let is_same = |known: &Socket| known.local == row.local && known.state == SocketState::Unconnected;
            last.sockets.retain(|known| row.state != SocketState::Unconnected || !is_same(known));
            last.sockets.push(row);
        }
        self
    }

    /// Nobody listens.
    pub fn without_listener(mut self) -> Self {
        self.snapshots().iter_mut().for_each(|snapshot| snapshot.sockets.clear());
        self.0.setting.server_ready = None;
        self
    }

    /// The server listens there instead, from the beginning.
    pub fn listens(mut self, address: &str) -> Self {
        self.snapshots().iter_mut().for_each(|snapshot| snapshot.sockets = vec![listener(address)]);
        self
    }

    // ---- what else was seen -------------------------------------------------------------------------------------

    /// `role` is traced, and this was raised in it.
    pub fn raised(mut self, role: Role, at: f64, kind: &str, action: Action) -> Self {
        let exceptions = self.traced(role);
        let frame = frame(&format!("{role}.py"), 7, "main", "…");
        exceptions.raised.push(Raised {
            at: ms(at),
            role,
            program: usize::from(role == Role::Client),
            pid: 0,
            kind: kind.to_owned(),
            message: "it did not work".to_owned(),
            errno: None,
            caught: matches!(action, Action::Silent | Action::Reported | Action::Handled).then(|| frame.clone()),
            frames: vec![frame],
            address: None,
            action,
        });
        self
    }

    /// `role` is a program whose exceptions were followed; returns what its tracer reported.
    pub fn traced(&mut self, role: Role) -> &mut Exceptions {
        if self.0.exceptions.seen().is_err() {
            self.0.exceptions = Observed::Seen(Exceptions::default());
        }
        let Observed::Seen(exceptions) = &mut self.0.exceptions else { unreachable!("it was made above") };
        let program = usize::from(role == Role::Client);
        let (interpreter, way) = ("python 3.11.7".to_owned(), "boot".to_owned());
        exceptions.tracers.push(Tracer { role, program, pid: 0, interpreter, way });
        exceptions
    }

    /// `role` is traced, and its line `line` named `address` to `call`.
    pub fn addressed(mut self, role: Role, call: &str, address: &str, line: u32) -> Self {
        let location = Frame { line, ..frame(&format!("{role}.py"), 7, "main", "…") };
        let (call, address, program) = (call.to_owned(), address.to_owned(), usize::from(role == Role::Client));
        self.traced(role).addressed.push(Addressed { at: ms(30.0), role, program, call, address, location });
        self
    }

    /// Only line `line` in the text of the program of `role` names `port`.
    pub fn mentions(mut self, role: Role, port: u16, line: u32) -> Self {
        let location = Frame { line, ..frame(&format!("{role}.js"), 7, "", "…") };
        self.programs().programs[usize::from(role == Role::Client)].text.mentions.push(Mention { port, location });
        self
    }

    /// Only line `sends` in the text of the program of `role` sends, and only line `receives` receives.
    pub fn written(mut self, role: Role, sends: u32, receives: u32) -> Self {
        let line = |line| Some(Frame { line, ..frame(&format!("{role}.js"), 7, "", "…") });
        let text = &mut self.programs().programs[usize::from(role == Role::Client)].text;
        (text.sends, text.receives) = (line(sends), line(receives));
        self
    }

    /// The last exception, for details.
    pub fn last_raised(mut self, change: impl FnOnce(&mut Raised)) -> Self {
        if let Observed::Seen(exceptions) = &mut self.0.exceptions
            && let Some(last) = exceptions.raised.last_mut()
        {
            change(last);
        }
        self
    }

    /// The server was probed.
    pub fn probed(mut self, probes: Vec<Probe>) -> Self {
        self.0.probes = Observed::Seen(Probes { probes });
        self
    }

    /// The probes made, for details.
    pub fn probes(&mut self) -> &mut [Probe] {
        match &mut self.0.probes {
            Observed::Seen(probes) => &mut probes.probes,
            Observed::NotObserved(_) => &mut [],
        }
    }

    /// That source could not be looked at.
    pub fn unseen(mut self, source: &str) -> Self {
        let gap = gap(source);
        match source {
            "packets" => self.0.packets = Observed::NotObserved(gap),
            "sockets" => self.0.sockets = Observed::NotObserved(gap),
            "programs" => self.0.programs = Observed::NotObserved(gap),
            "exceptions" => self.0.exceptions = Observed::NotObserved(gap),
            "probes" => self.0.probes = Observed::NotObserved(gap),
            other => panic!("no source is called {other}"),
        }
        self
    }

    // ---- what is made of it -------------------------------------------------------------------------------------

    /// The readings.
    pub fn facts(&self) -> Facts<'_> {
        Facts::derive(&self.0)
    }

    /// What the rule of that name says.
    pub fn ruling(&self, rule: &str) -> Ruling {
        let rule = find(rule).unwrap_or_else(|| panic!("no rule is called {rule}"));
        (rule.check)(&self.facts())
    }

    /// The rule fires; its finding.
    #[track_caller]
    pub fn fires(&self, rule: &str) -> Finding {
        match self.ruling(rule) {
            Ok(Call::Fires(finding)) => *finding,
            other => panic!("{rule} should fire, and says {other:?}"),
        }
    }

    /// The rule says nothing.
    #[track_caller]
    pub fn silent(&self, rule: &str) {
        assert_eq!(self.ruling(rule), Ok(Call::Silent), "{rule}");
    }

    /// The rule excludes its fault; the reason.
    #[track_caller]
    pub fn excludes(&self, rule: &str) -> String {
        match self.ruling(rule) {
            Ok(Call::RuledOut(because)) => because,
            other => panic!("{rule} should be excluded, and says {other:?}"),
        }
    }

    /// The rule cannot tell; the source that is missing.
    #[track_caller]
    pub fn cannot_tell(&self, rule: &str) -> String {
        match self.ruling(rule) {
            Err(gap) => gap.source,
            other => panic!("{rule} should not be able to tell, and says {other:?}"),
        }
    }

    /// Everything that is concluded.
    pub fn diagnosis(&self) -> Diagnosis {
        examine(&self.0)
    }

    /// The verdict.
    pub fn verdict(&self) -> Verdict {
        self.diagnosis().verdict
    }

    pub fn programs(&mut self) -> &mut Programs {
        match &mut self.0.programs {
            Observed::Seen(programs) => programs,
            Observed::NotObserved(gap) => panic!("{gap:?}"),
        }
    }

    /// All socket tables; none when they were not seen.
    pub fn snapshots(&mut self) -> &mut [Snapshot] {
        match &mut self.0.sockets {
            Observed::Seen(sockets) => &mut sockets.snapshots,
            Observed::NotObserved(_) => &mut [],
        }
    }
}

impl Stage {
    /// In the looks every 10 ms from `from` to `until`, that process of `role` never waited: of 10 ms it used 7, and of
    /// these 2 inside the kernel.
    pub fn spins(mut self, role: Role, pid: u32, (from, until): (u32, u32)) -> Self {
        let program = usize::from(role == Role::Client);
        let kept: Vec<Process> = self
            .programs()
            .samples
            .iter()
            .flat_map(|sample| sample.processes.clone())
            .filter(|one| one.pid != pid)
            .collect();
        let look = |at: u32| {
            let mut busy = process(program, "recvfrom", Limit::Forever);
            busy.threads[0].wait = Wait::Running;
            (busy.pid, busy.cpu_ms, busy.kernel_ms) = (pid, u64::from(at) * 7 / 10, u64::from(at) * 2 / 10);
            let processes = kept.iter().cloned().chain([busy]).collect();
            Sample { at: ms(f64::from(at)), processes }
        };
        self.programs().samples = (from..until).step_by(10).map(look).collect();
        self
    }
}
