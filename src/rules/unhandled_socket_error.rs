//! `unhandled-socket-error`: one client left in a hurry, and the error of its connection ended the server for all.

use super::{Call, Look, Rule, Ruling, Symptom, Transport, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{At, Role};
use crate::facts::complaint::Complaint;
use crate::facts::{Facts, Talk};

pub(super) static RULE: Rule = Rule {
    name: "unhandled-socket-error",
    symptoms: &[Symptom::Dies, Symptom::WorksOnce, Symptom::Lost],
    sides: &[Side::Server],
    shown_by: "the error that ended the server, at the connection of a client that had left",
    seen_in: &[Look::Output],
    over: Some(Transport::Tcp),
    explains: super::A_CRASH,
    check,
};

const FIX: &str = "Handle errors per connection (try/except around its handler, an 'error' listener on each socket), so that one \
                   client cannot end the server for all.";

fn check(facts: &Facts) -> Ruling {
    if facts.is_alone() && facts.dialect.as_ref().is_ok_and(|it| it.survives_rude.as_ref().is_some_and(|it| !it.value)) {
        let evidence = facts.killed_by().map(|blow| blow.evidence).unwrap_or_default();
        let what = "The server served until a client sent half a line and reset the connection; after that it served nobody.";
        return finding(&RULE, Side::Server, Confidence::Proven, what).because(evidence).fix(FIX).fires();
    }
    facts.player(Role::Server)?;
    let Some((server, words)) = facts.ended_complaining(Role::Server, Complaint::ConnectionLost) else {
        return Ok(Call::Silent);
    };
    let ended = server.program.exit.as_ref().map_or(facts.frozen(), |exit| exit.at);
    let talks = facts.talks()?;
    let Some(talk) = talks.iter().find(|talk| left_before(talk, ended)) else { return Ok(Call::Silent) };
    finding(
        &RULE,
        Side::Server,
        Confidence::Proven,
        format!(
            "The client at {} left, as any client may, and the error of its connection ended the whole server: {}",
            talk.client,
            words.readable()
        ),
    )
    .because([server.reference()])
    .because(talk.closing_references(Role::Client))
    .at(facts.line_of_failure(Role::Server).or_else(|| facts.only_line(Role::Server, |text| &text.accepts)))
    .fix(FIX)
    .fires()
}

fn left_before(talk: &Talk, ended: At) -> bool {
    [talk.rst(Role::Client), talk.fin(Role::Client)].into_iter().flatten().any(|left| left <= ended)
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::Side;
    use crate::evidence::{How, Role};
    use crate::facts::staged::{SERVER, Stage, dial, pair, talk};

    fn ended(words: &str) -> Stage {
        let next = dial(40002, SERVER).syn(85.0).refused(85.1);
        let stage = pair().talk(talk(40001).asks("hello\n").resets(Role::Client)).talk(next);
        stage.exits(Role::Client, 90.0, How::Code(1)).exits(Role::Server, 80.0, How::Code(1)).complains(Role::Server, words)
    }

    #[test]
    fn one_client_that_resets_ends_the_server() {
        let stage = ended("ConnectionResetError: [Errno 104] Connection reset by peer\n");
        assert_eq!(stage.fires("unhandled-socket-error").side, Side::Server);
        let verdict = stage.verdict();
        assert_eq!((verdict.side, verdict.fault.as_deref()), (Side::Server, Some("unhandled-socket-error")));
    }

    #[test]
    fn an_error_of_its_own_is_another_fault() {
        ended("KeyError: 'hello'\n").silent("unhandled-socket-error");
    }

    #[test]
    fn a_server_that_logs_it_and_goes_on_is_well() {
        let stage = pair().talk(talk(40001).healthy());
        stage.complains(Role::Server, "ConnectionResetError: [Errno 104]\n").silent("unhandled-socket-error");
    }

    #[test]
    fn cannot_tell_without_programs() {
        assert_eq!(ended("").unseen("programs").cannot_tell("unhandled-socket-error"), "programs");
    }
}
