//! `exit-before-output`: a program ended in good order while what it had to send was not sent.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{At, Framing, How, Role, Source, Transport};
use crate::facts::{Echo, Ended, Exchange, Facts, Talk};

pub(super) static RULE: Rule = Rule {
    name: "exit-before-output",
    symptoms: &[Symptom::Lost, Symptom::Garbled],
    sides: &[Side::Server, Side::Client],
    shown_by: "what a program had still to send when it ended",
    seen_in: &[Look::Contents, Look::Ends],
    over: Some(Transport::Tcp),
    explains: &[
        "early-close", "truncated-reply", "missing-reply", "half-close-dropped", "reset", "missing-terminator",
        "client-gives-up-early", "client-failed",
    ],
    check,
};

/// A kernel closes the connections of a program within a few milliseconds of its end.
const AT_ONCE_MS: f64 = 50.0;
/// On a busy machine an end may be noticed so much later.
const NOTICED_MS: f64 = 1000.0;

fn check(facts: &Facts) -> Ruling {
    let exchanges = facts.exchanges()?;
    for (talk, exchange) in exchanges.iter().filter(|(talk, _)| talk.transport == Transport::Tcp) {
        let role = if server_owes(exchange) && left_with_its_program(talk, Role::Server, facts) {
            Role::Server
        } else if client_broke_off(talk, exchange, facts) && left_with_its_program(talk, Role::Client, facts) {
            Role::Client
        } else {
            continue;
        };
        facts.capture_is_whole()?;
        return left(talk, role, exchange, facts);
    }
    Ok(Call::Silent)
}

fn left(talk: &Talk, role: Role, exchange: &Exchange, facts: &Facts) -> Ruling {
    let (side, what) = match role {
        Role::Server => (
            Side::Server,
            format!(
                "The server ended with status 0, and its connection with it, when {} bytes of the reply had been sent and more \
                 was owed.",
                exchange.got
            ),
        ),
        Role::Client => (
            Side::Client,
            format!(
                "The client ended with status 0, and its connection with it, after {} bytes, in the middle of a message, and \
                 did not wait for an answer.",
                exchange.asked
            ),
        ),
    };
    finding(&RULE, side, Confidence::Likely, what)
        .because(talk.references())
        .because(talk.closing_references(role))
        .at(facts.only_line(role, |text| &text.leaves))
        .fix("Leave only when the output is written: wait for `end`'s callback or for `drain`, flush, then let the program end.")
        .fires()
}

fn server_owes(exchange: &Exchange) -> bool {
    match exchange.echo {
        Echo::Short { .. } => true,
        Echo::Nothing => exchange.asked_completely == Some(true),
        _ => false,
    }
}

/// The client's message is not complete, by a framing somebody told, and it went without waiting for an answer to it.
fn client_broke_off(talk: &Talk, exchange: &Exchange, facts: &Facts) -> bool {
    let told = facts.contract.framing.as_ref().is_some_and(|term| term.source == Source::Told && term.value == Framing::Line);
    let sent = talk.request().ok().and_then(|request| request.last);
    let at_once = talk.ended_by(Role::Client).zip(sent).is_some_and(|(left, sent)| left.ms_since(sent) < AT_ONCE_MS);
    told && exchange.echo == Echo::Pending && exchange.asked_completely == Some(false) && exchange.asked > 0 && at_once
}

/// The program that plays `role` ended by itself with status 0, the connection ended with it, and the peer had not left.
fn left_with_its_program(talk: &Talk, role: Role, facts: &Facts) -> bool {
    let Some(closed) = talk.ended_by(role) else { return false };
    let before = talk.ended_by(role.partner()).is_none_or(|partner| closed < partner || talk.rst(role.partner()).is_none());
    let players = facts.players(role).unwrap_or_default();
    let ended = players.iter().any(|player| {
        let exit = player.program.exit.as_ref().filter(|exit| exit.how == How::Code(0) && !exit.by_us);
        let with_it = |exit: &crate::evidence::Exit| {
            let (earlier, later) = if exit.at < closed { (exit.at, closed) } else { (closed, exit.at) };
            let apart = later.ms_since(earlier);
            apart < AT_ONCE_MS || exit.at > closed && apart < NOTICED_MS && !was_there_after(player.index, closed, facts)
        };
        player.ended == Ended::Exited(0) && exit.is_some_and(with_it)
    });
    before && ended && players.len() == 1
}

