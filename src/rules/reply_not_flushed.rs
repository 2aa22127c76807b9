//! `reply-not-flushed`: the reply was written into a buffer inside the server, and lies there until that is full or closed.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Finding, Side};
use crate::evidence::{At, Framing, Role, Source, Transport};
use crate::facts::{Echo, Exchange, Facts, Talk};

pub(super) static RULE: Rule = Rule {
    name: "reply-not-flushed",
    symptoms: &[Symptom::Hangs, Symptom::Slow],
    sides: &[Side::Server],
    shown_by: "whether the reply comes as soon as the client half-closes or leaves",
    seen_in: &[Look::Contents, Look::Waits, Look::Exceptions, Look::Agreement],
    over: Some(Transport::Tcp),
    explains: &[
        "missing-reply", "truncated-reply", "read-to-eof-without-half-close", "slow-reply", "client-gives-up-early",
        "client-failed",
    ],
    check,
};

/// Blocks in which C, Java, Perl and Python write what nobody flushes.
const BLOCK: u64 = 4096;

/// A request that was left alone for this many milliseconds, on loopback, was not merely about to be answered.
const LEFT_ALONE_MS: f64 = 100.0;

/// How long a server may take to start whatever serves a connection, in nanoseconds.
const STARTED_NS: u64 = 250_000_000;

/// What follows the end of input within this many milliseconds followed because of it.
const AT_ONCE_MS: f64 = 5.0;

/// So does what follows within this share of the time for which nothing had come before: a busy machine takes longer.
const AT_ONCE_SHARE: f64 = 0.02;

fn check(facts: &Facts) -> Ruling {
    let exchanges = facts.exchanges()?;
    for (talk, exchange) in exchanges.iter().filter(|(talk, _)| talk.transport == Transport::Tcp) {
        let found = kept_until_the_end(talk, exchange, facts)
            .or_else(|| came_with_the_end(talk, exchange, facts))
            .or_else(|| came_in_blocks(talk, exchange, facts));
        let Some(found) = found else { continue };
        facts.capture_is_whole()?;
        if facts.server_ended_badly() {
            return super::ruled_out("the server's program ended");
        }
        return found
            .because(talk.references())
            .because(talk.closing_references(Role::Client))
            .at(facts.only_line(Role::Server, |text| &text.sends).or_else(|| facts.line_where_waits(Role::Server)))
            .fix("Flush after each reply: `flush()`, `fflush(f)`, `new PrintWriter(out, true)`, `$sock->autoflush(1)`.")
            .fires();
    }
    Ok(Call::Silent)
}

/// The server has taken the whole line and is back at reading the next one, and probes get their answers only when they
/// have ended their side.
fn kept_until_the_end(talk: &Talk, exchange: &Exchange, facts: &Facts) -> Option<Finding> {
    let only_at_the_end = facts
        .dialect
        .as_ref()
        .is_ok_and(|dialect| dialect.framing.as_ref().is_some_and(|framing| framing.value == Framing::UntilEof));
    let reads_lines = facts.line_where_waits(Role::Server).is_some_and(|(line, _)| {
        ["readline", "for line in", "readuntil"].iter().any(|way| line.source.contains(way))
            && !line.source.contains("readlines")
    });
    let ends_a_line = talk.request().is_ok_and(|request| request.last_byte() == Some(b'\n'));
    let unanswered = matches!(exchange.echo, Echo::Nothing | Echo::Pending) && exchange.got == 0;
    let waits = talk.ended_by(Role::Server).is_none() && talk.was_read() != Some(false) && facts.is_final(talk, Role::Server).is_ok();
    if !unanswered || !waits {
        return None;
    }
    if let Some(probes) = facts.keeps_answers_back() {
        let what = "The server has read the request and waits for more, and nothing came back. When netdiag sent it many lines, \
                    whole blocks of answers came before their end, and the rest and all short ones only after it: what it \
                    answers lies in a buffer inside the program until that is full or closed.";
        // Where a message without a line's end ends, nobody told.
        let side = if ends_a_line { Side::Server } else { Side::Both };
        return Some(finding(&RULE, side, Confidence::Likely, what).because(probes));
    }
    (only_at_the_end && reads_lines && ends_a_line).then(|| {
        let what = "The server has read the line and waits for the next one, and nothing came back. When netdiag asked it, its \
                    answers came only after the end of the input: they lie in a buffer inside the program until that is closed.";
        finding(&RULE, Side::Server, Confidence::Likely, what)
    })
}

