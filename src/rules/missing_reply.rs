//! `missing-reply`: the server read a complete request and wrote nothing.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Finding, Side};
use crate::evidence::{Bytes, Close, Gap, Lifetime, Probe, Role, Source, Transport};
use crate::facts::asked::Muteness;
use crate::facts::{Echo, Exchange, Facts, Talk};

pub(super) static RULE: Rule = Rule {
    name: "missing-reply",
    symptoms: &[Symptom::Hangs],
    sides: &[Side::Server],
    shown_by: "an empty receive queue at the server, which then sent nothing",
    seen_in: &[Look::Contents],
    over: None,
    explains: &["client-gives-up-early", "client-failed"],
    check,
};

fn check(facts: &Facts) -> Ruling {
    if let Some((Muteness::Open, evidence)) = facts.muteness()? {
        return finding(
            &RULE,
            Side::Server,
            Confidence::Likely,
            "The server read whatever netdiag sent, a line, text without a line end, text and a half-close, and answered \
             nothing.",
        )
        .because(evidence)
        .at(facts.line_that_should_answer())
        .fix("Write the reply in the handler, and flush it (`await writer.drain()`, `flush()`), on every path through it.")
        .fires();
    }
    if let Some(found) = of_a_server_alone(facts) {
        return found.fires();
    }
    let exchanges = facts.exchanges()?;
    let unanswered = exchanges.iter().find(|(talk, exchange)| {
        matches!(exchange.echo, Echo::Nothing | Echo::Short { whole_messages: true, .. })
            && (talk.ended_by(Role::Server).is_none() || gave_up_in_vain(facts, talk))
            && talk.was_read() != Some(false)
            && (talk.transport == Transport::Udp || talk.was_accepted() != Some(false))
    });
    let Some((talk, exchange)) = unanswered else {
        return if exchanges.iter().any(|(_, exchange)| exchange.echo == Echo::Right) {
            super::ruled_out("the reply came")
        } else {
            Ok(Call::Silent)
        };
    };
    if !facts.still_waiting() && talk.transport == Transport::Tcp && talk.ended_by(Role::Client).is_none() {
        return Ok(Call::Silent);
    }
    let binary = talk.request().is_ok_and(|request| request.head.0.iter().any(|byte| *byte < b'\t'));
    if facts.evidence.contract.framing.is_none() && binary && talk.transport == Transport::Tcp {
        return Err(Gap::new(
            "contract",
            "the request is binary, and nothing tells where the server expects a message to end (a length, in which byte order?)",
            "tell the framing with --contract, or compare by hand what each side packs and unpacks",
        ));
    }
    if exchange.asked_completely.is_none() && (!facts.answers_nobody() || treats_a_line_otherwise(facts, talk)) {
        return Err(Gap::new(
            "probes",
            "nothing tells where the server expects a message to end",
            "tell the framing with --contract, or let netdiag probe the server",
        ));
    }
    if facts.server_ended_badly() {
        return super::ruled_out("the server had ended");
    }
    if facts.stray_answer(talk).is_some() {
        return super::ruled_out("the server did answer, from another address or to another one");
    }
    if talk.client_holds_up() {
        return super::ruled_out("the client does not read what the server sends");
    }
    if talk.transport == Transport::Udp && exchange.got > 0 && !facts.still_waiting() && !facts.a_client_failed() {
        return super::ruled_out("a datagram that was sent again was answered once, and the client was content");
    }
    facts.capture_is_whole()?;
    if !gave_up_in_vain(facts, talk) {
        facts.is_final(talk, Role::Server)?;
    }
    let waited = talk
        .request()
        .ok()
        .and_then(|request| request.last)
        .map(|last| format!(" {:.0} ms later nothing had come back.", facts.frozen().ms_since(last)))
        .unwrap_or_default();
    let proof = if facts.hang_proven() {
        " Every thread of both programs waits without a time limit and no byte is on its way, so none will come."
    } else {
        ""
    };
    let what = if talk.was_read() == Some(true) || facts.is_reading_again(talk) {
        "The server read the whole request and wrote no reply."
    } else {
        "The whole request was sent to the server, and no reply came."
    };
    let (sure, what) = if has_let_go(facts, talk) {
        (Confidence::Likely, "The server has closed its socket and lives on: nobody is there to answer.")
    } else {
        (confidence(facts, talk, exchange), what)
    };
    finding(&RULE, Side::Server, sure, format!("{what}{waited}{proof}"))
    .because(talk.references())
    .at(facts.line_that_should_answer())
    .after(facts.failure_since_asked(talk))
    .fix("Write the reply in the handler, and flush it (`await writer.drain()`, `flush()`), on every path through it.")
    .fires()
}

