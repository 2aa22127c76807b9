//! `firewall-reject`: a packet filter refuses the client in the server's place, and says so.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Finding, Side};
use crate::evidence::{Gap, Transport};
use crate::facts::{Dial, Facts, Listener};

pub(super) static RULE: Rule = Rule {
    name: "firewall-reject",
    symptoms: &[Symptom::Refused],
    sides: &[Side::Environment],
    shown_by: "a refusal by ICMP, or by no packet at all, while a listener has room for the client",
    seen_in: &[Look::Failures, Look::Sockets],
    over: None,
    explains: &["connection-refused", "client-before-server", "swallowed-exception", "client-failed", "client-gives-up-early"],
    check,
};

const REMEDY: &str = "Look for a rule that rejects (`sudo nft list ruleset`, `sudo iptables -S`, `ip rule`, `ip route show table all`), \
                      and permit loopback before it.";

fn check(facts: &Facts) -> Ruling {
    if let Some(dial) = facts.forbidden_dial()? {
        return prohibited(dial, facts);
    }
    match refused_beside_a_listener(facts)? {
        Some(found) => found.fires(),
        None => Ok(Call::Silent),
    }
}

/// Somebody says that a rule forbids it: by ICMP that is certain. Where only the client's call was seen it may be a route.
fn prohibited(dial: &Dial, facts: &Facts) -> Ruling {
    let by_packet = facts.evidence.packets.seen().is_ok_and(|packets| {
        packets.rebuilt.is_none() && packets.unreachable.iter().any(|told| told.target == dial.target && !told.port_closed())
    });
    let listener = facts.listeners().ok().and_then(|all| all.iter().find(|one| one.covers(dial.transport, dial.target)));
    let there = if listener.is_some() { ", although the server listens there" } else { "" };
    let how = if by_packet {
        "was answered by ICMP \"prohibited\""
    } else {
        "was refused on this machine, before any packet left"
    };
    // Where neither packets nor calls were seen, it may have got through elsewhere.
    let sure = match facts.evidence.calls.seen().is_ok() || facts.saw_the_wire() {
        _ if by_packet => Confidence::Proven,
        true => Confidence::Likely,
        false => Confidence::Possible,
    };
    let statement = format!(
        "The client's attempt to reach {} {how}{there}: a packet filter, or a rule about routes, forbids it.",
        dial.target
    );
    finding(&RULE, Side::Environment, sure, statement)
        .because(dial.evidence.clone())
        .because(listener.map(|listener| listener.reference.clone()))
        .fix(REMEDY)
        .fires()
}

