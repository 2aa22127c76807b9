//! `length-prefix-byte-order`: one side packs the length of a message in the other byte order than its peer reads it.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Role, Transport};
use crate::facts::{Echo, Facts, Player, Talk};

pub(super) static RULE: Rule = Rule {
    name: "length-prefix-byte-order",
    symptoms: &[Symptom::Hangs, Symptom::Garbled],
    sides: &[Side::Client, Side::Server, Side::Both],
    shown_by: "the first bytes of the request, read as a length in either byte order",
    seen_in: &[Look::Contents],
    over: Some(Transport::Tcp),
    explains: &[
        "missing-reply", "missing-terminator", "corrupted-reply", "truncated-reply", "server-waits-for-full-buffer",
        "client-gives-up-early", "client-failed",
    ],
    check,
};

/// Two orders in which a length can be written.
#[derive(Clone, Copy, PartialEq)]
enum Order {
    /// The highest byte first (RFC 1700).
    Network,
    /// The lowest byte first, as most processors keep it.
    Little,
}

/// A length in front of a message that holds just as many bytes.
struct Prefix {
    width: usize,
    order: Order,
    /// What it says in the right order, and in the other one.
    says: u64,
    otherwise: u64,
}

fn check(facts: &Facts) -> Ruling {
    let talks = facts.talks()?;
    let tcp = || talks.iter().filter(|talk| talk.transport == Transport::Tcp);
    if let Some((talk, _)) = tcp().find_map(|talk| Some((talk, turned_around(talk)?))) {
        return answers_the_other_way(talk, facts);
    }
    let exchanges = facts.exchanges()?;
    let waiting = exchanges.iter().find_map(|(talk, exchange)| {
        let unanswered = matches!(exchange.echo, Echo::Nothing | Echo::Pending) && exchange.got == 0;
        let waits = talk.ended_by(Role::Server).is_none()
            && talk.was_read() != Some(false)
            && (facts.still_waiting() || talk.ended_by(Role::Client).is_some());
        let prefix = prefix(&talk.request().ok().filter(|request| request.is_whole())?.head.0)?;
        (talk.transport == Transport::Tcp && unanswered && waits).then_some((talk, prefix))
    });
    let Some((talk, prefix)) = waiting else { return Ok(Call::Silent) };
    facts.capture_is_whole()?;
    facts.is_final(talk, Role::Server)?;
    waits_for_more(talk, &prefix, facts)
}

/// Reads a length off the front of `bytes`, if it gives exactly what follows in one byte order, and far more in the other.
fn prefix(bytes: &[u8]) -> Option<Prefix> {
    [4, 2, 8].into_iter().find_map(|width| {
        let head = bytes.get(..width)?;
        let network = head.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
        let little = head.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte));
        let follows = (bytes.len() - width) as u64;
        let (order, says, otherwise) = match () {
            () if little == follows => (Order::Little, little, network),
            () if network == follows => (Order::Network, network, little),
            () => return None,
        };
        (follows > 0 && otherwise > follows).then_some(Prefix { width, order, says, otherwise })
    })
}

/// The reply is the request but for its length, whose bytes stand in the other order.
fn turned_around(talk: &Talk) -> Option<Prefix> {
    let round = talk.rounds().into_iter().next()?;
    let prefix = prefix(round.asked)?;
    let (head, body) = round.answered.split_at_checked(prefix.width)?;
    let turned: Vec<u8> = round.asked[..prefix.width].iter().rev().copied().collect();
    (head == turned && body == &round.asked[prefix.width..]).then_some(prefix)
}

fn answers_the_other_way(talk: &Talk, facts: &Facts) -> Ruling {
    facts.capture_is_whole()?;
    finding(
        &RULE,
        Side::Server,
        Confidence::Likely,
        "The server reads the length in the order in which the client writes it, and writes its own in the other one: the \
         first bytes of the reply are those of the request turned around, the rest is the same.",
    )
    .because(talk.references())
    .fix("Pack and unpack every length in one order, best the network's: `struct.pack(\"!I\", n)`, `to_be_bytes()`.")
    .fires()
}

