//! `dropped-packets`: the client's packets go unanswered although a healthy listener is there.

use super::{Call, Rule, Ruling, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::Gap;
use crate::facts::{Facts, Outcome};

pub(super) static RULE: Rule =
    Rule { name: "dropped-packets", explains: &["client-failed", "client-gives-up-early"], check };

/// On loopback the kernel answers a SYN within the same interrupt; this is far beyond any scheduling delay.
const BEYOND_DOUBT_MS: f64 = 900.0;

fn check(facts: &Facts) -> Ruling {
    let dials = facts.dials()?;
    if let Some(dial) = dials.iter().find(|dial| dial.outcome == Outcome::Prohibited) {
        return finding(
            &RULE,
            Side::Environment,
            Confidence::Proven,
            format!("{} answered the client with \"administratively prohibited\": a packet filter forbids it.", dial.target),
        )
        .because(dial.evidence.clone())
        .fix("Let the packet filter permit this port on loopback.")
        .fires();
    }
    let Some(dial) = dials.iter().find(|dial| dial.outcome == Outcome::Unanswered) else { return Ok(Call::Silent) };
    facts.capture_is_whole()?;
    let listeners = facts.listeners()?;
    let Some(listener) = listeners.iter().find(|listener| listener.covers(dial.transport, dial.target)) else {
        return Ok(Call::Silent);
    };
    if let (Some(waiting), Some(backlog)) = (listener.waiting, listener.backlog)
        && waiting > 0
        && waiting >= backlog
    {
        return super::ruled_out(format!("the accept queue is full ({waiting} waiting): the server does not accept"));
    }
    if facts.accept_queue_overflowed() == Some(true) {
        return super::ruled_out("the kernel counted connections dropped for a full accept queue: the server does not accept");
    }
    if dial.repeats == 0 && dial.unanswered_ms < BEYOND_DOUBT_MS {
        return Err(Gap::new(
            "packets",
            format!("the recording ended {:.0} ms after the client had dialled", dial.unanswered_ms),
            "record again, and let it run longer (`--patience`)",
        ));
    }
    let sure = if listener.waiting.is_some() { Confidence::Proven } else { Confidence::Likely };
    finding(
        &RULE,
        Side::Environment,
        sure,
        format!(
            "The client's SYN to {} was repeated {} times and never answered, although the server listens there with an \
             empty queue: something between the two discards packets.",
            dial.target, dial.repeats
        ),
    )
    .because(dial.evidence.clone())
    .because([listener.reference.clone()])
    .fix("Look for a packet filter (`sudo nft list ruleset`, `sudo iptables -S`) and permit loopback.")
    .fires()
}
