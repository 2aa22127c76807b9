//! The only orchestrator: carries out a [`Plan`] and returns what was seen. It judges nothing.

use serde::{Deserialize, Serialize};

use crate::evidence::{Contract, Evidence};
use crate::reference::spec::{ClientSpec, ServerSpec};

/// What is to be recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The told terms.
    pub contract: Contract,
    /// Who plays the server; `None` leaves that part to whatever is at the contract's address.
    pub server: Option<Actor>,
    /// Who plays the clients, started in this order once the server listens.
    pub clients: Vec<Actor>,
    /// The longest wait after the last client was started, in milliseconds.
    pub patience_ms: u64,
    /// Whether to probe the server once the pair has been recorded.
    pub probe: bool,
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
}

/// Carries out `plan` in the present network namespace.
pub fn record(plan: &Plan) -> anyhow::Result<Evidence> {
    let _ = plan;
    anyhow::bail!("recording is not built yet")
}
