//! Programs that keep a processor busy while nobody asks for anything: who never waits, and at whose end of file.

use super::Facts;
use crate::evidence::{At, Gap, Packets, Process, Role, Sample, SocketState, Wait};

/// Nothing may have been on the wire for so long, in milliseconds.
const QUIET_MS: f64 = 100.0;
/// Fewer looks than this say nothing about what happens between them.
const LOOKS: usize = 4;
/// Processor time that is used in the quiet at least, in milliseconds: a few ticks of the kernel's accounts.
const BUSY_MS: u64 = 40;
/// Nobody who has nothing to do computes for so long, in milliseconds.
const LONG_MS: f64 = 500.0;
/// Looks are not made at the very moment a packet is captured.
const SETTLED_MS: f64 = 5.0;

/// A process that did not wait once while no packet passed.
#[derive(Debug, Clone, PartialEq)]
pub struct Spin {
    /// Its program, as an index.
    pub program: usize,
    /// Its process id.
    pub pid: u32,
    /// From when on it was looked at.
    pub from: At,
    /// Until when.
    pub to: At,
    /// Processor time it used meanwhile, in milliseconds.
    pub cpu_ms: u64,
    /// How much of that it spent inside the kernel.
    pub kernel_ms: u64,
    /// Its connections whose other end had closed: the row, and that other end.
    pub at_eof: Vec<(String, std::net::SocketAddr)>,
    /// Whether it held a connection that was open in both directions.
    pub serves: bool,
}

impl Spin {
    /// Whether it calls the kernel again and again. Who computes spends next to no time there.
    #[must_use]
    pub fn calls_the_kernel(&self) -> bool {
        self.kernel_ms >= 20 && self.kernel_ms * 10 >= self.cpu_ms
    }

    /// Whether it goes on for so long that nobody who has nothing to do would be busy with something else.
    #[must_use]
    pub fn is_long(&self) -> bool {
        self.over_ms() >= LONG_MS
    }

    /// For how long it was looked at, in milliseconds.
    #[must_use]
    pub fn over_ms(&self) -> f64 {
        self.to.ms_since(self.from)
    }
}

impl Facts<'_> {
    /// Processes of `role` that never waited while nothing was on the wire, the busiest first.
    pub fn spins(&self, role: Role) -> Result<Vec<Spin>, Gap> {
        let programs = self.evidence.programs.seen()?;
        let packets = match self.evidence.packets.seen() {
            Ok(packets) => packets,
            // Who waited in the end does not spin, whatever passed.
            Err(gap) if programs.samples.last().is_some_and(|last| last.processes.iter().any(runs)) => return Err(gap),
            Err(_) => return Ok(Vec::new()),
        };
        let mut spins: Vec<Spin> = Vec::new();
        for (from, to) in quiet_times(packets, self.frozen()) {
            let within = |sample: &&Sample| sample.at.ms_since(from) > SETTLED_MS && sample.at <= to;
            let samples: Vec<&Sample> = programs.samples.iter().filter(within).collect();
            let Some(last) = samples.last() else { continue };
            let of_role = |process: &&Process| programs.programs.get(process.program).is_some_and(|p| p.role == role);
            let spinning = last.processes.iter().filter(of_role).filter_map(|process| spin(process, &samples));
            spins.extend(spinning.map(|spin| self.with_sockets(spin, to)));
        }
        spins.sort_by_key(|spin| std::cmp::Reverse(spin.cpu_ms));
        Ok(spins)
    }

    fn with_sockets(&self, mut spin: Spin, until: At) -> Spin {
        let Ok(sockets) = self.evidence.sockets.seen() else { return spin };
        let Some(table) = sockets.snapshots.iter().rposition(|table| table.at <= until) else { return spin };
        let rows = sockets.snapshots[table].sockets.iter().enumerate();
        let pid = spin.pid;
        let own = rows.filter(|(_, socket)| socket.owners.iter().any(|owner| owner.pid == pid));
        for (row, socket) in own {
            spin.serves |= socket.state == SocketState::Established;
            if let (SocketState::CloseWait, Some(peer)) = (socket.state, socket.remote) {
                spin.at_eof.push((format!("sockets:{table}/{row}"), peer));
            }
        }
        spin
    }
}

