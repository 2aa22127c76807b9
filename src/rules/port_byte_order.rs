//! `port-byte-order`: a port number whose two bytes were exchanged on the way into the socket address.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::Role;
use crate::facts::{Dial, Facts, Listener};

pub(super) static RULE: Rule = Rule {
    name: "port-byte-order",
    symptoms: &[Symptom::Refused],
    sides: &[Side::Server, Side::Client],
    shown_by: "the two port numbers in hexadecimal",
    seen_in: &[Look::Failures, Look::Sockets, Look::Owners, Look::Address],
    over: None,
    explains: &["connection-refused", "contract-disagreement", "client-failed"],
    check,
};

fn check(facts: &Facts) -> Ruling {
    let Some(documented) = facts.documented_port() else { return Ok(Call::Silent) };
    let swapped = documented.swap_bytes();
    let listeners = facts.server_listeners()?;
    let of_transport = || listeners.iter().copied().filter(|listener| listener.transport == facts.transport());
    if swapped == documented || of_transport().any(|listener| listener.local.port() == documented && dials_nowhere_else(facts, swapped)) {
        return Ok(Call::Silent);
    }
    let server = of_transport()
        .find(|listener| listener.local.port() == swapped)
        .filter(|_| !of_transport().any(|listener| listener.local.port() == documented));
    // Where the client's attempts were not seen, the server's listener still stands for itself.
    let client = match facts.refused_dial() {
        Ok(dial) => dial.filter(|dial| dial.target.port() == swapped),
        Err(_) if server.is_some() => None,
        Err(gap) => return Err(gap),
    };
    let (side, who) = match (client, server) {
        (None, None) => return Ok(Call::Silent),
        (Some(_), None) => (Side::Client, "The client dials"),
        (None, Some(_)) => (Side::Server, "The server listens on"),
        (Some(_), Some(_)) => (Side::Both, "Client and server use"),
    };
    let line = match (client, server) {
        (Some(dial), None) => facts
            .only_line(Role::Client, |text| &text.sets_port)
            .or_else(|| facts.line_naming(Role::Client, documented))
            .or_else(|| facts.line_that_dialled(dial)),
        (_, Some(listener)) => facts
            .only_line(Role::Server, |text| &text.sets_port)
            .or_else(|| facts.line_naming(Role::Server, documented))
            .or_else(|| facts.line_that_bound(listener)),
        (None, None) => None,
    };
    finding(&RULE, side, Confidence::Proven, statement(who, documented))
        .because(proof(facts, client, server))
        .at(line)
        .fix(format!(
            "Write htons({documented}) into sin_port; htonl is for addresses. Print the port that getsockname returns, \
             through ntohs."
        ))
        .fires()
}

/// Whether no refused attempt went to the exchanged number.
fn dials_nowhere_else(facts: &Facts, swapped: u16) -> bool {
    facts.refused_dial().is_ok_and(|dial| dial.is_none_or(|dial| dial.target.port() != swapped))
}

fn statement(who: &str, documented: u16) -> String {
    let swapped = documented.swap_bytes();
    format!(
        "{who} port {swapped} ({swapped:#06x}), which is the documented port {documented} ({documented:#06x}) with its two \
         bytes exchanged: htons is missing."
    )
}

fn proof(facts: &Facts, client: Option<&Dial>, server: Option<&Listener>) -> Vec<String> {
    let mut proof: Vec<String> = server.map(|listener| listener.reference.clone()).into_iter().collect();
    let refused = client.or_else(|| facts.refused_dial().ok().flatten());
    proof.extend(refused.map(|dial| dial.evidence.clone()).unwrap_or_default());
    proof
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::{Action, Role, Term};
    use crate::facts::staged::{SERVER, Stage, dial, frame, listener, pair};

    /// 12345 is 0x3039; 0x3930 is this.
    const SWAPPED: &str = "127.0.0.1:14640";

    fn server_swapped() -> Stage {
        pair().listens(SWAPPED).talk(dial(40001, SERVER).syn(50.0).refused(50.1))
    }

    fn client_swapped() -> Stage {
        pair().talk(dial(40001, SWAPPED).syn(50.0).refused(50.1))
    }

    #[test]
    fn the_server_left_htons_out() {
        let found = server_swapped().fires("port-byte-order");
        assert_eq!((found.side, found.confidence), (Side::Server, Confidence::Proven));
        assert!(found.statement.contains("0x3930") && found.statement.contains("0x3039"), "{}", found.statement);
        let verdict = server_swapped().verdict();
        assert_eq!((verdict.side, verdict.fault.as_deref()), (Side::Server, Some("port-byte-order")));
    }

    #[test]
    fn the_client_left_htons_out() {
        let stage = client_swapped().raised(Role::Client, 60.0, "ConnectionRefusedError", Action::Uncaught);
        let stage = stage.last_raised(|raised| raised.address = Some(SWAPPED.to_owned()));
        let found = stage.fires("port-byte-order");
        assert_eq!((found.side, found.location.map(|frame| frame.line)), (Side::Client, Some(7)));
        let verdict = stage.verdict();
        assert_eq!((verdict.side, verdict.fault.as_deref()), (Side::Client, Some("port-byte-order")));
    }

    #[test]
    fn the_line_to_change_is_the_one_that_writes_the_port_into_the_address() {
        let writes = |line| frame("c.c", line, "", "a.sin_port = atoi(argv[1]);");
        let stage = client_swapped().mentions(Role::Client, 12345, 3);
        let line = |stage: &Stage| stage.fires("port-byte-order").location.map(|frame| frame.line);
        assert_eq!(line(&stage), Some(3), "the next best is the number itself");
        assert_eq!(line(&stage.program(Role::Client, |client| client.text.sets_port = Some(writes(13)))), Some(13));
    }

    #[test]
    fn each_may_have_a_mistake_of_its_own() {
        let stage = pair().listens("127.0.0.1:12346").talk(dial(40001, SWAPPED).syn(50.0).refused(50.1));
        assert_eq!(stage.verdict().side, Side::Both);
        let stage = pair().listens(SWAPPED).talk(dial(40001, "127.0.0.1:12435").syn(50.0).refused(50.1));
        assert_eq!(stage.verdict().side, Side::Both);
    }

    #[test]
    fn another_number_is_just_another_number() {
        pair().listens("127.0.0.1:12346").talk(dial(40001, SERVER).syn(50.0).refused(50.1)).silent("port-byte-order");
        pair().talk(dial(40001, "127.0.0.1:12435").syn(50.0).refused(50.1)).silent("port-byte-order");
    }

    #[test]
    fn a_server_that_listens_on_both_numbers_is_reached() {
        pair().row(listener(SWAPPED)).silent("port-byte-order");
    }

    #[test]
    fn some_numbers_read_the_same_both_ways() {
        // 257 is 0x0101.
        let stage = pair().contract(|terms| terms.address = Some(Term::told("127.0.0.1:257".to_owned())));
        stage.listens("127.0.0.1:257").silent("port-byte-order");
    }

    #[test]
    fn nothing_is_documented() {
        server_swapped().contract(|terms| terms.address = None).silent("port-byte-order");
    }

    #[test]
    fn cannot_tell_what_it_did_not_see() {
        assert_eq!(server_swapped().unseen("sockets").cannot_tell("port-byte-order"), "sockets");
        assert_eq!(client_swapped().unseen("packets").cannot_tell("port-byte-order"), "packets");
        assert_eq!(server_swapped().unseen("packets").fires("port-byte-order").side, Side::Server);
    }
}
