//! The one clock of a recording.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::evidence::At;

/// Zero of a recording, on the monotonic clock and on the wall clock (which packet timestamps use).
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    zero: Instant,
    zero_unix_ns: u128,
}

impl Clock {
    /// Starts a recording's clock.
    #[must_use]
    pub fn start() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { zero: Instant::now(), zero_unix_ns: wall.as_nanos() }
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> At {
        self.at(Instant::now())
    }

    /// The given moment; anything before zero is zero.
    #[must_use]
    pub fn at(&self, moment: Instant) -> At {
        At(moment.saturating_duration_since(self.zero).as_nanos() as u64)
    }

    /// A wall-clock time in nanoseconds since the Unix epoch; anything before zero is zero.
    #[must_use]
    pub fn at_unix_ns(&self, ns: u128) -> At {
        At(ns.saturating_sub(self.zero_unix_ns) as u64)
    }

    /// The wall-clock time of zero, in nanoseconds since the Unix epoch.
    #[must_use]
    pub fn zero_unix_ns(&self) -> u64 {
        self.zero_unix_ns as u64
    }

    /// The wall-clock time of zero, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn zero_unix_ms(&self) -> u64 {
        (self.zero_unix_ns / 1_000_000) as u64
    }
}
