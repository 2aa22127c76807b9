//! `line-longer-than-limit`: a reader of lines has a limit, and a longer line ends the conversation.

use super::{Call, Look, Rule, Ruling, Symptom, Transport, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Frame, Role};
use crate::facts::Facts;

pub(super) static RULE: Rule = Rule {
    name: "line-longer-than-limit",
    symptoms: &[Symptom::Lost, Symptom::Dies],
    sides: &[Side::Server, Side::Client],
    shown_by: "the length of the line, and the error of the one who read it",
    seen_in: &[Look::Output],
    over: Some(Transport::Tcp),
    explains: &[
        "swallowed-exception", "server-crashed", "missing-reply", "early-close", "one-reply-versus-session", "reset", "half-close-dropped",
        "truncated-reply", "client-one-recv-per-message", "client-gives-up-early", "client-failed",
    ],
    check,
};

/// What asyncio, Go's scanner, tokio's codec and .NET say when a line is too long for them.
const COMPLAINTS: &[&str] = &[
    "chunk exceed the limit",
    "chunk is longer than limit",
    "LimitOverrunError",
    "token too long",
    "max line length exceeded",
];

fn check(facts: &Facts) -> Ruling {
    for role in [Role::Server, Role::Client] {
        let Some((line, references)) = complaint(facts, role) else { continue };
        if facts.all_went_well() {
            return super::ruled_out("a line was too long for a reader, and everything was answered in spite of it");
        }
        let talks = facts.talks()?;
        let longest = talks.iter().filter_map(|talk| {
            let stream = if role == Role::Server { talk.request() } else { talk.response() };
            Some(stream.ok()?.total)
        });
        let came = longest.max().map(|bytes| format!(" {bytes} bytes had come.")).unwrap_or_default();
        let side = if role == Role::Server { Side::Server } else { Side::Client };
        return finding(
            &RULE,
            side,
            // A shorter line, or the same one in another mood, clears nobody of an error that was seen.
            if line.is_some() { Confidence::Proven } else { Confidence::Likely },
            format!("The {role} reads lines up to a limit, and the one that came is longer: its reader raised an error.{came}"),
        )
        .because(references)
        .at(line)
        .fix("Raise the limit (`asyncio.start_server(…, limit=2**24)`), or read in pieces; and write the longest line down.")
        .fires();
    }
    Ok(Call::Silent)
}

type Complaint = (Option<(Frame, Role)>, Vec<String>);

/// Where `role` complained of a line that is too long: in an exception, or in its last words.
fn complaint(facts: &Facts, role: Role) -> Option<Complaint> {
    let says = |text: &str| COMPLAINTS.iter().any(|words| text.contains(words));
    if let Ok(raised) = facts.exceptions(role)
        && let Some((index, raised)) = raised.iter().find(|(_, raised)| says(&raised.message) || says(&raised.kind))
    {
        let line = raised.frames.last().map(|frame| (frame.clone(), role));
        return Some((line, vec![format!("exceptions:{index}")]));
    }
    let players = facts.players(role).ok()?;
    let player = players.iter().find(|player| player.last_words().is_some_and(|words| says(&words.escaped())))?;
    Some((None, vec![player.reference()]))
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::Side;
    use crate::evidence::{Action, How, Role};
    use crate::facts::staged::{Stage, pair, talk};

    const NAME: &str = "line-longer-than-limit";
    const WORDS: &str = "ValueError: Separator is not found, and chunk exceed the limit";

    fn closed() -> Stage {
        pair().talk(talk(40001).asks("a long line\n").closes(Role::Server).closes(Role::Client))
    }

    #[test]
    fn the_server_closes_on_a_line_that_is_too_long() {
        let stage = closed().complains(Role::Server, WORDS);
        assert_eq!((stage.verdict().side, stage.verdict().fault.as_deref()), (Side::Server, Some(NAME)));
        let traced = closed().raised(Role::Server, 51.0, "ValueError", Action::Silent);
        let traced = traced.last_raised(|raised| raised.message = "Separator is found, but chunk is longer than limit".to_owned());
        assert_eq!(traced.fires(NAME).location.map(|frame| frame.line), Some(7));
        assert_eq!(traced.verdict().fault.as_deref(), Some(NAME));
    }

    #[test]
    fn the_client_may_have_a_limit_too() {
        let talk = talk(40001).asks("a long line\n").answers("a long line\n").resets(Role::Client);
        let stage = pair().talk(talk).complains(Role::Client, WORDS).exits(Role::Client, 60.0, How::Code(1));
        assert_eq!((stage.verdict().side, stage.verdict().fault.as_deref()), (Side::Client, Some(NAME)));
    }

    #[test]
    fn one_that_copes_with_it_is_not_accused() {
        let stage = pair().talk(talk(40001).healthy()).complains(Role::Server, WORDS);
        assert!(stage.excludes(NAME).contains("in spite"));
        assert_eq!(stage.verdict().side, Side::None);
    }

    #[test]
    fn other_complaints_have_other_causes() {
        closed().complains(Role::Server, "ValueError: too many values to unpack").silent(NAME);
    }

    #[test]
    fn cannot_tell_what_it_did_not_see() {
        let stage = closed().complains(Role::Server, WORDS).unseen("packets").unseen("sockets");
        assert_eq!(stage.cannot_tell(NAME), "packets");
    }
}
