//! A conversation cut into rounds: what the client said, and what the server said to that. No blame.

use super::Talk;
use crate::evidence::{At, Port};

/// One turn of the client and the server's turn that followed it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Round<'e> {
    /// What the client sent.
    pub asked: &'e [u8],
    /// What the server sent before the client spoke again; empty when it said nothing.
    pub answered: &'e [u8],
    /// When the client's turn began.
    pub at: At,
}

impl<'e> Talk<'e> {
    /// The rounds of the conversation, as far as both streams were captured whole and every turn was kept.
    #[must_use]
    pub fn rounds(&self) -> Vec<Round<'e>> {
        let Some(conversation) = self.conversation else { return Vec::new() };
        let (sent, received) = (&conversation.sent, &conversation.received);
        if !sent.is_whole() || !received.is_whole() || conversation.turns_omitted > 0 {
            return Vec::new();
        }
        let cut = |bytes: &'e [u8], offset: u64, len: u64| {
            bytes.get(offset as usize..(offset + len) as usize).unwrap_or_default()
        };
        let mut rounds: Vec<Round<'e>> = Vec::new();
        for turn in &conversation.turns {
            match (turn.from, rounds.last_mut()) {
                (Port::Dialler, _) => {
                    let asked = cut(&sent.head.0, turn.offset, turn.len);
                    rounds.push(Round { asked, answered: &[], at: turn.first });
                }
                (Port::Listener, Some(round)) => round.answered = cut(&received.head.0, turn.offset, turn.len),
                // A greeting answers nothing.
                (Port::Listener, None) => {}
            }
        }
        rounds
    }

    /// The borders at which the client's bytes arrived: the end of each segment that carried some.
    pub fn borders(&self) -> impl Iterator<Item = u64> {
        let segments = self.conversation.map(|conversation| conversation.segments.as_slice()).unwrap_or_default();
        let carriers = segments.iter().filter(|segment| segment.from == Port::Dialler && segment.len > 0);
        carriers.map(|segment| segment.offset + u64::from(segment.len))
    }
}
