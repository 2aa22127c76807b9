//! `one-at-a-time`: a second client waits until the first one has left.

use super::{Call, Look, Rule, Ruling, Symptom, Transport, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{At, Contract, Role, Source};
use crate::facts::{Facts, Talk};

pub(super) static RULE: Rule = Rule {
    name: "one-at-a-time",
    symptoms: &[Symptom::SomeClients, Symptom::Hangs],
    sides: &[Side::Server],
    shown_by: "whether the next client is served as soon as the first one leaves",
    seen_in: &[Look::Contents, Look::Sockets, Look::Queues],
    over: Some(Transport::Tcp),
    explains: &[
        "never-accepts",
        "backlog-full",
        "unread-request",
        "missing-reply",
        "slow-reply",
        "reply-not-flushed",
        "client-gives-up-early",
        "client-failed",
    ],
    check,
};

/// A reply that comes this long after its request, and right after another client has left, was waiting for that.
const NOTABLE_MS: f64 = 50.0;

fn check(facts: &Facts) -> Ruling {
    let promised = promised(&facts.contract);
    if let (Some(dialect), Some(promised), Some(places)) = (facts.asked()?, promised, facts.places())
        && places == 1
        && promised > 1
    {
        let evidence = dialect.places.as_ref().map(crate::facts::dialect::Learned::evidence).unwrap_or_default();
        return finding(
            &RULE,
            Side::Server,
            Confidence::Proven,
            format!("{promised} clients are to be served at the same time; a second one waited while the first was connected."),
        )
        .because(evidence)
        .at(facts.only_line(Role::Server, |text| &text.accepts))
        .fix("Serve each connection in a task or thread of its own, so that accept is called again at once.")
        .fires();
    }
    let talks = facts.talks()?;
    let Some((waiting, served)) = stuck_behind(talks).or_else(|| served_after(talks)) else { return Ok(Call::Silent) };
    if facts.kept_out()?.is_some_and(|(_, beside)| beside.len() > 1) {
        return super::ruled_out("several clients were served at the same time, and only further ones waited");
    }
    if promised == Some(1) {
        return super::ruled_out("the contract has the server serve one client at a time");
    }
    let hangs = facts.still_waiting();
    if promised.is_none() && !hangs {
        return super::ruled_out("nothing promises that several clients are served at the same time, and all were served");
    }
    let sure = if promised.is_some() { Confidence::Proven } else { Confidence::Likely };
    finding(
        &RULE,
        Side::Server,
        sure,
        format!(
            "While the server served {}, the client at {} was connected and waited: clients are served one after the other.",
            served.client, waiting.client
        ),
    )
    .because(waiting.references())
    .because(served.references())
    .at(facts.line_of_the_hang(Role::Server).or_else(|| facts.only_line(Role::Server, |text| &text.accepts)))
    .fix("Serve each connection in a task or thread of its own, so that accept is called again at once.")
    .fires()
}

fn promised(contract: &Contract) -> Option<u32> {
    contract.concurrency.as_ref().filter(|term| term.source == Source::Told).map(|term| term.value)
}

/// At the freeze one connection is held open and another waits, not accepted or not read.
fn stuck_behind<'t, 'e>(talks: &'t [Talk<'e>]) -> Option<(&'t Talk<'e>, &'t Talk<'e>)> {
    let served = talks.iter().find(|talk| {
        talk.is_open() && !talk.client_has_left() && talk.was_accepted() == Some(true) && talk.replied_bytes().is_some_and(|n| n > 0)
    })?;
    let waiting = talks
        .iter()
        .find(|talk| talk.server == served.server && talk.client != served.client && talk.was_accepted() == Some(false))?;
    Some((waiting, served))
}

/// One client's first reply came only when another one, served before, had left.
fn served_after<'t, 'e>(talks: &'t [Talk<'e>]) -> Option<(&'t Talk<'e>, &'t Talk<'e>)> {
    talks.iter().find_map(|waiting| {
        let conversation = waiting.conversation?;
        let (asked, answered) = (conversation.sent.first?, conversation.received.first?);
        if answered.ms_since(asked) < NOTABLE_MS {
            return None;
        }
        let served = talks.iter().find(|other| {
            let Some(c) = other.conversation else { return false };
            let left = other.ended_by(Role::Client).or(other.ended_by(Role::Server));
            // A server that is merely slow, and serves both at once, takes about as long for the one as for the other.
            let serving_takes = c.received.first.zip(c.sent.first).map(|(first, sent)| first.ms_since(sent));
            other.server == waiting.server
                && serving_takes.is_some_and(|takes| answered.ms_since(asked) > 1.5 * takes + 20.0)
                && other.client != waiting.client
                && c.received.first.is_some_and(|first| first < answered)
                && left.is_some_and(|left| left > asked && left <= answered && took_its_place(c.sent.first, left, asked, answered))
                && !talks.iter().any(|third| answered_between(third, asked, left, other))
        })?;
        Some((waiting, served))
    })
}

