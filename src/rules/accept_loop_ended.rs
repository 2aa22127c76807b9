//! `accept-loop-ended`: the server has served clients, is alive, and takes no further one, although it has nothing to do.

use std::net::SocketAddr;

use super::{Call, Look, Rule, Ruling, Symptom, Transport, finding};
use crate::diagnosis::{Confidence, Finding, Side};
use crate::evidence::{At, Role};
use crate::facts::{Facts, Talk};

pub(super) static RULE: Rule = Rule {
    name: "accept-loop-ended",
    symptoms: &[Symptom::WorksOnce, Symptom::Hangs, Symptom::SomeClients],
    sides: &[Side::Server],
    shown_by: "whether a thread of the server still waits for connections after it has served some",
    seen_in: &[Look::Sockets, Look::Queues, Look::Waits],
    over: Some(Transport::Tcp),
    explains: &[
        "connection-refused",
        "reset",
        "early-close",
        "never-accepts",
        "one-at-a-time",
        "worker-pool-exhausted",
        "missing-reply",
        "client-gives-up-early",
        "client-failed",
    ],
    check,
};

const FIX: &str = "Let nothing but the end of the program leave the accept loop: handle errors of one connection and time-outs \
                   inside it, and go on.";

/// A server that accepts connections lets nobody wait that long on loopback, in milliseconds.
const BEYOND_DOUBT_MS: f64 = 4000.0;

fn check(facts: &Facts) -> Ruling {
    if facts.is_alone() {
        let Some(turned_away) = facts.accepted_no_more() else { return Ok(Call::Silent) };
        let what = "The server answered its first clients and accepted none of the later ones, although the first had left.";
        return finding(&RULE, Side::Server, Confidence::Likely, what).because(turned_away).fix(FIX).fires();
    }
    if let Some(found) = stopped_listening(facts) {
        return found.fires();
    }
    let talks = facts.talks()?;
    let Some(waiting) = talks.iter().find(|talk| talk.was_accepted() == Some(false) && talk.is_open()) else {
        return Ok(Call::Silent);
    };
    let earlier: Vec<&Talk> = talks
        .iter()
        .filter(|talk| talk.server == waiting.server && talk.replied_bytes() > Some(0) && talk.began <= waiting.began)
        .collect();
    let held = earlier.iter().filter(|talk| talk.is_open() && !talk.client_has_left()).count();
    let Some(last) = earlier.last() else { return Ok(Call::Silent) };
    if held >= facts.served_at_once()? {
        return super::ruled_out("as many clients as the server ever served at once are still with it");
    }
    let Some(server) = facts.player(Role::Server)? else { return Ok(Call::Silent) };
    if !server.lives_on() || server.is_stopped() {
        return Ok(Call::Silent);
    }
    facts.is_final(waiting, Role::Server)?;
    let waited = facts.frozen().ms_since(waiting.began);
    finding(
        &RULE,
        Side::Server,
        if facts.hang_proven() || waited >= BEYOND_DOUBT_MS { Confidence::Proven } else { Confidence::Likely },
        format!(
            "The server served the client at {} and then accepted nobody any more: {} is connected, and no process holds the \
             server's end, although the server is alive and has room.",
            last.client, waiting.client
        ),
    )
    .because(waiting.references())
    .because(last.references())
    .at(facts.line_where_waits(Role::Server))
    .fix(FIX)
    .fires()
}

/// A server that answered somebody, closed the socket at which it listened, and lives on, while a client came to grief over it:
/// refused, or reset while it was waiting to be accepted.
fn stopped_listening(facts: &Facts) -> Option<Finding> {
    let server = facts.player(Role::Server).ok()??;
    let talks = facts.talks().ok()?;
    let (later, target, evidence) = turned_away(facts, talks)?;
    let listeners = facts.server_listeners().ok()?;
    let mut there = listeners.into_iter().filter(|one| one.covers(Transport::Tcp, target)).peekable();
    let is_gone = there.peek().is_some() && there.all(|one| one.last_seen < later && !facts.listens_to_the_end(one));
    let was_answered = |talk: &&Talk| talk.server == target && talk.replied_bytes() > Some(0) && talk.began < later;
    let last = talks.iter().rfind(was_answered)?;
    let in_grief = facts.a_client_failed() || facts.still_waiting();
    if !is_gone || !server.lives_on() || server.is_stopped() || !in_grief {
        return None;
    }
    let what = format!(
        "The server answered the client at {}, and then the socket at which it listened was closed, although the server lives \
         on: the next connection to {target} was turned away.",
        last.client
    );
    let found = finding(&RULE, Side::Server, Confidence::Likely, what).because(last.references()).because(evidence);
    Some(found.fix(
        "Close the connection that was accepted, not the socket that accepts; after `fork` the parent closes only the former.",
    ))
}

