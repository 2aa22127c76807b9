//! `client-failed`: the client ended with an error of its own, and nothing the server did explains it.

use super::{Call, Rule, Ruling, finding};
use crate::diagnosis::{Confidence, Finding, Part, Side};
use crate::evidence::Role;
use crate::facts::{Echo, Ended, Facts, Player};

pub(super) static RULE: Rule = Rule { name: "client-failed", explains: &[], check };

fn check(facts: &Facts) -> Ruling {
    let clients = facts.players(Role::Client)?;
    let Some(client) = clients.iter().find(|client| client.failed()) else { return Ok(Call::Silent) };
    let how = match client.ended {
        Ended::Exited(status) => format!("exited with status {status}"),
        Ended::Killed(signal) => format!("was ended by signal {signal}"),
        Ended::NeverStarted => format!(
            "could not be started: {}",
            client.program.spawn_error.as_deref().unwrap_or("the system gave no reason")
        ),
        Ended::Running => return Ok(Call::Silent),
    };
    let answered = facts.exchanges().is_ok_and(|exchanges| {
        !exchanges.is_empty() && exchanges.iter().all(|(_, e)| matches!(e.echo, Echo::Right | Echo::NothingAsked))
    });
    let nothing_tried = facts.dials().is_ok_and(<[crate::facts::Dial]>::is_empty);
    if answered && client.complained() == Some(false) && matches!(client.ended, Ended::Exited(_)) {
        // Some programs answer a question with their exit status; without a word of complaint this may be one.
        return contributing(client, &how).fires();
    }
    // Its failure may be the right reaction to what the server did; only where nothing is left to react to is it its own.
    let (side, sure) = match facts.exchanges() {
        _ if client.was_ended_from_outside() => (Side::Unknown, Confidence::Possible),
        _ if answered || nothing_tried => (Side::Client, Confidence::Likely),
        Ok(_) => (Side::Unknown, Confidence::Possible),
        Err(gap) => return Err(gap),
    };
    let words = client.last_words().map(|words| format!(" Its last words: {}", words.escaped())).unwrap_or_default();
    let context = if answered { " although everything it asked was answered rightly" } else { "" };
    finding(&RULE, side, sure, format!("The client {how}{context}.{words}"))
        .because([client.reference()])
        .at(facts.line_of_failure(Role::Client))
        .fix("Read the client's own error message; it names what went wrong and where.")
        .fires()
}

fn contributing(client: &Player, how: &str) -> Finding {
    let statement = format!("The client {how} without a word, although everything it asked was answered rightly.");
    let mut found = finding(&RULE, Side::Client, Confidence::Possible, statement)
        .because([client.reference()])
        .fix("If that status is meant as an answer, nothing is wrong; else let the client say what it misses.");
    found.role = Part::Contributing;
    found
}
