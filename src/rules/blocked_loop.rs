//! `blocked-loop`: a blocking call inside an event loop stops every connection that the loop serves.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Finding, Side};
use crate::evidence::{At, Role, Stall, TaskState};
use crate::facts::Facts;

pub(super) static RULE: Rule = Rule {
    name: "blocked-loop",
    symptoms: &[Symptom::SomeClients, Symptom::Slow],
    sides: &[Side::Server, Side::Client],
    shown_by: "what the event loop's thread does while nobody is served",
    seen_in: &[Look::Waits, Look::Contents],
    over: None,
    explains: &[
        "slow-reply",
        "one-at-a-time",
        "unread-request",
        "missing-reply",
        "never-accepts",
        "backlog-full",
        "client-gives-up-early",
        "client-failed",
    ],
    check,
};

/// A poll that lasts longer than this does not share its thread; tokio's own guidance is 0.1 ms, asyncio's warning 100.
const BLOCKING_MS: f64 = 100.0;

fn check(facts: &Facts) -> Ruling {
    if let Some(finding) = from_tasks(facts) {
        return finding.fires();
    }
    if let Some(finding) = from_stalls(facts) {
        return finding.fires();
    }
    if !somebody_waited(facts) {
        return Ok(Call::Silent);
    }
    match (facts.tasks(), facts.exceptions(Role::Server)) {
        (Ok(_), _) | (_, Ok(_)) => super::ruled_out("no task held its thread for long"),
        (Err(gap), Err(_)) => Err(gap),
    }
}

fn from_tasks(facts: &Facts) -> Option<Finding> {
    let tasks = facts.tasks().ok()?;
    let (index, task) = tasks.tasks.iter().enumerate().find(|(_, task)| {
        task.state == TaskState::Running
            && !task.blocking
            && task.role != Some(Role::Client)
            && task.polling_ms.is_some_and(|ms| ms > BLOCKING_MS)
    })?;
    let name = task.name.clone().unwrap_or_else(|| format!("task {}", task.id));
    let sure = if somebody_waited(facts) { Confidence::Proven } else { Confidence::Likely };
    Some(
        finding(
            &RULE,
            Side::Server,
            sure,
            format!(
                "The server's task `{name}` has been in a single poll for {:.0} ms: it blocks the event loop's thread, and \
                 every other connection waits for it.",
                task.polling_ms.unwrap_or_default()
            ),
        )
        .because([format!("tasks:{index}")])
        .contributing(did_no_harm(facts) || !somebody_waited(facts))
        .at(task.location.clone().map(|frame| (frame, Role::Server)))
        .fix("Use the asynchronous form of the call (tokio::time::sleep, asyncio.sleep), or move it to a thread (spawn_blocking, run_in_executor)."),
    )
}

fn from_stalls(facts: &Facts) -> Option<Finding> {
    let exceptions = facts.evidence.exceptions.seen().ok()?;
    let of_server = exceptions.stalls.iter().filter(|stall| stall.role == Role::Server);
    let stall = of_server.filter(|stall| kept_waiting(facts, stall)).max_by(|a, b| a.ms.total_cmp(&b.ms))?;
    if !somebody_waited(facts) {
        return None;
    }
    Some(
        finding(
            &RULE,
            Side::Server,
            Confidence::Proven,
            format!(
                "The server's event loop did not come back for {:.0} ms: its thread was in {}:{}, and every connection waited.",
                stall.ms, stall.location.file, stall.location.line
            ),
        )
        .contributing(did_no_harm(facts))
        .at(Some((stall.location.clone(), Role::Server)))
        .fix("Use the asynchronous form of the call (asyncio.sleep, streams), or move it to a thread (run_in_executor, asyncio.to_thread)."),
    )
}

/// Where no time is promised and everybody was content, a slow loop is no failure.
fn did_no_harm(facts: &Facts) -> bool {
    facts.contract.latency_ms.is_none() && facts.contract.concurrency.is_none() && facts.all_went_well()
}

/// Whether the loop stood still while some client waited for it; what it did before anybody came kept nobody waiting.
fn kept_waiting(facts: &Facts, stall: &Stall) -> bool {
    facts.talks().is_ok_and(|talks| {
        talks.iter().any(|talk| {
            let Some(asked) = talk.conversation.and_then(|conversation| conversation.sent.first) else { return false };
            let until = talk.response().ok().and_then(|response| response.last).unwrap_or(facts.frozen());
            let began = At(stall.at.0.saturating_sub((stall.ms * 1e6) as u64));
            stall.at >= asked && began <= until
        })
    })
}

