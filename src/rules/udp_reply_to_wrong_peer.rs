//! `udp-reply-to-wrong-peer`: the server sends its reply to somebody who had not asked.

use super::{Call, Look, Rule, Ruling, Symptom, Transport, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::Role;
use crate::facts::datagrams::Way;
use crate::facts::{Echo, Facts};

pub(super) static RULE: Rule = Rule {
    name: "udp-reply-to-wrong-peer",
    symptoms: &[Symptom::Hangs, Symptom::SomeClients, Symptom::Garbled],
    sides: &[Side::Server],
    shown_by: "the address that the reply goes to",
    seen_in: &[Look::Contents],
    over: Some(Transport::Udp),
    explains: &["missing-reply", "corrupted-reply", "connection-refused", "client-gives-up-early", "client-failed"],
    check,
};

const FIX: &str = "Send each reply to the address that recvfrom returned with its request; remember no peer and assume none.";

fn check(facts: &Facts) -> Ruling {
    if let Some((stray, asker, _)) = facts.stray_answer_to_netdiag().filter(|(stray, ..)| stray.way == Way::ToAnother) {
        let what = format!("netdiag asked from {asker}, and the server sent its reply to {}, which had not asked.", stray.to);
        return finding(&RULE, Side::Server, Confidence::Proven, what)
            .because(stray.evidence)
            .at(facts.only_line(Role::Server, |text| &text.sends))
            .fix(FIX)
            .fires();
    }
    let exchanges = facts.exchanges()?;
    let stray = exchanges.iter().filter(|(_, exchange)| exchange.echo == Echo::Nothing).find_map(|(talk, _)| {
        let stray = facts.stray_answer(talk).filter(|stray| stray.way == Way::ToAnother)?;
        Some((talk, stray))
    });
    let Some((talk, stray)) = stray else { return Ok(Call::Silent) };
    // A client may ask with one socket and listen with another.
    if !facts.still_waiting() && !facts.a_client_failed() {
        return super::ruled_out("the clients were content");
    }
    let asked_before = facts.talks()?.iter().any(|other| other.client == stray.to);
    let whose = if asked_before { ", where an earlier request had come from" } else { "" };
    finding(
        &RULE,
        Side::Server,
        Confidence::Proven,
        format!("The request came from {}, and the server sent its reply to {}{whose}.", talk.client, stray.to),
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
    use crate::evidence::{Occasion, Probe, Transport};
    use crate::facts::staged::{SERVER, Stage, Talk, addr, datagrams, pair, probe};

    /// The second client's request is answered to the first one.
    fn to_the_first(text: &str) -> Stage {
        let first = datagrams(40001).echoes("hello").after(2.0).answers(text);
        pair().udp().another_client().talk(first).talk(datagrams(40002).at(51.0).asks(text).open()).hangs()
    }

    #[test]
    fn the_first_client_gets_what_the_second_one_asked_for() {
        for text in ["second", "hello"] {
            let found = to_the_first(text).fires("udp-reply-to-wrong-peer");
            assert_eq!((found.side, found.confidence), (Side::Server, Confidence::Proven));
            assert!(found.statement.contains("earlier request"), "{}", found.statement);
            let verdict = to_the_first(text).verdict();
            assert_eq!((verdict.side, verdict.fault.as_deref()), (Side::Server, Some("udp-reply-to-wrong-peer")));
        }
    }

    #[test]
    fn a_port_that_nobody_had_asked_from_gets_the_reply() {
        let reply = Talk::new(Transport::Udp, SERVER, "127.0.0.1:9999", 1).at(50.5).asks("hello");
        let stage = pair().udp().talk(datagrams(40001).asks("hello").open()).talk(reply);
        let stage = stage.unreachable(50.6, 12345, "127.0.0.1:9999").hangs();
        assert!(!stage.fires("udp-reply-to-wrong-peer").statement.contains("earlier request"));
        assert_eq!(stage.verdict().side, Side::Server);
        stage.silent("wrong-port");
    }

    /// netdiag, alone with the server, asked from port 40001; a reply went there.
    fn netdiag_asked(reply_to: &str) -> Stage {
        let reply = Talk::new(Transport::Udp, SERVER, reply_to, 1).at(50.5).asks("hello");
        let asked = Probe { transport: Transport::Udp, from: Some(addr("127.0.0.1:40001")), ..probe("hello", "") };
        let stage = pair().udp().untold().client_gone().talk(datagrams(40001).asks("hello").open()).talk(reply);
        let mut stage = stage.probed(vec![asked]);
        stage.0.setting.occasion = Occasion::LiveServer;
        stage
    }

    #[test]
    fn an_answer_to_netdiag_that_goes_to_another_port_is_told_of_a_server_by_itself() {
        let found = netdiag_asked("127.0.0.1:9999").fires("udp-reply-to-wrong-peer");
        assert_eq!((found.side, found.confidence), (Side::Server, Confidence::Proven));
        assert!(found.statement.contains("127.0.0.1:9999, which had not asked"), "{}", found.statement);
        netdiag_asked("127.0.0.1:9999").silent("udp-reply-from-other-source");
    }

    #[test]
    fn a_client_may_listen_with_another_socket() {
        let reply = Talk::new(Transport::Udp, SERVER, "127.0.0.1:9999", 1).at(50.5).asks("hello");
        let stage = pair().udp().talk(datagrams(40001).asks("hello")).talk(reply);
        assert!(stage.excludes("udp-reply-to-wrong-peer").contains("content"));
        assert_ne!(stage.verdict().side, Side::Server);
    }

    #[test]
    fn clients_that_send_the_same_text_each_get_their_own() {
        let stage = pair().udp().another_client().talk(datagrams(40001).echoes("hello"));
        let unanswered = stage.talk(datagrams(40002).at(51.0).asks("hello").open()).hangs();
        unanswered.silent("udp-reply-to-wrong-peer");
        assert_eq!(unanswered.verdict().fault.as_deref(), Some("missing-reply"));
    }

    #[test]
    fn cannot_tell_without_packets() {
        let stage = to_the_first("second").unseen("packets").unseen("sockets");
        assert_eq!(stage.cannot_tell("udp-reply-to-wrong-peer"), "packets");
    }
}
