//! Where live capture is not supported: it cannot be opened, and the gap says so.

use std::convert::Infallible;
use std::net::SocketAddr;

use crate::collect::clock::Clock;
use crate::evidence::{At, Gap, Packets};

/// A live capture; on this system there can be none.
#[derive(Debug)]
pub struct Capture(Infallible);

impl Capture {
    /// Always a gap.
    #[allow(clippy::missing_errors_doc, reason = "it always fails")]
    pub fn open(_device: &str, _filter: Option<&str>, _clock: Clock) -> Result<Self, Gap> {
        Err(Gap::new(
            "packets",
            format!("live capture is not supported on {}", std::env::consts::OS),
            "capture with `tcpdump -i lo0 -w file.pcap` and run `netdiag replay file.pcap`",
        ))
    }

    /// See the Linux twin.
    #[must_use]
    pub fn own(&self) -> Option<SocketAddr> {
        match self.0 {}
    }

    /// See the Linux twin.
    pub fn listens_on(&self, _port: u16) {
        match self.0 {}
    }

    /// See the Linux twin.
    #[must_use]
    pub fn view(&self) -> Packets {
        match self.0 {}
    }

    /// See the Linux twin.
    #[must_use]
    pub fn in_flight(&self) -> bool {
        match self.0 {}
    }

    /// See the Linux twin.
    #[must_use]
    pub fn last_packet(&self) -> Option<At> {
        match self.0 {}
    }

    /// See the Linux twin.
    pub fn freeze(&self) -> bool {
        match self.0 {}
    }

    /// See the Linux twin.
    #[must_use]
    pub fn failure(&self) -> Option<Gap> {
        match self.0 {}
    }

    /// See the Linux twin.
    #[must_use]
    pub fn stop(self) -> Packets {
        match self.0 {}
    }
}
