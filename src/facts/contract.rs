//! The contract as a whole: told terms first, then what the server showed, then what is usual.

use super::dialect::{self, Dialect, Places};
use super::talk::Talk;
use crate::evidence::{Contract, Evidence, Framing, Lifetime, Reply, Stream, Term, Transport};

/// Fills in the terms nobody told.
///
/// The server owns the protocol unless a contract was told: what its probes showed is the agreement. Where it was not
/// probed, a reply shape that every exchange of the pair agrees with is taken as learned.
pub(super) fn resolve(evidence: &Evidence, dialect: Option<&Dialect>, talks: &[Talk]) -> Contract {
    let told = evidence.contract.clone();
    let transport = told.transport.or_else(|| learned_transport(talks)).unwrap_or(Term::assumed(Transport::Tcp));
    let framing = told.framing.or_else(|| match transport.value {
        Transport::Udp => Some(Term::assumed(Framing::Datagram)),
        Transport::Tcp => {
            dialect.and_then(|dialect| dialect.framing.as_ref()).map(|learned| Term::learned(learned.value))
        }
    });
    let reply = told
        .reply
        // What the pair itself shows outweighs probes that came later and may have got leftovers of its messages.
        .or_else(|| talks.iter().any(is_exact).then(|| Term::learned(Reply::Exact)))
        .or_else(|| {
            dialect
                .and_then(|dialect| dialect.reply.as_ref())
                .filter(|learned| is_meant(&learned.value, talks))
                .map(|learned| Term::learned(learned.value.clone()))
        })
        .or_else(|| shown_by_the_pair(talks))
        .or(Some(Term::assumed(Reply::Exact)));
    let lifetime = told
        .lifetime
        .or_else(|| dialect.and_then(|dialect| dialect.lifetime.as_ref()).map(|learned| Term::learned(learned.value)))
        .or(Some(Term::assumed(Lifetime::Session)));
    let concurrency = told.concurrency.or_else(|| dialect.and_then(served_at_once).map(Term::learned));
    Contract { transport: Some(transport), framing, reply, lifetime, concurrency, ..told }
}

fn served_at_once(dialect: &Dialect) -> Option<u32> {
    match dialect.places.as_ref()?.value {
        Places::One => Some(1),
        Places::Exactly(n) => Some(n),
        // More than were tried at once may be served; a lower bound is no term.
        Places::AtLeast(_) => None,
    }
}

/// Whether what was put around a message can be meant as such: the rest of a buffer holds NULs, or ends of messages that
/// were sent before.
fn is_meant(reply: &Reply, talks: &[Talk]) -> bool {
    const TELLING: usize = 3;
    let (Reply::Prefix(text) | Reply::Suffix(text)) = reply else { return true };
    let was_sent = |talk: &Talk| {
        let sent = talk.request().map(|request| request.head.0.as_slice()).unwrap_or_default();
        sent.windows(text.len()).any(|part| part == text.0)
    };
    let is_leftover = text.len() >= TELLING && talks.iter().any(was_sent);
    !is_leftover && !text.0.contains(&0)
}

fn learned_transport(talks: &[Talk]) -> Option<Term<Transport>> {
    talks.first().map(|talk| Term::learned(talk.transport))
}

fn is_exact(talk: &Talk) -> bool {
    let whole = |stream: &Stream| stream.is_whole() && stream.total > 0;
    talk.conversation.is_some_and(|conversation| {
        let (sent, received) = (&conversation.sent, &conversation.received);
        whole(sent) && whole(received) && sent.head == received.head
    })
}

fn shown_by_the_pair(talks: &[Talk]) -> Option<Term<Reply>> {
    let mut shown = talks.iter().filter_map(|talk| {
        let (request, response) = (talk.request().ok()?, talk.response().ok()?);
        Some(dialect::learn_from_pair(&request.head.0, &response.head.0)?.reply)
    });
    let first = shown.next()?;
    (is_meant(&first, talks) && shown.all(|other| other == first)).then(|| Term::learned(first))
}

#[cfg(test)]
mod tests;
