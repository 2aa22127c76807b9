//! `client-before-server`: the client dialled before the server listened, and did not try again.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::Role;
use crate::facts::Facts;

pub(super) static RULE: Rule = Rule {
    name: "client-before-server",
    symptoms: &[Symptom::Refused, Symptom::WorksOnce],
    sides: &[Side::Client, Side::Environment],
    shown_by: "when the server began to listen, and when the client dialled",
    seen_in: &[Look::Failures, Look::Sockets],
    over: None,
    explains: &["connection-refused", "client-failed"],
    check,
};

fn check(facts: &Facts) -> Ruling {
    let Some(dial) = facts.refused_dial()? else { return Ok(Call::Silent) };
    let listeners = facts.listeners()?;
    let Some(listener) = listeners.iter().find(|listener| listener.covers(dial.transport, dial.target)) else {
        return Ok(Call::Silent);
    };
    if listener.first_seen <= dial.at && dial.at <= listener.last_seen {
        return super::ruled_out("the server was listening when the client dialled");
    }
    if listener.first_seen <= dial.at {
        return super::ruled_out("the server had listened before the client dialled");
    }
    let setting = &facts.evidence.setting;
    let server_on_stand = facts.player(Role::Server)?.is_some();
    // The client was started although nothing listened yet: not its own choice.
    let started_too_early = server_on_stand && setting.server_ready.is_none_or(|ready| Some(ready) > setting.clients_started);
    finding(
        &RULE,
        if started_too_early { Side::Environment } else { Side::Client },
        Confidence::Likely,
        format!(
            "The client dialled {} {:.0} ms before the server was seen to listen there, and gave up.",
            dial.target,
            listener.first_seen.ms_since(dial.at)
        ),
    )
    .because(dial.evidence.clone())
    .because([listener.reference.clone()])
    .at(facts.line_that_dialled(dial))
    .fix("Start the client when the server listens, or let it try again for a while when it is refused.")
    .fires()
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::Side;
    use crate::facts::staged::{SERVER, Stage, dial, listener, ms, pair, talk};

    /// Refused at 50 ms; the listener was first seen at 95.
    fn too_early() -> Stage {
        let mut stage = pair().talk(dial(40001, SERVER).syn(50.0).refused(50.1));
        stage.snapshots()[0].sockets = vec![listener("127.0.0.1:9000")];
        stage
    }

    #[test]
    fn the_client_did_not_try_again() {
        assert_eq!(too_early().fires("client-before-server").side, Side::Client);
    }

    #[test]
    fn a_client_that_was_started_too_early_did_not_choose_to_be() {
        let mut stage = too_early();
        stage.0.setting.server_ready = None;
        assert_eq!(stage.fires("client-before-server").side, Side::Environment);
        stage.0.setting.server_ready = Some(ms(60.0));
        assert_eq!(stage.fires("client-before-server").side, Side::Environment);
    }

    #[test]
    fn a_client_that_tried_again_did_all_it_could() {
        too_early().talk(talk(40002).healthy()).silent("client-before-server");
    }

    #[test]
    fn a_server_that_had_gone_was_not_late() {
        let mut stage = pair().talk(dial(40001, SERVER).syn(50.0).refused(50.1));
        stage.snapshots()[1].sockets.clear();
        assert!(stage.excludes("client-before-server").contains("had listened before"));
    }

    #[test]
    fn cannot_tell_what_it_did_not_see() {
        for source in ["packets", "sockets"] {
            assert_eq!(too_early().unseen(source).cannot_tell("client-before-server"), source);
        }
    }
}