fn waits_for_more(talk: &Talk, prefix: &Prefix, facts: &Facts) -> Ruling {
    let Prefix { width, says, otherwise, .. } = prefix;
    let reads_on = facts.players(Role::Server)?.iter().any(|server| Player::waits_for_ever(server) && server.may_be_reading());
    // Network order is what a protocol has unless it says otherwise; a server that does not answer to it has many reasons.
    let (side, sure, order, other) = match prefix.order {
        Order::Little if reads_on => (Side::Client, Confidence::Likely, "lowest byte first", "network order"),
        Order::Little => (Side::Client, Confidence::Possible, "lowest byte first", "network order"),
        Order::Network => (Side::Server, Confidence::Possible, "network order", "the other order"),
    };
    let line = match side {
        Side::Client => facts.only_line(Role::Client, |text| &text.packs).or_else(|| facts.only_line(Role::Client, |text| &text.sends)),
        _ => facts.line_where_waits(Role::Server),
    };
    finding(
        &RULE,
        side,
        sure,
        format!(
            "The client's message begins with its length in {width} bytes, {order}: {says}. Read in {other} they say \
             {otherwise}, and the server, which has read everything, goes on reading as if that many were to come."
        ),
    )
    .because(talk.references())
    .at(line)
    .fix("Pack and unpack every length in one order, best the network's: `struct.pack(\"!I\", n)`, `to_be_bytes()`.")
    .fires()
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::Side;
    use crate::evidence::{Limit, Port, Role};
    use crate::facts::staged::{Stage, Talk, pair, talk};

    const NAME: &str = "length-prefix-byte-order";

    fn met(talk: Talk) -> Stage {
        pair().untold().talk(talk).waits(Role::Server, "recvfrom", Limit::Forever).hangs()
    }

    fn sent(bytes: &[u8]) -> Talk {
        talk(40001).data(51.0, Port::Dialler, bytes).open()
    }

    #[test]
    fn a_client_that_packs_natively_lets_the_server_wait() {
        let stage = met(sent(b"\x05\0\0\0hello"));
        assert_eq!(stage.fires(NAME).side, Side::Client);
        assert_eq!((stage.verdict().side, stage.verdict().fault.as_deref()), (Side::Client, Some(NAME)));
        met(sent(b"\x05\0hello")).fires(NAME);
    }

    #[test]
    fn network_order_accuses_nobody() {
        let stage = met(sent(b"\0\0\0\x05hello"));
        assert_eq!(stage.verdict().side, Side::Unknown);
        assert_eq!(stage.verdict().fault.as_deref(), Some(NAME));
    }

    #[test]
    fn a_reply_may_have_its_length_turned_around() {
        let answered = talk(40001).data(51.0, Port::Dialler, b"\0\0\0\x05hello").data(52.0, Port::Listener, b"\x05\0\0\0hello");
        let stage = met(answered.open());
        assert_eq!(stage.fires(NAME).side, Side::Server);
        assert_eq!((stage.verdict().side, stage.verdict().fault.as_deref()), (Side::Server, Some(NAME)));
    }

    #[test]
    fn a_pair_that_agrees_on_either_order_is_right() {
        for bytes in [b"\x05\0\0\0hello", b"\0\0\0\x05hello"] {
            let both = talk(40001).data(51.0, Port::Dialler, bytes).data(52.0, Port::Listener, bytes).closes(Role::Client);
            pair().untold().talk(both).silent(NAME);
        }
    }

    #[test]
    fn text_has_no_length_in_front() {
        met(sent(b"hello\n")).silent(NAME);
        met(sent(b"\x05\0\0\0he")).silent(NAME);
    }

    #[test]
    fn cannot_tell_what_it_did_not_see() {
        let stage = met(sent(b"\x05\0\0\0hello"));
        assert_eq!(stage.clone().unseen("packets").unseen("sockets").cannot_tell(NAME), "packets");
        assert_eq!(stage.packets(|packets| packets.dropped = 1).cannot_tell(NAME), "packets");
    }
}
