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
