//! `unterminated-reply`: the reply came, without the line end that the client waits for.

use super::{Call, Look, Rule, Ruling, Symptom, Transport, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Role, Source};
use crate::facts::{Echo, Facts};

pub(super) static RULE: Rule = Rule {
    name: "unterminated-reply",
    symptoms: &[Symptom::Hangs],
    sides: &[Side::Server],
    shown_by: "the last byte of the reply",
    seen_in: &[Look::Contents],
    over: Some(Transport::Tcp),
    explains: &["client-gives-up-early", "client-failed"],
    check,
};

fn check(facts: &Facts) -> Ruling {
    let exchanges = facts.exchanges()?;
    let Some((talk, _)) = exchanges.iter().find(|(_, exchange)| exchange.echo == Echo::Unterminated) else {
        return Ok(Call::Silent);
    };
    if !facts.still_waiting() && !facts.a_client_failed() {
        return super::ruled_out("the client did not wait for a line end");
    }
    if talk.client_end.as_ref().is_some_and(|end| end.unread.unwrap_or_default() > 0) {
        return super::ruled_out("the client has not even read what came");
    }
    facts.capture_is_whole()?;
    if talk.ended_by(Role::Server).is_none() {
        facts.is_final(talk, Role::Server)?;
    }
    let told = facts.contract.framing.as_ref().is_some_and(|term| term.source == Source::Told);
    let sure = if told { Confidence::Proven } else { Confidence::Likely };
    finding(
        &RULE,
        Side::Server,
        sure,
        "The server's reply is complete but for its line end; the client has read it and goes on waiting for the rest of \
         the line.",
    )
    .because(talk.references())
    .at(facts.only_line(Role::Server, |text| &text.sends))
    .fix("Send the line back as it was received, with its newline; a reader that strips it must add it again.")
    .fires()
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::{How, Limit, Role};
    use crate::facts::staged::{Stage, Talk, pair, talk};

    fn stuck(talk: Talk) -> Stage {
        pair().talk(talk.open()).hangs()
    }

    #[test]
    fn the_line_end_is_missing_and_the_client_waits_for_it() {
        let stage = stuck(talk(40001).asks("hello\n").answers("hello"));
        let found = stage.fires("unterminated-reply");
        assert_eq!((found.side, found.confidence), (Side::Server, Confidence::Proven));
        assert_eq!(stage.verdict().side, Side::Server);
    }

    #[test]
    fn a_client_that_failed_over_it_is_told_as_well() {
        let talk = talk(40001).asks("hello\n").answers("hello").after(25.0).closes(Role::Client);
        pair().talk(talk).exits(Role::Client, 80.0, How::Code(1)).fires("unterminated-reply");
    }

    #[test]
    fn clients_that_are_content_did_not_wait_for_a_line_end() {
        let content = |from| talk(from).asks("hello\n").answers("hello").closes(Role::Client).closes(Role::Server);
        let stage = pair().talk(content(40001));
        assert!(stage.excludes("unterminated-reply").contains("did not wait"));
        stage.another_client().talk(content(40002)).excludes("unterminated-reply");
    }

    #[test]
    fn a_server_whose_dialect_has_no_line_ends_owes_none() {
        let stage = pair().untold().talk(talk(40001).asks("hello\n").answers("hello").closes(Role::Client));
        stage.silent("unterminated-reply");
        stage.silent("truncated-reply");
        assert_eq!(stage.verdict().side, Side::None);
    }

    #[test]
    fn a_client_that_has_not_read_does_not_wait_for_the_rest() {
        let talk = talk(40001).asks("hello\n").answers("hello").open().end(Role::Client, |row| row.recv_queue = Some(5));
        let stage = pair().talk(talk).hangs();
        assert!(stage.excludes("unterminated-reply").contains("not even read"));
    }

    #[test]
    fn the_line_end_may_come_a_moment_later() {
        let stage = stuck(talk(40001).asks("hello\n").answers("hello")).interrupted();
        assert_eq!(stage.cannot_tell("unterminated-reply"), "programs");
        let stage = pair().talk(talk(40001).asks("hello\n").at(10_039.0).answers("hello").open()).deadline();
        assert_eq!(stage.waits(Role::Server, "futex", Limit::Timed).cannot_tell("unterminated-reply"), "programs");
    }

    #[test]
    fn a_whole_line_is_terminated() {
        pair().talk(talk(40001).healthy()).silent("unterminated-reply");
    }

    #[test]
    fn cannot_tell_what_it_did_not_see() {
        let stage = stuck(talk(40001).asks("hello\n").answers("hello"));
        assert_eq!(stage.clone().unseen("packets").cannot_tell("unterminated-reply"), "packets");
        assert_eq!(stage.packets(|packets| packets.dropped = 1).cannot_tell("unterminated-reply"), "packets");
    }
}
