//! `silent-client`: both sides wait for the other one to speak first, and it was the client's turn.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Finding, Side};
use crate::evidence::{Role, Source, Transport};
use crate::facts::{Echo, Facts, Player, Talk};

pub(super) static RULE: Rule = Rule {
    name: "silent-client",
    symptoms: &[Symptom::Hangs],
    sides: &[Side::Client],
    shown_by: "whether the client sent anything at all",
    seen_in: &[Look::Contents],
    over: None,
    explains: &["client-failed"],
    check,
};

fn check(facts: &Facts) -> Ruling {
    if !facts.still_waiting() {
        return Ok(Call::Silent);
    }
    let talks = facts.talks()?;
    // An empty datagram is a request too.
    let said_nothing = |talk: &&Talk| {
        talk.transport == Transport::Tcp && talk.asked_bytes() == Some(0) && talk.replied_bytes() == Some(0)
    };
    let Some(talk) = talks.iter().filter(said_nothing).find(|talk| talk.is_open()) else {
        return if talks.iter().any(|talk| talk.asked_bytes() > Some(0)) {
            super::ruled_out("the client sent its request")
        } else {
            Ok(Call::Silent)
        };
    };
    match facts.exchanges() {
        Ok(all) if all.iter().any(|(_, exchange)| exchange.echo == Echo::Right) => return Ok(Call::Silent),
        // What it said on its other connections, nobody heard; this one may be a spare.
        Err(gap) if talks.len() > 1 => return Err(gap),
        _ => {}
    }
    let clients = facts.players(Role::Client)?;
    if clients.len() == 1 && talks.iter().any(|talk| talk.asked_bytes() > Some(0)) {
        return super::ruled_out("the client sent its request on another connection");
    }
    if clients.iter().any(|client| client.is_running() && client.waits_for_input()) {
        return super::ruled_out("the client waits for its own standard input");
    }
    facts.capture_is_whole()?;
    facts.is_final(talk, Role::Client)?;
    if clients.iter().any(|client| may_await_a_greeting(client, facts)) {
        return each_waits_for_the_other(talk).fires();
    }
    let waits = clients.iter().any(Player::waits_for_ever);
    let sure = if facts.hang_proven() && waits { Confidence::Proven } else { Confidence::Likely };
    finding(
        &RULE,
        Side::Client,
        sure,
        format!(
            "The client connected to {} and sent nothing; it waits, and an echo server has nothing to say before it is asked.",
            talk.server
        ),
    )
    .because(talk.references())
    .at(facts.line_of_the_hang(Role::Client).or_else(|| facts.only_line(Role::Client, |text| &text.sends)))
    .fix("Send the request before reading; check that the write is reached, awaited and flushed.")
    .fires()
}

/// Whether the client may be right to listen first: it met netdiag's own server, whose silence is no promise of the one that
/// it was written for, and nobody told what was agreed.
fn may_await_a_greeting(client: &Player, facts: &Facts) -> bool {
    let is_told = |source: Option<Source>| source == Some(Source::Told);
    let told = is_told(facts.contract.framing.as_ref().map(|term| term.source))
        || is_told(facts.contract.reply.as_ref().map(|term| term.source));
    facts.met_a_reference_server() && !told && client.is_running() && client.may_be_reading()
}

fn each_waits_for_the_other(talk: &Talk) -> Finding {
    let what = format!(
        "The client connected to {} and waits to hear something; netdiag's own server says nothing before it is asked, so each \
         waits for the other to begin. That is right if its server is to greet it, and wrong if not.",
        talk.server
    );
    finding(&RULE, Side::Unknown, Confidence::Possible, what).because(talk.references()).fix(
        "Run it with the server it was written for (`--server`). If that is not to greet: send before reading, and check that \
         the write is reached, awaited and flushed.",
    )
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::{Framing, Limit, Observed, Role, Term, Wait};
    use crate::facts::staged::{Stage, pair, process, talk};

    fn silent() -> Stage {
        pair().talk(talk(40001).open()).hangs()
    }

    #[test]
    fn the_client_says_nothing_and_waits() {
        let found = silent().fires("silent-client");
        assert_eq!((found.side, found.confidence), (Side::Client, Confidence::Proven));
        assert_eq!(silent().verdict().side, Side::Client);
        assert_eq!(silent().deadline().fires("silent-client").confidence, Confidence::Likely);
    }

    /// The same client with netdiag's own server, sitting in `call`.
    fn alone(call: &str) -> Stage {
        let stage = silent().program(Role::Server, |server| server.reference = true);
        stage.waits(Role::Client, call, Limit::Forever)
    }

    #[test]
    fn by_itself_it_may_wait_for_a_greeting_that_nobody_told_of() {
        let greeted = alone("recvfrom").untold();
        assert_eq!(greeted.fires("silent-client").side, Side::Unknown);
        assert_eq!((greeted.verdict().side, greeted.verdict().fault.as_deref()), (Side::Unknown, Some("silent-client")));
        assert_eq!(alone("epoll_wait").untold().verdict().side, Side::Unknown);
    }

    #[test]
    fn by_itself_it_is_at_fault_if_it_is_told_to_begin_or_does_not_even_listen() {
        let told = alone("recvfrom").untold().contract(|terms| terms.framing = Some(Term::told(Framing::Line)));
        assert_eq!(told.fires("silent-client").side, Side::Client);
        assert_eq!(alone("futex").untold().fires("silent-client").side, Side::Client);
    }

    #[test]
    fn a_client_that_asked_was_not_silent() {
        let stage = pair().talk(talk(40001).asks("hello\n").open()).hangs();
        assert!(stage.excludes("silent-client").contains("sent its request"));
    }

    #[test]
    fn a_spare_connection_is_not_the_one_that_matters() {
        let stage = silent().talk(talk(40002).asks("hello\n").open());
        assert!(stage.excludes("silent-client").contains("another connection"));
        assert_eq!(stage.verdict().side, Side::Server);
    }

    #[test]
    fn a_client_that_nobody_told_what_to_say_waits_for_its_user() {
        let mut stage = silent();
        if let Observed::Seen(programs) = &mut stage.0.programs {
            let mut typing = process(1, "read", Limit::Forever);
            if let Wait::Call { fd, .. } = &mut typing.threads[0].wait {
                *fd = Some(0);
            }
            programs.samples[0].processes[1] = typing;
        }
        assert!(stage.excludes("silent-client").contains("standard input"));
    }

    #[test]
    fn a_client_interrupted_before_its_turn_may_have_been_about_to_speak() {
        assert_eq!(silent().interrupted().cannot_tell("silent-client"), "programs");
    }

    #[test]
    fn a_client_that_left_is_not_waiting() {
        pair().talk(talk(40001).closes(Role::Client).closes(Role::Server)).silent("silent-client");
    }

    #[test]
    fn a_capture_that_lost_packets_may_have_lost_the_request() {
        assert_eq!(silent().packets(|packets| packets.dropped = 1).cannot_tell("silent-client"), "packets");
    }

    #[test]
    fn cannot_tell_what_it_did_not_see() {
        assert_eq!(silent().unseen("packets").unseen("sockets").cannot_tell("silent-client"), "packets");
        assert_eq!(silent().unseen("programs").cannot_tell("silent-client"), "programs");
    }
}
