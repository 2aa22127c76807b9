//! `udp-late-reply-taken-for-next`: a client that has stopped waiting takes the late reply for that of its next request.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Port, Role, Transport};
use crate::facts::{Echo, Facts, Talk};

pub(super) static RULE: Rule = Rule {
    name: "udp-late-reply-taken-for-next",
    symptoms: &[Symptom::Garbled, Symptom::Dies, Symptom::Hangs],
    sides: &[Side::Client],
    shown_by: "to which request each reply belongs, and when it came",
    seen_in: &[Look::Contents],
    over: Some(Transport::Udp),
    explains: &["client-gives-up-early", "client-failed"],
    check,
};

fn check(facts: &Facts) -> Ruling {
    let exchanges = facts.exchanges()?;
    let overtaken = exchanges.iter().find_map(|(talk, exchange)| {
        let right_so_far = matches!(exchange.echo, Echo::Right | Echo::Short { whole_messages: true, .. });
        (talk.transport == Transport::Udp && right_so_far).then_some(())?;
        Some((talk, overtaken(talk)?))
    });
    let Some((talk, references)) = overtaken else { return Ok(Call::Silent) };
    // Whoever has several requests under way and tells their replies apart does nothing wrong.
    if !facts.a_client_failed() {
        return super::ruled_out("the client had several requests under way and was content");
    }
    finding(
        &RULE,
        Side::Client,
        Confidence::Likely,
        "The client sent its next request while the reply to the last one was still on its way. Each reply is right, and \
         comes one request late: the client takes it for the reply to the next one.",
    )
    .because(references)
    .because(talk.references())
    .at(facts.line_of_failure(Role::Client))
    .fix("Put a number into each request, and drop replies that bear another one; wait longer before giving a reply up.")
    .fires()
}

/// References to two requests with different text, the second sent before the reply to the first came, and to that reply.
fn overtaken(talk: &Talk) -> Option<Vec<String>> {
    let segments = &talk.conversation?.segments;
    let pairs = talk.datagram_pairs();
    let reply = segments.iter().position(|segment| segment.from == Port::Listener)?;
    let (first, second) = (segments.first()?, segments[..reply].iter().rfind(|segment| segment.from == Port::Dialler)?);
    let differ = first.number != second.number && first.excerpt != second.excerpt;
    let answers_the_first = pairs.first().is_some_and(|(asked, got)| asked == got);
    (differ && answers_the_first)
        .then(|| [first, second, &segments[reply]].map(|segment| format!("packets:{}", segment.number)).to_vec())
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::{How, Role};
    use crate::facts::staged::{Stage, datagrams, pair};

    fn one_behind() -> Stage {
        let talk = datagrams(40001).asks("one").after(200.0).asks("two").answers("one").answers("two");
        pair().udp().talk(talk.open()).frozen(400.0)
    }

    #[test]
    fn each_reply_is_right_and_one_request_late() {
        let stage = one_behind().exits(Role::Client, 300.0, How::Code(1));
        let found = stage.fires("udp-late-reply-taken-for-next");
        assert_eq!((found.side, found.confidence), (Side::Client, Confidence::Likely));
        let verdict = stage.verdict();
        assert_eq!((verdict.side, verdict.fault.as_deref()), (Side::Client, Some("udp-late-reply-taken-for-next")));
    }

    #[test]
    fn several_requests_under_way_are_no_fault_of_a_client_that_tells_replies_apart() {
        assert!(one_behind().excludes("udp-late-reply-taken-for-next").contains("content"));
        assert_eq!(one_behind().verdict().side, Side::None);
    }

    #[test]
    fn the_same_request_sent_again_is_a_retry() {
        let talk = datagrams(40001).asks("one").after(200.0).asks("one").answers("one");
        let stage = pair().udp().talk(talk.open()).frozen(400.0).exits(Role::Client, 300.0, How::Code(1));
        stage.silent("udp-late-reply-taken-for-next");
    }

    #[test]
    fn a_reply_that_is_wrong_is_not_late() {
        let talk = datagrams(40001).asks("one").asks("two").answers("xxx").answers("two");
        let stage = pair().udp().talk(talk.open()).exits(Role::Client, 80.0, How::Code(1));
        stage.silent("udp-late-reply-taken-for-next");
        assert_eq!(stage.verdict().side, Side::Server);
    }

    #[test]
    fn requests_answered_in_turn_are_as_they_should_be() {
        let talk = datagrams(40001).echoes("one").echoes("two");
        pair().udp().talk(talk).exits(Role::Client, 80.0, How::Code(1)).silent("udp-late-reply-taken-for-next");
    }

    #[test]
    fn cannot_tell_without_packets() {
        let stage = one_behind().unseen("packets").unseen("sockets");
        assert_eq!(stage.cannot_tell("udp-late-reply-taken-for-next"), "packets");
    }
}
