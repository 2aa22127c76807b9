//! The reference server: binds, serves until it is told to stop, then drains.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::closing::Closing;
use super::listen::{self, Doors};
use super::manners::Manners;
use super::metrics::Metrics;
use super::spec::{ServerFault, ServerSpec, Workers};
use super::{tcp, udp, workers};

/// How long connections with a request in hand may take to finish it once the server was told to stop.
pub const DRAIN: Duration = Duration::from_secs(3);

/// A server whose sockets are open and which serves nobody yet.
#[derive(Debug)]
pub struct Server {
    doors: Doors,
    workers: Workers,
    house: Arc<House>,
}

/// What all connections of a server share.
#[derive(Debug)]
pub(super) struct House {
    pub manners: Arc<Manners>,
    pub metrics: Arc<Metrics>,
    pub closing: Closing,
    pub idle: Option<Duration>,
}

/// The last words of a server that dies before it listens; for standard error, before exiting with status 1.
#[must_use]
pub fn last_words(spec: &ServerSpec) -> Option<&str> {
    spec.faults.iter().find_map(|fault| match fault {
        ServerFault::DieAtStart(words) => Some(words.as_str()),
        _ => None,
    })
}

/// Opens the sockets of `spec`. The error chain holds the `io::Error` of a bind that failed.
pub fn bind(spec: &ServerSpec) -> anyhow::Result<Server> {
    Ok(Server {
        doors: listen::open(spec)?,
        workers: spec.workers,
        house: Arc::new(House {
            manners: Arc::new(Manners::of(spec)),
            metrics: Arc::default(),
            closing: Closing::default(),
            idle: spec.idle_timeout_ms.map(Duration::from_millis),
        }),
    })
}

impl Server {
    /// Where it listens, with real ports.
    pub fn addresses(&self) -> anyhow::Result<Vec<SocketAddr>> {
        let addresses: std::io::Result<_> = match &self.doors {
            Doors::Tcp(listeners) => listeners.iter().map(std::net::TcpListener::local_addr).collect(),
            Doors::Udp(sockets) => sockets.iter().map(std::net::UdpSocket::local_addr).collect(),
        };
        Ok(addresses?)
    }

    /// Its counters.
    #[must_use]
    pub fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.house.metrics)
    }

    /// Serves until `stop` is ready; then accepts nobody more, lets what was already read be answered for at most
    /// [`DRAIN`], closes what is idle, and returns.
    ///
    /// Arms no timer unless the spec asks for one, so that a server that waits can be seen to wait for ever.
    pub async fn serve(self, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        let (present, mut all_gone) = mpsc::channel::<()>(1);
        let house = Arc::clone(&self.house);
        if house.manners.never_accept {
            stop.await;
            return Ok(());
        }
        let hall = match (self.doors, self.workers) {
            (Doors::Tcp(listeners), Workers::Async) => {
                tcp::open(listeners, &house, &present)?;
                None
            }
            (Doors::Tcp(listeners), design) => Some(workers::open(listeners, design, &house, &present)?),
            (Doors::Udp(sockets), _) => {
                udp::open(sockets, &house, &present)?;
                None
            }
        };
        drop(present);
        stop.await;
        house.closing.ring();
        if let Some(hall) = hall {
            hall.close();
        }
        // Every connection holds a sender: the channel ends with the last of them.
        let _ = tokio::time::timeout(DRAIN, all_gone.recv()).await;
        Ok(())
    }
}

/// One connection's presence in the metrics and among those a drain waits for.
pub(super) struct Guest {
    house: Arc<House>,
    _present: mpsc::Sender<()>,
}

impl Guest {
    pub fn enter(house: &Arc<House>, present: &mpsc::Sender<()>) -> Self {
        house.metrics.opened();
        Self { house: Arc::clone(house), _present: present.clone() }
    }

    pub fn house(&self) -> &House {
        &self.house
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.house.metrics.closed();
    }
}
