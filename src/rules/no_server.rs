//! `no-server`: the client reached nobody, because nobody was started.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Occasion, Role};
use crate::facts::Facts;

pub(super) static RULE: Rule = Rule {
    name: "no-server",
    symptoms: &[Symptom::Refused],
    sides: &[Side::Environment],
    shown_by: "whether anybody listens, and whether a server runs at all",
    seen_in: &[Look::Failures, Look::Sockets],
    over: None,
    explains: &["connection-refused", "client-failed"],
    check,
};

fn check(facts: &Facts) -> Ruling {
    let server_on_stand = facts.player(Role::Server)?.is_some();
    let target = match facts.refused_dial() {
        Ok(Some(dial)) => Some((dial.target, dial.evidence.clone())),
        Ok(None) if facts.evidence.setting.occasion == Occasion::LiveServer => facts.knocked_in_vain(),
        Ok(None) => None,
        Err(gap) => return Err(gap),
    };
    let Some((target, evidence)) = target else { return Ok(Call::Silent) };
    if server_on_stand {
        return super::ruled_out("a server program was on the stand");
    }
    let here = facts.listeners()?.iter().any(|listener| listener.local.port() == target.port());
    if here {
        return super::ruled_out(format!("a socket has port {}", target.port()));
    }
    let documented = facts.documented_port().filter(|port| *port != target.port());
    if let Some(port) = documented
        && facts.listeners()?.iter().any(|listener| listener.local.port() == port)
    {
        return super::ruled_out(format!("a socket has the documented port {port}"));
    }
    finding(
        &RULE,
        Side::Environment,
        Confidence::Proven,
        format!("No program listens on {target}: nobody started a server there."),
    )
    .because(evidence)
    .fix("Start the server, wait until it says that it listens, then start the client.")
    .fires()
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::Side;
    use crate::evidence::{Occasion, Reach};
    use crate::facts::staged::{SERVER, Stage, dial, pair, probe, stranger};

    fn refused() -> Stage {
        pair().without_server().talk(dial(40001, SERVER).syn(50.0).refused(50.1))
    }

    #[test]
    fn nobody_started_a_server() {
        assert_eq!(refused().fires("no-server").side, Side::Environment);
    }

    #[test]
    fn every_knock_at_a_live_address_was_refused() {
        let mut stage = pair().without_server().probed(vec![probe("hi\n", "")]);
        stage.0.setting.occasion = Occasion::LiveServer;
        let mut stage = stage.client_gone();
        stage.probes()[0].reach = Reach::Refused;
        assert_eq!(stage.fires("no-server").side, Side::Environment);
        stage.probes()[0].reach = Reach::Unanswered;
        stage.silent("no-server");
    }

    #[test]
    fn a_server_that_was_started_is_not_absent() {
        let stage = pair().without_listener().talk(dial(40001, SERVER).syn(50.0).refused(50.1));
        assert!(stage.excludes("no-server").contains("was on the stand"));
    }

    #[test]
    fn somebody_waits_where_it_is_documented() {
        let stage = pair().without_server().row(stranger(SERVER));
        let stage = stage.talk(dial(40001, "127.0.0.1:12435").syn(50.0).refused(50.1));
        assert!(stage.excludes("no-server").contains("12345"));
        assert_eq!(stage.verdict().side, Side::Client);
    }

    #[test]
    fn a_client_that_was_not_refused_found_somebody() {
        pair().without_server().silent("no-server");
    }

    #[test]
    fn cannot_tell_what_it_did_not_see() {
        for source in ["packets", "sockets", "programs"] {
            assert_eq!(refused().unseen(source).cannot_tell("no-server"), source);
        }
    }
}
