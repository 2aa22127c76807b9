//! The five lints of tokio-console 0.1 with its own conditions and thresholds.

use super::rows::Row;
use crate::evidence::{Lint, Task, TaskState};

/// A task that woke itself in more than this share of its wakes polls itself, in percent.
const SELF_WAKES_PERCENT: u64 = 50;
/// A first poll that lasts longer than this keeps its thread from all other tasks, in milliseconds.
const NEVER_YIELDED_MS: f64 = 1000.0;
/// A future this large is expensive to move, in bytes.
const LARGE_FUTURE: u64 = 1024;

/// Notes the lints that apply to each row. `earlier` is the answer before this one.
pub fn apply(rows: &mut [Row], earlier: &[Row]) {
    for row in rows {
        let before = earlier.iter().find(|other| other.span == row.span);
        let lints = [
            (Lint::SelfWakes, wakes_itself(row)),
            (Lint::LostWaker, lost_its_waker(row) && before.is_some_and(|before| unchanged(before, row))),
            (Lint::NeverYielded, never_yielded(&row.task)),
            (Lint::AutoBoxedFuture, row.task.boxed),
            (Lint::LargeFuture, !row.task.blocking && row.task.size.is_some_and(|size| size >= LARGE_FUTURE)),
        ];
        row.task.lints = lints.into_iter().filter_map(|(lint, applies)| applies.then_some(lint)).collect();
    }
}

fn wakes_itself(row: &Row) -> bool {
    let task = &row.task;
    let percent = task.self_wakes.saturating_mul(100).checked_div(task.wakes);
    row.traced_wakers && percent.is_some_and(|percent| percent > SELF_WAKES_PERCENT)
}

fn lost_its_waker(row: &Row) -> bool {
    row.task.state == TaskState::Idle && row.task.wakers == Some(0)
}

/// Whether the task was the same before and did not run in between: a waker that is handed on at the very moment of the
/// answer can look lost in one answer, not in two.
fn unchanged(before: &Row, now: &Row) -> bool {
    lost_its_waker(before) && before.task.polls == now.task.polls && before.task.wakes == now.task.wakes
}

fn never_yielded(task: &Task) -> bool {
    !task.blocking && task.state == TaskState::Running && task.polls <= 1 && task.busy_ms >= NEVER_YIELDED_MS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::At;

    /// A healthy task: idle, woken by others, held by a waker.
    fn row() -> Row {
        let task = Task {
            role: None,
            runtime: "tokio".to_owned(),
            id: 1,
            name: None,
            location: None,
            state: TaskState::Idle,
            at: At(0),
            polls: 4,
            wakes: 4,
            self_wakes: 2,
            wakers: Some(1),
            busy_ms: 1.0,
            polling_ms: None,
            size: Some(1023),
            blocking: false,
            boxed: false,
            lints: Vec::new(),
        };
        Row { span: 7, traced_wakers: true, task }
    }

    /// The lints of a task that is so in two answers.
    fn lints(change: impl Fn(&mut Row)) -> Vec<Lint> {
        let (mut before, mut now) = (row(), row());
        change(&mut before);
        change(&mut now);
        let mut rows = [now];
        apply(&mut rows, &[before]);
        rows[0].task.lints.clone()
    }

    #[test]
    fn a_healthy_task_has_none() {
        assert_eq!(lints(|_| ()), []);
    }

    #[test]
    fn waking_itself_counts_above_half() {
        assert_eq!(lints(|row| row.task.self_wakes = 3), [Lint::SelfWakes]);
        assert_eq!(lints(|row| (row.task.wakes, row.task.self_wakes) = (0, 0)), []);
    }

    #[test]
    fn a_waker_is_lost_only_when_two_answers_say_so() {
        assert_eq!(lints(|row| row.task.wakers = Some(0)), [Lint::LostWaker]);
        let mut lost = row();
        lost.task.wakers = Some(0);
        let mut rows = [lost];
        apply(&mut rows, &[row()]);
        assert_eq!(rows[0].task.lints, []);
        apply(&mut rows, &[]);
        assert_eq!(rows[0].task.lints, []);
    }

    #[test]
    fn wakers_the_runtime_does_not_report_are_not_lost() {
        assert_eq!(lints(|row| row.task.wakers = None), []);
    }

    #[test]
    fn only_a_first_poll_of_a_second_never_yielded() {
        let running = |row: &mut Row, polls, busy_ms| {
            (row.task.state, row.task.polls, row.task.busy_ms) = (TaskState::Running, polls, busy_ms);
        };
        assert_eq!(lints(|row| running(row, 1, 1000.0)), [Lint::NeverYielded]);
        assert_eq!(lints(|row| running(row, 1, 999.0)), []);
        assert_eq!(lints(|row| running(row, 2, 5000.0)), []);
    }

    #[test]
    fn sizes_are_judged_for_futures_and_not_for_blocking_calls() {
        assert_eq!(lints(|row| row.task.size = Some(1024)), [Lint::LargeFuture]);
        assert_eq!(lints(|row| (row.task.size, row.task.blocking) = (Some(9999), true)), []);
        assert_eq!(lints(|row| row.task.boxed = true), [Lint::AutoBoxedFuture]);
    }
}
