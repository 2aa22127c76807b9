//! `truncated-reply`: the reply breaks off in the middle of a message.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Framing, Gap, Role, Source, Transport};
use crate::facts::{Echo, Facts, Talk};

pub(super) static RULE: Rule = Rule {
    name: "truncated-reply",
    symptoms: &[Symptom::Garbled],
    sides: &[Side::Server],
    shown_by: "the length of the reply beside that of the request",
    seen_in: &[Look::Contents, Look::Agreement],
    over: None,
    explains: &["early-close", "client-gives-up-early", "client-failed"],
    check,
};

fn check(facts: &Facts) -> Ruling {
    let exchanges = facts.exchanges()?;
    let short = exchanges.iter().find_map(|(talk, exchange)| match exchange.echo {
        Echo::Short { owed, whole_messages: false } => Some((talk, exchange.got, owed)),
        _ => None,
    });
    let Some((talk, got, owed)) = short else { return Ok(Call::Silent) };
    // netdiag's own probes wait for the rest.
    let came_to_an_end = has_its_end(talk, facts) || facts.echoes_beginnings();
    let client_left = talk.ended_by(Role::Client);
    let server_left = talk.ended_by(Role::Server);
    let left_first = client_left.is_some_and(|left| server_left.is_none_or(|server| left < server));
    // One that saw the server sit still for long did not leave before its time.
    let in_vain = facts.rested_until_the_client_left(talk);
    if left_first && !came_to_an_end && !in_vain && (talk.rst(Role::Client).is_some() || !facts.still_waiting()) {
        return super::ruled_out("the client left before the reply was complete");
    }
    let lies = |bytes: Option<u32>| bytes.unwrap_or_default() > 0;
    if talk.client_holds_up() || facts.still_waiting() && talk.server_end.as_ref().is_some_and(|end| lies(end.unsent)) {
        return super::ruled_out("the server has more to send, and the client does not read it");
    }
    if facts.still_waiting() && talk.client_end.as_ref().is_some_and(|end| lies(end.unread)) {
        return super::ruled_out("the client has not read what came");
    }
    facts.capture_is_whole()?;
    let mut sure = Confidence::Proven;
    if !is_known(facts) {
        // Damaged echoes: what comes back is made of what was sent, and no form of reply explains what is missing.
        if !facts.echoes_damaged() && talk.transport == Transport::Tcp {
            return Err(unknown_reply());
        }
        sure = Confidence::Likely;
    }
    if !came_to_an_end && server_left.is_none() {
        facts.is_final(talk, Role::Server)?;
    }
    finding(
        &RULE,
        Side::Server,
        sure,
        format!("The reply breaks off: {got} of {owed} bytes came back, then nothing more."),
    )
    .because(talk.references())
    .because(talk.closing_references(Role::Server))
    .at(facts.line_that_sends(Role::Server))
    .after(talk.request().ok().and_then(|request| facts.server_failure(request.first)))
    .fix("Send all bytes that were received: use the count that recv returned, and sendall (or a loop) to write.")
    .fires()
}

/// Whether the reply has the end of a line although bytes before it are missing: then no more can be on its way.
fn has_its_end(talk: &Talk, facts: &Facts) -> bool {
    let is_line = facts.contract.framing.as_ref().is_some_and(|term| term.value == Framing::Line);
    is_line && talk.response().is_ok_and(|response| response.head.0.ends_with(b"\n") && response.is_whole())
}

/// Whether somebody said, or the server showed, where messages end and what their replies are.
fn is_known(facts: &Facts) -> bool {
    facts.contract.reply.as_ref().is_some_and(|term| term.source != Source::Assumed) && facts.contract.framing.is_some()
}

