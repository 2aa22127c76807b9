//! `contract-disagreement`: client and server use different ports, and nothing says which one was agreed on.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Side};
use crate::facts::Facts;

pub(super) static RULE: Rule = Rule {
    name: "contract-disagreement",
    symptoms: &[Symptom::Refused, Symptom::Hangs, Symptom::Garbled],
    sides: &[Side::Both],
    shown_by: "a document that says which of the two is right",
    seen_in: &[Look::Failures, Look::Sockets, Look::Owners],
    over: None,
    explains: &["connection-refused", "client-failed"],
    check,
};

fn check(facts: &Facts) -> Ruling {
    let Some(dial) = facts.refused_dial()? else { return Ok(Call::Silent) };
    if facts.documented_port().is_some() {
        return Ok(Call::Silent);
    }
    let listeners = facts.server_listeners()?;
    let Some(listener) = listeners.iter().find(|listener| listener.transport == dial.transport) else {
        return Ok(Call::Silent);
    };
    if listeners.iter().any(|listener| listener.local.port() == dial.target.port()) {
        return Ok(Call::Silent);
    }
    // Where netdiag's own server listens, when nobody told an address, is nobody's agreement.
    let (side, sure) = if facts.met_a_reference_server() {
        (Side::Unknown, Confidence::Possible)
    } else {
        (Side::Both, Confidence::Proven)
    };
    finding(
        &RULE,
        side,
        sure,
        format!(
            "The client dialled {}, the server listens on {}. They disagree, and nothing says which port was agreed on.",
            dial.target, listener.local
        ),
    )
    .because(dial.evidence.clone())
    .because([listener.reference.clone()])
    .at(facts.line_of_dialled_port(dial))
    .fix("Look up the documented port and give it to both; `--at HOST:PORT` tells netdiag, which then names the side.")
    .fires()
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::Side;
    use crate::evidence::Role;
    use crate::facts::staged::{SERVER, Stage, dial, pair};

    fn apart() -> Stage {
        pair().contract(|terms| terms.address = None).talk(dial(40001, "127.0.0.1:12435").syn(50.0).refused(50.1))
    }

    #[test]
    fn two_ports_and_no_document_is_a_disagreement() {
        assert_eq!(apart().fires("contract-disagreement").side, Side::Both);
        assert_eq!(apart().verdict().side, Side::Both);
    }

    #[test]
    fn a_client_by_itself_disagrees_with_nobody_of_its_own() {
        let stage = apart().program(Role::Server, |server| server.reference = true);
        assert_eq!(stage.fires("contract-disagreement").side, Side::Unknown);
        assert_eq!(stage.verdict().side, Side::Unknown);
    }

    #[test]
    fn a_document_decides_it() {
        pair().talk(dial(40001, "127.0.0.1:12435").syn(50.0).refused(50.1)).silent("contract-disagreement");
    }

    #[test]
    fn the_same_port_is_no_disagreement() {
        let stage = pair().contract(|terms| terms.address = None).listens("[::1]:12345");
        stage.talk(dial(40001, SERVER).syn(50.0).refused(50.1)).silent("contract-disagreement");
    }

    #[test]
    fn a_server_that_does_not_listen_disagrees_with_nobody() {
        apart().without_listener().silent("contract-disagreement");
    }

    #[test]
    fn cannot_tell_what_it_did_not_see() {
        for source in ["packets", "sockets"] {
            assert_eq!(apart().unseen(source).cannot_tell("contract-disagreement"), source);
        }
    }
}
