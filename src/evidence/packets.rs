//! Captured traffic as conversations: who dialled whom, what was sent, how it ended. Bounded in size, however much flowed.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::{At, Bytes, Gap, Transport};

/// All traffic of one recording.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Packets {
    /// The interface captured on, or the capture file's name.
    pub device: String,
    /// Packets the kernel or libpcap dropped before we saw them; above zero, absence on the wire proves little.
    pub dropped: u64,
    /// Why no packet was captured, when the conversations were rebuilt from the socket calls of both programs instead. What
    /// only the wire shows is not known then: repeated SYNs, windows, retransmissions, when the kernel acknowledged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rebuilt: Option<Gap>,
    /// Frames that could not be decoded (cut short, unknown link layer).
    pub undecoded: u64,
    /// Conversations in the order they began.
    pub conversations: Vec<Conversation>,
    /// Conversations beyond the limit that were counted but not kept.
    pub conversations_omitted: u64,
    /// ICMP and ICMPv6 "destination unreachable" messages.
    pub unreachable: Vec<Unreachable>,
}

/// One end of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Port {
    /// The end that sent the first SYN (or the first datagram).
    Dialler,
    /// The end that was dialled.
    Listener,
}

impl Port {
    /// The other end.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Dialler => Self::Listener,
            Self::Listener => Self::Dialler,
        }
    }
}

/// A TCP connection (or attempt), or the datagrams between two UDP addresses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conversation {
    /// TCP or UDP.
    pub transport: Transport,
    /// The end that began.
    pub dialler: SocketAddr,
    /// The end that was dialled.
    pub listener: SocketAddr,
    /// Whether the first segment seen was the SYN; false when the capture began in the middle.
    pub from_start: bool,
    /// When the first packet was seen.
    pub began: At,
    /// Times of every SYN (without ACK) from the dialler: more than one is a retransmission.
    pub syns: Vec<At>,
    /// When the listener's SYN-ACK was seen.
    pub syn_ack: Option<At>,
    /// When an RST answered the SYN: nobody listens there.
    pub refused: Option<At>,
    /// Both ends sent a SYN to each other, or the two ends are the same socket.
    pub self_connect: bool,
    /// Bytes from the dialler.
    pub sent: Stream,
    /// Bytes from the listener.
    pub received: Stream,
    /// Packets in order, the first and the last ones kept.
    pub segments: Vec<Segment>,
    /// How many packets in the middle of `segments` were not kept; they belong after `segments[segments_head - 1]`.
    pub segments_omitted: u64,
    /// How many entries of `segments` come before the omitted ones.
    pub segments_head: usize,
    /// Who spoke in which order: maximal runs of payload in one direction, the first and the last ones kept.
    pub turns: Vec<Turn>,
    /// How many turns in the middle were not kept.
    pub turns_omitted: u64,
}

impl Conversation {
    /// The stream from `port`.
    #[must_use]
    pub fn stream(&self, port: Port) -> &Stream {
        match port {
            Port::Dialler => &self.sent,
            Port::Listener => &self.received,
        }
    }
}

/// All bytes in one direction of one conversation, in stream order, retransmissions removed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Stream {
    /// How many distinct payload bytes were seen.
    pub total: u64,
    /// The first bytes, at most [`Stream::HEAD`].
    pub head: Bytes,
    /// The last bytes, at most [`Stream::TAIL`], when `total` exceeds the head; else empty.
    pub tail: Bytes,
    /// FNV-1a (64 bit) of the whole stream: equal totals and equal digests mean equal bytes.
    pub digest: u64,
    /// Bytes missing from the capture inside the stream (never captured, although later ones were acknowledged).
    pub missing: u64,
    /// How many of the bytes the other end's kernel acknowledged.
    pub acked: u64,
    /// UDP only: the length of each datagram, in order, at most [`Stream::DATAGRAMS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub datagrams: Vec<u32>,
    /// When the first payload byte was seen.
    pub first: Option<At>,
    /// When the last payload byte was seen.
    pub last: Option<At>,
    /// When this direction's FIN was seen.
    pub fin: Option<At>,
    /// When an RST from this end was seen (other than one that answers a SYN).
    pub rst: Option<At>,
    /// When this end announced a zero window and had not opened it again by the end.
    pub zero_window: Option<At>,
    /// Segments that carried bytes already seen.
    pub retransmissions: u64,
}

