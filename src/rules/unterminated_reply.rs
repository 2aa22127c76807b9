//! `unterminated-reply`: the reply came, without the line end that the client waits for.

use super::{Call, Rule, Ruling, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Role, Source};
use crate::facts::{Echo, Facts};

pub(super) static RULE: Rule =
    Rule { name: "unterminated-reply", explains: &["client-gives-up-early", "client-failed"], check };

fn check(facts: &Facts) -> Ruling {
    let exchanges = facts.exchanges()?;
    let Some((talk, _)) = exchanges.iter().find(|(_, exchange)| exchange.echo == Echo::Unterminated) else {
        return Ok(Call::Silent);
    };
    if !facts.still_waiting() && !facts.a_client_failed() {
        return super::ruled_out("the client did not wait for a line end");
    }
    if talk.client_end.as_ref().is_some_and(|end| end.unread.unwrap_or_default() > 0) {
        return super::ruled_out("the client has not even read what came");
    }
    facts.capture_is_whole()?;
    if talk.ended_by(Role::Server).is_none() {
        facts.is_final(talk, Role::Server)?;
    }
    let told = facts.contract.framing.as_ref().is_some_and(|term| term.source == Source::Told);
    let sure = if told { Confidence::Proven } else { Confidence::Likely };
    finding(
        &RULE,
        Side::Server,
        sure,
        "The server's reply is complete but for its line end; the client has read it and goes on waiting for the rest of \
         the line.",
    )
    .because(talk.references())
    .fix("Send the line back as it was received, with its newline; a reader that strips it must add it again.")
    .fires()
}
