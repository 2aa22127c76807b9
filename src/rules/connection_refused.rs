//! `connection-refused`: the symptom that a dozen causes share; by itself it accuses nobody.

use super::{Call, Rule, Ruling, finding};
use crate::diagnosis::{Confidence, Side};
use crate::facts::Facts;

pub(super) static RULE: Rule = Rule { name: "connection-refused", explains: &["client-failed"], check };

fn check(facts: &Facts) -> Ruling {
    let Some(dial) = facts.refused_dial()? else { return Ok(Call::Silent) };
    finding(
        &RULE,
        Side::Unknown,
        Confidence::Possible,
        format!("{} was refused: at that moment no socket listened there.", dial.target),
    )
    .because(dial.evidence.clone())
    .fix("Find out who should listen there (`netdiag sockets --listening`) and which address is documented.")
    .fires()
}
