//! The shim that becomes a program: offers itself to the tracer, installs the filter, and is replaced by the program.
//!
//! It is single-threaded and does nothing that outlives execve(2) but what tracing needs: the filter, no_new_privs, and
//! being traced. Without a tracer it becomes the program all the same.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use rustix::process::{PTracer, Pid, set_ptracer};

/// How long the tracer may take for one word. A wait with a limit is never mistaken for a hang of the program.
const PATIENCE: Duration = Duration::from_secs(5);

/// Becomes `command`; with `bytes`, its calls that carry bytes are traced too. Returns only when that is impossible.
#[must_use = "it returns only with an error"]
pub fn become_program(tracer: &Path, program: usize, bytes: bool, command: &[std::ffi::OsString]) -> anyhow::Error {
    let Some((word, arguments)) = command.split_first() else { return anyhow::anyhow!("the command is empty") };
    let mut line = offer(tracer, program).ok();
    if let Some(line) = &mut line {
        let _ = match seccompiler::apply_filter(&super::filter::program(bytes)) {
            Ok(()) => writeln!(line, "filtered"),
            Err(refusal) => writeln!(line, "bare a seccomp(2) filter was refused: {refusal}"),
        };
    }
    let error = Command::new(word).args(arguments).exec();
    if let Some(line) = &mut line {
        let _ = writeln!(line, "missing {}: {error}", word.to_string_lossy().replace('\n', " "));
    }
    anyhow::Error::new(error).context(format!("cannot run {}", word.to_string_lossy()))
}

/// Lets the tracer attach to this process; `Err` when it is not going to.
fn offer(tracer: &Path, program: usize) -> anyhow::Result<UnixStream> {
    // A netdiag with file capabilities is not dumpable, and then may not be attached to (ptrace(2)).
    let _ = nix::sys::prctl::set_dumpable(true);
    let stream = UnixStream::connect(tracer).context("the tracer is not there")?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut line = BufReader::new(stream);
    let who: i32 = hear(&mut line)?.parse()?;
    if let Some(who) = Pid::from_raw(who) {
        // Yama lets only ancestors attach unless told otherwise; where there is no Yama there is nothing to tell.
        let _ = set_ptracer(PTracer::ProcessID(who));
    }
    writeln!(line.get_mut(), "{program}")?;
    anyhow::ensure!(hear(&mut line)? == "traced", "the tracer may not attach");
    Ok(line.into_inner())
}

fn hear(line: &mut impl BufRead) -> io::Result<String> {
    let mut text = String::new();
    line.read_line(&mut text)?;
    Ok(text.trim_end().to_owned())
}
