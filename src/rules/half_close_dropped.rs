//! `half-close-dropped`: the server takes the end of the client's input for the end of the connection.

use super::{Call, Look, Rule, Ruling, Symptom, Transport, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Gap, Lifetime, Role, Socket, SocketState, Source};
use crate::facts::{Echo, Exchange, Facts, Talk};

pub(super) static RULE: Rule = Rule {
    name: "half-close-dropped",
    symptoms: &[Symptom::Garbled, Symptom::Lost],
    sides: &[Side::Server],
    shown_by: "whether the reply comes to a client that keeps its side open",
    seen_in: &[Look::Contents],
    over: Some(Transport::Tcp),
    explains: &["early-close", "truncated-reply", "missing-reply", "reset", "client-failed"],
    check,
};

fn check(facts: &Facts) -> Ruling {
    let exchanges = facts.exchanges()?;
    let dropped = exchanges.iter().find(|(talk, exchange)| {
        let ended = (talk.fin(Role::Client), talk.ended_by(Role::Server));
        reply_was_dropped(talk, &exchange.echo)
            && !client_was_gone(talk, facts)
            && (!closed_after_waiting(talk) || was_held(talk, facts))
            && matches!(ended, (Some(client), Some(server)) if client < server)
            && talk.rst(Role::Client).is_none()
    });
    let Some((talk, exchange)) = dropped else {
        return if exchanges.iter().any(|(talk, exchange)| talk.fin(Role::Client).is_some() && exchange.echo == Echo::Right) {
            super::ruled_out("the reply came although the client had shut down its side")
        } else {
            Ok(Call::Silent)
        };
    };
    let answers = facts.dialect.as_ref().is_ok_and(|d| d.answers_half_close.as_ref().is_some_and(|answers| answers.value));
    let nobody_minds = client_is_content(facts) && exchange.echo != Echo::Nothing;
    if answers && nobody_minds {
        return super::ruled_out("the server answers a client that half-closes, and this one left contented");
    }
    if facts.server_ended_badly() {
        return super::ruled_out("the server's program ended");
    }
    if facts.answers_nobody() && client_is_content(facts) {
        return super::ruled_out("the server answers nobody, half-close or not, and no client missed anything");
    }
    if answers_by_a_protocol_of_its_own(facts) && client_is_content(facts) && !was_held(talk, facts) {
        return super::ruled_out("what the server says on other connections is no echo, and no client missed anything");
    }
    facts.capture_is_whole()?;
    if exchange.asked_completely.is_none() && !ends_a_line(talk) {
        return Err(Gap::new(
            "probes",
            "nothing tells where the server expects a message to end, or whether it answers an unfinished one",
            "tell the framing with --contract, or let netdiag probe the server",
        ));
    }
    let side = match facts.contract.lifetime.as_ref().map(|term| (term.value, term.source)) {
        _ if exchange.got == 0 || matches!(exchange.echo, Echo::Short { whole_messages: false, .. }) => Side::Server,
        Some((Lifetime::OneShot, _)) => return super::ruled_out("one message per connection is agreed, and one was answered"),
        Some((Lifetime::Session, Source::Told | Source::Learned)) => Side::Server,
        _ => Side::Both,
    };
    let seen_waiting = exchange.asked_completely == Some(true) && client_was_seen_waiting(talk, facts);
    finding(
        &RULE,
        side,
        if side == Side::Server && seen_waiting { Confidence::Proven } else { Confidence::Likely },
        format!(
            "The client sent {} bytes and shut down its sending side, as TCP allows; the server then closed the connection \
             with {} bytes of reply sent.",
            exchange.asked, exchange.got
        ),
    )
    .because(talk.references())
    .because(talk.closing_references(Role::Client))
    .because(talk.closing_references(Role::Server))
    // Node decides it where the server is made.
    .at(facts.only_line(Role::Server, |text| &text.accepts).filter(|(line, _)| line.source.contains("createServer")))
    .fix("On end of input finish writing what is owed, then close (Node: `allowHalfOpen: true`).")
    .fires()
}

/// Whether some reply of this recording is none of what was asked, where nobody told how replies look: then nothing says
/// that everything said is owed one.
fn answers_by_a_protocol_of_its_own(facts: &Facts) -> bool {
    let differs = |(_, exchange): &(&Talk, Exchange)| matches!(exchange.echo, Echo::Differs { at, .. } if at < exchange.asked);
    facts.contract.reply_is_assumed() && facts.exchanges().is_ok_and(|exchanges| exchanges.iter().any(differs))
}

