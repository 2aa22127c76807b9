//! `shared-state-crosstalk`: one client is sent what another one had said.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Finding, Side};
use crate::evidence::{Role, Source};
use crate::facts::Facts;

pub(super) static RULE: Rule = Rule {
    name: "shared-state-crosstalk",
    symptoms: &[Symptom::Garbled, Symptom::SomeClients],
    sides: &[Side::Server],
    shown_by: "whose bytes came back on which connection",
    seen_in: &[Look::Contents],
    over: None,
    explains: &["corrupted-reply", "truncated-reply", "missing-reply", "client-gives-up-early", "client-failed"],
    check,
};

const FIX: &str = "Keep buffers and other state in the handler of each connection, not in a global variable or a shared object.";

fn check(facts: &Facts) -> Ruling {
    if facts.is_alone() {
        let learned = facts.asked()?.and_then(|dialect| dialect.crosstalk.clone()).filter(|crosstalk| crosstalk.value);
        let Some(crosstalk) = learned else { return Ok(Call::Silent) };
        if let Some(evidence) = facts.tells_everybody() {
            return to_everybody().because(evidence).fires();
        }
        let what = "Of several connections open at the same time, one was sent what another one had said.";
        return finding(&RULE, Side::Server, Confidence::Proven, what).because(crosstalk.evidence()).fix(FIX).fires();
    }
    let Some(crossed) = facts.crossed()? else { return Ok(Call::Silent) };
    let assumed = facts.contract.reply_is_assumed();
    let told = facts.contract.reply.as_ref().is_some_and(|term| term.source == Source::Told);
    if !told && facts.talks_are_shared()? && !facts.still_waiting() && !facts.a_client_failed() {
        return to_everybody().because(crossed.receiver.references()).because(crossed.sender.references()).fires();
    }
    finding(
        &RULE,
        Side::Server,
        if assumed { Confidence::Likely } else { Confidence::Proven },
        format!(
            "The reply to the client at {} holds `{}`, which only the client at {} had sent.",
            crossed.receiver.client,
            crossed.line.escaped(),
            crossed.sender.client
        ),
    )
    .because(crossed.receiver.references())
    .because(crossed.sender.references())
    .at(facts.only_line(Role::Server, |text| &text.sends))
    .fix(FIX)
    .fires()
}

/// In a chat that is right; nobody told whether this is one.
fn to_everybody() -> Finding {
    let what = "What one client says comes to it and to the others too. In a chat that is right; of an echo server each client \
                is to hear what it said itself, and no more.";
    finding(&RULE, Side::Unknown, Confidence::Possible, what)
        .fix("If it is to echo, write each reply to the connection that the request came from, and to no other.")
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::Role;
    use crate::facts::staged::{Stage, Talk, pair, probe, talk};

    fn asked(from: u16, request: &str, reply: &str) -> Talk {
        talk(from).asks(request).after(3.0).answers(reply).closes(Role::Client).closes(Role::Server)
    }

    fn two(first: &str, second: &str) -> Stage {
        pair().another_client().talk(asked(40001, "alice\n", first)).talk(asked(40002, "robert\n", second))
    }

    #[test]
    fn one_client_hears_the_other() {
        let stage = two("alice\n", "alice\nrobert\n");
        let found = stage.fires("shared-state-crosstalk");
        assert_eq!((found.side, found.confidence), (Side::Server, Confidence::Proven));
        assert!(found.statement.contains("`alice`"));
        assert_eq!(stage.verdict().fault.as_deref(), Some("shared-state-crosstalk"));
    }

    #[test]
    fn what_goes_to_everybody_may_be_meant_where_nobody_told_the_reply() {
        let both = "* you are here\nalice\nrobert\n";
        let chat = two(both, both).untold();
        assert_eq!(chat.fires("shared-state-crosstalk").side, Side::Unknown);
        assert_eq!(chat.verdict().side, Side::Unknown);
        // A client by itself hears its echo.
        let said = |text: &str| probe(text, text);
        let learned = two("alice\nrobert\n", "alice\nrobert\n").untold().probed(vec![said("one\n"), said("two\n")]);
        assert!(!learned.facts().contract.reply_is_assumed());
        assert_eq!(learned.verdict().side, Side::Unknown, "{:?}", learned.verdict());
        for mixed in ["alice\n", "alice\nalice\nrobert\n", "robert\nalice\nrobert\n"] {
            let stage = two(both, mixed).untold();
            assert_eq!(stage.fires("shared-state-crosstalk").side, Side::Server, "{mixed}");
        }
        let grown = two("alice\n", "alice\nrobert\n").untold();
        assert_eq!(grown.fires("shared-state-crosstalk").side, Side::Server, "the first one heard nobody else");
    }

    #[test]
    fn everybody_hears_themselves() {
        two("alice\n", "robert\n").silent("shared-state-crosstalk");
        two("alice\n", "ROBERT\n").silent("shared-state-crosstalk");
    }

    #[test]
    fn clients_that_say_the_same_cannot_be_told_apart() {
        let stage = pair().talk(asked(40001, "hello\n", "hello\n")).talk(asked(40002, "hello\n", "hello\nhello\n"));
        stage.silent("shared-state-crosstalk");
    }

    #[test]
    fn short_words_turn_up_by_chance() {
        let stage = pair().talk(asked(40001, "hi\n", "hi\n")).talk(asked(40002, "there\n", "oh hi there\n"));
        stage.silent("shared-state-crosstalk");
    }

    #[test]
    fn cannot_tell_without_packets() {
        let stage = two("alice\n", "alice\nrobert\n").unseen("packets").unseen("sockets");
        assert_eq!(stage.cannot_tell("shared-state-crosstalk"), "packets");
    }
}
