//! The faults that are left when the evidence does not tell them apart.

use std::cmp::Reverse;

use super::ranking::Ranking;
use crate::diagnosis::{Candidate, Finding, Part, Side, Verdict};
use crate::evidence::Gap;
use crate::facts::Facts;
use crate::rules::{RULES, Rule, find};

/// How many names a sentence bears.
const NAMED: usize = 4;

/// Adds to a verdict that leaves the side open which faults it may be, and lets it ask for the looks that would tell.
///
/// `left_open` are the rules whose answer does not count, with what stood in the way of each.
#[must_use]
pub fn name_candidates(
    facts: &Facts,
    verdict: Verdict,
    findings: &[Finding],
    left_open: &[(&'static str, Gap)],
) -> Verdict {
    if verdict.side != Side::Unknown || facts.is_no_echo_server() {
        return verdict;
    }
    let symptoms = facts.symptoms();
    let to_explain = symptoms.to_explain();
    let explains = |rule: &Rule| rule.symptoms.iter().any(|symptom| to_explain.contains(symptom));
    let mut open = open(facts, left_open, explains);
    let ranking = Ranking::of(facts, symptoms);
    open.sort_by_cached_key(|(rule, _)| Reverse(ranking.rank(rule)));
    // What only seems to have made it worse may be what caused it.
    let found = findings.iter().filter(|finding| match finding.role {
        Part::Cause => true,
        Part::Contributing => find(&finding.fault).is_some_and(explains),
        Part::Consequence => false,
    });
    let mut candidates: Vec<Candidate> = found.filter_map(suspected).collect();
    candidates.extend(open.iter().map(|(rule, _)| candidate(rule, None)));
    // What the verdict advises of its own accord, beside what stood in the rules' way.
    let is_a_rules = |way: &&String| left_open.iter().any(|(_, gap)| gap.remedy == **way);
    let mut to_settle: Vec<String> = verdict.to_settle.iter().filter(|way| !is_a_rules(way)).cloned().collect();
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

/// The rules that would explain what is seen, each with what stood in its way.
fn open<'c>(
    facts: &Facts,
    left_open: &'c [(&'static str, Gap)],
    explains: impl Fn(&Rule) -> bool,
) -> Vec<(&'static Rule, &'c Gap)> {
    let reason = |rule: &Rule| left_open.iter().find(|(name, _)| *name == rule.name).map(|(_, gap)| gap);
    let fit = RULES.iter().filter(|rule| explains(rule) && rule.fits_transport(facts));
    fit.filter_map(|rule| Some((*rule, reason(rule)?))).collect()
}

fn suspected(finding: &Finding) -> Option<Candidate> {
    Some(candidate(find(&finding.fault)?, Some(finding.side)))
}

fn candidate(rule: &Rule, side: Option<Side>) -> Candidate {
    let side = side.or(match rule.sides {
        [one] => Some(*one),
        _ => None,
    });
    Candidate { fault: rule.name.to_owned(), side: side.unwrap_or(Side::Unknown), shown_by: rule.shown_by.to_owned() }
}

fn sentence(candidates: &[Candidate]) -> String {
    let names: Vec<&str> = candidates.iter().take(NAMED).map(|candidate| candidate.fault.as_str()).collect();
    let others = if candidates.len() > NAMED { ", or something less likely" } else { "" };
    format!("Still possible: {}{others}.", names.join(", "))
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Candidate, Side};
    use crate::evidence::{How, Role};
    use crate::facts::staged::{Stage, dial, pair, talk};

    fn candidates(stage: &Stage) -> Vec<Candidate> {
        stage.verdict().candidates
    }

    fn names(stage: &Stage) -> Vec<String> {
        candidates(stage).into_iter().map(|candidate| candidate.fault).collect()
    }

    #[test]
    fn a_verdict_that_accuses_or_absolves_has_none() {
        assert_eq!(candidates(&pair().talk(talk(40001).asks("hello\n").open()).hangs()), []);
        assert_eq!(candidates(&pair().talk(talk(40001).healthy())), []);
    }

    #[test]
    fn a_hang_without_the_table_of_sockets_may_be_three_things_and_no_refusal() {
        let hang = pair().talk(talk(40001).asks("hello\n").open()).hangs().unseen("sockets");
        let names = names(&hang);
        for fault in ["missing-reply", "never-accepts", "unread-request"] {
            assert!(names.iter().any(|name| name == fault), "{fault} is not in {names:?}");
        }
        for fault in ["wrong-port", "udp-reply-to-wrong-peer", "corrupted-reply", "silent-client"] {
            assert!(!names.iter().any(|name| name == fault), "{fault} is in {names:?}");
        }
        assert!(hang.verdict().to_settle.iter().any(|remedy| remedy.contains("sockets")), "{:?}", hang.verdict());
    }

    #[test]
    fn what_was_found_comes_first_and_says_whose_it_would_be() {
        let refused = pair().talk(dial(40001, "127.0.0.1:12435").syn(50.0).refused(50.1)).unseen("sockets");
        let candidates = candidates(&refused);
        assert_eq!((candidates[0].fault.as_str(), candidates[0].side), ("connection-refused", Side::Unknown));
        let wrong_port = candidates.iter().find(|candidate| candidate.fault == "wrong-port").unwrap();
        assert_eq!(wrong_port.side, Side::Client);
        assert!(wrong_port.shown_by.contains("port"), "{wrong_port:?}");
    }

    #[test]
    fn the_summary_names_the_likeliest_and_the_verdict_all() {
        let blind = pair().unseen("packets").unseen("sockets").exits(Role::Client, 90.0, How::Code(1));
        let verdict = blind.complains(Role::Client, "ConnectionRefusedError\n").verdict();
        let summary = &verdict.summary;
        assert!(verdict.fault.is_some() || summary.contains("Still possible: no-server, "), "{summary}");
        assert!(verdict.fault.is_some() || summary.ends_with(", or something less likely."), "{summary}");
        assert!(verdict.candidates.len() > 4, "{verdict:?}");
    }

    #[test]
    fn a_pair_that_ended_well_and_soon_did_not_hang() {
        let names = names(&pair().unseen("packets").unseen("sockets"));
        for fault in ["never-accepts", "missing-reply", "silent-client", "read-to-eof-without-half-close"] {
            assert!(!names.iter().any(|name| name == fault), "{fault} is in {names:?}");
        }
        assert!(names.iter().any(|name| name == "corrupted-reply"), "{names:?}");
    }
}
