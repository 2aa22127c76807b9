//! The `[contract]` table: what the pair agreed on, as somebody tells it.

use serde::Deserialize;

use crate::evidence::{Contract, Framing, Lifetime, Reply, Term, Transport};

/// Told terms; whatever is left out is learned or assumed later.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ContractTable {
    /// The documented address, `host:port`.
    pub address: Option<String>,
    /// `tcp` or `udp`.
    pub transport: Option<Transport>,
    /// `raw`, `line`, `until-eof` or `datagram`.
    pub framing: Option<Framing>,
    /// `"exact"`, `"uppercase"`, `{ prefix = "…" }` or `{ suffix = "…" }`.
    pub reply: Option<Reply>,
    /// `session` or `one-shot`.
    pub lifetime: Option<Lifetime>,
    /// The longest time a reply may take.
    pub latency_ms: Option<u64>,
    /// How many clients are to be served at the same time.
    pub concurrency: Option<u32>,
}

impl ContractTable {
    /// These terms; where one is missing, that of `other`.
    #[must_use]
    pub fn or(self, other: &Self) -> Self {
        Self {
            address: self.address.or_else(|| other.address.clone()),
            transport: self.transport.or(other.transport),
            framing: self.framing.or(other.framing),
            reply: self.reply.or_else(|| other.reply.clone()),
            lifetime: self.lifetime.or(other.lifetime),
            latency_ms: self.latency_ms.or(other.latency_ms),
            concurrency: self.concurrency.or(other.concurrency),
        }
    }

    /// The terms, marked as told.
    #[must_use]
    pub fn told(self) -> Contract {
        Contract {
            address: self.address.map(Term::told),
            transport: self.transport.map(Term::told),
            framing: self.framing.map(Term::told),
            reply: self.reply.map(Term::told),
            lifetime: self.lifetime.map(Term::told),
            latency_ms: self.latency_ms.map(Term::told),
            concurrency: self.concurrency.map(Term::told),
        }
    }
}
