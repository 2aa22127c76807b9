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
    "accept-fails-emfile",
    "accept-loop-ended",
    "address-mismatch",
    "blocked-loop",
    "client-before-server",
    "client-port-byte-order",
    "tcp-self-connect",
    "client-failed",
    "client-gives-up-early",
    "client-swallowed-exception",
    "client-threads-share-socket",
    "close-wait-leak",
    "closed-socket-in-select",
    "client-udp-truncated-by-buffer",
    "contract-disagreement",
    "connection-abandoned",
    "coroutine-never-awaited",
    "coroutine-never-awaited-client",
    "corrupted-reply",
    "dropped-packets",
    "early-close",
    "eof-busy-loop",
    "eof-busy-loop-client",
    "fork-keeps-descriptor",
    "half-close-dropped",
    "killed-by-sigpipe",
    "ephemeral-port-exhaustion",
    "http-to-plain-port",
    "ipv6-wildcard-without-ipv4",
    "localhost-resolves-to-ipv6",
    "missing-terminator",
    "nagle-delayed-ack",
    "never-accepts",
    "never-listens",
    "no-server",
    "backlog-full",
    "one-at-a-time",
    "port-in-use",
    "time-wait-without-reuseaddr",
    "read-to-eof-without-half-close",
    "reset",
    "select-above-1024",
    "server-crashed",
    "server-died",
    "two-listeners-reuseport",
    "server-other-address",
    "server-wrong-port",
    "shared-state-crosstalk",
    "port-byte-order",
    "silent-client",
    "tls-to-plain-port",
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
    "unhandled-socket-error",
    "udp-error-kills-server",
    "udp-late-reply-taken-for-next",
    "udp-reuseaddr-steals-traffic",
    "udp-reply-from-other-source",
    "udp-reply-to-wrong-peer",
    "udp-too-large",
    "udp-truncated-by-buffer",
    "unread-request",
    "unterminated-reply",
    "worker-pool-exhausted",
    "would-block-treated-as-error",
    "writable-busy-loop",
    "shutdown-hangs",
    "loopback-down",
    "firewall-reject",
    "leak-per-client",
    "healthy-ipv6",
    "healthy-large",
    "healthy-line",
    "healthy-many",
    "healthy-one-line",
    "healthy-prefix",
    "healthy-raw",
    "healthy-udp",
    "healthy-until-eof",
    "near-miss-busy-server",
    "near-miss-cache-that-fills",
    "near-miss-filtered-errand",
    "near-miss-fork",
    "near-miss-half-close",
    "near-miss-last-connection",
    "near-miss-empty-datagram",
    "near-miss-full-queue",
    "listener-inherited-by-child",
    "near-miss-prefork",
    "near-miss-one-by-one",
    "near-miss-reset-at-end",
    "near-miss-retry",
    "near-miss-slow",
    "near-miss-little-endian-length",
    "near-miss-joined-echo",
    "near-miss-large-both-ways",
    "near-miss-slow-shutdown",
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
