//! `read-to-eof-without-half-close`: a client waits for an end of file that its own open sending side holds back.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Framing, Gap, Lifetime, Role, Source, Transport};
use crate::facts::{Echo, Facts, Player, Talk};

pub(super) static RULE: Rule = Rule {
    name: "read-to-eof-without-half-close",
    symptoms: &[Symptom::Hangs],
    sides: &[Side::Client],
    shown_by: "what the client still waits for when its reply is complete: the end of the stream",
    seen_in: &[Look::Contents, Look::Waits],
    over: Some(Transport::Tcp),
    explains: &["missing-reply", "client-gives-up-early", "client-failed"],
    check,
};

fn check(facts: &Facts) -> Ruling {
    if !facts.still_waiting() {
        return Ok(Call::Silent);
    }
    let exchanges = facts.exchanges()?;
    // A server that forgets to flush looks just like one that reads until EOF; only a told contract tells them apart.
    let framing = facts.contract.framing.as_ref().filter(|term| term.value == Framing::UntilEof);
    let until_eof = framing.is_some_and(|term| term.source == Source::Told);
    let waits = |talk: &Talk| {
        talk.transport == Transport::Tcp
            && talk.is_open()
            && talk.fin(Role::Client).is_none()
            && talk.ended_by(Role::Server).is_none()
            && talk.rst(Role::Client).is_none()
    };
    let stuck = exchanges.iter().find(|(talk, exchange)| {
        waits(talk) && (exchange.echo == Echo::Right || framing.is_some() && exchange.echo == Echo::Pending && exchange.asked > 0)
    });
    let Some((talk, exchange)) = stuck else { return Ok(Call::Silent) };
    if exchanges.iter().any(|(_, other)| !matches!(other.echo, Echo::Right | Echo::Pending | Echo::NothingAsked)) {
        return super::ruled_out("another request got no right answer");
    }
    let lies = |bytes: Option<u32>| bytes.unwrap_or_default() > 0;
    if talk.client_end.as_ref().is_some_and(|end| lies(end.unsent)) || talk.server_end.as_ref().is_some_and(|end| lies(end.unread)) {
        return super::ruled_out("the client has more to send, and the server does not read it");
    }
    facts.looked(Look::Waits)?;
    let clients = facts.players(Role::Client)?;
    if !clients.iter().any(Player::waits_for_ever) {
        return super::ruled_out("the client may still go on by itself");
    }
    if clients.iter().any(Player::waits_for_input) || !clients.iter().any(Player::may_be_reading) {
        return super::ruled_out("the client waits for something else than its connection");
    }
    if facts.players(Role::Server)?.iter().any(|server| server.was_looked_at() && !server.may_be_reading()) {
        return super::ruled_out("nobody in the server waits for more from the client");
    }
    facts.is_final(talk, Role::Client)?;
    if exchange.echo == Echo::Pending && !until_eof {
        return Err(Gap::new(
            "contract",
            "the server answers at the end of the input, and nothing says that this was agreed on",
            "tell where a message ends: --contract FILE.toml with framing = \"line\" or framing = \"until-eof\"",
        ));
    }
    if exchange.echo == Echo::Right && !is_surely_whole(talk, facts) {
        return Err(Gap::new(
            "probes",
            "nothing but this exchange shows how replies look, so it may be a part of one",
            "tell the reply's form with --contract, or let netdiag probe the server",
        ));
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
    // A client that keeps its connection for later, and watches it beside other things or not at all, does no wrong.
    // netdiag's own client waits on a connection only to read from it.
    let reads = facts.players(Role::Client)?.iter().any(|client| {
        client.program.reference || client.reads_from(talk.client, talk.server)
    }) || facts.line_where_waits(Role::Client).is_some_and(|(line, _)| line.source.contains("read"));
    // netdiag's own server keeps a connection open because nobody told it otherwise; the client's own may close it.
    let told = facts.contract.lifetime.as_ref().is_some_and(|term| term.source == Source::Told);
    let by_assumption = facts.met_a_reference_server() && !told && !until_eof;
    let sure = match () {
        // It may be agreed that such a word ends the connection, and the server may not have understood it.
        () if !reads || by_assumption || (!until_eof && facts.ends_with_goodbye(talk)) => Confidence::Possible,
        () if facts.hang_proven() && known => Confidence::Proven,
        () => Confidence::Likely,
    };
    finding(&RULE, Side::Client, sure, statement)
        .because(talk.references())
        .at(facts.line_where_waits(Role::Client).or_else(|| facts.only_line(Role::Client, |text| &text.receives)))
        .fix("Stop reading where the reply ends (its newline, its length), or shut down the sending side first: \
              `sock.shutdown(socket.SHUT_WR)`, `writer.write_eof()`.")
        .fires()
}

/// Whether the reply is known to be complete: a part of one may look like a whole one of another form.
fn is_surely_whole(talk: &Talk, facts: &Facts) -> bool {
    let told = facts.contract.reply.as_ref().is_some_and(|term| term.source == Source::Told);
    let probed = facts.dialect.as_ref().is_ok_and(|dialect| dialect.reply.is_some());
    let exact = talk.conversation.is_some_and(|talk| talk.sent.total == talk.received.total && talk.sent.head == talk.received.head);
    told || probed || exact
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::{Framing, Lifetime, Limit, Observed, Role, Term, Wait};
    use crate::facts::staged::{Stage, pair, process, talk};

    fn stuck() -> Stage {
        pair().talk(talk(40001).echoes("hello\n").open()).hangs()
    }

    #[test]
    fn each_waits_for_the_other_ones_end() {
        assert_eq!(stuck().fires("read-to-eof-without-half-close").side, Side::Client);
        let told = stuck().contract(|terms| terms.lifetime = Some(Term::told(Lifetime::Session)));
        assert_eq!(told.fires("read-to-eof-without-half-close").confidence, Confidence::Proven);
        assert_eq!(told.verdict().side, Side::Client);
        let until_eof = pair().contract(|terms| terms.framing = Some(Term::told(Framing::UntilEof)));
        let found = until_eof.talk(talk(40001).asks("hello").open()).hangs().fires("read-to-eof-without-half-close");
        assert_eq!((found.side, found.confidence), (Side::Client, Confidence::Proven));
    }

    #[test]
    fn a_client_that_said_goodbye_may_rightly_wait_for_the_servers_end() {
        let stage = |word: &str| pair().talk(talk(40001).echoes("hello\n").echoes(word).open()).hangs();
        assert_eq!(stage("QUIT\n").fires("read-to-eof-without-half-close").confidence, Confidence::Possible);
        assert_eq!(stage("QUIT\n").verdict().side, Side::Unknown);
        assert_eq!(stage("quite\n").verdict().side, Side::Client);
    }

    #[test]
    fn a_client_by_itself_may_be_made_for_a_server_that_closes() {
        let by_itself = |stage: Stage| stage.untold().program(Role::Server, |server| server.reference = true);
        let stage = by_itself(stuck());
        assert_eq!(stage.fires("read-to-eof-without-half-close").confidence, Confidence::Possible);
        assert_eq!(stage.verdict().side, Side::Unknown);
        let told = stage.contract(|terms| terms.lifetime = Some(Term::told(Lifetime::Session)));
        assert_eq!(told.verdict().side, Side::Client);
    }

    #[test]
    fn a_client_that_cannot_send_the_rest_has_not_asked_everything() {
        let queued = |role| talk(40001).echoes("hello\n").open().end(role, |row| (row.recv_queue, row.send_queue) = (Some(9), Some(9)));
        for role in [Role::Client, Role::Server] {
            let stage = pair().talk(queued(role)).hangs();
            assert!(stage.excludes("read-to-eof-without-half-close").contains("more to send"));
        }
    }

    #[test]
    fn a_one_shot_server_owes_its_end() {
        let stage = stuck().contract(|terms| terms.lifetime = Some(Term::told(Lifetime::OneShot)));
        assert!(stage.excludes("read-to-eof-without-half-close").contains("is due"));
    }

    #[test]
    fn a_client_that_waits_for_its_user_reads_nothing() {
        let mut stage = stuck();
        if let Observed::Seen(programs) = &mut stage.0.programs {
            let mut typing = process(1, "read", Limit::Forever);
            if let Wait::Call { fd, .. } = &mut typing.threads[0].wait {
                *fd = Some(0);
            }
            programs.samples[0].processes[1] = typing;
        }
        assert!(stage.excludes("read-to-eof-without-half-close").contains("something else"));
        let joins = stuck().waits(Role::Client, "futex", Limit::Forever);
        assert!(joins.excludes("read-to-eof-without-half-close").contains("something else"));
    }

    #[test]
    fn an_interrupted_recording_shows_no_wait_without_end() {
        assert_eq!(stuck().interrupted().cannot_tell("read-to-eof-without-half-close"), "programs");
    }

    #[test]
    fn a_client_that_pauses_may_go_on() {
        let stage = stuck().waits(Role::Client, "clock_nanosleep", Limit::Timed).deadline();
        assert!(stage.excludes("read-to-eof-without-half-close").contains("may still go on"));
    }

    #[test]
    fn another_unanswered_request_is_the_better_reason() {
        let stage = stuck().another_client().talk(talk(40002).asks("hello\n").open());
        assert!(stage.excludes("read-to-eof-without-half-close").contains("another request"));
        assert_eq!(stage.verdict().side, Side::Server);
    }

    #[test]
    fn nobody_waits() {
        pair().talk(talk(40001).healthy()).silent("read-to-eof-without-half-close");
        let half_closed = pair().talk(talk(40001).echoes("hello\n").closes(Role::Client).open()).hangs();
        half_closed.silent("read-to-eof-without-half-close");
    }

    #[test]
    fn cannot_tell_what_it_did_not_see() {
        let stage = stuck().unseen("packets").unseen("sockets");
        assert_eq!(stage.cannot_tell("read-to-eof-without-half-close"), "packets");
        assert_eq!(stuck().unseen("programs").cannot_tell("read-to-eof-without-half-close"), "programs");
    }
}
