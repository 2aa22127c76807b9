//! Turns what was recorded of one check into its outcome, and says why, for the student.
//!
//! A submission loses points only where the verdict names its own side, or where what was demanded was certainly not there.
//! Whatever is open stays open: it goes to a person.

use std::fmt::Write as _;
use std::net::{SocketAddr, ToSocketAddrs};

use super::lab::{Check, ExitStatus};
use super::results::{Outcome, Verdict};
use super::steady::told;
use crate::diagnosis::{Diagnosis, Side};
use crate::evidence::{Evidence, Exceptions, How, Observed, Output, Program, Role, Socket, SocketState, Transport};
use crate::report::cite;

/// What came of a check.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// How it ended.
    pub outcome: Outcome,
    /// The share of its points, 0 to 1.
    pub share: f64,
    /// For the student.
    pub feedback: String,
    /// For a person who has to look, if one has to.
    pub review: Option<String>,
    /// The diagnosis behind it.
    pub verdict: Option<Verdict>,
}

/// A demand that was looked at.
enum Demand {
    Met,
    /// Certainly not met, and what was seen instead.
    Unmet(String),
    /// It could not be seen, and why.
    Open(String),
}

/// Judges one recording.
#[must_use]
pub fn judge(check: &Check, evidence: &Evidence, diagnosis: &Diagnosis) -> Judged {
    let verdict = Some(told(check, evidence, diagnosis));
    if let Some(what) = &evidence.exceeded {
        return unmet(format!("The {} was ended, because {what}.", check.plays), verdict);
    }
    let own = side(check.plays);
    if check.expect.listens {
        return listening(check, evidence, diagnosis, verdict);
    }
    match diagnosis.verdict.side {
        Side::None => demanded(check, evidence, verdict),
        found if found == own => failed(check, diagnosis, verdict),
        found if check.staged && (found == side(check.plays.partner()) || found == Side::Environment) => {
            demanded(check, evidence, verdict)
        }
        found => open(check, evidence, found, verdict),
    }
}

fn side(role: Role) -> Side {
    match role {
        Role::Server => Side::Server,
        Role::Client => Side::Client,
    }
}

fn passed(verdict: Option<Verdict>) -> Judged {
    Judged { outcome: Outcome::Passed, share: 1.0, feedback: "As asked.".to_owned(), review: None, verdict }
}

fn unmet(feedback: String, verdict: Option<Verdict>) -> Judged {
    Judged { outcome: Outcome::Failed, share: 0.0, feedback, review: None, verdict }
}

fn undecided(check: &Check, why: &str, verdict: Option<Verdict>) -> Judged {
    Judged {
        outcome: Outcome::Undecided,
        share: 1.0,
        feedback: format!("Not decided yet; a person will look at it. {why}"),
        review: Some(format!("{}: {why}", check.id)),
        verdict,
    }
}

/// The verdict blames the submission.
fn failed(check: &Check, diagnosis: &Diagnosis, verdict: Option<Verdict>) -> Judged {
    let share = diagnosis.verdict.fault.as_ref().and_then(|fault| check.partial.get(fault)).copied().unwrap_or(0.0);
    let feedback = verdict.as_ref().map(feedback).unwrap_or_default();
    let outcome = if share > 0.0 { Outcome::Partly } else { Outcome::Failed };
    Judged { outcome, share, feedback, review: None, verdict }
}

fn feedback(verdict: &Verdict) -> String {
    let mut text = verdict.summary.clone();
    if let Some((file, line)) = &verdict.at {
        let _ = write!(text, "\nWhere: {file}, line {line}.");
    }
    if let Some(fix) = &verdict.fix {
        let _ = write!(text, "\nWhat to do: {fix}");
    }
    if let Some(fault) = &verdict.fault {
        let _ = write!(text, "\nMore about it: netdiag explain {fault}");
    }
    text
}

/// The exchange is as it should be, or fails through the partner that was told to: what else is demanded decides.
fn demanded(check: &Check, evidence: &Evidence, verdict: Option<Verdict>) -> Judged {
    let mut why_open = None;
    for demand in demands(check, evidence) {
        match demand {
            Demand::Met => {}
            Demand::Unmet(what) => return unmet(what, verdict),
            Demand::Open(why) => why_open = Some(why),
        }
    }
    match why_open {
        Some(why) => undecided(check, &why, verdict),
        None => passed(verdict),
    }
}

/// Nobody, both, or a reference that did what it should: nothing that may cost points, unless a program that had to end
/// was seen not to.
fn open(check: &Check, evidence: &Evidence, found: Side, verdict: Option<Verdict>) -> Judged {
    if check.staged
        && check.expect.exit.is_some()
        && let Demand::Unmet(what) = exits(check, evidence)
        && own(check, evidence).any(is_running)
    {
        return unmet(what, verdict);
    }
    // Its end with an error may be what was asked for; whether it is, the demands say, as long as it was put to it at all.
    if check.staged && found == Side::Unknown && was_put_to_it(evidence) {
        return demanded(check, evidence, verdict);
    }
    let said = verdict.as_ref().map(|verdict| verdict.summary.clone()).unwrap_or_default();
    let why = match found {
        Side::Unknown => said,
        Side::Both => format!("Both sides were found at fault. {said}"),
        Side::Environment => format!("Neither side was found at fault, but what is around them. {said}"),
        _ => format!("The reference was found at fault, which was told to behave. {said}"),
    };
    undecided(check, &why, verdict)
}