fn client_is_content(facts: &Facts) -> bool {
    !facts.still_waiting() && !facts.a_client_failed()
}

/// A client that has closed for good looks the same on the wire; one that half-closed still holds its socket, and fails
/// when nothing comes.
fn client_was_seen_waiting(talk: &Talk, facts: &Facts) -> bool {
    facts.a_client_failed()
        || was_held(talk, facts)
        || facts.dialect.as_ref().is_ok_and(|dialect| dialect.answers_half_close.as_ref().is_some_and(|it| !it.value))
}

/// Whether a process was seen to hold the client's end after its FIN.
fn was_held(talk: &Talk, facts: &Facts) -> bool {
    let held = |socket: &Socket| {
        (socket.local, socket.remote) == (talk.client, Some(talk.server))
            && matches!(socket.state, SocketState::FinWait1 | SocketState::FinWait2)
            && !socket.owners.is_empty()
    };
    facts.evidence.sockets.seen().is_ok_and(|sockets| sockets.rows().any(|(_, _, socket)| held(socket)))
}

/// Whether the client's FIN came so long after everything else that a time limit of its own is the likelier reason: who
/// half-closes has nothing more to say, and does it when it has said it.
fn closed_after_waiting(talk: &Talk) -> bool {
    const PAUSE_MS: f64 = 400.0;
    let Some(fin) = talk.fin(Role::Client) else { return false };
    let last = [talk.request(), talk.response()].into_iter().flatten().filter_map(|stream| stream.last);
    last.filter(|at| *at <= fin).max().is_some_and(|last| fin.ms_since(last) > PAUSE_MS)
}

fn ends_a_line(talk: &Talk) -> bool {
    talk.request().is_ok_and(|request| request.tail.0.last().or(request.head.0.last()) == Some(&b'\n'))
}

/// Whole replies are missing, or the one under way when the client's FIN came was not finished. A reply that was already
/// cut before is another fault.
fn reply_was_dropped(talk: &Talk, echo: &Echo) -> bool {
    match echo {
        Echo::Nothing | Echo::Short { whole_messages: true, .. } => true,
        Echo::Short { whole_messages: false, .. } => {
            talk.response().is_ok_and(|response| response.last > talk.fin(Role::Client))
        }
        _ => false,
    }
}

