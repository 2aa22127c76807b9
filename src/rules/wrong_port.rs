//! `wrong-port`: the client dials a port other than the documented one.

use super::{Call, Rule, Ruling, finding};
use crate::diagnosis::{Confidence, Side};
use crate::facts::Facts;

pub(super) static RULE: Rule = Rule {
    name: "wrong-port",
    explains: &["connection-refused", "contract-disagreement", "dropped-packets", "client-failed"],
    check,
};

fn check(facts: &Facts) -> Ruling {
    let Some(dial) = facts.refused_dial()? else { return Ok(Call::Silent) };
    let Some(documented) = facts.documented_port() else { return Ok(Call::Silent) };
    if dial.target.port() == documented {
        return super::ruled_out(format!("the client dialled the documented port {documented}"));
    }
    let listens_there = facts.server_listeners()?.iter().find(|listener| listener.local.port() == documented).copied();
    let mut proof = dial.evidence.clone();
    proof.extend(listens_there.map(|listener| listener.reference.clone()));
    let server = match listens_there {
        Some(_) => format!(" The server listens on {documented}, as documented."),
        None => String::new(),
    };
    finding(
        &RULE,
        Side::Client,
        Confidence::Proven,
        format!(
            "The client dialled port {}, where nobody listens; the documented port is {documented}.{server}",
            dial.target.port()
        ),
    )
    .because(proof)
    .at(facts.line_that_dialled(dial))
    .fix(format!("Dial {documented}. Read the port from one place, so that client and documentation cannot differ."))
    .fires()
}
