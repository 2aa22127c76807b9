//! What the pair's own client said, turn by turn, so that a reference client can say the same to the same server.

use super::{Facts, Talk};
use crate::evidence::{Bytes, Port, Role, Transport};

/// Longer scripts are not repeated.
const MOST_TURNS: usize = 64;

/// What one client said over one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// What it sent, each turn once the server had answered the one before.
    pub turns: Vec<Bytes>,
    /// Whether it half-closed after the last of them, before it had all of the answer.
    pub half_closes: bool,
}

impl Facts<'_> {
    /// The first conversation in which the server answered something, if all that its client said is known. A server that
    /// answered nothing may not have been asked in a way it understands: nothing is gained by repeating that.
    #[must_use]
    pub fn script(&self) -> Option<Script> {
        self.talks().ok()?.iter().find_map(script)
    }
}

fn script(talk: &Talk) -> Option<Script> {
    let conversation = talk.conversation?;
    let (sent, received) = (&conversation.sent, &conversation.received);
    if !sent.is_whole() || sent.total == 0 || received.total == 0 || conversation.turns_omitted > 0 {
        return None;
    }
    let mut ends: Vec<u64> = match conversation.transport {
        Transport::Udp => sent
            .datagrams
            .iter()
            .scan(0, |end, len| {
                *end += u64::from(*len);
                Some(*end)
            })
            .collect(),
        Transport::Tcp => {
            let own = conversation.turns.iter().filter(|turn| turn.from == Port::Dialler);
            own.map(|turn| turn.offset + turn.len).collect()
        }
    };
    ends.dedup();
    let mut begin = 0;
    let mut turns = Vec::new();
    for end in ends {
        turns.push(Bytes(sent.head.0.get(begin..end as usize)?.to_vec()));
        begin = end as usize;
    }
    let half_closes = talk.fin(Role::Client).is_some_and(|fin| received.last.is_some_and(|last| fin < last));
    (turns.len() <= MOST_TURNS && begin == sent.head.len()).then_some(Script { turns, half_closes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::staged::{Stage, pair, talk};

    fn script_of(stage: &Stage) -> Option<Script> {
        Facts::derive(&stage.0).script()
    }

    #[test]
    fn each_turn_is_what_was_said_before_an_answer() {
        let talk = talk(40001).asks("one\n").asks("two\n").answers("one\ntwo\n").asks("three\n").answers("three\n");
        let script = script_of(&pair().talk(talk.closes(Role::Client))).unwrap();
        assert_eq!(script.turns, [Bytes::from("one\ntwo\n"), Bytes::from("three\n")]);
        assert!(!script.half_closes);
    }

    #[test]
    fn a_half_close_before_the_answer_belongs_to_the_script() {
        let talk = talk(40001).asks("one\n").closes(Role::Client).answers("one\n").closes(Role::Server);
        assert!(script_of(&pair().talk(talk)).unwrap().half_closes);
    }

    #[test]
    fn what_got_no_answer_is_not_repeated() {
        assert_eq!(script_of(&pair().talk(talk(40001).asks("one").open())), None);
    }
}
