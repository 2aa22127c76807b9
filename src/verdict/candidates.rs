//! The faults that are left when the evidence does not tell them apart.

use crate::diagnosis::{Candidate, Finding, Part, Side, Verdict};
use crate::evidence::Gap;
use crate::facts::{Facts, Symptom};
use crate::rules::{Rule, find};

/// How many names a sentence bears.
const NAMED: usize = 4;

/// Adds to a verdict that leaves the side open which faults it may be, and lets it ask for the looks that would tell.
#[must_use]
pub fn name_candidates(
    facts: &Facts,
    verdict: Verdict,
    findings: &[Finding],
    cannot_tell: &[(&'static str, Gap)],
) -> Verdict {
    if verdict.side != Side::Unknown || facts.is_no_echo_server() {
        return verdict;
    }
    let open = open(facts, cannot_tell);
    let found = findings.iter().filter(|finding| finding.role == Part::Cause);
    let mut candidates: Vec<Candidate> = found.filter_map(suspected).collect();
    candidates.extend(open.iter().map(|(rule, _)| candidate(rule, None)));
    let mut to_settle: Vec<String> = Vec::new();
    for remedy in open.iter().map(|(_, gap)| &gap.remedy) {
        if !remedy.is_empty() && !to_settle.contains(remedy) {
            to_settle.push(remedy.clone());
        }
    }
    Verdict {
        summary: match &verdict.fault {
            None if !candidates.is_empty() => format!("{} {}", verdict.summary, sentence(&candidates)),
            _ => verdict.summary,
        },
        to_settle: if to_settle.is_empty() { verdict.to_settle } else { to_settle },
        candidates,
        ..verdict
    }
}

/// The rules that could not look and that would explain what is seen, each with what stood in its way.
fn open<'c>(facts: &Facts, cannot_tell: &'c [(&'static str, Gap)]) -> Vec<(&'static Rule, &'c Gap)> {
    let symptoms = facts.symptoms().to_explain();
    let explains = |rule: &Rule| rule.symptoms.iter().any(|symptom: &Symptom| symptoms.contains(symptom));
    let open = cannot_tell.iter().filter_map(|(name, gap)| Some((find(name)?, gap)));
    open.filter(|(rule, _)| explains(rule)).collect()
}

fn suspected(finding: &Finding) -> Option<Candidate> {
    Some(candidate(find(&finding.fault)?, Some(finding.side)))
}

fn candidate(rule: &Rule, side: Option<Side>) -> Candidate {
    let side = side.or(match rule.sides {
        [one] => Some(*one),
        _ => None,
    });
    Candidate {
        fault: rule.name.to_owned(),
        side: side.unwrap_or(Side::Unknown),
        shown_by: rule.shown_by.to_owned(),
    }
}

fn sentence(candidates: &[Candidate]) -> String {
    let names: Vec<&str> = candidates.iter().take(NAMED).map(|candidate| candidate.fault.as_str()).collect();
    let others = match candidates.len().saturating_sub(NAMED) {
        0 => String::new(),
        1 => " and one other".to_owned(),
        more => format!(" and {more} others"),
    };
    format!("Still possible: {}{others}.", names.join(", "))
}
