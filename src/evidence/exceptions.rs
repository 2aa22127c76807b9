//! Exceptions raised inside the programs, as their own runtime's tracer reported them, and what became of them.

use serde::{Deserialize, Serialize};

use super::{At, Role};

/// What the tracers reported.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Exceptions {
    /// One entry per traced process. A program without an entry was not traced: nothing follows from its silence.
    pub tracers: Vec<Tracer>,
    /// Exceptions, in time order, at most a few hundred (`omitted` counts the rest).
    pub raised: Vec<Raised>,
    /// Coroutines never awaited, task results never retrieved.
    pub neglected: Vec<Neglected>,
    /// Times an event loop was blocked.
    pub stalls: Vec<Stall>,
    /// The user's lines that bind and dial.
    #[serde(default)]
    pub addressed: Vec<Addressed>,
    /// The handlers that asyncio's streams served clients with.
    #[serde(default)]
    pub served: Vec<Served>,
    /// Stacks of threads and tasks when the recording was frozen.
    pub stacks: Vec<Stack>,
    /// How many entries were not kept.
    pub omitted: u64,
}

/// A process that was traced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tracer {
    /// Whose process.
    pub role: Role,
    /// Index of the program in [`super::Programs::programs`].
    pub program: usize,
    /// Process id.
    pub pid: u32,
    /// Interpreter and version: "python 3.11.2", "node 20.1".
    pub interpreter: String,
    /// How the tracer got in: "boot", "sitecustomize", "require".
    pub way: String,
}

/// A line of source.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Frame {
    /// File as the runtime names it, relative to the program's working directory where possible.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Function or coroutine.
    #[serde(default)]
    pub function: String,
    /// The text of that line, without its indentation.
    #[serde(default)]
    pub source: String,
}

/// An exception.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Raised {
    /// When its fate was known.
    pub at: At,
    /// Whose.
    pub role: Role,
    /// Index of the program.
    pub program: usize,
    /// Process id.
    pub pid: u32,
    /// Type name, such as `ConnectionRefusedError`.
    pub kind: String,
    /// Its text, cut to 300 characters.
    pub message: String,
    /// `errno`, if it carries one.
    pub errno: Option<i32>,
    /// The user's frames from the catching (outermost) one to the raising one. Never empty.
    pub frames: Vec<Frame>,
    /// The address it was dialling, binding or talking to, if the frames show one.
    pub address: Option<String>,
    /// Where it was caught; `None` when nothing in the user's code caught it.
    pub caught: Option<Frame>,
    /// What the handler does with it.
    pub action: Action,
}

/// What became of an exception.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Caught, and the handler shows nothing to anybody (`pass`, `return`, `continue`).
    Silent,
    /// Caught, and the handler prints or logs.
    Reported,
    /// Caught and raised again (this or another one).
    Reraised,
    /// Caught, and the handler does something else (retries, cleans up, answers the peer).
    Handled,
    /// Not caught by the user's code; the runtime printed it.
    Uncaught,
}

/// Something asynchronous that nobody looked after.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Neglected {
    /// When it was noticed.
    pub at: At,
    /// Whose.
    pub role: Role,
    /// Index of the program.
    pub program: usize,
    /// `never-awaited` (a coroutine) or `never-retrieved` (a task's exception).
    pub what: String,
    /// The coroutine's or task's name.
    pub name: String,
    /// Type and text of the exception nobody retrieved.
    pub exception: Option<String>,
    /// Where it was created, or raised.
    pub location: Option<Frame>,
}

/// An event loop that did not come back for a while.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stall {
    /// When it was noticed.
    pub at: At,
    /// Whose.
    pub role: Role,
    /// Index of the program.
    pub program: usize,
    /// For how long by then, in milliseconds.
    pub ms: f64,
    /// The user's line the loop's thread was in.
    pub location: Frame,
}

/// A line that names an address to the operating system. That the call succeeded is not said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Addressed {
    /// When it did so first.
    pub at: At,
    /// Whose.
    pub role: Role,
    /// Index of the program.
    pub program: usize,
    /// `bind` or `connect`.
    pub call: String,
    /// `host:port` as the program gave it; the host may be a name.
    pub address: String,
    /// The user's line.
    pub location: Frame,
}

/// A handler that asyncio's `start_server` was given, and that a client arrived at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Served {
    /// When its first client came.
    pub at: At,
    /// Whose.
    pub role: Role,
    /// Index of the program.
    pub program: usize,
    /// Where it is defined.
    pub handler: Frame,
    /// It is a coroutine, or may start one.
    pub coroutine: bool,
    /// The line that writes to the client, if nothing in the program's text drains what is written.
    pub undrained: Option<Frame>,
}

/// What a thread or task was doing when the recording was frozen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stack {
    /// Whose.
    pub role: Role,
    /// Index of the program.
    pub program: usize,
    /// "thread MainThread", "task Task-2".
    pub of: String,
    /// The user's frames, outermost first; a task's last frame is the line it awaits on.
    pub frames: Vec<Frame>,
    /// The innermost frame of all, in a library: `selectors.select`, `socket.recv`.
    pub within: String,
}
