//! `slow-reply`: the reply is right and later than promised.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Framing, Role};
use crate::facts::{Facts, Talk};

pub(super) static RULE: Rule = Rule {
    name: "slow-reply",
    symptoms: &[Symptom::Slow],
    sides: &[Side::Server],
    shown_by: "the time between request and reply, beside the one that was promised",
    seen_in: &[Look::Contents],
    over: None,
    explains: &["client-gives-up-early", "client-failed"],
    check,
};

fn check(facts: &Facts) -> Ruling {
    let Some(promise) = facts.contract.latency_ms.as_ref().map(|term| term.value) else { return Ok(Call::Silent) };
    if facts.is_alone() {
        return alone(facts, promise as f64);
    }
    let slowest = facts
        .talks()?
        .iter()
        .filter_map(|talk| Some((talk, took(talk, facts)?)))
        .max_by(|a, b| a.1.total_cmp(&b.1));
    let Some((talk, ms)) = slowest else { return Ok(Call::Silent) };
    if ms <= promise as f64 {
        return super::ruled_out(format!("the slowest reply took {ms:.0} ms, {promise} ms are allowed"));
    }
    finding(
        &RULE,
        Side::Server,
        Confidence::Proven,
        format!("A reply took {ms:.0} ms; the server has promised {promise} ms at most."),
    )
    .because(talk.references())
    .at(facts.only_line(Role::Server, |text| &text.pauses))
    .fix("Find what the handler waits for between reading the request and writing the reply.")
    .fires()
}

/// One of netdiag's questions may have waited for another; the quickest answer did not.
fn alone(facts: &Facts, promise: f64) -> Ruling {
    let Some((ms, probe)) = facts.quickest_answer_ms() else { return Ok(Call::Silent) };
    if ms <= promise {
        return super::ruled_out(format!("an answer took {ms:.0} ms, {promise:.0} ms are allowed"));
    }
    let statement = format!("The quickest answer took {ms:.0} ms; the server has promised {promise:.0} ms at most.");
    finding(&RULE, Side::Server, Confidence::Proven, statement)
        .because([probe])
        .at(facts.only_line(Role::Server, |text| &text.pauses))
        .fix("Find what the handler waits for between reading the request and writing the reply.")
        .fires()
}

/// Where the client's half-close is the end of its message, the reply's time begins there.
fn took(talk: &Talk, facts: &Facts) -> Option<f64> {
    let until_eof = facts.contract.framing.as_ref().is_some_and(|term| term.value == Framing::UntilEof);
    if until_eof {
        let (asked, answered) = (talk.fin(Role::Client)?, talk.response().ok()?.first?);
        return Some(answered.ms_since(asked));
    }
    talk.slowest_reply_ms()
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::Side;
    use crate::evidence::{Framing, Port, Role, Term, Turn};
    use crate::facts::staged::{Stage, ms, pair, talk};

    fn took(pause: f64) -> Stage {
        let talk = talk(40001).asks("hi\n").after(pause).answers("hi\n").closes(Role::Client).closes(Role::Server);
        pair().talk(talk).frozen(900.0)
    }

    fn promised(stage: Stage) -> Stage {
        stage.contract(|terms| terms.latency_ms = Some(Term::told(100)))
    }

    #[test]
    fn the_server_broke_its_promise() {
        assert_eq!(promised(took(300.0)).fires("slow-reply").side, Side::Server);
        assert_eq!(promised(took(300.0)).verdict().fault.as_deref(), Some("slow-reply"));
    }

    #[test]
    fn within_the_promise_and_without_one_nothing_is_slow() {
        assert!(promised(took(80.0)).excludes("slow-reply").contains("100 ms are allowed"));
        took(300.0).silent("slow-reply");
        assert_eq!(took(300.0).verdict().side, Side::None);
    }

    #[test]
    fn a_message_that_ends_with_the_half_close_is_answered_after_it() {
        let talk = talk(40001).asks("hi").after(400.0).closes(Role::Client).answers("hi").closes(Role::Server);
        let stage = promised(pair()).contract(|terms| terms.framing = Some(Term::told(Framing::UntilEof)));
        stage.talk(talk).frozen(900.0).excludes("slow-reply");
    }

    #[test]
    fn a_client_that_paused_between_its_messages_did_not_wait() {
        let talk = talk(40001).echoes("one\n").after(500.0).echoes("two\n").closes(Role::Client).closes(Role::Server);
        promised(pair()).talk(talk).frozen(900.0).excludes("slow-reply");
    }

    #[test]
    fn turns_that_were_left_out_do_not_make_a_reply_slow() {
        let mut talk = talk(40001).echoes("one\n").asks("two\n");
        let late = Turn { from: Port::Listener, offset: 400, len: 4, segments: 1, first: ms(800.0), last: ms(800.0) };
        talk.conversation.turns.push(late);
        talk.conversation.turns_omitted = 98;
        promised(pair()).talk(talk).frozen(900.0).excludes("slow-reply");
    }

    #[test]
    fn cannot_tell_without_packets() {
        let stage = promised(took(300.0)).unseen("packets").unseen("sockets");
        assert_eq!(stage.cannot_tell("slow-reply"), "packets");
    }
}
