//! What a check may demand beside a right exchange, read off the evidence. Each demand is met, certainly not met, or open:
//! what could not be seen is never a lost mark.

mod compare;
mod python;

use super::lab::{Check, ExitStatus};
use crate::evidence::{Conversation, Evidence, How, Output, Program, Role, Socket, SocketState, Stream, Transport};
use crate::report::cite;

/// A demand that was looked at.
pub enum Demand {
    /// It was met.
    Met,
    /// Certainly not met, and what was seen instead.
    Unmet(String),
    /// Certainly not met, what was seen instead, and what was measured.
    Exceeded { what: String, measured: String },
    /// It could not be seen, and why.
    Open(String),
}

/// What the check demands beside a right exchange, each looked at.
pub fn demands(check: &Check, evidence: &Evidence, beside: Option<&Evidence>) -> Vec<Demand> {
    let expect = &check.expect;
    let mut demands = Vec::new();
    if expect.exit.is_some() {
        demands.push(exits(check, evidence));
    }
    if expect.shows {
        demands.push(shows(check, evidence));
    } else if !expect.says.is_empty() {
        demands.push(says(check, evidence));
    }
    if expect.reads {
        demands.push(reads_to_the_end(evidence));
    }
    if expect.closes_idle {
        demands.push(closes_idle(evidence));
    }
    demands.extend(python::demands(check, evidence));
    demands.extend(compare::demands(expect, evidence, beside));
    if expect.releases {
        demands.push(releases(evidence));
    }
    if let Some(limit) = check.plan.interrupt_ms {
        demands.push(leaves_in_order(evidence, limit));
    }
    demands
}

/// The submission's programs.
pub fn own<'e>(check: &Check, evidence: &'e Evidence) -> impl Iterator<Item = &'e Program> + use<'e> {
    let plays = check.plays;
    let programs = evidence.programs.seen().map(|seen| seen.programs.iter()).unwrap_or_default();
    programs.filter(move |program| program.role == plays && !program.reference)
}

/// Whether it had not ended by itself.
pub fn is_running(program: &Program) -> bool {
    program.spawn_error.is_none() && program.exit.as_ref().is_none_or(|exit| exit.by_us)
}

/// Whether every program of the submission ended as it should.
pub fn exits(check: &Check, evidence: &Evidence) -> Demand {
    let seconds = evidence.setting.ended_at.ms_since(evidence.setting.clients_started.unwrap_or_default()) / 1e3;
    for program in own(check, evidence) {
        if is_running(program) {
            let patience = check.plan.patience_ms / 1000;
            let says = |how: &str| format!("The {} {how}: it needs a time-out, and an end.", check.plays);
            if seconds < patience as f64 {
                return Demand::Unmet(says("waited for ever"));
            }
            let what = says("had not ended in the time it was given");
            return Demand::Exceeded { what, measured: cite::time(seconds * 1e3) };
        }
        let status = program.exit.as_ref().map(|exit| exit.how);
        let fits = match (check.expect.exit, status) {
            (Some(ExitStatus::Zero), Some(how)) => how == How::Code(0),
            (Some(ExitStatus::NonZero), Some(how)) => how != How::Code(0),
            _ => true,
        };
        if let (false, Some(how)) = (fits, status) {
            let wanted = if check.expect.exit == Some(ExitStatus::Zero) { "status 0" } else { "a status other than 0" };
            return Demand::Unmet(format!("The {} {}; {wanted} was asked for.", check.plays, cite::ending(how)));
        }
    }
    Demand::Met
}

fn text(output: Option<&Output>) -> String {
    let Some(output) = output else { return String::new() };
    (String::from_utf8_lossy(&output.head.0) + String::from_utf8_lossy(&output.tail.0)).to_lowercase()
}

fn shows(check: &Check, evidence: &Evidence) -> Demand {
    let shown = |program: &Program| {
        let failed = program.exit.as_ref().is_some_and(|exit| !exit.by_us && exit.how != How::Code(0));
        failed || program.stderr.as_ref().is_some_and(|output| output.total > 0) || is_said(check, program)
    };
    if own(check, evidence).all(shown) {
        return Demand::Met;
    }
    Demand::Unmet(format!(
        "The {} met an error and kept it to itself: nothing on standard error, and it ended with status 0. Print what went \
         wrong on standard error, and end with another status.",
        check.plays
    ))
}

fn is_said(check: &Check, program: &Program) -> bool {
    let printed = text(program.stdout.as_ref()) + &text(program.stderr.as_ref());
    check.expect.says.iter().any(|words| printed.contains(&words.to_lowercase()))
}

