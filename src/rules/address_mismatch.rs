//! `address-mismatch`: the port is right, the host part is not: ::1 against 127.0.0.1, or another loopback address.

use super::{Call, Rule, Ruling, finding};
use crate::diagnosis::{Confidence, Side};
use crate::facts::{Facts, Listener};

pub(super) static RULE: Rule = Rule {
    name: "address-mismatch",
    explains: &["connection-refused", "contract-disagreement", "client-failed"],
    check,
};

fn check(facts: &Facts) -> Ruling {
    let Some(dial) = facts.refused_dial()? else { return Ok(Call::Silent) };
    let listeners = facts.listeners()?;
    let same_port: Vec<&Listener> = listeners
        .iter()
        .filter(|l| l.transport == dial.transport && l.local.port() == dial.target.port() && l.last_seen >= dial.at)
        .filter(|l| facts.may_be_servers(l))
        .collect();
    let Some(listener) = same_port.first() else { return Ok(Call::Silent) };
    if same_port.iter().any(|listener| listener.covers(dial.transport, dial.target)) {
        return super::ruled_out(format!("a listener covers {}", dial.target));
    }
    let documented = facts.documented_addresses();
    let server_follows = documented.iter().any(|address| listener.covers(dial.transport, *address));
    let client_follows = documented.contains(&dial.target);
    let (side, why) = match (client_follows, server_follows) {
        (false, true) => (Side::Client, "The documentation names the server's address."),
        (true, false) => (Side::Server, "The documentation names the address that the client dialled."),
        _ => (Side::Both, "No documented address decides which of the two departs from it."),
    };
    let fix = match side {
        Side::Client => format!("Dial {}, or try every address that the name resolves to.", listener.local),
        Side::Server => format!("Listen on {} (or on every address of the machine).", dial.target),
        _ => format!("Agree on one address: dial {}, or listen on {} too.", listener.local, dial.target),
    };
    finding(
        &RULE,
        side,
        Confidence::Proven,
        format!("The client dialled {}, the server listens on {}: same port, another address. {why}", dial.target, listener.local),
    )
    .because(dial.evidence.clone())
    .because([listener.reference.clone()])
    .at(if side == Side::Client { facts.line_that_dialled(dial) } else { None })
    .fix(fix)
    .fires()
}
