//! `client-failed`: the client ended with an error of its own, and nothing the server did explains it.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Finding, Part, Side};
use crate::evidence::{Bytes, Gap, Role, Source};
use crate::facts::{Dial, Echo, Ended, Exchange, Facts, Outcome, Player, Talk};

pub(super) static RULE: Rule = Rule {
    name: "client-failed",
    symptoms: &[Symptom::Dies],
    sides: &[Side::Client],
    shown_by: "the error that the client ended with, beside an exchange that went right",
    seen_in: &[Look::Ends],
    over: None,
    explains: &["client-closes-with-unread-data"],
    check,
};

fn check(facts: &Facts) -> Ruling {
    let clients = facts.players(Role::Client)?;
    let Some(client) = clients.iter().find(|client| client.failed()) else { return Ok(Call::Silent) };
    let how = match client.ended {
        Ended::Exited(status) => format!("exited with status {status}"),
        Ended::Killed(signal) => facts.ended_by(client, signal),
        Ended::NeverStarted => format!(
            "could not be started: {}",
            client.program.spawn_error.as_deref().unwrap_or("the system gave no reason")
        ),
        Ended::Running => return Ok(Call::Silent),
    };
    let answered = facts.exchanges().is_ok_and(|exchanges| {
        let in_time = |(talk, exchange): &(&Talk, Exchange)| match exchange.echo {
            Echo::Right => !facts.left_before_the_reply(talk),
            _ => exchange.echo == Echo::NothingAsked,
        };
        !exchanges.is_empty() && exchanges.iter().all(in_time)
    });
    let got_through = |dial: &Dial| dial.outcome == Outcome::Established;
    let answered = answered && facts.dials().is_ok_and(|dials| dials.iter().all(got_through));
    if client.ran_out_of_input() {
        return if answered { asked_on(client, &how).fires() } else { Err(no_input()) };
    }
    let nothing_tried = facts.dials().is_ok_and(<[crate::facts::Dial]>::is_empty);
    if answered
        && matches!(client.ended, Ended::Exited(_))
        && let Some((words, seen)) = facts.denies_its_echo(client)
    {
        return denied(client, &how, &words).because(seen).fires();
    }
    // One that leaves a part of its reply unread may have failed over that.
    let left_a_rest = facts.talks().is_ok_and(|talks| talks.iter().any(|talk| talk.rst(Role::Client).is_some()));
    if answered && !left_a_rest && client.complained() == Some(false) && matches!(client.ended, Ended::Exited(_)) {
        // Some programs answer a question with their exit status; without a word of complaint this may be one.
        return contributing(client, &how).fires();
    }
    // Its failure may be the right reaction to what the server did; only where nothing is left to react to is it its own.
    let (side, sure) = match facts.exchanges() {
        _ if client.was_ended_from_outside() => (Side::Unknown, Confidence::Possible),
        _ if client.ended == Ended::NeverStarted => (Side::Client, Confidence::Proven),
        _ if nothing_tried && facts.crash(Role::Client).is_some() => (Side::Client, Confidence::Proven),
        _ if nothing_tried => (Side::Client, Confidence::Likely),
        _ if answered && expects_another_reply(client, facts) => (Side::Unknown, Confidence::Possible),
        _ if answered && failed_by_error(client, facts) => (Side::Client, Confidence::Likely),
        Ok(_) => (Side::Unknown, Confidence::Possible),
        Err(gap) => return Err(gap),
    };
    let words = client.last_words().map(|words| format!(" Its last words: {}", words.readable())).unwrap_or_default();
    let context = if answered { " although everything it asked was answered rightly" } else { "" };
    finding(&RULE, side, sure, format!("The client {how}{context}.{words}"))
        .because([client.reference()].into_iter().chain(facts.crash_reference(Role::Client)))
        .at(facts.line_of_failure(Role::Client))
        .fix(match facts.crash(Role::Client) {
            Some(_) => "Run the client under `gdb`: after the signal, `backtrace` and `print` show what it had in hand there.",
            None => "Read the client's own error message; it names what went wrong and where.",
        })
        .fires()
}

/// Whether an error that nobody handled ended it. A status with a few words of its own may be an answer (`0 matches`), or
/// a complaint about a reply that only it knows to be wrong.
fn failed_by_error(client: &Player, facts: &Facts) -> bool {
    matches!(client.ended, Ended::Killed(_)) || facts.line_of_failure(Role::Client).is_some() || client.reports_a_crash()
}

