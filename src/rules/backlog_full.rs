//! `backlog-full`: the server's accept queue has no room left, and the kernel discards further connection attempts.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Role, Transport};
use crate::facts::{Facts, Listener, Outcome};

pub(super) static RULE: Rule = Rule {
    name: "backlog-full",
    symptoms: &[Symptom::Hangs, Symptom::SomeClients],
    sides: &[Side::Server],
    shown_by: "the length of the accept queue, and the connections that the kernel counted as dropped",
    seen_in: &[Look::Failures, Look::Sockets, Look::Queues],
    over: Some(Transport::Tcp),
    explains: &["never-accepts", "missing-reply", "dropped-packets", "client-gives-up-early", "client-failed"],
    check,
};

fn check(facts: &Facts) -> Ruling {
    let unanswered = |dial: &&crate::facts::Dial| dial.outcome == Outcome::Unanswered && dial.transport == Transport::Tcp;
    let Some(dial) = facts.dials()?.iter().find(unanswered) else { return Ok(Call::Silent) };
    let covers = |l: &&Listener| l.covers(dial.transport, dial.target) && facts.may_be_servers(l);
    let Some(listener) = facts.listeners()?.iter().find(covers) else { return Ok(Call::Silent) };
    let (sure, queue) = match (fullness(listener), facts.accept_queue_overflowed()) {
        (Some((waiting, backlog)), dropped) => (
            // A queue that is full while nothing was counted may be full by chance, with a packet filter before it.
            if dropped == Some(false) { Confidence::Likely } else { Confidence::Proven },
            format!("the server's accept queue, made for {backlog}, was full ({waiting} waiting)"),
        ),
        (None, Some(true)) => {
            (Confidence::Likely, "the kernel dropped attempts because the server's accept queue was full".to_owned())
        }
        (None, Some(false)) => return super::ruled_out("the accept queue had room"),
        (None, None) => return Ok(Call::Silent),
    };
    finding(
        &RULE,
        Side::Server,
        sure,
        format!(
            "The client's SYN to {} was never answered: {queue}, and its program does not take the connections out.",
            dial.target
        ),
    )
    .because(dial.evidence.clone())
    .because([listener.reference.clone()])
    .at(facts.line_where_waits(Role::Server).or_else(|| facts.only_line(Role::Server, |text| &text.listens)))
    .fix("Call accept in a loop that nothing else blocks. A larger backlog only hides a server that does not accept.")
    .fires()
}

/// How many connections waited and for how many the queue was made, when it was full. Linux lets in one more than told.
fn fullness(listener: &Listener) -> Option<(u32, u32)> {
    let (waiting, backlog) = (listener.most_waiting?, listener.backlog?);
    (waiting > backlog).then_some((waiting, backlog))
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::{Counters, Role, Socket};
    use crate::facts::staged::{SERVER, Stage, dial, listener, pair, stranger, talk};

    /// One client waits in the queue, another one's SYN goes unanswered; the queue has this length and holds so many.
    fn crowd(row: Socket, backlog: u32, waiting: u32) -> Stage {
        let mut stage = pair().another_client().talk(talk(40001).asks("hello\n").unaccepted());
        stage = stage.talk(dial(40002, SERVER).syn(51.0)).deadline();
        let full = Socket { recv_queue: Some(waiting), send_queue: Some(backlog), ..row };
        let last = stage.snapshots().last_mut().unwrap();
        last.sockets.retain(|row| row.remote.is_some());
        last.sockets.push(full);
        stage
    }

    fn counted(mut stage: Stage, dropped: u64) -> Stage {
        let counters = |drops| Some(Counters { listen_overflows: drops, listen_drops: drops });
        stage.snapshots()[0].counters = counters(7);
        stage.snapshots()[1].counters = counters(7 + dropped);
        stage
    }

    #[test]
    fn no_room_is_left_in_the_queue() {
        let stage = crowd(listener(SERVER), 0, 1);
        let found = stage.fires("backlog-full");
        assert_eq!((found.side, found.confidence), (Side::Server, Confidence::Proven));
        assert_eq!(counted(stage.clone(), 1).fires("backlog-full").confidence, Confidence::Proven);
        assert_eq!(counted(stage.clone(), 0).fires("backlog-full").confidence, Confidence::Likely);
        assert_eq!(stage.verdict().fault.as_deref(), Some("backlog-full"));
    }

    #[test]
    fn a_queue_that_was_full_for_a_while_is_told_by_the_kernels_count() {
        let stage = counted(crowd(listener(SERVER), 8, 1), 2);
        assert_eq!(stage.fires("backlog-full").confidence, Confidence::Likely);
    }

    #[test]
    fn a_queue_with_room_is_not_the_reason() {
        let stage = counted(crowd(listener(SERVER), 8, 1), 0);
        assert!(stage.excludes("backlog-full").contains("room"));
        assert_eq!(stage.fires("dropped-packets").side, Side::Environment);
        crowd(listener(SERVER), 8, 1).silent("backlog-full");
    }

    #[test]
    fn a_full_queue_is_no_fault_while_everybody_gets_in() {
        let mut stage = pair().another_client().talk(talk(40001).healthy()).talk(talk(40002).healthy());
        let last = stage.snapshots().last_mut().unwrap();
        last.sockets[0] = Socket { recv_queue: Some(1), send_queue: Some(0), ..listener(SERVER) };
        counted(stage.clone(), 5).silent("backlog-full");
        assert_eq!(counted(stage, 5).verdict().side, Side::None);
    }

    #[test]
    fn the_queue_of_somebody_else_is_not_the_servers() {
        crowd(stranger(SERVER), 0, 1).silent("backlog-full");
    }

    #[test]
    fn a_server_that_is_stopped_cannot_take_anybody_out() {
        let stage = crowd(listener(SERVER), 0, 1).stopped(Role::Server);
        assert_eq!(stage.verdict().side, Side::Environment);
    }

    #[test]
    fn cannot_tell_what_it_did_not_see() {
        let stage = crowd(listener(SERVER), 0, 1);
        assert_eq!(stage.clone().unseen("sockets").cannot_tell("backlog-full"), "sockets");
        assert_eq!(stage.unseen("packets").unseen("sockets").cannot_tell("backlog-full"), "packets");
    }
}
