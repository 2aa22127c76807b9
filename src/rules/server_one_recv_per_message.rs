//! `server-one-recv-per-message`: the server takes what one read brought for the whole message, and the rest is lost.

use super::{Call, Look, Rule, Ruling, Symptom, Transport, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Framing, Reply, Role, Source};
use crate::facts::{Echo, Exchange, Facts, Talk};

pub(super) static RULE: Rule = Rule {
    name: "server-one-recv-per-message",
    symptoms: &[Symptom::Garbled, Symptom::Lost, Symptom::Hangs],
    sides: &[Side::Server],
    shown_by: "whether two messages in one write, or one in two, are answered",
    seen_in: &[Look::Contents, Look::Waits, Look::Agreement],
    over: Some(Transport::Tcp),
    explains: &[
        "truncated-reply", "server-closes-with-unread-data", "missing-reply", "early-close", "reset", "half-close-dropped",
        "corrupted-reply", "client-gives-up-early", "client-failed",
    ],
    check,
};

const FIX: &str = "TCP keeps no borders: collect what arrives, cut it where a message ends, and answer every message in it.";

fn check(facts: &Facts) -> Ruling {
    if let Some(probes) = facts.answers_first_of_joined().filter(|_| facts.is_alone()) {
        let what = "Of two lines that netdiag sent in a single write only the first was answered.";
        return finding(&RULE, Side::Server, Confidence::Likely, what)
            .because(probes)
            .at(facts.only_line(Role::Server, |text| &text.receives))
            .fix(FIX)
            .fires();
    }
    let exchanges = facts.exchanges()?;
    for (talk, exchange) in &exchanges {
        let Some((what, sure)) = closed_on_the_rest(talk, exchange, facts)
            .or_else(|| lost_the_second_line(talk, exchange, facts))
            .or_else(|| answered_each_piece(talk, exchange, facts))
        else {
            continue;
        };
        facts.capture_is_whole()?;
        if facts.server_ended_badly() {
            return super::ruled_out("the server's program ended");
        }
        return finding(&RULE, Side::Server, sure, what)
            .because(talk.references())
            .because(talk.closing_references(Role::Server))
            .at(facts.only_line(Role::Server, |text| &text.receives))
            .fix(FIX)
            .fires();
    }
    Ok(Call::Silent)
}

/// The reply is the beginning of the request, cut where one read ended, and the kernel reset the connection because the
/// server closed it with the rest unread.
fn closed_on_the_rest(talk: &Talk, exchange: &Exchange, facts: &Facts) -> Option<(String, Confidence)> {
    let closed = talk.rst(Role::Server)?;
    let (asked, got) = (talk.request().ok()?, talk.response().ok()?);
    let cut = exchange.got > 0 && exchange.got < exchange.asked && matches!(exchange.echo, Echo::Short { .. } | Echo::Differs { .. });
    let a_beginning = cut && asked.head.0.starts_with(&got.head.0);
    // All had arrived when the server closed, and nobody had reset before.
    let was_there = asked.last.is_some_and(|last| last < closed) && talk.rst(Role::Client).is_none();
    let by_a_read = is_round(exchange.got) || talk.borders().any(|border| border == exchange.got);
    // One line of several, answered and closed, is a matter of how long a connection lasts.
    let mid_line = !got.head.0.ends_with(b"\n") || got.tail.0.last().is_some_and(|byte| *byte != b'\n');
    if !(a_beginning && was_there && by_a_read && mid_line) {
        return None;
    }
    // A reference partner with a short message does not clear it: this shows with the pair's own messages only.
    let known = !facts.contract.reply_is_assumed();
    Some((
        format!(
            "The server echoed the first {} of {} bytes and closed the connection with the rest unread, so its kernel reset \
             it: it took what one read brought for the whole message.",
            exchange.got, exchange.asked
        ),
        if known { Confidence::Proven } else { Confidence::Likely },
    ))
}

/// Sizes that people give to buffers.
fn is_round(bytes: u64) -> bool {
    bytes >= 64 && (bytes.is_multiple_of(64) || bytes.is_multiple_of(100))
}

/// Of several lines that arrived together only the first one was answered, and the server goes on waiting.
fn lost_the_second_line(talk: &Talk, exchange: &Exchange, facts: &Facts) -> Option<(String, Confidence)> {
    let framing = facts.contract.framing.as_ref().filter(|term| term.source != Source::Assumed)?;
    let waits = talk.ended_by(Role::Server).is_none() && talk.was_read() != Some(false);
    let gone_on = facts.still_waiting() || talk.ended_by(Role::Client).is_some();
    if framing.value != Framing::Line || exchange.got == 0 || !waits || !gone_on || facts.is_final(talk, Role::Server).is_err() {
        return None;
    }
    if !matches!(exchange.echo, Echo::Short { .. } | Echo::Differs { .. } | Echo::Nothing) {
        return None;
    }
    let reply = facts.contract.reply.as_ref().filter(|term| term.source != Source::Assumed)?;
    let asked = &talk.request().ok().filter(|request| request.is_whole())?.head.0;
    let got = &talk.response().ok().filter(|response| response.is_whole())?.head.0;
    let (mut first_lines, mut lost, mut from) = (Vec::new(), 0, 0usize);
    for border in talk.borders() {
        let arrived = asked.get(from..usize::try_from(border).ok()?)?;
        from = usize::try_from(border).ok()?;
        // A line in several pieces needs another explanation.
        let body = arrived.strip_suffix(b"\n")?;
        let mut lines = body.split(|byte| *byte == b'\n');
        let first = [lines.next()?, b"\n"].concat();
        first_lines.extend(crate::facts::dialect::expected(&reply.value, Framing::Line, &first));
        lost += lines.count();
    }
    (lost > 0 && first_lines == *got).then(|| {
        let behind = if lost == 1 { "the line".to_owned() } else { format!("{lost} lines") };
        let what = format!(
            "Whenever several lines arrived together, the server answered the first one only; {behind} behind it got no answer."
        );
        (what, Confidence::Proven)
    })
}

