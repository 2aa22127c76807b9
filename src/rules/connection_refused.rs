//! `connection-refused`: the symptom that a dozen causes share; by itself it accuses nobody.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Side};
use crate::facts::Facts;

pub(super) static RULE: Rule = Rule {
    name: "connection-refused",
    symptoms: &[Symptom::Refused],
    sides: &[Side::Client, Side::Server, Side::Environment],
    shown_by: "who listens at the address that was dialled",
    seen_in: &[Look::Failures],
    over: None,
    explains: &["client-failed"],
    check,
};

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

#[cfg(test)]
mod tests {
    use crate::diagnosis::Side;
    use crate::facts::staged::{SERVER, Stage, datagrams, dial, pair, talk};

    fn refused() -> Stage {
        // The server had listened, and did so no longer.
        let mut stage = pair().talk(dial(40001, SERVER).syn(50.0).refused(50.1));
        stage.snapshots()[1].sockets.clear();
        stage
    }

    #[test]
    fn a_refusal_by_itself_accuses_nobody() {
        assert_eq!(refused().fires("connection-refused").side, Side::Unknown);
        let verdict = refused().unseen("sockets").verdict();
        assert_eq!((verdict.side, verdict.fault.as_deref()), (Side::Unknown, Some("connection-refused")));
        assert!(!verdict.to_settle.is_empty());
    }

    #[test]
    fn a_conversation_was_not_refused() {
        pair().talk(talk(40001).healthy()).silent("connection-refused");
    }

    #[test]
    fn datagrams_sent_again_until_the_server_was_there_are_answered() {
        let stage = pair().udp().talk(datagrams(40001).asks("hello").asks("hello").answers("hello"));
        let stage = stage.unreachable(50.1, 40001, SERVER);
        stage.silent("connection-refused");
        assert!(stage.excludes("missing-reply").contains("came"));
    }

    #[test]
    fn cannot_tell_without_packets() {
        assert_eq!(refused().unseen("packets").cannot_tell("connection-refused"), "packets");
    }
}
