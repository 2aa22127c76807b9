//! `suspended-server`: a program was stopped by a signal; whatever it leaves undone is not its doing.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::Role;
use crate::facts::{Facts, Player};

pub(super) static RULE: Rule = Rule {
    name: "suspended-server",
    symptoms: &[Symptom::Hangs],
    sides: &[Side::Environment],
    shown_by: "the state of the process (T: stopped)",
    seen_in: &[Look::Waits],
    over: None,
    explains: &[
        "never-accepts",
        "backlog-full",
        "unread-request",
        "missing-reply",
        "one-at-a-time",
        "client-gives-up-early",
        "silent-client",
        "slow-reply",
        "missing-terminator",
        "unterminated-reply",
        "truncated-reply",
        "client-failed",
    ],
    check,
};

fn check(facts: &Facts) -> Ruling {
    if facts.all_went_well() {
        return Ok(Call::Silent);
    }
    for role in [Role::Server, Role::Client] {
        for player in facts.players(role)? {
            if player.is_running() && (player.is_stopped() || holds_a_socket_stopped(facts, &player)) {
                return finding(
                    &RULE,
                    Side::Environment,
                    Confidence::Proven,
                    format!("The {role} is stopped (process state T): a signal suspended it, and it cannot do anything."),
                )
                .because([player.reference()])
                .fix(format!("Let it go on: `fg` in its terminal, or `kill -CONT {}`.", player.program.pid))
                .fires();
            }
        }
    }
    Ok(Call::Silent)
}

/// Whether the process that listens or serves is stopped, even if others of its program (the shell that started it) run.
fn holds_a_socket_stopped(facts: &Facts, player: &Player) -> bool {
    let stopped = |pid: u32| player.processes.iter().any(|p| p.pid == pid && matches!(p.state, 'T' | 't'));
    let listens = facts.listeners().is_ok_and(|all| {
        let own = |pid: u32| player.processes.iter().any(|process| process.pid == pid);
        let mut owners = all.iter().flat_map(|listener| &listener.owners).filter(|owner| own(owner.pid)).peekable();
        owners.peek().is_some() && owners.all(|owner| stopped(owner.pid))
    });
    let serves = facts.talks().is_ok_and(|talks| {
        talks.iter().flat_map(|talk| talk.server_end.iter().chain(&talk.client_end)).any(|end| {
            !end.pids.is_empty() && end.pids.iter().all(|pid| stopped(*pid))
        })
    });
    listens || serves
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::Role;
    use crate::facts::staged::{Stage, pair, talk};

    fn asked() -> Stage {
        pair().talk(talk(40001).asks("hello\n").unread()).hangs()
    }

    #[test]
    fn whoever_is_stopped_is_not_to_blame() {
        for role in [Role::Server, Role::Client] {
            let found = asked().stopped(role).fires("suspended-server");
            assert_eq!((found.side, found.confidence), (Side::Environment, Confidence::Proven));
        }
        assert_eq!(asked().stopped(Role::Server).verdict().side, Side::Environment);
    }

    #[test]
    fn one_that_sleeps_by_itself_is_not_stopped() {
        asked().silent("suspended-server");
    }

    #[test]
    fn a_server_stopped_after_its_work_harmed_nobody() {
        pair().talk(talk(40001).healthy()).stopped(Role::Server).silent("suspended-server");
    }

    #[test]
    fn cannot_tell_without_programs() {
        assert_eq!(asked().unseen("programs").cannot_tell("suspended-server"), "programs");
    }
}
