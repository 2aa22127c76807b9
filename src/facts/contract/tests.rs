//! Told before learned before assumed, term by term.

use super::*;
use crate::evidence::{Lifetime, Source};
use crate::facts::staged::{Stage, datagrams, pair, probe, talk};

fn resolved(stage: &Stage) -> Contract {
    stage.facts().contract
}

/// Probes that show a line server with a prefix.
fn probed(stage: Stage) -> Stage {
    let mut half = probe("one", "");
    half.shape = crate::evidence::Shape::Chunk;
    stage.probed(vec![probe("one\n", "> one\n"), probe("two\n", "> two\n"), half])
}

#[test]
fn what_was_told_stands_whatever_was_shown() {
    let contract = resolved(&probed(pair()).talk(talk(40001).asks("a\n").answers("> a\n")));
    assert_eq!(contract.reply, Some(Term::told(Reply::Exact)));
    assert_eq!(contract.framing, Some(Term::told(Framing::Line)));
}

#[test]
fn what_the_server_showed_its_probes_stands_before_what_is_usual() {
    let contract = resolved(&probed(pair().untold()));
    assert_eq!(contract.reply, Some(Term::learned(Reply::Prefix("> ".into()))));
    assert_eq!(contract.transport.map(|term| term.source), Some(Source::Assumed));
}

#[test]
fn a_reply_that_every_exchange_agrees_with_is_learned() {
    let shown = |replies: [&str; 2]| {
        let [first, second] = replies;
        let stage = pair().untold().talk(talk(40001).asks("one\n").answers(first));
        resolved(&stage.talk(talk(40002).asks("one\n").answers(second))).reply
    };
    assert_eq!(shown(["ONE\n", "ONE\n"]), Some(Term::learned(Reply::Uppercase)));
    assert_eq!(shown(["ONE\n", "> one\n"]), Some(Term::assumed(Reply::Exact)), "they disagree");
    assert_eq!(shown(["???\n", "!!!\n"]), Some(Term::assumed(Reply::Exact)), "nothing explains them");
}

#[test]
fn nothing_told_and_nothing_shown_is_assumed() {
    let contract = resolved(&pair().untold());
    assert_eq!(contract.reply, Some(Term::assumed(Reply::Exact)));
    assert_eq!(contract.lifetime, Some(Term::assumed(Lifetime::Session)));
    assert_eq!(contract.framing, None, "no framing is usual");
    assert_eq!(contract.latency_ms, None, "nobody promised anything");
}

#[test]
fn the_transport_is_that_of_the_talks() {
    let stage = pair().untold().talk(datagrams(40001).echoes("a"));
    let contract = resolved(&stage);
    assert_eq!(contract.transport, Some(Term::learned(Transport::Udp)));
    assert_eq!(contract.framing.map(|term| term.value), Some(Framing::Datagram));
}