/// The request was left alone; the reply came the moment the client had ended its side, for the client too late.
fn came_with_the_end(talk: &Talk, exchange: &Exchange, facts: &Facts) -> Option<Finding> {
    let (asked, got) = (talk.request().ok()?, talk.response().ok()?);
    let (ended, last, first) = (talk.fin(Role::Client)?, asked.last?, got.first?);
    let too_late = talk.rst(Role::Client).is_some() || facts.a_client_failed();
    let at_once = AT_ONCE_MS.max(ended.ms_since(last) * AT_ONCE_SHARE);
    let promptly = first > ended && first.ms_since(ended) < at_once && ended.ms_since(last) >= LEFT_ALONE_MS;
    let until_eof = facts.contract.framing.as_ref().is_some_and(|term| *term == crate::evidence::Term::told(Framing::UntilEof));
    if exchange.echo != Echo::Right || !too_late || !promptly || until_eof {
        return None;
    }
    // One that was at work all the time had its answer ready just then, by chance. What it may take to start a process for
    // the connection is not that.
    let settled = At(last.0 + (ended.0 - last.0).min(STARTED_NS * 3) / 3);
    if facts.only_waited(Role::Server, settled, ended) != Some(true) {
        return None;
    }
    let told = facts.contract.framing.as_ref().is_some_and(|term| {
        term.source == Source::Told && matches!(term.value, Framing::Line | Framing::Raw)
    });
    // One that reads to the end of the input would have answered netdiag's many lines at their end only.
    let in_blocks = || Some(facts.dialect.as_ref().ok()?.blocks.as_ref()?.evidence());
    let kept = facts.keeps_answers_back().or_else(in_blocks).filter(|_| asked.last_byte() == Some(b'\n'));
    let where_it_was = match kept {
        Some(_) => "It had been kept in a buffer: netdiag itself got answers in whole blocks, and the rest at the end.",
        None => "It had been kept in a buffer, or the server reads on to the end of the input before it answers.",
    };
    let side = if told || kept.is_some() { Side::Server } else { Side::Both };
    let what = format!(
        "The request lay with the server for {:.0} ms while that waited for more input; the reply came the moment the client \
         ended its side. {where_it_was}",
        ended.ms_since(last)
    );
    Some(finding(&RULE, side, Confidence::Likely, what).because(kept.unwrap_or_default()))
}

