//! `client-gives-up-early`: the client left; the right reply came a moment later.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Frame, Role, Source};
use crate::facts::{Echo, Facts, Talk};

pub(super) static RULE: Rule = Rule {
    name: "client-gives-up-early",
    symptoms: &[Symptom::Lost, Symptom::Slow],
    sides: &[Side::Client, Side::Server],
    shown_by: "when the client left, and whether the right reply came after that",
    seen_in: &[Look::Contents],
    over: None,
    explains: &["client-closes-with-unread-data", "reset", "early-close", "client-failed"],
    check,
};

fn check(facts: &Facts) -> Ruling {
    let exchanges = facts.exchanges()?;
    let late = exchanges.iter().find(|(talk, exchange)| exchange.asked > 0 && exchange.echo == Echo::Right && facts.left_before_the_reply(talk));
    let Some((talk, _)) = late else { return left_in_the_middle(facts) };
    let told = facts.contract.reply.as_ref().is_some_and(|term| term.source == Source::Told);
    if facts.met_a_reference_server() && !told && facts.still_waiting() {
        return super::ruled_out("the client waits elsewhere for what netdiag's own server does not say: it may want no reply here");
    }
    if facts.rested_until_the_client_left(talk) {
        return super::ruled_out("the server sat still until the client left: no reply was under way that more patience would have met");
    }
    let took = talk.slowest_reply_ms().unwrap_or_default();
    let promise = facts.contract.latency_ms.as_ref().map(|term| term.value as f64);
    let (sure, against) = match promise {
        Some(promise) if took > promise => return super::ruled_out("the reply was later than the server had promised"),
        Some(promise) => (Confidence::Proven, format!("the server may take {promise:.0} ms")),
        None => (Confidence::Likely, "nothing limits the time it may take".to_owned()),
    };
    finding(
        &RULE,
        Side::Client,
        sure,
        format!("The client closed the connection before its reply came; the right reply followed after {took:.0} ms, and {against}."),
    )
    .because(talk.closing_references(Role::Client))
    .because(talk.references())
    .at(line_of_leaving(talk, facts))
    .fix("Wait longer than the server may take, and say so when the time is over.")
    .fires()
}

/// Who waits this many milliseconds before leaving has a limit for that; who does not, has none.
const WAITED_MS: f64 = 50.0;

/// Where the client decides to leave: where its patience is set, or where it ends the connection or itself.
fn line_of_leaving(talk: &Talk, facts: &Facts) -> Option<(Frame, Role)> {
    let asked = talk.request().ok()?.last?;
    let waited = talk.ended_by(Role::Client).is_some_and(|left| left.ms_since(asked) >= WAITED_MS);
    let limits = if waited { facts.only_line(Role::Client, |text| &text.limits) } else { None };
    limits.or_else(|| facts.only_line(Role::Client, |text| &text.leaves)).or_else(|| facts.only_line(Role::Client, |text| &text.closes))
}

