//! `early-close`: the server closed the connection before it had replied.

use super::{Call, Rule, Ruling, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Lifetime, Role, Source};
use crate::facts::asked::Muteness;
use crate::facts::{Echo, Facts};

pub(super) static RULE: Rule = Rule { name: "early-close", explains: &["client-failed", "client-gives-up-early"], check };

fn check(facts: &Facts) -> Ruling {
    if let Some((Muteness::Closed, evidence)) = facts.muteness()? {
        let what = "The server accepted netdiag's connections and closed each of them without a reply.";
        return finding(&RULE, Side::Server, Confidence::Proven, what)
            .because(evidence)
            .fix("Reply before closing; look for a return, an exception or a `with` block that ends too soon in the handler.")
            .fires();
    }
    let exchanges = facts.exchanges()?;
    let closed = exchanges.iter().find(|(talk, exchange)| {
        let ended = (talk.fin(Role::Client), talk.fin(Role::Server));
        matches!(exchange.echo, Echo::Nothing | Echo::Short { whole_messages: true, .. })
            && matches!(ended, (_, Some(server)) if ended.0.is_none_or(|client| server < client))
            && talk.was_accepted() != Some(false)
    });
    let Some((talk, exchange)) = closed else { return Ok(Call::Silent) };
    let lifetime = facts.contract.lifetime.as_ref();
    let side = match (&exchange.echo, lifetime.map(|term| (term.value, term.source))) {
        (Echo::Nothing, _) | (_, Some((Lifetime::Session, Source::Told | Source::Learned))) => Side::Server,
        (_, Some((Lifetime::OneShot, Source::Told))) => Side::Client,
        _ => Side::Both,
    };
    let what = match exchange.echo {
        Echo::Nothing => "The server read the request and closed the connection without a reply.",
        _ => "The server closed the connection after an earlier reply; the client went on to send, and got nothing more.",
    };
    finding(&RULE, side, if side == Side::Both { Confidence::Likely } else { Confidence::Proven }, what)
        .because(talk.references())
        .because(talk.closing_references(Role::Server))
        .fix("Reply before closing; look for a return, an exception or a `with` block that ends too soon in the handler.")
        .fires()
}
