//! Conversations beside each other: who was being served while somebody else waited, and whose bytes went to whom.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use super::{Echo, Facts, Talk};
use crate::evidence::{At, Bytes, Gap, Role, Transport};

/// A reply that comes this long after its request, and right after another client has left, was waiting for that.
const NOTABLE_MS: f64 = 50.0;

/// A line as long as this does not turn up in two conversations by chance.
const TELLING: usize = 4;

/// A reply that holds what somebody else had sent.
#[derive(Debug, Clone)]
pub struct Crossed<'f, 'e> {
    /// Whose reply it was.
    pub receiver: &'f Talk<'e>,
    /// Who had sent it.
    pub sender: &'f Talk<'e>,
    /// The line.
    pub line: Bytes,
}

impl<'e> Facts<'e> {
    /// Whether the server said one short line of its own to this client, with nothing in it of what it had been sent, and hung
    /// up, while somebody else was answered rightly and every client was content in the end: it had no room.
    #[must_use]
    pub fn was_turned_away(&self, talk: &Talk) -> bool {
        const SHORT: usize = 200;
        let (Ok(sent), Ok(reply), Ok(exchanges)) = (talk.request(), talk.response(), self.exchanges()) else {
            return false;
        };
        let text = reply.head.0.trim_ascii_end();
        let is_a_line =
            reply.is_whole() && !text.is_empty() && text.len() <= SHORT && !text.iter().any(u8::is_ascii_control);
        let mut lines =
            sent.head.0.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
        let is_its_own = !lines.any(|line| text.windows(line.len()).any(|part| part == line));
        let (left, hung_up) = (talk.ended_by(Role::Client), talk.ended_by(Role::Server));
        let is_first = hung_up.is_some() && left.is_none_or(|left| hung_up < Some(left));
        let others =
            exchanges.iter().any(|(other, exchange)| other.client != talk.client && exchange.echo == Echo::Right);
        is_a_line && is_its_own && is_first && others && self.clients_left_content()
    }

    /// The first client that got nothing, or got it only when somebody else left, with those that were being served at
    /// one and the same moment meanwhile.
    pub fn kept_out(&self) -> Result<Option<(&Talk<'e>, Vec<&Talk<'e>>)>, Gap> {
        let talks = self.talks()?;
        let kept_out = |waiting: &&Talk<'e>| self.waits_unserved(waiting) || waited_for_a_place(waiting, talks);
        let Some(waiting) = talks.iter().find(kept_out) else { return Ok(None) };
        let until = waiting.conversation.and_then(|it| it.received.first).unwrap_or(self.frozen());
        let others = talks.iter().filter(|other| other.server == waiting.server && other.client != waiting.client);
        let beside: Vec<&Talk> = others.filter(|other| was_served_beside(other, waiting, until)).collect();
        let at = |moment: At| {
            let there =
                |talk: &&&Talk| span(talk, self.frozen()).is_some_and(|(from, to)| from <= moment && moment <= to);
            beside.iter().filter(there).copied().collect::<Vec<_>>()
        };
        let moments = beside.iter().filter_map(|talk| span(talk, self.frozen()));
        let most = moments.map(|(from, _)| at(from)).max_by_key(Vec::len).unwrap_or_default();
        Ok(Some((waiting, most)))
    }

    fn waits_unserved(&self, talk: &Talk) -> bool {
        let unread = talk.was_accepted() == Some(false) || talk.was_read() == Some(false);
        self.still_waiting()
            && talk.is_open()
            && talk.asked_bytes() > Some(0)
            && talk.replied_bytes() == Some(0)
            && unread
    }

    /// How many connections the server served at the same time at most, as replies show.
    pub fn served_at_once(&self) -> Result<usize, Gap> {
        let talks = self.talks()?;
        let spans: Vec<(At, At)> = talks.iter().filter_map(|talk| span(talk, self.frozen())).collect();
        let (mut begun, mut ended): (Vec<At>, Vec<At>) = spans.into_iter().filter(|(from, to)| from <= to).unzip();
        begun.sort_unstable();
        ended.sort_unstable();
        let gone = |moment: At| ended.partition_point(|end| *end < moment);
        Ok(begun.iter().enumerate().map(|(before, from)| before + 1 - gone(*from)).max().unwrap_or_default())
    }

