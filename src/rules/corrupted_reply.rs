//! `corrupted-reply`: what came back differs from what was sent.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Gap, Role, Source, Stream};
use crate::facts::textual::is_widened;
use crate::facts::{Echo, Facts};

pub(super) static RULE: Rule = Rule {
    name: "corrupted-reply",
    symptoms: &[Symptom::Garbled],
    sides: &[Side::Server],
    shown_by: "the bytes of the reply beside those of the request",
    seen_in: &[Look::Contents],
    over: None,
    explains: &["client-gives-up-early", "client-failed"],
    check,
};

const FIX: &str = "Treat the message as bytes from end to end: no decoding, no shared buffer, exactly the bytes received.";

fn check(facts: &Facts) -> Ruling {
    if let Some(probes) = facts.echoes_with_a_rest().filter(|_| facts.is_alone()) {
        let what = "Every message that netdiag sent came back whole, and behind it came bytes that nobody had sent: NULs, and \
                    now and then the end of an older message.";
        return finding(&RULE, Side::Server, Confidence::Likely, what)
            .because(probes)
            .at(facts.only_line(Role::Server, |text| &text.sends))
            .fix(FIX)
            .fires();
    }
    if let Some(probes) = facts.answers_with_what_came_before().filter(|_| facts.is_alone()) {
        let what = "To the second message on a connection the server answered with the first one over again.";
        return finding(&RULE, Side::Server, Confidence::Likely, what)
            .because(probes)
            .at(facts.only_line(Role::Server, |text| &text.sends))
            .fix("Answer with what has just been read, not with what is remembered.")
            .fires();
    }
    if let Some((what, probes)) = facts.answers_in_notation().filter(|_| facts.is_alone() || facts.a_client_failed() || facts.still_waiting()) {
        // A reference partner takes it for a form of reply.
        return finding(&RULE, Side::Server, Confidence::Proven, format!("The server answers with {what}, not with the bytes themselves."))
            .because(probes)
            .at(facts.only_line(Role::Server, |text| &text.sends))
            .fix("Send the bytes that were read as they are, or decode and encode them (`data.decode()`, `new String(bytes, 0, n)`): \
                  turning them into text by `str` or `toString` gives a notation for programmers.")
            .fires();
    }
    let exchanges = facts.exchanges()?;
    let wrong = exchanges.iter().find_map(|(talk, exchange)| match &exchange.echo {
        Echo::Differs { at, owed, got } => Some((
            talk,
            format!(
                "From byte {} on the reply differs from what it should be: `{}` instead of `{}`.",
                at + 1,
                got.escaped(),
                owed.escaped()
            ),
        )),
        Echo::Surplus { extra } => {
            Some((talk, format!("The reply goes on after its end: `{}` is too much.", extra.escaped())))
        }
        _ => None,
    });
    let Some((talk, statement)) = wrong else { return Ok(Call::Silent) };
    let told = facts.contract.reply.as_ref().is_some_and(|term| term.source == Source::Told);
    if !told && facts.talks_are_shared()? {
        return super::ruled_out("everything that one client says goes to all of them, and nothing else does");
    }
    if !told && exchanges.iter().all(|(talk, exchange)| !is_wrong(&exchange.echo) || facts.was_turned_away(talk)) {
        return super::ruled_out("the server told some in words of its own that it had no room, and they came again and were content");
    }
    let wide = |(request, response): (&Stream, &Stream)| is_widened(&request.head.0, &response.head.0);
    let is_wide = talk.request().and_then(|request| Ok((request, talk.response()?))).is_ok_and(wide);
    // A client that reads such text goes away content.
    if is_wide && facts.contract.reply_is_assumed() && (facts.a_client_failed() || facts.still_waiting()) {
        let what = "Every other byte of the reply is a NUL, and the others are the request: the server writes two bytes to a \
                    letter (UTF-16), and was asked in single bytes.";
        return finding(&RULE, Side::Server, Confidence::Likely, what)
            .because(talk.references())
            .at(facts.only_line(Role::Server, |text| &text.sends))
            .fix("Write the bytes that were read, or the same encoding (Java: `writeBytes`, or a writer for UTF-8; not `writeChars`).")
            .fires();
    }
    if facts.contract.reply_is_assumed() && facts.echoes_damaged() {
        let again = facts.answers_with_what_came_before();
        let (sure, too) = match again {
            // A reference partner that says one thing to a connection does not meet it.
            Some(_) => (Confidence::Proven, " netdiag's own second message was answered with the first one over again."),
            None => (Confidence::Likely, ""),
        };
        return finding(&RULE, Side::Server, sure, format!("{statement}{too}"))
            .because(talk.references())
            .because(again.unwrap_or_default())
            .at(facts.only_line(Role::Server, |text| &text.sends))
            .fix(FIX)
            .fires();
    }
    if facts.contract.reply_is_assumed() {
        return Err(Gap::new(
            "probes",
            "nothing tells what the server is supposed to answer",
            "tell the reply's form with --contract, or let netdiag probe the server",
        ));
    }
    finding(&RULE, Side::Server, Confidence::Proven, statement)
        .because(talk.references())
        .at(facts.only_line(Role::Server, |text| &text.sends))
        .fix(FIX)
        .fires()
}

