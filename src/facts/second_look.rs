//! Whether recording the same pair once more, with its socket calls traced, would tell more; and whether that second
//! recording shows the same pair doing the same.
//!
//! So a program that behaves is never traced at all, and one that behaves differently under a tracer changes nothing.

use super::{Ended, Facts};
use crate::evidence::{Ending, Evidence, How, Observed, Occasion, Output, Program, Programs, Role};

/// A recording that took longer, in milliseconds, is not repeated.
const WORTH_REPEATING_MS: f64 = 5000.0;

/// Whether calls would answer a question: which client was refused and what it made of that, or why a server that lives
/// does not listen where it is expected.
#[must_use]
pub fn would_tell_more(evidence: &Evidence) -> bool {
    evidence.setting.occasion == Occasion::Pair
        && evidence.setting.ended != Ending::Interrupted
        && evidence.setting.ended_at.ms() < WORTH_REPEATING_MS
        && evidence.calls.seen().is_err()
        && (refusal_is_hidden(evidence) || bind_is_hidden(evidence))
}

/// A client was refused, and neither its exceptions nor its own words show that it knew.
fn refusal_is_hidden(evidence: &Evidence) -> bool {
    let facts = Facts::derive(evidence);
    let Ok(clients) = facts.players(Role::Client) else { return false };
    let mute = |client: &super::Player| !client.program.reference && !client.said_something();
    facts.refused_dial().is_ok_and(|dial| dial.is_some())
        && facts.exceptions(Role::Client).is_err()
        && clients.iter().any(|client| client.ended != Ended::NeverStarted && mute(client))
}

/// A server lives, listens nowhere and does not say why.
fn bind_is_hidden(evidence: &Evidence) -> bool {
    let facts = Facts::derive(evidence);
    let server = facts.player(Role::Server).ok().flatten();
    facts.exceptions(Role::Server).is_err()
        && facts.server_listeners().is_ok_and(|listeners| listeners.is_empty())
        && server.is_some_and(|server| {
            server.is_running() && !server.program.reference && server.complained() == Some(false)
        })
}

/// Whether both recordings saw the same programs end in the same way, silent or not, and the recording itself too.
#[must_use]
pub fn agrees(first: &Evidence, second: &Evidence) -> bool {
    let (Observed::Seen(one), Observed::Seen(other)) = (&first.programs, &second.programs) else { return false };
    second.calls.seen().is_ok()
        && (first.setting.ended, first.setting.rung) == (second.setting.ended, second.setting.rung)
        && first.packets.seen().is_ok() == second.packets.seen().is_ok()
        && first.setting.server_ready.is_some() == second.setting.server_ready.is_some()
        && end_alike(one, other)
        && was_refused(first) == was_refused(second)
}

fn end_alike(one: &Programs, other: &Programs) -> bool {
    let alike = |(one, other): (&Program, &Program)| {
        ending(one) == ending(other)
            && one.spawn_error == other.spawn_error
            && is_silent(one.stdout.as_ref()) == is_silent(other.stdout.as_ref())
            && is_silent(one.stderr.as_ref()) == is_silent(other.stderr.as_ref())
    };
    one.programs.len() == other.programs.len() && one.programs.iter().zip(&other.programs).all(alike)
}

/// How it ended, unless netdiag ended it.
fn ending(program: &Program) -> Option<How> {
    program.exit.as_ref().filter(|exit| !exit.by_us).map(|exit| exit.how)
}

fn is_silent(output: Option<&Output>) -> bool {
    output.is_none_or(|output| output.total == 0)
}

/// Whether and on which transport a client was refused; ports may be drawn anew.
fn was_refused(evidence: &Evidence) -> Option<crate::evidence::Transport> {
    let facts = Facts::derive(evidence);
    facts.refused_dial().ok().flatten().map(|dial| dial.transport)
}
