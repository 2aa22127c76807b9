//! The scenarios that come with netdiag: one row each, in the order in which they are listed.

use super::Scenario;

macro_rules! catalogue {
    ($($name:literal),* $(,)?) => {
        /// Name and text of each scenario, embedded so that an installed netdiag needs no files.
        const CATALOGUE: &[(&str, &str)] = &[$(($name, include_str!(concat!("../../scenarios/", $name, ".toml")))),*];
    };
}

catalogue![
    "wrong-port",
    "missing-reply",
    "swallowed-exception",
    "address-mismatch",
    "blocked-loop",
    "client-before-server",
    "client-port-byte-order",
    "tcp-self-connect",
    "client-failed",
    "client-gives-up-early",
    "client-swallowed-exception",
    "client-udp-truncated-by-buffer",
    "contract-disagreement",
    "corrupted-reply",
    "dropped-packets",
    "early-close",
    "ephemeral-port-exhaustion",
    "half-close-dropped",
    "http-to-plain-port",
    "ipv6-wildcard-without-ipv4",
    "localhost-resolves-to-ipv6",
    "missing-terminator",
    "never-accepts",
    "never-listens",
    "no-server",
    "backlog-full",
    "one-at-a-time",
    "port-in-use",
    "time-wait-without-reuseaddr",
    "read-to-eof-without-half-close",
    "reset",
    "server-crashed",
    "server-died",
    "two-listeners-reuseport",
    "server-other-address",
    "server-wrong-port",
    "port-byte-order",
    "silent-client",
    "tls-to-plain-port",
    "slow-reply",
    "suspended-server",
    "transport-mismatch",
    "truncated-reply",
    "two-faults",
    "udp-missing-reply",
    "udp-error-kills-server",
    "udp-late-reply-taken-for-next",
    "udp-reuseaddr-steals-traffic",
    "udp-reply-from-other-source",
    "udp-reply-to-wrong-peer",
    "udp-too-large",
    "udp-truncated-by-buffer",
    "unread-request",
    "unterminated-reply",
    "healthy-ipv6",
    "healthy-large",
    "healthy-line",
    "healthy-many",
    "healthy-one-line",
    "healthy-prefix",
    "healthy-raw",
    "healthy-udp",
    "healthy-until-eof",
    "near-miss-empty-datagram",
    "near-miss-full-queue",
    "listener-inherited-by-child",
    "near-miss-half-close",
    "near-miss-prefork",
    "near-miss-one-by-one",
    "near-miss-reset-at-end",
    "near-miss-retry",
    "near-miss-slow",
    "near-miss-split-reply",
    "near-miss-udp-error",
    "near-miss-udp-pipelined",
];

/// All names.
pub fn names() -> impl Iterator<Item = &'static str> {
    CATALOGUE.iter().map(|(name, _)| *name)
}

/// The scenario called `name`; `None` when there is none.
#[must_use]
pub fn find(name: &str) -> Option<anyhow::Result<Scenario>> {
    CATALOGUE.iter().find(|(known, _)| *known == name).map(|(name, text)| super::parse(name, text))
}

/// The name most like `name`, if one is at all like it.
#[must_use]
pub fn nearest(name: &str) -> Option<&'static str> {
    names()
        .map(|known| (strsim::jaro_winkler(known, name), known))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}
