//! Watches for rest where the strict proof does not reach: a server that netdiag itself is asking, a pair whose server
//! looks for new clients every now and then, and any pair in which nothing has happened for long. It asks nothing.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::pair::{APART_MS, PROOFS, Recorder};
use crate::evidence::{At, Role, Sample, Socket};
use crate::facts::stillness;

/// How often a thread must have come back to its listener to count as idle.
const TURNS: u64 = 3;
/// How long a pair must have been idle at least; nobody is called silent sooner without proof.
const IDLE_MS: f64 = 1500.0;

/// The looks that so far show a server at rest.
#[derive(Default)]
pub(super) struct Vigil {
    /// The first look of those, and when it was taken.
    first: Option<(Instant, Sample)>,
    /// How many looks have agreed with it.
    proofs: u32,
}

impl Vigil {
    /// Looks once more; the moment since which the server rests, once enough looks agree. Then it begins anew.
    pub(super) fn look(&mut self, recorder: &mut Recorder, rows: &[Socket], asking: &[SocketAddr]) -> Option<Instant> {
        if !recorder.is_quiet() {
            self.first = None;
            return None;
        }
        let now = Instant::now();
        let mut sample = recorder.stage.glance(rows);
        recorder.leave_tracers_out(&mut sample);
        let Some((since, first)) = &self.first else {
            self.begin(now, sample);
            return None;
        };
        if sample.at.ms_since(first.at) < APART_MS {
            return None;
        }
        if !stillness::is_at_rest(first, &sample, rows, asking) {
            self.begin(now, sample);
            return None;
        }
        let since = *since;
        self.proofs += 1;
        if self.proofs < PROOFS {
            return None;
        }
        self.begin(now, sample);
        Some(since)
    }

    fn begin(&mut self, now: Instant, first: Sample) {
        self.first = Some((now, first));
        self.proofs = 0;
    }
}

/// A pair in which at most some threads of the server move, and only at their listener.
#[derive(Default)]
pub(super) struct Idleness {
    /// The look that later ones are compared with.
    first: Option<Sample>,
}

impl Idleness {
    /// Whether nothing has happened for long enough. Uses the recorder's last look.
    pub(super) fn look(&mut self, recorder: &Recorder, rows: &[Socket]) -> bool {
        let Some(now) = &recorder.last else { return false };
        let server = recorder.stage.programs_of(Role::Server);
        let turns = self.first.as_ref().and_then(|first| {
            let passed = recorder.last_packet().is_some_and(|packet| packet >= first.at);
            stillness::idle_turns(first, now, rows, &server).filter(|_| !passed).map(|turns| (first.at, turns))
        });
        let Some((since, turns)) = turns else {
            self.first = Some(now.clone());
            return false;
        };
        turns >= TURNS && now.at.ms_since(since) >= IDLE_MS && recorder.is_quiet()
    }
}

/// When something last happened: a packet, or, before there was any, work at a program's start (a JVM under load takes
/// seconds to its first packet). Patience is for silence.
pub(super) struct Liveliness {
    last: Instant,
    packet: Option<At>,
    cpu_ms: u64,
}

impl Liveliness {
    pub(super) fn new() -> Self {
        Self { last: Instant::now(), packet: None, cpu_ms: 0 }
    }

    pub(super) fn note(&mut self, packet: Option<At>, sample: Option<&Sample>) {
        let cpu_ms = sample.map_or(0, |sample| sample.processes.iter().map(|process| process.cpu_ms).sum());
        let works = packet.is_none() && cpu_ms > self.cpu_ms;
        if packet > self.packet || works {
            self.last = Instant::now();
        }
        self.packet = packet.max(self.packet);
        self.cpu_ms = cpu_ms.max(self.cpu_ms);
    }

    pub(super) fn quiet_for(&self) -> Duration {
        self.last.elapsed()
    }
}
