//! The swap: what each program did with a reference partner decides where the pair's own evidence leaves a doubt.

use crate::diagnosis::{Confidence, Cross, Side, Verdict};
use crate::evidence::{Ending, Framing, Role, Source, Swap};
use crate::facts::{Echo, Facts};

/// What the reference partners showed of one program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Conduct {
    Right,
    Wrong,
    /// Not examined, or not decided.
    Open,
}

/// Weighs `verdict`, reached from the pair alone, against the cross-examination.
#[must_use]
pub fn weigh(facts: &Facts, verdict: Verdict, cross: &[Cross]) -> Verdict {
    if cross.is_empty() || matches!(verdict.side, Side::None | Side::Environment | Side::Both) {
        return verdict;
    }
    let understood = |conduct| if conduct == Conduct::Wrong && !is_spoken(facts) { Conduct::Open } else { conduct };
    let (client, server) = (understood(conduct(cross, Role::Client)), understood(conduct(cross, Role::Server)));
    let client = if hangs_with_the_reference_alone(facts) { Conduct::Open } else { client };
    // That it answers probes clears a server only as long as it did not fail with what its own client says.
    let is_clear = conduct(cross, Role::Server) == Conduct::Open && answered_probes(facts);
    let server = if is_clear { Conduct::Right } else { server };
    match (verdict.side, client, server) {
        // The reference client does not wait for the end, and the reference server ends nothing unasked.
        (Side::Server, ..) if verdict.fault.as_deref() == Some("connection-abandoned") => verdict,
        // A status other than 0 may be meant; that it is the same with everybody makes it no fault.
        (Side::Client, Conduct::Wrong, _) if verdict.fault.as_deref() == Some("client-failed") => verdict,
        (Side::Client, Conduct::Wrong, Conduct::Right) | (Side::Server, Conduct::Right, Conduct::Wrong) => {
            Verdict { confidence: Confidence::Proven, ..verdict }
        }
        (Side::Unknown, Conduct::Wrong, Conduct::Right) => blame(Role::Client, cross, verdict),
        (Side::Unknown, Conduct::Right, Conduct::Wrong) => blame(Role::Server, cross, verdict),
        (Side::Unknown, Conduct::Wrong, Conduct::Wrong) => {
            Verdict { side: Side::Both, ..blame(Role::Server, cross, verdict) }
        }
        (Side::Server, Conduct::Wrong, Conduct::Right) if verdict.confidence < Confidence::Proven => {
            blame(Role::Client, cross, verdict)
        }
        (Side::Client, Conduct::Right, Conduct::Wrong) if verdict.confidence < Confidence::Proven => {
            blame(Role::Server, cross, verdict)
        }
        // It complains, and the server fails with others too: it may well be right to complain.
        (Side::Client, _, Conduct::Wrong) if verdict.fault.as_deref() == Some("client-failed") => {
            blame(Role::Server, cross, verdict)
        }
        (Side::Client | Side::Server, ..) if is_beyond_references(&verdict) => verdict,
        // It did well with other messages, and failed by its own account over one of these.
        (Side::Server, _, Conduct::Right) if failed_over_its_client(facts) => verdict,
        // A reference echoes the bytes of a header it cannot read; that clears nobody of packing it wrongly.
        (Side::Client, _, Conduct::Right | Conduct::Open)
            if matches!(verdict.fault.as_deref(), Some("length-prefix-byte-order" | "struct-padding")) =>
        {
            verdict
        }
        // The pair's evidence points one way and the swap the other: whoever does well with the reference is not accused.
        (Side::Client, Conduct::Right, _) | (Side::Server, _, Conduct::Right)
            if verdict.confidence < Confidence::Proven =>
        {
            Verdict {
                side: Side::Unknown,
                confidence: Confidence::Possible,
                summary: format!("{} Yet {}, so it is not accused.", verdict.summary, excuse(&verdict, is_clear)),
                ..verdict
            }
        }
        _ => verdict,
    }
}

/// What speaks for the program that the pair's evidence speaks against.
fn excuse(verdict: &Verdict, by_probes: bool) -> &'static str {
    if by_probes && verdict.side == Side::Server {
        "the server answered netdiag's own probes in a way of its own that may be meant"
    } else {
        "with a reference partner that program did everything right"
    }
}

