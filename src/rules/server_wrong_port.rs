//! `server-wrong-port`: the server listens on a port other than the documented one.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::Role;
use crate::facts::Facts;

pub(super) static RULE: Rule = Rule {
    name: "server-wrong-port",
    symptoms: &[Symptom::Refused],
    sides: &[Side::Server],
    shown_by: "the port on which the server listens, beside the documented one",
    seen_in: &[Look::Failures, Look::Sockets, Look::Owners, Look::Address],
    over: None,
    explains: &["connection-refused", "contract-disagreement", "client-failed"],
    check,
};

fn check(facts: &Facts) -> Ruling {
    let Some(documented) = facts.documented_port() else { return Ok(Call::Silent) };
    let listeners = facts.server_listeners()?;
    let transport = facts.transport();
    let same: Vec<_> = listeners.iter().filter(|listener| listener.transport == transport).collect();
    if same.is_empty() || same.iter().any(|listener| listener.local.port() == documented) {
        return Ok(Call::Silent);
    }
    let elsewhere = same[0];
    if same.iter().any(|listener| listener.local.port() == documented.swap_bytes()) {
        return super::ruled_out(format!("the server listens on {documented} with its two bytes exchanged"));
    }
    // Without the client's attempts nothing shows that this, and nothing else, is what went wrong; and a server that is
    // still doing something may have been about to listen there too.
    let is_done = facts.player(Role::Server)?.is_none_or(|server| server.waits_for_ever());
    let sure = if facts.dials().is_ok() && is_done { Confidence::Proven } else { Confidence::Likely };
    finding(
        &RULE,
        Side::Server,
        sure,
        format!("The server listens on port {}; the documented port is {documented}.", elsewhere.local.port()),
    )
    .because([elsewhere.reference.clone()])
    .because(facts.refused_dial().ok().flatten().map(|dial| dial.evidence.clone()).unwrap_or_default())
    .at(facts.line_of_bound_port(elsewhere).or_else(|| facts.line_seen_to_bind()).or_else(|| facts.only_line(Role::Server, |text| &text.binds)))
    .fix(format!("Bind {documented}, and print the port that getsockname returns rather than the one you meant."))
    .fires()
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::Role;
    use crate::facts::staged::{SERVER, Stage, dial, listener, owner, pair};

    #[test]
    fn the_server_left_the_documented_port() {
        let stage = pair().listens("127.0.0.1:12346").talk(dial(40001, SERVER).syn(50.0).refused(50.1));
        let found = stage.fires("server-wrong-port");
        assert_eq!((found.side, found.confidence), (Side::Server, Confidence::Proven));
        assert_eq!(stage.verdict().side, Side::Server);
    }

    fn line(stage: &Stage) -> Option<u32> {
        stage.fires("server-wrong-port").location.map(|frame| frame.line)
    }

    #[test]
    fn the_line_that_names_the_number_is_told_before_the_one_that_binds_it() {
        let stage = || pair().listens("127.0.0.1:12346").talk(dial(40001, SERVER).syn(50.0).refused(50.1));
        assert_eq!(line(&stage()), None);
        let bound = stage().addressed(Role::Server, "bind", "127.0.0.1:12346", 4);
        assert_eq!(line(&bound), Some(4));
        assert_eq!(line(&bound.clone().mentions(Role::Client, 12346, 9)), Some(4), "that is the other one's text");
        assert_eq!(line(&bound.mentions(Role::Server, 12346, 2)), Some(2));
        let elsewhere = stage().addressed(Role::Server, "bind", "127.0.0.1:9000", 4);
        assert_eq!(line(&elsewhere.addressed(Role::Server, "connect", "127.0.0.1:12346", 5)), None);
    }

    #[test]
    fn a_port_left_to_the_system_was_bound_by_the_only_line_that_did_so() {
        let stage = pair().listens("127.0.0.1:40123").talk(dial(40001, SERVER).syn(50.0).refused(50.1));
        let once = stage.addressed(Role::Server, "bind", "127.0.0.1:0", 4);
        assert_eq!(line(&once), Some(4));
        assert_eq!(line(&once.addressed(Role::Server, "bind", "0.0.0.0:0", 8)), None);
    }

    #[test]
    fn a_number_without_htons_has_a_rule_of_its_own() {
        assert!(pair().listens("0.0.0.0:14640").excludes("server-wrong-port").contains("bytes exchanged"));
    }

    #[test]
    fn both_left_it() {
        let stage = pair().listens("127.0.0.1:12346").talk(dial(40001, "127.0.0.1:12435").syn(50.0).refused(50.1));
        assert_eq!(stage.verdict().side, Side::Both);
    }

    #[test]
    fn a_second_listener_is_the_servers_own_business() {
        pair().row(listener("127.0.0.1:9229")).silent("server-wrong-port");
        let mut dead = listener("127.0.0.1:9229");
        dead.owners = vec![owner(Role::Client)];
        pair().without_listener().row(dead).silent("server-wrong-port");
    }

    #[test]
    fn nothing_is_documented() {
        pair().listens("127.0.0.1:12346").contract(|terms| terms.address = None).silent("server-wrong-port");
    }

    #[test]
    fn cannot_tell_without_sockets() {
        assert_eq!(pair().unseen("sockets").cannot_tell("server-wrong-port"), "sockets");
    }

    #[test]
    fn without_the_clients_attempts_it_is_only_likely() {
        let stage = pair().listens("127.0.0.1:12346").unseen("packets");
        assert_eq!(stage.fires("server-wrong-port").confidence, Confidence::Likely);
    }
}
