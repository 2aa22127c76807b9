//! `swallowed-exception`: an error was raised, caught, and shown to nobody.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Finding, Part, Side};
use crate::evidence::{Action, Bytes, Ending, Frame, Raised, Role};
use crate::facts::{Echo, Ended, Facts};

pub(super) static RULE: Rule = Rule {
    name: "swallowed-exception",
    symptoms: &[Symptom::Hangs, Symptom::Refused],
    sides: &[Side::Client, Side::Server],
    shown_by: "which exception was raised, and that nobody was told",
    seen_in: &[Look::Exceptions, Look::Contents],
    over: None,
    explains: &["missing-reply", "early-close", "silent-client", "truncated-reply", "unread-request", "client-failed"],
    check,
};

fn check(facts: &Facts) -> Ruling {
    let something_failed = something_failed(facts);
    for role in [Role::Server, Role::Client] {
        let Ok(raised) = facts.exceptions(role) else { continue };
        let silent = raised.iter().rev().filter(|(_, raised)| raised.action == Action::Silent && !is_an_ordinary_end(raised));
        let hid_it = |raised: &Raised| is_of_the_network(raised) && role == Role::Client && hid_a_refusal(facts);
        let found = silent.into_iter().find(|(_, one)| hid_it(one) || explains_the_failure(facts, role, one, &raised));
        if let Some((index, raised)) = found {
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
    // When it was whose turn, the packets tell.
    facts.looked(Look::Contents)?;
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

/// Programs catch exceptions in silence all the time and rightly so: a missing module, an empty queue, an expired wait.
/// One explains a failure only if it was raised when it was its program's turn, and not already before.
fn explains_the_failure(facts: &Facts, role: Role, raised: &Raised, all: &[(usize, &Raised)]) -> bool {
    let Ok(exchanges) = facts.exchanges() else { return false };
    // A client that never asked may have failed before it connected.
    let turn_began = exchanges.iter().filter_map(|(talk, exchange)| match (role, &exchange.echo) {
        (Role::Server, Echo::Nothing | Echo::Short { .. }) => talk.request().ok()?.first,
        (Role::Client, Echo::NothingAsked) => Some(talk.began),
        (Role::Client, Echo::Pending) if facts.still_waiting() => Some(talk.began),
        _ => None,
    });
    let Some(turn_began) = turn_began.min() else { return false };
    let habit = all.iter().any(|(_, other)| {
        other.at < turn_began && other.kind == raised.kind && other.frames.last() == raised.frames.last()
    });
    raised.at >= turn_began && !habit
}

fn hid_a_refusal(facts: &Facts) -> bool {
    facts.refused_dial().is_ok_and(|dial| dial.is_some())
}

/// Exceptions with which Python says that something is over, or not installed. Taking them quietly is their use.
fn is_an_ordinary_end(raised: &Raised) -> bool {
    const ORDINARY: &[&str] = &[
        "EOFError", "KeyboardInterrupt", "StopIteration", "StopAsyncIteration", "GeneratorExit", "SystemExit",
        "CancelledError", "ImportError", "ModuleNotFoundError",
    ];
    ORDINARY.contains(&raised.kind.as_str())
}

/// Errors that the other side or the machine causes. Swallowing one hides the cause; it is not the cause.
fn is_of_the_network(raised: &Raised) -> bool {
    raised.errno.is_some()
        || ["Connection", "Timeout", "IncompleteRead", "BrokenPipe"].iter().any(|word| raised.kind.contains(word))
}

/// A program that may still come back by itself may yet do what is missing.
fn certainty(facts: &Facts, role: Role) -> Confidence {
    let may_come_back = matches!(facts.evidence.setting.ended, Ending::Idle | Ending::DeadlinePassed)
        && facts.players(role).is_ok_and(|players| players.iter().any(|player| player.is_running() && !player.waits_for_ever()));
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

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Part, Side};
    use crate::evidence::{Action, How, Role};
    use crate::facts::staged::{SERVER, Stage, dial, pair, talk};

    fn unanswered() -> Stage {
        pair().talk(talk(40001).asks("hello\n").open()).hangs()
    }

    #[test]
    fn the_server_hid_what_kept_it_from_answering() {
        let stage = unanswered().raised(Role::Server, 50.9, "KeyError", Action::Silent);
        let found = stage.fires("swallowed-exception");
        assert_eq!((found.side, found.role), (Side::Server, Part::Cause));
        assert!(found.statement.contains("server.py:7"), "{}", found.statement);
        assert_eq!(stage.verdict().fault.as_deref(), Some("swallowed-exception"));
    }

    #[test]
    fn the_client_hid_what_kept_it_from_asking() {
        let stage = pair().talk(talk(40001).open()).hangs().raised(Role::Client, 51.0, "TypeError", Action::Silent);
        assert_eq!(stage.fires("swallowed-exception").side, Side::Client);
        assert_eq!(stage.verdict().side, Side::Client);
    }

    #[test]
    fn a_hidden_refusal_contributes_and_its_cause_is_elsewhere() {
        let stage = pair().talk(dial(40001, "127.0.0.1:12435").syn(50.0).refused(50.1));
        let traced = stage.clone().raised(Role::Client, 51.0, "ConnectionRefusedError", Action::Silent);
        assert_eq!(traced.fires("swallowed-exception").role, Part::Contributing);
        assert_eq!(traced.verdict().fault.as_deref(), Some("wrong-port"));
        assert_eq!(stage.fires("swallowed-exception").role, Part::Contributing);
        stage.complains(Role::Client, "refused\n").silent("swallowed-exception");
    }

    #[test]
    fn a_client_that_caught_its_own_time_out_does_not_excuse_the_server() {
        let stage = pair().talk(talk(40001).asks("hello\n").after(20.0).closes(Role::Client).open());
        let stage = stage.raised(Role::Client, 72.0, "TimeoutError", Action::Silent);
        assert_eq!(stage.verdict().side, Side::Server);
        let hidden = unanswered().raised(Role::Server, 51.0, "ConnectionResetError", Action::Silent);
        assert_eq!(hidden.fires("swallowed-exception").role, Part::Contributing);
        assert_eq!(hidden.verdict().fault.as_deref(), Some("missing-reply"));
    }

    #[test]
    fn an_optional_module_that_is_missing_explains_nothing() {
        let stage = unanswered().raised(Role::Server, 12.0, "ModuleNotFoundError", Action::Silent);
        assert!(stage.excludes("swallowed-exception").contains("no exception"));
        let stage = unanswered().raised(Role::Client, 42.0, "ModuleNotFoundError", Action::Silent).raised(
            Role::Server, 12.0, "ModuleNotFoundError", Action::Silent,
        );
        stage.excludes("swallowed-exception");
        assert_eq!(stage.verdict().side, Side::Server);
    }

    #[test]
    fn an_exception_of_every_round_is_a_habit() {
        let stage = unanswered().raised(Role::Server, 45.0, "Empty", Action::Silent);
        let stage = stage.raised(Role::Server, 55.0, "Empty", Action::Silent);
        assert!(stage.excludes("swallowed-exception").contains("no exception"));
    }

    #[test]
    fn a_server_that_is_owed_the_rest_of_a_line_is_not_accused_of_its_habits() {
        let stage = pair().talk(talk(40001).asks("hello").open()).hangs();
        let stage = stage.raised(Role::Server, 60.0, "queue.Empty", Action::Silent);
        stage.excludes("swallowed-exception");
        assert_eq!(stage.verdict().side, Side::Client);
    }

    #[test]
    fn what_was_reported_or_dealt_with_was_not_swallowed() {
        for action in [Action::Reported, Action::Handled, Action::Reraised, Action::Uncaught] {
            unanswered().raised(Role::Server, 51.0, "KeyError", action).excludes("swallowed-exception");
        }
    }

    #[test]
    fn a_pair_that_did_well_may_catch_what_it_likes() {
        let stage = pair().talk(talk(40001).healthy()).raised(Role::Server, 51.0, "KeyError", Action::Silent);
        stage.silent("swallowed-exception");
        assert_eq!(stage.verdict().side, Side::None);
    }

    #[test]
    fn cannot_tell_without_exceptions() {
        assert_eq!(unanswered().cannot_tell("swallowed-exception"), "exceptions");
        let only_the_client = unanswered().raised(Role::Client, 51.0, "KeyError", Action::Reported);
        assert_eq!(only_the_client.cannot_tell("swallowed-exception"), "exceptions");
        let refused = pair().talk(dial(40001, SERVER).syn(50.0).refused(50.1)).exits(Role::Client, 60.0, How::Code(1));
        refused.silent("swallowed-exception");
    }
}