/// A refusal although the server listened there before and after: somebody refuses in its place. A kernel refuses TCP with
/// RST; ICMP comes from a filter only.
fn refused_beside_a_listener(facts: &Facts) -> Result<Option<Finding>, Gap> {
    if !facts.saw_the_wire() {
        return Ok(None);
    }
    let Some(dial) = facts.refused_dial()?.filter(|dial| dial.transport == Transport::Tcp) else { return Ok(None) };
    let listeners = facts.listeners()?;
    let was_there = |one: &&Listener| {
        one.covers(dial.transport, dial.target)
            && facts.may_be_servers(one)
            && one.first_seen < dial.at
            && facts.listens_to_the_end(one)
    };
    let Some(listener) = listeners.iter().find(was_there) else { return Ok(None) };
    // With tcp_abort_on_overflow a full queue refuses too.
    let full = listener.most_waiting.zip(listener.backlog).is_some_and(|(most, backlog)| most > 0 && most >= backlog);
    if full || facts.accept_queue_overflowed() == Some(true) {
        return Ok(None);
    }
    let packets = facts.evidence.packets.seen()?;
    let by_icmp = packets.unreachable.iter().any(|told| told.transport == Transport::Tcp && told.target == dial.target);
    // A server that makes its listening socket anew for each client refuses in between, and no look may have met that.
    let (how, sure) = if by_icmp { ("by ICMP", Confidence::Proven) } else { ("by RST", Confidence::Possible) };
    let found = finding(
        &RULE,
        Side::Environment,
        sure,
        format!(
            "The client's SYN to {} was refused {how}, although the server listened there before and after, with room for it: \
             a packet filter refuses in its place.",
            dial.target
        ),
    );
    Ok(Some(
        found
            .because(dial.evidence.clone())
            .because([listener.reference.clone()])
            .fix(REMEDY),
    ))
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::{Action, How, Role};
    use crate::facts::staged::{SERVER, Stage, dial, pair, talk};

    #[test]
    fn a_filter_that_says_so_is_believed() {
        let stage = pair().talk(dial(40001, SERVER).syn(50.0)).prohibited(50.1, 40001, SERVER);
        assert_eq!(stage.fires("firewall-reject").side, Side::Environment);
    }

    #[test]
    fn a_refusal_by_icmp_while_the_server_listens_is_a_filters() {
        let filtered = pair().talk(dial(40001, SERVER).syn(50.0)).unreachable(50.1, 40001, SERVER);
        let found = filtered.fires("firewall-reject");
        assert_eq!((found.side, found.confidence), (Side::Environment, Confidence::Proven));
        assert_eq!(filtered.verdict().fault.as_deref(), Some("firewall-reject"));
        filtered.without_listener().silent("firewall-reject");
    }

    #[test]
    fn a_refusal_by_rst_while_the_server_listens_accuses_nobody() {
        let stage = pair().talk(dial(40001, SERVER).syn(50.0).refused(50.1));
        assert_eq!(stage.fires("firewall-reject").confidence, Confidence::Possible);
        assert_eq!(stage.verdict().side, Side::Unknown);
    }

    #[test]
    fn a_server_that_came_later_or_whose_queue_was_full_refused_by_itself() {
        let early = || pair().talk(dial(40001, SERVER).syn(20.0).refused(20.1));
        early().silent("firewall-reject");
        let mut full = pair().talk(dial(40001, SERVER).syn(50.0).refused(50.1));
        full.snapshots()[1].sockets[0].recv_queue = Some(101);
        full.silent("firewall-reject");
    }

    /// The client's dial raised this error, and no packet was seen.
    fn told_by_an_exception(errno: i32, target: &str) -> Stage {
        let stage = pair().exits(Role::Client, 90.0, How::Code(1)).raised(Role::Client, 60.0, "OSError", Action::Uncaught);
        stage.last_raised(|raised| (raised.errno, raised.address) = (Some(errno), Some(target.to_owned())))
    }

    #[test]
    fn an_attempt_that_never_left_was_forbidden_here() {
        for errno in [113, 13, 1] {
            let stage = told_by_an_exception(errno, SERVER);
            let found = stage.fires("firewall-reject");
            assert_eq!((found.side, found.confidence), (Side::Environment, Confidence::Likely), "{errno}");
            assert_eq!(stage.verdict().fault.as_deref(), Some("firewall-reject"));
        }
    }

    #[test]
    fn an_exception_alone_does_not_show_that_it_got_through_nowhere() {
        let stage = told_by_an_exception(113, SERVER).unseen("packets");
        assert_eq!(stage.fires("firewall-reject").confidence, Confidence::Possible);
        assert_eq!(stage.verdict().side, Side::Unknown);
    }

    #[test]
    fn another_error_or_another_machine_is_no_filters() {
        told_by_an_exception(98, SERVER).silent("firewall-reject");
        told_by_an_exception(113, "192.0.2.1:12345").silent("firewall-reject");
        pair().talk(talk(40001).healthy()).silent("firewall-reject");
        let twice = told_by_an_exception(113, SERVER).talk(talk(40001).healthy());
        assert_ne!(twice.verdict().side, Side::Environment, "it got through in the end");
        let errand = pair().talk(dial(40001, "127.0.0.1:12346").syn(50.0)).prohibited(50.1, 40001, "127.0.0.1:12346");
        let errand = errand.talk(talk(40002).healthy());
        errand.silent("firewall-reject");
        assert_eq!(errand.verdict().side, Side::None);
    }

    #[test]
    fn cannot_tell_what_it_did_not_see() {
        let refused = pair().talk(dial(40001, SERVER).syn(50.0).refused(50.1));
        assert_eq!(refused.clone().unseen("packets").unseen("sockets").cannot_tell("firewall-reject"), "packets");
        assert_eq!(refused.unseen("sockets").cannot_tell("firewall-reject"), "sockets");
    }
}
