//! `close-wait-leak`: the server keeps the connections of clients that have left, until it has no descriptor any more.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Finding, Side};
use crate::evidence::{Gap, Reach, Role, SocketState, Transport};
use crate::facts::{Echo, Facts};
use crate::facts::complaint::Complaint;

pub(super) static RULE: Rule = Rule {
    name: "close-wait-leak",
    symptoms: &[Symptom::WorksOnce, Symptom::Dies, Symptom::SomeClients],
    sides: &[Side::Server],
    shown_by: "how many connections of clients that have left the server keeps (CLOSE-WAIT)",
    seen_in: &[Look::Sockets, Look::Owners, Look::Waits, Look::Contents],
    over: Some(Transport::Tcp),
    explains: &[
        "leak-per-client",
        "accept-fails-emfile",
        "server-crashed",
        "accept-loop-ended",
        "never-accepts",
        "connection-refused",
        "early-close",
        "reset",
        "missing-reply",
        "client-gives-up-early",
        "client-failed",
    ],
    check,
};

const FIX: &str = "Close the connection on every way out of its handler: end of file, error and time-out (`with conn:`, `finally`).";

/// One connection may be kept until the variable that holds it is used again; that does not grow.
const SEVERAL: usize = 3;
/// A server by itself is not accused for less, nor for a part of its connections.
const MANY: usize = 8;

fn check(facts: &Facts) -> Ruling {
    if let Some(found) = end_never_comes(facts)? {
        return found.fires();
    }
    let forgotten = facts.forgotten()?;
    if forgotten.len() < SEVERAL {
        return Ok(Call::Silent);
    }
    let finished = finished(facts);
    if facts.is_alone() && (forgotten.len() < MANY || forgotten.len() * 10 < finished * 8) {
        return Ok(Call::Silent);
    }
    let ran_out = facts.full_table().is_ok_and(|full| full.is_some())
        || facts.ended_complaining(Role::Server, Complaint::TooManyFiles).is_some();
    finding(
        &RULE,
        Side::Server,
        if ran_out { Confidence::Proven } else { Confidence::Likely },
        format!(
            "The server still held {} connections whose clients had closed them (CLOSE_WAIT): it does not close after the end \
             of file, and their number grows with every client.",
            forgotten.len()
        ),
    )
    .because(forgotten.iter().take(3).map(|one| one.reference.clone()))
    .contributing(!ran_out && !facts.is_alone())
    .at(facts.only_line(Role::Server, |text| &text.receives))
    .fix(FIX)
    .fires()
}

/// A client that has half-closed has its whole reply, and waits for an end that the server does not send.
fn end_never_comes(facts: &Facts) -> Result<Option<Finding>, Gap> {
    if !facts.still_waiting() || facts.is_alone() {
        return Ok(None);
    }
    let Ok(exchanges) = facts.exchanges() else { return Ok(None) };
    let waits = exchanges.iter().find(|(talk, exchange)| {
        let end = talk.server_end.as_ref();
        let kept = end.is_some_and(|end| end.state == SocketState::CloseWait && end.is_held == Some(true));
        let read = end.is_some_and(|end| end.unread == Some(0) && end.unsent == Some(0));
        let there = talk.client_end.as_ref().is_some_and(|end| end.is_held == Some(true) && end.unread == Some(0));
        exchange.echo == Echo::Right && kept && read && there && talk.ended_by(Role::Server).is_none()
    });
    let Some((talk, _)) = waits else { return Ok(None) };
    facts.is_final(talk, Role::Server)?;
    let found = finding(
        &RULE,
        Side::Server,
        if facts.hang_proven() { Confidence::Proven } else { Confidence::Likely },
        format!(
            "The client at {} has its whole reply and has closed its side; the server keeps the connection open (CLOSE_WAIT), \
             so the end that the client waits for never comes.",
            talk.client
        ),
    );
    let found = found.because(talk.references()).because(talk.closing_references(Role::Client));
    Ok(Some(found.at(facts.only_line(Role::Server, |text| &text.receives)).fix(FIX)))
}

