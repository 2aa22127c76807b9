//! `tcp-self-connect`: the client's socket got the port it was dialling, and is connected to itself.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Role, Transport};
use crate::facts::{Facts, Outcome};

pub(super) static RULE: Rule = Rule {
    name: "tcp-self-connect",
    symptoms: &[Symptom::WorksOnce, Symptom::Garbled],
    sides: &[Side::Environment, Side::Client],
    shown_by: "whether the client's own port is the one that it dials",
    seen_in: &[Look::Dials, Look::Contents],
    over: Some(Transport::Tcp),
    explains: &["no-server", "connection-refused", "silent-client", "client-failed"],
    check,
};

fn check(facts: &Facts) -> Ruling {
    let to_itself =
        |dial: &&crate::facts::Dial| dial.outcome == Outcome::ToItself && dial.transport == Transport::Tcp;
    let Some(dial) = facts.dials()?.iter().find(to_itself) else { return Ok(Call::Silent) };
    // With a listener there the kernel would have handed the connection to it.
    let server_on_stand = facts.player(Role::Server)?.is_some();
    let elsewhere = facts.documented_port().is_some_and(|port| port != dial.target.port());
    let side = if elsewhere { Side::Client } else { Side::Environment };
    let why = match (elsewhere, facts.documented_port()) {
        (true, Some(port)) => format!("The documented port is {port}."),
        _ => "No server listens there.".to_owned(),
    };
    finding(
        &RULE,
        side,
        Confidence::Proven,
        format!(
            "The client dialled {} from that very address and is connected to itself: what it sends comes back, and no \
             server has seen it. {why}",
            dial.target
        ),
    )
    .because(dial.evidence.clone())
    // Why the server on the stand does not listen is a question of its own, and the answer to this one.
    .contributing(server_on_stand && !elsewhere)
    .fix(
        "Start the server. Let it use a port below the range of source ports, and let the client give up a connection whose \
         two ends (getsockname, getpeername) are the same.",
    )
    .fires()
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Part, Side};
    use crate::evidence::{How, Role};
    use crate::facts::staged::{SERVER, Stage, dial, pair, talk};

    fn to_itself(target: &str) -> Stage {
        let mut talk = dial(40001, target).connected(50.0).echoes("hello\n");
        talk.conversation.self_connect = true;
        talk.conversation.dialler = talk.conversation.listener;
        pair().without_server().talk(talk)
    }

    #[test]
    fn an_echo_of_ones_own_is_no_sign_of_a_server() {
        let found = to_itself(SERVER).fires("tcp-self-connect");
        assert_eq!((found.side, found.confidence), (Side::Environment, Confidence::Proven));
        let verdict = to_itself(SERVER).verdict();
        assert_eq!((verdict.side, verdict.fault.as_deref()), (Side::Environment, Some("tcp-self-connect")));
    }

    #[test]
    fn a_client_that_dials_another_port_than_the_documented_one_left_it() {
        assert_eq!(to_itself("127.0.0.1:40001").fires("tcp-self-connect").side, Side::Client);
    }

    #[test]
    fn a_server_that_died_is_the_reason_why_nobody_listened() {
        let mut talk = dial(40001, SERVER).connected(50.0).echoes("hello\n");
        talk.conversation.self_connect = true;
        let stage = pair().without_listener().exits(Role::Server, 20.0, How::Code(1)).talk(talk);
        assert_eq!(stage.fires("tcp-self-connect").role, Part::Contributing);
        assert_eq!(stage.verdict().fault.as_deref(), Some("server-died"));
    }

    #[test]
    fn an_ordinary_connection_has_two_ends() {
        pair().talk(talk(40001).healthy()).silent("tcp-self-connect");
    }

    #[test]
    fn cannot_tell_without_packets() {
        assert_eq!(to_itself(SERVER).unseen("packets").cannot_tell("tcp-self-connect"), "packets");
    }
}
