//! Real children: every test waits for a state, with a deadline.

mod ends;
mod waits;

use std::time::{Duration, Instant};

use super::{Launch, Stage};
use crate::collect::clock::Clock;
use crate::evidence::{How, Role};

/// Long enough for a machine whose cores are busy with something else.
const DEADLINE: Duration = Duration::from_secs(20);

fn stage() -> Stage {
    assert_eq!(nix::sys::prctl::set_child_subreaper(true), Ok(()));
    Stage::new(Clock::start())
}

fn launch(command: &[&str]) -> Launch {
    let command: Vec<String> = command.iter().map(ToString::to_string).collect();
    Launch {
        role: Role::Server,
        shown: command.clone(),
        command,
        cwd: None,
        env: vec![("PYTHONUNBUFFERED".to_owned(), "1".to_owned())],
        stdin: None,
        reference: false,
    }
}

fn python(script: &str) -> Launch {
    launch(&["python3", "-c", script])
}

/// Waits until `seen` returns something.
fn until<T>(stage: &mut Stage, what: &str, mut seen: impl FnMut(&mut Stage) -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        stage.poll();
        if let Some(value) = seen(stage) {
            return value;
        }
        assert!(begun.elapsed() < DEADLINE, "never saw {what}: {:?}", stage.sample(&[]));
        stage.pause(Duration::from_millis(5));
    }
}

fn until_exit(stage: &mut Stage, program: usize) -> How {
    until(stage, "the exit", |stage| stage.exit(program).map(|exit| exit.how))
}

/// Waits until the program has printed `text`; its output goes on being recorded.
fn until_printed(stage: &mut Stage, program: usize, text: &str) {
    until(stage, text, |stage| stage.peek_stdout(program).contains(text).then_some(()));
}

fn alive(pid: u32) -> bool {
    let stat = procfs::process::Process::new(pid.cast_signed()).and_then(|process| process.stat());
    stat.is_ok_and(|stat| !super::tree::ended(&stat))
}
