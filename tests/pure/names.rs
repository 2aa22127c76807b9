//! The names under which people met real faults, and what became of each: docs/faults/catalogue.md is made of this table
//! and of what is in the tree; NETDIAG_BLESS=1 rewrites it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use netdiag::report::pages;
use netdiag::rules;
use netdiag::scenario;

use crate::catalogue::NEVER_A_CAUSE;

/// All names, group by group.
const NAMES: &[(&str, &[&str])] = &[
    (
        "A. Reaching the server",
        &[
            "client-wrong-port",
            "server-wrong-port",
            "port-byte-order",
            "localhost-resolves-to-ipv6",
            "listener-on-ipv6-loopback-only",
            "ipv6-wildcard-without-ipv4",
            "loopback-only-listener",
            "bind-by-hostname",
            "client-before-server",
            "server-not-started-privileged-port",
            "server-survives-failed-bind",
            "stale-process-holds-port",
            "time-wait-without-reuseaddr",
            "port-taken-by-os-service",
            "listener-inherited-by-child",
            "two-listeners-reuseport",
            "tcp-self-connect",
            "firewall-drop",
            "firewall-reject",
            "loopback-down",
            "wsl-or-container-boundary",
            "backlog-full",
            "ephemeral-port-exhaustion",
            "tcp-udp-mismatch",
            "tls-to-plain-port",
        ],
    ),
    (
        "B. Message boundaries and encoding",
        &[
            "client-omits-terminator",
            "crlf-versus-lf",
            "reply-without-terminator",
            "client-one-recv-per-message",
            "server-one-recv-per-message",
            "server-waits-for-full-buffer",
            "read-to-eof-without-half-close",
            "small-receive-buffer-desync",
            "length-prefix-byte-order",
            "struct-padding",
            "unterminated-c-string",
            "whole-buffer-echo",
            "utf8-split-across-reads",
            "binary-through-text",
            "line-longer-than-limit",
            "bytes-versus-str",
        ],
    ),
    (
        "C. Serving several clients",
        &[
            "one-client-at-a-time",
            "run-instead-of-start",
            "blocking-call-in-event-loop",
            "shared-state-crosstalk",
            "client-threads-share-socket",
            "worker-pool-exhausted",
            "closed-socket-in-select",
            "select-above-1024",
            "writable-busy-loop",
            "eof-busy-loop",
            "would-block-treated-as-error",
            "task-garbage-collected",
            "coroutine-never-awaited",
        ],
    ),
    (
        "D. Writing, closing, resets",
        &[
            "reply-not-flushed",
            "short-write-ignored",
            "write-write-deadlock",
            "receiver-stops-reading",
            "reply-dropped-on-half-close",
            "client-closes-with-unread-data",
            "server-closes-with-unread-data",
            "abortive-close-on-purpose",
            "one-reply-versus-session",
            "exit-before-output",
            "fork-keeps-descriptor",
            "close-wait-leak",
            "accept-fails-emfile",
            "accept-loop-ended",
            "killed-by-sigpipe",
            "unhandled-socket-error",
            "handler-exception-leaves-connection-open",
            "shutdown-hangs",
            "nagle-delayed-ack",
            "client-timeout-too-short",
        ],
    ),
    (
        "E. Errors that nobody sees",
        &["exception-swallowed-in-server", "exception-swallowed-in-client", "suspended-process"],
    ),
    (
        "F. UDP",
        &[
            "udp-no-timeout",
            "udp-server-down-is-silent",
            "udp-reply-to-wrong-peer",
            "udp-reply-from-other-source",
            "udp-truncated-by-buffer",
            "udp-too-large",
            "udp-reuseaddr-steals-traffic",
            "udp-error-kills-server",
            "udp-late-reply-taken-for-next",
            "asyncio-ignores-empty-datagram",
        ],
    ),
];

/// Names without a rule of their own or of another name, and why.
const WITHOUT_RULE: &[(&str, &str)] = &[
    (
        "asyncio-ignores-empty-datagram",
        "nobody's fault in practice; staged as near-miss-empty-datagram, which blames nobody",
    ),
    (
        "wsl-or-container-boundary",
        "needs two machines; on one side the client's packets never appear, and that is said",
    ),
    ("task-garbage-collected", "cannot be staged reliably; where it strikes, unread-request or missing-reply is found"),
];

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Which scenarios expect this fault.
fn staged(fault: &str) -> Vec<&'static str> {
    let expects = |name: &&str| {
        let expect = scenario::find(name).and_then(|found| found.ok()?.expect);
        expect.is_some_and(|expect| {
            expect.fault.as_deref() == Some(fault) || expect.also.iter().any(|also| also == fault)
        })
    };
    scenario::names().filter(expects).collect()
}

/// One line of the table; an error where something is missing without a reason.
fn row(name: &str) -> Result<String, String> {
    if let Some((_, why)) = WITHOUT_RULE.iter().find(|(known, _)| *known == name) {
        return Ok(format!("| {name} | – | – | – | {why} |"));
    }
    let page = pages::find(name).ok_or_else(|| format!("{name} is unknown to `netdiag explain`, without a reason"))?;
    rules::find(page.slug).ok_or_else(|| format!("{name}: no rule is called {}", page.slug))?;
    let companion = NEVER_A_CAUSE.iter().find(|(fault, _)| *fault == page.slug).map(|(_, case)| *case);
    let case = companion.unwrap_or(page.slug);
    let mut scenarios = staged(page.slug);
    scenarios.extend(companion.filter(|case| scenario::names().any(|name| name == *case)));
    if scenarios.is_empty() || !repository(&format!("tests/fixtures/evidence/{case}.json")).is_file() {
        return Err(format!("{name}: {} is not staged, or has no recorded case", page.slug));
    }
    scenarios.dedup();
    let staged = scenarios.join(", ");
    let also = if page.slug == name { String::new() } else { format!("the same as {}", page.slug) };
    Ok(format!("| {name} | [{0}]({0}.md) | {staged} | {case} | {also} |", page.slug))
}

#[test]
fn every_name_people_gave_a_fault_leads_somewhere_or_has_its_reason() {
    let mut page = "# Every name, and what became of it\n\n*Faults as people met them, group by group. This page is \
                    generated: `NETDIAG_BLESS=1 cargo test --test pure` writes it.*\n"
        .to_owned();
    let mut missing = Vec::new();
    for (group, names) in NAMES {
        write!(page, "\n## {group}\n\n| name | rule and page | scenarios | case | remark |\n|---|---|---|---|---|\n")
            .unwrap();
        for name in *names {
            match row(name) {
                Ok(row) => writeln!(page, "{row}").unwrap(),
                Err(why) => missing.push(why),
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    let file = repository("docs/faults/catalogue.md");
    if std::env::var_os("NETDIAG_BLESS").is_some() {
        fs::write(&file, &page).unwrap();
    }
    assert_eq!(
        fs::read_to_string(&file).unwrap_or_default(),
        page,
        "NETDIAG_BLESS=1 cargo test --test pure writes it anew"
    );
}

#[test]
fn no_name_stands_twice_and_no_reason_is_idle() {
    let all: Vec<&str> = NAMES.iter().flat_map(|(_, names)| names.iter().copied()).collect();
    assert_eq!(all.len(), all.iter().collect::<BTreeSet<_>>().len());
    for (name, _) in WITHOUT_RULE {
        assert!(all.contains(name) && pages::find(name).is_none(), "{name} has a page, or is no name");
    }
}
