//! `short-write-ignored`: the server wrote into a full buffer and did not look how much of it was taken.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Note, Port, Role, Transport};
use crate::facts::{Echo, Exchange, Facts, Talk};

pub(super) static RULE: Rule = Rule {
    name: "short-write-ignored",
    symptoms: &[Symptom::Garbled, Symptom::Hangs],
    sides: &[Side::Server],
    shown_by: "how much of a large reply came while the client did not read",
    seen_in: &[Look::Contents],
    over: Some(Transport::Tcp),
    explains: &["truncated-reply", "missing-reply", "corrupted-reply", "early-close", "client-gives-up-early", "client-failed"],
    check,
};

fn check(facts: &Facts) -> Ruling {
    let exchanges = facts.exchanges()?;
    let short = exchanges.iter().find(|(talk, exchange)| lost_at_a_shut_window(talk, exchange, facts));
    let Some((talk, exchange)) = short else { return Ok(Call::Silent) };
    if facts.server_ended_badly() {
        return super::ruled_out("the server's program ended");
    }
    facts.capture_is_whole()?;
    if talk.ended_by(Role::Server).is_none() {
        facts.is_final(talk, Role::Server)?;
    }
    finding(
        &RULE,
        Side::Server,
        Confidence::Likely,
        format!(
            "{} of {} bytes came back. For a while the client's window was shut, as it is for every large reply; what the \
             server could not write then, it never wrote: it has read everything, and nothing is left in its socket.",
            exchange.got, exchange.asked
        ),
    )
    .because(talk.references())
    .because(talk.closing_references(Role::Server))
    .at(facts.only_line(Role::Server, |text| &text.sends))
    .fix("Write until everything is taken: `sendall`, or keep the rest and go on when the socket is writable again.")
    .fires()
}

/// Bytes of a reply are missing, the client's window was shut while it came and opened again, and the server has neither
/// anything unread nor anything unsent.
fn lost_at_a_shut_window(talk: &Talk, exchange: &Exchange, facts: &Facts) -> bool {
    let Some(conversation) = talk.conversation else { return false };
    let missing = match exchange.echo {
        Echo::Short { owed, .. } => exchange.got < owed,
        // A piece is missing in the middle: what came is right up to there.
        Echo::Differs { at, .. } => at >= 1024 && exchange.got < exchange.asked,
        _ => false,
    };
    let was_shut = conversation.segments.iter().any(|segment| {
        segment.from == Port::Dialler && segment.note == Some(Note::ZeroWindow) && !segment.flags.rst
    });
    let opened = conversation.sent.zero_window.is_none();
    let done = talk.server_end.as_ref().is_none_or(|end| {
        end.unsent.unwrap_or_default() == 0 && end.unread.unwrap_or_default() == 0
    });
    let left_first = talk.rst(Role::Client).is_some()
        && talk.ended_by(Role::Server).is_none_or(|server| talk.ended_by(Role::Client) < Some(server));
    let over = facts.still_waiting() || talk.ended_by(Role::Server).is_some();
    talk.transport == Transport::Tcp
        && exchange.got > 0
        && missing
        && was_shut
        && opened
        && done
        && over
        && !left_first
        && talk.rst(Role::Server).is_none()
        && !talk.client_holds_up()
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::Side;
    use crate::evidence::{Flags, Note, Port, Role};
    use crate::facts::staged::{Stage, Talk, pair, talk};

    const NAME: &str = "short-write-ignored";

    fn shuts(mut talk: Talk, at: f64) -> Talk {
        let segment = talk.segment(at, Port::Dialler, Flags { ack: true, ..Flags::default() }, b"");
        (segment.window, segment.note) = (0, Some(Note::ZeroWindow));
        talk
    }

    /// The reply stops where the client's window was shut.
    fn cut() -> Talk {
        let long = "x".repeat(3000) + "\n";
        let talk = shuts(talk(40001).asks(&long).answers(&long[..2000]), 60.0);
        talk.ack(61.0, Port::Dialler).open()
    }

    fn stuck(talk: Talk) -> Stage {
        pair().talk(talk).hangs()
    }

    #[test]
    fn what_did_not_fit_was_never_written() {
        let stage = stuck(cut());
        assert_eq!(stage.fires(NAME).side, Side::Server);
        assert_eq!(stage.verdict().side, Side::Server);
    }

    #[test]
    fn without_a_shut_window_a_reply_is_merely_cut() {
        let long = "x".repeat(3000) + "\n";
        let stage = stuck(talk(40001).asks(&long).answers(&long[..2000]).open());
        stage.silent(NAME);
        assert_eq!(stage.verdict().fault.as_deref(), Some("truncated-reply"));
    }

    #[test]
    fn a_server_with_bytes_still_to_send_forgot_nothing() {
        stuck(cut().end(Role::Server, |row| row.send_queue = Some(1001))).silent(NAME);
    }

    #[test]
    fn a_client_that_does_not_read_keeps_the_rest_back() {
        let talk = cut().end(Role::Server, |row| row.send_queue = Some(1001)).end(Role::Client, |row| row.recv_queue = Some(9));
        stuck(talk).silent(NAME);
    }

    #[test]
    fn a_whole_reply_may_meet_a_shut_window() {
        let long = "x".repeat(3000) + "\n";
        let talk = shuts(talk(40001).asks(&long).answers(&long[..2000]), 60.0).answers(&long[2000..]).closes(Role::Client);
        let stage = pair().talk(talk);
        stage.silent(NAME);
        assert_eq!(stage.verdict().side, Side::None);
    }

    #[test]
    fn cannot_tell_what_it_did_not_see() {
        assert_eq!(stuck(cut()).unseen("packets").unseen("sockets").cannot_tell(NAME), "packets");
        assert_eq!(stuck(cut()).packets(|packets| packets.dropped = 1).cannot_tell(NAME), "packets");
    }
}
