//! What was seen: timestamped observations on one clock, as plain data that can be saved and replayed.
//!
//! This module imports nothing of ours and judges nothing. Every source is wrapped once in [`Observed`], so that
//! "did not happen" and "could not look" can never be confused. Anything right of here is a pure function of
//! [`Evidence`], which is what makes `replay`, bug reports and recorded test cases possible.

mod bytes;
mod calls;
mod contract;
mod exceptions;
mod packets;
mod probes;
mod programs;
mod sockets;
mod tasks;

pub use bytes::Bytes;
pub use calls::{Calls, Crash, SocketCall};
pub use contract::{Contract, Framing, Lifetime, Reply, Source, Term, Terminator};
pub use exceptions::{Action, Addressed, Exceptions, Frame, Neglected, Raised, Served, Stack, Stall, Tracer};
pub use packets::{Conversation, Flags, Note, Packets, Port, Segment, Stream, Turn, Unreachable};
pub use probes::{Close, Probe, Probes, Reach, Shape};
pub use programs::{
    Exit, Farewell, How, Limit, Mention, Output, Process, Program, Programs, Sample, Text, Thread, Wait,
};
pub use sockets::{Counters, Owner, Snapshot, Socket, SocketState, Sockets, TcpInfo};
pub use tasks::{Lint, Task, TaskState, Tasks};

use serde::{Deserialize, Serialize};

/// The name every saved evidence file bears; a reader refuses another one.
pub const SCHEMA: &str = "netdiag/evidence/v1";

/// Everything one recording saw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// How and where the recording was made.
    pub setting: Setting,
    /// What somebody told us the pair agreed on; terms nobody told are absent here and learned or assumed later.
    pub contract: Contract,
    /// Captured traffic, already folded into conversations.
    pub packets: Observed<Packets>,
    /// Socket tables over time.
    pub sockets: Observed<Sockets>,
    /// The programs netdiag started or found.
    pub programs: Observed<Programs>,
    /// tokio or asyncio tasks.
    pub tasks: Observed<Tasks>,
    /// Exceptions raised inside the programs.
    pub exceptions: Observed<Exceptions>,
    /// The few socket calls that matter, with their results.
    pub calls: Observed<Calls>,
    /// What netdiag itself tried against the server after the pair was recorded.
    pub probes: Observed<Probes>,
    /// The same programs with reference partners, recorded in fresh settings of their own (the swap).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub swaps: Vec<Swap>,
    /// What the server did when it was interrupted after all that, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub farewell: Option<Farewell>,
    /// What the programs together used more of than they may, if they did; they were ended then. A clause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exceeded: Option<String>,
}

/// One cross-examination: one program of the pair with a reference partner in the other role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Swap {
    /// The role that was kept; the reference played the other one.
    pub kept: Role,
    /// What was recorded.
    pub evidence: Box<Evidence>,
}

/// A source that was looked at, or the reason why it could not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Observed<T> {
    /// The source was looked at for the whole recording; what is not in it did not happen.
    Seen(T),
    /// The source was not (or not completely) looked at; nothing follows from its silence.
    NotObserved(Gap),
}

impl<T> Observed<T> {
    /// The observation, or the gap as an error, so that `?` on an unseen source becomes a ruling "cannot tell".
    pub fn seen(&self) -> Result<&T, Gap> {
        match self {
            Self::Seen(value) => Ok(value),
            Self::NotObserved(gap) => Err(gap.clone()),
        }
    }
}

/// Why a source could not be looked at, and what would open it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Gap {
    /// `packets`, `sockets`, `programs`, `tasks`, `exceptions`, `calls` or `probes`.
    pub source: String,
    /// What stood in the way, as a clause: "capturing needs CAP_NET_RAW, which this process does not hold".
    pub why: String,
    /// What the reader can do about it, as an instruction.
    pub remedy: String,
}

impl Gap {
    /// A gap in `source`.
    pub fn new(source: &str, why: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { source: source.to_owned(), why: why.into(), remedy: remedy.into() }
    }
}

/// Nanoseconds since the recording began, on the one clock all sources share (CLOCK_MONOTONIC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct At(pub u64);

impl At {
    /// This moment in milliseconds since the recording began.
    #[must_use]
    pub fn ms(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// Milliseconds from `earlier` to this moment; zero when it is not earlier.
    #[must_use]
    pub fn ms_since(self, earlier: At) -> f64 {
        self.0.saturating_sub(earlier.0) as f64 / 1e6
    }
}

/// Which part a program plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The program that waits for connections or datagrams.
    Server,
    /// The program that dials.
    Client,
}

impl Role {
    /// The other role.
    #[must_use]
    pub fn partner(self) -> Self {
        match self {
            Self::Server => Self::Client,
            Self::Client => Self::Server,
        }
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Server => "server",
            Self::Client => "client",
        })
    }
}

/// TCP or UDP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// RFC 9293.
    Tcp,
    /// RFC 768.
    Udp,
}

impl std::fmt::Display for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        })
    }
}

/// How and where a recording was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Setting {
    /// netdiag's version.
    pub netdiag: String,
    /// Operating system name as the standard library spells it ("linux", "macos").
    pub os: String,
    /// What kind of recording this is.
    pub occasion: Occasion,
    /// Which rung of the capture ladder was used.
    pub rung: Rung,
    /// Wall-clock time of the recording's zero, in milliseconds since the Unix epoch.
    pub began_unix_ms: u64,
    /// When the server (its process tree) was first seen to listen; absent if it never was.
    pub server_ready: Option<At>,
    /// When the last client was started; absent if none was.
    pub clients_started: Option<At>,
    /// Why the recording stopped.
    pub ended: Ending,
    /// When it stopped; everything later was done by netdiag (probes, ending programs).
    pub ended_at: At,
    /// The longest the recording would have waited, in milliseconds, counted from `clients_started`.
    pub patience_ms: u64,
}

/// What kind of recording was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Occasion {
    /// A client and a server were run together.
    Pair,
    /// A server that was already running was examined.
    LiveServer,
    /// A capture file was read; nothing was run.
    CaptureFile,
}

/// The rung of the capture ladder that was used, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rung {
    /// A private user and network namespace, capturing on its `lo`.
    Namespace,
    /// The host's `lo`, with CAP_NET_RAW and a port filter.
    HostLoopback,
    /// No packets, but the socket calls of both programs, with the bytes they carried.
    SocketCalls,
    /// No packets at all: sockets, programs and probes only.
    NoCapture,
}

/// Why a recording stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Every client ended by itself.
    ClientsEnded,
    /// The server ended and no client was (or could be) started.
    ServerEnded,
    /// Two samples proved that nothing can ever move again without outside help.
    HangProven,
    /// All but some of the server's threads waited for ever, and these came back time and again to the listener that they
    /// wait at with a time limit; nothing happened.
    Idle,
    /// The deadline passed with something still running.
    DeadlinePassed,
    /// The user interrupted.
    Interrupted,
    /// There was nothing to wait for: a live check or a capture file read to its end.
    Complete,
    /// A capture file broke off in the middle of a record.
    CutShort,
}
