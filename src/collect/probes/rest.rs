//! Word from whoever looks at the server's threads while it is probed: since when it rests, so that nobody waits for an
//! answer that cannot come. What is no proof is not passed on, and then the patience of each probe decides.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

/// How long what had arrived before the word was passed may take to be read here.
pub(super) const ARRIVED: Duration = Duration::from_millis(5);

/// What the looker and the probes share.
#[derive(Debug, Clone)]
pub struct Rest {
    since: watch::Sender<Option<Instant>>,
    asking: Arc<Mutex<Vec<SocketAddr>>>,
}

impl Default for Rest {
    fn default() -> Self {
        Self { since: watch::Sender::new(None), asking: Arc::default() }
    }
}

impl Rest {
    /// The server was seen at rest, with all read, and has not stirred since `since`.
    pub fn tell(&self, since: Instant) {
        self.since.send_replace(Some(since));
    }

    /// The addresses from which netdiag has dialled.
    #[must_use]
    pub fn asking(&self) -> Vec<SocketAddr> {
        self.asking.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn asks_from(&self, address: SocketAddr) {
        self.asking.lock().unwrap_or_else(PoisonError::into_inner).push(address);
    }

    /// Completes when the server has rested since a moment after `word`; never, if nobody looks.
    pub(super) async fn after(&self, word: Instant) {
        let mut told = self.since.subscribe();
        if told.wait_for(|since| since.is_some_and(|since| since > word)).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
