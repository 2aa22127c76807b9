//! The kernel's socket table at chosen moments: who owns what, in which state, with how much unread.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::{At, Role, Transport};

/// Socket tables over time.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Sockets {
    /// Tables in time order. The last one at or before `setting.ended_at` shows the state that was frozen.
    pub snapshots: Vec<Snapshot>,
    /// Whether Recv-Q, Send-Q and TCP_INFO could be read (they need Linux).
    pub has_queues: bool,
}

impl Sockets {
    /// All rows of all tables in time order, each with its reference, `sockets:SNAPSHOT/ROW`.
    pub fn rows(&self) -> impl Iterator<Item = (String, At, &Socket)> {
        self.snapshots.iter().enumerate().flat_map(|(number, snapshot)| {
            let rows = snapshot.sockets.iter().enumerate();
            rows.map(move |(row, socket)| (format!("sockets:{number}/{row}"), snapshot.at, socket))
        })
    }
}

/// One look at the table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// When.
    pub at: At,
    /// Rows that concern the recording: owned by its programs, or on its ports.
    pub sockets: Vec<Socket>,
    /// Whether the loopback interface is up; `None` when it could not be read.
    #[serde(default)]
    pub loopback_up: Option<bool>,
    /// Kernel counters (TcpExt `ListenOverflows`, `ListenDrops`) since boot of this network namespace.
    pub counters: Option<Counters>,
}

/// Counters of the accept queue from /proc/net/netstat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// TcpExt `ListenOverflows`.
    pub listen_overflows: u64,
    /// TcpExt `ListenDrops`.
    pub listen_drops: u64,
}

/// One row of the table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Socket {
    /// TCP or UDP.
    pub transport: Transport,
    /// Local address.
    pub local: SocketAddr,
    /// Peer, if connected.
    pub remote: Option<SocketAddr>,
    /// TCP state; `Unconnected` for UDP without a peer.
    pub state: SocketState,
    /// Inode; 0 while a connection waits in the accept queue, and in TIME_WAIT.
    pub inode: u64,
    /// Numeric user who made it.
    pub uid: Option<u32>,
    /// Processes that hold it. Empty means nobody, or nobody we may look at: see `owners_known`.
    pub owners: Vec<Owner>,
    /// Whether every process that could hold it was looked at.
    pub owners_known: bool,
    /// Unread payload bytes (UDP: the memory unread datagrams take); for a listener, connections waiting for accept.
    pub recv_queue: Option<u32>,
    /// Unacknowledged payload bytes; for a listener, the backlog.
    pub send_queue: Option<u32>,
    /// Whether the program has certainly not read as far as the peer's FIN; `None` before a FIN arrived. `false` proves
    /// nothing: the kernel takes a FIN along with the last data byte when they came close together.
    #[serde(default)]
    pub eof_unread: Option<bool>,
    /// IPV6_V6ONLY on an IPv6 listener.
    pub v6only: Option<bool>,
    /// TCP_INFO, where the kernel gives it.
    pub info: Option<TcpInfo>,
}

/// A process that holds a socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Process id.
    pub pid: u32,
    /// Short process name (/proc/PID/comm).
    pub name: String,
    /// The part it plays, if it belongs to a program of this recording.
    pub role: Option<Role>,
    /// Index of that program in [`super::Programs::programs`].
    pub program: Option<usize>,
}

/// TCP states as `ss` names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the names are RFC 9293's own")]
pub enum SocketState {
    Listen,
    SynSent,
    SynReceived,
    Established,
    FinWait1,
    FinWait2,
    CloseWait,
    Closing,
    LastAck,
    TimeWait,
    Closed,
    /// A UDP socket without a peer.
    Unconnected,
}

/// The fields of Linux's `struct tcp_info` that rules read (include/uapi/linux/tcp.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TcpInfo {
    /// Payload bytes received in order.
    pub bytes_received: u64,
    /// Payload bytes the peer acknowledged.
    pub bytes_acked: u64,
    /// Segments retransmitted so far.
    pub total_retrans: u32,
    /// Milliseconds since the last payload was received.
    pub last_data_recv_ms: u32,
    /// Milliseconds since the last payload was sent.
    pub last_data_sent_ms: u32,
    /// Bytes written by the program but not sent yet.
    pub notsent_bytes: u32,
    /// Smoothed round-trip time in microseconds.
    pub rtt_us: u32,
}