/// Whether a reference partner does not do what the fault takes. It answers at once, which clears nobody of impatience; its
/// messages fit into any buffer, and its replies come in one piece; it never leaves before its reply; it reads as much as
/// it expects and no more; it ends its side when it has said everything, and whatever lay in a buffer comes; it is one client,
/// and gone before anybody sees what the server does then.
fn is_beyond_references(verdict: &Verdict) -> bool {
    const BEYOND: &[&str] = &[
        "client-gives-up-early",
        "client-one-recv-per-message",
        "udp-late-reply-taken-for-next",
        "udp-truncated-by-buffer",
        "udp-error-kills-server",
        "whole-buffer-echo",
        "one-at-a-time",
        "accept-loop-ended",
        "eof-busy-loop",
        "reply-not-flushed",
        "server-waits-for-full-buffer",
        "short-write-ignored",
    ];
    verdict.fault.as_deref().is_some_and(|fault| BEYOND.contains(&fault))
}

/// Whether the client ended content with its own server, and waited for more than the reference says: that speaks of what the
/// two have agreed on.
fn hangs_with_the_reference_alone(facts: &Facts) -> bool {
    let waits =
        |swap: &Swap| matches!(swap.evidence.setting.ended, Ending::HangProven | Ending::Idle | Ending::DeadlinePassed);
    facts.clients_left_content()
        && !facts.still_waiting()
        && facts.evidence.swaps.iter().any(|swap| swap.kept == Role::Client && waits(swap))
}

/// Whether an error came up in the server when it was to answer what its client had said, and it did not answer.
fn failed_over_its_client(facts: &Facts) -> bool {
    let unanswered = |echo: &Echo| matches!(echo, Echo::Nothing | Echo::Short { .. });
    facts.exchanges().is_ok_and(|exchanges| {
        exchanges.iter().any(|(talk, exchange)| unanswered(&exchange.echo) && facts.failure_since_asked(talk).is_some())
    })
}

fn conduct(cross: &[Cross], kept: Role) -> Conduct {
    let own = if kept == Role::Client { Side::Client } else { Side::Server };
    match cross.iter().find(|cross| cross.kept == kept).map(|cross| cross.verdict.side) {
        Some(Side::None) => Conduct::Right,
        Some(side) if side == own => Conduct::Wrong,
        _ => Conduct::Open,
    }
}

/// Whether the reference speaks what the pair speaks. Who fails with a partner that greets nobody, or puts no time before
/// its answers, may do well with the one it was written for.
fn is_spoken(facts: &Facts) -> bool {
    // A server that forgets to flush looks like one that reads until EOF.
    let framing_known = facts.contract.framing.as_ref().is_some_and(|term| {
        term.source == Source::Told || (term.source == Source::Learned && term.value != Framing::UntilEof)
    });
    let is_plain = facts
        .dialect
        .as_ref()
        .is_ok_and(|dialect| dialect.banner.is_none() && dialect.decoration.is_none() && dialect.blocks.is_none());
    let is_told = [
        facts.contract.framing.as_ref().map(|term| term.source),
        facts.contract.reply.as_ref().map(|term| term.source),
    ]
    .iter()
    .all(|source| *source == Some(Source::Told));
    framing_known && !facts.contract.reply_is_assumed() && (is_plain || is_told)
}

/// Probes are a reference client too.
fn answered_probes(facts: &Facts) -> bool {
    facts.dialect.as_ref().is_ok_and(|dialect| dialect.echoes.as_ref().is_some_and(|echoes| echoes.value))
        && facts.departures().is_empty()
        && !facts.echoes_damaged()
}

fn blame(kept: Role, cross: &[Cross], pair: Verdict) -> Verdict {
    let Some(alone) = cross.iter().find(|cross| cross.kept == kept).map(|cross| &cross.verdict) else { return pair };
    let (side, other) = if kept == Role::Client { (Side::Client, "server") } else { (Side::Server, "client") };
    Verdict {
        side,
        fault: alone.fault.clone(),
        confidence: alone.confidence,
        summary: format!("With a reference {other} the {kept} fails too: {}", alone.summary),
        to_settle: Vec::new(),
        candidates: Vec::new(),
    }
}
