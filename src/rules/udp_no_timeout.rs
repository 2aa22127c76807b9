//! `udp-no-timeout`: a client waits without a limit for a datagram that any network may lose; it contributes, and is no
//! cause by itself.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Role, Transport};
use crate::facts::{Facts, Player, Talk};

pub(super) static RULE: Rule = Rule {
    name: "udp-no-timeout",
    symptoms: &[Symptom::Hangs],
    sides: &[Side::Client],
    shown_by: "whether the client's wait has a time limit",
    seen_in: &[Look::Waits],
    over: Some(Transport::Udp),
    explains: &[],
    check,
};

fn check(facts: &Facts) -> Ruling {
    if facts.transport() != Transport::Udp || !facts.still_waiting() {
        return Ok(Call::Silent);
    }
    let clients = facts.players(Role::Client)?;
    let waits = |client: &&Player| client.is_running() && client.waits_for_ever() && !client.is_stopped();
    let Some(client) = clients.iter().find(waits) else { return Ok(Call::Silent) };
    if client.waits_for_input() {
        return super::ruled_out("the client waits for its own standard input");
    }
    let sent = facts.dials()?.iter().any(|dial| dial.transport == Transport::Udp);
    if !sent {
        return Ok(Call::Silent);
    }
    finding(
        &RULE,
        Side::Client,
        Confidence::Proven,
        "The client waits for a reply without any time limit. UDP promises no delivery: one lost datagram, for whatever \
         reason, and it hangs for ever.",
    )
    .because([client.reference()])
    .because(facts.talks().unwrap_or_default().first().map(Talk::references).unwrap_or_default())
    .at(facts.line_where_waits(Role::Client))
    .contributing(true)
    .fix("Set a time limit on the receive (SO_RCVTIMEO, `settimeout`, `set_read_timeout`), and send again a few times.")
    .fires()
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Part, Side};
    use crate::evidence::{Limit, Role};
    use crate::facts::staged::{Stage, datagrams, pair, talk};

    fn unanswered() -> Stage {
        pair().udp().talk(datagrams(40001).asks("hello").open()).hangs()
    }

    #[test]
    fn a_wait_without_a_limit_contributes_and_is_not_the_cause() {
        let found = unanswered().fires("udp-no-timeout");
        assert_eq!((found.side, found.role), (Side::Client, Part::Contributing));
        let verdict = unanswered().verdict();
        assert_eq!((verdict.side, verdict.fault.as_deref()), (Side::Server, Some("missing-reply")));
    }

    #[test]
    fn a_client_with_a_limit_has_done_its_part() {
        unanswered().deadline().waits(Role::Client, "poll", Limit::Timed).silent("udp-no-timeout");
    }

    #[test]
    fn a_client_that_got_its_reply_and_left_waits_for_nothing() {
        pair().udp().talk(datagrams(40001).echoes("hello")).silent("udp-no-timeout");
    }

    #[test]
    fn over_tcp_the_peers_kernel_tells_of_its_end() {
        pair().talk(talk(40001).asks("hello\n").open()).hangs().silent("udp-no-timeout");
    }

    #[test]
    fn cannot_tell_what_it_did_not_see() {
        assert_eq!(unanswered().unseen("programs").cannot_tell("udp-no-timeout"), "programs");
        unanswered().unseen("packets").fires("udp-no-timeout");
        let blind = unanswered().unseen("packets").unseen("sockets");
        assert_eq!(blind.cannot_tell("udp-no-timeout"), "packets");
    }
}