/// Whether the client may have failed over the reply itself: netdiag's own server gave it, in the form that is usual where
/// nobody told another, and the error is none that a program makes whatever it is told.
fn expects_another_reply(client: &Player, facts: &Facts) -> bool {
    /// Mistakes of the code, not of what it met: Python's and JavaScript's names.
    const ITS_OWN: [&str; 6] =
        ["TypeError", "NameError", "AttributeError", "UnboundLocalError", "ReferenceError", "ImportError"];
    let words = client.last_words().map(|words| words.escaped()).unwrap_or_default();
    // The reference's own way of answering is no promise of anybody's.
    let told = facts.contract.reply.as_ref().is_some_and(|term| term.source == Source::Told);
    facts.met_a_reference_server()
        && !told
        && matches!(client.ended, Ended::Exited(_))
        && !ITS_OWN.iter().any(|error| words.contains(error))
}

/// It says that it got no right echo, and the wire shows that it did.
fn denied(client: &Player, how: &str, words: &Bytes) -> Finding {
    let statement = format!(
        "The client {how}, with the words \"{}\". Yet everything it had sent came back as it was owed, and it had read all of that.",
        words.readable()
    );
    finding(&RULE, Side::Client, Confidence::Likely, statement)
        .because([client.reference()])
        .fix("Look at how it compares what it got with what it sent: bytes with bytes, text with text, both with their line end.")
}

fn no_input() -> Gap {
    Gap::new(
        "programs",
        "the client asked for a line at its standard input, and netdiag gave it none (any more)",
        "give the client the lines it asks for: --input 'hello', once for each line",
    )
}

fn asked_on(client: &Player, how: &str) -> Finding {
    let statement = format!(
        "The client {how} when its standard input ended, where it had asked for another line. Everything it sent was \
         answered rightly."
    );
    let mut found = finding(&RULE, Side::Client, Confidence::Possible, statement)
        .because([client.reference()])
        .fix("Nothing has to be mended if people type that line; else treat the end of the input as the end.");
    found.role = Part::Contributing;
    found
}