/// What netdiag's own questions make likely, and something else may explain: that one message per connection is agreed, or
/// that netdiag did not say what the server wants to hear.
fn of_a_server_alone(facts: &Facts) -> Option<Finding> {
    const FIX: &str = "Let every path through the handler answer, and come back to reading in the state it began in.";
    if !facts.is_alone() {
        return None;
    }
    let lifetime = facts.contract.lifetime.as_ref().filter(|term| term.source == Source::Told).map(|term| term.value);
    if let Some(probes) = facts.answers_one_line_and_stays().filter(|_| lifetime != Some(Lifetime::OneShot)) {
        let sure = if lifetime.is_some() { Confidence::Likely } else { Confidence::Possible };
        let what = "The server answered the first line on a connection and no second one, and kept the connection open.";
        return Some(finding(&RULE, Side::Server, sure, what).because(probes).at(facts.line_that_should_answer()).fix(FIX));
    }
    let first = facts.evidence.probes.seen().ok()?.probes.first()?;
    let failure = facts.server_failure(Some(first.at)).filter(|_| facts.answers_nobody())?;
    let what = "The server answered nothing of what netdiag said, and something failed in it meanwhile.";
    Some(finding(&RULE, Side::Server, Confidence::Possible, what).because(["probes:0".to_owned()]).after(Some(failure)).fix(FIX))
}

/// Whether the request has no line end, and a message of netdiag's that has one made the server end the connection: it may have
/// choked on that line, and be waiting for the end of this one.
fn treats_a_line_otherwise(facts: &Facts, talk: &Talk) -> bool {
    let ends_in_lf = |bytes: &Bytes| bytes.0.ends_with(b"\n");
    let hangs_up = |probe: &Probe| {
        let ended = matches!(probe.close, Close::Fin | Close::Reset) && !probe.half_closed;
        ended && probe.sent.last().is_some_and(ends_in_lf)
    };
    talk.request().is_ok_and(|request| request.is_whole() && !ends_in_lf(&request.head))
        && facts.evidence.probes.seen().is_ok_and(|probes| probes.probes.iter().any(hangs_up))
}

/// The client waited for long and left, and only then did the server end the connection, which had sat still till then.
fn gave_up_in_vain(facts: &Facts, talk: &Talk) -> bool {
    let left = talk.ended_by(Role::Client);
    let first = left.is_some() && talk.ended_by(Role::Server).is_none_or(|server| left < Some(server));
    first && !facts.still_waiting() && facts.rested_until_the_client_left(talk)
}

/// Whether the server, alive, has closed the socket at which datagrams came.
fn has_let_go(facts: &Facts, talk: &Talk) -> bool {
    let lives_on = facts.player(Role::Server).ok().flatten().is_some_and(|server| server.lives_on());
    let was_there = |listener: &&crate::facts::Listener| listener.transport == Transport::Udp && listener.local.port() == talk.server.port();
    let listeners = facts.server_listeners().unwrap_or_default();
    let mut there = listeners.into_iter().filter(was_there).peekable();
    lives_on
        && talk.transport == Transport::Udp
        && there.peek().is_some()
        && there.all(|listener| !facts.listens_to_the_end(listener))
}