fn says(check: &Check, evidence: &Evidence) -> Demand {
    if own(check, evidence).all(|program| is_said(check, program)) {
        return Demand::Met;
    }
    let wanted = check.expect.says.iter().map(|words| format!("{words:?}")).collect::<Vec<_>>().join(" or ");
    Demand::Unmet(format!("The {} did not print {wanted}.", check.plays))
}

/// Connections whose client has left are closed. One that is just being closed proves nothing; a leak keeps them all.
fn releases(evidence: &Evidence) -> Demand {
    let sockets = match evidence.sockets.seen() {
        Ok(sockets) => sockets,
        Err(gap) => return Demand::Open(format!("The socket table could not be read: {}.", gap.why)),
    };
    let is_servers = |row: &&Socket| row.owners.iter().any(|owner| owner.role == Some(Role::Server));
    let kept = |row: &&Socket| row.transport == Transport::Tcp && row.state == SocketState::CloseWait;
    let rows = sockets.snapshots.last().map(|last| last.sockets.iter()).unwrap_or_default();
    let kept = rows.filter(is_servers).filter(kept).count();
    let clients = evidence.packets.seen().map(|packets| packets.conversations.len()).unwrap_or_default();
    if kept > 0 && kept * 2 >= clients {
        return Demand::Unmet(
            "The server keeps the connections of clients that have left (CLOSE-WAIT). Close each one when its client has \
             closed: a server that runs for long has no descriptors left otherwise."
                .to_owned(),
        );
    }
    Demand::Met
}

fn leaves_in_order(evidence: &Evidence, limit: u64) -> Demand {
    let Some(farewell) = &evidence.farewell else {
        return Demand::Unmet("The server had ended before it was interrupted (Ctrl-C).".to_owned());
    };
    if farewell.exit.is_none() {
        let what = format!("The server still ran {limit} ms after Ctrl-C (SIGINT).");
        return Demand::Exceeded { what, measured: cite::time(farewell.limit_ms as f64) };
    }
    if text(Some(&farewell.stderr)).contains("traceback (most recent call last)") {
        return Demand::Unmet(
            "On Ctrl-C (SIGINT) the server ended with a traceback. Catch KeyboardInterrupt around the whole program, or \
             handle SIGINT, and close what is open."
                .to_owned(),
        );
    }
    Demand::Met
}

/// A client that closes while its reply is still coming makes its kernel reset the connection.
fn reads_to_the_end(evidence: &Evidence) -> Demand {
    let conversations = match evidence.packets.seen() {
        Ok(packets) => &packets.conversations,
        Err(gap) => return Demand::Open(format!("The packets could not be seen: {}.", gap.why)),
    };
    let leaves_a_rest = |conversation: &Conversation| {
        let (sent, received) = (&conversation.sent, &conversation.received);
        let left = [sent.fin, sent.rst].into_iter().flatten().min();
        received.total > 0 && sent.rst.is_some() && (left < received.last || received.total < sent.total)
    };
    if conversations.iter().any(leaves_a_rest) {
        return Demand::Unmet(
            "The client took a part of its reply for the whole and closed the connection while the rest was coming. Read until \
             the reply is complete (its newline, its length): one recv returns what has come by then.\n\
             More about it: netdiag explain client-one-recv-per-message"
                .to_owned(),
        );
    }
    Demand::Met
}

/// The server ends the connection of a client that stays and says nothing more.
fn closes_idle(evidence: &Evidence) -> Demand {
    let conversations = match evidence.packets.seen() {
        Ok(packets) => &packets.conversations,
        Err(gap) => return Demand::Open(format!("The packets could not be seen: {}.", gap.why)),
    };
    let first = |stream: &Stream| [stream.fin, stream.rst].into_iter().flatten().min();
    let stays = |conversation: &&Conversation| match (first(&conversation.received), first(&conversation.sent)) {
        (None, _) => true,
        (Some(server), Some(client)) => client < server,
        (Some(_), None) => false,
    };
    let answered = conversations.iter().filter(|conversation| conversation.received.total > 0);
    if answered.filter(stays).count() > 0 {
        return Demand::Unmet(
            "The server kept the connection of a client that had gone quiet until that left. Wait for input with a time limit \
             (asyncio.wait_for, settimeout, the time-out of select), and close the connection when it is over."
                .to_owned(),
        );
    }
    Demand::Met
}

#[cfg(test)]
mod tests;
