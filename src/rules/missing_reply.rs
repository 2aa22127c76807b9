//! `missing-reply`: the server read a complete request and wrote nothing.

use super::{Call, Rule, Ruling, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Gap, Role, Source, Transport};
use crate::facts::asked::Muteness;
use crate::facts::{Echo, Exchange, Facts, Talk};

pub(super) static RULE: Rule =
    Rule { name: "missing-reply", explains: &["client-gives-up-early", "client-failed"], check };

fn check(facts: &Facts) -> Ruling {
    if let Some((Muteness::Open, evidence)) = facts.muteness()? {
        return finding(
            &RULE,
            Side::Server,
            Confidence::Likely,
            "The server read whatever netdiag sent, a line, text without a line end, text and a half-close, and answered \
             nothing.",
        )
        .because(evidence)
        .at(facts.line_where_waits(Role::Server))
        .fix("Write the reply in the handler, and flush it (`await writer.drain()`, `flush()`), on every path through it.")
        .fires();
    }
    let exchanges = facts.exchanges()?;
    let unanswered = exchanges.iter().find(|(talk, exchange)| {
        matches!(exchange.echo, Echo::Nothing | Echo::Short { whole_messages: true, .. })
            && talk.ended_by(Role::Server).is_none()
            && talk.was_read() != Some(false)
            && (talk.transport == Transport::Udp || talk.was_accepted() != Some(false))
    });
    let Some((talk, exchange)) = unanswered else {
        return if exchanges.iter().any(|(_, exchange)| exchange.echo == Echo::Right) {
            super::ruled_out("the reply came")
        } else {
            Ok(Call::Silent)
        };
    };
    if !facts.still_waiting() && talk.transport == Transport::Tcp && talk.ended_by(Role::Client).is_none() {
        return Ok(Call::Silent);
    }
    let binary = talk.request().is_ok_and(|request| request.head.0.iter().any(|byte| *byte < b'\t'));
    if facts.evidence.contract.framing.is_none() && binary && talk.transport == Transport::Tcp {
        return Err(Gap::new(
            "contract",
            "the request is binary, and nothing tells where the server expects a message to end (a length, in which byte order?)",
            "tell the framing with --contract, or compare by hand what each side packs and unpacks",
        ));
    }
    if exchange.asked_completely.is_none() && !facts.answers_nobody() {
        return Err(Gap::new(
            "probes",
            "nothing tells where the server expects a message to end",
            "tell the framing with --contract, or let netdiag probe the server",
        ));
    }
    if facts.server_ended_badly() {
        return super::ruled_out("the server had ended");
    }
    if talk.client_holds_up() {
        return super::ruled_out("the client does not read what the server sends");
    }
    if talk.transport == Transport::Udp && exchange.got > 0 && !facts.still_waiting() && !facts.a_client_failed() {
        return super::ruled_out("a datagram that was sent again was answered once, and the client was content");
    }
    facts.capture_is_whole()?;
    facts.is_final(talk, Role::Server)?;
    let waited = talk
        .request()
        .ok()
        .and_then(|request| request.last)
        .map(|last| format!(" {:.0} ms later nothing had come back.", facts.frozen().ms_since(last)))
        .unwrap_or_default();
    let proof = if facts.hang_proven() {
        " Every thread of both programs waits without a time limit and no byte is on its way, so none will come."
    } else {
        ""
    };
    finding(
        &RULE,
        Side::Server,
        confidence(facts, talk, exchange),
        format!("The server read the whole request and wrote no reply.{waited}{proof}"),
    )
    .because(talk.references())
    .at(facts.line_where_waits(Role::Server))
    .fix("Write the reply in the handler, and flush it (`await writer.drain()`, `flush()`), on every path through it.")
    .fires()
}

fn confidence(facts: &Facts, talk: &Talk, exchange: &Exchange) -> Confidence {
    let framing_known = facts.contract.framing.as_ref().is_some_and(|term| term.source != Source::Assumed);
    let seen_read = talk.was_read() == Some(true);
    let server_may_move = facts.player(Role::Server).ok().flatten().is_none_or(|server| !server.waits_for_ever());
    let computes = facts.player(Role::Server).ok().flatten().is_some_and(|server| server.computes());
    match () {
        // It may be about to answer, and it may be caught in a loop.
        () if computes => Confidence::Possible,
        // Nothing limits the time it may take, and it was the client that did not wait for the end.
        () if server_may_move && !facts.still_waiting() => Confidence::Possible,
        () if facts.hang_proven() && seen_read && (framing_known || facts.answers_nobody()) => Confidence::Proven,
        () if exchange.asked_completely == Some(true) && seen_read && !server_may_move => Confidence::Proven,
        () if seen_read || facts.hang_proven() => Confidence::Likely,
        () => Confidence::Possible,
    }
}
