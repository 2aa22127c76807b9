//! Shims that offer themselves: who knocks says which program it is going to be, and is attached to before it becomes that.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nix::sys::ptrace::{self, Options};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::Pid;

use super::stops::Stop;
use super::{Step, Tracee, Tracer};
use crate::collect::calls::line::Word;

/// How long a shim may take for one word.
const SHIM: Duration = Duration::from_secs(2);

/// A shim whose program has not been started yet.
#[derive(Debug)]
pub struct Shim {
    program: usize,
    line: BufReader<UnixStream>,
}

impl Tracer {
    /// A shim tells which program it is going to be, and is attached to before it becomes that.
    pub(super) fn answer_a_shim(&mut self) -> Step {
        let Ok((stream, _)) = self.listener.accept() else { return Ok(()) };
        let Ok(pid) = getsockopt(&stream, PeerCredentials).map(|peer| peer.pid()) else { return Ok(()) };
        let bounded = stream.set_read_timeout(Some(SHIM)).and_then(|()| stream.set_write_timeout(Some(SHIM)));
        let mut line = BufReader::new(stream);
        let mut program = String::new();
        let asked = bounded
            .and_then(|()| writeln!(line.get_mut(), "{}", std::process::id()))
            .and_then(|()| line.read_line(&mut program));
        // Whoever knocks without being a shim is let go.
        let (Ok(_), Ok(program)) = (asked, program.trim().parse()) else { return Ok(()) };
        let options = Options::PTRACE_O_TRACESYSGOOD
            | Options::PTRACE_O_TRACESECCOMP
            | Options::PTRACE_O_TRACEFORK
            | Options::PTRACE_O_TRACEVFORK
            | Options::PTRACE_O_TRACECLONE
            | Options::PTRACE_O_TRACEEXEC
            | Options::PTRACE_O_EXITKILL;
        if let Err(refusal) = ptrace::seize(Pid::from_raw(pid), options) {
            let why = format!("attaching to it with ptrace(2) was refused: {}", refusal.desc());
            let _ = writeln!(line.get_mut(), "no");
            return self.tell(&Word::Bare { program, why });
        }
        self.tracees.insert(pid, Tracee { pid, program, entered: None, stop: Stop::No });
        if writeln!(line.get_mut(), "traced").is_ok() {
            self.shims.insert(pid, Shim { program, line });
        }
        Ok(())
    }
}

impl Shim {
    /// What the shim said last before it ended or became the program.
    pub(super) fn last_word(mut self) -> Word {
        let mut text = String::new();
        let _ = self.line.read_to_string(&mut text);
        let program = self.program;
        match text.lines().last().map(|line| line.split_once(' ').unwrap_or((line, ""))) {
            Some(("missing", why)) => Word::Missing { program, why: why.to_owned() },
            Some(("bare", why)) => Word::Bare { program, why: why.to_owned() },
            Some(("filtered", _)) => Word::Traced { program },
            _ => Word::Bare { program, why: "the tracer answered too late".to_owned() },
        }
    }
}
