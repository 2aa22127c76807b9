//! `silent-client`: both sides wait for the other one to speak first, and it was the client's turn.

use super::{Call, Rule, Ruling, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Role, Transport};
use crate::facts::{Echo, Facts, Talk};

pub(super) static RULE: Rule = Rule { name: "silent-client", explains: &["client-failed"], check };

fn check(facts: &Facts) -> Ruling {
    if !facts.still_waiting() {
        return Ok(Call::Silent);
    }
    let talks = facts.talks()?;
    // An empty datagram is a request too.
    let said_nothing = |talk: &&Talk| {
        talk.transport == Transport::Tcp && talk.asked_bytes() == Some(0) && talk.replied_bytes() == Some(0)
    };
    let Some(talk) = talks.iter().filter(said_nothing).find(|talk| talk.is_open()) else {
        return if talks.iter().any(|talk| talk.asked_bytes() > Some(0)) {
            super::ruled_out("the client sent its request")
        } else {
            Ok(Call::Silent)
        };
    };
    match facts.exchanges() {
        Ok(all) if all.iter().any(|(_, exchange)| exchange.echo == Echo::Right) => return Ok(Call::Silent),
        // What it said on its other connections, nobody heard; this one may be a spare.
        Err(gap) if talks.len() > 1 => return Err(gap),
        _ => {}
    }
    let clients = facts.players(Role::Client)?;
    if clients.len() == 1 && talks.iter().any(|talk| talk.asked_bytes() > Some(0)) {
        return super::ruled_out("the client sent its request on another connection");
    }
    if clients.iter().any(|client| client.is_running() && client.waits_for_input()) {
        return super::ruled_out("the client waits for its own standard input");
    }
    facts.capture_is_whole()?;
    facts.is_final(talk, Role::Client)?;
    let waits = clients.iter().any(crate::facts::Player::waits_for_ever);
    let sure = if facts.hang_proven() && waits { Confidence::Proven } else { Confidence::Likely };
    finding(
        &RULE,
        Side::Client,
        sure,
        format!(
            "The client connected to {} and sent nothing; it waits, and an echo server has nothing to say before it is asked.",
            talk.server
        ),
    )
    .because(talk.references())
    .fix("Send the request before reading; check that the write is reached, awaited and flushed.")
    .fires()
}