fn is_wrong(echo: &Echo) -> bool {
    matches!(echo, Echo::Differs { .. } | Echo::Surplus { .. })
}

#[cfg(test)]
mod tests {
    use super::super::Call;
    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::{Contract, Framing, How, Occasion, Reply, Role, Shape, Term};
    use crate::facts::staged::{SERVER, Stage, dial, pair, probe, talk};

    fn answered(reply: &str) -> Stage {
        pair().talk(talk(40001).asks("hello\n").answers(reply).closes(Role::Client).closes(Role::Server))
    }

    #[test]
    fn whoever_is_turned_away_in_words_and_comes_again_content_was_not_answered_wrongly() {
        let busy = |from| talk(from).asks("hello\n").answers("ERR full, come back later\n").closes(Role::Server).closes(Role::Client);
        let served = |from| talk(from).at(200.0).echoes("hello\n").closes(Role::Client).closes(Role::Server);
        let learned = || pair().contract(|terms| terms.reply = Some(Term::learned(Reply::Exact)));
        let met = || learned().talk(busy(40001)).talk(served(40002)).exits(Role::Client, 300.0, How::Code(0)).frozen(310.0);
        assert!(met().excludes("corrupted-reply").contains("no room"));
        assert_eq!(met().exits(Role::Client, 300.0, How::Code(1)).fires("corrupted-reply").side, Side::Server);
        let never_served = learned().talk(busy(40001)).exits(Role::Client, 300.0, How::Code(0)).frozen(310.0);
        never_served.fires("corrupted-reply");
        let kept = talk(40001).asks("hello\n").answers("ERR full\n").closes(Role::Client).closes(Role::Server);
        learned().talk(kept).talk(served(40002)).exits(Role::Client, 300.0, How::Code(0)).frozen(310.0).fires("corrupted-reply");
    }

