//! `early-close`: the server closed the connection before it had replied.

use super::{Call, Look, Rule, Ruling, Symptom, Transport, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{At, Gap, Lifetime, Port, Role, Source, Term, Turn};
use crate::facts::asked::Muteness;
use crate::facts::{Echo, Facts, Talk};

pub(super) static RULE: Rule = Rule {
    name: "early-close",
    symptoms: &[Symptom::Lost, Symptom::WorksOnce],
    sides: &[Side::Server, Side::Both],
    shown_by: "which side sent the first FIN, and what it owed at that moment",
    seen_in: &[Look::Contents],
    over: Some(Transport::Tcp),
    explains: &["client-failed", "client-gives-up-early"],
    check,
};

fn check(facts: &Facts) -> Ruling {
    if let Some((Muteness::Closed, evidence)) = facts.muteness()? {
        if facts.says_its_piece_and_no_more() && facts.server_failure(None).is_none() {
            return super::ruled_out("the server says something of its own to whoever connects: its protocol is another one");
        }
        let what = "The server accepted netdiag's connections and closed each of them without a reply.";
        return finding(&RULE, Side::Server, Confidence::Proven, what)
            .because(evidence)
            .at(facts.only_line(Role::Server, |text| &text.closes))
            .after(facts.server_failure(None))
            .fix("Reply before closing; look for a return, an exception or a `with` block that ends too soon in the handler.")
            .fires();
    }
    let exchanges = facts.exchanges()?;
    let closed = exchanges.iter().find(|(talk, exchange)| closed_too_early(talk, &exchange.echo, facts));
    let Some((talk, exchange)) = closed else { return Ok(Call::Silent) };
    facts.capture_is_whole()?;
    // One that failed over the request had not been waiting for the rest of it.
    let failed = || facts.failure_since_asked(talk).is_some();
    if exchange.asked_completely.is_none() && silence_before_the_end(talk) >= IDLE_MS && !failed() {
        return Err(Gap::new(
            "probes",
            "nothing tells where the server expects a message to end",
            "tell the framing with --contract, or let netdiag probe the server",
        ));
    }
    let idle = nothing_was_due(talk) && silence_before_the_end(talk) >= IDLE_MS;
    let lifetime = facts.contract.lifetime.as_ref().map(|term| (term.value, term.source));
    let side = match (&exchange.echo, lifetime) {
        _ if idle => Side::Both,
        (Echo::Short { .. }, Some((Lifetime::OneShot, Source::Told))) => Side::Client,
        (Echo::Nothing, _) | (_, Some((Lifetime::Session, Source::Told | Source::Learned))) => Side::Server,
        _ => Side::Both,
    };
    let what = match exchange.echo {
        _ if idle => "The server closed the connection when it had been silent for long; the client sent after that.",
        Echo::Nothing if nothing_was_due(talk) => "The server closed the connection before the client had sent anything.",
        Echo::Nothing => "The server read the request and closed the connection without a reply.",
        _ => "The server closed the connection after an earlier reply; the client went on to send, and got nothing more.",
    };
    let sure = match side {
        // Unless it was seen to live on, the server may have ended over something else.
        Side::Both if facts.evidence.programs.seen().is_err() => Confidence::Possible,
        Side::Both => Confidence::Likely,
        _ if exchange.asked_completely.is_none() => Confidence::Likely,
        _ => Confidence::Proven,
    };
    finding(&RULE, side, sure, what)
        .because(talk.references())
        .because(talk.closing_references(Role::Server))
        .at(if side == Side::Server { facts.only_line(Role::Server, |text| &text.closes) } else { None })
        .after(if side == Side::Server { facts.failure_since_asked(talk) } else { None })
        .fix(match side {
            Side::Client => "One message per connection is agreed: dial again for the next one.",
            Side::Both => "Agree on how long a connection lasts: one message, many, or until it was idle for a stated time.",
            _ => {
                "Reply before closing; look for a return, an exception or a `with` block that ends too soon in the handler."
            }
        })
        .fires()
}

/// A server may hang up on a client that has been silent for this long, in milliseconds.
const IDLE_MS: f64 = 1000.0;

fn closed_too_early(talk: &Talk, echo: &Echo, facts: &Facts) -> bool {
    let one_shot = facts.contract.lifetime.as_ref().is_some_and(|term| *term == Term::told(Lifetime::OneShot));
    match echo {
        Echo::Nothing => talk.fin(Role::Server).is_some_and(|server| came_first(server, talk)),
        // To bytes that arrive after it has closed, or that it leaves unread, the server's kernel answers by RST.
        Echo::Short { whole_messages: true, .. } => {
            talk.ended_by(Role::Server).is_some_and(|server| one_shot || came_first(server, talk))
        }
        _ => false,
    }
}

fn came_first(server: At, talk: &Talk) -> bool {
    talk.fin(Role::Client).is_none_or(|client| server < client) && talk.was_accepted() != Some(false)
}

/// Whether everything that had been asked by the time the server closed had been answered.
fn nothing_was_due(talk: &Talk) -> bool {
    last_turn_before_the_end(talk).is_none_or(|turn| turn.from == Port::Listener)
}

fn silence_before_the_end(talk: &Talk) -> f64 {
    let since = last_turn_before_the_end(talk).map_or(talk.began, |turn| turn.last);
    talk.ended_by(Role::Server).map_or(0.0, |closed| closed.ms_since(since))
}

fn last_turn_before_the_end(talk: &Talk) -> Option<Turn> {
    let closed = talk.ended_by(Role::Server)?;
    talk.conversation?.turns.iter().rfind(|turn| turn.first < closed).copied()
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::{Action, Close, Lifetime, Occasion, Probe, Role, Shape, Term};
    use crate::facts::staged::{Stage, Talk, pair, probe, talk};

    fn met(talk: Talk) -> Stage {
        pair().talk(talk)
    }

    fn lifetime(stage: Stage, lifetime: Lifetime) -> Stage {
        stage.contract(|terms| terms.lifetime = Some(Term::told(lifetime)))
    }

    /// The first message was answered, then the server closed; the client went on, and was reset.
    fn one_answered() -> Stage {
        let talk = talk(40001).echoes("one\n").closes(Role::Server).asks("two\n").resets(Role::Server);
        met(talk.closes(Role::Client))
    }

    #[test]
    fn the_server_read_and_closed() {
        let stage = met(talk(40001).asks("hello\n").closes(Role::Server).closes(Role::Client));
        let found = stage.fires("early-close");
        assert_eq!((found.side, found.confidence), (Side::Server, Confidence::Proven));
        assert_eq!(stage.verdict().side, Side::Server);
    }

    #[test]
    fn what_failed_in_the_handler_is_told_with_its_line() {
        let closed = || met(talk(40001).asks("hello\n").closes(Role::Server).closes(Role::Client));
        let asked = closed().0.packets.seen().unwrap().conversations[0].sent.first.unwrap().ms();
        let found = closed().raised(Role::Server, asked + 1.0, "KeyError", Action::Uncaught).fires("early-close");
        assert!(found.statement.contains("KeyError") && found.evidence.contains(&"exceptions:0".to_owned()), "{found:?}");
        assert_eq!(found.location.map(|frame| frame.line), Some(7));
        let before = closed().raised(Role::Server, asked - 1.0, "KeyError", Action::Uncaught).fires("early-close");
        assert_eq!(before.location, None, "what failed before the question is not why it was not answered");
        let handled = closed().raised(Role::Server, asked + 1.0, "KeyError", Action::Handled).fires("early-close");
        assert_eq!(handled.location, None);
        let network = closed().raised(Role::Server, asked + 1.0, "ConnectionResetError", Action::Uncaught);
        assert_eq!(network.last_raised(|one| one.errno = Some(104)).fires("early-close").location, None);
    }

    #[test]
    fn a_server_that_hangs_up_on_every_question_may_leave_bytes_unread() {
        let hangs_up = |close, sent: &str| Probe { close, ..probe(sent, "") };
        let alone = |closes: [Close; 2]| {
            let probes = vec![hangs_up(closes[0], "hello\n"), hangs_up(closes[1], &"hello\n".repeat(9999))];
            let mut stage = pair().untold().client_gone().probed(probes);
            stage.0.setting.occasion = Occasion::LiveServer;
            stage
        };
        let failed = alone([Close::Fin, Close::Reset]).raised(Role::Server, 60.0, "TypeError", Action::Reported);
        let found = failed.fires("early-close");
        assert_eq!((found.side, found.location.map(|frame| frame.line)), (Side::Server, Some(7)));
        alone([Close::Reset, Close::Reset]).silent("early-close");
    }

    #[test]
    fn a_server_that_tells_the_time_and_hangs_up_owes_no_echo() {
        let told = |sent: &str, shape| Probe { close: Close::Fin, shape, ..probe(sent, "Sunday\n") };
        let line = told("netdiag probe 1 says hello 1\n", Shape::Line);
        let knock = Probe { sent: Vec::new(), sent_total: 0, ..told("", Shape::Knock) };
        let mut stage = pair().untold().client_gone().probed(vec![line, knock]);
        stage.0.setting.occasion = Occasion::LiveServer;
        assert!(stage.excludes("early-close").contains("its own"));
        assert_eq!(stage.verdict().side, Side::Unknown);
        assert_eq!(stage.raised(Role::Server, 60.0, "TypeError", Action::Reported).fires("early-close").side, Side::Server);
    }

    #[test]
    fn how_long_a_connection_lasts_is_a_matter_of_the_contract() {
        assert_eq!(lifetime(one_answered(), Lifetime::Session).fires("early-close").side, Side::Server);
        assert_eq!(lifetime(one_answered(), Lifetime::OneShot).fires("early-close").side, Side::Client);
        assert_eq!(lifetime(one_answered(), Lifetime::OneShot).verdict().side, Side::Client);
        assert_eq!(one_answered().fires("early-close").side, Side::Both);
        assert_eq!(one_answered().verdict().side, Side::Both);
    }

    #[test]
    fn a_server_that_answered_may_close() {
        met(talk(40001).echoes("hello\n").closes(Role::Server).closes(Role::Client)).silent("early-close");
    }

    #[test]
    fn a_client_that_left_first_was_not_left() {
        met(talk(40001).asks("hello\n").closes(Role::Client).closes(Role::Server)).silent("early-close");
    }

    #[test]
    fn a_server_may_hang_up_on_one_that_is_silent_for_long() {
        let idle = talk(40001).after(5000.0).closes(Role::Server).asks("hello\n").resets(Role::Server);
        let stage = met(idle).frozen(6000.0);
        assert_eq!(stage.fires("early-close").side, Side::Both);
        let between = talk(40001).echoes("one\n").after(5000.0).closes(Role::Server).asks("two\n").resets(Role::Server);
        let stage = lifetime(met(between).frozen(6000.0), Lifetime::Session);
        assert_eq!(stage.fires("early-close").side, Side::Both);
    }

    #[test]
    fn a_server_that_failed_over_the_request_did_not_wait_for_the_rest_of_it() {
        let slow = talk(40001).asks("hello\n").after(1500.0).closes(Role::Server).closes(Role::Client);
        let stage = met(slow).untold().frozen(2000.0);
        assert_eq!(stage.cannot_tell("early-close"), "probes");
        let failed = stage.raised(Role::Server, 60.0, "IndexError", Action::Uncaught);
        assert_eq!(failed.fires("early-close").side, Side::Server);
    }

    #[test]
    fn an_unfinished_line_may_be_timed_out() {
        met(talk(40001).asks("hello").closes(Role::Server).closes(Role::Client)).silent("early-close");
        let stage = met(talk(40001).asks("hello").after(3000.0).closes(Role::Server).closes(Role::Client)).untold();
        assert_eq!(stage.frozen(4000.0).cannot_tell("early-close"), "probes");
    }

    #[test]
    fn a_framing_nobody_knows_makes_it_likely_only() {
        let stage = met(talk(40001).asks("hello\n").closes(Role::Server).closes(Role::Client)).untold();
        assert_eq!(stage.fires("early-close").confidence, Confidence::Likely);
    }

    #[test]
    fn cannot_tell_what_it_did_not_see() {
        let stage = met(talk(40001).asks("hello\n").closes(Role::Server).closes(Role::Client));
        assert_eq!(stage.clone().unseen("packets").unseen("sockets").cannot_tell("early-close"), "packets");
        assert_eq!(stage.packets(|packets| packets.dropped = 1).cannot_tell("early-close"), "packets");
    }
}
