//! `netdiag doctor`: what netdiag can see on this machine, why not more, and how to open the rest.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde::Serialize;

use crate::cli::DoctorArgs;
use crate::collect::calls::{Heard, Tracer};
use crate::collect::clock::Clock;
use crate::commands::Outcome;
use crate::evidence::{Role, Rung};
use crate::sandbox::{self, Closed, RungState};

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Examination {
    schema: &'static str,
    netdiag: &'static str,
    os: &'static str,
    rungs: Vec<RungState>,
    uses: Uses,
    checks: Vec<Check>,
}

/// The rung each kind of command would use.
#[derive(Debug, Serialize)]
struct Uses {
    /// `scenario` and `run`.
    run: Rung,
    /// `check`: programs that netdiag did not start.
    check: Rung,
}

/// One more thing netdiag can use if it is there.
#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    ok: bool,
    /// What was found.
    says: String,
    /// What to do where it is not.
    remedy: Option<&'static str>,
}

/// Examines this machine and prints the result.
pub fn run(arguments: &DoctorArgs) -> anyhow::Result<Outcome> {
    let rungs = sandbox::survey(socket_calls().err());
    let uses = Uses { run: sandbox::best(&rungs, true), check: sandbox::best(&rungs, false) };
    let checks = vec![libpcap(), waits(), other_users(), tasks(), python()];
    let (netdiag, os) = (env!("CARGO_PKG_VERSION"), std::env::consts::OS);
    let examination = Examination { schema: "netdiag/doctor/v1", netdiag, os, rungs, uses, checks };
    let text = if arguments.json { serde_json::to_string_pretty(&examination)? + "\n" } else { page(&examination) };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(Outcome::Fine)
}

/// The hidden `__try-namespace`: [`sandbox::survey`] reads what this prints.
pub fn try_namespace() -> anyhow::Result<Outcome> {
    let answer = serde_json::to_string(&sandbox::try_namespace().err())?;
    std::io::stdout().write_all(answer.as_bytes())?;
    Ok(Outcome::Fine)
}

fn page(examination: &Examination) -> String {
    let mut text =
        format!("netdiag {} on {}\n\nSeeing what is sent, best way first\n", examination.netdiag, examination.os);
    for state in &examination.rungs {
        let (says, remedy) = match &state.closed {
            None => ("open", None),
            Some(closed) => (closed.why.as_str(), Some(closed.remedy.as_str())),
        };
        line(&mut text, called(state.rung), state.closed.is_none(), says, remedy);
    }
    let _ = writeln!(text, "\n  scenario and run use: {}", called(examination.uses.run));
    let _ = writeln!(text, "  check uses: {}\n\nBeside packets", called(examination.uses.check));
    for check in &examination.checks {
        line(&mut text, check.name, check.ok, &check.says, check.remedy.filter(|_| !check.ok));
    }
    text
}

fn line(text: &mut String, name: &str, ok: bool, says: &str, remedy: Option<&str>) {
    let mark = if ok { "✓ yes" } else { "✗ no " };
    let _ = writeln!(text, "  {name:<20}{mark}  {}", wrapped(says));
    if let Some(remedy) = remedy {
        let _ = writeln!(text, "{:INDENT$}{}", "", wrapped(&format!("to open it: {remedy}")));
    }
}

/// Where the second column begins.
const INDENT: usize = 29;
/// How wide the page is.
const WIDTH: usize = 100;

/// The sentence in lines of the second column, broken between words.
fn wrapped(sentence: &str) -> String {
    let mut out = String::new();
    let mut column = INDENT;
    for word in sentence.split(' ') {
        let wide = unicode_width::UnicodeWidthStr::width(word);
        if column > INDENT && column + 1 + wide > WIDTH {
            let _ = write!(out, "\n{:INDENT$}", "");
            column = INDENT;
        } else if column > INDENT {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += wide;
    }
    out
}

fn called(rung: Rung) -> &'static str {
    match rung {
        Rung::Namespace => "private namespace",
        Rung::HostLoopback => "host's loopback",
        Rung::SocketCalls => "socket calls",
        Rung::NoCapture => "without packets",
    }
}

/// Traces a program that does nothing, as a whole recording would.
fn socket_calls() -> Result<(), Closed> {
    let closed = |why: String| Closed {
        why,
        remedy:
            "allow programs to trace their children: `sudo sysctl kernel.yama.ptrace_scope=1`, and in a container a \
                 seccomp profile that permits ptrace"
                .to_owned(),
    };
    let traced = || -> anyhow::Result<Heard> {
        let dir = tempfile::tempdir()?;
        let tracer = Tracer::open(Clock::start(), dir.path(), &std::env::current_exe()?, true);
        let tracer = tracer.map_err(|gap| anyhow::anyhow!(gap.why))?;
        let words = tracer.prepare(Role::Client, 0, &["true".to_owned()], None);
        let quiet = || Stdio::null();
        Command::new(&words[0]).args(&words[1..]).stdin(quiet()).stdout(quiet()).stderr(quiet()).status()?;
        Ok(tracer.finish())
    };
    let heard = traced().map_err(|error| closed(format!("a program could not be traced: {error:#}")))?;
    heard.disturbed.map_or(Ok(()), |why| Err(closed(why)))?;
    heard.calls.seen().map(drop).map_err(|gap| closed(gap.why))
}

