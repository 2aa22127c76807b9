//! `wrong-port`: the client dials a port other than the documented one.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Side};
use crate::facts::Facts;

pub(super) static RULE: Rule = Rule {
    name: "wrong-port",
    symptoms: &[Symptom::Refused],
    sides: &[Side::Client],
    shown_by: "the port that the client dials, beside the documented one",
    seen_in: &[Look::Failures, Look::Sockets, Look::Address],
    over: None,
    explains: &["connection-refused", "contract-disagreement", "firewall-reject", "client-failed"],
    check,
};

fn check(facts: &Facts) -> Ruling {
    let Some(dial) = facts.refused_dial()? else { return Ok(Call::Silent) };
    let Some(documented) = facts.documented_port() else { return Ok(Call::Silent) };
    if dial.target.port() == documented {
        return super::ruled_out(format!("the client dialled the documented port {documented}"));
    }
    if dial.target.port() == documented.swap_bytes() {
        return super::ruled_out(format!("the client dialled {documented} with its two bytes exchanged"));
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
    .at(facts.line_of_dialled_port(dial))
    .fix(format!("Dial {documented}. Read the port from one place, so that client and documentation cannot differ."))
    .fires()
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::{Action, At, Role, Transport};
    use crate::facts::staged::{SERVER, Stage, Talk, addr, dial, pair, talk};

    const WRONG: &str = "127.0.0.1:12435";

    fn refused() -> Stage {
        pair().talk(dial(40001, WRONG).syn(50.0).refused(50.1))
    }

    #[test]
    fn the_client_left_the_documented_port() {
        let found = refused().fires("wrong-port");
        assert_eq!((found.side, found.confidence), (Side::Client, Confidence::Proven));
        assert_eq!(found.evidence, ["packets:1", "packets:2", "sockets:1/0"]);
        assert_eq!(refused().verdict().side, Side::Client);
    }

    #[test]
    fn its_line_is_named_where_it_was_traced() {
        let stage = refused().raised(Role::Client, 60.0, "ConnectionRefusedError", Action::Silent);
        let stage = stage.last_raised(|raised| raised.address = Some(WRONG.to_owned()));
        assert_eq!(stage.fires("wrong-port").location.map(|frame| frame.line), Some(7));
    }

    #[test]
    fn the_documented_port_is_not_a_wrong_one() {
        let stage = pair().without_listener().talk(dial(40001, SERVER).syn(50.0).refused(50.1));
        assert!(stage.excludes("wrong-port").contains("documented port"));
    }

    #[test]
    fn a_client_that_got_through_may_run_errands_in_vain() {
        let errand = dial(40002, "127.0.0.1:9411").syn(55.0).refused(55.1);
        let stage = pair().talk(talk(40001).healthy()).talk(errand);
        stage.silent("wrong-port");
        assert_eq!(stage.verdict().side, Side::None);
    }

    #[test]
    fn one_of_two_clients_that_never_got_through_is_still_seen() {
        let stage = refused().another_client().talk(talk(40002).healthy());
        assert_eq!(stage.fires("wrong-port").side, Side::Client);
    }

    #[test]
    fn what_the_server_dials_is_not_the_clients() {
        let before_the_client = dial(40001, "127.0.0.1:6379").syn(20.0).refused(20.1);
        pair().talk(before_the_client).talk(talk(40002)).silent("wrong-port");
        let stage = pair().talk(dial(40001, "127.0.0.1:6379").syn(60.0).refused(60.1));
        let stage = stage.raised(Role::Server, 60.2, "ConnectionRefusedError", Action::Reported);
        stage.last_raised(|raised| raised.address = Some("127.0.0.1:6379".to_owned())).silent("wrong-port");
    }

    #[test]
    fn a_question_to_a_resolver_is_no_attempt_to_reach_the_server() {
        let question = Talk::new(Transport::Udp, "127.0.0.1:40001", "127.0.0.53:53", 1).at(50.0).asks("?");
        let stage = pair().talk(question).unreachable(50.1, 40001, "127.0.0.53:53");
        stage.silent("wrong-port");
        stage.silent("missing-reply");
    }

    #[test]
    fn another_address_of_the_same_name_may_be_refused() {
        let stage = pair().talk(dial(40001, "[::1]:12345").syn(50.0).refused(50.1)).talk(talk(40002).healthy());
        stage.silent("wrong-port");
        stage.silent("address-mismatch");
        stage.silent("connection-refused");
    }

    #[test]
    fn a_client_that_tried_again_is_forgiven() {
        let stage = pair().talk(dial(40001, SERVER).syn(45.0).refused(45.1)).talk(talk(40002).healthy());
        for rule in ["wrong-port", "connection-refused", "client-before-server"] {
            stage.silent(rule);
        }
    }

    #[test]
    fn without_a_document_no_port_is_wrong() {
        refused().contract(|terms| terms.address = None).silent("wrong-port");
    }

    #[test]
    fn cannot_tell_what_it_did_not_see() {
        for source in ["packets", "sockets"] {
            assert_eq!(refused().unseen(source).cannot_tell("wrong-port"), source);
        }
    }

    #[test]
    fn without_packets_a_refusal_in_the_clients_own_words_will_do() {
        let stage = pair().unseen("packets").raised(Role::Client, 60.0, "ConnectionRefusedError", Action::Silent);
        let stage = stage.last_raised(|raised| raised.address = Some(WRONG.to_owned()));
        assert_eq!(stage.fires("wrong-port").side, Side::Client);
        let retried = stage.last_raised(|raised| raised.action = Action::Handled);
        assert_eq!(retried.cannot_tell("wrong-port"), "packets");
        assert_eq!(retried.verdict().side, Side::Unknown);
        assert_ne!(At::default(), retried.0.setting.ended_at);
        assert_eq!(addr(WRONG).port(), 12435);
    }
}
