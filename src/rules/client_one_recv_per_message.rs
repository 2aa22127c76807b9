//! `client-one-recv-per-message`: the client takes what one read brought for the whole reply, and leaves.

use super::{Call, Look, Rule, Ruling, Symptom, Transport, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Bytes, Role};
use crate::facts::{Echo, Exchange, Facts, Talk};

pub(super) static RULE: Rule = Rule {
    name: "client-one-recv-per-message",
    symptoms: &[Symptom::Garbled],
    sides: &[Side::Client],
    shown_by: "how much of the reply had come when the client went on",
    seen_in: &[Look::Contents, Look::Output],
    over: Some(Transport::Tcp),
    explains: &["client-closes-with-unread-data", "client-gives-up-early", "client-failed", "reset", "truncated-reply"],
    check,
};

fn check(facts: &Facts) -> Ruling {
    let exchanges = facts.exchanges()?;
    for (talk, exchange) in &exchanges {
        if !left_bytes_behind(talk) {
            continue;
        }
        let Some(seen) = took_a_part(talk, exchange, facts) else { continue };
        facts.capture_is_whole()?;
        return finding(
            &RULE,
            Side::Client,
            Confidence::Likely,
            format!(
                "The client took a part of its reply for the whole and closed with the rest unread, so its kernel reset the \
                 connection (RST). {seen}"
            ),
        )
        .because(talk.references())
        .because(talk.closing_references(Role::Client))
        .at(facts.only_line(Role::Client, |text| &text.receives))
        .fix("Read until the reply is complete (its length, its newline, the end); one recv returns what has come by then.")
        .fires();
    }
    Ok(Call::Silent)
}

/// The client reset the connection, as a kernel does for a program that closes with bytes unread, and the server had not.
fn left_bytes_behind(talk: &Talk) -> bool {
    let left = talk.rst(Role::Client);
    left.is_some() && talk.ended_by(Role::Server).is_none_or(|server| talk.ended_by(Role::Client) < Some(server))
}

/// What shows that the client had begun to read the reply and had not read all of it.
fn took_a_part(talk: &Talk, exchange: &Exchange, facts: &Facts) -> Option<String> {
    let right_so_far = matches!(exchange.echo, Echo::Right | Echo::Short { .. });
    // A reply that came when it had left it has not read at all.
    if exchange.got == 0 || !right_so_far || facts.left_before_the_reply(talk) {
        return None;
    }
    if let Some(line) = facts.line_printed_in_part(talk).filter(|line| !line.in_pieces) {
        let shown = Bytes::from(&line.shown[line.shown.len().saturating_sub(24)..]).escaped();
        let left = Bytes::from(&line.left[..line.left.len().min(24)]).escaped();
        return Some(format!("What it printed breaks off after `{shown}`; `{left}` had come as well."));
    }
    // It waited for the reply, got some of it, and said itself that this was not what it wanted. One that waited for long,
    // while the server sat still, did not go on too early.
    let in_the_middle = matches!(exchange.echo, Echo::Short { .. })
        && came_in_pieces(talk)
        && !facts.rested_until_the_client_left(talk);
    (in_the_middle && facts.a_client_failed() && !failed_over_another(talk, facts))
        .then(|| format!("{} right bytes had come, more were under way, and it ended with an error.", exchange.got))
}

/// Whether the client had a later conversation, or one that got no reply, to fail over.
fn failed_over_another(talk: &Talk, facts: &Facts) -> bool {
    let ended = talk.ended_by(Role::Client);
    facts.exchanges().is_ok_and(|exchanges| {
        let others = exchanges.iter().filter(|(other, _)| other.client != talk.client);
        others.into_iter().any(|(other, exchange)| Some(other.began) > ended || exchange.echo == Echo::Nothing)
    }) || facts.dials().is_ok_and(|dials| dials.iter().any(|dial| Some(dial.at) > ended))
}

