//! Answers that went astray: UDP lets a server answer from any socket and send to anybody, and the capture then shows the
//! answer as a conversation of its own.
//!
//! It reads; who is to blame is not its business.

use std::net::SocketAddr;

use super::asked::is_probes;
use super::exchange::datagrams;
use super::{Facts, Talk};
use crate::evidence::{At, Conversation, Gap, Packets, Port, Probe, Role, Stream, Transport};

/// An answer that did not go the way its request had come.
#[derive(Debug, Clone, PartialEq)]
pub struct Stray {
    /// Which way it went instead.
    pub way: Way,
    /// The address it came from.
    pub from: SocketAddr,
    /// The address it went to.
    pub to: SocketAddr,
    /// `packets:N`: the request and the answer.
    pub evidence: Vec<String>,
}

/// Which end of an answer is not the one its request had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// It came to the client from an address that the client had not asked.
    FromElsewhere,
    /// It went to somebody who had not asked.
    ToAnother,
}

/// Whether `conversation` is no attempt to reach anybody, but what an earlier one led to: datagrams to a client from
/// where it had not asked, or from a server to where nobody had asked.
pub(super) fn answers_another(conversation: &Conversation, packets: &Packets) -> bool {
    conversation.transport == Transport::Udp
        && packets.conversations.iter().any(|asked| {
            asked.transport == Transport::Udp
                && asked.began <= conversation.began
                && (asked.dialler, asked.listener) != (conversation.dialler, conversation.listener)
                && (asked.dialler == conversation.listener || asked.listener == conversation.dialler)
        })
}

/// A server whose answers grow shorter with every shorter datagram, and never longer again.
#[derive(Debug, Clone, PartialEq)]
pub struct Shrunk {
    /// The length of a datagram that was cut.
    pub asked: usize,
    /// How much of it came back.
    pub came: usize,
    /// What shows it.
    pub evidence: Vec<String>,
}

/// The last pair of a request and its reply's length that was cut, if each reply was the beginning of its request and as long
/// as the shortest request so far.
fn shrunk<'b>(pairs: impl Iterator<Item = (usize, &'b [u8], &'b [u8])>) -> Option<(usize, usize)> {
    let (mut least, mut cut) = (usize::MAX, None);
    for (length, asked, got) in pairs {
        least = least.min(length);
        if got.len() != least || !asked.starts_with(got) {
            return None;
        }
        cut = (got.len() < length).then_some((length, got.len())).or(cut);
    }
    cut
}

impl<'e> Talk<'e> {
    /// The datagrams of both sides, the first with the first and so on; those without a counterpart are left out.
    #[must_use]
    pub fn datagram_pairs(&self) -> Vec<(&'e [u8], &'e [u8])> {
        let Some(conversation) = self.conversation else { return Vec::new() };
        datagrams(&conversation.sent).into_iter().zip(datagrams(&conversation.received)).collect()
    }
}

impl<'e> Facts<'e> {
    /// How datagrams were cut to the length of an earlier, shorter one.
    #[must_use]
    pub fn shrinks(&self) -> Option<Shrunk> {
        if self.is_alone() {
            let probes = &self.evidence.probes.seen().ok()?.probes;
            let heard = || {
                probes
                    .iter()
                    .enumerate()
                    .filter(|(_, probe)| probe.transport == Transport::Udp && probe.received_total > 0)
            };
            let pair = |(_, probe): (usize, &'e Probe)| {
                (
                    probe.sent_total as usize,
                    probe.sent.first().map_or(&[][..], |sent| &sent.0),
                    probe.received.0.as_slice(),
                )
            };
            let (asked, came) = shrunk(heard().map(pair))?;
            let cut = heard().filter(|(_, probe)| probe.received_total < probe.sent_total);
            return Some(Shrunk {
                asked,
                came,
                evidence: cut.take(3).map(|(index, _)| format!("probes:{index}")).collect(),
            });
        }
        self.talks().ok()?.iter().filter(|talk| talk.transport == Transport::Udp).find_map(|talk| {
            let pairs = talk.datagram_pairs();
            let (asked, came) = shrunk(pairs.iter().map(|(asked, got)| (asked.len(), *asked, *got)))?;
            let before = pairs.iter().any(|(asked, got)| asked.len() == came && got.len() == came);
            before.then(|| Shrunk { asked, came, evidence: talk.references() })
        })
    }