fn unknown_reply() -> Gap {
    Gap::new(
        "probes",
        "nothing tells what the server is supposed to answer",
        "tell the reply's form with --contract, or let netdiag probe the server",
    )
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::{Contract, How, Lifetime, Limit, Role, Sample, Term};
    use crate::facts::staged::{Stage, Talk, ms, pair, probe, process, talk};

    fn met(talk: Talk) -> Stage {
        pair().talk(talk)
    }

    #[test]
    fn the_reply_breaks_off() {
        let cut = met(talk(40001).asks("hello\n").answers("hel\n").closes(Role::Client).closes(Role::Server));
        assert_eq!(cut.fires("truncated-reply").side, Side::Server);
        assert_eq!(cut.verdict().side, Side::Server);
        met(talk(40001).asks("hello\n").answers("hel").closes(Role::Server).closes(Role::Client)).fires("truncated-reply");
        met(talk(40001).asks("hello\n").answers("hel").open()).hangs().fires("truncated-reply");
    }

    /// What the server makes of netdiag's own lines, and of the client's, when nothing tells what a reply should be.
    fn untold(answer: impl Fn(&str) -> String) -> Stage {
        let asked = |n: u32| {
            let text = format!("netdiag probe {n} says hello {n}\n");
            probe(&text, &answer(&text))
        };
        met(talk(40001).asks("hello\n").answers(&answer("hello\n")).closes(Role::Client).closes(Role::Server))
            .untold()
            .probed(vec![asked(1), asked(2), asked(3)])
    }

    #[test]
    fn beginnings_of_whatever_is_sent_are_a_truncated_echo_and_a_fixed_answer_is_none() {
        let cut = untold(|text| text[..3].to_owned());
        assert_eq!(cut.fires("truncated-reply").confidence, Confidence::Likely);
        assert_eq!(cut.verdict().side, Side::Server);
        for fixed in ["hel", "net", "ok"] {
            assert_eq!(untold(|_| fixed.to_owned()).verdict().side, Side::Unknown, "{fixed}");
        }
    }

    #[test]
    fn a_client_that_waited_in_vain_for_the_rest_did_not_leave_too_early() {
        let left = |limit| {
            let cut = talk(40001).asks("hello\n").answers("hel").at(5000.0).closes(Role::Client).closes(Role::Server);
            let mut stage = met(cut).exits(Role::Client, 5001.0, How::Code(1)).frozen(5100.0);
            let look = Sample { at: ms(2000.0), processes: vec![process(0, "recvfrom", limit)] };
            stage.programs().samples.insert(0, look);
            stage
        };
        assert_eq!(left(Limit::Forever).fires("truncated-reply").side, Side::Server);
        assert!(left(Limit::Timed).excludes("truncated-reply").contains("left before"), "it may have been at work");
    }

    #[test]
    fn a_whole_reply_in_pieces_is_whole() {
        let pieces = talk(40001).asks("hello\n").answers("he").after(5.0).answers("llo\n").closes(Role::Client);
        met(pieces).silent("truncated-reply");
    }

    #[test]
    fn the_rest_was_on_its_way_when_the_client_left() {
        let stage = met(talk(40001).asks("hello\n").answers("hel").after(20.0).closes(Role::Client));
        assert!(stage.excludes("truncated-reply").contains("left before"));
        let reset = met(talk(40001).asks("hello\n").answers("hel").closes(Role::Client).answers("l").resets(Role::Client));
        assert!(reset.excludes("truncated-reply").contains("left before"));
        assert_ne!(stage.verdict().side, Side::Server);
    }

    #[test]
    fn a_client_that_does_not_read_keeps_the_rest_back() {
        let talk = talk(40001).asks("hello\n").answers("hel").open();
        let talk = talk.end(Role::Server, |row| row.send_queue = Some(3)).end(Role::Client, |row| row.recv_queue = Some(3));
        let stage = met(talk).hangs();
        assert!(stage.excludes("truncated-reply").contains("does not read"));
        assert_eq!(stage.verdict().side, Side::Client);
    }

    #[test]
    fn an_interrupted_recording_cuts_replies_itself() {
        let stage = met(talk(40001).asks("hello\n").answers("hel").open()).interrupted();
        assert_eq!(stage.cannot_tell("truncated-reply"), "programs");
    }

    #[test]
    fn a_reply_of_unknown_shape_may_be_as_short_as_it_likes() {
        let stage = met(talk(40001).asks("hello\n").answers("hel").closes(Role::Server).closes(Role::Client)).untold();
        assert_eq!(stage.cannot_tell("truncated-reply"), "probes");
        let hanging = met(talk(40001).asks("hello\nwor").answers("hello\n").open()).untold().hangs();
        assert_ne!(hanging.verdict().side, Side::Server);
    }

    #[test]
    fn a_missing_whole_reply_is_another_fault() {
        let one_shot = |terms: &mut Contract| terms.lifetime = Some(Term::told(Lifetime::OneShot));
        let stage = met(talk(40001).asks("one\ntwo\n").answers("one\n").closes(Role::Server)).contract(one_shot);
        stage.silent("truncated-reply");
    }

    #[test]
    fn cannot_tell_what_it_did_not_see() {
        let stage = met(talk(40001).asks("hello\n").answers("hel").open()).hangs();
        assert_eq!(stage.clone().unseen("packets").cannot_tell("truncated-reply"), "packets");
        assert_eq!(stage.clone().packets(|packets| packets.dropped = 1).cannot_tell("truncated-reply"), "packets");
        let holed = stage.packets(|packets| packets.conversations[0].received.missing = 3);
        assert_eq!(holed.cannot_tell("truncated-reply"), "packets");
    }
}
