//! `contract-disagreement`: client and server use different ports, and nothing says which one was agreed on.

use super::{Call, Rule, Ruling, finding};
use crate::diagnosis::{Confidence, Side};
use crate::facts::Facts;

pub(super) static RULE: Rule =
    Rule { name: "contract-disagreement", explains: &["connection-refused", "client-failed"], check };

fn check(facts: &Facts) -> Ruling {
    let Some(dial) = facts.refused_dial()? else { return Ok(Call::Silent) };
    if facts.documented_port().is_some() {
        return Ok(Call::Silent);
    }
    let listeners = facts.server_listeners()?;
    let Some(listener) = listeners.iter().find(|listener| listener.transport == dial.transport) else {
        return Ok(Call::Silent);
    };
    if listeners.iter().any(|listener| listener.local.port() == dial.target.port()) {
        return Ok(Call::Silent);
    }
    finding(
        &RULE,
        Side::Both,
        Confidence::Proven,
        format!(
            "The client dialled {}, the server listens on {}. They disagree, and nothing says which port was agreed on.",
            dial.target, listener.local
        ),
    )
    .because(dial.evidence.clone())
    .because([listener.reference.clone()])
    .at(facts.line_that_dialled(dial))
    .fix("Look up the documented port and give it to both; `--at HOST:PORT` tells netdiag, which then names the side.")
    .fires()
}
