//! `truncated-reply`: the reply breaks off in the middle of a message.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Finding, Side};
use crate::evidence::{Bytes, Framing, Gap, Role, Source, Transport};
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

const FIX: &str = "Send all bytes that were received: use the count that recv returned, and sendall (or a loop) to write.";

fn check(facts: &Facts) -> Ruling {
    if let Some(probes) = facts.cuts_every_probe().filter(|_| facts.is_alone()) {
        let what =
            "Of every message that netdiag sent, only the beginning came back, more of a longer one, and then nothing more.";
        return finding(&RULE, Side::Server, Confidence::Likely, what)
            .because(probes)
            .at(facts.only_line(Role::Server, |text| &text.sends))
            .fix(FIX)
            .fires();
    }
    if let Some(found) = less_than_announced(facts) {
        facts.capture_is_whole()?;
        return found.fires();
    }
    let exchanges = facts.exchanges()?;
    let short = exchanges.iter().find_map(|(talk, exchange)| match exchange.echo {
        Echo::Short { owed, whole_messages: false } => Some((talk, exchange.got, owed)),
        _ => None,
    });
    let Some((talk, got, owed)) = short else { return Ok(Call::Silent) };
    // netdiag's own probes wait for the rest.
    let cut = facts.cut_from_everything().filter(|(lost, _)| lacks_text(talk, got, owed, *lost));
    let came_to_an_end = has_its_end(talk, facts) || facts.echoes_beginnings() || cut.is_some();
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
    let from_everybody = cut.as_ref().map(|(lost, _)| match lost {
        1 => " netdiag's own messages lost their last byte too.".to_owned(),
        n => format!(" netdiag's own messages lost their last {n} bytes too."),
    });
    finding(
        &RULE,
        Side::Server,
        sure,
        format!(
            "The reply breaks off: {got} of {owed} bytes came back, then nothing more.{}",
            from_everybody.unwrap_or_default()
        ),
    )
    .because(talk.references())
    .because(cut.map(|(_, probes)| probes).unwrap_or_default())
    .because(talk.closing_references(Role::Server))
    .at(facts.only_line(Role::Server, |text| &text.sends))
    .after(facts.failure_since_asked(talk))
    .fix(FIX)
    .fires()
}

/// The reply says how long it is, as the request does, and the rest will not come: whatever else the server may speak, it has
/// not kept its own word.
fn less_than_announced(facts: &Facts) -> Option<Finding> {
    let talks = facts.talks().ok()?;
    let (talk, reply) = talks.iter().find_map(|talk| Some((talk, facts.less_than_announced(talk)?)))?;
    let unread = talk.client_end.as_ref().is_some_and(|end| end.unread.unwrap_or_default() > 0);
    let closed = talk.ended_by(Role::Server).is_some_and(|end| talk.ended_by(Role::Client).is_none_or(|client| end < client));
    let no_more = closed || facts.still_waiting() && talk.is_open() && facts.is_final(talk, Role::Server).is_ok();
    if unread || talk.client_holds_up() || !no_more || facts.server_ended_badly() || facts.server_sleeps_over(talk) {
        return None;
    }
    let sure = if facts.hang_proven() { Confidence::Proven } else { Confidence::Likely };
    let what = format!(
        "The reply breaks off: it announces {} bytes, as the request did, and brings {}, then nothing more.",
        reply.promised, reply.came
    );
    let found = finding(&RULE, Side::Server, sure, what).because(talk.references());
    Some(found.at(facts.only_line(Role::Server, |text| &text.sends)).after(facts.failure_since_asked(talk)).fix(FIX))
}

