//! `truncated-reply`: the reply breaks off in the middle of a message.

use super::{Call, Rule, Ruling, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Gap, Role, Transport};
use crate::facts::{Echo, Facts};

pub(super) static RULE: Rule =
    Rule { name: "truncated-reply", explains: &["early-close", "client-gives-up-early", "client-failed"], check };

fn check(facts: &Facts) -> Ruling {
    let exchanges = facts.exchanges()?;
    let short = exchanges.iter().find_map(|(talk, exchange)| match exchange.echo {
        Echo::Short { owed, whole_messages: false } => Some((talk, exchange.got, owed)),
        _ => None,
    });
    let Some((talk, got, owed)) = short else { return Ok(Call::Silent) };
    let client_left = talk.ended_by(Role::Client);
    let server_left = talk.ended_by(Role::Server);
    if client_left.is_some_and(|left| server_left.is_none_or(|server| left < server)) && talk.rst(Role::Client).is_some() {
        return super::ruled_out("the client left before the reply was complete");
    }
    let lies = |bytes: Option<u32>| bytes.unwrap_or_default() > 0;
    if facts.still_waiting() && talk.server_end.as_ref().is_some_and(|end| lies(end.unsent)) {
        return super::ruled_out("the server has more to send, and the client does not read it");
    }
    if facts.still_waiting() && talk.client_end.as_ref().is_some_and(|end| lies(end.unread)) {
        return super::ruled_out("the client has not read what came");
    }
    if facts.evidence.packets.seen().is_ok_and(|packets| packets.dropped > 0) {
        return Err(Gap::new("packets", "the capture itself lost packets", "record again on a quieter machine"));
    }
    let mut sure = Confidence::Proven;
    if facts.contract.reply_is_assumed() {
        // Damaged echoes: what comes back is made of what was sent, and no form of reply explains what is missing.
        if !facts.echoes_damaged() && talk.transport == Transport::Tcp && !facts.still_waiting() {
            return Err(unknown_reply());
        }
        sure = Confidence::Likely;
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

fn unknown_reply() -> Gap {
    Gap::new(
        "probes",
        "nothing tells what the server is supposed to answer",
        "tell the reply's form with --contract, or let netdiag probe the server",
    )
}
