//! Every recorded case once more, with less of its evidence: whatever is taken away, nobody innocent is named.

use std::collections::BTreeMap;

use netdiag::diagnosis::{Confidence, Verdict, examine};
use netdiag::evidence::Evidence;

use super::catalogue::{cases, expected, read, word};
use super::pieces::SOURCES;

/// Where nothing but the source that was taken away tells the fault from one that is far more frequent, so that `likely`
/// names the latter: the case, what it is taken for, and what only that source shows.
const TAKEN_FOR: &[(&str, &str, &str)] = &[
    ("port-in-use", "missing-reply", "the programs: the one that was dialled is not the server"),
    ("suspended-server", "missing-reply", "the programs: somebody stopped the server"),
    ("udp-reuseaddr-steals-traffic", "missing-reply", "the sockets: another one is at the same address"),
];

/// Every way of taking one, two or three sources away, with their names.
fn with_less(whole: &Evidence) -> impl Iterator<Item = (String, Evidence)> {
    let ways = (1..1_u32 << SOURCES.len()).filter(|way| way.count_ones() <= 3);
    ways.map(|way| {
        let taken = SOURCES.iter().enumerate().filter(|(n, _)| way & 1 << n != 0).map(|(_, source)| source);
        let mut less = whole.clone();
        let names: Vec<&str> = taken.map(|(name, cover)| (cover(&mut less), *name).1).collect();
        (names.join("+"), less)
    })
}

/// Whether the verdict names somebody who has nothing to do with it, or clears everybody for sure.
pub fn is_wrong(case: &str, truth: &str, verdict: &Verdict) -> bool {
    let is_taken_for = || {
        let fault = verdict.fault.as_deref();
        TAKEN_FOR.iter().any(|(name, other, _)| *name == case && Some(*other) == fault)
    };
    match (word(verdict.side).as_str(), truth) {
        ("unknown", _) | ("client" | "server", "both") => false,
        ("none", truth) => truth != "none" && verdict.confidence == Confidence::Proven,
        (side, truth) => side != truth && (verdict.confidence == Confidence::Proven || !is_taken_for()),
    }
}

#[test]
fn with_less_evidence_no_innocent_is_named() {
    let mut wrong: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for case in cases() {
        let (truth, _) = expected(&case).unwrap();
        for (taken, less) in with_less(&read(&case)) {
            let verdict = examine(&less).verdict;
            if is_wrong(&case, &truth, &verdict) {
                let fault = verdict.fault.as_deref().unwrap_or("no fault");
                let said = format!("{case} ({truth}): {} {fault} {:?}", word(verdict.side), verdict.confidence);
                wrong.entry(said).or_default().push(taken);
            }
        }
    }
    let shown = wrong.iter().map(|(said, taken)| format!("{said} without {} ({} ways)", taken[0], taken.len()));
    assert!(wrong.is_empty(), "\n{}\n", shown.collect::<Vec<_>>().join("\n"));
}