fn confidence(facts: &Facts, talk: &Talk, exchange: &Exchange) -> Confidence {
    let framing_known = facts.contract.framing.as_ref().is_some_and(|term| term.source != Source::Assumed);
    let seen_read = talk.was_read() == Some(true) || facts.is_reading_again(talk);
    let server_may_move = facts.player(Role::Server).ok().flatten().is_none_or(|server| !server.waits_for_ever());
    let computes = facts.player(Role::Server).ok().flatten().is_some_and(|server| server.computes());
    match () {
        // It may be about to answer, and it may be caught in a loop.
        () if computes || facts.server_sleeps_over(talk) => Confidence::Possible,
        () if gave_up_in_vain(facts, talk) => Confidence::Likely,
        // Nothing limits the time it may take, and it was the client that did not wait for the end.
        () if server_may_move && !facts.still_waiting() => Confidence::Possible,
        () if facts.hang_proven() && seen_read && framing_known => Confidence::Proven,
        // A connection that was not accepted, or not read, looks the same where the table does not show it.
        () if !seen_read => Confidence::Possible,
        () if facts.was_asked_by_its_client_alone() => Confidence::Likely,
        () if facts.hang_proven() && seen_read && facts.answers_nobody() => Confidence::Proven,
        () if exchange.asked_completely == Some(true) && seen_read && !server_may_move => Confidence::Proven,
        () if seen_read => Confidence::Likely,
        () => Confidence::Possible,
    }
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::{Action, Close, Ending, Framing, How, Lifetime, Limit, Occasion, Probe, Role, Shape, SocketState, Term};
    use crate::facts::staged::{SERVER, Stage, addr, datagrams, listener, ms, pair, probe, talk};

    #[test]
    fn a_server_that_hangs_up_on_a_whole_line_may_wait_for_the_end_of_this_one() {
        let stage = |asked: &str, close| {
            let line = Probe { close, ..probe("netdiag probe 1 says hello 1\n", "") };
            pair().untold().talk(talk(40001).asks(asked).open()).hangs().probed(vec![line])
        };
        assert_eq!(stage("hello", Close::Fin).cannot_tell("missing-reply"), "probes");
        assert_eq!(stage("hello", Close::Open).fires("missing-reply").side, Side::Server);
    }

    fn unanswered() -> Stage {
        pair().talk(talk(40001).asks("hello\n").open()).hangs()
    }

    /// The client gave up after so long, and the server, which had waited in this way, closed then.
    fn left_after(pause: f64, limit: Limit) -> Stage {
        let waited = talk(40001).asks("hello\n").after(pause).closes(Role::Client).closes(Role::Server);
        let mut stage = pair()
            .contract(|terms| terms.framing = Some(Term::told(Framing::Line)))
            .talk(waited)
            .waits(Role::Server, "recvfrom", limit)
            .exits(Role::Client, pause + 80.0, How::Code(1))
            .frozen(pause + 120.0);
        let mut look = stage.programs().samples[0].clone();
        look.at = ms(900.0);
        stage.programs().samples.push(look);
        stage
    }

    /// A server by itself that was asked these.
    fn alone(probes: Vec<Probe>) -> Stage {
        let mut stage = pair().untold().client_gone().probed(probes);
        stage.0.setting.occasion = Occasion::LiveServer;
        stage
    }

    #[test]
    fn a_server_that_answers_one_line_and_stays_may_be_meant_to() {
        let said = |n: u32| format!("netdiag probe {n} says hello {n}\n");
        let mut two = probe("", &said(1));
        two.sent = vec![said(1).as_str().into(), said(2).as_str().into()];
        let two = Probe { shape: Shape::TwoLines, half_closed: true, close: Close::Fin, at_rest: true, ..two };
        let stage = alone(vec![two, probe(&said(3), &said(3))]);
        assert_eq!(stage.fires("missing-reply").confidence, Confidence::Possible);
        assert_eq!((stage.verdict().side, stage.verdict().fault.as_deref()), (Side::Unknown, Some("missing-reply")));
        let agreed = |lifetime| stage.clone().contract(|terms| terms.lifetime = Some(Term::told(lifetime)));
        assert_eq!(agreed(Lifetime::Session).verdict().side, Side::Server);
        agreed(Lifetime::OneShot).silent("missing-reply");
    }

    #[test]
    fn a_server_that_ends_other_connections_with_their_input_was_not_done_with_the_one_that_stayed_open() {
        let ended = Probe { half_closed: true, close: Close::Fin, at_rest: true, ..probe("netdiag says hello\n", "") };
        let open = Probe { half_closed: true, from: Some(addr("127.0.0.1:40009")), ..probe("netdiag says hello\n", "") };
        let mut row = listener(SERVER);
        (row.remote, row.state, row.recv_queue) = (open.from, SocketState::Established, Some(0));
        let stays = alone(vec![open.clone()]).row(row.clone());
        assert_eq!(stays.fires("missing-reply").confidence, Confidence::Likely);
        alone(vec![ended, open]).row(row).silent("missing-reply");
    }

    #[test]
    fn what_failed_in_a_server_that_answers_nothing_is_pointed_at() {
        let mute = Probe { half_closed: true, close: Close::Fin, at_rest: true, ..probe("netdiag says hello\n", "") };
        let stage = alone(vec![mute]);
        stage.silent("missing-reply");
        let found = stage.raised(Role::Server, 60.0, "KeyError", Action::Reported).fires("missing-reply");
        assert_eq!((found.confidence, found.location.map(|frame| frame.line)), (Confidence::Possible, Some(7)));
    }

    #[test]
    fn a_client_that_waited_for_long_on_a_server_that_sat_still_is_not_to_blame() {
        let stage = left_after(5000.0, Limit::Forever);
        let found = stage.fires("missing-reply");
        assert_eq!((found.side, found.confidence), (Side::Server, Confidence::Likely));
        assert_eq!(stage.verdict().side, Side::Server);
        left_after(5000.0, Limit::Timed).silent("missing-reply");
        left_after(300.0, Limit::Forever).silent("missing-reply");
    }

    #[test]
    fn its_line_is_where_it_waits_instead_then_where_it_sends_then_where_it_reads() {
        let line = |stage: Stage| stage.fires("missing-reply").location.map(|frame| frame.line);
        let hangs = || pair().talk(talk(40001).asks("hello\n").open()).hangs();
        assert_eq!(line(hangs()), None);
        assert_eq!(line(hangs().written(Role::Server, 5, 3)), Some(5));
        assert_eq!(line(hangs().written(Role::Client, 5, 3)), None, "the client's lines are not the server's");
        let mut reads_only = hangs().written(Role::Server, 5, 3);
        reads_only.programs().programs[0].text.sends = None;
        assert_eq!(line(reads_only), Some(3));
    }

    /// The client gave up after 20 ms.
    fn given_up() -> Stage {
        pair().talk(talk(40001).asks("hello\n").after(20.0).closes(Role::Client).open()).exits(Role::Client, 72.0, How::Code(1))
    }

    #[test]
    fn a_server_that_has_closed_its_socket_will_not_answer() {
        let mut closed = pair().udp().talk(datagrams(40001).asks("hello").open()).deadline();
        closed.snapshots().last_mut().unwrap().sockets.clear();
        let found = closed.fires("missing-reply");
        assert_eq!((found.side, found.confidence), (Side::Server, Confidence::Likely));
        assert!(found.statement.starts_with("The server has closed its socket"), "{}", found.statement);
    }

    #[test]
    fn the_server_read_and_never_wrote() {
        let found = unanswered().fires("missing-reply");
        assert_eq!((found.side, found.confidence), (Side::Server, Confidence::Proven));
        assert_eq!(unanswered().verdict().side, Side::Server);
        let datagram = pair().udp().talk(datagrams(40001).asks("hello").open()).hangs();
        assert_eq!(datagram.fires("missing-reply").side, Side::Server);
    }

    #[test]
    fn a_server_that_fell_asleep_over_the_request_may_still_answer() {
        let stage = pair().talk(talk(40001).asks("hello\n").open()).frozen(11_000.0).ends(Ending::DeadlinePassed);
        let told = stage.contract(|contract| contract.framing = Some(Term::told(Framing::Line)));
        let waits = |call| told.clone().waits(Role::Server, call, Limit::Timed);
        assert_eq!(waits("clock_nanosleep").fires("missing-reply").confidence, Confidence::Possible);
        assert_eq!(waits("poll").fires("missing-reply").confidence, Confidence::Likely);
    }

    #[test]
    fn of_several_messages_one_may_be_unanswered() {
        let stage = pair().talk(talk(40001).echoes("one\n").asks("two\n").open()).hangs();
        assert_eq!(stage.fires("missing-reply").side, Side::Server);
    }

    #[test]
    fn of_several_clients_one_may_be_unanswered() {
        let stage = unanswered().another_client().talk(talk(40002).healthy());
        assert_eq!(stage.verdict().fault.as_deref(), Some("missing-reply"));
    }

    #[test]
    fn a_server_that_waits_for_more_will_not_answer_one_that_gave_up() {
        assert_eq!(given_up().fires("missing-reply").side, Side::Server);
    }

    #[test]
    fn a_server_still_at_work_when_its_client_left_is_not_accused() {
        let stage = given_up().waits(Role::Server, "clock_nanosleep", Limit::Timed);
        assert_eq!(stage.cannot_tell("missing-reply"), "programs");
        let stage = stage.frozen(3100.0);
        assert_eq!(stage.fires("missing-reply").confidence, Confidence::Possible);
        assert_eq!(stage.verdict().side, Side::Unknown);
    }

    #[test]
    fn an_interrupted_recording_never_misses_a_reply() {
        let stage = pair().talk(talk(40001).asks("hello\n").open()).ends(Ending::Interrupted).frozen(9000.0);
        assert_eq!(stage.cannot_tell("missing-reply"), "programs");
        assert_eq!(stage.verdict().side, Side::Unknown);
        assert_eq!(stage.ends(Ending::CutShort).verdict().side, Side::Unknown);
    }

    #[test]
    fn a_client_that_does_not_read_keeps_the_reply_back() {
        let talk = talk(40001).echoes("one\n").asks("two\n").open();
        let talk = talk.end(Role::Server, |row| row.send_queue = Some(9000)).end(Role::Client, |row| row.recv_queue = Some(4));
        let stage = pair().talk(talk).hangs();
        assert!(stage.excludes("missing-reply").contains("does not read"));
        assert_eq!(stage.verdict().side, Side::Client);
    }

    #[test]
    fn an_unfinished_message_is_owed_nothing() {
        pair().talk(talk(40001).asks("hello").open()).hangs().silent("missing-reply");
    }

    #[test]
    fn a_datagram_sent_again_needs_one_answer_only() {
        let stage = pair().udp().talk(datagrams(40001).asks("1 hello").after(5.0).asks("2 hello").answers("2 hello"));
        assert!(stage.excludes("missing-reply").contains("sent again"));
    }

    #[test]
    fn a_datagram_to_a_closed_port_was_read_by_nobody() {
        let stage = pair().udp().talk(datagrams(40001).asks("hello").open()).unreachable(50.2, 40001, SERVER).hangs();
        stage.silent("missing-reply");
    }

    #[test]
    fn a_server_that_had_ended_could_not_answer() {
        let stage = given_up().exits(Role::Server, 60.0, How::Code(1));
        assert!(stage.excludes("missing-reply").contains("had ended"));
    }

    #[test]
    fn the_reply_came() {
        assert!(pair().talk(talk(40001).healthy()).excludes("missing-reply").contains("came"));
    }

    #[test]
    fn where_nothing_tells_how_a_message_ends_it_may_not_be_complete() {
        let stage = unanswered().untold();
        assert_eq!(stage.cannot_tell("missing-reply"), "probes");
        assert_eq!(stage.verdict().side, Side::Unknown);
    }

    #[test]
    fn a_server_that_serves_one_client_only_is_known_by_how_it_took_that_clients_end() {
        let own = |sent| Probe { shape: Shape::OwnClient, half_closed: true, close: Close::Fin, ..probe(sent, "") };
        let stage = |sent| unanswered().untold().probed(vec![own(sent)]);
        assert_eq!(stage("hello\n").fires("missing-reply").confidence, Confidence::Likely);
        assert_eq!(stage("hello\n").verdict().side, Side::Server);
        assert_eq!(stage("hello").cannot_tell("missing-reply"), "probes");
    }

    #[test]
    fn cannot_tell_what_it_did_not_see() {
        assert_eq!(unanswered().unseen("packets").unseen("sockets").cannot_tell("missing-reply"), "packets");
        assert_eq!(unanswered().packets(|packets| packets.dropped = 1).cannot_tell("missing-reply"), "packets");
        let without_queues = unanswered().unseen("sockets");
        assert_eq!(without_queues.fires("missing-reply").confidence, Confidence::Possible);
        let candidates = without_queues.verdict().candidates;
        let named = |fault: &str| candidates.iter().any(|candidate| candidate.fault == fault);
        assert!(named("missing-reply") && named("never-accepts") && named("unread-request"), "{candidates:?}");
    }

    #[test]
    fn a_promise_of_time_does_not_matter_to_one_that_never_comes() {
        let stage = unanswered().contract(|terms| terms.latency_ms = Some(Term::told(10)));
        stage.fires("missing-reply");
    }
}
