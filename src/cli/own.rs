//! How netdiag starts itself: words that nobody types.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

/// `netdiag __record`
#[derive(Debug, Args)]
pub struct RecordArgs {
    /// Enter a private network namespace first.
    #[arg(long)]
    pub private: bool,
    /// Build a room for programs that nobody trusts, and have a keeper record in it.
    #[arg(long, conflicts_with = "keeper")]
    pub porter: bool,
    /// Be that keeper.
    #[arg(long)]
    pub keeper: bool,
    /// Trace the socket calls of programs.
    #[arg(long)]
    pub calls: bool,
    /// Where packets cannot be captured, trace the socket calls that carry bytes.
    #[arg(long)]
    pub bytes: bool,
    /// The cgroup of the programs in the room.
    #[arg(long, value_name = "DIR")]
    pub cgroup: Option<PathBuf>,
    /// The interpreter of programs given as text.
    #[arg(long)]
    pub python: String,
}

/// `netdiag __trace`
#[derive(Debug, Args)]
pub struct TraceArgs {
    /// Follow the bytes too; the recording began at this moment, in nanoseconds since the Unix epoch.
    #[arg(long, value_name = "ZERO")]
    pub bytes: Option<u64>,
}

/// `netdiag __exec`
#[derive(Debug, Args)]
pub struct ExecArgs {
    /// The tracer's socket.
    #[arg(long, value_name = "PATH")]
    pub tracer: PathBuf,
    /// Index of the program in the evidence.
    #[arg(long, value_name = "N")]
    pub program: usize,
    /// Let the tracer see the calls that carry bytes too.
    #[arg(long)]
    pub bytes: bool,
    /// The words of the program's command.
    #[arg(last = true, required = true)]
    pub command: Vec<OsString>,
}

/// `netdiag __guest`
#[derive(Debug, Args)]
pub struct GuestArgs {
    /// What it may use, as JSON.
    #[arg(long)]
    pub limits: String,
    /// As whom it sees itself, in a user namespace of its own.
    #[arg(long)]
    pub uid: Option<u32>,
    /// The cgroup that bears the limits of all guests together.
    #[arg(long, value_name = "DIR")]
    pub cgroup: Option<PathBuf>,
    /// The words of the program's command.
    #[arg(last = true, required = true)]
    pub command: Vec<OsString>,
}

/// `netdiag __actor`
#[derive(Debug, Args)]
pub struct ActorArgs {
    /// Serve the console on this Unix socket.
    #[arg(long, value_name = "PATH")]
    pub console: Option<PathBuf>,
}
