//! `missing-terminator`: the client leaves out the line end that a line server waits for.

use super::{Call, Rule, Ruling, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Framing, Role, Source};
use crate::facts::{Echo, Facts};

pub(super) static RULE: Rule = Rule {
    name: "missing-terminator",
    explains: &["missing-reply", "client-gives-up-early", "client-failed"],
    check,
};

fn check(facts: &Facts) -> Ruling {
    let exchanges = facts.exchanges()?;
    let unfinished = exchanges.iter().find(|(talk, exchange)| {
        exchange.echo == Echo::Pending
            && exchange.asked > 0
            && talk.fin(Role::Server).is_none()
            && talk.rst(Role::Server).is_none()
            && !(talk.ended_by(Role::Client).is_some() && exchange.got > 0)
    });
    let Some((talk, _)) = unfinished else {
        return if facts.still_waiting() && exchanges.iter().any(|(_, exchange)| exchange.asked_completely == Some(true)) {
            super::ruled_out("the client's message is complete")
        } else {
            Ok(Call::Silent)
        };
    };
    let Some(framing) = facts.contract.framing.as_ref().filter(|term| term.value == Framing::Line) else {
        return Ok(Call::Silent);
    };
    let gave_up = talk.ended_by(Role::Client).is_some();
    if !facts.still_waiting() && !gave_up {
        return Ok(Call::Silent);
    }
    facts.capture_is_whole()?;
    if !gave_up {
        facts.is_final(talk, Role::Client)?;
    }
    let known = if framing.source == Source::Told { "as agreed" } else { "as it showed when netdiag asked it" };
    let sure = match framing.source {
        Source::Assumed => Confidence::Possible,
        _ if facts.hang_proven() || gave_up => Confidence::Proven,
        _ => Confidence::Likely,
    };
    let ends_in_lf = talk.request()?.head.0.ends_with(b"\n");
    if ends_in_lf {
        let statement = "The client ends its line with LF. The server waits for CR LF, as it showed when netdiag asked it: \
                         it has read the line and goes on waiting for its end; the client waits for the reply.";
        return finding(&RULE, Side::Client, sure, statement)
            .because(talk.references())
            .fix("End the message with both bytes: `b\"hello\\r\\n\"`.")
            .fires();
    }
    finding(
        &RULE,
        Side::Client,
        sure,
        format!(
            "The client's message has no line end. The server reads lines, {known}, so it has read these bytes and goes on \
             waiting for the rest of the line; the client waits for the reply."
        ),
    )
    .because(talk.references())
    .at(facts.line_that_sent())
    .fix("End the message with a newline: `b\"hello\\n\"`.")
    .fires()
}
