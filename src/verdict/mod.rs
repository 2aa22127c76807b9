//! WHICH SIDE: keeps root causes, lists what follows from them, and answers for the pair as a whole.

mod candidates;
mod cross;
mod ranking;

pub use candidates::name_candidates;
pub use cross::weigh;

use crate::diagnosis::{Confidence, Finding, Part, Side, Verdict};
use crate::evidence::{Ending, Gap, Role};
use crate::facts::{Echo, Ended, Exchange, Facts, Look, Player, Talk};
use crate::rules::find;

/// Shorter delays than this are not seen where a conversation is rebuilt from calls, in milliseconds.
const UNSEEN_DELAY_MS: u64 = 250;

/// Orders the findings (causes, contributing faults, consequences) and names the side.
///
/// `cannot_tell` are the rules that could not look, with the gap each one named.
#[must_use]
pub fn decide(facts: &Facts, findings: Vec<Finding>, cannot_tell: &[(&'static str, Gap)]) -> (Verdict, Vec<Finding>) {
    let findings = sort_out(findings);
    let causes: Vec<&Finding> = findings.iter().filter(|finding| finding.role == Part::Cause).collect();
    let verdict = match strongest(&causes) {
        Some(cause) if cause.confidence == Confidence::Possible => suspect(cause, cannot_tell),
        Some(cause) => blame(cause, &causes),
        None => absolve(facts).unwrap_or_else(|| unknown(facts, cannot_tell)),
    };
    (verdict, findings)
}

/// A finding is a consequence when another one, not itself a consequence of it, explains it. What only contributed
/// explains nothing, and a mere suspicion explains nothing that is surer.
fn sort_out(mut findings: Vec<Finding>) -> Vec<Finding> {
    let causes: Vec<Finding> = findings.iter().filter(|finding| finding.role == Part::Cause).cloned().collect();
    for finding in &mut findings {
        let explained = causes.iter().any(|cause| {
            explains(cause, finding) && !follows_from(cause, finding, &causes, &mut vec![cause.fault.clone()])
        });
        if explained {
            finding.role = Part::Consequence;
        }
    }
    findings.sort_by_key(|finding| (finding.role, std::cmp::Reverse(finding.confidence)));
    findings
}

fn explains(cause: &Finding, finding: &Finding) -> bool {
    (cause.confidence > Confidence::Possible || finding.confidence == Confidence::Possible)
        && find(&cause.fault).is_some_and(|rule| rule.explains.contains(&finding.fault.as_str()))
}

/// Whether `finding`, by itself or through others that were found, explains `cause`: then they go round in a circle.
fn follows_from(cause: &Finding, finding: &Finding, all: &[Finding], passed: &mut Vec<String>) -> bool {
    explains(finding, cause)
        || all.iter().any(|next| {
            !passed.contains(&next.fault) && explains(finding, next) && {
                passed.push(next.fault.clone());
                follows_from(cause, next, all, passed)
            }
        })
}

/// The cause the verdict is named after: the surest one; among equally sure ones, the one that comes first in the story.
fn strongest<'f>(causes: &[&'f Finding]) -> Option<&'f Finding> {
    causes.iter().copied().rev().max_by_key(|cause| cause.confidence)
}

fn blame(cause: &Finding, causes: &[&Finding]) -> Verdict {
    let blamed = |side: Side| {
        causes
            .iter()
            .any(|cause| (cause.side == side || cause.side == Side::Both) && cause.confidence > Confidence::Possible)
    };
    let two_sided = cause.side == Side::Both
        || (blamed(Side::Client) && blamed(Side::Server) && matches!(cause.side, Side::Client | Side::Server));
    let side = if two_sided { Side::Both } else { cause.side };
    let others: Vec<&str> =
        causes.iter().filter(|other| other.fault != cause.fault).map(|other| other.fault.as_str()).collect();
    let mut summary = cause.statement.clone();
    if two_sided && !others.is_empty() {
        summary = format!("{summary} Independently of that: {}.", others.join(", "));
    }
    Verdict {
        side,
        fault: Some(cause.fault.clone()),
        confidence: cause.confidence,
        summary,
        to_settle: Vec::new(),
        candidates: Vec::new(),
    }
}

