//! `closed-socket-in-select`: a connection was closed and stayed in the list that the server watches, which ended it.

use super::{Call, Look, Rule, Ruling, Symptom, Transport, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::Role;
use crate::facts::Facts;
use crate::facts::complaint::Complaint;

pub(super) static RULE: Rule = Rule {
    name: "closed-socket-in-select",
    symptoms: &[Symptom::Dies, Symptom::WorksOnce],
    sides: &[Side::Server],
    shown_by: "the error that ended the server: a closed descriptor was to be watched",
    seen_in: &[Look::Output],
    over: Some(Transport::Tcp),
    explains: super::A_CRASH,
    check,
};

fn check(facts: &Facts) -> Ruling {
    facts.player(Role::Server)?;
    let Some((server, words)) = facts.ended_complaining(Role::Server, Complaint::ClosedInSelect) else {
        return Ok(Call::Silent);
    };
    let after = facts.talks().is_ok_and(|talks| talks.iter().any(|talk| talk.fin(Role::Client).is_some()));
    let when = if after { " after a client had left" } else { "" };
    finding(
        &RULE,
        Side::Server,
        Confidence::Proven,
        format!("The server ended{when}, because it watches a socket that it has closed: {}", words.readable()),
    )
    .because([server.reference()])
    .at(facts.line_of_failure(Role::Server))
    .fix("Take the socket out of the list (out of the selector) before closing it.")
    .fires()
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::Side;
    use crate::evidence::{How, Role};
    use crate::facts::staged::{SERVER, Stage, dial, pair, talk};

    fn ended(words: &str) -> Stage {
        let next = dial(40002, SERVER).syn(85.0).refused(85.1);
        let stage = pair().talk(talk(40001).healthy()).talk(next).exits(Role::Client, 90.0, How::Code(1));
        stage.exits(Role::Server, 80.0, How::Code(1)).complains(Role::Server, words)
    }

    #[test]
    fn a_closed_socket_in_the_list_ends_the_server() {
        let stage = ended("ValueError: file descriptor cannot be a negative integer (-1)\n");
        let found = stage.fires("closed-socket-in-select");
        assert_eq!(found.side, Side::Server);
        assert!(found.statement.contains("after a client had left"));
        assert_eq!(stage.verdict().fault.as_deref(), Some("closed-socket-in-select"));
        ended("select: Bad file descriptor\n").fires("closed-socket-in-select");
    }

    #[test]
    fn another_error_is_another_fault() {
        ended("ValueError: invalid literal for int()\n").silent("closed-socket-in-select");
    }

    #[test]
    fn a_server_that_goes_on_has_not_ended() {
        let stage = pair().talk(talk(40001).healthy());
        stage.complains(Role::Server, "select: Bad file descriptor\n").silent("closed-socket-in-select");
    }

    #[test]
    fn cannot_tell_without_programs() {
        assert_eq!(ended("").unseen("programs").cannot_tell("closed-socket-in-select"), "programs");
    }
}
