//! `ephemeral-port-exhaustion`: the client opens one connection after the other until no source port is left.

use super::{Call, Look, Rule, Ruling, Symptom, Transport, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Role, SocketState};
use crate::facts::Facts;

pub(super) static RULE: Rule = Rule {
    name: "ephemeral-port-exhaustion",
    symptoms: &[Symptom::WorksOnce, Symptom::Dies],
    sides: &[Side::Client],
    shown_by: "how many source ports towards one address are taken",
    seen_in: &[Look::Sockets, Look::Output],
    over: Some(Transport::Tcp),
    explains: &["swallowed-exception", "client-failed"],
    check,
};

/// EADDRNOTAVAIL on Linux, whose exceptions and calls give numbers.
const EADDRNOTAVAIL: i32 = 99;
/// The same in the words of C's strerror, Node and Rust.
const NO_PORT: &[&str] = &["cannot assign requested address", "can't assign requested address", "eaddrnotavail", "os error 99"];

/// So many connections to one place are no coincidence.
const SEVERAL: usize = 4;

fn check(facts: &Facts) -> Ruling {
    let raised = facts.exceptions(Role::Client).unwrap_or_default();
    let raised = raised.into_iter().find(|(_, raised)| raised.errno == Some(EADDRNOTAVAIL));
    let called = facts.failed_connect(EADDRNOTAVAIL);
    let clients = facts.players(Role::Client)?;
    let telling = clients.iter().find(|client| client.says_any(NO_PORT));
    if raised.is_none() && called.is_none() && telling.is_none() {
        return Ok(Call::Silent);
    }
    let Some(taken) = facts.most_taken()?.filter(|taken| taken.rows.len() >= SEVERAL) else {
        return super::ruled_out("few source ports were taken by connections of the client's");
    };
    let over = taken.rows.iter().filter(|(_, state)| *state == SocketState::TimeWait).count();
    let sure = if raised.is_some() || called.is_some() { Confidence::Proven } else { Confidence::Likely };
    finding(
        &RULE,
        Side::Client,
        sure,
        format!(
            "The client found no source port for another connection (EADDRNOTAVAIL). {} of its connections to {} have \
             one each: {} open, {over} over and remembered for a minute (TIME_WAIT).",
            taken.rows.len(),
            taken.target,
            taken.rows.len() - over
        ),
    )
    .because(raised.as_ref().map(|(index, _)| format!("exceptions:{index}")))
    .because(called)
    .because(taken.rows.into_iter().take(2).map(|(reference, _)| reference))
    .because(telling.map(crate::facts::Player::reference))
    .at(raised.and_then(|(_, raised)| Some((raised.frames.last()?.clone(), Role::Client))))
    .fix("Keep one connection and send all messages over it, instead of a new connection for each.")
    .fires()
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::{Action, How, Role, Socket, SocketState};
    use crate::facts::staged::{SERVER, Stage, addr, listener, pair, talk};

    /// The client made that many connections, all of them over, and found no port for another one.
    fn after(connections: u16) -> Stage {
        let stage = pair().exits(Role::Client, 90.0, How::Code(1));
        (0..connections).fold(stage, |stage, number| {
            let row = Socket {
                local: addr(&format!("127.0.0.1:{}", 41_000 + number)),
                remote: Some(addr(SERVER)),
                state: SocketState::TimeWait,
                owners: vec![],
                inode: 0,
                ..listener(SERVER)
            };
            stage.talk(talk(41_000 + number).healthy()).row(row)
        })
    }

    fn complaining(connections: u16) -> Stage {
        after(connections).complains(Role::Client, "OSError: [Errno 99] Cannot assign requested address\n")
    }

    #[test]
    fn every_port_is_taken_by_a_connection_that_is_over() {
        let found = complaining(4).fires("ephemeral-port-exhaustion");
        assert_eq!((found.side, found.confidence), (Side::Client, Confidence::Likely));
        let raised = after(4).raised(Role::Client, 89.0, "OSError", Action::Uncaught);
        let raised = raised.last_raised(|raised| raised.errno = Some(99));
        assert_eq!(raised.fires("ephemeral-port-exhaustion").confidence, Confidence::Proven);
        let verdict = raised.verdict();
        assert_eq!((verdict.side, verdict.fault.as_deref()), (Side::Client, Some("ephemeral-port-exhaustion")));
    }

    #[test]
    fn an_address_that_this_machine_does_not_have_is_another_story() {
        assert!(complaining(1).excludes("ephemeral-port-exhaustion").contains("few"));
    }

    #[test]
    fn many_connections_by_themselves_are_no_fault() {
        after(20).silent("ephemeral-port-exhaustion");
    }

    #[test]
    fn cannot_tell_without_sockets_or_programs() {
        for source in ["sockets", "programs"] {
            assert_eq!(complaining(4).unseen(source).cannot_tell("ephemeral-port-exhaustion"), source);
        }
    }
}