fn contributing(client: &Player, how: &str) -> Finding {
    let statement = format!("The client {how} without a word, although everything it asked was answered rightly.");
    let mut found = finding(&RULE, Side::Client, Confidence::Possible, statement)
        .because([client.reference()])
        .fix("If that status is meant as an answer, nothing is wrong; else let the client say what it misses.");
    found.role = Part::Contributing;
    found
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Part, Side};
    use crate::evidence::{How, Output, Reply, Role, Term};
    use crate::facts::staged::{Stage, dial, pair, talk};

    fn failed(stage: Stage) -> Stage {
        let said = "Traceback (most recent call last):\n  File \"client.py\", line 3\nTypeError: oops\n";
        stage.exits(Role::Client, 90.0, How::Code(1)).complains(Role::Client, said)
    }

    #[test]
    fn the_client_tripped_over_its_own_code() {
        let after = failed(pair().talk(talk(40001).healthy()));
        let found = after.fires("client-failed");
        assert_eq!((found.side, found.confidence), (Side::Client, Confidence::Likely));
        assert!(found.statement.contains("TypeError"));
        assert_eq!(after.verdict().side, Side::Client);
        assert_eq!(failed(pair()).fires("client-failed").side, Side::Client);
    }

    #[test]
    fn a_client_that_cannot_be_started_asks_nobody_anything() {
        let stage = pair().program(Role::Client, |client| client.spawn_error = Some("No such file".into()));
        let found = stage.fires("client-failed");
        assert_eq!((found.side, found.confidence), (Side::Client, Confidence::Proven));
        assert!(found.statement.contains("No such file"));
    }

    #[test]
    fn a_client_by_itself_may_expect_another_reply_than_the_usual_one() {
        let said = |error: &str| format!("Traceback (most recent call last):\n  File \"client.py\", line 3\n{error}\n");
        let alone = |error: &str| {
            let stage = pair().untold().talk(talk(40001).healthy()).exits(Role::Client, 90.0, How::Code(1));
            let stage = stage.program(Role::Server, |server| server.reference = true);
            stage.complains(Role::Client, &said(error))
        };
        assert_eq!(alone("AssertionError: HELLO").verdict().side, Side::Unknown);
        assert_eq!(alone("TypeError: can't concat str to bytes").verdict().side, Side::Client);
        let told = alone("AssertionError: HELLO").contract(|terms| terms.reply = Some(Term::told(Reply::Exact)));
        assert_eq!(told.verdict().side, Side::Client);
    }

    #[test]
    fn a_status_with_words_of_its_own_may_be_an_answer_or_a_complaint() {
        let stage = pair().talk(talk(40001).healthy()).exits(Role::Client, 90.0, How::Code(3));
        let stage = stage.complains(Role::Client, "2 replies, 0 matches\n");
        assert_eq!(stage.fires("client-failed").side, Side::Unknown);
        assert_eq!(stage.verdict().side, Side::Unknown);
    }

    #[test]
    fn an_input_that_ended_is_not_the_clients_fault() {
        for end in ["EOFError: EOF when reading a line", "java.util.NoSuchElementException: No line found"] {
            let asked = |stage: Stage| stage.exits(Role::Client, 90.0, How::Code(1)).complains(Role::Client, end);
            assert_eq!(asked(pair()).cannot_tell("client-failed"), "programs");
            let verdict = asked(pair()).verdict();
            assert_eq!(verdict.side, Side::Unknown, "{end}");
            assert!(verdict.to_settle.iter().any(|way| way.contains("--input")), "{verdict:?}");
            let after = asked(pair().talk(talk(40001).healthy()));
            assert_eq!(after.fires("client-failed").role, Part::Contributing);
            assert_eq!(after.verdict().side, Side::None, "{end}");
        }
    }

    fn says(stage: Stage, words: &str) -> Stage {
        stage.exits(Role::Client, 90.0, How::Code(2)).complains(Role::Client, words)
    }

    #[test]
    fn a_client_that_denies_the_echo_it_has_read_compares_wrongly() {
        let stage = says(pair().untold().talk(talk(40001).healthy()), "FAIL: server does not echo\n");
        let found = stage.fires("client-failed");
        assert_eq!((found.side, found.confidence), (Side::Client, Confidence::Likely));
        assert!(found.evidence.iter().any(|reference| reference.starts_with("packets:")), "{:?}", found.evidence);
        assert_eq!(stage.verdict().side, Side::Client);
        let on_stdout = pair().untold().talk(talk(40001).healthy()).exits(Role::Client, 90.0, How::Code(2));
        let said = Output { total: 14, head: "wrong echo!\n".into(), ..Output::default() };
        let on_stdout = on_stdout.program(Role::Client, |client| client.stdout = Some(said.clone()));
        assert_eq!(on_stdout.verdict().side, Side::Client, "some complain on standard output");
    }

    #[test]
    fn a_client_that_misses_something_else_or_has_not_read_its_echo_is_not_accused() {
        let echoed = || pair().untold().talk(talk(40001).healthy());
        let open = |words| says(echoed(), words).verdict().side;
        for words in ["echo mismatch: 'HELLO' != 'hello'\n", "no echo within 10 ms\n", "0 of 1 echoes matched\n"] {
            assert_eq!(open(words), Side::Unknown, "{words}");
        }
        let unread = talk(40001).asks("hello\n").answers("hello\n").resets(Role::Client);
        let late = talk(40001).asks("hello\n").closes(Role::Client).answers("hello\n").closes(Role::Server);
        let shouted = talk(40001).asks("hello\n").answers("HELLO\n").closes(Role::Client).closes(Role::Server);
        for other in [unread, late, shouted] {
            let stage = says(pair().untold().talk(other), "no echo\n");
            assert_ne!(stage.verdict().side, Side::Client);
        }
        let elsewhere = echoed().talk(dial(40002, "127.0.0.1:12346").syn(60.0).refused(60.1));
        assert_ne!(says(elsewhere, "the second server does not echo\n").verdict().side, Side::Client);
    }

    #[test]
    fn a_client_that_could_not_be_started_is_named() {
        let stage = pair().program(Role::Client, |client| client.spawn_error = Some("No such file".to_owned()));
        assert!(stage.fires("client-failed").statement.contains("No such file"));
    }

    #[test]
    fn a_status_may_be_an_answer() {
        let stage = pair().talk(talk(40001).healthy()).exits(Role::Client, 90.0, How::Code(1));
        assert_eq!(stage.fires("client-failed").role, Part::Contributing);
    }

    #[test]
    fn whoever_fails_for_want_of_an_answer_is_not_at_fault() {
        let stage = failed(pair().talk(talk(40001).asks("hello\n").closes(Role::Server).closes(Role::Client)));
        assert_eq!(stage.fires("client-failed").side, Side::Unknown);
        assert_eq!(stage.verdict().side, Side::Server);
        let mut refused = failed(pair().talk(dial(40001, "127.0.0.1:12345").syn(50.0).refused(50.1)));
        refused.snapshots()[1].sockets.clear();
        assert_eq!(refused.verdict().side, Side::Unknown);
    }

    #[test]
    fn a_client_that_somebody_ended_did_not_fail() {
        let stage = pair().talk(talk(40001).healthy()).exits(Role::Client, 90.0, How::Signal(2));
        assert_eq!(stage.fires("client-failed").side, Side::Unknown);
        assert_eq!(stage.verdict().side, Side::Unknown);
    }

    #[test]
    fn a_client_that_ended_well_did_not_fail() {
        pair().talk(talk(40001).healthy()).silent("client-failed");
        pair().hangs().silent("client-failed");
    }

    #[test]
    fn cannot_tell_what_it_did_not_see() {
        assert_eq!(failed(pair()).unseen("programs").cannot_tell("client-failed"), "programs");
        assert_eq!(failed(pair()).unseen("packets").unseen("sockets").cannot_tell("client-failed"), "packets");
        assert_eq!(failed(pair()).unseen("packets").unseen("sockets").verdict().side, Side::Unknown);
    }
}