/// The library's version stands in the name of the file that is mapped into this process.
fn libpcap() -> Check {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let file = maps.lines().find_map(|line| line.rsplit_once('/').filter(|(_, file)| file.starts_with("libpcap")));
    let says = match file.and_then(|(_, file)| file.split_once(".so.")) {
        Some((_, version)) => format!("version {version}"),
        None => "linked in".to_owned(),
    };
    Check { name: "libpcap", ok: true, says, remedy: None }
}

/// Whether a child's system call can be read, which a proof of a hang rests on. Tried on a `cat` that waits for input.
fn waits() -> Check {
    let child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let read = child.and_then(|mut child| {
        let read = std::fs::read_to_string(format!("/proc/{}/syscall", child.id()));
        drop(child.stdin.take());
        child.wait()?;
        read
    });
    let scope = std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope");
    let scope =
        scope.map_or_else(|_| "not restricted by Yama".to_owned(), |scope| format!("ptrace_scope {}", scope.trim()));
    let timers = std::fs::exists("/proc/self/timers").unwrap_or(false);
    let (ok, says) = match read {
        Ok(_) if timers => (true, format!("what threads wait for can be read ({scope}), so a hang can be proven")),
        Ok(_) => (false, "the kernel does not show timers (/proc/PID/timers), so a hang cannot be proven".to_owned()),
        Err(error) => (false, format!("what threads wait for cannot be read ({scope}): {error}")),
    };
    let remedy = "run `sudo sysctl kernel.yama.ptrace_scope=1`; without it a hang is a deadline that passed";
    Check { name: "proof of a hang", ok, says, remedy: Some(remedy) }
}

/// Another user's descriptors are readable for root, or when there is no other user.
fn other_users() -> Check {
    let ok = std::fs::read_dir("/proc/1/fd").is_ok();
    let says =
        if ok { "sockets of every program have a name" } else { "their sockets are listed with a uid, but no program" };
    Check {
        name: "others' programs",
        ok,
        says: says.to_owned(),
        remedy: Some("run `sudo netdiag sockets` or `sudo netdiag check`"),
    }
}

fn tasks() -> Check {
    let ok = cfg!(tokio_unstable);
    let says = if ok { "built with tokio's task tracing" } else { "built without tokio's task tracing" };
    Check {
        name: "tokio tasks",
        ok,
        says: says.to_owned(),
        remedy: Some("build inside the repository, with RUSTFLAGS unset or containing `--cfg tokio_unstable`"),
    }
}

/// The tracer runs inside the program's own interpreter, from 3.8 on; `python3` is the one most programs use.
fn python() -> Check {
    let remedy = Some("install Python 3.8 or later; only Python programs need it, for the line of code");
    let output = Command::new("python3").arg("--version").stdin(Stdio::null()).output();
    let printed = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    let version = printed.strip_prefix("Python ").map(|version| version.escape_debug().to_string());
    let (ok, says) = match version {
        Some(version) => (traceable(&version), format!("python3 is {version}")),
        None => (false, "there is no python3 on PATH".to_owned()),
    };
    Check { name: "Python", ok, says, remedy }
}

fn traceable(version: &str) -> bool {
    let mut numbers = version.split('.').map_while(|number| number.parse().ok());
    (numbers.next(), numbers.next()) >= (Some(3), Some(8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_rung_is_shown_with_its_reason_and_its_remedy() {
        let closed = Closed { why: "the moon is full".to_owned(), remedy: "wait".to_owned() };
        let text = page(&Examination {
            schema: "",
            netdiag: "1",
            os: "linux",
            rungs: vec![
                RungState { rung: Rung::Namespace, closed: Some(closed) },
                RungState { rung: Rung::NoCapture, closed: None },
            ],
            uses: Uses { run: Rung::NoCapture, check: Rung::NoCapture },
            checks: vec![],
        });
        assert!(text.contains("private namespace   ✗ no   the moon is full\n"), "{text}");
        assert!(text.contains("to open it: wait\n"), "{text}");
        assert!(text.contains("without packets     ✓ yes  open\n"), "{text}");
    }

    #[test]
    fn long_sentences_are_broken_between_words_and_indented() {
        let text = wrapped(&"word ".repeat(40));
        assert!(text.lines().count() > 2);
        assert!(text.lines().all(|line| line.len() <= WIDTH), "{text}");
        assert!(text.lines().skip(1).all(|line| line.starts_with(&format!("{:INDENT$}w", ""))), "{text}");
    }

    #[test]
    fn python_is_traceable_from_3_8_on() {
        assert!(["3.8.0", "3.13.1", "4.0"].into_iter().all(traceable));
        assert!(!["3.7.9", "2.7.18", ""].into_iter().any(traceable));
    }
}