/// How many clients came and left.
fn finished(facts: &Facts) -> usize {
    if facts.is_alone() {
        let probes = facts.evidence.probes.seen().map(|seen| seen.probes.as_slice()).unwrap_or_default();
        return probes.iter().filter(|p| p.reach == Reach::Connected && p.transport == Transport::Tcp).count();
    }
    facts.talks().map_or(0, |talks| talks.iter().filter(|talk| talk.fin(Role::Client).is_some()).count())
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Part, Side};
    use crate::evidence::{How, Limit, Role};
    use crate::facts::staged::{SERVER, Stage, Talk, dial, pair, talk};

    /// A client that got its answer and left; the server keeps its end.
    fn kept(from: u16) -> Talk {
        let mut talk = talk(from).echoes("hello\n").closes(Role::Client).open();
        talk.rows.truncate(1);
        talk
    }

    fn left(clients: u16) -> Stage {
        let stage = pair().waits(Role::Server, "accept4", Limit::Forever);
        (0..clients).fold(stage, |stage, n| stage.talk(kept(40001 + n))).frozen(300.0)
    }

    #[test]
    fn what_clients_have_left_stays_with_the_server() {
        let found = left(4).fires("close-wait-leak");
        assert_eq!((found.side, found.role), (Side::Server, Part::Contributing));
        assert!(found.statement.contains("4 connections"));
        assert_eq!(left(4).verdict().side, Side::None, "everybody was served");
    }

    #[test]
    fn without_descriptors_it_is_the_cause() {
        let mut stage = left(4).exits(Role::Server, 250.0, How::Code(1));
        stage.snapshots()[0].sockets = stage.snapshots()[1].sockets.clone();
        let stage = stage.complains(Role::Server, "OSError: [Errno 24] Too many open files\n");
        assert_eq!(stage.fires("close-wait-leak").role, Part::Cause);
        assert_eq!(stage.verdict().fault.as_deref(), Some("close-wait-leak"));
    }

    #[test]
    fn a_connection_in_a_variable_is_closed_when_the_next_one_comes() {
        left(1).silent("close-wait-leak");
    }

    #[test]
    fn a_server_that_is_about_to_close_is_given_the_time() {
        let stage = left(4).waits(Role::Server, "epoll_wait", Limit::Timed);
        stage.frozen(60.0).silent("close-wait-leak");
    }

    #[test]
    fn a_client_that_waits_for_the_end_in_vain() {
        let stage = pair().talk(talk(40001).asks("hello\n").closes(Role::Client).answers("hello\n").open()).hangs();
        let found = stage.fires("close-wait-leak");
        assert_eq!((found.side, found.role), (Side::Server, Part::Cause));
        assert_eq!(stage.verdict().fault.as_deref(), Some("close-wait-leak"));
        let session = pair().talk(talk(40001).echoes("hello\n").open()).hangs();
        session.silent("close-wait-leak");
    }

    #[test]
    fn packets_alone_show_what_a_dead_server_had_kept() {
        let stage = (0..8_u16).fold(pair(), |stage, n| {
            stage.talk(dial(40001 + n, SERVER).connected(60.0 + 2.0 * f64::from(n)).echoes("hello\n").closes(Role::Client))
        });
        let stage = stage.exits(Role::Server, 80.0, How::Code(1));
        let stage = stage.complains(Role::Server, "OSError: [Errno 24] Too many open files\n");
        assert_eq!(stage.fires("close-wait-leak").role, Part::Cause);
    }

    #[test]
    fn clients_that_only_half_closed_are_still_there() {
        let there = |from| talk(from).echoes("hello\n").closes(Role::Client).open();
        let stage = pair().waits(Role::Server, "accept4", Limit::Forever).talk(there(40001)).talk(there(40002));
        stage.talk(there(40003)).frozen(300.0).silent("close-wait-leak");
    }

    #[test]
    fn cannot_tell_without_the_socket_table() {
        assert_eq!(left(4).unseen("sockets").cannot_tell("close-wait-leak"), "sockets");
    }
}
