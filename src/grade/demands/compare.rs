//! A server beside the reference on the same machine, under the same clients: how long its replies take and how much memory
//! a connection costs, as ratios. A slow machine slows both.

use super::Demand;
use crate::evidence::{Evidence, Port, Role, Sample};
use crate::grade::lab::Expect;
use crate::report::cite;

/// What is faster than this, in milliseconds, is fast enough whatever the reference does.
const FAST_MS: f64 = 1.0;
/// What costs less than this for each connection, in KiB, is little whatever the reference needs.
const LITTLE_KIB: f64 = 16.0;

/// The comparisons that are asked for.
pub fn demands(expect: &Expect, evidence: &Evidence, beside: Option<&Evidence>) -> Vec<Demand> {
    let mut demands = Vec::new();
    if let Some(times) = expect.latency_times {
        demands.push(match (reply_ms(evidence), beside.and_then(reply_ms)) {
            (Some(own), Some(reference)) if own > times * reference.max(FAST_MS) => Demand::Exceeded {
                what: format!(
                    "Half of the replies took more than {times} times as long as those of netdiag's reference server under the \
                     same clients on the same machine. Look for what the server waits for (a sleep, a lock, a client that is \
                     slow) between reading a request and writing the reply."
                ),
                measured: format!("{}, the reference {}", cite::time(own), cite::time(reference)),
            },
            (Some(_), Some(_)) => Demand::Met,
            _ => Demand::Open("The replies of the server and of the reference could not be compared.".to_owned()),
        });
    }
    if let Some(times) = expect.memory_times {
        demands.push(match (connection_kib(evidence), beside.and_then(connection_kib)) {
            (Some(own), Some(reference)) if own > times * reference.max(LITTLE_KIB) => Demand::Exceeded {
                what: format!(
                    "A connection costs more than {times} times the memory that it costs netdiag's reference server. Keep no \
                     large buffer for each client, and nothing of what has been answered."
                ),
                measured: format!("{own:.0} KiB for each connection, the reference {reference:.0} KiB"),
            },
            (Some(_), Some(_)) => Demand::Met,
            _ => Demand::Open("The memory of the server and of the reference could not be compared.".to_owned()),
        });
    }
    demands
}

/// The median time from the end of a request to the beginning of its reply, in milliseconds.
fn reply_ms(evidence: &Evidence) -> Option<f64> {
    let conversations = &evidence.packets.seen().ok()?.conversations;
    let mut took: Vec<f64> = conversations
        .iter()
        .flat_map(|conversation| conversation.turns.windows(2))
        .filter(|pair| pair[0].from == Port::Dialler && pair[1].from == Port::Listener)
        .map(|pair| pair[1].first.ms_since(pair[0].last))
        .collect();
    took.sort_by(f64::total_cmp);
    took.get(took.len() / 2).copied()
}

/// By how much the server's memory grew from before the first client to its peak, in KiB for each connection.
fn connection_kib(evidence: &Evidence) -> Option<f64> {
    let programs = evidence.programs.seen().ok()?;
    let started = evidence.setting.clients_started?;
    let connections = evidence.packets.seen().ok()?.conversations.len();
    let of_server = |program: usize| programs.programs.get(program).is_some_and(|one| one.role == Role::Server);
    let memory = |sample: &Sample| -> u64 {
        let own = sample.processes.iter().filter(|process| of_server(process.program));
        own.map(|process| process.rss_kib).sum()
    };
    // Of a server with many threads only later looks are kept; the first of them counts in its favour.
    let before = programs.samples.iter().filter(|sample| sample.at <= started).map(memory).max();
    let before = before.or_else(|| programs.samples.first().map(memory))?;
    let peak = programs.samples.iter().filter(|sample| sample.at > started).map(memory).max()?;
    (connections > 0 && before > 0).then(|| peak.saturating_sub(before) as f64 / connections as f64)
}