/// Whether the reply lacks the last `lost` bytes of the request, and text among them: a byte that only marks the end of a
/// message (a line end, a NUL, a semicolon) may be left out on purpose.
fn lacks_text(talk: &Talk, got: u64, owed: u64, lost: usize) -> bool {
    let missing = |request: &Bytes| request.0.get(got as usize..).is_some_and(|rest| rest.iter().any(u8::is_ascii_alphanumeric));
    owed - got == lost as u64 && talk.request().is_ok_and(|request| request.is_whole() && missing(&request.head))
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
    use crate::evidence::{Close, Contract, How, Lifetime, Limit, Occasion, Probe, Role, Sample, Shape, Term};
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

    #[test]
    fn a_reply_that_brings_less_than_it_announces_is_cut_whatever_the_protocol() {
        let cut = || met(talk(40001).asks("5\nlemon").answers("5\nlemo").open()).untold().hangs();
        let found = cut().fires("truncated-reply");
        assert_eq!((found.side, found.confidence), (Side::Server, Confidence::Proven));
        assert!(found.statement.contains("announces 5 bytes"), "{}", found.statement);
        assert_eq!(cut().deadline().frozen(2000.0).fires("truncated-reply").confidence, Confidence::Likely);
        assert_ne!(cut().interrupted().verdict().side, Side::Server);
        let left = met(talk(40001).asks("5\nlemon").answers("5\nlemo").closes(Role::Client).closes(Role::Server)).untold();
        assert_ne!(left.verdict().side, Side::Server, "it may have been about to come");
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

    /// A server that takes `lost` bytes from the end of whatever comes; the client has said `asked`, got the rest and left.
    fn cut_at_the_end(asked: &str, lost: usize) -> Stage {
        let kept = |text: &str| text[..text.len() - lost].to_owned();
        let line = "netdiag probe 1 says hello 1\n";
        let bare = "netdiag probe 2 says hello 2";
        let ended = |shape, text: &str| Probe { shape, close: Close::Fin, half_closed: true, ..probe(text, &kept(text)) };
        met(talk(40001).asks(asked).answers(&kept(asked)).closes(Role::Client).closes(Role::Server))
            .untold()
            .probed(vec![ended(Shape::Line, line), ended(Shape::Chunk, bare)])
    }

    #[test]
    fn the_client_left_first_and_everybody_loses_the_last_byte() {
        let found = cut_at_the_end("hello", 1).fires("truncated-reply");
        assert_eq!((found.side, found.confidence), (Side::Server, Confidence::Likely));
        assert!(found.evidence.contains(&"probes:1".to_owned()), "{:?}", found.evidence);
        assert_eq!(cut_at_the_end("hello", 1).verdict().side, Side::Server);
        assert_eq!(cut_at_the_end("hello", 2).verdict().side, Side::Server);
    }

    #[test]
    fn a_mark_at_the_end_of_a_message_may_be_left_out_on_purpose() {
        for marked in ["hello\n", "hello;", "hello\0", "hello\u{3}"] {
            assert_ne!(cut_at_the_end(marked, 1).verdict().side, Side::Server, "{marked:?}");
        }
    }

    #[test]
    fn whoever_got_all_of_its_text_from_the_same_server_clears_it() {
        let mut stage = cut_at_the_end("hello", 1);
        let whole = stage.probes()[1].sent[0].clone();
        (stage.probes()[1].received_total, stage.probes()[1].received) = (whole.len() as u64, whole);
        assert_ne!(stage.verdict().side, Side::Server, "it leaves out line ends, and the client left");
    }

    #[test]
    fn a_rest_that_may_have_been_on_its_way_to_the_probe_too_proves_nothing() {
        let mut stage = cut_at_the_end("hello", 1);
        stage.probes().iter_mut().for_each(|probe| (probe.close, probe.at_rest) = (Close::Open, false));
        assert!(stage.excludes("truncated-reply").contains("left before"));
    }

    #[test]
    fn a_server_that_answers_in_blocks_loses_a_different_number_each_time() {
        let kept = |text: &str| text[..text.len() / 4 * 4].to_owned();
        let texts = ["netdiag probe 1 says hello 1\n", "netdiag probe 2 says hello, two"];
        let probes = texts.map(|text| Probe { shape: Shape::Chunk, close: Close::Fin, ..probe(text, &kept(text)) });
        let stage = met(talk(40001).asks("hello").answers("hell").closes(Role::Client).closes(Role::Server)).untold();
        assert!(stage.probed(probes.into()).excludes("truncated-reply").contains("left before"));
    }

    #[test]
    fn a_server_by_itself_that_cuts_whatever_it_is_sent() {
        let alone = |answer: &dyn Fn(&str) -> String| {
            let asked = |n: usize| {
                let text = format!("netdiag probe {n} says {}\n", "hello ".repeat(n));
                Probe { close: Close::Fin, ..probe(&text, &answer(&text)) }
            };
            let mut stage = pair().untold().client_gone().probed((1..=4).map(asked).collect());
            stage.0.setting.occasion = Occasion::LiveServer;
            stage
        };
        let half = alone(&|text| text[..text.len() / 2].to_owned());
        assert_eq!(half.fires("truncated-reply").confidence, Confidence::Likely);
        assert_eq!(half.verdict().side, Side::Server);
        let record = alone(&|text| text[..16].to_owned());
        assert_ne!(record.verdict().side, Side::Server, "records of a fixed size may be meant");
        for honest in [|text: &str| text.to_owned(), |text: &str| text.trim_end().to_owned(), |_: &str| "net\n".to_owned()] {
            alone(&honest).silent("truncated-reply");
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
