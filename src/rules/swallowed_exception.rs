//! `swallowed-exception`: an error was raised, caught, and shown to nobody.

use super::{Call, Rule, Ruling, finding};
use crate::diagnosis::{Confidence, Finding, Part, Side};
use crate::evidence::{Action, Bytes, Ending, Frame, Raised, Role};
use crate::facts::{Echo, Ended, Facts, Player};

pub(super) static RULE: Rule = Rule {
    name: "swallowed-exception",
    explains: &["missing-reply", "early-close", "silent-client", "truncated-reply", "unread-request", "client-failed"],
    check,
};

fn check(facts: &Facts) -> Ruling {
    let something_failed = something_failed(facts);
    for role in [Role::Server, Role::Client] {
        let Ok(raised) = facts.exceptions(role) else { continue };
        let silent = raised
            .iter()
            .rev()
            .find(|(_, raised)| raised.action == Action::Silent && (!something_failed || is_in_time(facts, raised, role)));
        if let Some((index, raised)) = silent
            && (something_failed || is_of_the_network(raised) && role == Role::Client && hid_a_refusal(facts))
        {
            return swallowed(*index, raised, role, certainty(facts, role)).fires();
        }
    }
    if let Some(finding) = quiet_refusal(facts) {
        return finding.fires();
    }
    if !something_failed {
        return Ok(Call::Silent);
    }
    facts.exceptions(Role::Server)?;
    super::ruled_out("no exception was caught in silence")
}

/// Whether some request got no right answer, or was never sent.
fn something_failed(facts: &Facts) -> bool {
    facts.exchanges().is_ok_and(|exchanges| {
        exchanges.iter().any(|(_, exchange)| {
            matches!(exchange.echo, Echo::Nothing | Echo::Short { .. })
                || facts.still_waiting() && matches!(exchange.echo, Echo::NothingAsked | Echo::Pending)
        })
    })
}

/// Whether the exception came late enough to have eaten what is missing. A server's that was caught before anybody had
/// connected (an optional import, a setting that is not there) cannot have; a client's may, if it never asked.
fn is_in_time(facts: &Facts, raised: &Raised, role: Role) -> bool {
    facts.exchanges().is_ok_and(|exchanges| {
        exchanges.iter().any(|(talk, exchange)| match exchange.echo {
            Echo::Nothing | Echo::Short { .. } => raised.at >= talk.began,
            Echo::NothingAsked | Echo::Pending => role == Role::Client || raised.at >= talk.began,
            _ => false,
        })
    })
}

fn hid_a_refusal(facts: &Facts) -> bool {
    facts.refused_dial().is_ok_and(|dial| dial.is_some())
}

/// Errors that the other side or the machine causes. Swallowing one hides the cause; it is not the cause.
fn is_of_the_network(raised: &Raised) -> bool {
    raised.errno.is_some()
        || ["Connection", "Timeout", "IncompleteRead", "BrokenPipe"].iter().any(|word| raised.kind.contains(word))
}

/// A program that may still come back by itself may yet do what is missing.
fn certainty(facts: &Facts, role: Role) -> Confidence {
    let may_come_back = facts.evidence.setting.ended == Ending::DeadlinePassed
        && facts.players(role).is_ok_and(|players| players.iter().any(Player::may_move_by_itself));
    if may_come_back { Confidence::Likely } else { Confidence::Proven }
}

fn swallowed(index: usize, raised: &Raised, role: Role, sure: Confidence) -> Finding {
    let place = |frame: &Frame| format!("{}:{}", frame.file, frame.line);
    let origin = raised.frames.last();
    let text = Bytes::from(raised.message.as_str()).escaped();
    let caught = raised.caught.as_ref().map_or_else(String::new, |frame| {
        format!(", was caught at {} and shown to nobody", place(frame))
    });
    let from = origin.map(|frame| format!(" at {}", place(frame))).unwrap_or_default();
    let mut found = finding(
        &RULE,
        if role == Role::Server { Side::Server } else { Side::Client },
        sure,
        format!("In the {role}, {} ({text}) was raised{from}{caught}.", raised.kind),
    )
    .because([format!("exceptions:{index}")])
    .at(raised.caught.clone().or_else(|| origin.cloned()).map(|frame| (frame, role)))
    .fix("Catch only what you can handle; print or log the rest (`except Exception: traceback.print_exc(); raise`).");
    if is_of_the_network(raised) {
        found.role = Part::Contributing;
    }
    found
}

/// No exceptions need be seen to see that a client was refused and ended with status 0 without a word. It is proven when
/// that client's own call was seen to return the refusal; otherwise somebody else on the machine may have dialled.
fn quiet_refusal(facts: &Facts) -> Option<Finding> {
    let dial = facts.refused_dial().ok()??;
    let clients = facts.players(Role::Client).ok()?;
    let quiet = clients.iter().find(|client| {
        client.ended == Ended::Exited(0) && client.complained() == Some(false) && !client.said_something()
    })?;
    let told = facts.was_told_of_refusal(quiet.index, dial);
    let mut found = finding(
        &RULE,
        Side::Client,
        if told { Confidence::Proven } else { Confidence::Likely },
        format!("The client was refused by {} and ended with status 0 without a word: it hides the error.", dial.target),
    )
    .because([quiet.reference()])
    .because(dial.evidence.clone())
    .fix("Let the error be seen: print it on standard error and exit with a status other than 0.");
    found.role = Part::Contributing;
    Some(found)
}
