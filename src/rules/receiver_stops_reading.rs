//! `receiver-stops-reading`: one side no longer reads, and the other one cannot go on writing.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Role, Transport};
use crate::facts::{Facts, Player, Talk};

pub(super) static RULE: Rule = Rule {
    name: "receiver-stops-reading",
    symptoms: &[Symptom::Hangs],
    sides: &[Side::Client, Side::Server],
    shown_by: "whose receive window is shut, and whose bytes wait for it to open",
    seen_in: &[Look::Sockets, Look::Queues],
    over: Some(Transport::Tcp),
    explains: &["unread-request", "missing-reply", "slow-reply", "truncated-reply", "client-gives-up-early", "client-failed"],
    check,
};

fn check(facts: &Facts) -> Ruling {
    if !facts.still_waiting() {
        return Ok(Call::Silent);
    }
    let talks = facts.talks()?;
    // A server that cannot write to one client may have to leave another one's bytes unread: that client's turn comes first.
    for role in [Role::Client, Role::Server] {
        let Some(talk) = talks.iter().find(|talk| only_one_is_clogged(talk, role)) else { continue };
        if facts.is_stopped(role) {
            return super::ruled_out(format!("the {role} is stopped by a signal, and cannot read"));
        }
        if role == Role::Client && facts.players(role)?.iter().any(Player::waits_for_input) {
            return super::ruled_out("the client waits for its own standard input");
        }
        facts.is_final(talk, role)?;
        return stopped(talk, role, facts);
    }
    Ok(Call::Silent)
}

fn only_one_is_clogged(talk: &Talk, role: Role) -> bool {
    let had_read = match role {
        Role::Client => true,
        // One that never read anything has another name.
        Role::Server => {
            talk.was_accepted() == Some(true)
                && talk.server_end.as_ref().and_then(|end| end.unread).is_none_or(|unread| talk.asked_bytes() > Some(unread.into()))
        }
    };
    talk.transport == Transport::Tcp
        && talk.is_open()
        && talk.is_clogged(role) == Some(true)
        && talk.is_clogged(role.partner()) == Some(false)
        && had_read
}

fn stopped(talk: &Talk, role: Role, facts: &Facts) -> Ruling {
    let partner = role.partner();
    let side = if role == Role::Client { Side::Client } else { Side::Server };
    let sure = if facts.hang_proven() { Confidence::Proven } else { Confidence::Likely };
    finding(
        &RULE,
        side,
        sure,
        format!(
            "The {role} has stopped reading: its receive buffer is full, its window is shut, and the {partner} waits with \
             more to send."
        ),
    )
    .because(talk.references())
    .at(facts.line_where_waits(role))
    .fix("Read until the peer has nothing more to send, or close the connection when no more is wanted.")
    .fires()
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::{Limit, Role};
    use crate::facts::staged::{Stage, Talk, pair, talk};

    fn clogged(role: Role) -> Talk {
        let talk = talk(40001).asks("hello\n").answers("hel").open();
        let (role, partner) = (role, role.partner());
        talk.end(role, |row| row.recv_queue = Some(4)).end(partner, |row| row.send_queue = Some(9000))
    }

    fn stuck(role: Role) -> Stage {
        pair().talk(clogged(role)).hangs()
    }

    #[test]
    fn either_side_may_stop() {
        for (role, side) in [(Role::Client, Side::Client), (Role::Server, Side::Server)] {
            let found = stuck(role).fires("receiver-stops-reading");
            assert_eq!((found.side, found.confidence), (side, Confidence::Proven));
            let verdict = stuck(role).verdict();
            assert_eq!((verdict.side, verdict.fault.as_deref()), (side, Some("receiver-stops-reading")));
        }
    }

    #[test]
    fn bytes_that_lie_unread_hold_nobody_up() {
        let talk = clogged(Role::Client).end(Role::Server, |row| row.send_queue = Some(0));
        pair().talk(talk).hangs().silent("receiver-stops-reading");
    }

    #[test]
    fn a_server_that_read_nothing_at_all_has_another_fault() {
        let talk = clogged(Role::Server).end(Role::Server, |row| row.recv_queue = Some(6));
        pair().talk(talk).hangs().silent("receiver-stops-reading");
    }

    #[test]
    fn two_that_write_to_each_other_are_another_matter() {
        let talk = clogged(Role::Client).end(Role::Client, |row| row.send_queue = Some(1)).end(Role::Server, |row| row.recv_queue = Some(1));
        pair().talk(talk).hangs().silent("receiver-stops-reading");
    }

    #[test]
    fn a_client_at_its_keyboard_will_read_on() {
        let stage = stuck(Role::Client).waits(Role::Client, "read", Limit::Forever);
        let mut stage = stage;
        if let crate::evidence::Observed::Seen(programs) = &mut stage.0.programs {
            for process in programs.samples.iter_mut().flat_map(|sample| &mut sample.processes) {
                if let crate::evidence::Wait::Call { name, fd, .. } = &mut process.threads[0].wait
                    && name == "read"
                {
                    *fd = Some(0);
                }
            }
        }
        assert!(stage.excludes("receiver-stops-reading").contains("standard input"));
    }

    #[test]
    fn a_stopped_program_cannot_read() {
        assert!(stuck(Role::Server).stopped(Role::Server).excludes("receiver-stops-reading").contains("stopped"));
    }

    #[test]
    fn cannot_tell_what_it_did_not_see() {
        assert_eq!(stuck(Role::Server).unseen("packets").unseen("sockets").cannot_tell("receiver-stops-reading"), "packets");
        let slow = pair().talk(clogged(Role::Server)).deadline().frozen(60.0).waits(Role::Server, "clock_nanosleep", Limit::Timed);
        assert_eq!(slow.cannot_tell("receiver-stops-reading"), "programs");
    }
}
