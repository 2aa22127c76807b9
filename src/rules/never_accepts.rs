//! `never-accepts`: the kernel completed the handshake, and the server's program never called accept.

use super::{Call, Rule, Ruling, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::Role;
use crate::facts::Facts;
use crate::facts::asked::Muteness;

pub(super) static RULE: Rule = Rule {
    name: "never-accepts",
    explains: &["missing-reply", "client-gives-up-early", "client-failed"],
    check,
};

fn check(facts: &Facts) -> Ruling {
    if let Some((Muteness::NotAccepted, evidence)) = facts.muteness()? {
        return finding(
            &RULE,
            Side::Server,
            Confidence::Proven,
            "Every connection that netdiag made was completed by the kernel, and the server's program accepted none of them.",
        )
        .because(evidence)
        .fix("Call accept in a loop that nothing else blocks, and hand each connection to a task or thread of its own.")
        .fires();
    }
    let talks = facts.talks()?;
    let Some(talk) = talks.iter().find(|talk| talk.was_accepted() == Some(false)) else {
        return if talks.iter().any(|talk| talk.was_accepted() == Some(true) && talk.is_open()) {
            super::ruled_out("the server's program holds the connection: it was accepted")
        } else {
            Ok(Call::Silent)
        };
    };
    if talks.iter().any(|other| other.was_accepted() == Some(true) && other.is_open() && other.server == talk.server) {
        return super::ruled_out("another connection was accepted and is still being served");
    }
    facts.is_final(talk, Role::Server)?;
    let waiting = facts.listeners()?.iter().find(|listener| listener.covers(talk.transport, talk.server));
    let queue = waiting
        .and_then(|listener| listener.waiting)
        .map(|n| format!(" Its accept queue holds {n} connection{}.", if n == 1 { "" } else { "s" }))
        .unwrap_or_default();
    let sure = if facts.hang_proven() { Confidence::Proven } else { Confidence::Likely };
    finding(
        &RULE,
        Side::Server,
        sure,
        format!(
            "The client is connected to {}, but no process holds the server's end: the kernel finished the handshake, \
             and the server's program never accepted the connection.{queue}",
            talk.server
        ),
    )
    .because(talk.references())
    .because(waiting.map(|listener| listener.reference.clone()))
    .fix("Call accept in a loop that nothing else blocks, and hand each connection to a task or thread of its own.")
    .fires()
}
