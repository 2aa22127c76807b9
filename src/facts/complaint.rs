//! What a program says went wrong, where its words mean the same in every language: the error's own name.

use super::Facts;
use super::player::Player;
use crate::evidence::{Bytes, Output};

/// An error of the operating system, or of the library around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Complaint {
    /// EMFILE: the process may not open another descriptor.
    TooManyFiles,
    /// EAGAIN: a socket that does not block had nothing to give.
    WouldBlock,
    /// A socket was to be watched that had been closed.
    ClosedInSelect,
    /// select(2) cannot watch a descriptor from 1024 on.
    BeyondSelect,
    /// ECONNRESET or EPIPE: the other end has gone.
    ConnectionLost,
}

/// Words of one meaning, in lower case.
const WORDS: &[(&str, Complaint)] = &[
    ("too many open files", Complaint::TooManyFiles),
    ("emfile", Complaint::TooManyFiles),
    ("blockingioerror", Complaint::WouldBlock),
    ("resource temporarily unavailable", Complaint::WouldBlock),
    ("ewouldblock", Complaint::WouldBlock),
    ("eagain", Complaint::WouldBlock),
    ("file descriptor cannot be a negative integer (-1)", Complaint::ClosedInSelect),
    ("select: bad file descriptor", Complaint::ClosedInSelect),
    ("filedescriptor out of range in select", Complaint::BeyondSelect),
    ("connectionreseterror", Complaint::ConnectionLost),
    ("brokenpipeerror", Complaint::ConnectionLost),
    ("connectionabortederror", Complaint::ConnectionLost),
    ("connection reset", Complaint::ConnectionLost),
    ("broken pipe", Complaint::ConnectionLost),
    ("econnreset", Complaint::ConnectionLost),
    ("epipe", Complaint::ConnectionLost),
];

/// How many of the last lines are read. Node and Java put the error before its stack.
const LAST_LINES: usize = 20;

impl Player<'_> {
    /// The last complaint on standard error that has one meaning, and its line.
    #[must_use]
    pub fn complaint(&self) -> Option<(Complaint, Bytes)> {
        let output: &Output = self.program.stderr.as_ref()?;
        let kept = if output.tail.is_empty() { &output.head.0 } else { &output.tail.0 };
        kept.split(|byte| *byte == b'\n').rev().take(LAST_LINES).find_map(|line| {
            let low = String::from_utf8_lossy(line).to_lowercase();
            let known = WORDS.iter().find(|(words, _)| low.contains(words));
            known.map(|(_, complaint)| (*complaint, Bytes::from(line.trim_ascii())))
        })
    }
}

impl<'e> Facts<'e> {
    /// The program of `role` that ended with an error of its own and complained of `what`, with its words.
    #[must_use]
    pub fn ended_complaining(&self, role: crate::evidence::Role, what: Complaint) -> Option<(Player<'e>, Bytes)> {
        let players = self.players(role).ok()?;
        players.into_iter().filter(Player::failed).find_map(|player| {
            let (complaint, words) = player.complaint()?;
            (complaint == what).then_some((player, words))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Complaint;
    use crate::evidence::{How, Role};
    use crate::facts::staged::pair;

    fn of(text: &str) -> Option<Complaint> {
        let stage = pair().complains(Role::Server, text).exits(Role::Server, 80.0, How::Code(1));
        let facts = stage.facts();
        facts.player(Role::Server).unwrap().unwrap().complaint().map(|(complaint, _)| complaint)
    }

    #[test]
    fn the_same_error_in_many_languages() {
        assert_eq!(of("OSError: [Errno 24] Too many open files\n"), Some(Complaint::TooManyFiles));
        assert_eq!(of("accept: too many open files; retrying\n"), Some(Complaint::TooManyFiles));
        let node =
            "node:events:497\n      throw er;\n\nError: read ECONNRESET\n    at TCP.onStreamRead\n\nNode.js v20.1\n";
        assert_eq!(of(node), Some(Complaint::ConnectionLost));
        assert_eq!(
            of("Os { code: 11, kind: WouldBlock, message: \"Resource temporarily unavailable\" }\n"),
            Some(Complaint::WouldBlock)
        );
        assert_eq!(
            of("ValueError: file descriptor cannot be a negative integer (-1)\n"),
            Some(Complaint::ClosedInSelect)
        );
    }

    #[test]
    fn other_words_mean_nothing() {
        assert_eq!(of("KeyError: 'hello'\n"), None);
        assert_eq!(of(""), None);
    }
}
