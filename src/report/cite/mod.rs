//! References into the evidence, put in words: `packets:3` becomes what packet 3 was. Says what was recorded, no more.
//!
//! The forms: `packets:N` (packet number), `sockets:N` (snapshot) and `sockets:N/M` (its row), `programs:N`,
//! `programs:samples/N`, `programs:held/N` (what the server held at that sample), `tasks:N`, `exceptions:N` (raised), `exceptions:neglected/N`, `exceptions:stalls/N`,
//! `exceptions:stacks/N`, `calls:N`, `calls:crashes/N`, `probes:N`, and `swaps:N/` before any of them for one recorded in that swap.
//! All but packet numbers count from 0.

mod network;
mod programs;

pub use network::probe;
pub use programs::{call, ending, last_words};

use crate::evidence::{At, Evidence, Frame};

/// How many columns of payload are quoted.
const EXCERPT: usize = 48;
/// How many rows or threads are told of before the rest is counted.
const FEW: usize = 3;

/// How much of chance is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    /// Everything: when it was, which packet, whose process id.
    Exact,
    /// What comes out the same when it happens again.
    Steady,
}

impl Telling {
    /// ` at 12.3 ms`, or nothing.
    fn when(self, at: At) -> String {
        if self == Self::Exact { format!(" at {}", time(at.ms())) } else { String::new() }
    }

    /// ` (pid 12)`, or nothing.
    fn pid(self, pid: u32) -> String {
        if self == Self::Exact { format!(" (pid {pid})") } else { String::new() }
    }
}

/// What `reference` refers to, as a clause without a full stop; `None` when the evidence has no such entry.
#[must_use]
pub fn words(reference: &str, evidence: &Evidence) -> Option<String> {
    told(reference, evidence, Telling::Exact)
}

/// The same, with as much of chance as `telling` says.
#[must_use]
pub fn told(reference: &str, evidence: &Evidence, telling: Telling) -> Option<String> {
    let (source, rest) = reference.split_once(':')?;
    if source == "swaps" {
        let (number, inner) = rest.split_once('/').unwrap_or((rest, ""));
        let swap = evidence.swaps.get(number.parse::<usize>().ok()?)?;
        let setting = format!("with the reference {} instead", swap.kept.partner());
        return if inner.is_empty() {
            Some(setting)
        } else {
            Some(format!("{setting}: {}", told(inner, &swap.evidence, telling)?))
        };
    }
    let (list, number) = rest.rsplit_once('/').unwrap_or(("", rest));
    let number: usize = number.parse().ok()?;
    match (source, list) {
        ("packets", "") => network::packet(number as u64, evidence, telling),
        ("sockets", "") => {
            let snapshot = evidence.sockets.seen().ok()?.snapshots.get(number)?;
            Some(network::snapshot(snapshot, telling))
        }
        ("sockets", row_of) => {
            let snapshot = evidence.sockets.seen().ok()?.snapshots.get(row_of.parse::<usize>().ok()?)?;
            let row = network::row(snapshot.sockets.get(number)?, telling);
            Some(format!("socket table{}: {row}", telling.when(snapshot.at)))
        }
        ("programs", "") => {
            let program = evidence.programs.seen().ok()?.programs.get(number)?;
            Some(programs::program(program, telling))
        }
        ("programs", "samples") => {
            let sample = evidence.programs.seen().ok()?.samples.get(number)?;
            let waits = list_few(sample.processes.iter().flat_map(|process| programs::waits(process, telling)));
            Some(format!("threads{}: {waits}", telling.when(sample.at)))
        }
        ("programs", "held") => {
            let programs = evidence.programs.seen().ok()?;
            let sample = programs.samples.get(number)?;
            Some(format!("the server{}: {}", telling.when(sample.at), programs::held(sample, programs, telling)))
        }
        ("tasks", "") => evidence.tasks.seen().ok()?.tasks.get(number).map(|task| programs::task(task, telling)),
        ("exceptions", _) => programs::exception(list, number, evidence, telling),
        ("calls", "crashes") => {
            evidence.calls.seen().ok()?.crashes.get(number).map(|one| programs::crash(one, telling))
        }
        ("calls", "") => evidence.calls.seen().ok()?.calls.get(number).map(|one| call(one, telling)),
        ("probes", "") => evidence.probes.seen().ok()?.probes.get(number).map(|one| probe(one, telling)),
        _ => None,
    }
}

/// A duration or moment in milliseconds, with as many digits as one cares for.
#[must_use]
pub fn time(ms: f64) -> String {
    match ms {
        ..0.9995 => format!("{ms:.2} ms"),
        ..99.95 => format!("{ms:.1} ms"),
        ..9999.5 => format!("{ms:.0} ms"),
        _ => format!("{:.1} s", ms / 1000.0),
    }
}

/// A number of bytes, with thousands set apart.
#[must_use]
pub fn size(bytes: u64) -> String {
    let digits = bytes.to_string();
    let mut out = String::new();
    for (n, c) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out + if bytes == 1 { " byte" } else { " bytes" }
}

/// `client.py:6 in talk`.
#[must_use]
pub fn place(frame: &Frame) -> String {
    let function = if frame.function.is_empty() || frame.function == "<module>" {
        String::new()
    } else {
        format!(" in {}", frame.function)
    };
    format!("{}:{}{function}", frame.file, frame.line)
}

fn list_few(items: impl Iterator<Item = String>) -> String {
    let all: Vec<String> = items.collect();
    let more = all.len().saturating_sub(FEW);
    let shown = all[..all.len() - more].join("; ");
    match (shown.is_empty(), more) {
        (true, _) => "empty".to_owned(),
        (false, 0) => shown,
        (false, more) => format!("{shown}; and {more} more"),
    }
}

#[cfg(test)]
mod tests;
