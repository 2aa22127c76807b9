//! `slow-reply`: the reply is right and later than promised.

use super::{Call, Rule, Ruling, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Framing, Role};
use crate::facts::{Facts, Talk};

pub(super) static RULE: Rule = Rule { name: "slow-reply", explains: &["client-gives-up-early", "client-failed"], check };

fn check(facts: &Facts) -> Ruling {
    let Some(promise) = facts.contract.latency_ms.as_ref().map(|term| term.value) else { return Ok(Call::Silent) };
    let slowest = facts
        .talks()?
        .iter()
        .filter_map(|talk| Some((talk, took(talk, facts)?)))
        .max_by(|a, b| a.1.total_cmp(&b.1));
    let Some((talk, ms)) = slowest else { return Ok(Call::Silent) };
    if ms <= promise as f64 {
        return super::ruled_out(format!("the slowest reply took {ms:.0} ms, {promise} ms are allowed"));
    }
    finding(
        &RULE,
        Side::Server,
        Confidence::Proven,
        format!("A reply took {ms:.0} ms; the server has promised {promise} ms at most."),
    )
    .because(talk.references())
    .fix("Find what the handler waits for between reading the request and writing the reply.")
    .fires()
}

/// Where the client's half-close is the end of its message, the reply's time begins there.
fn took(talk: &Talk, facts: &Facts) -> Option<f64> {
    let until_eof = facts.contract.framing.as_ref().is_some_and(|term| term.value == Framing::UntilEof);
    if until_eof {
        let (asked, answered) = (talk.fin(Role::Client)?, talk.response().ok()?.first?);
        return Some(answered.ms_since(asked));
    }
    talk.slowest_reply_ms()
}
