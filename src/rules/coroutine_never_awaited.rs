//! `coroutine-never-awaited`: a coroutine was called and not awaited, so nothing of what it says ever happened.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::Role;
use crate::facts::{Echo, Facts};

pub(super) static RULE: Rule = Rule {
    name: "coroutine-never-awaited",
    symptoms: &[Symptom::Hangs],
    sides: &[Side::Server, Side::Client],
    shown_by: "which coroutines were created and never awaited",
    seen_in: &[Look::Exceptions, Look::Contents],
    over: None,
    explains: &[
        "missing-reply",
        "silent-client",
        "early-close",
        "truncated-reply",
        "unread-request",
        "one-at-a-time",
        "client-gives-up-early",
        "client-failed",
    ],
    check,
};

fn check(facts: &Facts) -> Ruling {
    let undone = [Role::Server, Role::Client].iter().any(|role| left_its_part_undone(facts, *role));
    let exceptions = match facts.evidence.exceptions.seen() {
        Ok(exceptions) => exceptions,
        Err(gap) if undone => return Err(gap),
        Err(_) => return Ok(Call::Silent),
    };
    let neglected = || exceptions.neglected.iter().enumerate().filter(|(_, one)| one.what == "never-awaited");
    let culprit = neglected().find(|(_, one)| left_its_part_undone(facts, one.role));
    let Some((index, one)) = culprit.or_else(|| neglected().next()) else { return Ok(Call::Silent) };
    finding(
        &RULE,
        if one.role == Role::Server { Side::Server } else { Side::Client },
        Confidence::Proven,
        format!("In the {}, the coroutine `{}` was made and never awaited: its body never ran.", one.role, one.name),
    )
    .because([format!("exceptions:neglected/{index}")])
    .contributing(culprit.is_none())
    .at(one.location.clone().map(|frame| (frame, one.role)))
    .fix("Put `await` before the call, or hand the coroutine to `asyncio.create_task` and keep the task.")
    .fires()
}

/// Whether something is missing that this side had to do.
fn left_its_part_undone(facts: &Facts, role: Role) -> bool {
    let Ok(exchanges) = facts.exchanges() else { return false };
    exchanges.iter().any(|(talk, exchange)| match role {
        Role::Server => matches!(exchange.echo, Echo::Nothing | Echo::Short { .. }),
        Role::Client => {
            matches!(exchange.echo, Echo::NothingAsked | Echo::Pending)
                && (facts.still_waiting() || facts.a_client_failed() || talk.asked_bytes() == Some(0))
        }
    })
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Part, Side};
    use crate::evidence::{Neglected, Role};
    use crate::facts::staged::{Stage, frame, ms, pair, talk};

    fn forgot(mut stage: Stage, role: Role) -> Stage {
        let neglected = Neglected {
            at: ms(52.0),
            role,
            program: usize::from(role == Role::Client),
            what: "never-awaited".to_owned(),
            name: "reply".to_owned(),
            exception: None,
            location: Some(frame("server.py", 9, "handle", "reply(writer, line)")),
        };
        stage.traced(role).neglected.push(neglected);
        stage
    }

    #[test]
    fn the_server_made_its_reply_and_never_awaited_it() {
        let stage = forgot(pair().talk(talk(40001).asks("hello\n").open()).hangs(), Role::Server);
        let found = stage.fires("coroutine-never-awaited");
        assert_eq!((found.side, found.role, found.location.map(|at| at.line)), (Side::Server, Part::Cause, Some(9)));
        assert_eq!(stage.verdict().fault.as_deref(), Some("coroutine-never-awaited"));
    }

    #[test]
    fn the_client_made_its_request_and_never_awaited_it() {
        let stage = forgot(pair().talk(talk(40001).open()).hangs(), Role::Client);
        assert_eq!(stage.fires("coroutine-never-awaited").side, Side::Client);
        assert_eq!(stage.verdict().fault.as_deref(), Some("coroutine-never-awaited"));
    }

    #[test]
    fn one_that_nobody_missed_only_contributes() {
        let stage = forgot(pair().talk(talk(40001).healthy()), Role::Server);
        assert_eq!(stage.fires("coroutine-never-awaited").role, Part::Contributing);
        assert_eq!(stage.verdict().side, Side::None);
        let other = forgot(pair().talk(talk(40001).asks("hello\n").open()).hangs(), Role::Client);
        assert_eq!(other.fires("coroutine-never-awaited").role, Part::Contributing, "the server's part is undone");
    }

    #[test]
    fn what_was_awaited_and_failed_is_another_matter() {
        let mut stage = forgot(pair().talk(talk(40001).asks("hello\n").open()).hangs(), Role::Server);
        stage.traced(Role::Server).neglected[0].what = "never-retrieved".to_owned();
        stage.silent("coroutine-never-awaited");
    }

    #[test]
    fn cannot_tell_without_a_tracer() {
        pair().talk(talk(40001).healthy()).silent("coroutine-never-awaited");
        assert_eq!(pair().talk(talk(40001).asks("hello\n").open()).hangs().cannot_tell("coroutine-never-awaited"), "exceptions");
    }
}
