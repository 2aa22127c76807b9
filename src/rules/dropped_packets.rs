//! `dropped-packets`: the client's packets go unanswered although a healthy listener is there.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Finding, Side};
use crate::evidence::{Gap, Transport};
use crate::facts::{Facts, Listener, Outcome};

pub(super) static RULE: Rule = Rule {
    name: "dropped-packets",
    symptoms: &[Symptom::Hangs, Symptom::Refused],
    sides: &[Side::Environment],
    shown_by: "a SYN that nobody answers, or that is refused, while a listener has room for it",
    seen_in: &[Look::Failures, Look::Sockets],
    over: None,
    explains: &["connection-refused", "client-before-server", "client-failed", "client-gives-up-early"],
    check,
};

/// On loopback the kernel answers a SYN within the same interrupt; this is far beyond any scheduling delay.
const BEYOND_DOUBT_MS: f64 = 900.0;

fn check(facts: &Facts) -> Ruling {
    let dials = facts.dials()?;
    if let Some(dial) = dials.iter().find(|dial| dial.outcome == Outcome::Prohibited) {
        return finding(
            &RULE,
            Side::Environment,
            Confidence::Proven,
            format!("{} answered the client with \"administratively prohibited\": a packet filter forbids it.", dial.target),
        )
        .because(dial.evidence.clone())
        .fix("Let the packet filter permit this port on loopback.")
        .fires();
    }
    if let Some(found) = rejected(facts)? {
        return found.fires();
    }
    let Some(dial) = dials.iter().find(|dial| dial.outcome == Outcome::Unanswered) else { return Ok(Call::Silent) };
    facts.capture_is_whole()?;
    let listeners = facts.listeners()?;
    let Some(listener) = listeners.iter().find(|listener| listener.covers(dial.transport, dial.target)) else {
        return Ok(Call::Silent);
    };
    if let (Some(waiting), Some(backlog)) = (listener.waiting, listener.backlog)
        && waiting > 0
        && waiting >= backlog
    {
        return super::ruled_out(format!("the accept queue is full ({waiting} waiting): the server does not accept"));
    }
    if facts.accept_queue_overflowed() == Some(true) {
        return super::ruled_out("the kernel counted connections dropped for a full accept queue: the server does not accept");
    }
    if dial.repeats == 0 && dial.unanswered_ms < BEYOND_DOUBT_MS {
        return Err(Gap::new(
            "packets",
            format!("the recording ended {:.0} ms after the client had dialled", dial.unanswered_ms),
            "record again, and let it run longer (`--patience`)",
        ));
    }
    let tried = if facts.saw_the_wire() {
        format!("The client's SYN to {} was repeated {} and never answered", dial.target, times(dial.repeats))
    } else {
        format!("The client's call that dials {} got no answer for {:.0} ms", dial.target, dial.unanswered_ms)
    };
    let is_plain = listener.waiting.is_some() && facts.saw_the_wire();
    let sure = if is_plain { Confidence::Proven } else { Confidence::Likely };
    finding(
        &RULE,
        Side::Environment,
        sure,
        format!(
            "{tried}, although the server listens there with an empty queue: something between the two discards packets."
        ),
    )
    .because(dial.evidence.clone())
    .because([listener.reference.clone()])
    .fix("Look for a packet filter (`sudo nft list ruleset`, `sudo iptables -S`) and permit loopback.")
    .fires()
}

/// A refusal although the server listened there before and after: somebody refuses in its place. A kernel refuses TCP with
/// RST; ICMP comes from a filter only.
fn rejected(facts: &Facts) -> Result<Option<Finding>, Gap> {
    if !facts.saw_the_wire() {
        return Ok(None);
    }
    let Some(dial) = facts.refused_dial()?.filter(|dial| dial.transport == Transport::Tcp) else { return Ok(None) };
    let listeners = facts.listeners()?;
    let was_there = |one: &&Listener| {
        one.covers(dial.transport, dial.target)
            && facts.may_be_servers(one)
            && one.first_seen < dial.at
            && facts.listens_to_the_end(one)
    };
    let Some(listener) = listeners.iter().find(was_there) else { return Ok(None) };
    // With tcp_abort_on_overflow a full queue refuses too.
    let full = listener.most_waiting.zip(listener.backlog).is_some_and(|(most, backlog)| most > 0 && most >= backlog);
    if full || facts.accept_queue_overflowed() == Some(true) {
        return Ok(None);
    }
    let packets = facts.evidence.packets.seen()?;
    let by_icmp = packets.unreachable.iter().any(|told| told.transport == Transport::Tcp && told.target == dial.target);
    // A server that makes its listening socket anew for each client refuses in between, and no look may have met that.
    let (how, sure) = if by_icmp { ("by ICMP", Confidence::Proven) } else { ("by RST", Confidence::Possible) };
    let found = finding(
        &RULE,
        Side::Environment,
        sure,
        format!(
            "The client's SYN to {} was refused {how}, although the server listened there before and after, with room for it: \
             a packet filter refuses in its place.",
            dial.target
        ),
    );
    Ok(Some(
        found
            .because(dial.evidence.clone())
            .because([listener.reference.clone()])
            .fix("Look for a rule that rejects (`sudo nft list ruleset`, `sudo iptables -S`), and permit loopback before it."),
    ))
}