/// What the looks at one process have in common, if in none of them it waited.
fn spin(process: &Process, samples: &[&Sample]) -> Option<Spin> {
    let is_it = |other: &&Process| other.pid == process.pid;
    let looks: Vec<(At, &Process)> =
        samples.iter().filter_map(|sample| Some((sample.at, sample.processes.iter().find(is_it)?))).collect();
    let busy = looks.iter().filter(|(_, process)| runs(process)).count();
    let ((from, first), (to, last)) = (*looks.first()?, *looks.last()?);
    let cpu_ms = last.cpu_ms.saturating_sub(first.cpu_ms);
    // A look may fall between two calls; one in ten is no wait.
    (looks.len() >= LOOKS && busy * 10 >= looks.len() * 9 && cpu_ms >= BUSY_MS).then(|| Spin {
        program: process.program,
        pid: process.pid,
        from,
        to,
        cpu_ms,
        kernel_ms: last.kernel_ms.saturating_sub(first.kernel_ms),
        at_eof: Vec::new(),
        serves: false,
    })
}

fn runs(process: &Process) -> bool {
    process.threads.iter().any(|thread| thread.wait == Wait::Running)
}

/// Times without a packet, once somebody had got through. Where packets were left out, only the time after the last one.
fn quiet_times(packets: &Packets, frozen: At) -> Vec<(At, At)> {
    let Some(begun) = packets.conversations.iter().filter_map(|conversation| conversation.syn_ack).min() else {
        return Vec::new();
    };
    let segments = packets.conversations.iter().flat_map(|conversation| &conversation.segments);
    let mut moments: Vec<At> = segments.map(|segment| segment.at).filter(|at| *at >= begun && *at <= frozen).collect();
    moments.sort();
    if packets.conversations.iter().any(|conversation| conversation.segments_omitted > 0) {
        moments.drain(..moments.len().saturating_sub(1));
    }
    moments.push(frozen);
    moments.windows(2).map(|pair| (pair[0], pair[1])).filter(|(from, to)| to.ms_since(*from) >= QUIET_MS).collect()
}

#[cfg(test)]
mod tests {
    use crate::evidence::{Limit, Observed, Role};
    use crate::facts::staged::{SERVER_PID, Stage, pair, process, talk};

    fn busy(until: u32) -> Stage {
        pair().talk(talk(40001).healthy()).frozen(300.0).spins(Role::Server, SERVER_PID, (60, until))
    }

    #[test]
    fn who_never_waits_spins() {
        let stage = busy(300);
        let spins = stage.facts().spins(Role::Server).unwrap();
        assert_eq!(spins.len(), 1);
        assert!(spins[0].calls_the_kernel() && spins[0].cpu_ms > 100, "{:?}", spins[0]);
        assert!(stage.facts().spins(Role::Client).unwrap().is_empty());
    }

    #[test]
    fn who_waits_now_and_then_does_not() {
        let mut stage = busy(300);
        let Observed::Seen(programs) = &mut stage.0.programs else { unreachable!("it is seen") };
        for sample in programs.samples.iter_mut().step_by(3) {
            sample.processes[0].threads = process(0, "nanosleep", Limit::Timed).threads;
        }
        assert!(stage.facts().spins(Role::Server).unwrap().is_empty());
    }

    #[test]
    fn a_short_time_shows_nothing() {
        assert!(busy(100).facts().spins(Role::Server).unwrap().is_empty());
    }

    #[test]
    fn traffic_is_a_reason_to_be_busy() {
        let chatter = (0..24).fold(talk(40002), |talk, n| talk.at(60.0 + 10.0 * f64::from(n)).echoes("hi\n"));
        assert!(busy(300).talk(chatter).facts().spins(Role::Server).unwrap().is_empty());
    }
}
