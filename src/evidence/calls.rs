//! The few socket calls that matter, with their results, whatever language made them, and where machine code failed.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::{At, Frame, Role};

/// Socket calls of all traced programs.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Calls {
    /// Calls in time order, the first few thousand.
    pub calls: Vec<SocketCall>,
    /// How many more there were.
    pub omitted: u64,
    /// Processes that their own machine code ended, in time order, the first few.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub crashes: Vec<Crash>,
}

/// A signal that a process brought upon itself and did not handle: a bad address, a division by zero, abort(3).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Crash {
    /// When it was delivered.
    pub at: At,
    /// Whose.
    pub role: Role,
    /// Index of the program.
    pub program: usize,
    /// Process id; of a program that forks it may be a child's.
    pub pid: u32,
    /// Its number (signal(7)).
    pub signal: i32,
    /// The functions it happened in, innermost first, as far as their files name them; libraries' ones are left out.
    pub functions: Vec<String>,
    /// The innermost line of source that is not a library's, for programs built with debug data (`-g`).
    pub line: Option<Frame>,
}

/// One call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SocketCall {
    /// When it returned.
    pub at: At,
    /// Whose.
    pub role: Role,
    /// Index of the program.
    pub program: usize,
    /// Process id.
    pub pid: u32,
    /// `connect`, `bind`, `listen`, `accept`, `shutdown`, `so-error`.
    pub name: String,
    /// Descriptor.
    pub fd: i32,
    /// Address it names.
    pub address: Option<SocketAddr>,
    /// Result: 0 or more is success; below zero it is minus the errno.
    pub result: i64,
}

impl SocketCall {
    /// Name and meaning of the error; `None` for success and for errors that sockets do not usually give.
    #[must_use]
    pub fn error(&self) -> Option<&'static str> {
        errno(-self.result)
    }
}

/// Linux's numbers (include/uapi/asm-generic/errno.h) of the errors that sockets give; calls are traced there only.
fn errno(number: i64) -> Option<&'static str> {
    Some(match number {
        13 => "EACCES (permission denied)",
        98 => "EADDRINUSE (address already in use)",
        99 => "EADDRNOTAVAIL (no such address here)",
        101 => "ENETUNREACH (network unreachable)",
        104 => "ECONNRESET (connection reset)",
        110 => "ETIMEDOUT (timed out)",
        111 => "ECONNREFUSED (connection refused)",
        113 => "EHOSTUNREACH (host unreachable)",
        115 => "EINPROGRESS (begun)",
        _ => return None,
    })
}
