//! Records a pair: starts the server, waits until it really listens, starts the clients, and watches until both have
//! ended, a hang is proven, or the deadline passes. Looks first; whatever pokes comes after the freeze.

use std::time::{Duration, Instant};

use anyhow::Context;

use super::freeze::{Tables, reachable, waiting};
use super::parts::Wings;
use super::traffic::Traffic;
use super::vigil::{Idleness, Liveliness};
use super::worker::place_of;
use super::{Manner, Plan};
use super::{calls, home, texts};
use crate::collect::calls::Tracer;
use crate::collect::clock::Clock;
use crate::collect::exceptions::Listener;
use crate::collect::packets::Capture;
use crate::collect::probes::Depth;
use crate::collect::programs::Stage;
use crate::collect::tasks;
use crate::evidence::{
    At, Contract, Conversation, Ending, Evidence, Farewell, Gap, Observed, Occasion, Packets, Probes, Role, SCHEMA,
    Sample, Setting, Socket, Tasks, Transport,
};
use crate::facts::stillness;
use crate::sandbox::{Guard, Interruption};

/// How long a server may take until it listens, as long as it is doing something.
const STARTUP: Duration = Duration::from_secs(20);
/// How long a server that listens somewhere else may take until it listens at the documented port too (one for its
/// metrics comes first, say), as long as it is doing something.
const ELSEWHERE: Duration = Duration::from_secs(2);
/// A pair that never falls silent is recorded for this many times the patience.
const MOST_PATIENCE: u32 = 4;
/// Between two looks at a server that is starting: the shortest and the longest wait.
const STARTING_STEPS: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(10));
/// Every so many looks at a server that is starting see more than who listens.
const THOROUGH: u32 = 16;
/// Between two looks at a running pair.
const STEPS: (Duration, Duration) = (Duration::from_millis(6), Duration::from_millis(40));
pub(super) const STEP: Duration = STEPS.0;
/// A look costs the machine far more than a wait; what has taken so many waits already may be seen one wait later.
const LATER_BY: u32 = 20;
/// Nothing may have been captured for this long before a hang counts as proven.
const QUIET_MS: f64 = 15.0;
/// Two samples that prove a hang are at least this far apart.
pub(super) const APART_MS: f64 = 10.0;
/// How many looks in a row have to prove a hang: a process may be forked between the list and the look. More of them
/// while no packet was seen, because that is when programs start.
pub(super) const PROOFS: u32 = 2;
const PROOFS_BEFORE_ANY_PACKET: u32 = 10;
/// How long the tracers may take for a dump of their stacks.
const STACKS: Duration = Duration::from_millis(250);
/// When the tasks of a pair that is still busy are read.
const TASKS_AFTER: Duration = Duration::from_millis(300);

/// Carries out `plan` in the present network namespace.
pub fn record(plan: &Plan, manner: &Manner, interruption: &Interruption) -> anyhow::Result<Evidence> {
    let private = manner.private;
    let dir = place_of(plan).context("cannot create a temporary directory")?;
    let home = plan.home.as_ref().map(|home| home.furnish(dir.path())).transpose()?;
    let guard = plan.home.as_ref().map(|home| Guard::watch(home.limits, home.cgroup.as_deref())).unwrap_or_default();
    let clock = Clock::start();
    let compiled = plan.home.as_ref().and_then(|home| home.tracer.as_deref());
    let tracers = Listener::open_compiled(clock, dir.path(), compiled);
    let capture = Capture::open("lo", None, clock);
    // A server by itself answers netdiag's own questions.
    let bytes = manner.bytes && capture.is_err() && !plan.clients.is_empty();
    let tracer = calls::open(manner.calls, bytes, clock, dir.path());
    let wings = Wings {
        dir: dir.path(),
        tracers: tracers.as_ref().ok(),
        calls: tracer.as_ref().ok(),
        console: plan.console,
        python: &manner.python,
        input: plan.input.as_deref(),
        home: plan.home.as_ref().zip(home.as_deref()),
    };
    let traffic = Traffic::new(capture, tracer.as_ref().ok(), plan.server.is_some());
    let mut recorder = Recorder {
        clock,
        tracers: tracers.as_ref().ok(),
        calls: tracer.as_ref().ok(),
        plan,
        interruption,
        stage: Stage::new(clock),
        bystanders: Stage::new(clock),
        tables: Tables::new(clock, private, traffic.own()),
        traffic,
        ports: documented_port(&plan.contract).into_iter().collect(),
        server_ready: None,
        clients_started: None,
        last: None,
        still: 0,
        tasks: None,
        clients: Vec::new(),
        farewell: None,
    };
    recorder.ports.iter().for_each(|port| recorder.traffic.listens_on(*port));
    recorder.start_server(&wings)?;
    let mut evidence = if plan.clients.is_empty() {
        recorder.examine_alone(private)
    } else {
        recorder.start_clients(&wings)?;
        let ended = recorder.watch(&wings);
        recorder.settle(ended);
        let frozen = recorder.freeze(ended);
        let probes = recorder.probe(&frozen);
        recorder.interrupt();
        recorder.finish(frozen, probes, Occasion::Pair, private)
    };
    evidence.exceptions = match tracers {
        Ok(listener) => Observed::Seen(listener.finish()),
        Err(gap) => Observed::NotObserved(gap),
    };
    home::forget_farewell(&mut evidence);
    evidence.exceeded = guard.exceeded()?;
    calls::hear(tracer, &mut evidence)?;
    texts::note(&mut evidence);
    Ok(evidence)
}

