//! Whether recording the same pair once more, with its socket calls traced, would tell more; and whether that second
//! recording shows the same pair doing the same.
//!
//! So a program that behaves is never traced at all, and one that behaves differently under a tracer changes nothing.

use super::crash::is_own_doing;
use super::{Ended, Facts};
use crate::evidence::{Ending, Evidence, How, Observed, Occasion, Output, Program, Programs, Role, Transport};

/// A recording that took longer, in milliseconds, is not repeated.
const WORTH_REPEATING_MS: f64 = 10_000.0;

/// Whether calls would answer a question: which client was refused and what it made of that, why a server that lives does
/// not listen where it is expected, or in which function a program was ended by a signal of its own making.
#[must_use]
pub fn would_tell_more(evidence: &Evidence) -> bool {
    evidence.setting.occasion == Occasion::Pair
        && evidence.setting.ended != Ending::Interrupted
        && evidence.setting.ended_at.ms() < WORTH_REPEATING_MS
        && evidence.calls.seen().is_err()
        && (refusal_is_hidden(evidence) || bind_is_hidden(evidence) || crash_is_hidden(evidence))
}

/// A program was ended by its own machine code; a tracer sees where.
fn crash_is_hidden(evidence: &Evidence) -> bool {
    let Ok(programs) = evidence.programs.seen() else { return false };
    let crashed = |program: &Program| matches!(ending(program), Some(How::Signal(signal)) if is_own_doing(signal));
    programs.programs.iter().any(|program| !program.reference && crashed(program))
}

/// A client was refused by TCP, where the call that connects tells it, and neither its exceptions nor its own words show
/// that it knew.
fn refusal_is_hidden(evidence: &Evidence) -> bool {
    let facts = Facts::derive(evidence);
    let Ok(clients) = facts.players(Role::Client) else { return false };
    let mute = |client: &super::Player| !client.program.reference && !client.said_something();
    facts.refused_dial().is_ok_and(|dial| dial.is_some_and(|dial| dial.transport == Transport::Tcp))
        && facts.exceptions(Role::Client).is_err()
        && clients.iter().any(|client| client.ended != Ended::NeverStarted && mute(client))
}

/// A server lives, listens nowhere and does not say why.
fn bind_is_hidden(evidence: &Evidence) -> bool {
    let facts = Facts::derive(evidence);
    let server = facts.player(Role::Server).ok().flatten();
    facts.exceptions(Role::Server).is_err()
        && facts.server_listeners().is_ok_and(|listeners| listeners.is_empty())
        && server.is_some_and(|server| {
            server.is_running() && !server.program.reference && server.complained() == Some(false)
        })
}

/// Whether both recordings saw the same programs end in the same way, silent or not, and the recording itself too.
#[must_use]
pub fn agrees(first: &Evidence, second: &Evidence) -> bool {
    let (Observed::Seen(one), Observed::Seen(other)) = (&first.programs, &second.programs) else { return false };
    second.calls.seen().is_ok()
        && (first.setting.ended, first.setting.rung) == (second.setting.ended, second.setting.rung)
        && first.packets.seen().is_ok() == second.packets.seen().is_ok()
        && first.setting.server_ready.is_some() == second.setting.server_ready.is_some()
        && end_alike(one, other)
        && was_refused(first) == was_refused(second)
}

fn end_alike(one: &Programs, other: &Programs) -> bool {
    let alike = |(one, other): (&Program, &Program)| {
        ending(one) == ending(other)
            && one.spawn_error == other.spawn_error
            && is_silent(one.stdout.as_ref()) == is_silent(other.stdout.as_ref())
            && is_silent(one.stderr.as_ref()) == is_silent(other.stderr.as_ref())
    };
    one.programs.len() == other.programs.len() && one.programs.iter().zip(&other.programs).all(alike)
}

/// How it ended, unless netdiag ended it.
fn ending(program: &Program) -> Option<How> {
    program.exit.as_ref().filter(|exit| !exit.by_us).map(|exit| exit.how)
}

fn is_silent(output: Option<&Output>) -> bool {
    output.is_none_or(|output| output.total == 0)
}

