//! `never-listens`: the server's program lives on and owns no listening socket.

use super::{Call, Rule, Ruling, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Action, Role};
use crate::facts::Facts;

pub(super) static RULE: Rule = Rule {
    name: "never-listens",
    explains: &["connection-refused", "swallowed-exception", "client-before-server", "client-failed"],
    check,
};

fn check(facts: &Facts) -> Ruling {
    let Some(server) = facts.player(Role::Server)? else { return Ok(Call::Silent) };
    if !server.is_running() || facts.evidence.setting.server_ready.is_some() {
        return Ok(Call::Silent);
    }
    if !facts.server_listeners()?.is_empty() {
        return super::ruled_out("the server listens");
    }
    if server.is_stopped() {
        return super::ruled_out("the server is stopped");
    }
    let waits = server.waits_for_ever();
    let swallowed = facts.exceptions(Role::Server).ok().and_then(|raised| {
        raised.into_iter().rev().find(|(_, raised)| raised.action != Action::Uncaught && raised.errno.is_some())
    });
    let failed = facts.failed_binds().last();
    let error = match (&swallowed, failed) {
        (Some((_, raised)), _) => format!(" It met {} on the way and went on.", raised.kind),
        (None, Some((_, call))) => {
            let address = call.address.map_or_else(String::new, |address| format!(" {address}"));
            let why = call.error().map_or_else(String::new, |error| format!(": {error}"));
            format!(" It could not {}{address}{why}, and went on.", call.name)
        }
        (None, None) => String::new(),
    };
    finding(
        &RULE,
        Side::Server,
        if waits { Confidence::Proven } else { Confidence::Likely },
        format!("The server's program runs, but no socket of it listens, for TCP or UDP: nobody can reach it.{error}"),
    )
    .because([server.reference()])
    .because(swallowed.as_ref().map(|(index, _)| format!("exceptions:{index}")))
    .because(failed.map(|(index, _)| format!("calls:{index}")))
    .at(swallowed.and_then(|(_, raised)| Some((raised.frames.last()?.clone(), Role::Server))))
    .fix("Let an error of bind or listen end the program, and call listen before waiting for anything else.")
    .fires()
}
