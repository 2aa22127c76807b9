//! `transport-mismatch`: one speaks TCP and the other UDP, on the same port.

use super::{Call, Rule, Ruling, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::Source;
use crate::facts::Facts;

pub(super) static RULE: Rule = Rule {
    name: "transport-mismatch",
    explains: &["connection-refused", "contract-disagreement", "no-server", "missing-reply", "client-failed"],
    check,
};

fn check(facts: &Facts) -> Ruling {
    let Some(dial) = facts.refused_dial()? else { return Ok(Call::Silent) };
    let listeners = facts.listeners()?;
    let same_port = |other: bool| {
        listeners
            .iter()
            .filter(|l| facts.may_be_servers(l))
            .find(|l| l.local.port() == dial.target.port() && (l.transport == dial.transport) != other)
    };
    let Some(listener) = same_port(true) else { return Ok(Call::Silent) };
    if same_port(false).is_some() {
        return Ok(Call::Silent);
    }
    let told = facts.evidence.contract.transport.as_ref().filter(|term| term.source == Source::Told);
    let (side, why) = match told {
        Some(term) if term.value == dial.transport => (Side::Server, format!("The documentation says {}.", term.value)),
        Some(term) => (Side::Client, format!("The documentation says {}.", term.value)),
        None => (Side::Both, "Nothing says which of the two was agreed on.".to_owned()),
    };
    finding(
        &RULE,
        side,
        Confidence::Proven,
        format!(
            "The client speaks {} to port {}, where a {} socket waits. {why}",
            dial.transport,
            dial.target.port(),
            listener.transport
        ),
    )
    .because(dial.evidence.clone())
    .because([listener.reference.clone()])
    .fix("Make the same kind of socket on both sides: SOCK_STREAM for TCP, SOCK_DGRAM for UDP.")
    .fires()
}
