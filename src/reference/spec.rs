//! What a reference server or client is told to be: plain data, read from flags or from a scenario file.

use serde::{Deserialize, Serialize};

use crate::evidence::{Bytes, Framing, Lifetime, Reply, Terminator, Transport};

/// A reference server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ServerSpec {
    /// Addresses to listen on, `host:port`; port 0 takes a free one.
    pub listen: Vec<String>,
    /// TCP or UDP.
    pub transport: Transport,
    /// Where one message ends.
    pub framing: Framing,
    /// What is made of a message.
    pub reply: Reply,
    /// One message per connection, or many.
    pub lifetime: Lifetime,
    /// How connections are served.
    pub workers: Workers,
    /// Connections silent for this long are closed.
    pub idle_timeout_ms: Option<u64>,
    /// Length of the accept queue.
    pub backlog: u32,
    /// Ways to misbehave.
    pub faults: Vec<ServerFault>,
}

impl Default for ServerSpec {
    fn default() -> Self {
        Self {
            listen: vec!["127.0.0.1:12345".to_owned()],
            transport: Transport::Tcp,
            framing: Framing::Line,
            reply: Reply::Exact,
            lifetime: Lifetime::Session,
            workers: Workers::Async,
            idle_timeout_ms: None,
            backlog: 1024,
            faults: Vec::new(),
        }
    }
}

/// How a server serves several connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Workers {
    /// One tokio task per connection.
    Async,
    /// One connection after the other: the second client waits until the first one leaves.
    Sequential,
    /// One thread per connection.
    Threads,
    /// This many threads, each serving one connection until it ends; further ones wait.
    Pool(u16),
}

impl From<Workers> for String {
    fn from(workers: Workers) -> Self {
        match workers {
            Workers::Async => "async".to_owned(),
            Workers::Sequential => "sequential".to_owned(),
            Workers::Threads => "threads".to_owned(),
            Workers::Pool(n) => format!("pool:{n}"),
        }
    }
}

impl TryFrom<String> for Workers {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl std::str::FromStr for Workers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "async" => Ok(Self::Async),
            "sequential" => Ok(Self::Sequential),
            "threads" => Ok(Self::Threads),
            other => {
                other.strip_prefix("pool:").and_then(|n| n.parse().ok()).filter(|n| *n > 0).map(Self::Pool).ok_or_else(
                    || format!("workers are `async`, `sequential`, `threads` or `pool:N` with N from 1, not `{other}`"),
                )
            }
        }
    }
}

/// A way for a server to misbehave. Several can be combined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServerFault {
    /// Prints a traceback-like message to standard error and exits with status 1 before it listens.
    DieAtStart(String),
    /// Listens, and never calls accept.
    NeverAccept,
    /// Accepts, and never reads.
    NeverRead,
    /// Reads, and never replies.
    DropReply,
    /// Leaves the line terminator out of its reply.
    StripTerminator,
    /// Leaves this many bytes out of the end of each message's text (a line's terminator is still sent).
    CutReply(u32),
    /// Changes one byte in the middle of each message.
    FlipByte,
    /// Closes the connection after a request was read, without a reply.
    CloseEarly,
    /// Resets the connection after a request was read.
    Reset,
    /// Waits this many milliseconds before each reply, without disturbing other connections.
    DelayReply(u64),
    /// Blocks its only event-loop thread for this many milliseconds on each request.
    BlockLoop(u64),
    /// When the client half-closes, closes at once and drops what it still owed.
    DropOnHalfClose,
    /// Stops itself (SIGSTOP) when the first request was read.
    Suspend,
    /// Has the kernel silently discard every packet that arrives for its listening socket, as a drop rule would.
    DropPackets,
    /// Sends each reply in pieces of this many bytes, a few milliseconds apart: legal, and a trap for careless clients.
    SplitReply(u32),
    /// Starts to listen only after this many milliseconds.
    ListenLate(u64),
}

/// A reference client, or several alike.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ClientSpec {
    /// Where to dial.
    pub dial: String,
    /// TCP or UDP.
    pub transport: Transport,
    /// Where one message ends.
    pub framing: Framing,
    /// What ends a line that is sent.
    pub terminator: Terminator,
    /// What the server is expected to make of a message.
    pub reply: Reply,
    /// The text of each message (the terminator is added by the framing).
    pub message: String,
    /// Length of each message in bytes: the text is repeated or cut to it. 0 leaves it as it is.
    pub message_bytes: u32,
    /// What to send instead, turn by turn: each is sent as it is, once the whole reply to the one before has come.
    pub script: Vec<Bytes>,
    /// Number of clients.
    pub clients: u32,
    /// Messages each client sends.
    pub repeat: u32,
    /// Whether clients run one after the other instead of at the same time.
    pub one_by_one: bool,
    /// Whether each message gets a connection of its own.
    pub redial: bool,
    /// Half-close after the last message was sent.
    pub half_close: bool,
    /// How long to wait for a connection, and for each reply; no value waits for ever.
    pub timeout_ms: Option<u64>,
    /// How long to try again while the connection is refused.
    pub retry_ms: u64,
    /// Milliseconds to wait before each message or turn after the first.
    pub pause_ms: u64,
    /// Milliseconds to keep the connection after the last reply before closing it.
    pub linger_ms: u64,
    /// Ways to misbehave.
    pub faults: Vec<ClientFault>,
}

impl Default for ClientSpec {
    fn default() -> Self {
        Self {
            dial: "127.0.0.1:12345".to_owned(),
            transport: Transport::Tcp,
            framing: Framing::Line,
            terminator: Terminator::Lf,
            reply: Reply::Exact,
            message: "hello".to_owned(),
            message_bytes: 0,
            script: Vec::new(),
            clients: 1,
            repeat: 1,
            one_by_one: false,
            redial: false,
            half_close: false,
            timeout_ms: None,
            retry_ms: 0,
            pause_ms: 0,
            linger_ms: 0,
            faults: Vec::new(),
        }
    }
}

/// A way for a client to misbehave. Several can be combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientFault {
    /// Says nothing about any error and exits with status 0.
    SwallowErrors,
    /// Leaves the line terminator out of what it sends.
    OmitTerminator,
    /// Connects, sends nothing, and waits for the server to speak.
    SayNothing,
    /// Closes after this many milliseconds, whatever has come by then.
    GiveUpAfter(u64),
    /// Closes without reading its reply, which makes the kernel reset the connection.
    CloseUnread,
    /// Resets the connection (SO_LINGER 0) after a complete exchange: rude, and harmless.
    ResetAtEnd,
    /// Never half-closes, and yet waits for the end of the reply.
    WaitForEof,
}
