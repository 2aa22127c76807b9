//! `one-at-a-time`: a second client waits until the first one has left.

use super::{Call, Rule, Ruling, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Contract, Role, Source};
use crate::facts::{Facts, Talk};

pub(super) static RULE: Rule = Rule {
    name: "one-at-a-time",
    explains: &[
        "never-accepts",
        "unread-request",
        "missing-reply",
        "slow-reply",
        "client-gives-up-early",
        "client-failed",
    ],
    check,
};

/// A reply that comes this long after its request, and right after another client has left, was waiting for that.
const NOTABLE_MS: f64 = 50.0;

fn check(facts: &Facts) -> Ruling {
    let promised = promised(&facts.contract);
    if let (Some(dialect), Some(promised), Some(places)) = (facts.asked()?, promised, facts.places())
        && places < promised
    {
        let evidence = dialect.places.as_ref().map(crate::facts::dialect::Learned::evidence).unwrap_or_default();
        return finding(
            &RULE,
            Side::Server,
            Confidence::Proven,
            format!("{promised} clients are to be served at the same time; further ones waited once {places} were connected."),
        )
        .because(evidence)
        .fix("Serve each connection in a task or thread of its own, so that accept is called again at once.")
        .fires();
    }
    let talks = facts.talks()?;
    let Some((waiting, served)) = stuck_behind(talks).or_else(|| served_after(talks)) else { return Ok(Call::Silent) };
    if promised == Some(1) {
        return super::ruled_out("the contract has the server serve one client at a time");
    }
    let hangs = facts.still_waiting();
    if promised.is_none() && !hangs {
        return super::ruled_out("nothing promises that several clients are served at the same time, and all were served");
    }
    let sure = if promised.is_some() { Confidence::Proven } else { Confidence::Likely };
    finding(
        &RULE,
        Side::Server,
        sure,
        format!(
            "While the server served {}, the client at {} was connected and waited: clients are served one after the other.",
            served.client, waiting.client
        ),
    )
    .because(waiting.references())
    .because(served.references())
    .fix("Serve each connection in a task or thread of its own, so that accept is called again at once.")
    .fires()
}

fn promised(contract: &Contract) -> Option<u32> {
    contract.concurrency.as_ref().filter(|term| term.source == Source::Told).map(|term| term.value)
}

/// At the freeze one connection is held open and another waits, not accepted or not read.
fn stuck_behind<'t, 'e>(talks: &'t [Talk<'e>]) -> Option<(&'t Talk<'e>, &'t Talk<'e>)> {
    let served = talks.iter().find(|talk| {
        talk.is_open() && talk.was_accepted() == Some(true) && talk.replied_bytes().is_some_and(|n| n > 0)
    })?;
    let waiting = talks
        .iter()
        .find(|talk| talk.server == served.server && talk.client != served.client && talk.was_accepted() == Some(false))?;
    Some((waiting, served))
}

/// One client's first reply came only when another one, served before, had left.
fn served_after<'t, 'e>(talks: &'t [Talk<'e>]) -> Option<(&'t Talk<'e>, &'t Talk<'e>)> {
    talks.iter().find_map(|waiting| {
        let conversation = waiting.conversation?;
        let (asked, answered) = (conversation.sent.first?, conversation.received.first?);
        if answered.ms_since(asked) < NOTABLE_MS {
            return None;
        }
        let served = talks.iter().find(|other| {
            let Some(c) = other.conversation else { return false };
            let left = other.ended_by(Role::Client).or(other.ended_by(Role::Server));
            // A server that is merely slow, and serves both at once, answers the second one sooner than that.
            let serving_takes = c.received.first.zip(c.sent.first).map(|(first, sent)| first.ms_since(sent) / 2.0);
            other.server == waiting.server
                && left.zip(serving_takes).is_some_and(|(left, takes)| answered.ms_since(left) >= takes)
                && other.client != waiting.client
                && c.received.first.is_some_and(|first| first < answered)
                && left.is_some_and(|left| left > asked && left <= answered)
                && !talks.iter().any(|third| answered_between(third, asked, left, other))
        })?;
        Some((waiting, served))
    })
}

/// Whether yet another client got an answer while `served` was being served: then the server does serve several.
fn answered_between(
    third: &Talk,
    from: crate::evidence::At,
    to: Option<crate::evidence::At>,
    served: &Talk,
) -> bool {
    third.client != served.client
        && third.conversation.is_some_and(|conversation| {
            conversation
                .received
                .first
                .is_some_and(|first| first > from && to.is_some_and(|to| first < to))
        })
}
