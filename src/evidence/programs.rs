//! The programs on the stand: how they ended, what they printed, what their threads wait for.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::{At, Bytes, Frame, Role};

/// All programs of a recording.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Programs {
    /// Servers first, then clients in the order they were started.
    pub programs: Vec<Program>,
    /// Looks at every process, in time order.
    pub samples: Vec<Sample>,
}

/// One program: a process and all its descendants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Program {
    /// Its part.
    pub role: Role,
    /// Words of the command as told; for a found process, its /proc/PID/cmdline.
    pub command: Vec<String>,
    /// Working directory, so that file names in tracebacks can be found.
    pub cwd: Option<String>,
    /// Whether netdiag's own reference plays this part.
    pub reference: bool,
    /// Whether netdiag started it (a program it only found is never ended by it).
    pub started_by_us: bool,
    /// First process id.
    pub pid: u32,
    /// When it was started, or found.
    pub started: At,
    /// How it ended; `None` while it runs.
    pub exit: Option<Exit>,
    /// What it wrote on standard output; `None` when it was not piped to us.
    pub stdout: Option<Output>,
    /// What it wrote on standard error.
    pub stderr: Option<Output>,
    /// Why it could not be started at all (no such file, not executable); then `pid` is 0.
    pub spawn_error: Option<String>,
    /// What its own text tells, where that could be read.
    #[serde(default)]
    pub text: Text,
}

/// Lines in the text of a program. Where several would do, none is told.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Text {
    /// The ports of the recording that just one line names.
    pub mentions: Vec<Mention>,
    /// The only line that sends.
    pub sends: Option<Frame>,
    /// The only line that receives.
    pub receives: Option<Frame>,
    /// The only line that takes clients in: that accepts, or hands a handler to the server that does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepts: Option<Frame>,
    /// The only line that writes the port into an address (`sin_port`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sets_port: Option<Frame>,
    /// The only line that puts a number into bytes, or chooses their order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packs: Option<Frame>,
    /// The only line that makes text of bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decodes: Option<Frame>,
    /// The only line that ends a connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closes: Option<Frame>,
    /// The only line that waits for a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pauses: Option<Frame>,
    /// The only line that makes another process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forks: Option<Frame>,
    /// The only line that ends the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaves: Option<Frame>,
    /// The only line that says how long is long enough to wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Frame>,
    /// The only line that names the address to be served at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binds: Option<Frame>,
    /// The only line that lets the kernel queue clients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listens: Option<Frame>,
}

/// A line of source that names a port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mention {
    /// The port.
    pub port: u16,
    /// The line.
    pub location: Frame,
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// When.
    pub at: At,
    /// By itself or by a signal.
    pub how: How,
    /// Whether netdiag ended it; then nothing follows from it.
    pub by_us: bool,
}

/// What a program did when it was sent SIGINT, as Ctrl-C sends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Farewell {
    /// When the signal was sent.
    pub at: At,
    /// How it ended; `None` when it had not within the time it was given.
    pub exit: Option<Exit>,
    /// That time, in milliseconds.
    #[serde(default)]
    pub limit_ms: u64,
    /// All it had written on standard error by then.
    pub stderr: Output,
}

/// Exit status or signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// It exited with this status.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
}

/// What a program wrote to one of its streams.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Output {
    /// How many bytes in all.
    pub total: u64,
    /// The first bytes, at most [`Output::HEAD`].
    pub head: Bytes,
    /// The last bytes, at most [`Output::TAIL`], when `total` exceeds the head; else empty.
    pub tail: Bytes,
    /// When the first byte came.
    pub first: Option<At>,
}

impl Output {
    /// How much of the beginning is kept.
    pub const HEAD: usize = 32 << 10;
    /// How much of the end is kept.
    pub const TAIL: usize = 32 << 10;
}

/// One look at every process of every program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// When.
    pub at: At,
    /// All processes alive at that moment.
    pub processes: Vec<Process>,
}

/// One process at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Process {
    /// Index of its program in [`Programs::programs`].
    pub program: usize,
    /// Process id.
    pub pid: u32,
    /// Parent's process id.
    pub ppid: u32,
    /// Short name (/proc/PID/comm).
    pub name: String,
    /// State letter of /proc/PID/stat: R running, S sleeping, T stopped, Z zombie …
    pub state: char,
    /// Open descriptors; `None` when they may not be read.
    pub descriptors: Option<u32>,
    /// Soft limit on open descriptors.
    pub descriptor_limit: Option<u64>,
    /// Processor time used so far, in milliseconds.
    pub cpu_ms: u64,
    /// How much of that was spent inside the kernel: who computes spends next to none there.
    #[serde(default)]
    pub kernel_ms: u64,
    /// Resident memory in KiB.
    pub rss_kib: u64,
    /// Every thread.
    pub threads: Vec<Thread>,
    /// POSIX interval timers armed (/proc/PID/timers), timerfds armed, ITIMER; `None` when they may not be read.
    pub armed_timers: Option<u32>,
}

/// One thread at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Thread {
    /// Thread id.
    pub tid: u32,
    /// State letter.
    pub state: char,
    /// What it waits for.
    pub wait: Wait,
    /// Times it was put on a processor (voluntary + involuntary switches): unchanged means it did not run between looks.
    pub switches: Option<u64>,
}

/// What a thread waits for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wait {
    /// It is running (or runnable).
    Running,
    /// It sits in a system call.
    Call {
        /// Name of the call: `recvfrom`, `accept4`, `epoll_wait`, `futex`, `clock_nanosleep` …
        name: String,
        /// How long it may wait.
        limit: Limit,
        /// The descriptor it names, if it names one.
        fd: Option<i32>,
        /// The socket behind that descriptor: its local address and, if connected, its peer.
        socket: Option<(SocketAddr, Option<SocketAddr>)>,
        /// What the descriptor is otherwise: "pipe", "tty", a path.
        file: Option<String>,
    },
    /// Stopped by a signal or a debugger.
    Stopped,
    /// It may not be looked at (another user's process), or this system does not tell.
    Unknown,
}

/// How long a system call may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// Until something happens: it has no time limit, and none of what it waits for is a timer.
    Forever,
    /// It will return by itself (a time-out, a sleep, an armed timer).
    Timed,
    /// It could not be read.
    Unknown,
}