/// What came stops at a whole number of blocks, in the middle of a message, and the server has read everything.
fn came_in_blocks(talk: &Talk, exchange: &Exchange, facts: &Facts) -> Option<Finding> {
    let cut = matches!(exchange.echo, Echo::Short { .. }) && exchange.got > 0 && exchange.got.is_multiple_of(BLOCK);
    let known = facts.contract.framing.as_ref().is_some_and(|term| {
        term.source != Source::Assumed && matches!(term.value, Framing::Line | Framing::Raw)
    });
    let waits = talk.ended_by(Role::Server).is_none()
        && talk.was_read() == Some(true)
        && !talk.client_holds_up()
        && facts.still_waiting()
        && facts.is_final(talk, Role::Server).is_ok()
        && facts.player(Role::Server).ok().flatten().is_some_and(|server| server.waits_for_ever());
    let several = talk.conversation.is_some_and(|conversation| conversation.turns.len() > 2)
        || talk.request().is_ok_and(|request| request.head.0.split(|byte| *byte == b'\n').count() > 2);
    (cut && known && waits && several && talk.server_end.as_ref().is_some_and(|end| end.unsent == Some(0))).then(|| {
        let what = format!(
            "The server has read all {} bytes and waits for more; {} came back, a whole number of blocks of {BLOCK}, which cuts \
             a message: the rest lies in a buffer inside the program until that is full.",
            exchange.asked, exchange.got
        );
        finding(&RULE, Side::Server, Confidence::Likely, what)
    })
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::{Close, How, Limit, Probe, Role, Shape, Stack};
    use crate::facts::staged::{Stage, frame, ms, pair, probe, process, talk};

    const NAME: &str = "reply-not-flushed";

    /// Answered only after a half-close.
    fn late(group: u32, shape: Shape, text: &str) -> Probe {
        let waited = if shape == Shape::Line { 505.0 } else { 0.4 };
        Probe {
            shape,
            group,
            before_half_close: 0,
            half_closed: true,
            close: Close::Fin,
            first_byte_ms: Some(waited),
            last_byte_ms: Some(waited),
            ..probe(text, text)
        }
    }

    fn waits_at(mut stage: Stage, source: &str) -> Stage {
        stage.traced(Role::Server).stacks.push(Stack {
            role: Role::Server,
            program: 0,
            of: "thread MainThread".to_owned(),
            frames: vec![frame("server.py", 7, "main", source)],
            within: "socket.readinto".to_owned(),
        });
        stage
    }

    fn kept(source: &str) -> Stage {
        let stage = pair().talk(talk(40001).asks("hello\n").open()).hangs();
        let probes = vec![late(1, Shape::Line, "probe one\n"), late(2, Shape::LineHalfClose, "probe two\n")];
        waits_at(stage.probed(probes), source)
    }

    #[test]
    fn the_server_is_back_at_reading_lines_and_answers_at_the_end_only() {
        let stage = kept("for line in inp:");
        assert_eq!(stage.fires(NAME).side, Side::Server);
        assert_eq!((stage.verdict().side, stage.verdict().fault.is_some()), (Side::Server, true));
    }

    #[test]
    fn a_server_that_reads_to_the_end_answers_at_the_end() {
        kept("data = inp.read()").silent(NAME);
    }

    /// A pair of which nothing was told, in any language; the server answers `early` of many bytes before their end.
    fn asked_for_much(asked: &str, early: u64) -> Stage {
        let bulk = format!("{}\n", "x".repeat(63)).repeat(1023);
        let much = Probe { before_half_close: early, ..late(3, Shape::Bulk, &bulk) };
        let probes = vec![late(1, Shape::Line, "probe one\n"), late(2, Shape::LineHalfClose, "probe two\n"), much];
        pair().untold().talk(talk(40001).asks(asked).open()).hangs().probed(probes)
    }

    #[test]
    fn whole_buffers_come_before_the_end_and_the_rest_after_it() {
        for early in [4096, 49_152, 61_440] {
            let stage = asked_for_much("hello\n", early);
            let found = stage.fires(NAME);
            assert_eq!((found.side, found.confidence), (Side::Server, Confidence::Likely), "{early}");
            assert!(found.evidence.contains(&"probes:2".to_owned()), "{:?}", found.evidence);
            assert_eq!((stage.verdict().side, stage.verdict().fault.as_deref()), (Side::Server, Some(NAME)));
        }
        assert_eq!(asked_for_much("hello", 4096).fires(NAME).side, Side::Both, "nobody told where such a message ends");
    }

    #[test]
    fn what_a_patient_client_got_too_late_lay_in_the_buffer_that_probes_have_shown() {
        let late = |early| {
            let mut stage = with_the_end(Limit::Forever).untold();
            stage.0.probes = asked_for_much("hello\n", early).0.probes;
            stage.fires(NAME).side
        };
        assert_eq!((late(4096), late(0)), (Side::Server, Side::Both));
    }

    #[test]
    fn a_server_that_waits_for_the_end_of_much_too_is_not_accused() {
        let stage = asked_for_much("hello\n", 0);
        stage.silent(NAME);
        assert_ne!(stage.verdict().side, Side::Server);
    }

    #[test]
    fn a_client_that_got_its_answer_or_has_not_been_read_has_nothing_to_complain_of() {
        let probes = |stage: Stage| stage.0.probes.clone();
        let much = probes(asked_for_much("hello\n", 49_152));
        let content = talk(40001).asks("hello\n").closes(Role::Client).answers("hello\n").closes(Role::Server);
        let mut content = pair().untold().talk(content).frozen(400.0);
        content.0.probes = much.clone();
        content.silent(NAME);
        assert_eq!(content.verdict().side, Side::None);
        let unread = talk(40001).asks("hello\n").open().end(Role::Server, |row| row.recv_queue = Some(6));
        let mut unread = pair().untold().talk(unread).hangs();
        unread.0.probes = much;
        unread.silent(NAME);
    }

    #[test]
    fn what_is_no_librarys_buffer_is_a_number_of_bytes_that_the_server_waits_for() {
        let stage = asked_for_much("hello\n", 65_024);
        stage.silent(NAME);
        assert_eq!(stage.verdict().fault.as_deref(), Some("server-waits-for-full-buffer"));
        assert_eq!(stage.verdict().side, Side::Server);
        assert_eq!(asked_for_much("hello", 65_024).verdict().side, Side::Both);
    }

    #[test]
    fn an_interrupted_recording_shows_no_hang() {
        assert_ne!(asked_for_much("hello\n", 49_152).interrupted().verdict().side, Side::Server);
    }

    /// The client gave up after 300 ms, and the reply came at once.
    fn with_the_end(limit: Limit) -> Stage {
        let talk = talk(40001).asks("hello\n").at(350.0).closes(Role::Client).answers("hello\n").resets(Role::Client);
        let mut stage = pair().talk(talk).frozen(400.0).exits(Role::Client, 350.05, How::Code(1));
        if let crate::evidence::Observed::Seen(programs) = &mut stage.0.programs {
            let look = crate::evidence::Sample { at: ms(200.0), processes: vec![process(0, "recvfrom", limit)] };
            programs.samples.insert(0, look);
        }
        stage
    }

    #[test]
    fn the_reply_comes_the_moment_the_client_ends_its_side() {
        let stage = with_the_end(Limit::Forever);
        assert_eq!(stage.fires(NAME).side, Side::Server);
        assert_eq!((stage.verdict().side, stage.verdict().fault.as_deref()), (Side::Server, Some(NAME)));
        assert_eq!(with_the_end(Limit::Forever).untold().fires(NAME).side, Side::Both);
    }

    #[test]
    fn a_server_at_work_may_have_been_about_to_answer() {
        let stage = with_the_end(Limit::Timed);
        stage.silent(NAME);
        assert_eq!(stage.verdict().fault.as_deref(), Some("client-gives-up-early"));
    }

    #[test]
    fn a_process_that_is_started_for_the_connection_is_no_work_on_the_answer() {
        let mut stage = with_the_end(Limit::Forever);
        let busy = |at| crate::evidence::Sample { at: ms(at), processes: vec![process(0, "clone", Limit::Timed)] };
        stage.programs().samples.insert(0, busy(60.0));
        assert_eq!(stage.fires(NAME).side, Side::Server);
        stage.programs().samples.insert(1, busy(330.0));
        stage.silent(NAME);
    }

    #[test]
    fn a_client_that_half_closes_in_its_own_time_is_content() {
        let talk = talk(40001).asks("hello\n").at(350.0).closes(Role::Client).answers("hello\n").closes(Role::Server);
        let stage = pair().talk(talk).frozen(400.0).exits(Role::Client, 360.0, How::Code(0));
        stage.silent(NAME);
        assert_eq!(stage.verdict().side, Side::None);
    }

    fn blocks(got: usize) -> Stage {
        let line = format!("{}\n", "x".repeat(99));
        let all = line.repeat(60);
        pair().talk(talk(40001).asks(&all).answers(&all[..got]).open()).waits(Role::Server, "read", Limit::Forever).hangs()
    }

    #[test]
    fn what_came_is_a_whole_block() {
        let stage = blocks(4096);
        assert_eq!(stage.fires(NAME).confidence, Confidence::Likely);
        assert_eq!(stage.verdict().side, Side::Server);
        blocks(4000).silent(NAME);
    }

    #[test]
    fn cannot_tell_what_it_did_not_see() {
        assert_eq!(blocks(4096).unseen("packets").unseen("sockets").cannot_tell(NAME), "packets");
        assert_eq!(blocks(4096).packets(|packets| packets.dropped = 1).cannot_tell(NAME), "packets");
    }
}
