//! `accept-fails-emfile`: the server's process has no descriptor left, so nobody else is let in.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::Role;
use crate::facts::{Facts, Talk};
use crate::facts::complaint::Complaint;

pub(super) static RULE: Rule = Rule {
    name: "accept-fails-emfile",
    symptoms: &[Symptom::SomeClients, Symptom::Hangs, Symptom::Dies],
    sides: &[Side::Environment, Side::Server],
    shown_by: "how many descriptors the server has open, beside its limit",
    seen_in: &[Look::Waits, Look::Output],
    over: None,
    explains: &[
        "server-crashed",
        "accept-loop-ended",
        "never-accepts",
        "one-at-a-time",
        "worker-pool-exhausted",
        "writable-busy-loop",
        "connection-refused",
        "early-close",
        "reset",
        "missing-reply",
        "slow-reply",
        "client-gives-up-early",
        "client-failed",
    ],
    check,
};

fn check(facts: &Facts) -> Ruling {
    let full = facts.full_table()?;
    let said = facts.player(Role::Server)?.and_then(|server| server.complaint());
    let words = said.filter(|(complaint, _)| *complaint == Complaint::TooManyFiles).map(|(_, words)| words);
    let queued = full.as_ref().is_some_and(|full| facts.somebody_queued_after(full.at));
    if words.is_none() && !queued {
        return Ok(Call::Silent);
    }
    let load = facts.load();
    let limit = full.as_ref().map(|full| full.limit).or_else(|| facts.descriptor_limit());
    let held = load.as_ref().map_or(0, |load| load.live);
    let live = held.max(facts.served_at_once().unwrap_or_default()) as u64;
    let came = facts.talks().map_or(0, <[Talk]>::len) as u64;
    // Only clients that are there account for descriptors in use; whatever else there is was opened and never closed.
    let (side, why) = match limit {
        Some(limit) if live * 2 >= limit => (Side::Environment, format!("{live} clients were connected at the same time")),
        // Those it had accepted and not answered yet would count too.
        _ if load.is_err() => return load.map(|_| Call::Silent),
        Some(_) => (Side::Server, format!("no more than {live} clients were connected at the same time, so others stay open")),
        None if came >= 3 * live.max(1) => (Side::Server, format!("{came} clients came, and no more than {live} were there at once")),
        None => (Side::Unknown, "what holds them was not seen".to_owned()),
    };
    let fix = if side == Side::Environment {
        "Raise the limit (`ulimit -n`, LimitNOFILE) above the number of clients; on EMFILE wait before accepting again."
    } else {
        "Close what is no longer needed; `ls -l /proc/PID/fd` shows what stays open."
    };
    let limit = full.as_ref().map(|full| full.limit).map(|limit| format!(" All {limit} descriptors it may have were in use.")).unwrap_or_default();
    let words = words.map(|words| format!(" It said: {}", words.readable())).unwrap_or_default();
    let program = full.map_or(0, |full| full.program);
    finding(
        &RULE,
        side,
        match side {
            Side::Unknown => Confidence::Possible,
            _ if limit.is_empty() && facts.descriptor_limit().is_none() => Confidence::Likely,
            _ => Confidence::Proven,
        },
        format!("The server could not take another connection for want of descriptors; {why}.{limit}{words}"),
    )
    .because([format!("programs:{program}")])
    .at(if side == Side::Server { facts.only_line(Role::Server, |text| &text.accepts) } else { None })
    .contributing(facts.all_went_well() && facts.contract.concurrency.is_none() && facts.contract.latency_ms.is_none())
    .fix(fix)
    .fires()
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Part, Side};
    use crate::evidence::{How, Observed, Role, Term};
    use crate::facts::staged::{Stage, listener, pair, talk, SERVER};

    /// Ten clients are connected, an eleventh waits, and the server has all of its 16 descriptors in use.
    fn crowded() -> Stage {
        let mut stage = (0..10).fold(pair(), |stage, n| stage.talk(talk(40001 + n).echoes("hello\n").open()));
        stage = stage.talk(talk(40020).asks("hello\n").unaccepted()).deadline();
        let mut waiting = listener(SERVER);
        waiting.recv_queue = Some(1);
        stage.snapshots()[1].sockets.push(waiting);
        full(stage, 16)
    }

    fn full(mut stage: Stage, limit: u64) -> Stage {
        let Observed::Seen(programs) = &mut stage.0.programs else { unreachable!("it is seen") };
        let server = &mut programs.samples[0].processes[0];
        (server.descriptors, server.descriptor_limit) = (Some(16), Some(limit));
        stage
    }

    #[test]
    fn a_limit_below_the_load_is_the_environments() {
        let found = crowded().fires("accept-fails-emfile");
        assert_eq!((found.side, found.confidence, found.role), (Side::Environment, Confidence::Proven, Part::Cause));
        assert_eq!(crowded().verdict().side, Side::Environment);
    }

    #[test]
    fn what_no_client_accounts_for_was_leaked() {
        let mut stage = pair().exits(Role::Server, 80.0, How::Code(1)).frozen(90.0);
        stage = stage.complains(Role::Server, "OSError: [Errno 24] Too many open files\n");
        assert_eq!(stage.fires("accept-fails-emfile").side, Side::Unknown, "nothing is known of what it had open");
        let stage = full(pair().complains(Role::Server, "accept: Too many open files\n"), 16);
        assert_eq!(stage.fires("accept-fails-emfile").side, Side::Server);
    }

    #[test]
    fn a_server_with_descriptors_to_spare_has_another_reason() {
        full(crowded(), 1024).silent("accept-fails-emfile");
    }

    #[test]
    fn a_full_table_that_kept_nobody_waiting_is_no_fault() {
        let stage = full(pair().talk(talk(40001).healthy()), 16);
        stage.silent("accept-fails-emfile");
        let stage = stage.complains(Role::Server, "accept: Too many open files\n");
        assert_eq!(stage.fires("accept-fails-emfile").role, Part::Contributing);
        let promised = stage.contract(|terms| terms.concurrency = Some(Term::told(2)));
        assert_eq!(promised.fires("accept-fails-emfile").role, Part::Cause);
    }

    #[test]
    fn cannot_tell_without_programs() {
        assert_eq!(crowded().unseen("programs").cannot_tell("accept-fails-emfile"), "programs");
    }
}
