//! `server-wrong-port`: the server listens on a port other than the documented one.

use super::{Call, Rule, Ruling, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::Role;
use crate::facts::Facts;

pub(super) static RULE: Rule = Rule {
    name: "server-wrong-port",
    explains: &["connection-refused", "contract-disagreement", "client-failed"],
    check,
};

fn check(facts: &Facts) -> Ruling {
    let Some(documented) = facts.documented_port() else { return Ok(Call::Silent) };
    let listeners = facts.server_listeners()?;
    let transport = facts.transport();
    let same: Vec<_> = listeners.iter().filter(|listener| listener.transport == transport).collect();
    if same.is_empty() || same.iter().any(|listener| listener.local.port() == documented) {
        return Ok(Call::Silent);
    }
    let elsewhere = same[0];
    let swapped = if elsewhere.local.port() == documented.swap_bytes() {
        " That is the documented number with its two bytes exchanged: htons is missing."
    } else {
        ""
    };
    // Without the client's attempts nothing shows that this, and nothing else, is what went wrong; and a server that is
    // still doing something may have been about to listen there too.
    let is_done = facts.player(Role::Server)?.is_none_or(|server| server.waits_for_ever());
    let sure = if facts.dials().is_ok() && is_done { Confidence::Proven } else { Confidence::Likely };
    finding(
        &RULE,
        Side::Server,
        sure,
        format!("The server listens on port {}; the documented port is {documented}.{swapped}", elsewhere.local.port()),
    )
    .because([elsewhere.reference.clone()])
    .because(facts.refused_dial().ok().flatten().map(|dial| dial.evidence.clone()).unwrap_or_default())
    .fix(format!("Bind {documented}, and print the port that getsockname returns rather than the one you meant."))
    .fires()
}
