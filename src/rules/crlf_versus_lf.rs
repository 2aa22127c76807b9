//! `crlf-versus-lf`: one side ends its lines with LF, the other one waits for CR LF.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Framing, Role, Source, Transport};
use crate::facts::{Echo, Exchange, Facts, Talk};

pub(super) static RULE: Rule = Rule {
    name: "crlf-versus-lf",
    symptoms: &[Symptom::Hangs, Symptom::Garbled],
    sides: &[Side::Client, Side::Server, Side::Both],
    shown_by: "the line ends that each side sends, and the one that the server answers to",
    seen_in: &[Look::Contents, Look::Waits, Look::Exceptions, Look::Agreement],
    over: Some(Transport::Tcp),
    explains: &[
        "missing-terminator", "missing-reply", "read-to-eof-without-half-close", "corrupted-reply", "truncated-reply",
        "unterminated-reply", "client-gives-up-early", "client-failed",
    ],
    check,
};

fn check(facts: &Facts) -> Ruling {
    let exchanges = facts.exchanges()?;
    if let Some((talk, exchange)) = exchanges.iter().find(|(talk, exchange)| server_wants_both(talk, exchange, facts)) {
        return client_sends_one(talk, exchange, facts);
    }
    match exchanges.iter().find(|(talk, _)| lost_its_cr(talk, facts)) {
        Some((talk, _)) => server_sends_one(talk, facts),
        None => Ok(Call::Silent),
    }
}

/// The client's line ended in LF alone, and the server goes on waiting: probes showed that CR LF ends a line for it and LF
/// does not, or it waits at a line of its source that says so.
fn server_wants_both(talk: &Talk, exchange: &Exchange, facts: &Facts) -> bool {
    let Ok(request) = talk.request() else { return false };
    let last = if request.tail.is_empty() { &request.head.0 } else { &request.tail.0 };
    let waits = talk.transport == Transport::Tcp
        && talk.ended_by(Role::Server).is_none()
        && (facts.still_waiting() || talk.ended_by(Role::Client).is_some() && exchange.got == 0);
    let shown = match exchange.echo {
        Echo::Pending => facts.contract.framing.as_ref().is_some_and(|term| term.value == Framing::Line),
        Echo::Nothing => waits_for_crlf(facts, Role::Server),
        _ => false,
    };
    waits && shown && last.ends_with(b"\n") && !last.ends_with(b"\r\n")
}

fn waits_for_crlf(facts: &Facts, role: Role) -> bool {
    facts.line_where_waits(role).is_some_and(|(line, _)| line.source.contains("\\r\\n"))
}

fn client_sends_one(talk: &Talk, exchange: &Exchange, facts: &Facts) -> Ruling {
    facts.capture_is_whole()?;
    let gave_up = talk.ended_by(Role::Client).is_some();
    if !gave_up {
        facts.is_final(talk, Role::Server)?;
    }
    let probed = exchange.echo == Echo::Pending;
    let known = if probed { "as it showed when netdiag asked it" } else { "as the line at which it waits says" };
    let sure = if facts.hang_proven() || gave_up { Confidence::Proven } else { Confidence::Likely };
    // The server owns the protocol unless somebody wrote one down; `lines` leaves open what ends one.
    let (side, sure) = if facts.contract.framing_is_told() { (Side::Both, Confidence::Likely) } else { (Side::Client, sure) };
    finding(
        &RULE,
        side,
        sure,
        format!(
            "The client ends its line with LF. The server waits for CR LF, {known}: it has read the line and goes on waiting \
             for its end; the client waits for the reply."
        ),
    )
    .because(talk.references())
    .at(facts.only_line(Role::Client, |text| &text.sends).or_else(|| facts.line_where_waits(Role::Server).filter(|_| !probed)))
    .fix("Agree on one line end: send both bytes (`b\"hello\\r\\n\"`), and accept LF as well as CR LF when reading.")
    .fires()
}

