//! Examines a server by itself: one that netdiag started without a client, or one that was already running.

use std::net::{SocketAddr, ToSocketAddrs};
use std::time::{Duration, Instant};

use super::freeze::{reachable, waiting};
use super::pair::Recorder;
use super::vigil::Vigil;
use crate::collect::probes::{Depth, Examiner};
use crate::collect::sockets::{self, Scope};
use crate::collect::tasks;
use crate::evidence::{
    Ending, Evidence, Gap, Observed, Occasion, Probes, Process, Role, Socket, SocketState, Transport, Wait,
};

/// Between two looks at the server while it is being asked.
const STEP: Duration = Duration::from_millis(10);
/// Looks at its threads are dearer than looks at its sockets.
const SAMPLE_EVERY: Duration = Duration::from_millis(100);
/// How long a server is given to come to rest after the last question.
const REST: Duration = Duration::from_millis(600);
/// How long its console may take to answer.
const CONSOLE: Duration = Duration::from_secs(2);

impl Recorder<'_> {
    /// Asks the server everything, looks on meanwhile, and freezes what was seen.
    pub(super) fn examine_alone(mut self, private: bool) -> Evidence {
        let transport = self.plan.contract.transport.as_ref().map_or(Transport::Tcp, |term| term.value);
        if self.plan.server.is_none() {
            self.find_server(transport);
        }
        let probes = match self.targets(transport) {
            Ok((transport, targets)) => {
                self.examine(targets, transport, if self.plan.thorough { Depth::Thorough } else { Depth::Full })
            }
            Err(gap) => Observed::NotObserved(gap),
        };
        self.come_to_rest();
        if let Some(console) = &self.plan.console_at {
            self.tasks = Some(tasks::read(console, Some(Role::Server), &self.clock, CONSOLE));
        }
        let ended = if self.interruption.requested() { Ending::Interrupted } else { Ending::Complete };
        let frozen = self.freeze(ended);
        self.interrupt();
        self.finish(frozen, probes, Occasion::LiveServer, private)
    }

    /// Nobody asks for anything any more: whoever is well now waits, and has closed what its clients have closed. Looks
    /// until that is so, or long enough to say that it will not be.
    fn come_to_rest(&mut self) {
        let began = Instant::now();
        while began.elapsed() < REST && !self.interruption.requested() {
            let members = self.stage.members();
            let rows = self.tables.look(&members, &self.ports);
            let sample = self.stage.sample(&rows);
            let waits = |process: &Process| process.threads.iter().all(|thread| thread.wait != Wait::Running);
            let keeps = |row: &Socket| row.state == SocketState::CloseWait && !row.owners.is_empty();
            if sample.processes.iter().all(waits) && !rows.iter().any(keeps) {
                return;
            }
            self.stage.pause(STEP);
        }
    }

    /// Puts whoever already listens at the documented address on the stand.
    fn find_server(&mut self, transport: Transport) {
        let Ok(addresses) = self.documented() else { return };
        let Ok(rows) = sockets::look(Scope::Everything, None) else { return };
        let listens = |row: &&Socket| {
            let waits = row.state == SocketState::Listen || (transport == Transport::Udp && row.remote.is_none());
            row.transport == transport && waits && addresses.iter().any(|address| is_reached(row.local, *address))
        };
        let pids: Vec<u32> =
            rows.iter().filter(listens).flat_map(|row| row.owners.iter().map(|owner| owner.pid)).collect();
        if rows.iter().any(|row| listens(&row)) {
            self.server_ready = Some(self.clock.now());
        }
        self.stage.find(&pids);
    }

    /// The documented addresses; without one, where the server was seen to listen.
    fn targets(&mut self, transport: Transport) -> Result<(Transport, Vec<SocketAddr>), Gap> {
        if self.plan.contract.address.is_some() && (self.plan.server.is_none() || self.server_ready.is_none()) {
            return Ok((transport, self.documented()?));
        }
        let members = self.stage.members();
        let rows = self.tables.look(&members, &self.ports);
        let listening: Vec<_> = waiting(&rows).map(|row| (row.transport, reachable(row.local))).collect();
        let Some((transport, _)) = listening.first().copied() else {
            return Err(Gap::new("probes", "the server listens nowhere", "let it bind and listen, and check it again"));
        };
        Ok((transport, listening.into_iter().filter(|(t, _)| *t == transport).map(|(_, address)| address).collect()))
    }

    fn documented(&self) -> Result<Vec<SocketAddr>, Gap> {
        let address = self.plan.contract.address.as_ref().map(|term| term.value.clone()).unwrap_or_default();
        match address.to_socket_addrs() {
            Ok(found) => Ok(found.collect()),
            Err(error) => Err(Gap::new(
                "probes",
                format!("{address:?} could not be resolved: {error}"),
                "give an address as host:port, such as 127.0.0.1:12345",
            )),
        }
    }

    /// Lets an examiner ask, on a thread of its own, and looks at sockets and threads meanwhile.
    pub(super) fn examine(&mut self, targets: Vec<SocketAddr>, transport: Transport, depth: Depth) -> Observed<Probes> {
        let mut examiner = Examiner::new(self.clock, targets, transport);
        let rest = examiner.rest();
        let asking = std::thread::Builder::new().name("netdiag-ask".to_owned()).spawn(move || examiner.examine(depth));
        let Ok(asking) = asking else {
            return Observed::NotObserved(Gap::new(
                "probes",
                "no thread could be started",
                "raise the limit on threads",
            ));
        };
        let mut sampled: Option<Instant> = None;
        let mut vigil = Vigil::default();
        while !asking.is_finished() {
            let members = self.stage.members();
            let rows = self.tables.look(&members, &self.ports);
            if sampled.is_none_or(|at| at.elapsed() > SAMPLE_EVERY) {
                self.stage.sample(&rows);
                sampled = Some(Instant::now());
            }
            if let Some(since) = vigil.look(self, &rows, &rest.asking()) {
                rest.tell(since);
            }
            self.stage.pause(STEP);
        }
        match asking.join() {
            Ok(Ok(probes)) => Observed::Seen(probes),
            Ok(Err(gap)) => Observed::NotObserved(gap),
            Err(_) => Observed::NotObserved(Gap::new(
                "probes",
                "netdiag's own examiner failed",
                "report this with the evidence that --save keeps",
            )),
        }
    }
}

fn is_reached(local: SocketAddr, target: SocketAddr) -> bool {
    local.port() == target.port()
        && (local.ip() == target.ip() || (local.ip().is_unspecified() && (local.is_ipv6() || target.is_ipv4())))
}