/// Whether and on which transport a client was refused; ports may be drawn anew.
fn was_refused(evidence: &Evidence) -> Option<Transport> {
    let facts = Facts::derive(evidence);
    facts.refused_dial().ok().flatten().map(|dial| dial.transport)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::{Action, Calls, Exit, SocketCall};
    use crate::facts::staged::{SERVER, Stage, addr, dial, ms, pair};

    /// A client that was refused and ended with status 0 without a word, and left no process behind.
    fn hidden_refusal() -> Stage {
        let mut stage = pair().talk(dial(40_000, "127.0.0.1:12435").syn(50.0).refused(50.1));
        if let Observed::Seen(programs) = &mut stage.0.programs {
            programs.samples.iter_mut().for_each(|sample| sample.processes.retain(|process| process.program == 0));
        }
        stage
    }

    fn call(role: Role, name: &str, address: &str, result: i64) -> SocketCall {
        let program = usize::from(role == Role::Client);
        let (name, address) = (name.to_owned(), Some(addr(address)));
        SocketCall { at: ms(60.0), role, program, pid: 4711, name, fd: 3, address, result }
    }

    fn seen(call: SocketCall) -> Observed<Calls> {
        Observed::Seen(Calls { calls: vec![call], omitted: 0, crashes: Vec::new() })
    }

    fn with_calls(stage: Stage) -> Evidence {
        Evidence { calls: seen(call(Role::Client, "connect", "127.0.0.1:12435", -111)), ..stage.0 }
    }

    #[test]
    fn the_clients_own_call_proves_that_it_hides_the_refusal() {
        let suspected = hidden_refusal().fires("swallowed-exception");
        assert_eq!((suspected.side, suspected.confidence), (Side::Client, Confidence::Likely));
        let proven = Stage(with_calls(hidden_refusal())).fires("swallowed-exception");
        assert_eq!((proven.side, proven.confidence), (Side::Client, Confidence::Proven));
        assert!(proven.evidence.contains(&"calls:0".to_owned()), "{:?}", proven.evidence);
    }

    #[test]
    fn a_call_of_the_server_or_to_another_port_proves_nothing() {
        let told = |call| Stage(Evidence { calls: seen(call), ..hidden_refusal().0 });
        let elsewhere = told(call(Role::Client, "connect", SERVER, -111));
        assert_eq!(elsewhere.fires("swallowed-exception").confidence, Confidence::Likely);
        told(call(Role::Server, "connect", "127.0.0.1:12435", -111)).silent("swallowed-exception");
    }

    #[test]
    fn a_server_without_a_listener_is_told_which_call_failed() {
        let calls = seen(call(Role::Server, "bind", "127.0.0.1:80", -13));
        let found = Stage(Evidence { calls, ..pair().without_listener().0 }).fires("never-listens");
        assert!(found.statement.contains("could not bind 127.0.0.1:80: EACCES"), "{}", found.statement);
        assert!(found.evidence.contains(&"calls:0".to_owned()));
    }

    #[test]
    fn a_hidden_refusal_is_worth_a_second_look_and_one_that_is_told_is_not() {
        assert!(would_tell_more(&hidden_refusal().0));
        assert!(!would_tell_more(&pair().0));
        assert!(!would_tell_more(&hidden_refusal().complains(Role::Client, "refused\n").0));
        let raised = hidden_refusal().raised(Role::Client, 60.0, "ConnectionRefusedError", Action::Silent);
        assert!(!would_tell_more(&raised.0), "its exceptions tell the same");
        assert!(!would_tell_more(&with_calls(hidden_refusal())));
    }

    #[test]
    fn a_mute_server_without_a_listener_is_worth_one_and_neither_is_a_long_recording() {
        let mute = pair().without_listener();
        assert!(would_tell_more(&mute.0));
        assert!(!would_tell_more(&mute.clone().exits(Role::Server, 20.0, How::Code(1)).0));
        assert!(!would_tell_more(&mute.frozen(11_000.0).0));
        assert!(!would_tell_more(&hidden_refusal().ends(Ending::Interrupted).0));
    }

    #[test]
    fn the_second_look_counts_only_if_everybody_did_the_same() {
        let first = hidden_refusal().0;
        assert!(agrees(&first, &with_calls(hidden_refusal())));
        assert!(!agrees(&first, &first.clone()), "it saw no calls either");
        let others = [
            hidden_refusal().exits(Role::Client, 90.0, How::Code(1)),
            hidden_refusal().exits(Role::Server, 90.0, How::Signal(9)),
            hidden_refusal().complains(Role::Client, "what?\n"),
            hidden_refusal().without_listener(),
            hidden_refusal().ends(Ending::DeadlinePassed),
            hidden_refusal().unseen("packets"),
            pair(),
        ];
        for other in others {
            assert!(!agrees(&first, &with_calls(other.clone())), "{:?}", other.0);
        }
        let ended_by_us = |stage: Stage| {
            stage.program(Role::Server, |server| {
                server.exit = Some(Exit { at: ms(200.0), how: How::Signal(15), by_us: true });
            })
        };
        assert!(agrees(&first, &with_calls(ended_by_us(hidden_refusal()))), "what netdiag did is no difference");
    }
}