/// Where something else would explain the evidence as well, a suspicion is named, and nobody is accused.
fn suspect(cause: &Finding, cannot_tell: &[(&'static str, Gap)]) -> Verdict {
    let summary = match cause.side {
        Side::Unknown => cause.statement.clone(),
        _ => format!("{} Something else may explain it as well.", cause.statement),
    };
    Verdict {
        side: Side::Unknown,
        fault: Some(cause.fault.clone()),
        confidence: Confidence::Possible,
        summary,
        to_settle: remedies(cannot_tell),
        candidates: Vec::new(),
    }
}

/// What would settle an open question, as instructions; never nothing.
fn remedies(cannot_tell: &[(&'static str, Gap)]) -> Vec<String> {
    let mut remedies: Vec<String> = Vec::new();
    for (_, gap) in cannot_tell {
        if !gap.remedy.is_empty() && !remedies.contains(&gap.remedy) {
            remedies.push(gap.remedy.clone());
        }
    }
    if remedies.is_empty() {
        remedies.push("record again, with a client that sends a request and waits for the reply".to_owned());
    }
    remedies
}

/// `none` needs positive evidence: a complete and right exchange for each client, and none that was anything else.
fn absolve(facts: &Facts) -> Option<Verdict> {
    if facts.is_alone() {
        return absolve_server(facts);
    }
    let exchanges = facts.exchanges().ok()?;
    let right = exchanges.iter().filter(|(_, exchange)| exchange.echo == Echo::Right).count();
    let others = exchanges.len() - right;
    let clients = facts.players(Role::Client).unwrap_or_default();
    let left_a_rest = exchanges.iter().any(|(talk, _)| talk.rst(Role::Client).is_some());
    let complained = |client: &Player| {
        client.failed() && (left_a_rest || client.complained() != Some(false)) && !client.ran_out_of_input()
    };
    let ended_badly = clients.iter().any(complained)
        || !matches!(facts.evidence.setting.ended, Ending::ClientsEnded | Ending::Complete)
            && (clients.is_empty() || clients.iter().any(Player::is_running));
    if right == 0 || right < clients.len() {
        return None;
    }
    // Only the wire shows when a reply arrived, and Nagle's algorithm can hold it back by tenths of a second (RFC 1122).
    let promised = facts.contract.latency_ms.as_ref().map(|term| term.value);
    if promised.is_some_and(|ms| ms < UNSEEN_DELAY_MS) && !facts.saw_the_wire() {
        return None;
    }
    if right > 0 && clients.iter().any(|client| printed_a_part(client, &exchanges)) {
        return None;
    }
    let harmless = exchanges.iter().all(|(_, exchange)| matches!(exchange.echo, Echo::Right | Echo::NothingAsked));
    if ended_badly || !harmless {
        return None;
    }
    let manner = if in_own_words(facts, &exchanges) {
        "completely, in words of the server's own (which reply was agreed on, nobody told)"
    } else {
        "completely and as agreed"
    };
    let summary = match (right, others) {
        (1, 0) => format!("The request was answered {manner}."),
        (n, 0) => format!("All {n} conversations were answered {manner}."),
        (n, m) => format!("{n} conversations were answered {manner}; {m} carried no request."),
    };
    let complete = facts.evidence.packets.seen().is_ok_and(|seen| seen.dropped == 0 && seen.conversations_omitted == 0);
    // What a program made of its reply, and how it ended, the packets do not tell.
    let complete = complete && facts.looked(Look::Output).is_ok() && !facts.server_ended_badly();
    let confidence = if complete { Confidence::Proven } else { Confidence::Likely };
    Some(Verdict { side: Side::None, fault: None, confidence, summary, to_settle: Vec::new(), candidates: Vec::new() })
}

/// A server by itself is absolved by its answers to probes of every shape.
fn absolve_server(facts: &Facts) -> Option<Verdict> {
    let dialect = facts.dialect.as_ref().ok()?;
    // Answers that merely resemble what was sent prove nothing: they must fit one form.
    let many_came_back = dialect.bulk.as_ref().is_some_and(|bulk| bulk.value.whole.is_some());
    let is_understood =
        dialect.reply.is_some() || dialect.decoration.is_some() || dialect.blocks.is_some() || many_came_back;
    if facts.adds_a_nul() || !dialect.echoes.as_ref()?.value || !is_understood || !facts.departures().is_empty() {
        return None;
    }
    let places = match facts.places() {
        Some(1) => " It serves one client at a time; nothing told says that it must do better.".to_owned(),
        Some(n) => format!(" It serves {n} clients at a time; nothing told says that it must do better."),
        None => String::new(),
    };
    let count = match facts.messages_per_connection() {
        Some(n) => format!(" It ends a connection after {n} messages; nothing told says that it must not."),
        None => String::new(),
    };
    // Many a real server is built so, and only a client that half-closes ever notices.
    let drops =
        facts.dialect.as_ref().is_ok_and(|d| d.answers_half_close.as_ref().is_some_and(|answers| !answers.value));
    let half_close = if drops { " It drops what it owes when a client half-closes at once." } else { "" };
    Some(Verdict {
        side: Side::None,
        fault: None,
        confidence: Confidence::Proven,
        summary: format!(
            "The server echoed what it was sent, in every shape that was tried, in its own dialect.{places}{count}{half_close}"
        ),
        to_settle: Vec::new(),
        candidates: Vec::new(),
    })
}

fn unknown(facts: &Facts, cannot_tell: &[(&'static str, Gap)]) -> Verdict {
    let open = |summary: &str, to_settle: Vec<String>| Verdict {
        side: Side::Unknown,
        fault: None,
        confidence: Confidence::Possible,
        summary: summary.to_owned(),
        to_settle,
        candidates: Vec::new(),
    };
    if facts.is_no_echo_server() {
        return open(
            "The server answers, but not with what it was sent: by all signs it is not an echo server.",
            vec!["Look at what answered (`netdiag sockets`), and whether this is the address you mean.".to_owned()],
        );
    }
    let mut to_settle = remedies(cannot_tell);
    if let Some(hint) = asks_at_the_keyboard(facts).filter(|hint| !to_settle.iter().any(|way| way == hint)) {
        to_settle.insert(0, hint);
    }
    if facts.is_alone()
        && let [first, ..] = &facts.departures()[..]
    {
        let summary = format!("The server echoes plain lines, but {}.", first.what);
        return Verdict { side: Side::Server, confidence: Confidence::Likely, ..open(&summary, to_settle) };
    }
    if facts.adds_a_nul() && !facts.contract.reply_is_assumed() {
        let summary =
            "The replies hold a NUL byte that nobody sent, and that is no part of the reply that was agreed on.";
        return Verdict { side: Side::Server, confidence: Confidence::Likely, ..open(summary, to_settle) };
    }
    if facts.adds_a_nul() {
        return open(
            "The replies hold a NUL byte that nobody sent. Where replies are C strings that is their end; where the reply is \
             the message it is one byte too many (`strlen(text) + 1`). Nobody told which was agreed on.",
            vec!["tell netdiag the reply that was agreed on, such as reply = \"exact\": --contract FILE (docs/contract.md)"
                .to_owned()],
        );
    }
    let summary = match (facts.evidence.setting.ended, cannot_tell) {
        (Ending::Interrupted, _) => "The recording was interrupted before anything was decided.",
        (Ending::CutShort, _) => "The capture file breaks off before anything was decided.",
        (_, []) => "Nothing wrong was seen, and no complete exchange either.",
        (_, _) => "The evidence does not decide it.",
    };
    open(summary, to_settle)
}

/// A client that connects, says nothing and ends content may have asked for its text where nobody types.
fn asks_at_the_keyboard(facts: &Facts) -> Option<String> {
    let clients = facts.players(Role::Client).ok()?;
    let silent = facts.talks().ok()?.iter().filter_map(|talk| talk.conversation).all(|talk| talk.sent.total == 0);
    let content = |client: &Player| client.ended == Ended::Exited(0) && !client.program.reference;
    (silent && !clients.is_empty() && clients.iter().all(content)).then(|| {
        "if the client asks for its text at the keyboard, give it the lines: --input 'hello', once for each line"
            .to_owned()
    })
}

/// Whether right answers are not the bytes that were sent, in a form that was neither told nor learned.
fn in_own_words(facts: &Facts, exchanges: &[(&Talk, Exchange)]) -> bool {
    let differs = |(_, exchange): &(&Talk, Exchange)| exchange.echo == Echo::Right && exchange.got != exchange.asked;
    facts.contract.reply_is_assumed() && exchanges.iter().any(differs)
}

/// Whether a client that reset its connection had printed the beginning of its reply and not the rest: what it did not
/// print it may not have read, which a complete exchange on the wire does not show.
fn printed_a_part(client: &Player, exchanges: &[(&Talk, Exchange)]) -> bool {
    const TELLING: usize = 8;
    let Some(output) = &client.program.stdout else { return false };
    let printed = &output.head.0;
    exchanges.iter().any(|(talk, _)| {
        let reply = talk.response().map(|response| response.head.0.trim_ascii_end()).unwrap_or_default();
        let holds = |text: &[u8]| printed.windows(text.len()).any(|part| part == text);
        talk.rst(Role::Client).is_some() && reply.len() > TELLING && holds(&reply[..TELLING]) && !holds(reply)
    })
}

#[cfg(test)]
mod innocent;
#[cfg(test)]
mod tests;