/// Whether the client came as far as the partner that misbehaves: it asked, or was refused at the documented port.
fn was_put_to_it(evidence: &Evidence) -> bool {
    let address = evidence.contract.address.as_ref().map(|term| term.value.as_str()).unwrap_or_default();
    let port = address.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
    evidence.packets.seen().is_ok_and(|packets| {
        packets.conversations.iter().any(|conversation| {
            Some(conversation.listener.port()) == port
                && (conversation.sent.total > 0 || conversation.refused.is_some())
        })
    })
}

fn demands(check: &Check, evidence: &Evidence) -> Vec<Demand> {
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
    if expect.releases {
        demands.push(releases(evidence));
    }
    if expect.asyncio {
        demands.push(runs_asyncio(check, evidence));
    }
    if let Some(limit) = check.plan.interrupt_ms {
        demands.push(leaves_in_order(evidence, limit));
    }
    demands
}

/// The submission's programs.
fn own<'e>(check: &Check, evidence: &'e Evidence) -> impl Iterator<Item = &'e Program> + use<'e> {
    let plays = check.plays;
    let programs = evidence.programs.seen().map(|seen| seen.programs.iter()).unwrap_or_default();
    programs.filter(move |program| program.role == plays && !program.reference)
}

fn is_running(program: &Program) -> bool {
    program.spawn_error.is_none() && program.exit.as_ref().is_none_or(|exit| exit.by_us)
}

fn exits(check: &Check, evidence: &Evidence) -> Demand {
    let seconds = evidence.setting.ended_at.ms_since(evidence.setting.clients_started.unwrap_or_default()) / 1e3;
    for program in own(check, evidence) {
        if is_running(program) {
            let patience = check.plan.patience_ms / 1000;
            let how =
                if seconds < patience as f64 { "waited for ever" } else { "had not ended in the time it was given" };
            return Demand::Unmet(format!("The {} {how}: it needs a time-out, and an end.", check.plays));
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

fn runs_asyncio(check: &Check, evidence: &Evidence) -> Demand {
    // The loop is looked for when the recording is frozen; a program that has gone by then shows none.
    if !own(check, evidence).all(is_running) {
        return Demand::Open("The server had ended before it could be looked into.".to_owned());
    }
    let Observed::Seen(seen) = &evidence.exceptions else {
        return Demand::Open("Nothing could be seen inside the program.".to_owned());
    };
    let is_traced = seen.tracers.iter().any(|tracer| tracer.role == Role::Server);
    if !is_traced {
        return Demand::Open("Nothing could be seen inside the program; it may be no Python program.".to_owned());
    }
    if has_loop(seen) {
        return Demand::Met;
    }
    Demand::Unmet("No asyncio event loop ran in the server while it waited for clients.".to_owned())
}

fn has_loop(seen: &Exceptions) -> bool {
    const ENTRIES: [&str; 4] = ["run_forever", "run_until_complete", "asyncio.run", ".run("];
    seen.stacks.iter().filter(|stack| stack.role == Role::Server).any(|stack| {
        let enters = |source: &str| ENTRIES.iter().any(|entry| source.contains(entry));
        let in_loop = stack.within.starts_with("selectors.") || stack.within.starts_with("asyncio.");
        stack.of.starts_with("task ") || (in_loop && stack.frames.last().is_some_and(|frame| enters(&frame.source)))
    })
}

fn leaves_in_order(evidence: &Evidence, limit: u64) -> Demand {
    let Some(farewell) = &evidence.farewell else {
        return Demand::Unmet("The server had ended before it was interrupted (Ctrl-C).".to_owned());
    };
    if farewell.exit.is_none() {
        return Demand::Unmet(format!("The server still ran {limit} ms after Ctrl-C (SIGINT)."));
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

/// Only whether it listens where it should is asked.
fn listening(check: &Check, evidence: &Evidence, diagnosis: &Diagnosis, verdict: Option<Verdict>) -> Judged {
    let sockets = match evidence.sockets.seen() {
        Ok(sockets) => sockets,
        Err(gap) => return undecided(check, &format!("The socket table could not be read: {}.", gap.why), verdict),
    };
    let address = evidence.contract.address.as_ref().map(|term| term.value.clone()).unwrap_or_default();
    let wanted: Vec<SocketAddr> = address.to_socket_addrs().map(Iterator::collect).unwrap_or_default();
    let transport = evidence.contract.transport.as_ref().map_or(Transport::Tcp, |term| term.value);
    let listens = |row: &Socket| {
        let waits = row.state == SocketState::Listen || (transport == Transport::Udp && row.remote.is_none());
        let reached = wanted.iter().any(|wanted| {
            let ip = row.local.ip();
            row.local.port() == wanted.port() && (ip == wanted.ip() || ip.is_unspecified())
        });
        let is_servers = row.owners.iter().any(|owner| owner.role == Some(Role::Server));
        row.transport == transport && waits && reached && is_servers
    };
    if sockets.snapshots.iter().flat_map(|snapshot| &snapshot.sockets).any(listens) {
        return match demanded(check, evidence, verdict) {
            judged if check.expect.asyncio => judged,
            judged => passed(judged.verdict),
        };
    }
    if diagnosis.verdict.side == Side::Server {
        return failed(check, diagnosis, verdict);
    }
    let ended =
        own(check, evidence).find_map(|program| Some((program, program.exit.as_ref().filter(|exit| !exit.by_us)?)));
    let how = ended.map_or_else(String::new, |(program, exit)| {
        let head = program.stderr.as_ref().map(|output| output.head.0.clone()).unwrap_or_default();
        let words = cite::last_words(&head, &[]).map(|words| format!(", saying: {words}")).unwrap_or_default();
        format!(" It {}{words}.", cite::ending(exit.how))
    });
    unmet(format!("The server never listened at {address}.{how}"), verdict)
}

#[cfg(test)]
mod tests;
