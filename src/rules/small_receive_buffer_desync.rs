//! `small-receive-buffer-desync`: the client reads less than a reply has, and takes the rest for the next reply.

use super::{Call, Look, Rule, Ruling, Symptom, Transport, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Bytes, Role};
use crate::facts::{CutLine, Echo, Facts};

pub(super) static RULE: Rule = Rule {
    name: "small-receive-buffer-desync",
    symptoms: &[Symptom::Garbled],
    sides: &[Side::Client],
    shown_by: "how much of each reply the client read",
    seen_in: &[Look::Contents, Look::Output],
    over: Some(Transport::Tcp),
    explains: &["client-one-recv-per-message", "client-gives-up-early", "client-failed"],
    check,
};

/// Fewer bytes may well come up by chance.
const TELLING: usize = 4;

fn check(facts: &Facts) -> Ruling {
    let exchanges = facts.exchanges()?;
    let found = exchanges.iter().find_map(|(talk, exchange)| {
        let right = matches!(exchange.echo, Echo::Right | Echo::Short { .. });
        let left = talk.rst(Role::Client).is_some() || facts.still_waiting();
        // One who shows each reply in several pieces reads on; this one shows one piece for each question.
        let rounds = talk.rounds().len();
        let one_each = rounds > 1 && facts.lines_printed() <= rounds + 1;
        let line = facts.line_printed_in_part(talk).filter(|_| right && left && one_each)?;
        let next = next_piece(&line, facts)?;
        Some((talk, line, next))
    });
    let Some((talk, line, next)) = found else { return Ok(Call::Silent) };
    facts.capture_is_whole()?;
    finding(
        &RULE,
        Side::Client,
        Confidence::Likely,
        format!(
            "The client reads {} bytes at a time, and its replies are longer: it showed `{}` for the first one and took the rest \
             of it, `{}`, for the next. The replies on the wire are right.",
            line.shown.len(),
            Bytes::from(line.shown.as_slice()).escaped(),
            Bytes::from(next.as_slice()).escaped()
        ),
    )
    .because(talk.references())
    .because(talk.closing_references(Role::Client))
    .at(facts.only_line(Role::Client, |text| &text.receives))
    .fix("Read on until the reply is complete (its newline, its length) before the next question is asked.")
    .fires()
}

/// The piece behind the one that was shown, of the same size, if the client showed that by itself.
fn next_piece(line: &CutLine, facts: &Facts) -> Option<Vec<u8>> {
    let piece = &line.left[..line.shown.len().min(line.left.len())];
    (piece.len() >= TELLING && facts.client_printed(piece)).then(|| piece.to_vec())
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::Side;
    use crate::evidence::{How, Output, Role};
    use crate::facts::staged::{Stage, pair, talk};

    const NAME: &str = "small-receive-buffer-desync";

    fn prints(text: &str) -> Stage {
        let output = Output { total: text.len() as u64, head: text.into(), ..Output::default() };
        let talk = talk(40001).echoes("What is your name?\n").echoes("What is your quest?\n").resets(Role::Client);
        pair().talk(talk).program(Role::Client, |client| client.stdout = Some(output.clone()))
    }

    #[test]
    fn the_rest_of_one_reply_is_taken_for_the_next() {
        let stage = prints("'What is '\n'your nam'\n").exits(Role::Client, 60.0, How::Code(1));
        assert_eq!(stage.fires(NAME).side, Side::Client);
        assert_eq!((stage.verdict().side, stage.verdict().fault.as_deref()), (Side::Client, Some(NAME)));
    }

    #[test]
    fn whole_replies_are_in_step() {
        prints("What is your name?\nWhat is your quest?\n").silent(NAME);
    }

    #[test]
    fn a_reply_printed_piece_by_piece_was_read() {
        prints("What is \nyour nam\ne?\nWhat is \nyour que\nst?\n").silent(NAME);
    }

    #[test]
    fn one_part_alone_is_another_fault() {
        let stage = prints("'What is '\n");
        stage.silent(NAME);
        stage.fires("client-one-recv-per-message");
    }

    #[test]
    fn cannot_tell_what_it_did_not_see() {
        let stage = prints("'What is '\n'your nam'\n");
        assert_eq!(stage.clone().unseen("packets").unseen("sockets").cannot_tell(NAME), "packets");
        assert_eq!(stage.packets(|packets| packets.dropped = 1).cannot_tell(NAME), "packets");
    }
}
