//! `truncated-reply`: the reply breaks off in the middle of a message.

use super::{Call, Rule, Ruling, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Framing, Gap, Role, Source, Transport};
use crate::facts::{Echo, Facts, Talk};

pub(super) static RULE: Rule =
    Rule { name: "truncated-reply", explains: &["early-close", "client-gives-up-early", "client-failed"], check };

fn check(facts: &Facts) -> Ruling {
    let exchanges = facts.exchanges()?;
    let short = exchanges.iter().find_map(|(talk, exchange)| match exchange.echo {
        Echo::Short { owed, whole_messages: false } => Some((talk, exchange.got, owed)),
        _ => None,
    });
    let Some((talk, got, owed)) = short else { return Ok(Call::Silent) };
    let came_to_an_end = has_its_end(talk, facts);
    let client_left = talk.ended_by(Role::Client);
    let server_left = talk.ended_by(Role::Server);
    let left_first = client_left.is_some_and(|left| server_left.is_none_or(|server| left < server));
    if left_first && !came_to_an_end && (talk.rst(Role::Client).is_some() || !facts.still_waiting()) {
        return super::ruled_out("the client left before the reply was complete");
    }
    let lies = |bytes: Option<u32>| bytes.unwrap_or_default() > 0;
    if talk.client_holds_up() || facts.still_waiting() && talk.server_end.as_ref().is_some_and(|end| lies(end.unsent)) {
        return super::ruled_out("the server has more to send, and the client does not read it");
    }
    if facts.still_waiting() && talk.client_end.as_ref().is_some_and(|end| lies(end.unread)) {
        return super::ruled_out("the client has not read what came");
    }
    facts.capture_is_whole()?;
    let mut sure = Confidence::Proven;
    if !is_known(facts) {
        // Damaged echoes: what comes back is made of what was sent, and no form of reply explains what is missing.
        if !facts.echoes_damaged() && talk.transport == Transport::Tcp {
            return Err(unknown_reply());
        }
        sure = Confidence::Likely;
    }
    if !came_to_an_end && server_left.is_none() {
        facts.is_final(talk, Role::Server)?;
    }
    finding(
        &RULE,
        Side::Server,
        sure,
        format!("The reply breaks off: {got} of {owed} bytes came back, then nothing more."),
    )
    .because(talk.references())
    .because(talk.closing_references(Role::Server))
    .fix("Send all bytes that were received: use the count that recv returned, and sendall (or a loop) to write.")
    .fires()
}

/// Whether the reply has the end of a line although bytes before it are missing: then no more can be on its way.
fn has_its_end(talk: &Talk, facts: &Facts) -> bool {
    let is_line = facts.contract.framing.as_ref().is_some_and(|term| term.value == Framing::Line);
    is_line && talk.response().is_ok_and(|response| response.head.0.ends_with(b"\n") && response.is_whole())
}

/// Whether somebody said, or the server showed, where messages end and what their replies are.
fn is_known(facts: &Facts) -> bool {
    facts.contract.reply.as_ref().is_some_and(|term| term.source != Source::Assumed) && facts.contract.framing.is_some()
}

fn unknown_reply() -> Gap {
    Gap::new(
        "probes",
        "nothing tells what the server is supposed to answer",
        "tell the reply's form with --contract, or let netdiag probe the server",
    )
}
