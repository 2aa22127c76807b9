//! `writable-busy-loop`: the server never rests although nobody asks for anything, because it asks whether it may write.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Role, Stream};
use crate::facts::Facts;
use crate::facts::spinning::Spin;

pub(super) static RULE: Rule = Rule {
    name: "writable-busy-loop",
    symptoms: &[Symptom::Slow],
    sides: &[Side::Server],
    shown_by: "processor time that is used while nobody asks for anything",
    seen_in: &[Look::Waits],
    over: None,
    explains: &[],
    check,
};

fn check(facts: &Facts) -> Ruling {
    let spins = facts.spins(Role::Server)?;
    let restless = |spin: &&Spin| (spin.calls_the_kernel() || spin.is_long()) && spin.serves && spin.at_eof.is_empty();
    let Some(spin) = spins.iter().filter(restless).find(|spin| owes_nothing(facts, spin)) else {
        return Ok(Call::Silent);
    };
    // Which call it makes cannot be seen from outside: one for writability, or one that never blocks.
    finding(
        &RULE,
        Side::Server,
        // It may have work of its own, unless it spends its time in calls.
        if spin.calls_the_kernel() { Confidence::Likely } else { Confidence::Possible },
        format!(
            "While its clients were silent and had all their answers, the server never rested ({} ms of processor time in {:.0} ms, \
             {} of them inside the kernel): unless it has work of its own, it asks again and again, and is answered at once.",
            spin.cpu_ms,
            spin.over_ms(),
            spin.kernel_ms
        ),
    )
    .because([format!("programs:{}", spin.program)])
    .contributing(true)
    .fix("Watch a socket for writing only while something is left to be written; let select, poll or recv block otherwise.")
    .fires()
}

/// Whether, when it began, the last word in each conversation was the server's.
fn owes_nothing(facts: &Facts, spin: &Spin) -> bool {
    let latest = |stream: &Stream| stream.last.filter(|last| *last <= spin.from);
    facts.talks().is_ok_and(|talks| {
        talks.iter().filter_map(|talk| talk.conversation).all(|it| latest(&it.sent) <= latest(&it.received))
    })
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Part, Side};
    use crate::evidence::Role;
    use crate::facts::staged::{SERVER_PID, Stage, pair, talk};

    fn idle() -> Stage {
        pair().talk(talk(40001).echoes("hello\n").open()).frozen(300.0)
    }

    #[test]
    fn a_server_that_never_rests_wastes_a_processor() {
        let stage = idle().spins(Role::Server, SERVER_PID, (60, 300));
        let found = stage.fires("writable-busy-loop");
        assert_eq!((found.side, found.role), (Side::Server, Part::Contributing));
        assert_eq!(stage.verdict().side, Side::None, "its answers were right");
    }

    #[test]
    fn who_owes_a_reply_may_be_working_on_it() {
        let stage = pair().talk(talk(40001).asks("hello\n").open()).deadline().frozen(300.0);
        stage.spins(Role::Server, SERVER_PID, (60, 300)).silent("writable-busy-loop");
    }

    #[test]
    fn a_server_that_rests_does_not_spin() {
        idle().silent("writable-busy-loop");
    }

    #[test]
    fn cannot_tell_what_it_did_not_see() {
        assert_eq!(idle().unseen("programs").cannot_tell("writable-busy-loop"), "programs");
    }
}