fn times(n: usize) -> String {
    match n {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        n => format!("{n} times"),
    }
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::{Counters, Ending};
    use crate::facts::staged::{SERVER, Stage, dial, pair, talk};

    /// The client's SYN was repeated and never answered.
    fn unanswered() -> Stage {
        pair().talk(dial(40001, SERVER).syn(50.0).syn(1070.0).syn(3100.0)).deadline()
    }

    #[test]
    fn where_only_the_call_was_seen_it_is_likely_and_no_repetition_is_told() {
        let stage = pair().talk(dial(40001, SERVER).syn(50.0)).deadline().frozen(1500.0).rebuilt();
        let found = stage.fires("dropped-packets");
        assert_eq!(found.confidence, Confidence::Likely);
        assert!(found.statement.contains("got no answer for") && !found.statement.contains("SYN"), "{}", found.statement);
    }

    #[test]
    fn something_discards_packets() {
        let found = unanswered().fires("dropped-packets");
        assert_eq!((found.side, found.confidence), (Side::Environment, Confidence::Proven));
    }

    #[test]
    fn a_filter_that_says_so_is_believed() {
        let stage = pair().talk(dial(40001, SERVER).syn(50.0)).prohibited(50.1, 40001, SERVER);
        assert_eq!(stage.fires("dropped-packets").side, Side::Environment);
    }

    #[test]
    fn a_refusal_by_icmp_while_the_server_listens_is_a_filters() {
        let filtered = pair().talk(dial(40001, SERVER).syn(50.0)).unreachable(50.1, 40001, SERVER);
        let found = filtered.fires("dropped-packets");
        assert_eq!((found.side, found.confidence), (Side::Environment, Confidence::Proven));
        assert_eq!(filtered.verdict().fault.as_deref(), Some("dropped-packets"));
        filtered.without_listener().silent("dropped-packets");
    }

    #[test]
    fn a_refusal_by_rst_while_the_server_listens_accuses_nobody() {
        let stage = pair().talk(dial(40001, SERVER).syn(50.0).refused(50.1));
        assert_eq!(stage.fires("dropped-packets").confidence, Confidence::Possible);
        assert_eq!(stage.verdict().side, Side::Unknown);
    }

    #[test]
    fn a_server_that_came_later_or_whose_queue_was_full_refused_by_itself() {
        let early = || pair().talk(dial(40001, SERVER).syn(20.0).refused(20.1));
        early().silent("dropped-packets");
        let mut full = pair().talk(dial(40001, SERVER).syn(50.0).refused(50.1));
        full.snapshots()[1].sockets[0].recv_queue = Some(101);
        full.silent("dropped-packets");
    }

    #[test]
    fn a_full_accept_queue_drops_connections_too() {
        let mut stage = unanswered();
        stage.snapshots()[1].sockets[0].recv_queue = Some(101);
        assert!(stage.excludes("dropped-packets").contains("does not accept"));
        stage.snapshots()[1].sockets[0].recv_queue = Some(0);
        stage.snapshots()[0].counters = Some(Counters { listen_overflows: 0, listen_drops: 0 });
        stage.snapshots()[1].counters = Some(Counters { listen_overflows: 2, listen_drops: 2 });
        assert!(stage.excludes("dropped-packets").contains("full accept queue"));
    }

    #[test]
    fn a_recording_that_ended_at_once_shows_nothing() {
        let stage = pair().talk(dial(40001, SERVER).syn(59.0)).interrupted();
        assert_eq!(stage.cannot_tell("dropped-packets"), "packets");
    }

    #[test]
    fn a_capture_that_lost_packets_may_have_lost_the_answer() {
        assert_eq!(unanswered().packets(|packets| packets.dropped = 3).cannot_tell("dropped-packets"), "packets");
    }

    #[test]
    fn an_address_where_nobody_listens_may_stay_silent() {
        unanswered().without_listener().silent("dropped-packets");
        pair().talk(talk(40001).healthy()).ends(Ending::ClientsEnded).silent("dropped-packets");
    }

    #[test]
    fn where_the_queue_cannot_be_read_it_is_only_likely() {
        let mut stage = unanswered();
        stage.snapshots().iter_mut().for_each(|snapshot| snapshot.sockets[0].recv_queue = None);
        assert_eq!(stage.fires("dropped-packets").confidence, Confidence::Likely);
    }

    #[test]
    fn cannot_tell_what_it_did_not_see() {
        for source in ["packets", "sockets"] {
            assert_eq!(unanswered().unseen(source).cannot_tell("dropped-packets"), source);
        }
    }
}
