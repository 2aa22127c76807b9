//! `dropped-packets`: the client's packets go unanswered although a healthy listener is there.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::Gap;
use crate::facts::{Facts, Outcome};

pub(super) static RULE: Rule = Rule {
    name: "dropped-packets",
    symptoms: &[Symptom::Hangs],
    sides: &[Side::Environment],
    shown_by: "a SYN that nobody answers, while a listener has room for it",
    seen_in: &[Look::Failures, Look::Sockets],
    over: None,
    explains: &["client-before-server", "client-failed", "client-gives-up-early"],
    check,
};

/// On loopback the kernel answers a SYN within the same interrupt; this is far beyond any scheduling delay.
const BEYOND_DOUBT_MS: f64 = 900.0;

fn check(facts: &Facts) -> Ruling {
    let dials = facts.dials()?;
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
