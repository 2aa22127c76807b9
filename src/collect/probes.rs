//! netdiag's own connections to a server: polite first, rude last, each recorded as it went.
//!
//! Nothing here judges a server. What is learned on the way ([`pace::Pace`]) only decides how long to wait for the next
//! answer and whether probes may be made side by side; reading a dialect off the record is `facts::dialect`'s part.

mod datagrams;
mod pace;
mod rest;
mod shapes;
mod streams;
mod talk;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::evidence::{Gap, Probe, Probes, Reach, Transport};

use super::clock::Clock;
use pace::Pace;
pub use rest::Rest;
use talk::Setting;

/// How much is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// The few polite probes that show the dialect.
    Dialect,
    /// Everything `netdiag check` wants to know.
    Full,
    /// The same, then longer: series of connections, a larger crowd, more bytes.
    Thorough,
}

impl Depth {
    /// No new probe is begun after this long, so that a slow server cannot keep its user waiting for ever.
    fn budget(self) -> Duration {
        match self {
            Self::Dialect | Self::Full => Duration::from_secs(6),
            Self::Thorough => Duration::from_secs(20),
        }
    }
}

/// Examines one server.
#[derive(Debug)]
pub struct Examiner {
    setting: Setting,
    targets: Vec<SocketAddr>,
    transport: Transport,
    pace: Pace,
    began: Instant,
    budget: Duration,
    next_text: u32,
    next_group: u32,
    probes: Vec<Probe>,
}

impl Examiner {
    /// An examiner of the server at `targets`, all addresses its name resolves to, best first.
    #[must_use]
    pub fn new(clock: Clock, targets: Vec<SocketAddr>, transport: Transport) -> Self {
        Self {
            setting: Setting::new(clock),
            targets,
            transport,
            pace: Pace::default(),
            began: Instant::now(),
            budget: Depth::Full.budget(),
            next_text: 1,
            next_group: 0,
            probes: Vec::new(),
        }
    }

    /// Where somebody who looks at the server's threads says that waiting any longer is in vain.
    #[must_use]
    pub fn rest(&self) -> Rest {
        self.setting.rest.clone()
    }

    /// Probes the server, in the network namespace of the calling thread. Blocks: about 150 ms for [`Depth::Dialect`]
    /// and under 3 s for [`Depth::Full`] when the server answers promptly, at most about twice its budget.
    ///
    /// # Errors
    /// A gap when the kernel does not give this process what it needs to make connections at all.
    pub fn examine(&mut self, depth: Depth) -> Result<Probes, Gap> {
        (self.began, self.budget) = (Instant::now(), depth.budget());
        let transport = self.transport;
        in_own_runtime(async {
            match transport {
                Transport::Tcp => streams::examine(self, depth).await,
                Transport::Udp => datagrams::examine(self, depth).await,
            }
        })?;
        self.setting.let_go();
        Ok(Probes { probes: std::mem::take(&mut self.probes) })
    }

    /// A number for the next probe, or the next set of probes made side by side.
    fn group(&mut self) -> u32 {
        self.next_group += 1;
        self.next_group
    }

    /// A text no other probe sends.
    fn text(&mut self) -> String {
        let n = self.next_text;
        // The number comes twice, so that a server that changes a byte does not turn one text into another.
        let text = format!("netdiag probe {n} says hello {n}");
        self.next_text += 1;
        text
    }

    fn has_time(&self) -> bool {
        self.began.elapsed() < self.budget
    }

    /// Keeps a finished probe. Returns whether the server is still there to be probed.
    fn keep(&mut self, probe: Probe) -> bool {
        let got_through = self.probes.iter().any(|p| p.target == probe.target && p.reach == Reach::Connected);
        let gone = got_through && probe.reach == Reach::Refused;
        self.pace.learn_from(&probe);
        self.probes.push(probe);
        !gone
    }
}

/// Runs `work` to its end on a thread and a runtime of its own, so that the caller may itself be asynchronous or not.
/// A thread inherits the network namespace of the one that starts it.
fn in_own_runtime<T: Send>(work: impl Future<Output = T> + Send) -> Result<T, Gap> {
    let lacking =
        |why: String| Gap::new("probes", why, "close some programs or raise the limit (ulimit -n), then try again");
    std::thread::scope(|scope| {
        let run = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            Ok::<T, std::io::Error>(runtime.block_on(work))
        };
        let thread = std::thread::Builder::new().name("probes".to_owned()).spawn_scoped(scope, run);
        let thread = thread.map_err(|error| lacking(format!("no thread could be started for the probes: {error}")))?;
        match thread.join() {
            Ok(done) => done.map_err(|error| lacking(format!("no sockets could be prepared for the probes: {error}"))),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}
