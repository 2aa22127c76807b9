//! What a server counts.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of a running server; reading them disturbs nobody.
#[derive(Debug, Default)]
pub struct Metrics {
    open: AtomicU64,
    accepted: AtomicU64,
    requests: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    accept_failures: AtomicU64,
}

/// The counters at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// Connections open now.
    pub open: u64,
    /// Connections accepted so far (0 for UDP).
    pub accepted: u64,
    /// Messages read so far; with raw framing, chunks.
    pub requests: u64,
    /// Payload bytes received.
    pub bytes_in: u64,
    /// Payload bytes sent.
    pub bytes_out: u64,
    /// Times the kernel refused to hand out a connection, mostly for want of descriptors.
    pub accept_failures: u64,
}

impl Metrics {
    /// Reads all counters.
    #[must_use]
    pub fn count(&self) -> Count {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Count {
            open: read(&self.open),
            accepted: read(&self.accepted),
            requests: read(&self.requests),
            bytes_in: read(&self.bytes_in),
            bytes_out: read(&self.bytes_out),
            accept_failures: read(&self.accept_failures),
        }
    }

    pub(super) fn opened(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn closed(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn received(&self, bytes: usize, requests: u64) {
        self.bytes_in.fetch_add(bytes as u64, Ordering::Relaxed);
        self.requests.fetch_add(requests, Ordering::Relaxed);
    }

    pub(super) fn sent(&self, bytes: usize) {
        self.bytes_out.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn accept_failed(&self) {
        self.accept_failures.fetch_add(1, Ordering::Relaxed);
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "connections {} open, {} in all · requests {} · in {} B · out {} B",
            self.open, self.accepted, self.requests, self.bytes_in, self.bytes_out
        )?;
        if self.accept_failures > 0 {
            write!(f, " · accept failed {} times (out of descriptors?)", self.accept_failures)?;
        }
        Ok(())
    }
}
