//! `transport-mismatch`: one speaks TCP and the other UDP, on the same port.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Role, Source};
use crate::facts::Facts;

pub(super) static RULE: Rule = Rule {
    name: "transport-mismatch",
    symptoms: &[Symptom::Refused, Symptom::Hangs],
    sides: &[Side::Client, Side::Server],
    shown_by: "the transport of either side's socket",
    seen_in: &[Look::Failures, Look::Sockets],
    over: None,
    explains: &["connection-refused", "contract-disagreement", "no-server", "missing-reply", "client-failed"],
    check,
};

fn check(facts: &Facts) -> Ruling {
    let Some(dial) = facts.refused_dial()? else { return Ok(Call::Silent) };
    let listeners = facts.listeners()?;
    let same_port = |other: bool| {
        listeners
            .iter()
            .filter(|l| facts.may_be_servers(l))
            .find(|l| l.local.port() == dial.target.port() && (l.transport == dial.transport) != other)
    };
    let Some(listener) = same_port(true) else { return Ok(Call::Silent) };
    if same_port(false).is_some() {
        return Ok(Call::Silent);
    }
    let told = facts.evidence.contract.transport.as_ref().filter(|term| term.source == Source::Told);
    let (side, why) = match told {
        Some(term) if term.value == dial.transport => (Side::Server, format!("The documentation says {}.", term.value)),
        Some(term) => (Side::Client, format!("The documentation says {}.", term.value)),
        None if facts.players(Role::Client)?.is_empty() => {
            (Side::Unknown, "This client is netdiag, and nobody told it what to speak: `--udp` does.".to_owned())
        }
        None => (Side::Both, "Nothing says which of the two was agreed on.".to_owned()),
    };
    finding(
        &RULE,
        side,
        Confidence::Proven,
        format!(
            "The client speaks {} to port {}, where a {} socket waits. {why}",
            dial.transport,
            dial.target.port(),
            listener.transport
        ),
    )
    .because(dial.evidence.clone())
    .because([listener.reference.clone()])
    .at(match side {
        Side::Client => facts.line_that_dialled(dial),
        Side::Server => facts.line_that_bound(listener),
        _ => None,
    })
    .fix("Make the same kind of socket on both sides: SOCK_STREAM for TCP, SOCK_DGRAM for UDP.")
    .fires()
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::Side;
    use crate::evidence::{Role, Term, Transport};
    use crate::facts::staged::{SERVER, Stage, datagrams, dial, listener, pair, stranger};

    /// A TCP client was refused, and a UDP socket of the server's has that port.
    fn tcp_to_udp() -> Stage {
        pair().udp().contract(|terms| terms.transport = None).talk(dial(40001, SERVER).syn(50.0).refused(50.1))
    }

    fn told(stage: Stage, transport: Transport) -> Stage {
        stage.contract(|terms| terms.transport = Some(Term::told(transport)))
    }

    #[test]
    fn the_side_that_left_the_documented_transport_is_named() {
        assert_eq!(told(tcp_to_udp(), Transport::Tcp).fires("transport-mismatch").side, Side::Server);
        assert_eq!(told(tcp_to_udp(), Transport::Udp).fires("transport-mismatch").side, Side::Client);
        let udp_to_tcp = pair().talk(datagrams(40001).asks("hello")).unreachable(50.1, 40001, SERVER);
        assert_eq!(told(udp_to_tcp.clone(), Transport::Tcp).fires("transport-mismatch").side, Side::Client);
        assert_eq!(told(udp_to_tcp, Transport::Tcp).verdict().side, Side::Client);
    }

    #[test]
    fn without_a_document_both_have_to_agree() {
        assert_eq!(tcp_to_udp().fires("transport-mismatch").side, Side::Both);
    }

    #[test]
    fn netdiag_alone_did_not_know_what_to_speak_and_accuses_nobody() {
        let mut stage = tcp_to_udp();
        stage.programs().programs.retain(|program| program.role == Role::Server);
        let found = stage.fires("transport-mismatch");
        assert_eq!(found.side, Side::Unknown);
        assert!(found.statement.contains("--udp"), "{}", found.statement);
    }

    #[test]
    fn a_strangers_socket_of_the_other_kind_is_a_coincidence() {
        let mut other = stranger(SERVER);
        other.transport = Transport::Udp;
        let stage = pair().without_listener().row(other).talk(dial(40001, SERVER).syn(50.0).refused(50.1));
        stage.silent("transport-mismatch");
    }

    #[test]
    fn a_server_that_speaks_both_is_not_the_reason() {
        let stage = tcp_to_udp().row(listener(SERVER));
        stage.silent("transport-mismatch");
    }

    #[test]
    fn cannot_tell_what_it_did_not_see() {
        for source in ["packets", "sockets"] {
            assert_eq!(tcp_to_udp().unseen(source).cannot_tell("transport-mismatch"), source);
        }
    }
}
