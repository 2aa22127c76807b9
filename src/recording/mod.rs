//! The only orchestrator: carries out a [`Plan`] and returns what was seen. It judges nothing.

mod calls;
mod freeze;
mod hold;
mod home;
mod interpreter;
mod live;

mod own_client;
mod pair;
mod parts;
mod settle;
mod swap;
mod texts;
mod traffic;
mod vigil;
mod worker;

pub use crate::collect::exceptions::Compiled;
pub use hold::{Held, hold};
pub use home::{Home, compile_tracer};
pub use pair::record;
pub use swap::{cross_examine, reference_server};
pub use worker::{Place, confinement, limitation, record_in_worker, work};

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::evidence::Contract;
use crate::reference::spec::{ClientSpec, ServerSpec};

/// What is to be recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The told terms.
    pub contract: Contract,
    /// Who plays the server; `None` leaves that part to whatever is at the contract's address.
    pub server: Option<Actor>,
    /// Programs that are on the machine before the pair and do not belong to it, such as one that holds the port.
    #[serde(default)]
    pub bystanders: Vec<Actor>,
    /// Who plays the clients, started in this order once the server listens.
    pub clients: Vec<Actor>,
    /// The longest wait after the last client was started, in milliseconds.
    pub patience_ms: u64,
    /// Whether to probe the server once the pair has been recorded.
    pub probe: bool,
    /// Whether reference parts serve their tasks, so that these can be read when the recording is frozen.
    #[serde(default)]
    pub console: bool,
    /// Where a server that is already running serves its tasks.
    #[serde(default)]
    pub console_at: Option<String>,
    /// When the socket calls of programs are traced.
    #[serde(default)]
    pub calls: CallTracing,
    /// Where programs given as commands live, and within which limits; `None` is where netdiag itself is, without any.
    #[serde(default)]
    pub home: Option<Home>,
    /// Whether the server is sent SIGINT once the pair has been recorded, and how long it may take to end then.
    #[serde(default)]
    pub interrupt_ms: Option<u64>,
    /// Whether the loopback interface is taken down before anybody starts; only ever that of a private network.
    #[serde(default)]
    pub loopback_down: bool,
    /// The port to which the packet filter refuses TCP connections; only ever that of a private network.
    #[serde(default)]
    pub reject_port: Option<u16>,
    /// What each client that is given as a command reads at its standard input; `None` is nothing.
    #[serde(default)]
    pub input: Option<String>,
    /// Whether a server that is examined by itself is examined for longer.
    #[serde(default)]
    pub thorough: bool,
}

impl Plan {
    /// Whether it changes the network itself, which is done to nobody's but its own.
    #[must_use]
    pub fn changes_network(&self) -> bool {
        self.loopback_down || self.reject_port.is_some()
    }
}

/// What a plan asks for can be done in a private network only, and there is none here.
#[derive(Debug)]
pub struct NotHere;

impl std::fmt::Display for NotHere {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(
            "this changes the network itself, which netdiag does in a private network only: leave out --host, or run \
             `netdiag doctor` to see why there is no private network",
        )
    }
}

impl std::error::Error for NotHere {}

/// When the socket calls of programs are traced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CallTracing {
    /// Never.
    Never,
    /// Only in place of packets, where these cannot be captured; so do all that follow.
    #[default]
    InsteadOfPackets,
    /// In a second recording, made only when the first one leaves a question that calls would answer.
    SecondLook,
    /// At once.
    Always,
}

/// Where and how a recording is made.
#[derive(Debug, Clone)]
pub struct Manner {
    /// Whether nobody else lives in the present network namespace.
    pub private: bool,
    /// Whether programs are confined to a room (`sandbox::confine`), and of that what this process is.
    pub room: Room,
    /// Where in the present mounts the programs' cgroup is, which bears their limits; only ever that of a room.
    pub cgroup: Option<PathBuf>,
    /// Whether socket calls are traced.
    pub calls: bool,
    /// Whether, where packets cannot be captured, conversations are rebuilt from the calls that carry bytes.
    pub bytes: bool,
    /// The interpreter of programs given as text.
    pub python: String,
}

/// What the recording process has to do with a room for programs that nobody trusts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Room {
    /// There is none.
    #[default]
    None,
    /// It builds one, and starts the keeper in it.
    Porter,
    /// It is the keeper.
    Keeper,
}

/// A program that plays a part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Actor {
    /// netdiag's own server.
    Server(ServerSpec),
    /// netdiag's own client.
    Client(ClientSpec),
    /// Any program: the words of its command.
    Command(Vec<String>),
    /// The text of a Python program.
    Python(String),
}

impl Actor {
    /// The words that name this actor in the evidence. A reference part shows what it is, never how it was told to behave.
    #[must_use]
    pub fn shown(&self) -> Vec<String> {
        let words: &[&str] = match self {
            Self::Server(_) => &["netdiag", "serve"],
            Self::Client(_) => &["netdiag", "client"],
            Self::Python(_) => &["python3", "program.py"],
            Self::Command(words) => return words.clone(),
        };
        words.iter().map(|word| (*word).to_owned()).collect()
    }
}
