//! `client-gives-up-early`: the client left; the right reply came a moment later.

use super::{Call, Rule, Ruling, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::Role;
use crate::facts::{Echo, Facts, Talk};

pub(super) static RULE: Rule = Rule { name: "client-gives-up-early", explains: &["reset", "early-close", "client-failed"], check };

fn check(facts: &Facts) -> Ruling {
    let exchanges = facts.exchanges()?;
    let late = exchanges.iter().find(|(talk, exchange)| exchange.asked > 0 && exchange.echo == Echo::Right && left_before_the_reply(talk, facts));
    let Some((talk, _)) = late else { return left_in_the_middle(facts) };
    let took = talk.slowest_reply_ms().unwrap_or_default();
    let promise = facts.contract.latency_ms.as_ref().map(|term| term.value as f64);
    let (sure, against) = match promise {
        Some(promise) if took > promise => return super::ruled_out("the reply was later than the server had promised"),
        Some(promise) => (Confidence::Proven, format!("the server may take {promise:.0} ms")),
        None => (Confidence::Likely, "nothing limits the time it may take".to_owned()),
    };
    finding(
        &RULE,
        Side::Client,
        sure,
        format!("The client closed the connection before its reply came; the right reply followed after {took:.0} ms, and {against}."),
    )
    .because(talk.closing_references(Role::Client))
    .because(talk.references())
    .fix("Wait longer than the server may take, and say so when the time is over.")
    .fires()
}

/// The reply was under way, right so far, when the client reset the connection, and the client itself was not content.
fn left_in_the_middle(facts: &Facts) -> Ruling {
    let exchanges = facts.exchanges()?;
    let left = exchanges.iter().find(|(talk, exchange)| {
        let reset = talk.rst(Role::Client);
        matches!(exchange.echo, Echo::Short { .. })
            && exchange.got > 0
            && reset.is_some()
            && talk.ended_by(Role::Server).is_none_or(|server| talk.ended_by(Role::Client) < Some(server))
    });
    let Some((talk, exchange)) = left else { return Ok(Call::Silent) };
    if !facts.a_client_failed() {
        return super::ruled_out("the client left in the middle of a reply and was content with that");
    }
    finding(
        &RULE,
        Side::Client,
        Confidence::Likely,
        format!(
            "The client closed the connection while its reply was still coming: {} bytes had come, all of them right.",
            exchange.got
        ),
    )
    .because(talk.closing_references(Role::Client))
    .because(talk.references())
    .fix("Read until the reply is complete (its length, its newline); one recv returns whatever has come by then.")
    .fires()
}

/// A FIN alone may be a half-close. The client has left when its kernel resets what arrives, or its program is gone.
fn left_before_the_reply(talk: &Talk, facts: &Facts) -> bool {
    let Ok(response) = talk.response() else { return false };
    let (Some(left), Some(reply)) = (talk.fin(Role::Client).or(talk.rst(Role::Client)), response.first) else {
        return false;
    };
    // A kernel whose program has closed resets what arrives and acknowledges none of it.
    let reset = talk.rst(Role::Client).is_some_and(|rst| rst >= left) && response.acked < response.total;
    let gone = facts.players(Role::Client).is_ok_and(|clients| {
        !clients.is_empty()
            && clients.iter().all(|client| client.program.exit.as_ref().is_some_and(|exit| exit.at < reply))
    });
    left < reply && (reset || gone)
}