/// Whether the one that left had kept the server busy for long, and the other was answered at once when it had left. On a
/// busy machine a reply is late by chance, and by chance somebody has just left then.
fn took_its_place(began: Option<At>, left: At, asked: At, answered: At) -> bool {
    began.is_some_and(|began| left.ms_since(began) >= NOTABLE_MS)
        && 2.0 * answered.ms_since(left) < answered.ms_since(asked)
}

/// Whether yet another client got an answer while `served` was being served: then the server does serve several.
fn answered_between(
    third: &Talk,
    from: At,
    to: Option<At>,
    served: &Talk,
) -> bool {
    third.client != served.client
        && third.conversation.is_some_and(|conversation| {
            conversation
                .received
                .first
                .is_some_and(|first| first > from && to.is_some_and(|to| first < to))
        })
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::{Role, Term};
    use crate::facts::staged::{Stage, Talk, frame, pair, talk};

    fn promised(stage: Stage, clients: u32) -> Stage {
        stage.contract(|terms| terms.concurrency = Some(Term::told(clients)))
    }

    /// One client is served and stays, another one waits to be accepted.
    fn stuck() -> Stage {
        let waiting = talk(40002).asks("hello\n").unaccepted();
        pair().another_client().talk(talk(40001).echoes("hi\n").open()).talk(waiting).hangs()
    }

    fn lingers(from: u16, until: f64) -> Talk {
        talk(from).echoes("hi\n").at(until).closes(Role::Client).closes(Role::Server)
    }

    #[test]
    fn the_second_client_waits_for_the_first_to_leave() {
        assert_eq!(promised(stuck(), 2).fires("one-at-a-time").side, Side::Server);
        assert_eq!(promised(stuck(), 2).verdict().fault.as_deref(), Some("one-at-a-time"));
        let second = talk(40002).asks("ho\n").at(300.5).answers("ho\n").closes(Role::Client);
        let stage = promised(pair(), 2).another_client().talk(lingers(40001, 300.0)).talk(second).frozen(400.0);
        assert_eq!(stage.fires("one-at-a-time").confidence, Confidence::Proven);
    }

    #[test]
    fn the_line_that_takes_clients_in_is_told_where_nobody_is_stuck_any_more() {
        let accepts = Some(frame("server.py", 4, "", "conn, addr = s.accept()"));
        let second = talk(40002).asks("ho\n").at(300.5).answers("ho\n").closes(Role::Client);
        let stage = promised(pair(), 2).another_client().talk(lingers(40001, 300.0)).talk(second).frozen(400.0);
        let stage = stage.program(Role::Server, |server| server.text.accepts = accepts.clone());
        assert_eq!(stage.fires("one-at-a-time").location.map(|frame| frame.line), Some(4));
    }

    #[test]
    fn a_contract_may_allow_it() {
        assert!(promised(stuck(), 1).excludes("one-at-a-time").contains("contract"));
    }

    #[test]
    fn nothing_promised_and_everybody_served_is_no_fault() {
        let second = talk(40002).asks("ho\n").at(300.5).answers("ho\n").closes(Role::Client);
        let stage = pair().another_client().talk(lingers(40001, 300.0)).talk(second).frozen(400.0);
        assert!(stage.excludes("one-at-a-time").contains("nothing promises"));
        assert_eq!(stage.verdict().side, Side::None);
    }

    #[test]
    fn a_server_that_is_slow_to_both_serves_both() {
        let slow = |from, began: f64| {
            let talk = talk(from).at(began).asks("hi\n").after(80.0).answers("hi\n");
            talk.closes(Role::Client).closes(Role::Server)
        };
        let stage = promised(pair(), 2).another_client().talk(slow(40001, 51.0)).talk(slow(40002, 56.0)).frozen(200.0);
        stage.silent("one-at-a-time");
        assert_eq!(stage.verdict().side, Side::None);
    }

    #[test]
    fn a_reply_that_is_late_by_chance_when_somebody_has_just_left_waited_for_nobody() {
        let first = talk(40001).asks("hi\n").after(28.0).answers("hi\n").closes(Role::Client).closes(Role::Server);
        let second = talk(40002).asks("ho\n").after(75.0).answers("ho\n").closes(Role::Client).closes(Role::Server);
        let stage = promised(pair(), 2).another_client().talk(first).talk(second).frozen(300.0);
        stage.silent("one-at-a-time");
        stage.silent("worker-pool-exhausted");
    }

    #[test]
    fn a_third_client_served_in_between_shows_that_several_are() {
        let second = talk(40002).asks("ho\n").at(300.5).answers("ho\n").closes(Role::Client);
        let third = talk(40003).at(120.0).echoes("ha\n").at(280.0).closes(Role::Client);
        let stage = promised(pair(), 3).talk(lingers(40001, 300.0)).talk(second).talk(third).frozen(400.0);
        stage.silent("one-at-a-time");
    }

    #[test]
    fn one_client_alone_waits_for_nobody() {
        promised(pair(), 2).talk(talk(40001).asks("hi\n").unaccepted()).hangs().silent("one-at-a-time");
    }

    #[test]
    fn cannot_tell_what_it_did_not_see() {
        assert_eq!(promised(stuck(), 2).unseen("packets").unseen("sockets").cannot_tell("one-at-a-time"), "packets");
    }
}
