//! What failed inside a program by its runtime's account: an exception that was followed, else an error that was printed.

use super::{Facts, Player, Talk};
use crate::evidence::{Action, At, Bytes, Frame, Raised, Role};

/// An error in a program, which may be why it left its part undone.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// It in one sentence, with a space before it: it follows what came of it.
    pub sentence: String,
    /// What shows it.
    pub evidence: Vec<String>,
    /// The program's own line where it came up.
    pub line: Option<(Frame, Role)>,
}

impl Facts<'_> {
    /// The error that may be why the request of `talk` was not answered as it should be.
    #[must_use]
    pub fn failure_since_asked(&self, talk: &Talk) -> Option<Failure> {
        self.server_failure(talk.request().ok()?.first)
    }

    /// The first error in the server since `asked` that somebody could have been told of: one that nothing caught, or that
    /// was caught and printed. Those that the network causes are consequences, and a silent catch is a fault of its own.
    #[must_use]
    pub fn server_failure(&self, asked: Option<At>) -> Option<Failure> {
        match self.exceptions(Role::Server) {
            Ok(raised) => {
                let asked = asked.unwrap_or(At(0));
                let (index, one) = raised.into_iter().find(|(_, one)| {
                    (asked..=self.frozen()).contains(&one.at) && is_told(one) && one.errno.is_none()
                })?;
                Some(raised_failure(index, one))
            }
            Err(_) => printed_failure(&self.player(Role::Server).ok()??),
        }
    }
}

fn is_told(raised: &Raised) -> bool {
    matches!(raised.action, Action::Uncaught | Action::Reported)
}

fn raised_failure(index: usize, raised: &Raised) -> Failure {
    let line = raised.frames.last();
    let at = line.map_or_else(String::new, |frame| format!(" at {}:{}", frame.file, frame.line));
    let text = match Bytes::from(raised.message.as_str()).escaped() {
        text if text.is_empty() => text,
        text => format!(" ({text})"),
    };
    let fate = if raised.action == Action::Uncaught { "caught nowhere" } else { "only printed" };
    Failure {
        sentence: format!(" In it {}{text} was raised{at} and {fate}.", raised.kind),
        evidence: vec![format!("exceptions:{index}")],
        line: line.map(|frame| (frame.clone(), Role::Server)),
    }
}

fn printed_failure(server: &Player) -> Option<Failure> {
    let trace = server.trace()?;
    Some(Failure {
        sentence: format!(" It printed an error: {}", trace.words.readable()),
        evidence: vec![server.reference()],
        line: trace.frame.map(|frame| (frame, Role::Server)),
    })
}
