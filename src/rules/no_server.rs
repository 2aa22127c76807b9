//! `no-server`: the client reached nobody, because nobody was started.

use super::{Call, Rule, Ruling, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Occasion, Role};
use crate::facts::Facts;

pub(super) static RULE: Rule = Rule { name: "no-server", explains: &["connection-refused", "client-failed"], check };

fn check(facts: &Facts) -> Ruling {
    let server_on_stand = facts.player(Role::Server)?.is_some();
    let target = match facts.refused_dial() {
        Ok(Some(dial)) => Some((dial.target, dial.evidence.clone())),
        Ok(None) if facts.evidence.setting.occasion == Occasion::LiveServer => facts.knocked_in_vain(),
        Ok(None) => None,
        Err(gap) => return Err(gap),
    };
    let Some((target, evidence)) = target else { return Ok(Call::Silent) };
    if server_on_stand {
        return super::ruled_out("a server program was on the stand");
    }
    let here = facts.listeners()?.iter().any(|listener| listener.local.port() == target.port());
    if here {
        return super::ruled_out(format!("a socket has port {}", target.port()));
    }
    let documented = facts.documented_port().filter(|port| *port != target.port());
    if let Some(port) = documented
        && facts.listeners()?.iter().any(|listener| listener.local.port() == port)
    {
        return super::ruled_out(format!("a socket has the documented port {port}"));
    }
    finding(
        &RULE,
        Side::Environment,
        Confidence::Proven,
        format!("No program listens on {target}: nobody started a server there."),
    )
    .because(evidence)
    .fix("Start the server, wait until it says that it listens, then start the client.")
    .fires()
}
