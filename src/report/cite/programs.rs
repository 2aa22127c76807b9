//! Programs, their threads, tasks, exceptions and socket calls in words.

use super::super::escape;
use super::{EXCERPT, Telling, place, time};
use crate::evidence::{
    Action, Crash, Evidence, Frame, How, Limit, Output, Process, Program, Programs, Raised, Role, Sample, SocketCall,
    Task, TaskState, Wait,
};
use crate::facts::trace;

/// How a program ended, as a predicate.
#[must_use]
pub fn ending(how: How) -> String {
    match how {
        How::Code(code) => format!("exits with status {code}"),
        How::Signal(number) => match signal(number) {
            Some(name) => format!("is ended by {name}"),
            None => format!("is ended by signal {number}"),
        },
    }
}

/// Signals that have the same number on every system netdiag runs on.
fn signal(number: i32) -> Option<&'static str> {
    Some(match number {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        _ => return None,
    })
}

pub fn program(program: &Program, telling: Telling) -> String {
    let name = format!("the {} ({})", program.role, escape::clip(&escape::line(&program.command.join(" ")), EXCERPT));
    if let Some(error) = &program.spawn_error {
        return format!("{name} could not be started: {error}");
    }
    let ended = match &program.exit {
        None => "was still running".to_owned(),
        Some(exit) if exit.by_us => "was still running and was ended by netdiag".to_owned(),
        Some(exit) => format!("{}{}", ending(exit.how), telling.when(exit.at)),
    };
    let said = match &program.stderr {
        Some(stderr) if stderr.total == 0 => " and writes nothing to standard error".to_owned(),
        Some(stderr) => last_words(stderr).map_or_else(String::new, |line| format!("; standard error: {line}")),
        None => String::new(),
    };
    format!("{name} {ended}{said}")
}

/// The line that says most about an output: the error that a runtime or a compiler printed, else the first that is not empty.
#[must_use]
pub fn last_words(output: &Output) -> Option<String> {
    let first = || output.head.0.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).find(|line| !line.is_empty());
    let line = trace::last(output, None).map(|trace| trace.words.0).or_else(|| Some(first()?.to_vec()))?;
    Some(escape::quoted(&line, line.len() as u64, 200))
}

/// What the server's processes held at one look; how much that is differs from run to run.
pub fn held(sample: &Sample, programs: &Programs, telling: Telling) -> String {
    if telling == Telling::Steady {
        return "its open descriptors, threads and ended children were counted".to_owned();
    }
    let is_servers =
        |process: &&Process| programs.programs.get(process.program).is_some_and(|it| it.role == Role::Server);
    let (ended, alive): (Vec<&Process>, Vec<&Process>) =
        sample.processes.iter().filter(is_servers).partition(|process| process.state == 'Z');
    let descriptors: u64 = alive.iter().filter_map(|process| process.descriptors).map(u64::from).sum();
    let threads: usize = alive.iter().map(|process| process.threads.len()).sum();
    let counted = |n: u64, one: &str, many: &str| format!("{n} {}", if n == 1 { one } else { many });
    let ended = match ended.len() as u64 {
        0 => String::new(),
        n => format!(", {}", counted(n, "child that has ended", "children that have ended")),
    };
    format!(
        "{}, {}{ended}",
        counted(descriptors, "open descriptor", "open descriptors"),
        counted(threads as u64, "thread", "threads")
    )
}

pub fn waits(process: &Process, telling: Telling) -> impl Iterator<Item = String> + '_ {
    let name = format!("{}{}", process.name, telling.pid(process.pid));
    process.threads.iter().map(move |thread| format!("{name} {}", wait(&thread.wait)))
}

fn wait(wait: &Wait) -> String {
    match wait {
        Wait::Running => "is running".to_owned(),
        Wait::Stopped => "is stopped".to_owned(),
        Wait::Unknown => "may not be looked at".to_owned(),
        Wait::Call { name, limit, socket, file, .. } => {
            let on = match (socket, file) {
                (Some((local, Some(peer))), _) => format!(" on {local} ↔ {peer}"),
                (Some((local, None)), _) => format!(" on {local}"),
                (None, Some(file)) => format!(" on {file}"),
                (None, None) => String::new(),
            };
            let long = match limit {
                Limit::Forever => ", without a time limit",
                Limit::Timed => ", with a time limit",
                Limit::Unknown => "",
            };
            format!("waits in {name}{on}{long}")
        }
    }
}