impl Stream {
    /// How much of a stream's beginning is kept.
    pub const HEAD: usize = 64 << 10;
    /// How much of a stream's end is kept.
    pub const TAIL: usize = 4 << 10;
    /// How many datagram lengths are kept.
    pub const DATAGRAMS: usize = 1024;

    /// Whether `head` holds the whole stream.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.total == self.head.len() as u64 && self.missing == 0
    }

    /// The last byte that came by.
    #[must_use]
    pub fn last_byte(&self) -> Option<u8> {
        self.tail.0.last().or(self.head.0.last()).copied()
    }
}

/// One packet of a conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// Its number in the recording, from 1, counted over all packets; what `packets:N` refers to.
    pub number: u64,
    /// When it was captured.
    pub at: At,
    /// Who sent it.
    pub from: Port,
    /// TCP flags; all false for UDP.
    pub flags: Flags,
    /// Position of its first payload byte in its direction's stream (0 is the first byte after the SYN).
    pub offset: u64,
    /// Acknowledged position of the other direction's stream; 0 for UDP.
    pub ack: u64,
    /// Receive window in bytes, scaled when the handshake was seen.
    pub window: u32,
    /// Payload length in bytes.
    pub len: u32,
    /// The first payload bytes, at most [`Segment::EXCERPT`].
    pub excerpt: Bytes,
    /// What is remarkable about it.
    pub note: Option<Note>,
}

impl Segment {
    /// How many payload bytes a segment keeps.
    pub const EXCERPT: usize = 64;
}

/// The TCP flags that matter here (RFC 9293 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Flags {
    /// Synchronise.
    #[serde(skip_serializing_if = "is_false")]
    pub syn: bool,
    /// Acknowledgement.
    #[serde(skip_serializing_if = "is_false")]
    pub ack: bool,
    /// No more data.
    #[serde(skip_serializing_if = "is_false")]
    pub fin: bool,
    /// Reset.
    #[serde(skip_serializing_if = "is_false")]
    pub rst: bool,
    /// Push.
    #[serde(skip_serializing_if = "is_false")]
    pub psh: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// What is remarkable about a packet; the strongest one only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Note {
    /// It carries bytes (or a SYN or FIN) that were seen before.
    Retransmission,
    /// Its bytes came after a hole that was filled later.
    OutOfOrder,
    /// Bytes before it are missing from the capture.
    AfterGap,
    /// A zero-length or one-byte keep-alive.
    KeepAlive,
    /// It announces a window of zero.
    ZeroWindow,
    /// It probes a zero window.
    WindowProbe,
}

/// A maximal run of payload in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    /// Who spoke.
    pub from: Port,
    /// Position of the run's first byte in that direction's stream.
    pub offset: u64,
    /// How many bytes.
    pub len: u64,
    /// How many segments or datagrams carried it.
    pub segments: u32,
    /// When its first byte was seen.
    pub first: At,
    /// When its last byte was seen.
    pub last: At,
}

/// An ICMP "destination unreachable" message (RFC 792, RFC 4443).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unreachable {
    /// Number of the packet in the recording.
    pub number: u64,
    /// When it was captured.
    pub at: At,
    /// ICMP code: 3 port unreachable (ICMPv6: 4), 10/13 administratively prohibited (ICMPv6: 1).
    pub code: u8,
    /// Whether this was ICMPv6.
    pub v6: bool,
    /// Transport of the packet it complains about.
    pub transport: Transport,
    /// Who had sent the packet it complains about.
    pub sender: SocketAddr,
    /// Where that packet was going.
    pub target: SocketAddr,
}

impl Unreachable {
    /// Whether it says "no socket has that port", rather than "a rule forbids it".
    #[must_use]
    pub fn port_closed(&self) -> bool {
        self.code == if self.v6 { 4 } else { 3 }
    }
}
