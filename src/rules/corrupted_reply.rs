//! `corrupted-reply`: what came back differs from what was sent.

use super::{Call, Rule, Ruling, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::Gap;
use crate::facts::{Echo, Facts};

pub(super) static RULE: Rule =
    Rule { name: "corrupted-reply", explains: &["client-gives-up-early", "client-failed"], check };

fn check(facts: &Facts) -> Ruling {
    let exchanges = facts.exchanges()?;
    let wrong = exchanges.iter().find_map(|(talk, exchange)| match &exchange.echo {
        Echo::Differs { at, owed, got } => Some((
            talk,
            format!(
                "From byte {} on the reply differs from what it should be: `{}` instead of `{}`.",
                at + 1,
                got.escaped(),
                owed.escaped()
            ),
        )),
        Echo::Surplus { extra } => {
            Some((talk, format!("The reply goes on after its end: `{}` is too much.", extra.escaped())))
        }
        _ => None,
    });
    let Some((talk, statement)) = wrong else { return Ok(Call::Silent) };
    if facts.contract.reply_is_assumed() && facts.echoes_damaged() {
        return finding(&RULE, Side::Server, Confidence::Likely, statement)
            .because(talk.references())
            .fix("Treat the message as bytes from end to end: no decoding, no shared buffer, exactly the bytes received.")
            .fires();
    }
    if facts.contract.reply_is_assumed() {
        return Err(Gap::new(
            "probes",
            "nothing tells what the server is supposed to answer",
            "tell the reply's form with --contract, or let netdiag probe the server",
        ));
    }
    finding(&RULE, Side::Server, Confidence::Proven, statement)
        .because(talk.references())
        .fix("Treat the message as bytes from end to end: no decoding, no shared buffer, exactly the bytes received.")
        .fires()
}
