//! `unread-request`: the server accepted the connection and leaves what arrived unread.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Role, Transport};
use crate::facts::{Echo, Facts};
use crate::facts::asked::Muteness;

pub(super) static RULE: Rule = Rule {
    name: "unread-request",
    symptoms: &[Symptom::Hangs],
    sides: &[Side::Server],
    shown_by: "the bytes that lie unread in the server's socket (Recv-Q)",
    seen_in: &[Look::Sockets, Look::Queues],
    over: None,
    explains: &["missing-reply", "client-gives-up-early", "client-failed"],
    check,
};

fn check(facts: &Facts) -> Ruling {
    if let Some((Muteness::Unread, evidence)) = facts.muteness()? {
        return finding(
            &RULE,
            Side::Server,
            Confidence::Proven,
            "The server accepted netdiag's connections and read nothing of what was sent.",
        )
        .because(evidence)
        .fix("Read from the connection as soon as it is accepted; see what the handler waits for instead.")
        .fires();
    }
    let talks = facts.talks()?;
    let accepted = |talk: &&crate::facts::Talk| talk.transport == Transport::Udp || talk.was_accepted() == Some(true);
    let Some(talk) = talks.iter().filter(accepted).find(|talk| talk.was_read() == Some(false)) else {
        let read = talks.iter().any(|talk| talk.was_read() == Some(true) && talk.asked_bytes() > Some(0));
        return if read && facts.still_waiting() {
            super::ruled_out("everything that arrived was read (the server's Recv-Q is 0)")
        } else {
            Ok(Call::Silent)
        };
    };
    if !facts.still_waiting() && talk.ended_by(Role::Client).is_none() {
        return Ok(Call::Silent);
    }
    let unread = talk.server_end.as_ref().and_then(|end| end.unread).unwrap_or_default();
    if talk.server_end.as_ref().is_some_and(|end| end.unsent.unwrap_or_default() > 0) {
        return super::ruled_out("the server is itself waiting for the client to read");
    }
    if let Ok(exchanges) = facts.exchanges()
        && exchanges.iter().any(|(other, exchange)| other.client == talk.client && owes_nothing(&exchange.echo))
    {
        return super::ruled_out("all that was asked had been answered; what lies unread is owed nothing");
    }
    facts.is_final(talk, Role::Server)?;
    let holder_known = talk.server_end.as_ref().is_some_and(|end| !end.pids.is_empty()) || facts.looked(Look::Owners).is_ok();
    let sure = match () {
        // Somebody else may have a socket at the same port.
        () if !holder_known => Confidence::Possible,
        () if facts.hang_proven() => Confidence::Proven,
        () => Confidence::Likely,
    };
    let conduct = if talk.replied_bytes() > Some(0) {
        "has read and answered what came before, and reads no more"
    } else {
        "accepted the connection and does not read"
    };
    finding(
        &RULE,
        Side::Server,
        sure,
        format!(
            "{unread} byte{} from {} lie unread in the server's socket: its program {conduct}.",
            if unread == 1 { "" } else { "s" },
            talk.client
        ),
    )
    .because(talk.references())
    .at(facts.line_where_waits(Role::Server).or_else(|| facts.only_line(Role::Server, |text| &text.receives)))
    .fix("Read from the connection as soon as it is accepted; see what the handler waits for instead.")
    .fires()
}

fn owes_nothing(echo: &Echo) -> bool {
    matches!(echo, Echo::Right | Echo::Surplus { .. } | Echo::NothingAsked)
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::{Limit, Role};
    use crate::facts::staged::{Stage, datagrams, pair, talk};

    fn unread() -> Stage {
        pair().talk(talk(40001).asks("hello\n").unread()).hangs()
    }

    #[test]
    fn the_server_accepted_and_does_not_read() {
        let found = unread().fires("unread-request");
        assert_eq!((found.side, found.confidence), (Side::Server, Confidence::Proven));
        assert!(found.statement.starts_with("6 bytes"), "{}", found.statement);
        assert_eq!(unread().verdict().fault.as_deref(), Some("unread-request"));
    }

    #[test]
    fn one_that_read_the_messages_before_reads_no_more() {
        let stage = pair().talk(talk(40001).echoes("one\n").asks("two\n").unread()).hangs().written(Role::Server, 7, 5);
        let found = stage.fires("unread-request");
        assert!(found.statement.contains("reads no more"), "{}", found.statement);
        assert_eq!(found.location.map(|frame| frame.line), Some(5));
    }

    #[test]
    fn a_datagram_lies_unread_as_well() {
        pair().udp().talk(datagrams(40001).asks("hello").unread()).hangs().fires("unread-request");
    }

    #[test]
    fn what_was_read_is_not_unread() {
        let stage = pair().talk(talk(40001).asks("hello\n").open()).hangs();
        assert!(stage.excludes("unread-request").contains("was read"));
    }

    #[test]
    fn a_server_that_cannot_write_has_a_reason_not_to_read() {
        let talk = talk(40001).asks("hello\n").unread();
        let stage = pair().talk(talk.end(Role::Server, |row| row.send_queue = Some(9))).hangs();
        assert!(stage.excludes("unread-request").contains("waiting for the client"));
    }

    #[test]
    fn what_comes_after_a_complete_reply_need_not_be_read() {
        let talk = talk(40001).healthy().open().end(Role::Server, |row| row.recv_queue = Some(1));
        let stage = pair().talk(talk).deadline();
        assert!(stage.excludes("unread-request").contains("answered"));
    }

    #[test]
    fn a_load_test_at_its_deadline_always_has_something_under_way() {
        let talk = talk(40001).echoes("a\n").at(10_039.9).asks("b\n").unread();
        let stage = pair().talk(talk).deadline();
        assert_eq!(stage.waits(Role::Server, "futex", Limit::Timed).cannot_tell("unread-request"), "programs");
    }

    #[test]
    fn an_interrupted_recording_shows_no_absence() {
        assert_eq!(unread().interrupted().cannot_tell("unread-request"), "programs");
    }

    #[test]
    fn cannot_tell_what_it_did_not_see() {
        assert_eq!(unread().unseen("packets").unseen("sockets").cannot_tell("unread-request"), "packets");
        unread().unseen("packets").fires("unread-request");
        unread().unseen("sockets").silent("unread-request");
    }
}
