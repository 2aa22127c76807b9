//! The commands of a user's own programs: their words, and why one of them could not be started. A command that starts
//! nothing is a slip of the user's and no fault of a program. It starts nothing itself.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use anyhow::{Context, bail, ensure};

use crate::evidence::{Evidence, Observed, Program};

/// Words as a shell would split them; no shell runs, so redirections and pipes are just words.
pub(super) fn words(command: &str, flag: &str) -> anyhow::Result<Vec<String>> {
    let words = shell_words::split(command).with_context(|| format!("{flag}: a quote in {command:?} is not closed"))?;
    ensure!(!words.is_empty(), "{flag}: the command is empty");
    Ok(words)
}

/// Refuses a command that started nothing.
///
/// # Errors
/// For the first program that could not be started: which it is, the system's words, and what to write instead.
pub(super) fn everybody_started(evidence: &Evidence) -> anyhow::Result<()> {
    let Observed::Seen(programs) = &evidence.programs else { return Ok(()) };
    let Some((program, why)) =
        programs.programs.iter().find_map(|program| Some((program, program.spawn_error.as_ref()?)))
    else {
        return Ok(());
    };
    let name = program.command.join(" ");
    bail!("--{}: {name:?} could not be started ({why}); {}", program.role, remedy(program))
}

fn remedy(program: &Program) -> String {
    let Some(name) = program.command.first() else { return "the command is empty".to_owned() };
    let file = Path::new(name);
    if !name.contains('/') {
        return unknown_name(name, &program.command);
    }
    let Ok(about) = fs::metadata(file) else { return "there is no such file; check its name and directory".to_owned() };
    if about.is_dir() {
        return "that is a directory; name the program in it".to_owned();
    }
    let mut head = Vec::new();
    let read = File::open(file).and_then(|file| file.take(256).read_to_end(&mut head));
    let first = String::from_utf8_lossy(head.split(|byte| *byte == b'\n').next().unwrap_or_default()).into_owned();
    let with_interpreter = format!("put its interpreter before it: '{} {name}'", interpreter_of(file));
    if !may_be_run(&about) {
        return format!("it is not marked as a program; run `chmod +x {name}`, or {with_interpreter}");
    }
    match first.strip_prefix("#!").filter(|_| read.is_ok()) {
        Some(interpreter) => {
            format!("its first line asks for {:?}, which is not there or may not be run", interpreter.trim())
        }
        None if head.starts_with(b"\x7fELF") => {
            "it was built for another machine, or what loads it is missing; build it here".to_owned()
        }
        None => format!("its first line does not say what runs it; {with_interpreter}"),
    }
}

fn unknown_name(name: &str, words: &[String]) -> String {
    const OF_A_SHELL: [&str; 8] = ["cd", "export", "source", ".", "ulimit", "exec", "&&", "if"];
    if Path::new(name).is_file() {
        return format!(
            "a file in this directory is started as './{name}', or with its interpreter: '{} {name}'",
            interpreter_of(Path::new(name))
        );
    }
    if OF_A_SHELL.contains(&name)
        || name.contains('=')
        || words.iter().any(|word| ["&&", "|", ";"].contains(&word.as_str()))
    {
        return "no shell runs the command; where one is needed, write \"sh -c '…'\"".to_owned();
    }
    "no program on PATH has that name; check its spelling".to_owned()
}

/// What usually runs a file with this ending.
fn interpreter_of(file: &Path) -> &'static str {
    match file.extension().and_then(|ending| ending.to_str()) {
        Some("js" | "mjs" | "cjs") => "node",
        Some("rb") => "ruby",
        Some("pl") => "perl",
        Some("php") => "php",
        Some("java") => "java",
        Some("jar") => "java -jar",
        Some("sh") => "sh",
        _ => "python3",
    }
}

#[cfg(unix)]
fn may_be_run(about: &fs::Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&about.permissions()) & 0o111 != 0
}

#[cfg(not(unix))]
fn may_be_run(_: &fs::Metadata) -> bool {
    true
}
