//! `contract-disagreement`: client and server use different ports, or ends of a message, and nothing says which one was
//! agreed on.

use super::{Call, Finding, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Framing, Role, Source, Transport};
use crate::facts::{Echo, Facts};

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
    if let Some(found) = ends_of_a_message(facts) {
        return found.fires();
    }
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

/// The server answers at the end of the input, the client waits for the answer before it ends its side. Either may be what
/// was agreed on, so nobody is blamed for it.
fn ends_of_a_message(facts: &Facts) -> Option<Finding> {
    let framing = facts.contract.framing.as_ref()?;
    if framing.source != Source::Learned || framing.value != Framing::UntilEof || !facts.still_waiting() {
        return None;
    }
    let exchanges = facts.exchanges().ok()?;
    let (talk, exchange) = exchanges.iter().find(|(talk, exchange)| {
        talk.transport == Transport::Tcp
            && talk.is_open()
            && talk.ended_by(Role::Client).is_none()
            && talk.ended_by(Role::Server).is_none()
            && talk.was_read() != Some(false)
            && exchange.echo == Echo::Pending
            && exchange.asked > 0
    })?;
    let statement = format!(
        "The server answers when its client's input ends. The client has sent {} bytes and waits for the answer without ending \
         its input. Each may be right: nothing says where a message ends.",
        exchange.asked
    );
    let probes = facts.dialect.as_ref().ok()?.framing.as_ref()?.evidence();
    let found = finding(&RULE, Side::Unknown, Confidence::Possible, statement)
        .because(talk.references())
        .because(probes)
        .fix(
            "Agree on where a message ends. At its line end: the server has to answer each line. At the end of the input: the \
             client has to shut down its sending side (`sock.shutdown(socket.SHUT_WR)`) before it waits.",
        );
    Some(found)
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::{Close, Framing, Probe, Role, Shape, Term};
    use crate::facts::staged::{SERVER, Stage, dial, pair, probe, talk};

    fn apart() -> Stage {
        pair().contract(|terms| terms.address = None).talk(dial(40001, "127.0.0.1:12435").syn(50.0).refused(50.1))
    }

    #[test]
    fn two_ports_and_no_document_is_a_disagreement() {
        assert_eq!(apart().fires("contract-disagreement").side, Side::Both);
        assert_eq!(apart().verdict().side, Side::Both);
    }

    /// The server answers what is ended, the client ends nothing.
    fn without_an_end() -> Stage {
        let late = |group, shape, ms, text: &str| Probe {
            shape,
            group,
            before_half_close: 0,
            half_closed: true,
            close: Close::Fin,
            first_byte_ms: Some(ms),
            last_byte_ms: Some(ms),
            ..probe(text, text)
        };
        let probes = vec![late(1, Shape::Line, 505.0, "probe one\n"), late(2, Shape::LineHalfClose, 0.4, "probe two\n")];
        pair().untold().talk(talk(40001).asks("hello\n").open()).hangs().probed(probes)
    }

    #[test]
    fn a_server_that_answers_the_end_and_a_client_that_awaits_the_answer_first_are_both_in_the_dark() {
        let stage = without_an_end();
        let found = stage.fires("contract-disagreement");
        assert_eq!((found.side, found.confidence), (Side::Unknown, Confidence::Possible));
        assert!(found.evidence.iter().any(|one| one.starts_with("probes:")), "{:?}", found.evidence);
        assert_eq!(stage.verdict().side, Side::Unknown);
        assert!(stage.verdict().summary.contains("waits for the answer without ending its input"));
    }

    #[test]
    fn what_ends_a_message_was_told() {
        for framing in [Framing::Line, Framing::UntilEof] {
            let told = || without_an_end().contract(|terms| terms.framing = Some(Term::told(framing)));
            told().silent("contract-disagreement");
            assert_ne!(told().verdict().side, Side::Unknown);
        }
    }

    #[test]
    fn a_client_that_has_ended_its_side_is_owed_an_answer() {
        let mut stage = without_an_end();
        stage.0.packets = pair().talk(talk(40001).asks("hello\n").closes(Role::Client).open()).0.packets;
        stage.silent("contract-disagreement");
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