/// A client that half-closes stays for the reply. One whose program had ended before the server closed had left for good.
fn client_was_gone(talk: &Talk, facts: &Facts) -> bool {
    let Some(closed) = talk.ended_by(Role::Server) else { return false };
    facts.players(Role::Client).is_ok_and(|clients| {
        !clients.is_empty()
            && clients.iter().all(|client| client.program.exit.as_ref().is_some_and(|exit| exit.at < closed))
    })
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::{How, Lifetime, Role, SocketState, Term};
    use crate::facts::staged::{SERVER, Stage, Talk, addr, frame, listener, owner, pair, probe, talk};

    fn dropped() -> Talk {
        talk(40001).asks("hello\n").closes(Role::Client).after(5.0).closes(Role::Server)
    }

    fn met(talk: Talk) -> Stage {
        pair().talk(talk)
    }

    /// The client's process held its socket after it had sent a FIN.
    fn seen_waiting(mut stage: Stage) -> Stage {
        let mut row = listener("127.0.0.1:40001");
        row.remote = Some(addr(SERVER));
        row.state = SocketState::FinWait2;
        row.owners = vec![owner(Role::Client)];
        stage.snapshots()[0].sockets.push(row);
        stage
    }

    #[test]
    fn a_client_that_closes_after_it_has_waited_was_impatient_and_did_not_half_close() {
        let waited = talk(40001).asks("hello\n").after(2000.0).closes(Role::Client).after(1.0).closes(Role::Server);
        let stage = met(waited).frozen(3000.0).exits(Role::Client, 2900.0, How::Code(1));
        stage.clone().silent("half-close-dropped");
        seen_waiting(stage).fires("half-close-dropped");
    }

    fn lifetime(stage: Stage, lifetime: Lifetime) -> Stage {
        stage.contract(|terms| terms.lifetime = Some(Term::told(lifetime)))
    }

    #[test]
    fn the_server_takes_the_end_of_input_for_the_end() {
        assert_eq!(met(dropped()).fires("half-close-dropped").side, Side::Server);
        let stage = met(dropped()).exits(Role::Client, 90.0, How::Code(1));
        assert_eq!(stage.fires("half-close-dropped").confidence, Confidence::Proven);
        assert_eq!(stage.verdict().side, Side::Server);
    }

    #[test]
    fn in_node_the_line_that_makes_the_server_decides() {
        let takes = |source: &str| {
            let line = Some(frame("s", 2, "", source));
            met(dropped()).program(Role::Server, |server| server.text.accepts = line.clone())
        };
        let told = |source| takes(source).fires("half-close-dropped").location.map(|frame| frame.line);
        assert_eq!(told("net.createServer(socket => {"), Some(2));
        assert_eq!(told("conn, _ = s.accept()"), None);
    }

    #[test]
    fn a_client_seen_waiting_had_not_left_for_good() {
        let stage = seen_waiting(met(dropped()));
        assert_eq!(stage.fires("half-close-dropped").confidence, Confidence::Proven);
    }

    #[test]
    fn the_reply_came_in_spite_of_it() {
        let stage = met(talk(40001).asks("hello\n").closes(Role::Client).answers("hello\n").closes(Role::Server));
        assert!(stage.excludes("half-close-dropped").contains("reply came"));
    }

    #[test]
    fn a_client_that_was_gone_did_not_wait_for_a_reply() {
        met(dropped()).exits(Role::Client, 51.0, How::Code(0)).silent("half-close-dropped");
    }

    #[test]
    fn of_two_messages_one_is_answered_where_one_is_agreed() {
        let talk = talk(40001).asks("one\ntwo\n").closes(Role::Client).answers("one\n").closes(Role::Server);
        let stage = lifetime(met(talk.clone()), Lifetime::OneShot);
        assert!(stage.excludes("half-close-dropped").contains("one message"));
        assert_eq!(stage.verdict().side, Side::Client);
        assert_eq!(lifetime(met(talk.clone()), Lifetime::Session).fires("half-close-dropped").side, Side::Server);
        assert_eq!(met(talk).fires("half-close-dropped").side, Side::Both);
    }

    #[test]
    fn a_last_line_without_its_end_may_be_dropped() {
        met(talk(40001).asks("hello").closes(Role::Client).closes(Role::Server)).silent("half-close-dropped");
        let untold = met(talk(40001).asks("hello").closes(Role::Client).closes(Role::Server)).untold();
        assert_eq!(untold.cannot_tell("half-close-dropped"), "probes");
        assert_eq!(untold.verdict().side, Side::Unknown);
    }

    #[test]
    fn a_server_that_ended_dropped_more_than_a_reply() {
        let stage = met(dropped()).exits(Role::Server, 55.0, How::Code(1));
        assert!(stage.excludes("half-close-dropped").contains("program ended"));
    }

    #[test]
    fn a_server_that_takes_messages_in_and_answers_nobody_dropped_nothing() {
        let mute = met(dropped()).untold().probed(vec![probe("netdiag says hello\n", "")]);
        assert!(mute.excludes("half-close-dropped").contains("answers nobody"));
        assert_eq!(mute.verdict().side, Side::Unknown);
        assert_eq!(mute.exits(Role::Client, 90.0, How::Code(1)).fires("half-close-dropped").side, Side::Server);
    }

    #[test]
    fn where_other_replies_are_no_echoes_a_message_may_want_none() {
        let subscribed = talk(40002).asks("SUB weather\n").answers("SUBSCRIBED weather\n").closes(Role::Client).closes(Role::Server);
        let published = met(dropped()).talk(subscribed).untold();
        let echoes: Vec<_> = published.facts().exchanges().unwrap().into_iter().map(|(_, exchange)| exchange.echo).collect();
        assert!(published.excludes("half-close-dropped").contains("no echo"), "{echoes:?}");
        assert_eq!(published.clone().exits(Role::Client, 90.0, How::Code(1)).fires("half-close-dropped").side, Side::Server);
        seen_waiting(published).fires("half-close-dropped");
    }

    #[test]
    fn cannot_tell_what_it_did_not_see() {
        assert_eq!(met(dropped()).unseen("packets").unseen("sockets").cannot_tell("half-close-dropped"), "packets");
        assert_eq!(met(dropped()).packets(|packets| packets.dropped = 1).cannot_tell("half-close-dropped"), "packets");
    }
}