/// The client's line ended in CR LF, the reply is the same but for its CR, and the client waits at a line that names both.
fn lost_its_cr(talk: &Talk, facts: &Facts) -> bool {
    let (Ok(request), Ok(response)) = (talk.request(), talk.response()) else { return false };
    let (sent, got) = (&request.head.0, &response.head.0);
    let without_cr = |bytes: &[u8]| bytes.iter().copied().filter(|byte| *byte != b'\r').collect::<Vec<_>>();
    talk.transport == Transport::Tcp
        && facts.still_waiting()
        && talk.is_open()
        && request.is_whole()
        && response.is_whole()
        && sent.ends_with(b"\r\n")
        && got.ends_with(b"\n")
        && !got.ends_with(b"\r\n")
        && without_cr(sent) == without_cr(got)
        && waits_for_crlf(facts, Role::Client)
}

fn server_sends_one(talk: &Talk, facts: &Facts) -> Ruling {
    facts.capture_is_whole()?;
    facts.is_final(talk, Role::Client)?;
    let exact = facts.contract.reply.as_ref().is_some_and(|term| term.source == Source::Told);
    finding(
        &RULE,
        if exact { Side::Server } else { Side::Both },
        Confidence::Likely,
        "The client sent a line with CR LF, and the server's reply ends with LF alone. The client has read it and goes on \
         waiting for CR LF.",
    )
    .because(talk.references())
    .at(facts.line_where_waits(Role::Client))
    .fix("Send the line back as it was received, with its CR; and accept LF as well as CR LF when reading.")
    .fires()
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::Side;
    use crate::evidence::{Contract, Role, Stack};
    use crate::facts::staged::{Stage, frame, pair, talk};

    const NAME: &str = "crlf-versus-lf";

    fn waits_at(mut stage: Stage, role: Role, source: &str) -> Stage {
        let stack = Stack {
            role,
            program: usize::from(role == Role::Client),
            of: "thread MainThread".to_owned(),
            frames: vec![frame("it.py", 7, "main", source)],
            within: "socket.recv".to_owned(),
        };
        stage.traced(role).stacks.push(stack);
        stage
    }

    fn lf() -> Stage {
        waits_at(pair().talk(talk(40001).asks("hello\n").open()).hangs(), Role::Server, "line = readuntil(b\"\\r\\n\")")
    }

    fn cr_lost() -> Stage {
        let talk = talk(40001).asks("hello\r\n").answers("hello\n").open();
        waits_at(pair().talk(talk).hangs(), Role::Client, "while not back.endswith(b\"\\r\\n\"): back += sock.recv(100)")
    }

    #[test]
    fn a_server_that_waits_for_both_bytes_gets_one() {
        assert_eq!(lf().fires(NAME).side, Side::Both);
        assert_eq!(lf().verdict().fault.as_deref(), Some(NAME));
        let untold = lf().contract(|terms: &mut Contract| terms.framing = None);
        assert_eq!(untold.fires(NAME).side, Side::Client);
        assert_eq!(untold.verdict().side, Side::Client);
    }

    #[test]
    fn a_reply_may_lose_its_cr() {
        assert_eq!(cr_lost().fires(NAME).side, Side::Server);
        assert_eq!((cr_lost().verdict().side, cr_lost().verdict().fault.as_deref()), (Side::Server, Some(NAME)));
        assert_eq!(cr_lost().untold().fires(NAME).side, Side::Both);
    }

    #[test]
    fn a_server_that_reads_lines_and_is_mute_has_another_fault() {
        let stage = waits_at(pair().talk(talk(40001).asks("hello\n").open()).hangs(), Role::Server, "line = f.readline()");
        stage.silent(NAME);
    }

    #[test]
    fn a_line_with_both_bytes_has_its_end() {
        let stage = pair().talk(talk(40001).asks("hello\r\n").open()).hangs();
        waits_at(stage, Role::Server, "line = readuntil(b\"\\r\\n\")").silent(NAME);
    }

    #[test]
    fn a_client_that_is_content_with_lf_waits_for_nothing() {
        let stage = pair().talk(talk(40001).asks("hello\r\n").answers("hello\n").closes(Role::Client));
        stage.silent(NAME);
    }

    #[test]
    fn cannot_tell_what_it_did_not_see() {
        assert_eq!(lf().packets(|packets| packets.dropped = 1).cannot_tell(NAME), "packets");
        assert_eq!(lf().unseen("packets").unseen("sockets").cannot_tell(NAME), "packets");
    }
}