    /// When a system first said of a server's reply that its client's port is closed, and the packet that said so.
    pub fn reply_that_was_refused(&self) -> Result<Option<(At, Vec<String>)>, Gap> {
        let packets = self.evidence.packets.seen()?;
        let talks = self.talks()?;
        let refused = packets.unreachable.iter().find(|complaint| {
            let of = |talk: &Talk| {
                complaint.target == talk.client && complaint.sender.port() == talk.server.port() && replied(talk)
            };
            complaint.transport == Transport::Udp && complaint.port_closed() && talks.iter().any(of)
        });
        Ok(refused.map(|complaint| (complaint.at, vec![format!("packets:{}", complaint.number)])))
    }

    /// The answer to what `talk`'s client asked, if it was seen to go another way.
    #[must_use]
    pub fn stray_answer(&self, talk: &Talk<'e>) -> Option<Stray> {
        self.stray_answer_to(talk.conversation?)
    }

    /// The answer to one of netdiag's own datagrams, when the server was asked by itself and it was seen to go another way;
    /// with who had asked, and whom.
    #[must_use]
    pub fn stray_answer_to_netdiag(&self) -> Option<(Stray, SocketAddr, SocketAddr)> {
        let packets = self.evidence.packets.seen().ok().filter(|_| self.is_alone())?;
        let asked = packets.conversations.iter().filter(|one| is_probes(self.evidence, one.dialler));
        let mut unanswered = asked.filter(|one| one.sent.total > 0 && one.received.total == 0);
        unanswered.find_map(|one| Some((self.stray_answer_to(one)?, one.dialler, one.listener)))
    }

    fn stray_answer_to(&self, asked: &Conversation) -> Option<Stray> {
        let packets = self.evidence.packets.seen().ok().filter(|_| asked.transport == Transport::Udp)?;
        packets.conversations.iter().filter(|other| other.transport == Transport::Udp).find_map(|other| {
            if std::ptr::eq(other, asked) {
                return None;
            }
            let of_dialler = other.sent.last >= asked.sent.first && carries(&other.sent, &asked.sent) > 0;
            let stray = |way, from, to, sender| Stray { way, from, to, evidence: references(asked, other, sender) };
            if other.listener == asked.dialler && (of_dialler || self.is_servers_socket(other.dialler)) {
                return Some(stray(Way::FromElsewhere, other.dialler, other.listener, Port::Dialler));
            }
            if other.dialler == asked.listener && of_dialler {
                return Some(stray(Way::ToAnother, other.dialler, other.listener, Port::Dialler));
            }
            // Two clients may send the same text; then one of them gets it more often than it asked for it.
            let too_many = carries(&other.received, &asked.sent) > carries(&other.sent, &asked.sent);
            (other.listener == asked.listener && other.received.last >= asked.sent.first && too_many)
                .then(|| stray(Way::ToAnother, other.listener, other.dialler, Port::Listener))
        })
    }

    /// Whether the server's program holds a UDP socket with the port of `address`.
    fn is_servers_socket(&self, address: SocketAddr) -> bool {
        self.evidence.sockets.seen().is_ok_and(|sockets| {
            sockets.rows().any(|(_, _, socket)| {
                socket.transport == Transport::Udp
                    && socket.local.port() == address.port()
                    && socket.owners.iter().any(|owner| owner.role == Some(Role::Server))
            })
        })
    }
}

fn replied(talk: &Talk) -> bool {
    talk.replied_bytes().is_some_and(|bytes| bytes > 0)
}

/// How many datagrams of `answers` hold the first datagram of `requests` that is not empty.
fn carries(answers: &Stream, requests: &Stream) -> usize {
    let Some(request) = datagrams(requests).into_iter().find(|request| !request.is_empty()) else { return 0 };
    datagrams(answers).into_iter().filter(|answer| answer.windows(request.len()).any(|part| part == request)).count()
}

fn references(asked: &Conversation, answered: &Conversation, sender: Port) -> Vec<String> {
    let request = asked.segments.iter().find(|segment| segment.from == Port::Dialler);
    let answer = answered.segments.iter().rfind(|segment| segment.from == sender);
    request.into_iter().chain(answer).map(|segment| format!("packets:{}", segment.number)).collect()
}
