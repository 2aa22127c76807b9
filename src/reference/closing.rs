//! The server's closing time: rung once, heard by every connection.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// Whether the server is leaving, and a bell for those who sleep.
#[derive(Debug, Default)]
pub struct Closing {
    rung: AtomicBool,
    bell: Notify,
}

impl Closing {
    /// Begins closing time.
    pub fn ring(&self) {
        self.rung.store(true, Ordering::SeqCst);
        self.bell.notify_waiters();
    }

    /// Whether it has begun.
    pub fn rung(&self) -> bool {
        self.rung.load(Ordering::SeqCst)
    }

    /// The bell. A future made and enabled before [`Self::rung`] is asked cannot miss it.
    pub fn bell(&self) -> Notified<'_> {
        self.bell.notified()
    }

    /// Waits for closing time.
    pub async fn wait(&self) {
        let mut bell = std::pin::pin!(self.bell());
        bell.as_mut().enable();
        if !self.rung() {
            bell.await;
        }
    }
}