/// The attempt that was refused, or reset before a byte was answered: when, where, and what shows it.
fn turned_away(facts: &Facts, talks: &[Talk]) -> Option<(At, SocketAddr, Vec<String>)> {
    let refused = facts.refused_dial().ok()?.map(|dial| (dial.at, dial.target, dial.evidence.clone()));
    refused.or_else(|| {
        let reset = talks.iter().find(|talk| talk.rst(Role::Server).is_some() && talk.replied_bytes() == Some(0))?;
        Some((reset.rst(Role::Server)?, reset.server, reset.references()))
    })
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::{How, Role};
    use crate::facts::staged::{SERVER, Stage, dial, pair, talk};

    fn one_served() -> Stage {
        let late = talk(40002).at(80.0).asks("hello\n").unaccepted();
        pair().another_client().talk(talk(40001).healthy()).talk(late).hangs()
    }

    #[test]
    fn after_its_first_client_the_server_accepts_nobody() {
        let found = one_served().fires("accept-loop-ended");
        assert_eq!((found.side, found.confidence), (Side::Server, Confidence::Proven));
        assert_eq!(one_served().verdict().fault.as_deref(), Some("accept-loop-ended"));
    }

    #[test]
    fn a_server_that_closes_what_it_listens_on_serves_nobody_else() {
        let refused = |code: i32| {
            let again = dial(40002, SERVER).syn(150.0).refused(150.1);
            let mut stage = pair().talk(talk(40001).healthy()).talk(again).exits(Role::Client, 160.0, How::Code(code));
            stage.snapshots().iter_mut().skip(1).for_each(|snapshot| snapshot.sockets.clear());
            stage.frozen(200.0)
        };
        let found = refused(1).fires("accept-loop-ended");
        assert_eq!((found.side, found.confidence), (Side::Server, Confidence::Likely));
        assert_eq!(refused(1).verdict().fault.as_deref(), Some("accept-loop-ended"));
        let reset = talk(40002).at(150.0).asks("hello\n").resets(Role::Server);
        let mut waited = pair().talk(talk(40001).healthy()).talk(reset).exits(Role::Client, 180.0, How::Code(1));
        waited.snapshots().iter_mut().skip(1).for_each(|snapshot| snapshot.sockets.clear());
        assert_eq!(waited.frozen(200.0).verdict().fault.as_deref(), Some("accept-loop-ended"));
        refused(0).silent("accept-loop-ended");
        refused(1).exits(Role::Server, 140.0, How::Code(0)).silent("accept-loop-ended");
    }

    #[test]
    fn a_server_that_still_serves_somebody_may_serve_one_at_a_time() {
        let late = talk(40002).at(80.0).asks("hello\n").unaccepted();
        let stage = pair().another_client().talk(talk(40001).echoes("hi\n").open()).talk(late).hangs();
        assert!(stage.excludes("accept-loop-ended").contains("still with it"));
    }

    #[test]
    fn one_that_once_served_more_has_room() {
        let late = talk(40003).at(90.0).asks("hello\n").unaccepted();
        let left = talk(40002).echoes("ho\n").at(80.0).closes(Role::Client).closes(Role::Server);
        let stage = pair().talk(talk(40001).echoes("hi\n").open()).talk(left).talk(late).hangs();
        assert_eq!(stage.verdict().fault.as_deref(), Some("accept-loop-ended"));
    }

    #[test]
    fn a_server_that_never_accepted_anybody_has_another_fault() {
        pair().talk(talk(40001).asks("hello\n").unaccepted()).hangs().silent("accept-loop-ended");
        pair().talk(talk(40001).healthy()).silent("accept-loop-ended");
    }

    #[test]
    fn an_interrupted_recording_shows_no_absence() {
        assert_eq!(one_served().interrupted().cannot_tell("accept-loop-ended"), "programs");
    }

    #[test]
    fn cannot_tell_what_it_did_not_see() {
        assert_eq!(one_served().unseen("packets").unseen("sockets").cannot_tell("accept-loop-ended"), "packets");
    }
}
