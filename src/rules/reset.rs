//! `reset`: the server reset the connection instead of answering.

use super::{Call, Look, Rule, Ruling, Symptom, Transport, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Lifetime, Role, Source};
use crate::facts::asked::Muteness;
use crate::facts::{Echo, Facts};

pub(super) static RULE: Rule = Rule {
    name: "reset",
    symptoms: &[Symptom::Lost],
    sides: &[Side::Server, Side::Client],
    shown_by: "which side sent the RST, and when",
    seen_in: &[Look::Contents],
    over: Some(Transport::Tcp),
    explains: &["client-failed", "early-close", "truncated-reply"],
    check,
};

fn check(facts: &Facts) -> Ruling {
    if let Some((Muteness::Reset, evidence)) = facts.muteness()? {
        return finding(&RULE, Side::Server, Confidence::Proven, "The server reset each of netdiag's connections.")
            .because(evidence)
            .at(facts.only_line(Role::Server, |text| &text.closes))
            .fix("Read everything the client sent before closing, reply, and close in the ordinary way (no SO_LINGER 0).")
            .fires();
    }
    let exchanges = facts.exchanges()?;
    let Some((talk, exchange)) = exchanges.iter().find(|(talk, _)| talk.rst(Role::Server).is_some()) else {
        return Ok(Call::Silent);
    };
    let session = facts.contract.lifetime.as_ref().is_some_and(|term| {
        term.value == Lifetime::Session && term.source != Source::Assumed
    });
    match exchange.echo {
        Echo::Right => return super::ruled_out("the reset came after a complete exchange and did no harm"),
        Echo::NothingAsked | Echo::Pending => return super::ruled_out("nothing was owed when the reset came"),
        Echo::Short { whole_messages: true, .. } if !session => {
            return super::ruled_out("an earlier message had been answered, and nothing says that there may be more");
        }
        Echo::Nothing | Echo::Short { .. } => {}
        Echo::Unterminated | Echo::Differs { .. } | Echo::Surplus { .. } => return Ok(Call::Silent),
    }
    if talk.fin(Role::Server) < talk.rst(Role::Server) && talk.fin(Role::Server).is_some() {
        return super::ruled_out("the server had closed in order before; its kernel resets what comes after that");
    }
    if talk.fin(Role::Server).is_some_and(|closed| Some(closed) < talk.rst(Role::Server)) {
        return super::ruled_out("the server had closed in the ordinary way; its kernel reset what was sent after that");
    }
    if talk.ended_by(Role::Client).is_some_and(|left| Some(left) < talk.rst(Role::Server)) {
        return super::ruled_out("the client had left before");
    }
    finding(
        &RULE,
        Side::Server,
        if exchange.asked_completely.is_some() && facts.saw_the_wire() { Confidence::Proven } else { Confidence::Likely },
        format!(
            "The server's end reset the connection (RST) with {} of the client's {} bytes answered.",
            exchange.got, exchange.asked
        ),
    )
    .because(talk.references())
    .because(talk.closing_references(Role::Server))
    .at(facts.only_line(Role::Server, |text| &text.closes))
    .after(facts.failure_since_asked(talk))
    .fix("Read everything the client sent before closing, reply, and close in the ordinary way (no SO_LINGER 0).")
    .fires()
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::{Close, Contract, Lifetime, Occasion, Probe, Role, Shape, Term};
    use crate::facts::staged::{Stage, Talk, pair, probe, talk};

    fn met(talk: Talk) -> Stage {
        pair().talk(talk)
    }

    #[test]
    fn the_server_reset_instead_of_answering() {
        let stage = met(talk(40001).asks("hello\n").resets(Role::Server));
        let found = stage.fires("reset");
        assert_eq!((found.side, found.confidence), (Side::Server, Confidence::Proven));
        assert_eq!(stage.verdict().fault.as_deref(), Some("reset"));
    }

    #[test]
    fn a_server_that_ends_short_messages_in_order_resets_over_many_bytes_as_anybody_would() {
        let ended = |close, half_closed| Probe { half_closed, close, ..probe("netdiag probe 1 says hello 1\n", "") };
        let alone = |probes: Vec<Probe>| {
            let mut stage = pair().untold().client_gone().probed(probes);
            stage.0.setting.occasion = Occasion::LiveServer;
            stage
        };
        let bulk = Probe { shape: Shape::Bulk, ..ended(Close::Reset, false) };
        assert_eq!(alone(vec![ended(Close::Reset, false), bulk.clone()]).fires("reset").side, Side::Server);
        alone(vec![ended(Close::Fin, true), bulk.clone()]).silent("reset");
        alone(vec![ended(Close::Fin, false), bulk]).silent("reset");
    }

    #[test]
    fn a_reset_that_only_calls_show_is_likely() {
        let stage = met(talk(40001).asks("hello\n").resets(Role::Server)).rebuilt();
        assert_eq!(stage.fires("reset").confidence, Confidence::Likely);
    }

    #[test]
    fn a_reset_after_everything_was_said_does_no_harm() {
        assert!(met(talk(40001).echoes("hello\n").resets(Role::Server)).excludes("reset").contains("no harm"));
    }

    #[test]
    fn nothing_was_owed_to_a_client_that_had_not_asked() {
        for talk in [talk(40001), talk(40001).asks("hel")] {
            let stage = met(talk.after(3000.0).resets(Role::Server)).frozen(4000.0);
            assert!(stage.excludes("reset").contains("nothing was owed"));
            assert_eq!(stage.verdict().side, Side::Unknown);
        }
    }

    #[test]
    fn a_client_that_had_left_is_reset_by_right() {
        let stage = met(talk(40001).asks("hello\n").closes(Role::Client).resets(Role::Server));
        assert!(stage.excludes("reset").contains("had left"));
    }

    #[test]
    fn what_comes_after_a_one_shot_server_has_closed_is_reset_by_its_kernel() {
        let talk = talk(40001).echoes("one\n").closes(Role::Server).asks("two\n").resets(Role::Server);
        assert!(met(talk.clone()).excludes("reset").contains("earlier message"));
        let session = |terms: &mut Contract| terms.lifetime = Some(Term::told(Lifetime::Session));
        assert!(met(talk).contract(session).excludes("reset").contains("had closed"));
    }

    #[test]
    fn a_reply_of_unknown_shape_may_have_been_complete() {
        met(talk(40001).asks("hello\n").answers("ok\n").resets(Role::Server)).untold().silent("reset");
    }

    #[test]
    fn a_client_that_resets_is_another_matter() {
        met(talk(40001).echoes("hello\n").resets(Role::Client)).silent("reset");
    }

    #[test]
    fn cannot_tell_without_packets() {
        let stage = met(talk(40001).asks("hello\n").resets(Role::Server)).unseen("packets").unseen("sockets");
        assert_eq!(stage.cannot_tell("reset"), "packets");
    }
}
