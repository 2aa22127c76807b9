//! `eof-busy-loop`: the other end has closed, and the program reads nothing again and again instead of closing too.

use super::{Call, Look, Rule, Ruling, Symptom, Transport, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::Role;
use crate::facts::spinning::Spin;
use crate::facts::{Echo, Facts};

pub(super) static RULE: Rule = Rule {
    name: "eof-busy-loop",
    symptoms: &[Symptom::Hangs, Symptom::Slow, Symptom::WorksOnce],
    sides: &[Side::Server, Side::Client],
    shown_by: "processor time that is used after the other end has closed",
    seen_in: &[Look::Sockets, Look::Queues, Look::Owners, Look::Waits],
    over: Some(Transport::Tcp),
    explains: &[
        "close-wait-leak",
        "leak-per-client",
        "accept-loop-ended",
        "never-accepts",
        "one-at-a-time",
        "worker-pool-exhausted",
        "unread-request",
        "missing-reply",
        "slow-reply",
        "client-gives-up-early",
        "client-failed",
    ],
    check,
};

fn check(facts: &Facts) -> Ruling {
    for role in [Role::Server, Role::Client] {
        let spins = facts.spins(role)?;
        if let Some(spin) = spins.iter().find(|spin| !spin.at_eof.is_empty() && (spin.calls_the_kernel() || spin.is_long())) {
            return spins_at_eof(facts, role, spin);
        }
    }
    Ok(Call::Silent)
}

fn spins_at_eof(facts: &Facts, role: Role, spin: &Spin) -> Ruling {
    // One process may hold several ends; which of them keeps it busy cannot be seen.
    let at_work = |peer: &std::net::SocketAddr| facts.is_alone() && !facts.answered_or_asked_nothing(*peer);
    if spin.at_eof.iter().any(|(_, peer)| at_work(peer)) {
        return super::ruled_out("the server may still be at work on what netdiag had sent it, in a language of its own");
    }
    let Some((row, peer)) = spin.at_eof.first() else { return Ok(Call::Silent) };
    // Who still owes a reply may be working on it; and whoever misses one did not make the loop's cause.
    let owes_nothing = facts.is_alone()
        || facts.exchanges()?.iter().any(|(talk, exchange)| {
            let is_it = if role == Role::Server { talk.client == *peer } else { talk.server == *peer };
            let replied = talk.conversation.and_then(|it| it.received.last);
            is_it && matches!(exchange.echo, Echo::Right | Echo::NothingAsked) && replied <= Some(spin.from)
        });
    if !owes_nothing && !spin.calls_the_kernel() {
        return Ok(Call::Silent);
    }
    let (side, partner) = match role {
        Role::Server => (Side::Server, "client"),
        Role::Client => (Side::Client, "server"),
    };
    finding(
        &RULE,
        side,
        if owes_nothing && spin.calls_the_kernel() { Confidence::Proven } else { Confidence::Likely },
        format!(
            "The {partner} has closed, the {role} keeps its end open (CLOSE_WAIT) and never rests: it reads the end of file over and \
             over ({} ms of processor time in {:.0} ms without a packet, {} of them inside the kernel).",
            spin.cpu_ms,
            spin.over_ms(),
            spin.kernel_ms
        ),
    )
    .because([row.clone(), format!("programs:{}", spin.program)])
    .at(facts.only_line(role, |text| &text.receives))
    .contributing(!owes_nothing || facts.all_went_well())
    .fix("A read that returns no bytes is the end: leave the loop, close the connection, and watch it no longer.")
    .fires()
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Part, Side};
    use crate::evidence::{Occasion, Probe, Role, SocketState};
    use crate::facts::staged::{SERVER_PID, Stage, addr, owner, pair, probe, talk};

    /// The client got its reply and left; the server is looked at for 200 ms more.
    fn left() -> Stage {
        let talk = talk(40001).echoes("hello\n").closes(Role::Client).open().end(Role::Server, |row| {
            row.state = SocketState::CloseWait;
            row.owners = vec![owner(Role::Server)];
        });
        pair().talk(talk).frozen(300.0)
    }

    #[test]
    fn the_server_reads_nothing_for_ever() {
        let stage = left().spins(Role::Server, SERVER_PID, (60, 300));
        let found = stage.fires("eof-busy-loop");
        assert_eq!((found.side, found.role), (Side::Server, Part::Contributing));
        assert_eq!(stage.verdict().side, Side::None, "its answers were right");
    }

    #[test]
    fn a_server_that_may_be_at_work_on_a_probe_is_not_accused_over_it() {
        let alone = |received: &str| {
            let mut stage = left().spins(Role::Server, SERVER_PID, (60, 300)).client_gone();
            stage.0.setting.occasion = Occasion::LiveServer;
            stage.probed(vec![Probe { from: Some(addr("127.0.0.1:40001")), ..probe("hello\n", received) }])
        };
        assert!(alone("").excludes("eof-busy-loop").contains("language of its own"));
        alone("hello\n").fires("eof-busy-loop");
    }

    #[test]
    fn a_second_client_that_waits_for_it_makes_it_the_cause() {
        let second = talk(40002).asks("hi\n").unaccepted();
        let stage = left().talk(second).deadline().frozen(300.0).spins(Role::Server, SERVER_PID, (60, 300));
        let found = stage.fires("eof-busy-loop");
        assert_eq!((found.role, found.confidence), (Part::Cause, Confidence::Proven));
        assert_eq!(stage.verdict().fault.as_deref(), Some("eof-busy-loop"));
    }

    #[test]
    fn a_client_can_do_it_too() {
        let talk = talk(40001).echoes("hello\n").closes(Role::Server).open();
        let stage = pair().talk(talk).deadline().frozen(300.0).spins(Role::Client, SERVER_PID + 1, (60, 300));
        assert_eq!(stage.fires("eof-busy-loop").side, Side::Client);
    }

    #[test]
    fn who_still_owes_a_reply_may_be_working_on_it() {
        let talk = talk(40001).asks("hello\n").closes(Role::Client).open();
        let stage = pair().talk(talk).deadline().frozen(300.0).spins(Role::Server, SERVER_PID, (60, 300));
        assert_eq!(stage.fires("eof-busy-loop").role, Part::Contributing);
    }

    #[test]
    fn who_answers_after_the_quiet_was_working_on_it() {
        let talk = talk(40001).asks("hello\n").closes(Role::Client).at(310.0).answers("hello\n").open();
        let mut stage = pair().talk(talk).frozen(400.0).spins(Role::Server, SERVER_PID, (60, 300));
        stage.snapshots()[0].sockets = stage.snapshots()[1].sockets.clone();
        assert_eq!(stage.fires("eof-busy-loop").role, Part::Contributing);
    }

    #[test]
    fn a_server_that_rests_does_not_spin() {
        left().silent("eof-busy-loop");
    }

    #[test]
    fn cannot_tell_what_it_did_not_see() {
        assert_eq!(left().unseen("programs").cannot_tell("eof-busy-loop"), "programs");
        let busy = left().spins(Role::Server, SERVER_PID, (60, 300));
        assert_eq!(busy.unseen("packets").cannot_tell("eof-busy-loop"), "packets");
    }
}
