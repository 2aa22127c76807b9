//! `shutdown-hangs`: the server was asked to end and goes on.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::Role;
use crate::facts::Facts;

pub(super) static RULE: Rule = Rule {
    name: "shutdown-hangs",
    symptoms: &[Symptom::Stays],
    sides: &[Side::Server],
    shown_by: "whether the server is still there some seconds after it was interrupted (SIGINT)",
    seen_in: &[Look::Ends],
    over: None,
    explains: &[],
    check,
};

fn check(facts: &Facts) -> Ruling {
    let Some(farewell) = &facts.evidence.farewell else { return Ok(Call::Silent) };
    let server = facts.player(Role::Server)?;
    if farewell.exit.is_some() {
        return super::ruled_out("the server ended when it was interrupted");
    }
    if facts.is_stopped(Role::Server) {
        return super::ruled_out("the server is stopped, and hears no signal");
    }
    finding(
        &RULE,
        Side::Server,
        Confidence::Proven,
        format!(
            "The server was interrupted (SIGINT, what Ctrl-C sends) and was still there {} ms later: something in it goes on \
             that nothing ends.",
            farewell.limit_ms
        ),
    )
    .because(server.map(|server| server.reference()))
    // A conversation that went wrong may be what keeps it.
    .contributing(!facts.is_alone() && !facts.all_went_well())
    .fix(
        "Make threads that wait for ever daemons, or wake them: close the sockets they wait on. Let KeyboardInterrupt pass \
         (`except Exception`, not `except:`), and cancel the tasks that serve clients before waiting for them.",
    )
    .fires()
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Part, Side};
    use crate::evidence::{Exit, Farewell, How, Output, Role};
    use crate::facts::staged::{Stage, ms, pair, talk};

    fn interrupted(mut stage: Stage, exit: Option<Exit>) -> Stage {
        stage.0.farewell = Some(Farewell { at: ms(120.0), exit, limit_ms: 1500, stderr: Output::default() });
        stage
    }

    fn healthy() -> Stage {
        pair().talk(talk(40001).healthy())
    }

    #[test]
    fn a_server_that_outlives_its_interruption_is_named_however_well_it_served() {
        let found = interrupted(healthy(), None).fires("shutdown-hangs");
        assert_eq!((found.side, found.confidence, found.role), (Side::Server, Confidence::Proven, Part::Cause));
        assert!(found.statement.contains("1500 ms"), "{}", found.statement);
        let verdict = interrupted(healthy(), None).verdict();
        assert_eq!(verdict.fault.as_deref(), Some("shutdown-hangs"));
    }

    #[test]
    fn one_that_ends_in_whatever_way_does_not_hang() {
        for how in [How::Code(0), How::Code(130), How::Signal(2)] {
            let exit = Exit { at: ms(300.0), how, by_us: true };
            let stage = interrupted(healthy(), Some(exit));
            assert!(stage.excludes("shutdown-hangs").contains("ended"));
            assert_eq!(stage.verdict().side, Side::None);
        }
    }

    #[test]
    fn whom_nobody_asked_to_end_may_stay() {
        healthy().silent("shutdown-hangs");
    }

    #[test]
    fn beside_a_conversation_that_went_wrong_it_is_told_and_not_blamed() {
        let unanswered = pair().talk(talk(40001).asks("hello\n").open()).hangs();
        let verdict = interrupted(unanswered.clone(), None).verdict();
        assert_eq!((verdict.side, verdict.fault.as_deref()), (Side::Server, Some("missing-reply")));
        assert_eq!(interrupted(unanswered, None).fires("shutdown-hangs").role, Part::Contributing);
    }

    #[test]
    fn cannot_tell_what_it_did_not_see() {
        assert_eq!(interrupted(healthy().unseen("programs"), None).cannot_tell("shutdown-hangs"), "programs");
        let stopped = interrupted(healthy().stopped(Role::Server), None);
        assert!(stopped.excludes("shutdown-hangs").contains("stopped"));
    }
}