fn came_in_pieces(talk: &Talk) -> bool {
    talk.conversation.is_some_and(|conversation| {
        conversation.segments.iter().filter(|s| s.from == crate::evidence::Port::Listener && s.len > 0).count() > 1
            || conversation.segments_omitted > 0
    })
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::Side;
    use crate::evidence::{How, Limit, Output, Role, Sample};
    use crate::facts::staged::{Stage, Talk, ms, pair, process, talk};

    const NAME: &str = "client-one-recv-per-message";
    const LONG: &str = "The quick brown fox jumps over the lazy dog\n";

    fn prints(stage: Stage, text: &str) -> Stage {
        let output = Output { total: text.len() as u64, head: text.into(), ..Output::default() };
        stage.program(Role::Client, |client| client.stdout = Some(output.clone()))
    }

    fn whole() -> Talk {
        talk(40001).echoes(LONG).resets(Role::Client)
    }

    #[test]
    fn the_client_prints_a_part_and_resets() {
        let stage = prints(pair().talk(whole()), "Reply: The quick brown \n");
        assert_eq!(stage.fires(NAME).side, Side::Client);
        assert_eq!((stage.verdict().side, stage.verdict().fault.as_deref()), (Side::Client, Some(NAME)));
    }

    #[test]
    fn the_client_fails_over_a_part() {
        let pieces = talk(40001).asks(LONG).answers(&LONG[..9]).answers(&LONG[9..20]).resets(Role::Client);
        let stage = pair().talk(pieces).exits(Role::Client, 60.0, How::Code(1));
        assert_eq!(stage.fires(NAME).side, Side::Client);
        assert_eq!(stage.verdict().fault.as_deref(), Some(NAME));
    }

    #[test]
    fn one_that_waited_for_the_rest_in_vain_did_not_take_a_part_for_the_whole() {
        let after = |limit| {
            let pieces = talk(40001).asks(LONG).answers(&LONG[..9]).at(5000.0).answers(&LONG[9..20]).resets(Role::Client);
            let mut stage = pair().talk(pieces).exits(Role::Client, 5001.0, How::Code(1)).frozen(5100.0);
            let look = Sample { at: ms(2000.0), processes: vec![process(0, "epoll_wait", limit)] };
            stage.programs().samples.insert(0, look);
            stage
        };
        after(Limit::Forever).silent(NAME);
        after(Limit::Timed).fires(NAME);
    }

    #[test]
    fn one_that_went_on_to_talk_failed_over_something_else() {
        let pieces = || talk(40001).asks(LONG).answers(&LONG[..9]).answers(&LONG[9..20]).resets(Role::Client);
        let failed = |stage: Stage| stage.exits(Role::Client, 500.0, How::Code(1)).frozen(600.0);
        failed(pair().talk(pieces())).fires(NAME);
        failed(pair().talk(pieces()).talk(talk(40002).at(400.0).asks("hello\n").closes(Role::Server))).silent(NAME);
    }

    #[test]
    fn one_that_printed_everything_read_everything() {
        prints(pair().talk(whole()), LONG).silent(NAME);
        prints(pair().talk(whole()), "The quick brown \nfox jumps over th\ne lazy dog\n").silent(NAME);
    }

    #[test]
    fn one_that_prints_nothing_may_have_read_everything() {
        pair().talk(whole()).silent(NAME);
        prints(pair().talk(whole()), "44 bytes came back\n").silent(NAME);
    }

    #[test]
    fn one_that_closes_in_order_has_left_nothing_behind() {
        prints(pair().talk(talk(40001).echoes(LONG).closes(Role::Client)), "The quick brown").silent(NAME);
    }

    #[test]
    fn one_that_prints_some_of_the_lines_may_have_read_them_all() {
        let lines = "first line of three\nsecond line of three\nthird line\n";
        prints(pair().talk(talk(40001).echoes(lines).resets(Role::Client)), "got: first line of three\n").silent(NAME);
    }

    #[test]
    fn cannot_tell_what_it_did_not_see() {
        let stage = prints(pair().talk(whole()), "Reply: The quick brown \n");
        assert_eq!(stage.clone().unseen("packets").unseen("sockets").cannot_tell(NAME), "packets");
        assert_eq!(stage.packets(|packets| packets.dropped = 1).cannot_tell(NAME), "packets");
    }
}