/// Whether somebody of the program was seen after `closed`: then it was not its end that closed the connection.
fn was_there_after(program: usize, closed: At, facts: &Facts) -> bool {
    let samples = facts.evidence.programs.seen().map(|seen| seen.samples.iter()).unwrap_or_default();
    let mut processes = samples.filter(|sample| sample.at > closed).flat_map(|sample| &sample.processes);
    processes.any(|process| process.program == program && process.state != 'Z')
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::Side;
    use crate::evidence::{Exit, How, Role};
    use crate::facts::staged::{Stage, Talk, ms, pair, talk};

    const NAME: &str = "exit-before-output";

    fn server_left(talk: Talk) -> Stage {
        pair().talk(talk.closes(Role::Server).closes(Role::Client)).exits(Role::Server, 55.0, How::Code(0))
    }

    #[test]
    fn the_server_leaves_with_a_reply_half_sent() {
        let stage = server_left(talk(40001).asks("hello\n").answers("hel"));
        assert_eq!(stage.fires(NAME).side, Side::Server);
        assert_eq!(stage.verdict().side, Side::Server);
        server_left(talk(40001).asks("hello\n")).fires(NAME);
    }

    #[test]
    fn an_end_noticed_late_is_the_servers_end_all_the_same_unless_it_was_there_after_it() {
        let talk = talk(40001).asks("hello\n").answers("hel").closes(Role::Server).closes(Role::Client);
        let late = pair().talk(talk).frozen(300.0);
        late.clone().exits(Role::Server, 200.0, How::Code(0)).fires(NAME);
        let exit = Exit { at: ms(200.0), how: How::Code(0), by_us: false };
        late.program(Role::Server, |server| server.exit = Some(exit.clone())).silent(NAME);
    }

    #[test]
    fn the_client_leaves_in_the_middle_of_its_message() {
        let stage = pair().talk(talk(40001).asks("hel").closes(Role::Client).closes(Role::Server));
        let stage = stage.exits(Role::Client, 55.0, How::Code(0));
        assert_eq!(stage.fires(NAME).side, Side::Client);
        assert_eq!(stage.verdict().side, Side::Client);
    }

    #[test]
    fn a_server_that_has_answered_may_end() {
        let stage = server_left(talk(40001).echoes("hello\n"));
        stage.silent(NAME);
        assert_eq!(stage.verdict().side, Side::None);
    }

    #[test]
    fn one_that_lives_on_chose_to_close() {
        pair().talk(talk(40001).asks("hello\n").closes(Role::Server).closes(Role::Client)).silent(NAME);
    }

    #[test]
    fn one_that_fails_has_another_fault() {
        let talk = talk(40001).asks("hello\n").closes(Role::Server).closes(Role::Client);
        let stage = pair().talk(talk).exits(Role::Server, 55.0, How::Code(1));
        stage.silent(NAME);
        assert_eq!(stage.verdict().fault.as_deref(), Some("server-crashed"));
    }

    #[test]
    fn a_last_word_without_its_end_after_a_good_conversation_is_whole() {
        let talk = talk(40001).echoes("hello\n").closes(Role::Client);
        pair().talk(talk).exits(Role::Client, 55.0, How::Code(0)).silent(NAME);
    }

    #[test]
    fn cannot_tell_what_it_did_not_see() {
        let stage = server_left(talk(40001).asks("hello\n").answers("hel"));
        assert_eq!(stage.clone().unseen("packets").unseen("sockets").cannot_tell(NAME), "packets");
        assert_eq!(stage.packets(|packets| packets.dropped = 1).cannot_tell(NAME), "packets");
    }
}
