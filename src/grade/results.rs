//! What grading a class came to: plain data, the one thing that is stored, merged and turned into a platform's format.
//!
//! Marks are in the lab's points. Texts may hold bytes of a submission; whoever writes a format escapes them.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::diagnosis::{Confidence, Side};

/// The name and version of this form.
pub const SCHEMA: &str = "netdiag/grade/v1";

/// A class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Results {
    /// [`SCHEMA`].
    pub schema: String,
    /// The lab's title.
    pub lab: String,
    /// One digest of the lab file and of netdiag's version: results of different rules must not be mixed.
    pub rules: String,
    /// In the order of their names.
    pub submissions: Vec<Submission>,
}

/// One submission and its marks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Submission {
    /// The name of its directory or file; bytes that are no UTF-8 are replaced.
    pub name: String,
    /// A digest of its contents.
    pub content: String,
    /// Points in all.
    pub points: f64,
    /// Points there are to get.
    pub out_of: f64,
    /// In the lab's order.
    pub checks: Vec<Check>,
    /// What a person has to look at before the mark counts, as sentences; mostly empty.
    pub review: Vec<String>,
    /// What could not be isolated on this machine, as clauses.
    pub not_isolated: Vec<String>,
    /// Wall time, in milliseconds.
    pub took_ms: f64,
}

/// One check of the lab.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Check {
    /// Its name in the lab file.
    pub id: String,
    /// Its title for people.
    pub title: String,
    /// The part of the mark it belongs to, such as "Performance".
    pub group: Option<String>,
    /// Points got.
    pub points: f64,
    /// Points there are to get.
    pub out_of: f64,
    /// How it ended.
    pub outcome: Outcome,
    /// Whether the student sees only its title and its points.
    pub hidden: bool,
    /// For the student: what was asked of the program, what it did, what to do. Plain text, lines of any length.
    pub feedback: String,
    /// Who was found at fault, if anybody was.
    pub verdict: Option<Verdict>,
    /// Wall time, in milliseconds.
    pub took_ms: f64,
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// All its points.
    Passed,
    /// Some of them.
    Partly,
    /// None, and it is known why.
    Failed,
    /// Not carried out, because a check it builds on did not pass.
    Skipped,
    /// It could not be decided: a person has to look. Costs nothing until then.
    Undecided,
    /// netdiag or the machine failed, twice; says nothing about the submission.
    Error,
}

/// A diagnosis, as much of it as feedback needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Verdict {
    /// Which side.
    pub side: Side,
    /// The name of the fault; `netdiag explain` tells its story.
    pub fault: Option<String>,
    /// How sure that is.
    pub confidence: Confidence,
    /// One sentence, in which "some time" stands where one was measured.
    pub summary: String,
    /// The times that were measured, in the order of the sentence; they differ each time.
    #[serde(default)]
    pub times: Vec<String>,
    /// Where to mend it: file, relative to the submission, and line.
    pub at: Option<(String, u32)>,
    /// How it is known, one sentence each.
    pub evidence: Vec<String>,
    /// What to do.
    pub fix: Option<String>,
    /// The ladder diagram of the conversation that decided, without times and colours, lines of at most 100 columns.
    pub ladder: String,
}

impl Verdict {
    /// The verdict as a student may read it: what it is, where, what to do, what to read.
    #[must_use]
    pub fn advice(&self) -> String {
        let mut text = self.summary.clone();
        if let Some((file, line)) = &self.at {
            let _ = write!(text, "\nWhere: {file}, line {line}.");
        }
        if let Some(fix) = &self.fix {
            let _ = write!(text, "\nWhat to do: {fix}");
        }
        if let Some(fault) = &self.fault {
            let _ = write!(text, "\nMore about it: netdiag explain {fault}");
        }
        text
    }
}