/// A long message came in several pieces, and the server answered each of them as if it were a message.
fn answered_each_piece(talk: &Talk, exchange: &Exchange, facts: &Facts) -> Option<(String, Confidence)> {
    let reply = facts.contract.reply.as_ref().filter(|term| term.source == Source::Told)?;
    let (Reply::Prefix(around) | Reply::Suffix(around)) = &reply.value else { return None };
    if !matches!(exchange.echo, Echo::Differs { .. } | Echo::Surplus { .. }) || around.len() < 2 {
        return None;
    }
    let asked = &talk.request().ok().filter(|request| request.is_whole())?.head.0;
    let got = &talk.response().ok().filter(|response| response.is_whole())?.head.0;
    let without = |bytes: &[u8]| {
        let mut kept = Vec::with_capacity(bytes.len());
        let (mut rest, mut times) = (bytes, 0);
        while let Some(byte) = rest.first() {
            if rest.starts_with(&around.0) {
                times += 1;
                rest = &rest[around.len()..];
            } else {
                kept.push(*byte);
                rest = &rest[1..];
            }
        }
        (kept, times)
    };
    let ((own, said), (bare, times)) = (without(asked), without(got));
    let messages = asked.split_inclusive(|byte| *byte == b'\n').count();
    (said == 0 && own == bare && times > messages).then(|| {
        let what = format!(
            "The server answered {messages} message{} as if there were {times}: it took each piece that arrived for a message \
             of its own.",
            if messages == 1 { "" } else { "s" }
        );
        (what, Confidence::Proven)
    })
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::{Contract, Framing, Reply, Role, Term};
    use crate::facts::staged::{Stage, Talk, pair, talk};

    const NAME: &str = "server-one-recv-per-message";

    fn long() -> String {
        format!("{}\n", "a long message ".repeat(20))
    }

    /// The first 128 bytes came back, then the server closed with the rest unread.
    fn cut() -> Talk {
        talk(40001).asks(&long()).answers(&long()[..128]).resets(Role::Server)
    }

    fn raw(stage: Stage) -> Stage {
        stage.contract(|terms| terms.framing = Some(Term::told(Framing::Raw)))
    }

    #[test]
    fn the_server_closes_on_what_one_read_left() {
        for stage in [pair().talk(cut()), raw(pair().talk(cut()))] {
            assert_eq!(stage.fires(NAME).side, Side::Server);
            assert_eq!(stage.verdict().fault.as_deref(), Some(NAME));
        }
        assert_eq!(pair().untold().talk(cut()).fires(NAME).confidence, Confidence::Likely);
    }

    #[test]
    fn a_client_that_half_closed_has_not_left() {
        let talk = talk(40001).asks(&long()).closes(Role::Client).answers(&long()[..128]).resets(Role::Server);
        let stage = pair().untold().talk(talk);
        assert_eq!((stage.verdict().side, stage.verdict().fault.as_deref()), (Side::Server, Some(NAME)));
    }

    #[test]
    fn of_two_lines_in_one_segment_the_second_is_lost() {
        let stage = pair().talk(talk(40001).asks("one\ntwo\n").answers("one\n").open()).hangs();
        assert_eq!(stage.fires(NAME).side, Side::Server);
        assert_eq!(stage.verdict().fault.as_deref(), Some(NAME));
    }

    #[test]
    fn a_line_that_came_by_itself_is_lost_by_something_else() {
        pair().talk(talk(40001).echoes("one\n").asks("two\n").open()).hangs().silent(NAME);
        pair().talk(talk(40001).asks("one\ntwo\n").answers("two\n").open()).hangs().silent(NAME);
    }

    #[test]
    fn a_piece_is_answered_like_a_message() {
        let prefix = |terms: &mut Contract| terms.reply = Some(Term::told(Reply::Prefix("Echo: ".into())));
        let pieces = talk(40001).asks("hello world\n").answers("Echo: hello Echo: world\n").closes(Role::Client);
        assert_eq!(pair().contract(prefix).talk(pieces).fires(NAME).side, Side::Server);
        let whole = talk(40001).asks("hello\nworld\n").answers("Echo: hello\nEcho: world\n").closes(Role::Client);
        pair().contract(prefix).talk(whole).silent(NAME);
    }

    #[test]
    fn joined_messages_that_all_come_back_are_right() {
        let stage = raw(pair()).talk(talk(40001).asks("one").asks("two").answers("onetwo").closes(Role::Client));
        stage.silent(NAME);
        assert_eq!(stage.verdict().side, Side::None);
    }

    #[test]
    fn a_server_that_answers_one_line_and_closes_has_read_what_it_wanted() {
        let line = format!("{}\n", "x".repeat(63));
        pair().talk(talk(40001).asks(&line.repeat(3)).answers(&line).resets(Role::Server)).silent(NAME);
    }

    #[test]
    fn a_client_that_reset_first_was_not_cut_off() {
        pair().talk(talk(40001).asks(&long()).answers(&long()[..128]).resets(Role::Client)).silent(NAME);
    }

    #[test]
    fn cannot_tell_what_it_did_not_see() {
        assert_eq!(pair().talk(cut()).unseen("packets").unseen("sockets").cannot_tell(NAME), "packets");
        assert_eq!(pair().talk(cut()).packets(|packets| packets.dropped = 1).cannot_tell(NAME), "packets");
    }
}
