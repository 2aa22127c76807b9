//! The few socket calls that matter, with their results, whatever language made them.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::{At, Role};

/// Socket calls of all traced programs.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Calls {
    /// Calls in time order, the first few thousand.
    pub calls: Vec<SocketCall>,
    /// How many more there were.
    pub omitted: u64,
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
