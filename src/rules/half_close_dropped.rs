//! `half-close-dropped`: the server takes the end of the client's input for the end of the connection.

use super::{Call, Rule, Ruling, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::Role;
use crate::facts::{Echo, Facts, Talk};

pub(super) static RULE: Rule = Rule {
    name: "half-close-dropped",
    explains: &["early-close", "truncated-reply", "missing-reply", "reset", "client-failed"],
    check,
};

fn check(facts: &Facts) -> Ruling {
    let exchanges = facts.exchanges()?;
    let dropped = exchanges.iter().find(|(talk, exchange)| {
        let ended = (talk.fin(Role::Client), talk.ended_by(Role::Server));
        reply_was_dropped(talk, &exchange.echo)
            && !client_was_gone(talk, facts)
            && matches!(ended, (Some(client), Some(server)) if client < server)
            && talk.rst(Role::Client).is_none()
    });
    let Some((talk, exchange)) = dropped else {
        return if exchanges.iter().any(|(talk, exchange)| talk.fin(Role::Client).is_some() && exchange.echo == Echo::Right) {
            super::ruled_out("the reply came although the client had shut down its side")
        } else {
            Ok(Call::Silent)
        };
    };
    let answers = facts.dialect.as_ref().is_ok_and(|d| d.answers_half_close.as_ref().is_some_and(|answers| answers.value));
    let nobody_minds = !facts.still_waiting() && !facts.a_client_failed() && exchange.echo != Echo::Nothing;
    if answers && nobody_minds {
        return super::ruled_out("the server answers a client that half-closes, and this one left contented");
    }
    if facts.server_ended_badly() {
        return super::ruled_out("the server's program ended");
    }
    finding(
        &RULE,
        Side::Server,
        if exchange.asked_completely == Some(true) { Confidence::Proven } else { Confidence::Likely },
        format!(
            "The client sent {} bytes and shut down its sending side, as TCP allows; the server then closed the connection \
             with {} bytes of reply sent.",
            exchange.asked, exchange.got
        ),
    )
    .because(talk.references())
    .because(talk.closing_references(Role::Client))
    .because(talk.closing_references(Role::Server))
    .fix("On end of input finish writing what is owed, then close (Node: `allowHalfOpen: true`).")
    .fires()
}

/// Whole replies are missing, or the one under way when the client's FIN came was not finished. A reply that was already
/// cut before is another fault.
fn reply_was_dropped(talk: &Talk, echo: &Echo) -> bool {
    match echo {
        Echo::Nothing | Echo::Short { whole_messages: true, .. } => true,
        Echo::Short { whole_messages: false, .. } => {
            talk.response().is_ok_and(|response| response.last > talk.fin(Role::Client))
        }
        _ => false,
    }
}

/// A client that half-closes stays for the reply. One whose program had ended before the server closed had left for good.
fn client_was_gone(talk: &Talk, facts: &Facts) -> bool {
    let Some(closed) = talk.ended_by(Role::Server) else { return false };
    facts.players(Role::Client).is_ok_and(|clients| {
        !clients.is_empty()
            && clients.iter().all(|client| client.program.exit.as_ref().is_some_and(|exit| exit.at < closed))
    })
}
