//! `worker-pool-exhausted`: a fixed number of clients is served, each for as long as it likes, and everybody else waits.

use super::{Call, Look, Rule, Ruling, Symptom, Transport, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::Source;
use crate::facts::Facts;

pub(super) static RULE: Rule = Rule {
    name: "worker-pool-exhausted",
    symptoms: &[Symptom::SomeClients, Symptom::Hangs],
    sides: &[Side::Server],
    shown_by: "how many clients are served at one time",
    seen_in: &[Look::Contents, Look::Sockets, Look::Queues],
    over: Some(Transport::Tcp),
    explains: &["never-accepts", "unread-request", "missing-reply", "slow-reply", "client-gives-up-early", "client-failed"],
    check,
};

const FIX: &str = "Do not let a worker stay with an idle connection: watch them all (select, epoll, tasks), or close those that are \
                   silent for long; a larger pool only moves the limit.";

fn check(facts: &Facts) -> Ruling {
    let promised = facts.contract.concurrency.as_ref().filter(|term| term.source == Source::Told).map(|term| term.value);
    if let (Some(dialect), Some(promised), Some(places)) = (facts.asked()?, promised, facts.places())
        && places > 1
        && places < promised
    {
        let evidence = dialect.places.as_ref().map(crate::facts::dialect::Learned::evidence).unwrap_or_default();
        let what = format!("{promised} clients are to be served at the same time; further ones waited once {places} were connected.");
        return finding(&RULE, Side::Server, Confidence::Proven, what).because(evidence).fix(FIX).fires();
    }
    let Some((waiting, beside)) = facts.kept_out()? else { return Ok(Call::Silent) };
    let places = beside.len();
    if places < 2 {
        return Ok(Call::Silent);
    }
    let table = facts.full_table();
    if matches!(table, Ok(Some(_))) {
        return super::ruled_out("the server had no descriptor left for another connection");
    }
    if promised.is_some_and(|promised| promised as usize <= places) {
        return super::ruled_out(format!("the contract has the server serve no more than the {places} clients it served"));
    }
    if promised.is_none() && !facts.still_waiting() {
        return super::ruled_out("nothing promises how many clients are served at the same time, and all were served");
    }
    let held = if waiting.was_accepted() == Some(true) { "was accepted" } else { "was connected" };
    finding(
        &RULE,
        Side::Server,
        match facts.looked(Look::Waits) {
            // A server without a free descriptor looks the same to whoever did not count them.
            Err(_) => Confidence::Possible,
            Ok(()) if promised.is_some() && table.is_ok() => Confidence::Proven,
            Ok(()) => Confidence::Likely,
        },
        format!(
            "While the server stayed with {places} clients, the one at {} {held} and waited: it serves that many, each until \
             it leaves.",
            waiting.client
        ),
    )
    .because(waiting.references())
    .because(beside.iter().flat_map(|talk| talk.references()))
    .fix(FIX)
    .fires()
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::{Role, Term};
    use crate::facts::staged::{Stage, Talk, pair, talk};

    fn promised(stage: Stage, clients: u32) -> Stage {
        stage.contract(|terms| terms.concurrency = Some(Term::told(clients)))
    }

    fn stays(from: u16) -> Talk {
        talk(from).echoes("hi\n").open()
    }

    fn lingers(from: u16, until: f64) -> Talk {
        talk(from).echoes("hi\n").at(until).closes(Role::Client).closes(Role::Server)
    }

    fn stuck() -> Stage {
        pair().talk(stays(40001)).talk(stays(40002)).talk(talk(40003).asks("ho\n").unaccepted()).hangs()
    }

    #[test]
    fn two_are_served_and_the_third_waits() {
        let found = promised(stuck(), 3).fires("worker-pool-exhausted");
        assert_eq!((found.side, found.confidence), (Side::Server, Confidence::Proven));
        assert_eq!(promised(stuck(), 3).verdict().fault.as_deref(), Some("worker-pool-exhausted"));
        assert_eq!(stuck().fires("worker-pool-exhausted").confidence, Confidence::Likely);
        let accepted = pair().talk(stays(40001)).talk(stays(40002)).talk(talk(40003).asks("ho\n").unread()).hangs();
        assert!(accepted.fires("worker-pool-exhausted").statement.contains("was accepted"));
    }

    #[test]
    fn the_third_is_served_once_the_first_has_left() {
        let third = talk(40003).asks("ho\n").at(300.5).answers("ho\n").closes(Role::Client);
        let stage = pair().talk(lingers(40001, 300.0)).talk(lingers(40002, 310.0)).talk(third).frozen(400.0);
        assert_eq!(promised(stage.clone(), 3).fires("worker-pool-exhausted").confidence, Confidence::Proven);
        promised(stage.clone(), 3).silent("one-at-a-time");
        assert!(stage.excludes("worker-pool-exhausted").contains("nothing promises"));
        assert!(promised(stage, 2).excludes("worker-pool-exhausted").contains("contract"));
    }

    #[test]
    fn with_a_single_place_they_are_served_one_at_a_time() {
        let stage = pair().talk(stays(40001)).talk(talk(40002).asks("ho\n").unaccepted()).hangs();
        promised(stage.clone(), 2).silent("worker-pool-exhausted");
        promised(stage, 2).fires("one-at-a-time");
        let queue = [(40001, 0.0), (40002, 200.0), (40003, 400.0)].map(|(from, after)| {
            talk(from).asks("hi\n").after(after).answers("hi\n").after(190.0).closes(Role::Client).closes(Role::Server)
        });
        let stage = queue.into_iter().fold(pair(), Stage::talk).frozen(700.0);
        promised(stage, 3).silent("worker-pool-exhausted");
    }

    #[test]
    fn everybody_is_served() {
        promised(pair().talk(stays(40001)).talk(stays(40002)).talk(stays(40003)), 3).silent("worker-pool-exhausted");
    }

    #[test]
    fn cannot_tell_what_it_did_not_see() {
        let stage = promised(stuck(), 3).unseen("packets").unseen("sockets");
        assert_eq!(stage.cannot_tell("worker-pool-exhausted"), "packets");
    }
}
