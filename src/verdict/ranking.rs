//! Which of the faults that an open verdict leaves is the likelier one: by what was seen, by what is known of the pair, and by
//! how often people meet it. Orders, and excludes nothing.

use crate::evidence::{Role, Transport};
use crate::facts::{Facts, Symptom, Symptoms};
use crate::rules::Rule;

/// How likely a fault is, the likeliest greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    fit: Fit,
    often: Often,
    /// Whether it causes something that was seen, be it of the kind that comes with all faults.
    seen: bool,
}

/// How well a fault fits what is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// It would explain what was seen, in another pair than this one: over another transport, with several clients.
    Elsewhere,
    /// It causes what could not be looked at, or what comes with all kinds of faults.
    Perhaps,
    /// It causes what was seen, and that says by itself what went wrong.
    Shown,
}

/// How often people meet it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Often {
    Rarely,
    AtTimes,
    EveryDay,
}

/// What first programs with sockets suffer from.
const EVERY_DAY: &[&str] = &[
    "no-server",
    "server-died",
    "never-listens",
    "port-in-use",
    "wrong-port",
    "server-wrong-port",
    "address-mismatch",
    "client-before-server",
    "never-accepts",
    "one-at-a-time",
    "silent-client",
    "missing-terminator",
    "read-to-eof-without-half-close",
    "swallowed-exception",
    "missing-reply",
    "unterminated-reply",
    "server-one-recv-per-message",
    "reply-not-flushed",
    "truncated-reply",
    "corrupted-reply",
    "one-reply-versus-session",
    "client-gives-up-early",
    "client-one-recv-per-message",
    "early-close",
    "server-crashed",
    "client-failed",
];

/// What takes a certain machine, load, library or way of writing programs.
const RARELY: &[&str] = &[
    "loopback-down",
    "two-listeners-reuseport",
    "tcp-self-connect",
    "ephemeral-port-exhaustion",
    "firewall-reject",
    "dropped-packets",
    "suspended-server",
    "eof-busy-loop",
    "writable-busy-loop",
    "close-wait-leak",
    "leak-per-client",
    "accept-fails-emfile",
    "accept-loop-ended",
    "shared-state-crosstalk",
    "client-threads-share-socket",
    "fork-keeps-descriptor",
    "connection-abandoned",
    "coroutine-never-awaited",
    "worker-pool-exhausted",
    "listener-inherited-by-child",
    "backlog-full",
    "receiver-stops-reading",
    "struct-padding",
    "utf8-split-across-reads",
    "line-longer-than-limit",
    "udp-reply-from-other-source",
    "select-above-1024",
    "closed-socket-in-select",
    "shutdown-hangs",
];

/// What ranks go by in one recording.
#[derive(Debug)]
pub(super) struct Ranking {
    symptoms: Symptoms,
    transport: Transport,
    /// Whether one client is all there is.
    one_client: bool,
}

impl Ranking {
    pub(super) fn of(facts: &Facts, symptoms: Symptoms) -> Self {
        let one_client = facts.players(Role::Client).is_ok_and(|clients| clients.len() == 1);
        Self { symptoms, transport: facts.transport(), one_client }
    }

    pub(super) fn rank(&self, rule: &Rule) -> Rank {
        let often = match rule.name {
            name if EVERY_DAY.contains(&name) => Often::EveryDay,
            name if RARELY.contains(&name) => Often::Rarely,
            _ => Often::AtTimes,
        };
        let mut causes = rule.symptoms.iter().filter(|symptom| self.symptoms.seen.contains(symptom)).peekable();
        let seen = causes.peek().is_some();
        let fit = match () {
            () if !self.is_of_this_pair(rule) => Fit::Elsewhere,
            () if causes.any(|symptom| symptom.is_telling()) => Fit::Shown,
            () => Fit::Perhaps,
        };
        Rank { fit, often, seen }
    }

    /// Whether there is such a fault over what the pair speaks, told or not, and with as many clients as it has.
    fn is_of_this_pair(&self, rule: &Rule) -> bool {
        let speaks = rule.over.is_none_or(|over| over == self.transport);
        let needs_several =
            rule.symptoms.contains(&Symptom::SomeClients) && !self.symptoms.seen.contains(&Symptom::SomeClients);
        speaks && !(self.one_client && needs_several)
    }
}

#[cfg(test)]
mod tests {
    use super::{EVERY_DAY, RARELY, Ranking};
    use crate::evidence::{How, Role};
    use crate::facts::staged::{Stage, pair};
    use crate::rules::find;

    #[test]
    fn what_is_met_often_or_rarely_is_a_fault_and_never_both() {
        for name in EVERY_DAY.iter().chain(RARELY) {
            assert!(find(name).is_some(), "{name}");
        }
        assert!(!EVERY_DAY.iter().any(|name| RARELY.contains(name)));
    }

    /// Whether `one` ranks above `other`.
    fn above(stage: &Stage, one: &str, other: &str) -> bool {
        let facts = stage.facts();
        let ranking = Ranking::of(&facts, facts.symptoms());
        ranking.rank(find(one).unwrap()) > ranking.rank(find(other).unwrap())
    }

    #[test]
    fn what_was_seen_comes_before_what_is_frequent_and_that_before_what_is_rare() {
        let blind = pair().unseen("packets").unseen("sockets").exits(Role::Client, 90.0, How::Code(1));
        let refused = blind.complains(Role::Client, "ConnectionRefusedError\n");
        assert!(above(&refused, "port-byte-order", "corrupted-reply"));
        assert!(above(&refused, "wrong-port", "port-byte-order"));
        assert!(above(&refused, "port-byte-order", "loopback-down"));
    }

    #[test]
    fn what_takes_another_transport_or_more_clients_comes_last() {
        let blind = pair().unseen("packets").unseen("sockets");
        assert!(above(&blind, "nagle-delayed-ack", "udp-no-timeout"));
        assert!(above(&blind, "corrupted-reply", "one-at-a-time"));
        assert!(!above(&blind.another_client(), "nagle-delayed-ack", "one-at-a-time"));
    }
}
