//! The tracer of socket calls in a recording: when there is one, and what becomes of what it heard.

use std::path::Path;

use crate::collect::calls::Tracer;
use crate::collect::clock::Clock;
use crate::evidence::{Evidence, Frame, Gap, Observed};

/// The programs may have behaved differently from how they do when nobody traces them: nothing was recorded.
#[derive(Debug)]
pub(super) struct Disturbed(pub String);

impl std::fmt::Display for Disturbed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "tracing socket calls disturbed the programs: {}", self.0)
    }
}

impl std::error::Error for Disturbed {}

/// The tracer of socket calls, if this recording is to have one. With `bytes` it follows those that carry bytes too.
pub(super) fn open(wanted: bool, bytes: bool, clock: Clock, dir: &Path) -> Result<Tracer, Gap> {
    if !wanted && !bytes {
        return Err(gap("system calls were not traced"));
    }
    let netdiag =
        std::env::current_exe().map_err(|error| gap(format!("netdiag's own program file was not found: {error}")))?;
    Tracer::open(clock, dir, &netdiag, bytes)
}

/// Adds what the tracer of socket calls saw.
pub(super) fn hear(tracer: Result<Tracer, Gap>, evidence: &mut Evidence) -> anyhow::Result<()> {
    let heard = match tracer {
        Ok(tracer) => tracer.finish(),
        Err(gap) => {
            evidence.calls = Observed::NotObserved(gap);
            return Ok(());
        }
    };
    if let Some(why) = heard.disturbed {
        return Err(Disturbed(why).into());
    }
    evidence.calls = heard.calls;
    let Observed::Seen(programs) = &mut evidence.programs else { return Ok(()) };
    if let Observed::Seen(calls) = &mut evidence.calls {
        for crash in &mut calls.crashes {
            let cwd = programs.programs.get(crash.program).and_then(|program| program.cwd.as_deref());
            shorten(crash.line.as_mut(), cwd);
        }
    }
    for (program, why) in heard.missing {
        // What ran was the shim, not the program.
        if let Some(row) = programs.programs.get_mut(program) {
            (row.pid, row.exit, row.stdout, row.stderr, row.spawn_error) = (0, None, None, None, Some(why));
        }
    }
    Ok(())
}

/// The file is named from the program's working directory, as all lines are.
fn shorten(line: Option<&mut Frame>, cwd: Option<&str>) {
    let (Some(line), Some(cwd)) = (line, cwd) else { return };
    if let Some(inside) = line.file.strip_prefix(cwd).and_then(|path| path.strip_prefix('/')) {
        line.file = inside.to_owned();
    }
}

/// Why calls were not seen.
pub(super) fn gap(why: impl Into<String>) -> Gap {
    Gap::new("calls", why, "run the program under `strace -f -e trace=network`")
}
