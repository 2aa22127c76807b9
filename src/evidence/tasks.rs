//! Asynchronous tasks of a program: tokio's through the console interface, asyncio's through the tracer.

use serde::{Deserialize, Serialize};

use super::{At, Frame, Role};

/// Tasks seen, at the moment the recording ended.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Tasks {
    /// All of them, runtime-internal ones left out.
    pub tasks: Vec<Task>,
    /// Updates the console dropped because its buffer was full: above zero the list may be incomplete.
    pub dropped: u64,
}

/// One task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Whose task it is; `None` when a console was given without saying whose.
    pub role: Option<Role>,
    /// "tokio" or "asyncio".
    pub runtime: String,
    /// Its number within its runtime.
    pub id: u64,
    /// Its name, if it was given one.
    pub name: Option<String>,
    /// Where it was spawned, or for asyncio where it waits.
    pub location: Option<Frame>,
    /// What it is doing.
    pub state: TaskState,
    /// When this was read.
    pub at: At,
    /// How often it was polled.
    pub polls: u64,
    /// How often it was woken.
    pub wakes: u64,
    /// How many of these wakes were by itself.
    pub self_wakes: u64,
    /// Wakers that exist now; none while idle means nothing can ever wake it.
    pub wakers: Option<u64>,
    /// Processor time of all its polls, in milliseconds.
    pub busy_ms: f64,
    /// For a running task: how long its present poll has lasted, in milliseconds.
    pub polling_ms: Option<f64>,
    /// Size of its future in bytes.
    pub size: Option<u64>,
    /// Whether it runs on the blocking pool, where blocking is legitimate.
    pub blocking: bool,
    /// Whether the runtime boxed the future because of its size.
    pub boxed: bool,
    /// tokio-console's own lints that apply.
    pub lints: Vec<Lint>,
}

/// What a task is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskState {
    /// Being polled right now.
    Running,
    /// Woken, waiting for its turn.
    Scheduled,
    /// Waiting for a wake.
    Idle,
    /// Finished or dropped.
    Done,
}

/// The lints of tokio-console 0.1 by their own names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lint {
    /// More than half of its wakes are by itself.
    SelfWakes,
    /// Idle, and no waker is left.
    LostWaker,
    /// Running for more than a second in a single poll.
    NeverYielded,
    /// The runtime had to box its future.
    AutoBoxedFuture,
    /// Its future takes 1024 bytes or more.
    LargeFuture,
}