pub(super) struct Recorder<'p> {
    pub(super) clock: Clock,
    tracers: Option<&'p Listener>,
    calls: Option<&'p Tracer>,
    pub(super) plan: &'p Plan,
    pub(super) interruption: &'p Interruption,
    pub(super) stage: Stage,
    bystanders: Stage,
    pub(super) tables: Tables,
    pub(super) traffic: Traffic<'p>,
    /// Ports that concern the recording.
    pub(super) ports: Vec<u16>,
    pub(super) server_ready: Option<At>,
    clients_started: Option<At>,
    pub(super) last: Option<Sample>,
    /// How many looks in a row proved that nothing can move.
    pub(super) still: u32,
    pub(super) tasks: Option<Result<Tasks, Gap>>,
    /// Indexes of the clients' programs.
    clients: Vec<usize>,
    farewell: Option<Farewell>,
}

/// The state at the moment from which on netdiag itself may disturb things.
pub(super) struct Frozen {
    pub(super) ended: Ending,
    at: At,
    pub(super) packets: Observed<Packets>,
    sockets: Vec<Socket>,
}

impl Recorder<'_> {
    fn start_server(&mut self, wings: &Wings) -> anyhow::Result<()> {
        for bystander in &self.plan.bystanders {
            let plain = Wings { tracers: None, calls: None, console: false, ..*wings };
            let launch = plain.prepare(bystander, Role::Server, 0)?;
            self.bystanders.start(launch);
            self.await_bystander();
        }
        let Some(server) = &self.plan.server else { return Ok(()) };
        let launch = wings.prepare(server, Role::Server, 0)?;
        let index = self.stage.start(launch);
        self.await_listener(index);
        Ok(())
    }

    /// A bystander is ready when it listens; if it ends instead, the pair is recorded without it.
    fn await_bystander(&mut self) {
        let began = Instant::now();
        while began.elapsed() < STARTUP && self.bystanders.running(0) {
            let members = self.bystanders.members();
            if waiting(&self.tables.look_for_waiting(&members)).next().is_some() {
                return;
            }
            self.bystanders.pause(step(began, STARTING_STEPS));
        }
    }

    /// Listener truth: the server is ready when a socket of its process tree listens, not when some time has passed.
    fn await_listener(&mut self, server: usize) {
        let began = Instant::now();
        let mut elsewhere: Option<Instant> = None;
        let mut looks: u32 = 0;
        while began.elapsed() < STARTUP && !self.interruption.requested() {
            looks += 1;
            // Whether one that listens somewhere else is still up to something its threads tell.
            let is_thorough = elsewhere.is_some() || looks.is_multiple_of(THOROUGH);
            if !is_thorough && self.stage.running(server) && self.tables.are_empty() {
                self.stage.pause(step(began, STARTING_STEPS));
                continue;
            }
            let members = self.stage.members();
            // A daemon's first process ends early; what it left behind is the server.
            if !self.stage.running(server) && members.is_empty() {
                break;
            }
            let rows = if is_thorough {
                self.tables.look(&members, &self.ports)
            } else {
                self.tables.look_for_waiting(&members)
            };
            let ports: Vec<(Transport, u16)> = waiting(&rows).map(|row| (row.transport, row.local.port())).collect();
            if ports.iter().any(|listens| self.is_documented(*listens)) {
                break;
            }
            if !ports.is_empty() {
                elsewhere.get_or_insert_with(Instant::now);
            }
            if elsewhere.is_some_and(|since| since.elapsed() > ELSEWHERE) {
                break;
            }
            // A server that waits for ever in something else will never listen.
            if is_thorough && self.is_still(&rows) {
                break;
            }
            self.stage.pause(step(began, STARTING_STEPS));
        }
        self.note_readiness();
    }

    fn is_documented(&self, (transport, port): (Transport, u16)) -> bool {
        let contract = &self.plan.contract;
        contract.transport.as_ref().is_none_or(|term| term.value == transport)
            && documented_port(&self.plan.contract).is_none_or(|documented| documented == port)
    }

    fn note_readiness(&mut self) {
        let members = self.stage.members();
        let rows = self.tables.look(&members, &self.ports);
        let ports: Vec<u16> = waiting(&rows).map(|row| row.local.port()).collect();
        if !ports.is_empty() {
            self.server_ready = Some(self.clock.now());
        }
        for port in ports {
            self.traffic.listens_on(port);
            if !self.ports.contains(&port) {
                self.ports.push(port);
            }
        }
    }

    fn start_clients(&mut self, wings: &Wings) -> anyhow::Result<()> {
        let first = usize::from(self.plan.server.is_some());
        for (index, client) in self.plan.clients.iter().enumerate() {
            let launch = wings.prepare(client, Role::Client, first + index)?;
            let started = self.stage.start(launch);
            self.clients.push(started);
        }
        self.last = None;
        self.still = 0;
        self.clients_started = (!self.clients.is_empty()).then(|| self.clock.now());
        Ok(())
    }

    fn watch(&mut self, wings: &Wings) -> Ending {
        let began = Instant::now();
        let patience = Duration::from_millis(self.plan.patience_ms);
        let mut alive = Liveliness::new();
        let mut idleness = Idleness::default();
        loop {
            let members = self.stage.members();
            let rows = self.tables.look(&members, &self.ports);
            if self.interruption.requested() {
                return Ending::Interrupted;
            }
            if self.clients.iter().all(|client| !self.stage.running(*client)) {
                return if self.clients.is_empty() { Ending::ServerEnded } else { Ending::ClientsEnded };
            }
            if self.is_still(&rows) {
                return Ending::HangProven;
            }
            if idleness.look(self, &rows) {
                return Ending::Idle;
            }
            alive.note(self.last_packet(), self.last.as_ref());
            if alive.quiet_for() > patience || began.elapsed() > patience * MOST_PATIENCE {
                return Ending::DeadlinePassed;
            }
            if self.plan.console && self.tasks.is_none() && began.elapsed() > TASKS_AFTER {
                let path = wings.console_path(0).to_string_lossy().into_owned();
                self.tasks = Some(tasks::read(&path, Some(Role::Server), &self.clock, Duration::from_secs(1)));
            }
            self.stage.pause(step(began, STEPS));
        }
    }

    /// Whether the last sample and a new one prove that nothing can move. The last one is replaced when it is old enough.
    pub(super) fn is_still(&mut self, rows: &[Socket]) -> bool {
        let mut sample = self.stage.sample(rows);
        self.leave_tracers_out(&mut sample);
        let Some(last) = &self.last else {
            self.last = Some(sample);
            return false;
        };
        if sample.at.ms_since(last.at) < APART_MS {
            return false;
        }
        // Who has ended is as still as who hangs.
        let proven =
            stillness::is_proven(last, &sample, rows) && self.is_quiet() && !self.stage.has_unheard_end(&sample);
        self.last = Some(sample);
        self.still = if proven { self.still + 1 } else { 0 };
        self.still >= if self.last_packet().is_some() { PROOFS } else { PROOFS_BEFORE_ANY_PACKET }
    }

    /// The tracers' own threads are ours, not the program's, and so are the stops of the tracer of calls.
    pub(super) fn leave_tracers_out(&self, sample: &mut Sample) {
        let own = self.tracers.map(Listener::own_threads).unwrap_or_default();
        for process in &mut sample.processes {
            process.threads.retain(|thread| !own.contains(&(process.pid, thread.tid)));
        }
        if let Some(calls) = self.calls {
            calls.correct(sample);
        }
    }

    pub(super) fn last_packet(&self) -> Option<At> {
        self.traffic.last_packet()
    }

    pub(super) fn is_quiet(&self) -> bool {
        let rests = |last| self.clock.now().ms_since(last) > QUIET_MS;
        !self.traffic.in_flight() && self.last_packet().is_none_or(rests)
    }

    pub(super) fn freeze(&mut self, ended: Ending) -> Frozen {
        self.stage.hear_ends();
        let members = self.stage.members();
        let sockets = self.tables.freeze(&members, &self.ports);
        self.stage.sample(&sockets);
        let packets = match self.traffic.freeze() {
            Ok(packets) => Observed::Seen(self.ours(packets)),
            Err(gap) => Observed::NotObserved(gap),
        };
        let at = self.clock.now();
        if self.plan.interrupt_ms.is_none() {
            self.stage.freeze_output();
        }
        if let Some(tracers) = self.tracers
            && ended != Ending::ServerEnded
        {
            // A program that does not answer in time has no stacks in the evidence; its waits are there all the same.
            let _ = tracers.ask_stacks(STACKS);
        }
        Frozen { ended, at, packets, sockets }
    }

    /// On the host others talk too. What has a port of ours concerns the recording; so does what left a socket of our
    /// clients, and a refusal elsewhere while they ran, unless they were seen at our ports: then it is a stranger's. Calls
    /// are those of the pair alone.
    fn ours(&self, mut packets: Packets) -> Packets {
        if self.tables.is_private() || packets.rebuilt.is_some() {
            return packets;
        }
        let has_our_port = |conversation: &Conversation| self.ports.contains(&conversation.listener.port());
        let arrived = packets.conversations.iter().any(has_our_port);
        packets.conversations.retain(|conversation| {
            let may_be_ours = !arrived && self.clients_started.is_some_and(|began| conversation.began >= began);
            let is_sent_by_us =
                || self.tables.has_held(Role::Client, conversation.transport, conversation.dialler.port());
            has_our_port(conversation) || (may_be_ours && (conversation.refused.is_some() || is_sent_by_us()))
        });
        packets
    }

    fn probe(&mut self, frozen: &Frozen) -> Observed<Probes> {
        if !self.plan.probe {
            return Observed::NotObserved(Gap::new(
                "probes",
                "the contract was told, so the server was not asked again",
                "run `netdiag check` against the server",
            ));
        }
        let targets: Vec<_> = waiting(&frozen.sockets).map(|row| (row.transport, reachable(row.local))).collect();
        self.announce_end();
        self.stage.end(&self.clients.clone());
        let Some((transport, _)) = targets.first().copied() else {
            let gap = Gap::new(
                "probes",
                "no server was listening any more when the recording was over",
                "let the server stay alive, and record again",
            );
            let own = self.own_client(frozen);
            return own.map_or(Observed::NotObserved(gap), |one| Observed::Seen(Probes { probes: vec![one] }));
        };
        let addresses = targets.into_iter().map(|(_, address)| address).collect();
        let probes = self.examine(addresses, transport, Depth::Dialect);
        self.with_own_client(frozen, probes)
    }

    pub(super) fn interrupt(&mut self) {
        let Some(limit) = self.plan.interrupt_ms.filter(|_| self.plan.server.is_some()) else { return };
        self.announce_end();
        self.farewell = self.stage.interrupt(0, Duration::from_millis(limit));
    }

    fn announce_end(&self) {
        if let Some(calls) = self.calls {
            calls.announce_end();
        }
    }

    pub(super) fn finish(
        mut self,
        frozen: Frozen,
        probes: Observed<Probes>,
        occasion: Occasion,
        private: bool,
    ) -> Evidence {
        self.announce_end();
        self.stage.end_all();
        self.bystanders.end_all();
        let mut programs = std::mem::replace(&mut self.stage, Stage::new(self.clock)).finish();
        programs.samples.iter_mut().for_each(|sample| self.leave_tracers_out(sample));
        let rung = self.traffic.rung(private, frozen.packets.seen().is_ok());
        Evidence {
            schema: SCHEMA.to_owned(),
            setting: Setting {
                netdiag: env!("CARGO_PKG_VERSION").to_owned(),
                os: std::env::consts::OS.to_owned(),
                occasion,
                rung,
                began_unix_ms: self.clock.zero_unix_ms(),
                server_ready: self.server_ready,
                clients_started: self.clients_started,
                ended: frozen.ended,
                ended_at: frozen.at,
                patience_ms: self.plan.patience_ms,
            },
            contract: self.plan.contract.clone(),
            packets: frozen.packets,
            sockets: self.tables.finish(),
            programs: Observed::Seen(programs),
            tasks: match self.tasks {
                Some(Ok(tasks)) => Observed::Seen(tasks),
                Some(Err(gap)) => Observed::NotObserved(gap),
                None => Observed::NotObserved(no_tasks(self.plan.console)),
            },
            exceptions: Observed::NotObserved(Gap::new("exceptions", "the tracers have not been heard yet", "")),
            calls: Observed::NotObserved(Gap::new("calls", "the tracer has not been heard yet", "")),
            probes,
            swaps: Vec::new(),
            farewell: self.farewell,
            exceeded: None,
        }
    }
}

fn no_tasks(wanted: bool) -> Gap {
    let why = if wanted {
        "the pair had ended before its tasks were due to be read"
    } else {
        "no program of the pair serves its tasks"
    };
    Gap::new(
        "tasks",
        why,
        "build the program with console-subscriber and tokio_unstable, and look with `netdiag tasks`",
    )
}

/// The wait before the next look.
fn step(began: Instant, (shortest, longest): (Duration, Duration)) -> Duration {
    (began.elapsed() / LATER_BY).clamp(shortest, longest)
}

/// The documented port, if one was told.
pub(super) fn documented_port(contract: &Contract) -> Option<u16> {
    contract.address.as_ref()?.value.rsplit_once(':')?.1.parse().ok()
}
