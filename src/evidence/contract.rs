//! What client and server agreed on, term by term, each with where we know it from.

use serde::{Deserialize, Serialize};

use super::{Bytes, Transport};

/// The agreement between the pair. In [`super::Evidence`] it holds told terms only.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Contract {
    /// The documented address, as `host:port` (a name such as `localhost` is allowed).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Term<String>>,
    /// TCP or UDP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transport: Option<Term<Transport>>,
    /// Where one message ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub framing: Option<Term<Framing>>,
    /// What the server makes of a message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply: Option<Term<Reply>>,
    /// One message per connection, or many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifetime: Option<Term<Lifetime>>,
    /// The longest time the server may take for a reply, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<Term<u64>>,
    /// How many clients the server promises to serve at the same time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<Term<u32>>,
}

impl Contract {
    /// These terms; where one is missing, that of `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            address: self.address.or(other.address),
            transport: self.transport.or(other.transport),
            framing: self.framing.or(other.framing),
            reply: self.reply.or(other.reply),
            lifetime: self.lifetime.or(other.lifetime),
            latency_ms: self.latency_ms.or(other.latency_ms),
            concurrency: self.concurrency.or(other.concurrency),
        }
    }

    /// Whether somebody told where a message ends.
    #[must_use]
    pub fn framing_is_told(&self) -> bool {
        self.framing.as_ref().is_some_and(|term| term.source == Source::Told)
    }

    /// Whether nobody told and nothing showed what the server makes of a message.
    #[must_use]
    pub fn reply_is_assumed(&self) -> bool {
        self.reply.as_ref().is_none_or(|term| term.source == Source::Assumed)
    }
}

/// One term of a contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Term<T> {
    /// What was agreed.
    pub value: T,
    /// Where this is known from.
    pub source: Source,
}

impl<T> Term<T> {
    /// A term somebody stated: a flag, a lab file, a `[contract]` table.
    pub fn told(value: T) -> Self {
        Self { value, source: Source::Told }
    }

    /// A term read off the server's behaviour.
    pub fn learned(value: T) -> Self {
        Self { value, source: Source::Learned }
    }

    /// A term nobody stated and nothing showed.
    pub fn assumed(value: T) -> Self {
        Self { value, source: Source::Assumed }
    }
}

/// Where a term is known from, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// Somebody stated it.
    Told,
    /// The server showed it.
    Learned,
    /// Neither; the usual thing is supposed.
    Assumed,
}

/// Where one message ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Framing {
    /// Any chunk is echoed as it comes; there are no messages.
    Raw,
    /// A message ends with a line terminator.
    Line,
    /// A message is all that is sent until the client half-closes.
    UntilEof,
    /// One datagram is one message.
    Datagram,
}

/// What ends a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Terminator {
    /// A single line feed.
    Lf,
    /// Carriage return, line feed.
    CrLf,
}

/// What the server makes of a message. A line's terminator is not part of the text that is transformed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// The message itself.
    Exact,
    /// These bytes, then the message.
    Prefix(Bytes),
    /// The message, then these bytes (before the line's terminator).
    Suffix(Bytes),
    /// The message in upper case, as several textbooks have it.
    Uppercase,
}

/// How many messages a connection carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lifetime {
    /// As many as the client likes.
    Session,
    /// One; then the server closes.
    OneShot,
}