/// Whether some client waited notably long, or still waits.
fn somebody_waited(facts: &Facts) -> bool {
    let promised = facts.contract.latency_ms.as_ref().map_or(BLOCKING_MS, |term| term.value as f64);
    facts.talks().is_ok_and(|talks| {
        talks.iter().any(|talk| {
            talk.slowest_reply_ms().is_some_and(|ms| ms > promised)
                || (facts.still_waiting() && talk.is_open() && talk.asked_bytes() > talk.replied_bytes())
        })
    })
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Part, Side};
    use crate::evidence::{At, Lint, Observed, Role, Stall, Task, TaskState, Tasks, Term};
    use crate::facts::staged::{Stage, frame, pair, talk};

    /// The reply took 300 ms.
    fn slow() -> Stage {
        let talk = talk(40001).asks("hi\n").after(300.0).answers("hi\n").closes(Role::Client).closes(Role::Server);
        pair().talk(talk).frozen(400.0)
    }

    fn promised(stage: Stage) -> Stage {
        stage.contract(|terms| terms.latency_ms = Some(Term::told(200)))
    }

    /// The loop's thread did not come back for `ms`, until `at`.
    fn stalled(mut stage: Stage, at: f64, ms: f64) -> Stage {
        let location = frame("server.py", 9, "handle", "time.sleep(0.3)");
        let stall = Stall { at: At((at * 1e6) as u64), role: Role::Server, program: 0, ms, location };
        stage.traced(Role::Server).stalls.push(stall);
        stage
    }

    fn polled(mut stage: Stage, ms: f64, change: impl FnOnce(&mut Task)) -> Stage {
        let mut task = Task {
            role: Some(Role::Server),
            runtime: "tokio".to_owned(),
            id: 3,
            name: Some("echo".to_owned()),
            location: None,
            state: TaskState::Running,
            at: At::default(),
            polls: 1,
            wakes: 1,
            self_wakes: 0,
            wakers: Some(1),
            busy_ms: ms,
            polling_ms: Some(ms),
            size: None,
            blocking: false,
            boxed: false,
            lints: vec![Lint::NeverYielded],
        };
        change(&mut task);
        stage.0.tasks = Observed::Seen(Tasks { tasks: vec![task], dropped: 0 });
        stage
    }

    #[test]
    fn a_stall_that_kept_a_client_waiting_is_the_servers() {
        let found = stalled(promised(slow()), 350.0, 290.0).fires("blocked-loop");
        assert_eq!((found.side, found.role, found.location.map(|frame| frame.line)), (Side::Server, Part::Cause, Some(9)));
    }

    #[test]
    fn a_poll_that_does_not_end_is_the_servers() {
        let found = polled(promised(slow()), 290.0, |_| {}).fires("blocked-loop");
        assert_eq!((found.side, found.role, found.confidence), (Side::Server, Part::Cause, Confidence::Proven));
    }

    #[test]
    fn a_slow_loop_that_breaks_no_promise_is_no_failure() {
        let stage = stalled(slow(), 350.0, 290.0);
        assert_eq!(stage.fires("blocked-loop").role, Part::Contributing);
        assert_eq!(stage.verdict().side, Side::None);
    }

    #[test]
    fn what_a_loop_did_before_anybody_came_kept_nobody_waiting() {
        let stage = stalled(promised(slow()), 30.0, 900.0);
        assert!(stage.excludes("blocked-loop").contains("no task"));
    }

    #[test]
    fn work_where_blocking_is_legitimate_is_no_fault() {
        let stage = polled(promised(slow()), 290.0, |task| task.blocking = true);
        assert!(stage.excludes("blocked-loop").contains("no task"));
        polled(promised(slow()), 290.0, |task| task.role = Some(Role::Client)).excludes("blocked-loop");
        polled(promised(slow()), 20.0, |_| {}).excludes("blocked-loop");
    }

    #[test]
    fn nobody_waited() {
        pair().talk(talk(40001).healthy()).silent("blocked-loop");
        let busy = polled(pair().talk(talk(40001).healthy()), 500.0, |_| {});
        assert_eq!(busy.fires("blocked-loop").role, Part::Contributing);
        assert_eq!(busy.verdict().side, Side::None);
    }

    #[test]
    fn cannot_tell_without_tasks_and_exceptions() {
        assert_eq!(promised(slow()).cannot_tell("blocked-loop"), "tasks");
    }
}