pub fn task(task: &Task, telling: Telling) -> String {
    let name = task.name.clone().unwrap_or_else(|| format!("task {}", task.id));
    let whose = task.role.map_or_else(String::new, |role| format!(" of the {role}"));
    let doing = match task.state {
        TaskState::Running => task.polling_ms.filter(|_| telling == Telling::Exact).map_or_else(
            || "is being polled".to_owned(),
            |ms| format!("has been running for {} without giving way", time(ms)),
        ),
        TaskState::Scheduled => "is woken and waits for its turn".to_owned(),
        TaskState::Idle if task.wakers == Some(0) => "waits, and nothing can wake it".to_owned(),
        TaskState::Idle => "waits".to_owned(),
        TaskState::Done => "is done".to_owned(),
    };
    let at = task.location.as_ref().map_or_else(String::new, |frame| format!(" at {}", line_of(frame)));
    format!("{} {name}{whose} {doing}{at}", task.runtime)
}

pub fn exception(list: &str, number: usize, evidence: &Evidence, telling: Telling) -> Option<String> {
    let exceptions = evidence.exceptions.seen().ok()?;
    match list {
        "" => exceptions.raised.get(number).map(raised),
        "neglected" => exceptions.neglected.get(number).map(|one| {
            let fate =
                if one.what == "never-awaited" { "is never awaited" } else { "fails, and nobody asks for its result" };
            let what = one.exception.as_ref().map_or_else(String::new, |text| format!(" ({text})"));
            let at = one.location.as_ref().map_or_else(String::new, |frame| format!(" at {}", line_of(frame)));
            format!("{} in the {} {fate}{what}{at}", one.name, one.role)
        }),
        "stalls" => exceptions.stalls.get(number).map(|stall| {
            let long = if telling == Telling::Exact { format!(" for {}", time(stall.ms)) } else { String::new() };
            format!("the {}'s event loop is stuck{long} at {}", stall.role, line_of(&stall.location))
        }),
        "stacks" => exceptions.stacks.get(number).map(|stack| {
            let at = stack.frames.last().map_or_else(String::new, |frame| format!(" at {}", line_of(frame)));
            let within = if stack.within.is_empty() { String::new() } else { format!(", in {}", stack.within) };
            format!("{} of the {} stands{at}{within}", stack.of, stack.role)
        }),
        _ => None,
    }
}

/// `client.py:6, “await talk()”`.
fn line_of(frame: &Frame) -> String {
    if frame.source.is_empty() { place(frame) } else { format!("{}, “{}”", place(frame), frame.source) }
}

fn raised(raised: &Raised) -> String {
    let text = if raised.message.is_empty() { String::new() } else { format!(" ({})", raised.message) };
    let at = raised.frames.last().map_or_else(String::new, |frame| format!(" raised at {}", place(frame)));
    format!("{}{text} in the {}{at}; {}", raised.kind, raised.role, fate(raised))
}

/// What became of an exception, as a clause.
fn fate(raised: &Raised) -> String {
    let caught = raised.caught.as_ref().map_or_else(String::new, |frame| format!(" at {}", place(frame)));
    match raised.action {
        Action::Silent => format!("caught{caught}, where nothing tells of it"),
        Action::Reported => format!("caught and reported{caught}"),
        Action::Reraised => format!("caught and raised again{caught}"),
        Action::Handled => format!("caught and handled{caught}"),
        Action::Uncaught => "caught nowhere".to_owned(),
    }
}

/// A socket call with its result.
#[must_use]
pub fn call(call: &SocketCall, telling: Telling) -> String {
    let address = call.address.map_or_else(String::new, |address| address.to_string());
    let result = match call.result {
        ok @ 0.. => ok.to_string(),
        failed => call.error().map_or_else(|| format!("error {}", -failed), str::to_owned),
    };
    format!("the {} calls {}({address}){}: {result}", call.role, call.name, telling.when(call.at))
}

/// What ended a process from inside, and where.
pub(super) fn crash(crash: &Crash, telling: Telling) -> String {
    let line =
        crash.line.as_ref().map(|line| format!(", at {}:{}", escape::line(&line.file), line.line)).unwrap_or_default();
    let functions = match crash.functions.as_slice() {
        [] => String::new(),
        functions => format!(" in {}", functions[..functions.len().min(4)].join(", called from ")),
    };
    format!("the {} brings signal {} upon itself{}{functions}{line}", crash.role, crash.signal, telling.when(crash.at))
}
