//! `reset`: the server reset the connection instead of answering.

use super::{Call, Rule, Ruling, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::Role;
use crate::facts::asked::Muteness;
use crate::facts::{Echo, Facts};

pub(super) static RULE: Rule = Rule { name: "reset", explains: &["client-failed", "early-close", "truncated-reply"], check };

fn check(facts: &Facts) -> Ruling {
    if let Some((Muteness::Reset, evidence)) = facts.muteness()? {
        return finding(&RULE, Side::Server, Confidence::Proven, "The server reset each of netdiag's connections.")
            .because(evidence)
            .fix("Read everything the client sent before closing, reply, and close in the ordinary way (no SO_LINGER 0).")
            .fires();
    }
    let exchanges = facts.exchanges()?;
    let Some((talk, exchange)) = exchanges.iter().find(|(talk, _)| talk.rst(Role::Server).is_some()) else {
        return Ok(Call::Silent);
    };
    if exchange.echo == Echo::Right {
        return super::ruled_out("the reset came after a complete exchange and did no harm");
    }
    if talk.fin(Role::Server).is_some_and(|closed| Some(closed) < talk.rst(Role::Server)) {
        return super::ruled_out("the server had closed in the ordinary way; its kernel reset what was sent after that");
    }
    if talk.ended_by(Role::Client).is_some_and(|left| Some(left) < talk.rst(Role::Server)) {
        return super::ruled_out("the client had left before");
    }
    finding(
        &RULE,
        Side::Server,
        Confidence::Proven,
        format!(
            "The server's end reset the connection (RST) with {} of the client's {} bytes answered.",
            exchange.got, exchange.asked
        ),
    )
    .because(talk.references())
    .because(talk.closing_references(Role::Server))
    .fix("Read everything the client sent before closing, reply, and close in the ordinary way (no SO_LINGER 0).")
    .fires()
}
