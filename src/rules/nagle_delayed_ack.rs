//! `nagle-delayed-ack`: a message in two small writes waits for an acknowledgement that its receiver holds back for 40 ms.

use super::{Call, Look, Rule, Ruling, Symptom, Transport, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Conversation, Port, Role, Segment};
use crate::facts::{Facts, Talk};

pub(super) static RULE: Rule = Rule {
    name: "nagle-delayed-ack",
    symptoms: &[Symptom::Slow],
    sides: &[Side::Server, Side::Client],
    shown_by: "the second piece of a message, which leaves when the first one is acknowledged, 40 ms later",
    seen_in: &[Look::Contents],
    over: Some(Transport::Tcp),
    explains: &["slow-reply", "client-gives-up-early", "client-failed"],
    check,
};

/// Linux holds an acknowledgement back for 40 ms at least, other systems for up to 200, in milliseconds.
const HELD_BACK_MS: std::ops::RangeInclusive<f64> = 30.0..=250.0;
/// What had only waited for the acknowledgement leaves right after it, in milliseconds.
const AT_ONCE_MS: f64 = 3.0;
/// A segment that is not full: Nagle's algorithm holds back what follows it.
const SMALL: u32 = 1400;
/// A pause of the program's own may fall together with an acknowledgement once, but not again and again.
const AGAIN: usize = 2;

fn check(facts: &Facts) -> Ruling {
    let talks = facts.talks()?;
    let stalls = |talk: &Talk, from| talk.conversation.map(|it| stalls(it, from)).unwrap_or_default();
    let of_role = |role| talks.iter().map(move |talk| (talk, role, stalls(talk, crate::facts::talk::port(role))));
    let all = of_role(Role::Server).chain(of_role(Role::Client));
    let Some((talk, role, stalls)) = all.filter(|(_, _, stalls)| stalls.len() >= AGAIN).max_by_key(|(_, _, s)| s.len()) else {
        return Ok(Call::Silent);
    };
    let longest = stalls.iter().map(|(_, ms)| *ms).fold(0.0, f64::max);
    // The server has promised when its whole reply is there; nobody has promised anything for a request.
    let promise = facts.contract.latency_ms.as_ref().filter(|_| role == Role::Server);
    let broken = promise.is_some_and(|term| longest > term.value as f64);
    let side = if role == Role::Server { Side::Server } else { Side::Client };
    finding(
        &RULE,
        side,
        if stalls.len() > AGAIN { Confidence::Proven } else { Confidence::Likely },
        format!(
            "{} times the {role} sent the beginning of a message, and the rest only {longest:.0} ms later, right after the {} had \
             acknowledged it: Nagle's algorithm waits for the acknowledgement, which the other side delays.",
            stalls.len(),
            role.partner()
        ),
    )
    .because(stalls.iter().take(2).map(|(number, _)| format!("packets:{number}")))
    .because(talk.references())
    .contributing(!broken)
    .fix("Write a message with one call (collect it first), or switch Nagle's algorithm off (TCP_NODELAY).")
    .fires()
}

/// Every time `from` had to wait: the number of the acknowledgement it waited for, and how long it took.
fn stalls(conversation: &Conversation, from: Port) -> Vec<(u64, f64)> {
    let segments = &conversation.segments;
    let crosses_the_hole = |index: usize| {
        conversation.segments_omitted > 0 && index < conversation.segments_head && index + 3 > conversation.segments_head
    };
    let threes = segments.windows(3).enumerate().filter(|(index, _)| !crosses_the_hole(*index));
    threes
        .filter_map(|(_, three)| {
            let [first, ack, rest] = three else { return None };
            let held_back = ack.at.ms_since(first.at);
            let matches = carries(first, from)
                && first.len < SMALL
                && is_bare_ack(ack, from.other())
                && carries(rest, from)
                && HELD_BACK_MS.contains(&held_back)
                && rest.at.ms_since(ack.at) <= AT_ONCE_MS;
            matches.then_some((ack.number, held_back))
        })
        .collect()
}

fn carries(segment: &Segment, from: Port) -> bool {
    segment.from == from && segment.len > 0 && segment.note.is_none()
}

fn is_bare_ack(segment: &Segment, from: Port) -> bool {
    let flags = segment.flags;
    segment.from == from && segment.len == 0 && flags.ack && !flags.syn && !flags.fin && !flags.rst
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Part, Side};
    use crate::evidence::{Port, Role, Term};
    use crate::facts::staged::{Stage, Talk, pair, talk};

    /// The server answers each of `times` lines in two pieces; the second follows the client's acknowledgement.
    fn in_pieces(times: u32, until_ack: f64, after_it: f64) -> Talk {
        let talk = (0..times).fold(talk(40001), |talk, n| {
            let began = 60.0 + 100.0 * f64::from(n);
            let talk = talk.at(began).asks("hello\n").answers("hel");
            let acked = began + 0.1 + until_ack;
            talk.ack(acked, Port::Dialler).data(acked + after_it, Port::Listener, b"lo\n")
        });
        talk.closes(Role::Client).closes(Role::Server)
    }

    fn met(talk: Talk) -> Stage {
        pair().talk(talk).frozen(700.0)
    }

    #[test]
    fn a_reply_in_two_writes_waits_for_the_client() {
        let stage = met(in_pieces(4, 41.0, 0.1));
        let found = stage.fires("nagle-delayed-ack");
        assert_eq!((found.side, found.confidence, found.role), (Side::Server, Confidence::Proven, Part::Contributing));
        assert_eq!(stage.verdict().side, Side::None, "nothing was promised");
    }

    #[test]
    fn where_promptness_was_promised_it_is_the_cause() {
        let stage = met(in_pieces(4, 41.0, 0.1)).contract(|terms| terms.latency_ms = Some(Term::told(20)));
        assert_eq!(stage.fires("nagle-delayed-ack").role, Part::Cause);
        assert_eq!(stage.verdict().side, Side::Server);
    }

    #[test]
    fn a_request_in_two_writes_is_the_clients() {
        let talk = (0..3).fold(talk(40001), |talk, n| {
            let began = 60.0 + 100.0 * f64::from(n);
            let talk = talk.at(began).asks("hel").ack(began + 44.0, Port::Listener);
            talk.asks("lo\n").answers("hello\n")
        });
        assert_eq!(met(talk.closes(Role::Client).closes(Role::Server)).fires("nagle-delayed-ack").side, Side::Client);
    }

    #[test]
    fn a_pause_of_the_programs_own_does_not_wait_for_an_acknowledgement() {
        met(in_pieces(4, 41.0, 9.0)).silent("nagle-delayed-ack");
        met(in_pieces(4, 0.1, 0.1)).silent("nagle-delayed-ack");
        met(in_pieces(1, 41.0, 0.1)).silent("nagle-delayed-ack");
        pair().talk(talk(40001).healthy()).silent("nagle-delayed-ack");
    }

    #[test]
    fn cannot_tell_without_packets() {
        assert_eq!(met(in_pieces(4, 41.0, 0.1)).unseen("packets").unseen("sockets").cannot_tell("nagle-delayed-ack"), "packets");
    }
}
