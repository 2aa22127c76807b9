//! What netdiag itself tried against a server, after looking and before ending anything.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::{At, Bytes, Transport};

/// All probes, in the order they were made.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Probes {
    /// Each probe.
    pub probes: Vec<Probe>,
}

/// One connection (or datagram) netdiag made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// What it tried.
    pub shape: Shape,
    /// Where.
    pub target: SocketAddr,
    /// TCP or UDP.
    pub transport: Transport,
    /// When it began.
    pub at: At,
    /// Our local address, so that its packets and sockets can be told from the pair's.
    pub from: Option<SocketAddr>,
    /// Whether it got through.
    pub reach: Reach,
    /// What was sent, in the order it was sent; one entry per write; cut to 64 KiB in all.
    pub sent: Vec<Bytes>,
    /// How many bytes were sent in all.
    #[serde(default)]
    pub sent_total: u64,
    /// What came back, cut to 64 KiB.
    pub received: Bytes,
    /// How many bytes came back in all.
    pub received_total: u64,
    /// Milliseconds from the last write to the first byte back.
    pub first_byte_ms: Option<f64>,
    /// Milliseconds from the last write to the last byte back.
    pub last_byte_ms: Option<f64>,
    /// How many bytes came back before our half-close (all, if there was none).
    pub before_half_close: u64,
    /// Whether we half-closed.
    pub half_closed: bool,
    /// How the server ended it.
    pub close: Close,
    /// How long we waited at most, in milliseconds.
    pub patience_ms: u64,
    /// Whether waiting ended because the server was seen to rest after our last word, with everything read: every thread
    /// in a wait without a limit, so that nothing more could come.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub at_rest: bool,
    /// Probes made at the same time share a number; others have their own.
    pub group: u32,
}

impl Probe {
    /// Whether somebody took it: one that was reset without a byte may have waited in the queue of a server that ended.
    #[must_use]
    pub fn was_heard(&self) -> bool {
        self.reach == Reach::Connected && (self.close != Close::Reset || self.received_total > 0)
    }

    /// Everything it said, its parts joined, as far as that was kept.
    #[must_use]
    pub fn said(&self) -> Vec<u8> {
        self.sent.iter().flat_map(|part| part.0.iter().copied()).collect()
    }
}

/// What a probe tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// Connect only, and end with FIN.
    Knock,
    /// One line that ends with LF.
    Line,
    /// One line that ends with CR LF.
    CrLfLine,
    /// Text without a line end.
    Chunk,
    /// Text without a line end, then a half-close.
    ChunkHalfClose,
    /// One line, then a half-close.
    LineHalfClose,
    /// Two lines, the second after the first was answered.
    TwoLines,
    /// Two lines in a single write.
    JoinedLines,
    /// One line in two writes with a pause.
    SplitLine,
    /// A line with all 256 byte values but CR and LF.
    Binary,
    /// Many bytes in many lines.
    Bulk,
    /// Stays open and silent while others are served.
    Idler,
    /// A line from one of several connections open at the same time, each with its own text.
    Overlapping,
    /// One of many connections made one after the other, each with its own text.
    Series,
    /// A line, then silence while others are served, then another line.
    Lingering,
    /// Sends half a line and resets.
    Rude,
    /// What the pair's own client had sent, and then the end of its stream, when netdiag ended it.
    OwnClient,
    /// One datagram.
    Datagram,
}

/// Whether a probe got through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    /// Connected (TCP), or sent without an error (UDP).
    Connected,
    /// Refused: RST, or ICMP port unreachable.
    Refused,
    /// No answer to the SYN in time.
    Unanswered,
    /// The local kernel said no (no route, no such address, no free port).
    Local,
}

/// How the server's side of a probe ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Close {
    /// It was still open when we stopped waiting.
    Open,
    /// End of file.
    Fin,
    /// Connection reset.
    Reset,
    /// There was nothing to close (UDP, or not connected).
    None,
}