    #[test]
    fn bytes_in_the_notation_of_a_language_are_no_echo() {
        let asked = |answer: &str| {
            let stage = pair().untold().talk(talk(40001).asks("it's\n").answers(answer).open());
            stage.probed(vec![probe("netdiag probe 1\n", r"b'netdiag probe 1\n'"), probe("two\r\n", r"b'two\r\n'")])
        };
        let found = asked(r#"b"it's\n""#).hangs().fires("corrupted-reply");
        assert_eq!((found.side, found.confidence), (Side::Server, Confidence::Proven));
        assert!(found.statement.contains("Python"), "{}", found.statement);
        let mut alone = asked(r#"b"it's\n""#);
        alone.0.setting.occasion = Occasion::LiveServer;
        assert_eq!(alone.verdict().side, Side::Server);
        let content = asked(r#"b"it's\n""#).exits(Role::Client, 80.0, How::Code(0));
        assert!(!matches!(content.ruling("corrupted-reply"), Ok(Call::Fires(_))));
        let mut java = pair().untold().talk(talk(40001).asks("hi\n").answers("[B@5e9f23b4\n").open());
        java = java.probed(vec![probe("netdiag probe 1\n", "[B@1b6d3586\n")]);
        assert!(java.hangs().fires("corrupted-reply").statement.contains("Java"));
    }

    /// The server answers each line with it and what `rest` puts behind it.
    fn with_a_rest(rest: impl Fn(u32) -> &'static str) -> Stage {
        let asked = |n: u32| {
            let text = format!("netdiag probe {n} says hello {n}\n");
            probe(&text, &format!("{text}{}", rest(n)))
        };
        let talk = talk(40001).asks("one\n").answers(&format!("one\n{}", rest(0))).open();
        pair().talk(talk).untold().probed(vec![asked(1), asked(2), asked(3)])
    }

    #[test]
    fn what_lay_behind_the_message_in_memory_is_too_much() {
        let found = with_a_rest(|n| if n % 2 == 0 { "\0" } else { "x\n" }).fires("corrupted-reply");
        assert_eq!((found.side, found.confidence), (Side::Server, Confidence::Likely));
        assert_eq!(with_a_rest(|_| "\0").hangs().fires("corrupted-reply").side, Side::Server);
    }

    #[test]
    fn a_server_by_itself_shows_it_too() {
        let alone = |rest: &dyn Fn(u32) -> &'static str| {
            let mut stage = with_a_rest(rest).client_gone();
            stage.0.setting.occasion = Occasion::LiveServer;
            stage
        };
        assert_eq!(alone(&|n| if n % 2 == 0 { "\0" } else { "x\n" }).fires("corrupted-reply").side, Side::Server);
        assert_ne!(alone(&|_| "\0").verdict().side, Side::Server);
    }

    #[test]
    fn a_reply_of_two_bytes_to_a_letter_is_wrong_for_a_client_that_stumbles_over_it() {
        let wide = answered("\0h\0e\0l\0l\0o\0\n").untold();
        assert_ne!(wide.verdict().side, Side::Server, "its client may read such text");
        let found = wide.exits(Role::Client, 90.0, How::Code(1)).fires("corrupted-reply");
        assert!(found.statement.contains("UTF-16"), "{}", found.statement);
    }

    #[test]
    fn who_answers_with_what_was_said_before_mixes_messages_up() {
        let said = |n: u32| format!("netdiag probe {n} says hello {n}\n");
        let mut two = probe("", &said(1).repeat(2));
        two.sent = vec![said(1).as_str().into(), said(2).as_str().into()];
        two.shape = Shape::TwoLines;
        let talk = talk(40001).echoes("apple\n").asks("pear\n").answers("apple\n").closes(Role::Client);
        let stage = pair().talk(talk.closes(Role::Server)).untold().probed(vec![two]);
        let found = stage.fires("corrupted-reply");
        assert_eq!((found.side, found.confidence), (Side::Server, Confidence::Proven));
        let mut alone = stage.client_gone();
        alone.0.setting.occasion = Occasion::LiveServer;
        assert!(alone.fires("corrupted-reply").statement.contains("over again"));
        assert_eq!(alone.verdict().side, Side::Server);
    }

    #[test]
    fn an_ending_of_the_servers_own_is_its_way_of_answering() {
        assert_ne!(with_a_rest(|_| "\0").verdict().side, Side::Server, "a NUL that nobody minds may be meant");
        let counted = with_a_rest(|n| ["#0\n", "#1\n", "#2\n", "#3\n"][n as usize]).hangs();
        assert_ne!(counted.verdict().side, Side::Server);
        assert_ne!(with_a_rest(|_| "ok\n").hangs().verdict().side, Side::Server);
    }

    #[test]
    fn the_server_changed_or_added_bytes() {
        for reply in ["hexlo\n", "hello\nhello\n", "HELLO\n", "hello\0\0\n"] {
            let found = answered(reply).fires("corrupted-reply");
            assert_eq!((found.side, found.confidence), (Side::Server, Confidence::Proven), "{reply:?}");
        }
        assert_eq!(answered("hexlo\n").verdict().side, Side::Server);
    }

    #[test]
    fn another_shape_that_was_agreed_on_is_right() {
        let prefix = |terms: &mut Contract| terms.reply = Some(Term::told(Reply::Prefix("Echo : ".into())));
        answered("Echo : hello\n").contract(prefix).silent("corrupted-reply");
        answered("HELLO\n").contract(|terms| terms.reply = Some(Term::told(Reply::Uppercase))).silent("corrupted-reply");
    }

    #[test]
    fn an_assumed_shape_accuses_nobody() {
        for reply in ["ok\n", "hello hello\n", "12:00:01 hello\n", "length 5\n"] {
            let stage = answered(reply).untold();
            assert!(stage.ruling("corrupted-reply").is_err() || stage.ruling("corrupted-reply") == Ok(Call::Silent));
            assert!(!matches!(stage.verdict().side, Side::Server | Side::Client | Side::Both), "{reply:?}");
        }
    }

    #[test]
    fn one_damaged_reply_among_right_ones_is_seen() {
        let stage = answered("hexlo\n").another_client().talk(talk(40002).healthy());
        assert_eq!(stage.verdict().fault.as_deref(), Some("corrupted-reply"));
    }

    #[test]
    fn a_capture_from_the_middle_shows_no_beginnings() {
        let stage = answered("hello\n").packets(|packets| packets.conversations[0].from_start = false);
        assert_eq!(stage.cannot_tell("corrupted-reply"), "packets");
        assert_eq!(stage.verdict().side, Side::Unknown);
    }

    #[test]
    fn what_a_filled_hole_hides_is_not_called_damaged() {
        let stage = answered("heo\n").packets(|packets| packets.conversations[0].received.missing = 2);
        assert_eq!(stage.cannot_tell("corrupted-reply"), "packets");
    }

    #[test]
    fn a_raw_echo_may_be_cut_anywhere() {
        let talk = talk(40001).asks("hello").answers("he").answers("llo").closes(Role::Client).closes(Role::Server);
        let stage = pair().contract(|terms| terms.framing = Some(Term::told(Framing::Raw))).talk(talk);
        stage.silent("corrupted-reply");
        assert_eq!(stage.verdict().side, Side::None);
    }

    #[test]
    fn what_the_pairs_programs_say_to_others_is_not_an_echo() {
        let other = talk(40001).healthy();
        let mut backend = dial(40009, "127.0.0.1:6379").connected(52.0).asks("PING\r\n");
        backend = backend.answers("+PONG\r\n").closes(Role::Client);
        let stage = pair().talk(other).talk(backend);
        stage.silent("corrupted-reply");
        assert_eq!(stage.verdict().side, Side::None);
        assert_eq!(stage.facts().talks().unwrap()[0].server.to_string(), SERVER);
    }

    #[test]
    fn cannot_tell_without_packets() {
        assert_eq!(answered("hexlo\n").unseen("packets").unseen("sockets").cannot_tell("corrupted-reply"), "packets");
    }
}
