//! `killed-by-sigpipe`: the server wrote to a client that had left, and the signal for that ended it.

use super::{Call, Look, Rule, Ruling, Symptom, Transport, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::Role;
use crate::facts::{Ended, Facts, Talk};

pub(super) static RULE: Rule = Rule {
    name: "killed-by-sigpipe",
    symptoms: &[Symptom::Dies, Symptom::WorksOnce],
    sides: &[Side::Server],
    shown_by: "the signal that ended the server",
    seen_in: &[Look::Ends],
    over: Some(Transport::Tcp),
    explains: super::A_CRASH,
    check,
};

const SIGPIPE: i32 = 13;

fn check(facts: &Facts) -> Ruling {
    let Some(server) = facts.player(Role::Server)? else { return Ok(Call::Silent) };
    if server.ended != Ended::Killed(SIGPIPE) || facts.evidence.setting.server_ready.is_none() {
        return Ok(Call::Silent);
    }
    let left = facts.talks().ok().and_then(|talks| talks.iter().filter(|talk| left_first(talk)).max_by_key(|talk| talk.rst(Role::Client)));
    let whom = left.map_or_else(
        || " somebody had stopped reading".to_owned(),
        |talk| format!(" the client at {} had left", talk.client),
    );
    finding(
        &RULE,
        Side::Server,
        Confidence::Proven,
        format!("The server was ended by SIGPIPE, which comes with a write to where nobody reads any more:{whom}."),
    )
    .because([server.reference()])
    .because(left.into_iter().flat_map(|talk| talk.closing_references(Role::Client)))
    .at(facts.only_line(Role::Server, |text| &text.sends))
    .fix("Ignore the signal (`signal(SIGPIPE, SIG_IGN)`, or MSG_NOSIGNAL with each send), and take the error of the write instead.")
    .fires()
}

fn left_first(talk: &Talk) -> bool {
    talk.rst(Role::Client).is_some() || talk.fin(Role::Client).is_some() && talk.fin(Role::Client) < talk.ended_by(Role::Server)
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::{How, Role};
    use crate::facts::staged::{SERVER, Stage, dial, pair, talk};

    fn killed(signal: i32) -> Stage {
        let left = talk(40001).asks("hello\n").closes(Role::Client).answers("hello\n").resets(Role::Client);
        let next = dial(40002, SERVER).syn(85.0).refused(85.1);
        pair().talk(left).talk(next).exits(Role::Server, 80.0, How::Signal(signal)).exits(Role::Client, 90.0, How::Code(1))
    }

    #[test]
    fn writing_to_a_client_that_left_ended_the_server() {
        let found = killed(13).fires("killed-by-sigpipe");
        assert_eq!((found.side, found.confidence), (Side::Server, Confidence::Proven));
        assert!(found.statement.contains("127.0.0.1:40001"), "{}", found.statement);
        let verdict = killed(13).verdict();
        assert_eq!((verdict.side, verdict.fault.as_deref()), (Side::Server, Some("killed-by-sigpipe")));
    }

    #[test]
    fn another_signal_is_another_fault() {
        killed(11).silent("killed-by-sigpipe");
        killed(15).silent("killed-by-sigpipe");
        pair().talk(talk(40001).healthy()).silent("killed-by-sigpipe");
    }

    #[test]
    fn cannot_tell_without_programs() {
        assert_eq!(killed(13).unseen("programs").cannot_tell("killed-by-sigpipe"), "programs");
    }
}
