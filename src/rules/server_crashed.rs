//! `server-crashed`: the server's program ended while clients were waiting for it.

use super::{Call, Rule, Ruling, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::Role;
use crate::facts::{Echo, Ended, Facts};

pub(super) static RULE: Rule = Rule {
    name: "server-crashed",
    explains: &[
        "early-close",
        "reset",
        "truncated-reply",
        "half-close-dropped",
        "connection-refused",
        "missing-reply",
        "client-gives-up-early",
        "client-failed",
    ],
    check,
};

fn check(facts: &Facts) -> Ruling {
    if facts.is_alone()
        && let Some(blow) = facts.killed_by()
    {
        return finding(
            &RULE,
            Side::Server,
            Confidence::Proven,
            format!("The server served until it met {}; after that it served nobody any more.", blow.what),
        )
        .because(blow.evidence)
        .fix("Handle errors per connection, so that one client cannot end the server for all.")
        .fires();
    }
    let Some(server) = facts.player(Role::Server)? else { return Ok(Call::Silent) };
    let left_early = server.ended == Ended::Exited(0) && facts.refused_dial()?.is_some();
    if facts.evidence.setting.server_ready.is_none() || !(facts.server_ended_badly() || left_early) {
        return Ok(Call::Silent);
    }
    let served = facts.exchanges().is_ok_and(|exchanges| {
        !exchanges.is_empty() && exchanges.iter().all(|(_, exchange)| exchange.echo == Echo::Right)
    });
    if served && facts.refused_dial().is_ok_and(|dial| dial.is_none()) {
        return super::ruled_out("every client had been served before it ended");
    }
    let how = match server.ended {
        Ended::Exited(status) => format!("exited with status {status}"),
        Ended::Killed(signal) => format!("was ended by signal {signal}"),
        Ended::Running | Ended::NeverStarted => return Ok(Call::Silent),
    };
    let (side, sure) = if server.was_ended_from_outside() {
        (Side::Environment, Confidence::Likely)
    } else {
        (Side::Server, Confidence::Proven)
    };
    let words = server.last_words().map(|words| format!(" Its last words: {}", words.escaped())).unwrap_or_default();
    finding(&RULE, side, sure, format!("The server {how} while it was serving.{words}"))
        .because([server.reference()])
        .fix("Handle errors per connection, so that one client cannot end the server for all.")
        .fires()
}
