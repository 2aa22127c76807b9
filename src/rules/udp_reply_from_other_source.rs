//! `udp-reply-from-other-source`: the reply comes from another address than the one that was asked, and the client
//! does not take it.

use super::{Call, Look, Rule, Ruling, Symptom, Transport, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::Role;
use crate::facts::datagrams::Way;
use crate::facts::{Echo, Facts};

pub(super) static RULE: Rule = Rule {
    name: "udp-reply-from-other-source",
    symptoms: &[Symptom::Hangs],
    sides: &[Side::Server],
    shown_by: "the address that the reply comes from",
    seen_in: &[Look::Contents],
    over: Some(Transport::Udp),
    explains: &["missing-reply", "connection-refused", "client-gives-up-early", "client-failed"],
    check,
};

const FIX: &str = "Send the reply from the socket that received the request. On a machine with several addresses bind the \
                   documented one, or set the source with IP_PKTINFO.";

fn check(facts: &Facts) -> Ruling {
    if let Some((stray, _, asked)) = facts.stray_answer_to_netdiag().filter(|(stray, ..)| stray.way == Way::FromElsewhere) {
        let what = format!("netdiag asked {asked}, and the server answered from {}, where nobody had asked.", stray.from);
        return finding(&RULE, Side::Server, Confidence::Proven, what)
            .because(stray.evidence)
            .at(facts.only_line(Role::Server, |text| &text.sends))
            .fix(FIX)
            .fires();
    }
    let exchanges = facts.exchanges()?;
    let stray = exchanges.iter().filter(|(_, exchange)| exchange.echo == Echo::Nothing).find_map(|(talk, _)| {
        let stray = facts.stray_answer(talk).filter(|stray| stray.way == Way::FromElsewhere)?;
        Some((talk, stray))
    });
    let Some((talk, stray)) = stray else { return Ok(Call::Silent) };
    // A socket without a peer takes datagrams from anybody; a protocol may even want it so.
    if !facts.still_waiting() && !facts.a_client_failed() {
        return super::ruled_out("the client was content with an answer from another address");
    }
    let what = if stray.from.ip() == talk.server.ip() { "port" } else { "address" };
    finding(
        &RULE,
        Side::Server,
        Confidence::Proven,
        format!(
            "The client asked {}, and the server answered from {}: another {what}, whose datagrams the client's socket does \
             not take for the reply.",
            talk.server, stray.from
        ),
    )
    .because(stray.evidence)
    .because(talk.references())
    .at(facts.only_line(Role::Server, |text| &text.sends))
    .fix(FIX)
    .fires()
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::{How, Occasion, Probe, Role, Transport};
    use crate::facts::staged::{SERVER, Stage, Talk, addr, datagrams, pair, probe};

    /// The request, and a datagram to the client from there.
    fn answered(from: &str, text: &str) -> Stage {
        let reply = Talk::new(Transport::Udp, from, "127.0.0.1:40001", 1).at(50.5).asks(text);
        pair().udp().talk(datagrams(40001).asks("hello").open()).talk(reply)
    }

    #[test]
    fn another_port_answered() {
        let stage = answered("127.0.0.1:51234", "hello").hangs();
        let found = stage.fires("udp-reply-from-other-source");
        assert_eq!((found.side, found.confidence), (Side::Server, Confidence::Proven));
        assert!(found.statement.contains("another port"), "{}", found.statement);
        let verdict = stage.verdict();
        assert_eq!((verdict.side, verdict.fault.as_deref()), (Side::Server, Some("udp-reply-from-other-source")));
    }

    #[test]
    fn an_answer_to_netdiag_from_another_port_is_told_of_a_server_by_itself() {
        let asked = Probe { transport: Transport::Udp, from: Some(addr("127.0.0.1:40001")), ..probe("hello", "") };
        let mut stage = answered("127.0.0.1:51234", "hello").untold().client_gone().probed(vec![asked]);
        stage.0.setting.occasion = Occasion::LiveServer;
        let found = stage.fires("udp-reply-from-other-source");
        assert_eq!((found.side, found.confidence), (Side::Server, Confidence::Proven));
        assert!(found.statement.contains("answered from 127.0.0.1:51234"), "{}", found.statement);
        stage.silent("udp-reply-to-wrong-peer");
    }

    #[test]
    fn another_address_of_the_machine_answered() {
        let stage = answered("127.0.0.2:12345", "hello").exits(Role::Client, 80.0, How::Code(1));
        assert!(stage.fires("udp-reply-from-other-source").statement.contains("another address"));
    }

    #[test]
    fn the_complaint_of_a_connected_client_accuses_nobody() {
        let stage = answered("127.0.0.1:51234", "hello").unreachable(50.6, 51234, "127.0.0.1:40001").hangs();
        assert_eq!(stage.verdict().side, Side::Server);
        stage.silent("wrong-port");
        stage.silent("connection-refused");
    }

    #[test]
    fn a_client_that_takes_datagrams_from_anybody_got_its_answer() {
        let stage = answered("127.0.0.1:51234", "hello");
        assert!(stage.excludes("udp-reply-from-other-source").contains("content"));
        assert_ne!(stage.verdict().side, Side::Server);
    }

    #[test]
    fn what_others_send_to_the_client_is_no_reply() {
        answered("127.0.0.1:51234", "weather").hangs().silent("udp-reply-from-other-source");
    }

    #[test]
    fn a_reply_that_went_the_usual_way_is_enough() {
        let second = Talk::new(Transport::Udp, "127.0.0.1:51234", "127.0.0.1:40001", 1).at(50.5).asks("hello");
        let stage = pair().udp().talk(datagrams(40001).echoes("hello")).talk(second);
        stage.silent("udp-reply-from-other-source");
        assert_eq!(stage.verdict().side, Side::None);
    }

    #[test]
    fn cannot_tell_without_packets() {
        let stage = answered("127.0.0.1:51234", "hello").hangs().unseen("packets").unseen("sockets");
        assert_eq!(stage.cannot_tell("udp-reply-from-other-source"), "packets");
        assert_eq!(SERVER, "127.0.0.1:12345");
    }
}
