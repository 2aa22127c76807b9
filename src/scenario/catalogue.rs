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
    "client-failed",
    "client-gives-up-early",
    "client-swallowed-exception",
    "contract-disagreement",
    "corrupted-reply",
    "dropped-packets",
    "early-close",
    "half-close-dropped",
    "missing-terminator",
    "never-accepts",
    "never-listens",
    "no-server",
    "one-at-a-time",
    "port-in-use",
    "read-to-eof-without-half-close",
    "reset",
    "server-crashed",
    "server-died",
    "server-other-address",
    "server-wrong-port",
    "silent-client",
    "slow-reply",
    "suspended-server",
    "transport-mismatch",
    "truncated-reply",
    "struct-padding",
    "client-closes-with-unread-data",
    "exit-before-output",
    "length-prefix-byte-order",
    "short-write-ignored",
    "small-receive-buffer-desync",
    "line-longer-than-limit",
    "server-waits-for-full-buffer",
    "reply-not-flushed",
    "crlf-versus-lf",
    "unterminated-c-string",
    "whole-buffer-echo",
    "utf8-split-across-reads",
    "binary-through-text",
    "one-reply-where-a-session-is-agreed",
    "one-reply-versus-session",
    "client-one-recv-per-message",
    "server-closes-with-unread-data",
    "server-one-recv-per-message",
    "receiver-stops-reading",
    "write-write-deadlock",
    "two-faults",
    "udp-missing-reply",
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
    "near-miss-half-close",
    "near-miss-one-by-one",
    "near-miss-reset-at-end",
    "near-miss-retry",
    "near-miss-slow",
    "near-miss-little-endian-length",
    "near-miss-joined-echo",
    "near-miss-large-both-ways",
    "near-miss-split-reply",
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
