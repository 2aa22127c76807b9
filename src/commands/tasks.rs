//! `netdiag tasks`: the tasks of a tokio program that serves a console, with tokio-console's lints in words.

use std::time::Duration;

use serde::Serialize;

use super::columns::{Cell, Side, lay_out};
use super::{Outcome, complain, terminal};
use crate::cli::{ColorWhen, TasksArgs};
use crate::collect::clock::Clock;
use crate::collect::tasks;
use crate::evidence::{Frame, Lint, Task, TaskState, Tasks};
use crate::report::style::Ink;

/// A console answers within milliseconds; one whose machine is busy gets some seconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// Prints the table.
pub fn run(args: &TasksArgs, color: ColorWhen) -> anyhow::Result<Outcome> {
    let seen = match tasks::read(&args.console, None, &Clock::start(), PATIENCE) {
        Ok(seen) => seen,
        Err(gap) => {
            complain(&anyhow::anyhow!("{}; {}", gap.why, gap.remedy));
            return Ok(Outcome::CouldNotTell);
        }
    };
    if args.json {
        let listing = Listing { schema: "netdiag/tasks/v1", seen: &seen };
        terminal::show_json(&serde_json::to_value(listing)?)?;
    } else {
        let rows: Vec<_> = seen.tasks.iter().map(row).collect();
        terminal::show(&lay_out(HEADINGS, &rows, terminal::style(color)))?;
    }
    if seen.dropped > 0 {
        let dropped = seen.dropped;
        complain(&anyhow::anyhow!("the program dropped {dropped} updates of its console: the list may be incomplete"));
    }
    Ok(Outcome::Fine)
}

/// What `--json` prints.
#[derive(Serialize)]
struct Listing<'a> {
    schema: &'static str,
    #[serde(flatten)]
    seen: &'a Tasks,
}

const HEADINGS: [(&str, Side); 9] = [
    ("ID", Side::Right),
    ("NAME", Side::Left),
    ("STATE", Side::Left),
    ("FOR", Side::Right),
    ("POLLS", Side::Right),
    ("WAKES", Side::Right),
    ("BUSY", Side::Right),
    ("LOCATION", Side::Left),
    ("LINTS", Side::Left),
];

fn row(task: &Task) -> [Cell; 9] {
    [
        Cell::plain(task.id.to_string()),
        Cell::plain(task.name.as_deref().unwrap_or("-")),
        state(task),
        Cell::plain(task.polling_ms.map_or("-".to_owned(), span)),
        Cell::plain(task.polls.to_string()),
        Cell::plain(task.wakes.to_string()),
        Cell::plain(span(task.busy_ms)),
        Cell::plain(task.location.as_ref().map_or("-".to_owned(), place)),
        Cell::new(Ink::Bad, task.lints.iter().map(|lint| in_words(*lint)).collect::<Vec<_>>().join("; ")),
    ]
}

fn state(task: &Task) -> Cell {
    let word = match task.state {
        TaskState::Running => "running",
        TaskState::Scheduled => "scheduled",
        TaskState::Idle => "idle",
        TaskState::Done => "done",
    };
    // Blocking is what the blocking pool is for.
    let text = if task.blocking { format!("{word} (blocking pool)") } else { word.to_owned() };
    Cell::new(if task.state == TaskState::Done { Ink::Dim } else { Ink::Plain }, text)
}

/// The line it was spawned at; of a file in cargo's registry only the part from the crate on.
fn place(frame: &Frame) -> String {
    let file = frame.file.split_once("/registry/src/").and_then(|(_, rest)| rest.split_once('/'));
    format!("{}:{}", file.map_or(frame.file.as_str(), |(_, file)| file), frame.line)
}

/// A duration in the unit it is best read in.
fn span(ms: f64) -> String {
    match ms {
        ms if ms >= 1000.0 => format!("{:.1} s", ms / 1e3),
        ms if ms >= 10.0 => format!("{ms:.0} ms"),
        ms if ms >= 1.0 => format!("{ms:.1} ms"),
        ms if ms > 0.0 => format!("{:.0} us", (ms * 1e3).max(1.0)),
        _ => "0".to_owned(),
    }
}

fn in_words(lint: Lint) -> &'static str {
    match lint {
        Lint::SelfWakes => "wakes itself most of the time (self-wakes)",
        Lint::LostWaker => "nothing is left that could wake it (lost-waker)",
        Lint::NeverYielded => "has not yielded since its first poll (never-yielded)",
        Lint::AutoBoxedFuture => "its future was boxed because of its size (auto-boxed-future)",
        Lint::LargeFuture => "its future takes 1 KiB or more (large-future)",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_the_unit_they_are_best_read_in() {
        let spans = [0.0, 0.0001, 0.25, 1.5, 12.3, 1234.0].map(span);
        assert_eq!(spans, ["0", "1 us", "250 us", "1.5 ms", "12 ms", "1.2 s"]);
    }

    #[test]
    fn a_crate_from_the_registry_is_named_without_its_way_there() {
        let frame =
            |file: &str| Frame { file: file.to_owned(), line: 7, function: String::new(), source: String::new() };
        assert_eq!(place(&frame("src/main.rs")), "src/main.rs:7");
        assert_eq!(
            place(&frame("/home/u/.cargo/registry/src/index-1/tokio-1.54.1/src/a.rs")),
            "tokio-1.54.1/src/a.rs:7"
        );
    }

    #[test]
    fn the_listing_is_one_object_with_its_schema() {
        let seen = Tasks { tasks: vec![], dropped: 2 };
        let json = serde_json::to_value(Listing { schema: "netdiag/tasks/v1", seen: &seen }).unwrap();
        assert_eq!(json, serde_json::json!({ "schema": "netdiag/tasks/v1", "tasks": [], "dropped": 2 }));
    }
}
