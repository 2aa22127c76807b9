//! `client-before-server`: the client dialled before the server listened, and did not try again.

use super::{Call, Rule, Ruling, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::Role;
use crate::facts::Facts;

pub(super) static RULE: Rule =
    Rule { name: "client-before-server", explains: &["connection-refused", "client-failed"], check };

fn check(facts: &Facts) -> Ruling {
    let Some(dial) = facts.refused_dial()? else { return Ok(Call::Silent) };
    let listeners = facts.listeners()?;
    let Some(listener) = listeners.iter().find(|listener| listener.covers(dial.transport, dial.target)) else {
        return Ok(Call::Silent);
    };
    if listener.first_seen <= dial.at && dial.at <= listener.last_seen {
        return super::ruled_out("the server was listening when the client dialled");
    }
    if listener.first_seen <= dial.at {
        return super::ruled_out("the server had listened before the client dialled");
    }
    let setting = &facts.evidence.setting;
    let server_on_stand = facts.player(Role::Server)?.is_some();
    // The client was started although nothing listened yet: not its own choice.
    let started_too_early = server_on_stand && setting.server_ready.is_none_or(|ready| Some(ready) > setting.clients_started);
    finding(
        &RULE,
        if started_too_early { Side::Environment } else { Side::Client },
        Confidence::Likely,
        format!(
            "The client dialled {} {:.0} ms before the server was seen to listen there, and gave up.",
            dial.target,
            listener.first_seen.ms_since(dial.at)
        ),
    )
    .because(dial.evidence.clone())
    .because([listener.reference.clone()])
    .at(facts.line_that_dialled(dial))
    .fix("Start the client when the server listens, or let it try again for a while when it is refused.")
    .fires()
}