    /// A reply with a line that its own client had never sent, and that another client had sent before.
    pub fn crossed(&self) -> Result<Option<Crossed<'_, 'e>>, Gap> {
        let talks = self.talks()?;
        let sent = |talk: &Talk<'e>| talk.conversation.map(|it| it.sent.head.0.as_slice()).unwrap_or_default();
        // Who got what was owed to it got nobody else's; with a thousand clients the others are few.
        let right: BTreeSet<SocketAddr> = self
            .exchanges()
            .map(|all| {
                all.iter().filter(|(_, exchange)| exchange.echo == Echo::Right).map(|(talk, _)| talk.client).collect()
            })
            .unwrap_or_default();
        for receiver in talks.iter().filter(|talk| !right.contains(&talk.client)) {
            // A datagram sent to somebody else is another matter: all clients share the server's socket.
            let Some(conversation) = receiver.conversation.filter(|it| it.transport == Transport::Tcp) else {
                continue;
            };
            let (own, got) = (sent(receiver), &conversation.received.head.0);
            for sender in
                talks.iter().filter(|other| other.client != receiver.client && other.server == receiver.server)
            {
                let before = sender.conversation.and_then(|it| it.sent.first) < conversation.received.last;
                let line = sent(sender)
                    .split(|byte| *byte == b'\n')
                    .map(<[u8]>::trim_ascii)
                    .find(|line| line.len() >= TELLING && holds(got, line) && !holds(own, line));
                if let Some(line) = line.filter(|_| before) {
                    return Ok(Some(Crossed { receiver, sender, line: Bytes::from(line) }));
                }
            }
        }
        Ok(None)
    }
}

fn holds(bytes: &[u8], line: &[u8]) -> bool {
    bytes.windows(line.len()).any(|part| part == line)
}

/// From the first reply to the end.
fn span(talk: &Talk, frozen: At) -> Option<(At, At)> {
    let first = talk.conversation?.received.first?;
    Some((first, left(talk).unwrap_or(frozen)))
}

fn left(talk: &Talk) -> Option<At> {
    talk.ended_by(Role::Client).or(talk.ended_by(Role::Server))
}

/// Whether its first reply came late, and right when another one, served before, had left.
fn waited_for_a_place(waiting: &Talk, talks: &[Talk]) -> bool {
    let Some((asked, answered)) = waiting.conversation.and_then(|it| Some((it.sent.first?, it.received.first?))) else {
        return false;
    };
    answered.ms_since(asked) >= NOTABLE_MS
        && talks.iter().any(|other| {
            let prompt = other.conversation.and_then(|it| Some(it.received.first?.ms_since(it.sent.first?)));
            other.client != waiting.client
                && other.server == waiting.server
                && was_served_beside(other, waiting, answered)
                && prompt.is_some_and(|took| answered.ms_since(asked) > 1.5 * took + 20.0)
                && left(other).is_some_and(|left| {
                    // On a busy machine a reply is late by chance, and by chance somebody has just left then. A place was
                    // waited for only if it had been kept for long, and was taken at once when it became free.
                    let kept = other.conversation.and_then(|it| it.received.first).map(|first| left.ms_since(first));
                    let delay = answered.ms_since(left);
                    left > asked
                        && left <= answered
                        && delay < NOTABLE_MS
                        && 4.0 * delay < answered.ms_since(asked)
                        && kept.is_some_and(|kept| kept >= NOTABLE_MS)
                })
        })
}

/// Whether `other` had had a reply, and had not left for long, while `waiting` waited.
fn was_served_beside(other: &Talk, waiting: &Talk, until: At) -> bool {
    let replied = match other.conversation {
        Some(conversation) => conversation.received.first.is_some_and(|first| first < until),
        None => other.replied_bytes() > Some(0),
    };
    replied && left(other).map_or_else(|| other.is_open(), |left| left.ms_since(waiting.began) >= NOTABLE_MS / 2.0)
}
