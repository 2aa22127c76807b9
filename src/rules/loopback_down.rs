//! `loopback-down`: the interface over which a machine talks to itself is down, so nobody can meet there.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Side};
use crate::facts::Facts;

pub(super) static RULE: Rule = Rule {
    name: "loopback-down",
    symptoms: &[Symptom::Refused, Symptom::Hangs, Symptom::Dies],
    sides: &[Side::Environment],
    shown_by: "the state of the loopback interface (`ip link show lo`)",
    seen_in: &[Look::Failures, Look::Sockets],
    over: None,
    explains: &[
        "no-server",
        "server-died",
        "never-listens",
        "connection-refused",
        "client-before-server",
        "firewall-reject",
        "dropped-packets",
        "swallowed-exception",
        "server-crashed",
        "client-failed",
    ],
    check,
};

fn check(facts: &Facts) -> Ruling {
    if facts.everybody_got_through() {
        return Ok(Call::Silent);
    }
    let snapshots = &facts.evidence.sockets.seen()?.snapshots;
    let looks = || snapshots.iter().enumerate().rev().filter(|(_, look)| look.at <= facts.frozen());
    let Some((number, look)) = looks().find(|(_, look)| look.loopback_up.is_some()) else { return Ok(Call::Silent) };
    if look.loopback_up == Some(true) || facts.all_went_well() {
        return Ok(Call::Silent);
    }
    let documented = facts.documented_addresses();
    if !documented.is_empty() && !documented.iter().any(|address| address.ip().is_loopback()) {
        return super::ruled_out("the two are to meet at another address than the machine's own loopback");
    }
    finding(
        &RULE,
        Side::Environment,
        Confidence::Proven,
        "The loopback interface is down: no packet to 127.0.0.1 or ::1 can be sent, and no program can be reached there.",
    )
    .because([format!("sockets:{number}")])
    .fix(
        "Set it up: `sudo ip link set lo up` (macOS: `sudo ifconfig lo0 up`). In a network namespace of your own that is the \
         first thing to do; a container does it by itself.",
    )
    .fires()
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::{How, Observed, Role, Term};
    use crate::facts::staged::{Stage, pair, talk};

    /// What every look says of the interface.
    fn with_loopback(mut stage: Stage, up: Option<bool>) -> Stage {
        if let Observed::Seen(sockets) = &mut stage.0.sockets {
            sockets.snapshots.iter_mut().for_each(|look| look.loopback_up = up);
        }
        stage
    }

    fn unreachable() -> Stage {
        pair()
            .complains(Role::Client, "OSError: [Errno 101] Network is unreachable\n")
            .exits(Role::Client, 60.0, How::Code(1))
    }

    #[test]
    fn neither_program_is_blamed_when_the_interface_is_down() {
        let stage = with_loopback(unreachable(), Some(false));
        let found = stage.fires("loopback-down");
        assert_eq!((found.side, found.confidence), (Side::Environment, Confidence::Proven));
        assert_eq!(stage.verdict().fault.as_deref(), Some("loopback-down"));
    }

    #[test]
    fn a_server_that_cannot_bind_there_is_excused() {
        let died = unreachable().without_listener().exits(Role::Server, 20.0, How::Code(1));
        let verdict = with_loopback(died, Some(false)).verdict();
        assert_eq!((verdict.side, verdict.fault.as_deref()), (Side::Environment, Some("loopback-down")));
    }

    #[test]
    fn an_interface_that_is_up_or_that_nobody_needs_explains_nothing() {
        with_loopback(unreachable(), Some(true)).silent("loopback-down");
        with_loopback(unreachable(), None).silent("loopback-down");
        with_loopback(pair().talk(talk(40001).healthy()), Some(false)).silent("loopback-down");
        let elsewhere = unreachable().contract(|terms| terms.address = Some(Term::told("192.0.2.1:12345".to_owned())));
        assert!(with_loopback(elsewhere, Some(false)).excludes("loopback-down").contains("another address"));
    }

    #[test]
    fn cannot_tell_what_it_did_not_see() {
        assert_eq!(unreachable().unseen("sockets").cannot_tell("loopback-down"), "sockets");
    }
}
