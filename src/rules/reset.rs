//! `reset`: the server reset the connection instead of answering.

use super::{Call, Rule, Ruling, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Lifetime, Role, Source};
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
    let session = facts.contract.lifetime.as_ref().is_some_and(|term| {
        term.value == Lifetime::Session && term.source != Source::Assumed
    });
    match exchange.echo {
        Echo::Right => return super::ruled_out("the reset came after a complete exchange and did no harm"),
        Echo::NothingAsked | Echo::Pending => return super::ruled_out("nothing was owed when the reset came"),
        Echo::Short { whole_messages: true, .. } if !session => {
            return super::ruled_out("an earlier message had been answered, and nothing says that there may be more");
        }
        Echo::Nothing | Echo::Short { .. } => {}
        Echo::Unterminated | Echo::Differs { .. } | Echo::Surplus { .. } => return Ok(Call::Silent),
    }
    if talk.fin(Role::Server) < talk.rst(Role::Server) && talk.fin(Role::Server).is_some() {
        return super::ruled_out("the server had closed in order before; its kernel resets what comes after that");
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
        if exchange.asked_completely.is_none() { Confidence::Likely } else { Confidence::Proven },
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
