//! `write-write-deadlock`: the client writes and does not read, until its server can do neither.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Role, Transport};
use crate::facts::{Facts, Talk};

pub(super) static RULE: Rule = Rule {
    name: "write-write-deadlock",
    symptoms: &[Symptom::Hangs],
    sides: &[Side::Client],
    shown_by: "full buffers at both ends, while both write",
    seen_in: &[Look::Sockets, Look::Queues],
    over: Some(Transport::Tcp),
    explains: &[
        "unread-request", "missing-reply", "slow-reply", "truncated-reply", "early-close", "reset", "client-gives-up-early",
        "client-failed",
    ],
    check,
};

/// A pause of this many milliseconds with both windows shut is no hiccup: on loopback a reader opens its window at once.
const STUCK_MS: f64 = 500.0;

fn check(facts: &Facts) -> Ruling {
    let talks = facts.talks()?;
    let jammed = talks.iter().find(|talk| {
        talk.transport == Transport::Tcp
            && talk.is_clogged(Role::Client) == Some(true)
            && talk.is_clogged(Role::Server) == Some(true)
    });
    let Some(talk) = jammed else { return given_up(facts) };
    if !facts.still_waiting() {
        return given_up(facts);
    }
    if facts.is_stopped(Role::Client) || facts.is_stopped(Role::Server) {
        return super::ruled_out("a program is stopped by a signal, and can neither read nor write");
    }
    facts.is_final(talk, Role::Client)?;
    facts.is_final(talk, Role::Server)?;
    let sure = if facts.hang_proven() { Confidence::Proven } else { Confidence::Likely };
    jam(talk, facts, sure)
}

/// A client that limits its patience ends by itself, and leaves both windows shut behind it.
fn given_up(facts: &Facts) -> Ruling {
    let talks = facts.talks()?;
    let left = talks.iter().find(|talk| {
        let Some(conversation) = talk.conversation else { return false };
        let (Some(client), Some(server)) = (conversation.sent.zero_window, conversation.received.zero_window) else {
            return false;
        };
        let still = talk.last_heard(facts.frozen());
        talk.ended_by(Role::Client).is_some_and(|left| {
            left > client && left > server && left.ms_since(still) >= STUCK_MS && talk.ended_by(Role::Server).is_none()
        })
    });
    match left {
        Some(talk) => jam(talk, facts, Confidence::Likely),
        None => Ok(Call::Silent),
    }
}

fn jam(talk: &Talk, facts: &Facts, sure: Confidence) -> Ruling {
    finding(
        &RULE,
        Side::Client,
        sure,
        "Both sides want to write and neither reads: the client goes on sending without taking its reply, so the server's \
         reply no longer fits, so the server stops reading as well. An echo server may make its client wait like this; the \
         client has to read while it writes.",
    )
    .because(talk.references())
    .at(facts.line_where_waits(Role::Client).or_else(|| facts.only_line(Role::Client, |text| &text.sends)))
    .fix("Read while writing: in a second thread or task, with select, or send a piece and take its echo before the next.")
    .fires()
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::{Limit, Role};
    use crate::facts::staged::{Stage, Talk, ms, pair, talk};

    fn jammed() -> Talk {
        let talk = talk(40001).asks("hello\n").answers("hel").open();
        talk.end(Role::Server, |row| (row.recv_queue, row.send_queue) = (Some(5000), Some(9000)))
            .end(Role::Client, |row| (row.recv_queue, row.send_queue) = (Some(4000), Some(7000)))
    }

    fn stuck() -> Stage {
        pair().talk(jammed()).hangs()
    }

    #[test]
    fn both_write_and_neither_reads() {
        let found = stuck().fires("write-write-deadlock");
        assert_eq!((found.side, found.confidence), (Side::Client, Confidence::Proven));
        assert_eq!(stuck().verdict().fault.as_deref(), Some("write-write-deadlock"));
        assert_eq!(stuck().verdict().side, Side::Client);
    }

    #[test]
    fn the_queues_alone_show_it() {
        stuck().unseen("packets").fires("write-write-deadlock");
    }

    #[test]
    fn one_that_reads_while_it_writes_is_not_stuck() {
        let reads = jammed().end(Role::Client, |row| row.recv_queue = Some(0));
        pair().talk(reads).hangs().silent("write-write-deadlock");
    }

    #[test]
    fn one_that_has_written_everything_and_does_not_read_is_another_matter() {
        let talk = jammed().end(Role::Client, |row| row.send_queue = Some(0)).end(Role::Server, |row| row.recv_queue = Some(0));
        pair().talk(talk).hangs().silent("write-write-deadlock");
    }

    #[test]
    fn a_transfer_under_way_may_have_full_queues() {
        let busy = pair().talk(jammed()).deadline().frozen(60.0).waits(Role::Server, "clock_nanosleep", Limit::Timed);
        assert_eq!(busy.cannot_tell("write-write-deadlock"), "programs");
    }

    #[test]
    fn a_client_that_gave_up_leaves_both_windows_shut() {
        let talk = talk(40001).asks("hello\n").answers("hel").after(2000.0).resets(Role::Client);
        let shut = |at| Some(ms(at));
        let stage = pair().talk(talk).packets(|packets| {
            packets.conversations[0].sent.zero_window = shut(51.0);
            packets.conversations[0].received.zero_window = shut(51.0);
        });
        assert_eq!(stage.fires("write-write-deadlock").side, Side::Client);
    }

    #[test]
    fn a_stopped_program_can_neither_read_nor_write() {
        assert!(stuck().stopped(Role::Server).excludes("write-write-deadlock").contains("stopped"));
    }

    #[test]
    fn cannot_tell_what_it_did_not_see() {
        assert_eq!(stuck().unseen("packets").unseen("sockets").cannot_tell("write-write-deadlock"), "packets");
    }
}
