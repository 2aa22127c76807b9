//! The console's protocol buffers, turned into tasks. Rows that are not the program's own are left out.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use console_api::field::{Name, Value};
use console_api::instrument::Update;
use console_api::tasks::{Stats, Task as Entry};
use console_api::{Field, Location, Metadata};

use crate::collect::printable::printable;
use crate::evidence::{At, Frame, Role, Task, TaskState};

/// A task with what only the lints need.
pub struct Row {
    /// The console's own number for it, the same in every answer.
    pub span: u64,
    /// Whether the runtime reports its wakers: it does for spawned tasks only.
    pub traced_wakers: bool,
    pub task: Task,
}

/// All tasks of the program in an answer that holds the full state, by number.
pub fn rows(update: &Update, role: Option<Role>, at: At) -> Vec<Row> {
    let metadata = metadata(update);
    let now = moment(update.now).unwrap_or_else(SystemTime::now);
    let Some(tasks) = &update.task_update else { return Vec::new() };
    let mut rows: Vec<Row> = tasks
        .new_tasks
        .iter()
        .filter_map(|entry| {
            let fields = Fields::of(entry, &metadata);
            let span = entry.id?.id;
            (!is_machinery(entry, &fields))
                .then(|| row(entry, &fields, tasks.stats_update.get(&span)?, (role, at), now))?
        })
        .collect();
    rows.sort_by_key(|row| (row.task.id, row.span));
    rows
}

/// Longest name or file name kept, in characters.
const NAME: usize = 300;

fn row(entry: &Entry, fields: &Fields, stats: &Stats, (role, at): (Option<Role>, At), now: SystemTime) -> Option<Row> {
    let span = entry.id?.id;
    let times = Times::of(stats, now);
    let traced_wakers = !matches!(fields.kind(), Some("blocking" | "block_on"));
    let (size, original) = (fields.number("size.bytes"), fields.number("original_size.bytes"));
    let task = Task {
        role,
        runtime: "tokio".to_owned(),
        id: fields.number("task.id").unwrap_or(span),
        name: fields.text("task.name").filter(|name| !name.is_empty()).map(|name| printable(name.as_bytes(), NAME)),
        location: entry.location.as_ref().and_then(frame),
        state: times.state(),
        at,
        polls: times.polls,
        wakes: stats.wakes,
        self_wakes: stats.self_wakes,
        wakers: traced_wakers.then(|| stats.waker_clones.saturating_sub(stats.waker_drops)),
        busy_ms: ms(times.busy) + times.polling().map_or(0.0, ms),
        polling_ms: times.polling().map(ms),
        size,
        blocking: fields.kind() == Some("blocking"),
        boxed: original.is_some() && original != size,
        lints: Vec::new(),
    };
    Some(Row { span, traced_wakers, task })
}

/// Whether the row is the runtime's or the console's own machinery.
fn is_machinery(entry: &Entry, fields: &Fields) -> bool {
    let file = entry.location.as_ref().and_then(|location| location.file.as_deref()).unwrap_or_default();
    let file = file.replace('\\', "/");
    // The threads of the multi-thread scheduler are themselves started on the blocking pool.
    let worker = file.ends_with("/src/runtime/scheduler/multi_thread/worker.rs") && fields.kind() == Some("blocking");
    let console = file.contains("/console-subscriber-")
        || fields.text("task.name").is_some_and(|name| name.starts_with("console::"));
    worker || console
}

fn frame(location: &Location) -> Option<Frame> {
    let file = printable(location.file.as_deref()?.as_bytes(), NAME);
    Some(Frame { file, line: location.line.unwrap_or(0), function: String::new(), source: String::new() })
}

fn metadata(update: &Update) -> HashMap<u64, &Metadata> {
    let registered = update.new_metadata.iter().flat_map(|new| &new.metadata);
    registered.filter_map(|new| Some((new.id?.id, new.metadata.as_ref()?))).collect()
}

/// The fields of a task's span, by name.
struct Fields<'a>(HashMap<&'a str, &'a Value>);

impl<'a> Fields<'a> {
    fn of(entry: &'a Entry, metadata: &HashMap<u64, &'a Metadata>) -> Self {
        let named = |field: &'a Field| {
            let name = match field.name.as_ref()? {
                Name::StrName(name) => name.as_str(),
                Name::NameIdx(index) => {
                    let callsite = field.metadata_id.or(entry.metadata)?;
                    metadata.get(&callsite.id)?.field_names.get(usize::try_from(*index).ok()?)?
                }
            };
            Some((name, field.value.as_ref()?))
        };
        Self(entry.fields.iter().filter_map(named).collect())
    }

    fn text(&self, name: &str) -> Option<&'a str> {
        match self.0.get(name)? {
            Value::StrVal(text) | Value::DebugVal(text) => Some(text),
            _ => None,
        }
    }

    fn number(&self, name: &str) -> Option<u64> {
        match self.0.get(name)? {
            Value::U64Val(number) => Some(*number),
            Value::I64Val(number) => u64::try_from(*number).ok(),
            _ => None,
        }
    }

    /// "task", "local", "blocking" or "block_on".
    fn kind(&self) -> Option<&'a str> {
        self.text("kind")
    }
}

/// The moments of a task's life, on the program's own clock.
struct Times {
    now: SystemTime,
    dropped: bool,
    polls: u64,
    busy: Duration,
    started: Option<SystemTime>,
    ended: Option<SystemTime>,
    woken: Option<SystemTime>,
}

impl Times {
    fn of(stats: &Stats, now: SystemTime) -> Self {
        let polls = stats.poll_stats.as_ref();
        Self {
            now,
            dropped: stats.dropped_at.is_some(),
            polls: polls.map_or(0, |polls| polls.polls),
            busy: polls.and_then(|polls| polls.busy_time?.try_into().ok()).unwrap_or_default(),
            started: polls.and_then(|polls| moment(polls.last_poll_started)),
            ended: polls.and_then(|polls| moment(polls.last_poll_ended)),
            woken: moment(stats.last_wake),
        }
    }

    fn state(&self) -> TaskState {
        if self.dropped {
            TaskState::Done
        } else if self.started > self.ended {
            TaskState::Running
        } else if self.polls == 0 || self.woken > self.started {
            // A task that was never polled waits for its first turn.
            TaskState::Scheduled
        } else {
            TaskState::Idle
        }
    }

    /// How long the present poll has lasted.
    fn polling(&self) -> Option<Duration> {
        let running = self.state() == TaskState::Running;
        let started = self.started.filter(|_| running)?;
        Some(self.now.duration_since(started).unwrap_or_default())
    }
}

/// A protobuf timestamp as the standard library's.
fn moment<T>(stamp: Option<T>) -> Option<SystemTime>
where
    SystemTime: TryFrom<T>,
{
    SystemTime::try_from(stamp?).ok()
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
