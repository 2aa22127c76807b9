//! The waist of the program: evidence in, diagnosis out. Pure.

use serde::{Deserialize, Serialize};

use crate::evidence::{Contract, Evidence, Frame, Gap, Role};
use crate::facts::Facts;
use crate::rules::{Call, RULES};
use crate::verdict;

/// What netdiag concludes from one recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// Which side, why, how sure.
    pub verdict: Verdict,
    /// Every finding, root causes first, then what follows from them.
    pub findings: Vec<Finding>,
    /// Faults that were considered and excluded by what was seen.
    pub ruled_out: Vec<RuledOut>,
    /// What each program did with a reference partner, if that was tried.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cross: Vec<Cross>,
    /// The contract as told, learned and assumed.
    pub contract: Contract,
    /// What could not be looked at, without repetition.
    pub gaps: Vec<Gap>,
}

/// The verdict on one program of the pair with a reference partner in the other part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cross {
    /// The part whose program was kept.
    pub kept: Role,
    /// What came of it.
    pub verdict: Verdict,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Who has to change something.
    pub side: Side,
    /// The fault's slug; `None` when there is no fault, or none could be named.
    pub fault: Option<String>,
    /// How sure.
    pub confidence: Confidence,
    /// One sentence.
    pub summary: String,
    /// For `unknown`: what would settle it, as instructions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to_settle: Vec<String>,
    /// For `unknown`: the faults that fit the symptom and that the evidence leaves open, the most telling first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<Candidate>,
}

/// A fault that may be the one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Its slug.
    pub fault: String,
    /// Who would have to change something; `unknown` where it may be either.
    pub side: Side,
    /// What would show it and none of the others: a noun phrase.
    pub shown_by: String,
}

/// Who has to change something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// The client.
    Client,
    /// The server.
    Server,
    /// Each of them.
    Both,
    /// Neither program: the machine, a rule, a leftover process, somebody who did not start the server.
    Environment,
    /// Nobody: a complete and right exchange was seen.
    None,
    /// It could not be told.
    Unknown,
}

/// How sure a finding or verdict is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// Something else would explain the evidence too.
    Possible,
    /// The evidence fits nothing else we know, but a piece of it is inferred.
    Likely,
    /// Every link was seen.
    Proven,
}

/// A rule that fired.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The fault's slug.
    pub fault: String,
    /// Who has to change something.
    pub side: Side,
    /// Its place among the findings; set by the verdict.
    pub role: Part,
    /// How sure.
    pub confidence: Confidence,
    /// What was seen, in one or two sentences.
    pub statement: String,
    /// References into the evidence: `packets:3`, `sockets:1`, `programs:0`, `tasks:2`, `exceptions:0`, `probes:4`.
    pub evidence: Vec<String>,
    /// The line to change.
    pub location: Option<Frame>,
    /// Whose line that is.
    pub location_of: Option<Role>,
    /// What to do, as an instruction.
    pub fix: String,
}

/// What part a finding plays in the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// A root cause.
    Cause,
    /// Not the cause of the failure, but it made it worse or hid it.
    Contributing,
    /// It follows from a root cause.
    Consequence,
}

/// A fault that was considered and excluded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuledOut {
    /// Its slug.
    pub fault: String,
    /// A clause: "the request was read (Recv-Q 0)".
    pub because: String,
}

/// Examines the evidence. Pure: the same evidence always gives the same diagnosis.
#[must_use]
pub fn examine(evidence: &Evidence) -> Diagnosis {
    let facts = Facts::derive(evidence);
    let mut findings = Vec::new();
    let mut ruled_out = Vec::new();
    let (mut cannot_tell, mut unlooked) = (Vec::new(), Vec::new());
    for rule in RULES {
        match (rule.check)(&facts) {
            Ok(Call::Fires(finding)) => findings.push(*finding),
            Ok(Call::Silent) => unlooked.extend(rule.unseen(&facts).map(|gap| (rule.name, gap))),
            Ok(Call::RuledOut(because)) => ruled_out.push(RuledOut { fault: rule.name.to_owned(), because }),
            Err(gap) => cannot_tell.push((rule.name, gap)),
        }
    }
    let cross: Vec<Cross> =
        evidence.swaps.iter().map(|swap| Cross { kept: swap.kept, verdict: examine(&swap.evidence).verdict }).collect();
    let (verdict, findings) = verdict::decide(&facts, findings, &cannot_tell);
    let verdict = verdict::weigh(&facts, verdict, &cross);
    let open = [cannot_tell.as_slice(), &unlooked].concat();
    let verdict = verdict::name_candidates(&facts, verdict, &findings, &open);
    Diagnosis {
        verdict,
        findings,
        ruled_out,
        cross,
        contract: facts.contract.clone(),
        gaps: gaps(evidence, &cannot_tell),
    }
}

impl Diagnosis {
    /// Whether a cross-examination could add anything: the answer is open, or somebody is accused without proof.
    #[must_use]
    pub fn leaves_doubt(&self) -> bool {
        match self.verdict.side {
            Side::None | Side::Environment => false,
            Side::Unknown => true,
            Side::Client | Side::Server | Side::Both => self.verdict.confidence < Confidence::Proven,
        }
    }
}

/// Every source nobody looked at, and every gap a rule named, once each.
fn gaps(evidence: &Evidence, cannot_tell: &[(&'static str, Gap)]) -> Vec<Gap> {
    let sources = [
        evidence.packets.seen().map_or_else(Some, |packets| packets.rebuilt.clone()),
        evidence.sockets.seen().err(),
        evidence.programs.seen().err(),
        evidence.exceptions.seen().err(),
    ];
    let mut gaps: Vec<Gap> = Vec::new();
    for gap in sources.into_iter().flatten().chain(cannot_tell.iter().map(|(_, gap)| gap.clone())) {
        if !gaps.contains(&gap) {
            gaps.push(gap);
        }
    }
    gaps
}
