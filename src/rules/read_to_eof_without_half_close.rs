//! `read-to-eof-without-half-close`: a client waits for an end of file that its own open sending side holds back.

use super::{Call, Rule, Ruling, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Framing, Lifetime, Role, Source, Transport};
use crate::facts::{Echo, Facts, Talk};

pub(super) static RULE: Rule = Rule {
    name: "read-to-eof-without-half-close",
    explains: &["missing-reply", "client-gives-up-early", "client-failed"],
    check,
};

fn check(facts: &Facts) -> Ruling {
    if !facts.still_waiting() {
        return Ok(Call::Silent);
    }
    let exchanges = facts.exchanges()?;
    // A server that forgets to flush looks just like one that reads until EOF; only a told contract tells them apart.
    let framing = facts.contract.framing.as_ref().filter(|term| term.source == Source::Told);
    let until_eof = framing.is_some_and(|term| term.value == Framing::UntilEof);
    let waits = |talk: &Talk| {
        talk.transport == Transport::Tcp
            && talk.is_open()
            && talk.fin(Role::Client).is_none()
            && talk.ended_by(Role::Server).is_none()
            && talk.rst(Role::Client).is_none()
    };
    let stuck = exchanges.iter().find(|(talk, exchange)| {
        waits(talk) && (exchange.echo == Echo::Right || until_eof && exchange.echo == Echo::Pending && exchange.asked > 0)
    });
    let Some((talk, exchange)) = stuck else { return Ok(Call::Silent) };
    if exchanges.iter().any(|(_, other)| !matches!(other.echo, Echo::Right | Echo::Pending | Echo::NothingAsked)) {
        return super::ruled_out("another request got no right answer");
    }
    let client_waits = facts.players(Role::Client)?.iter().any(|client| client.waits_for_ever());
    if !client_waits {
        return super::ruled_out("the client may still go on by itself");
    }
    let one_shot = facts.contract.lifetime.as_ref().filter(|term| term.source != Source::Assumed);
    if one_shot.is_some_and(|term| term.value == Lifetime::OneShot) && !until_eof {
        return super::ruled_out("the server closes after each message, so its end of file is due");
    }
    let known = facts.contract.lifetime.as_ref().is_some_and(|term| term.source != Source::Assumed) || until_eof;
    let statement = if exchange.echo == Echo::Right {
        "Everything the client asked was answered, and it goes on reading. The server keeps the connection open for more, \
         because the client has not shut down its own sending side: each waits for the other one's end of file."
    } else {
        "The server answers when the client's input ends. The client has sent its message and waits for the reply without \
         shutting down its sending side, so that end never comes."
    };
    let sure = if facts.hang_proven() && known { Confidence::Proven } else { Confidence::Likely };
    finding(&RULE, Side::Client, sure, statement)
        .because(talk.references())
        .at(facts.line_where_waits(Role::Client))
        .fix("Stop reading where the reply ends (its newline, its length), or shut down the sending side first: \
              `sock.shutdown(socket.SHUT_WR)`, `writer.write_eof()`.")
        .fires()
}
