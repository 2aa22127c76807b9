//! What the tracer tells the recorder: one JSON object a line. What the recorder says to the tracer: single bytes.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::evidence::{At, Packets};

/// What the recorder says to the tracer: it begins to end the programs.
pub const CLOSES: u8 = b'.';
/// The recorder wants the conversations.
pub const ASKS: u8 = b'?';

/// One thing told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Word {
    /// The program was started with every call of interest being seen.
    Traced {
        /// Its index.
        program: usize,
    },
    /// The program was started, and its calls are not seen.
    Bare {
        /// Its index.
        program: usize,
        /// Why not, as a clause.
        why: String,
    },
    /// The program could not be started.
    Missing {
        /// Its index.
        program: usize,
        /// The system's words.
        why: String,
    },
    /// A call has returned.
    Call(Call),
    /// A process is about to end by a signal that it brought upon itself.
    Crash(Crash),
    /// A thread was stopped by a signal such as SIGSTOP; from now on /proc calls its state `t`.
    Stopped {
        /// Which one.
        tid: u32,
        /// When, in nanoseconds since the Unix epoch.
        at: u64,
    },
    /// A stopped thread goes on.
    Resumed {
        /// Which one.
        tid: u32,
        /// When, in nanoseconds since the Unix epoch.
        at: u64,
    },
    /// Bytes flowed, or a dial began or ended.
    Lively {
        /// When, on the recording's clock.
        at: At,
        /// Whether a dial waits for its answer.
        in_flight: bool,
    },
    /// The conversations up to now, as the recorder asked for.
    View(Box<Packets>),
    /// Some calls cannot be seen from now on; the programs are none the worse for it.
    Blind {
        /// Why, as a clause.
        why: String,
    },
    /// Tracing may have changed what a program does. The tracer ends here, and the programs with it.
    Disturbed {
        /// Why, as a clause.
        why: String,
    },
    /// The tracer ends in good order.
    Bye {
        /// How many calls were not told.
        omitted: u64,
    },
}

/// A call that has returned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// When, in nanoseconds since the Unix epoch.
    pub at: u64,
    /// Index of the program.
    pub program: usize,
    /// Process id.
    pub pid: u32,
    /// As in [`crate::evidence::SocketCall::name`].
    pub name: String,
    /// Descriptor.
    pub fd: i32,
    /// Address it names.
    pub address: Option<SocketAddr>,
    /// 0 or more is success; below zero it is minus the errno.
    pub result: i64,
}

/// A process that ends by what its own machine code did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Crash {
    /// When, in nanoseconds since the Unix epoch.
    pub at: u64,
    /// Index of the program.
    pub program: usize,
    /// Process id.
    pub pid: u32,
    /// Number of the signal.
    pub signal: i32,
    /// Where its thread was, innermost first.
    pub stack: Vec<Spot>,
}

/// A place in machine code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spot {
    /// The program file or library.
    pub file: PathBuf,
    /// The address of the instruction, as that file counts.
    pub address: u64,
}