/// The reply was under way, right so far, when the client reset the connection, and the client itself was not content.
fn left_in_the_middle(facts: &Facts) -> Ruling {
    let exchanges = facts.exchanges()?;
    let left = exchanges.iter().find(|(talk, exchange)| {
        let reset = talk.rst(Role::Client);
        matches!(exchange.echo, Echo::Short { .. })
            && exchange.got > 0
            && reset.is_some()
            && talk.ended_by(Role::Server).is_none_or(|server| talk.ended_by(Role::Client) < Some(server))
            && !facts.rested_until_the_client_left(talk)
    });
    let Some((talk, exchange)) = left else { return Ok(Call::Silent) };
    if !facts.a_client_failed() {
        return super::ruled_out("the client left in the middle of a reply and was content with that");
    }
    finding(
        &RULE,
        Side::Client,
        Confidence::Likely,
        format!(
            "The client closed the connection while its reply was still coming: {} bytes had come, all of them right.",
            exchange.got
        ),
    )
    .because(talk.closing_references(Role::Client))
    .because(talk.references())
    .at(facts.only_line(Role::Client, |text| &text.receives))
    .fix("Read until the reply is complete (its length, its newline); one recv returns whatever has come by then.")
    .fires()
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::{How, Limit, Role, Sample, Term};
    use crate::facts::staged::{Stage, ms, pair, process, talk};

    /// The client closed after 20 ms, the reply came after 60, and the client's kernel reset it.
    fn impatient() -> Stage {
        let talk = talk(40001).asks("hello\n").after(20.0).closes(Role::Client).after(40.0).answers("hello\n");
        let mut talk = talk.resets(Role::Client);
        talk.conversation.received.acked = 0;
        pair().talk(talk).frozen(200.0)
    }

    #[test]
    fn a_server_that_sat_still_all_the_time_was_not_about_to_answer() {
        let after = |limit| {
            let talk = talk(40001).asks("hello\n").at(5000.0).closes(Role::Client).answers("hello\n").resets(Role::Client);
            let mut stage = pair().talk(talk).frozen(5200.0);
            let look = Sample { at: ms(2000.0), processes: vec![process(0, "read", limit)] };
            stage.programs().samples.insert(0, look);
            stage
        };
        assert!(after(Limit::Forever).excludes("client-gives-up-early").contains("sat still"));
        after(Limit::Timed).fires("client-gives-up-early");
    }

    fn promised(stage: Stage, ms: u64) -> Stage {
        stage.contract(|terms| terms.latency_ms = Some(Term::told(ms)))
    }

    #[test]
    fn the_right_reply_came_after_the_client_had_left() {
        assert_eq!(impatient().fires("client-gives-up-early").confidence, Confidence::Likely);
        let found = promised(impatient(), 1000).fires("client-gives-up-early");
        assert_eq!((found.side, found.confidence), (Side::Client, Confidence::Proven));
        assert_eq!(promised(impatient(), 1000).verdict().side, Side::Client);
    }

    #[test]
    fn a_program_that_was_gone_by_then_had_left_too() {
        let talk = talk(40001).asks("hello\n").closes(Role::Client).after(40.0).answers("hello\n");
        let stage = pair().talk(talk).exits(Role::Client, 60.0, How::Code(1)).frozen(200.0);
        assert_eq!(stage.fires("client-gives-up-early").side, Side::Client);
    }

    #[test]
    fn a_server_that_broke_its_promise_is_slow() {
        let stage = promised(impatient(), 30);
        assert!(stage.excludes("client-gives-up-early").contains("later than the server had promised"));
        assert_eq!(stage.verdict().side, Side::Server);
    }

    #[test]
    fn a_half_close_is_not_a_farewell() {
        let talk = talk(40001).asks("hello\n").closes(Role::Client).after(40.0).answers("hello\n");
        pair().talk(talk.clone().closes(Role::Server)).frozen(200.0).exits(Role::Client, 190.0, How::Code(0)).silent(
            "client-gives-up-early",
        );
        let rude = pair().talk(talk.resets(Role::Client)).exits(Role::Client, 190.0, How::Code(0)).frozen(200.0);
        rude.silent("client-gives-up-early");
        assert_eq!(rude.verdict().side, Side::None);
    }

    #[test]
    fn a_client_that_got_its_reply_did_not_give_up() {
        pair().talk(talk(40001).healthy()).silent("client-gives-up-early");
        pair().talk(talk(40001).echoes("hello\n").resets(Role::Client)).silent("client-gives-up-early");
    }

    #[test]
    fn what_netdiags_own_server_says_late_may_not_have_been_wanted_by_one_that_waits_elsewhere() {
        let alone = impatient().untold().program(Role::Server, |server| server.reference = true);
        assert_eq!(alone.fires("client-gives-up-early").side, Side::Client);
        let waiting = alone.talk(talk(40002).echoes("SUB news\n").open()).hangs();
        assert!(waiting.excludes("client-gives-up-early").contains("waits elsewhere"));
    }

    #[test]
    fn cannot_tell_without_packets() {
        let stage = impatient().unseen("packets").unseen("sockets");
        assert_eq!(stage.cannot_tell("client-gives-up-early"), "packets");
    }
}
