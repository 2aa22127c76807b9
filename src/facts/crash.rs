//! Where a program's own machine code ended it, as the tracer of calls saw it.

use super::{Ended, Facts, Player};
use crate::evidence::{Crash, Role};

const SIGILL: i32 = 4;
const SIGABRT: i32 = 6;
const SIGBUS: i32 = 7;
const SIGFPE: i32 = 8;
const SIGSEGV: i32 = 11;

/// Whether a program usually brings that signal upon itself (signal(7); Linux's numbers, the only ones recorded).
#[must_use]
pub fn is_own_doing(signal: i32) -> bool {
    meaning(signal).is_some()
}

/// Name of the signal, and what it says of the program.
fn meaning(signal: i32) -> Option<&'static str> {
    Some(match signal {
        SIGILL => "SIGILL, an instruction that does not exist",
        SIGABRT => "SIGABRT, it gave itself up",
        SIGBUS => "SIGBUS, memory that is not there",
        SIGFPE => "SIGFPE, a division by zero",
        SIGSEGV => "SIGSEGV, a bad address",
        _ => return None,
    })
}

impl Facts<'_> {
    /// The last time a process of `role` was ended by what it did itself.
    #[must_use]
    pub fn crash(&self, role: Role) -> Option<&Crash> {
        Some(self.last_crash(role)?.1)
    }

    /// What shows that crash, as a reference into the evidence.
    #[must_use]
    pub fn crash_reference(&self, role: Role) -> Option<String> {
        Some(format!("calls:crashes/{}", self.last_crash(role)?.0))
    }

    fn last_crash(&self, role: Role) -> Option<(usize, &Crash)> {
        let mut crashes = self.evidence.calls.seen().ok()?.crashes.iter().enumerate();
        crashes.rfind(|(_, crash)| crash.role == role && crash.at <= self.frozen())
    }

    /// How a player that was ended by `signal` ended, as the end of "the server …".
    #[must_use]
    pub fn ended_by(&self, player: &Player, signal: i32) -> String {
        let named = meaning(signal).map(|meaning| format!(" ({meaning})")).unwrap_or_default();
        let place = self
            .crash(player.program.role)
            .filter(|crash| player.ended == Ended::Killed(crash.signal))
            .map(in_functions)
            .unwrap_or_default();
        format!("was ended by signal {signal}{named}{place}")
    }
}

/// Its innermost functions, as the end of a sentence's part; that of its line first, if it has one.
fn in_functions(crash: &Crash) -> String {
    let own = crash.line.as_ref().map(|line| line.function.as_str()).filter(|function| !function.is_empty());
    let from = own.and_then(|own| crash.functions.iter().position(|function| function == own)).unwrap_or(0);
    let bare = if crash.line.is_none() { " (built with `-g`, it would tell the line)" } else { "" };
    match &crash.functions[from..] {
        [] => String::new(),
        [inner] => format!(" in its function {inner}{bare}"),
        [inner, caller, ..] => format!(" in its function {inner}, called from {caller}{bare}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Calls, Frame, How, Observed};
    use crate::facts::staged::{Stage, ms, pair, talk};

    fn crash(role: Role, functions: &[&str], line: Option<Frame>) -> Crash {
        let functions = functions.iter().map(|name| (*name).to_owned()).collect();
        Crash { at: ms(60.0), role, program: 0, pid: 4242, signal: SIGSEGV, functions, line }
    }

    /// A server that a bad address ended while its client waited.
    fn segfault(crash: Crash) -> Stage {
        let talk = talk(40001).asks("hello\n").closes(Role::Server).closes(Role::Client);
        let mut stage =
            pair().talk(talk).exits(Role::Server, 60.0, How::Signal(SIGSEGV)).exits(Role::Client, 80.0, How::Code(1));
        stage.0.calls = Observed::Seen(Calls { crashes: vec![crash], ..Calls::default() });
        stage
    }

    #[test]
    fn a_crash_tells_its_line_and_its_functions() {
        let line = Frame { file: "s.c".to_owned(), line: 18, function: "handle".to_owned(), source: String::new() };
        let found =
            segfault(crash(Role::Server, &["copy", "handle", "main"], Some(line.clone()))).fires("server-crashed");
        assert!(
            found.statement.contains("(SIGSEGV, a bad address) in its function handle, called from main"),
            "{found:?}"
        );
        assert_eq!(found.location, Some(line));
        assert!(found.evidence.contains(&"calls:crashes/0".to_owned()), "{found:?}");
    }

    #[test]
    fn without_debug_data_the_function_alone_is_told_and_without_symbols_nothing() {
        let found = segfault(crash(Role::Server, &["main"], None)).fires("server-crashed");
        assert!(
            found.statement.contains("in its function main (built with `-g`, it would tell the line) while"),
            "{found:?}"
        );
        assert!(found.location.is_none());
        let found = segfault(crash(Role::Server, &[], None)).fires("server-crashed");
        assert!(found.statement.contains("(SIGSEGV, a bad address) while"), "{found:?}");
    }

    #[test]
    fn somebody_elses_crash_is_not_taken_for_it() {
        let found = segfault(crash(Role::Client, &["main"], None)).fires("server-crashed");
        assert!(!found.statement.contains("function"), "{found:?}");
    }
}
