//! What a reader may be told of a submission. Every format is written from this and never from the results themselves, so
//! that none can forget to hide what is hidden, or to spell out what is treacherous: each text here is one line without
//! control, invisible or direction-changing characters, and no text is longer than a platform can bear.

use std::fmt::Write as _;

use crate::diagnosis::{Confidence, Side};
use crate::grade::results::{Check, Outcome, Submission, Verdict};
use crate::report::escape;

/// Lines a text may have, and bytes each of them may have.
const FEEDBACK: (usize, usize) = (40, 600);
const EVIDENCE: (usize, usize) = (8, 400);
const LADDER: (usize, usize) = (40, 320);
const SENTENCE: usize = 600;
const NAME: usize = 255;

/// What a student reads in place of all that a hidden check could tell.
pub const HIDDEN: &str = "This check is hidden: its title and its points are all that is shown.";

/// What a student reads where a person has to look at the submission.
pub const REVIEW: &str = "A person has to look at this submission before its mark counts.";

/// Who reads a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// Is told the title and the points of a hidden check, and nothing else.
    Student,
    /// Is told everything; what is hidden is marked.
    Teacher,
}

/// A submission as its reader may see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sheet {
    /// Its name.
    pub name: String,
    /// Points in all.
    pub points: f64,
    /// Points there are to get.
    pub out_of: f64,
    /// Wall time in seconds.
    pub seconds: f64,
    /// In the lab's order.
    pub checks: Vec<Item>,
    /// What a person has to look at. A student reads [`REVIEW`], since the sentences may tell of hidden checks.
    pub review: Vec<String>,
    /// What could not be isolated; nothing for a student.
    pub not_isolated: Vec<String>,
}

/// A check as its reader may see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Its name in the lab file.
    pub id: String,
    /// Its title.
    pub title: String,
    /// The part of the mark it belongs to.
    pub group: Option<String>,
    /// Points got.
    pub points: f64,
    /// Points there are to get.
    pub out_of: f64,
    /// How it ended.
    pub outcome: Outcome,
    /// Whether it is hidden from students.
    pub hidden: bool,
    /// Wall time in seconds.
    pub seconds: f64,
    /// What was asked, done, and is to be done.
    pub feedback: Vec<String>,
    /// What was measured; it differs each time.
    pub times: Vec<String>,
    /// Who was found at fault, if anybody was.
    pub finding: Option<Finding>,
}

/// A verdict as its reader may see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Who is at fault, as a clause: `the server is at fault: missing-reply (proven)`.
    pub blame: String,
    /// The fault's name.
    pub fault: Option<String>,
    /// One sentence.
    pub summary: String,
    /// File and line.
    pub at: Option<(String, u32)>,
    /// How it is known.
    pub evidence: Vec<String>,
    /// What to do.
    pub fix: Option<String>,
    /// The ladder, line by line.
    pub ladder: Vec<String>,
}

/// What `reader` may be told of a submission.
#[must_use]
pub fn sheet(submission: &Submission, reader: Reader) -> Sheet {
    let teacher = reader == Reader::Teacher;
    let review = match (teacher, submission.review.is_empty()) {
        (true, _) => sentences(&submission.review, EVIDENCE),
        (false, true) => Vec::new(),
        (false, false) => vec![REVIEW.to_owned()],
    };
    Sheet {
        name: one_line(&submission.name, NAME),
        points: finite(submission.points),
        out_of: finite(submission.out_of),
        seconds: finite(submission.took_ms) / 1000.0,
        checks: submission.checks.iter().map(|check| item(check, reader)).collect(),
        review,
        not_isolated: if teacher { sentences(&submission.not_isolated, EVIDENCE) } else { Vec::new() },
    }
}

fn item(check: &Check, reader: Reader) -> Item {
    let told = reader == Reader::Teacher || !check.hidden;
    let verdict = check.verdict.as_ref().filter(|_| told);
    // Where nobody is at fault, what was asked beside that decided, and the feedback says all of it. Where somebody is, the
    // feedback says no more than the finding.
    let blaming = verdict.filter(|verdict| verdict.side != Side::None);
    let repeats = blaming.is_some_and(|verdict| check.feedback == verdict.advice());
    Item {
        id: one_line(&check.id, NAME),
        title: one_line(&check.title, NAME),
        group: check.group.as_deref().map(|group| one_line(group, NAME)),
        points: finite(check.points),
        out_of: finite(check.out_of),
        outcome: check.outcome,
        hidden: check.hidden,
        // How long a hidden check took would tell something of it.
        seconds: if told { finite(check.took_ms) / 1000.0 } else { 0.0 },
        feedback: match (told, repeats) {
            (true, false) => lines(&check.feedback, FEEDBACK),
            (true, true) => Vec::new(),
            (false, _) => vec![HIDDEN.to_owned()],
        },
        times: verdict.map(|verdict| sentences(&verdict.times, EVIDENCE)).unwrap_or_default(),
        finding: blaming.map(finding),
    }
}

fn finding(verdict: &Verdict) -> Finding {
    let fault = verdict.fault.as_deref().map(|fault| one_line(fault, NAME));
    Finding {
        blame: blame(verdict.side, fault.as_deref(), verdict.confidence),
        fault,
        summary: one_line(&verdict.summary, SENTENCE),
        at: verdict.at.as_ref().map(|(file, line)| (one_line(file, NAME), *line)),
        evidence: sentences(&verdict.evidence, EVIDENCE),
        fix: verdict.fix.as_deref().map(|fix| one_line(fix, SENTENCE)),
        ladder: lines(&verdict.ladder, LADDER),
    }
}

fn blame(side: Side, fault: Option<&str>, confidence: Confidence) -> String {
    let whose = match side {
        Side::Client => "the client is at fault",
        Side::Server => "the server is at fault",
        Side::Both => "both programs are at fault",
        Side::Environment => "neither program is at fault, but what surrounds them",
        Side::None => "no fault was found",
        Side::Unknown => "it could not be told who is at fault",
    };
    let sure = match confidence {
        Confidence::Possible => "possible",
        Confidence::Likely => "likely",
        Confidence::Proven => "proven",
    };
    fault.map_or_else(|| whose.to_owned(), |fault| format!("{whose}: {fault} ({sure})"))
}

impl Sheet {
    /// Whether a person has to look before the mark counts.
    #[must_use]
    pub fn needs_a_person(&self) -> bool {
        !self.review.is_empty() || self.checks.iter().any(|item| !item.counted())
    }

    /// Whether netdiag or the machine failed in a check.
    #[must_use]
    pub fn has_error(&self) -> bool {
        self.checks.iter().any(|item| item.outcome == Outcome::Error)
    }

    /// The same without evidence and ladders, for where a platform has a limit that the whole would exceed.
    #[must_use]
    pub fn brief(&self) -> Sheet {
        let mut brief = self.clone();
        for item in &mut brief.checks {
            item.feedback.truncate(2);
            if let Some(finding) = &mut item.finding {
                finding.evidence.clear();
                finding.ladder.clear();
            }
        }
        brief
    }
}

impl Item {
    /// Whether its points are a mark: not where a person has to look, nor where netdiag or the machine failed.
    #[must_use]
    pub fn counted(&self) -> bool {
        !matches!(self.outcome, Outcome::Undecided | Outcome::Error)
    }

    /// How it ended, in words.
    #[must_use]
    pub fn ending(&self) -> &'static str {
        match self.outcome {
            Outcome::Passed => "passed",
            Outcome::Partly => "partly passed",
            Outcome::Failed => "failed",
            Outcome::Skipped => "not carried out",
            Outcome::Undecided => "a person has to look",
            Outcome::Error => "netdiag or the machine failed",
        }
    }

    /// Its points, in words; none where they are no mark.
    #[must_use]
    pub fn marks(&self) -> String {
        if self.counted() {
            format!("{} of {} points", number(self.points), number(self.out_of))
        } else {
            format!("{} points open", number(self.out_of))
        }
    }

    /// What an ending means that does not explain itself, as a sentence.
    #[must_use]
    pub fn remark(&self) -> Option<&'static str> {
        match self.outcome {
            Outcome::Passed if self.finding.is_some() => {
                Some("What the verdict says is no part of this check: it costs no points here.")
            }
            Outcome::Partly => Some("In spite of this fault the lab gives a part of the points."),
            Outcome::Passed | Outcome::Failed => None,
            // Its feedback, if there is any, says on which.
            Outcome::Skipped => self.feedback.is_empty().then_some("A check that this one builds on did not pass."),
            Outcome::Undecided => Some("This could not be decided. No points are lost: a person has to look."),
            Outcome::Error => {
                Some("netdiag or the machine failed here. It says nothing about the submission; no points are lost.")
            }
        }
    }

    /// All there is to tell as lines of plain text, without title and marks.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.remark().map(str::to_owned).into_iter().collect();
        lines.extend(self.feedback.iter().cloned());
        if let Some(finding) = &self.finding {
            finding.tell(&mut lines);
        }
        lines
    }
}

impl Finding {
    /// The page that tells the whole story, as a command.
    #[must_use]
    pub fn explained(&self) -> Option<String> {
        self.fault.as_ref().map(|fault| format!("netdiag explain {fault}"))
    }

    /// `file:line`.
    #[must_use]
    pub fn place(&self) -> Option<String> {
        self.at.as_ref().map(|(file, line)| format!("{file}:{line}"))
    }

    fn tell(&self, lines: &mut Vec<String>) {
        lines.push(format!("Verdict: {}", self.blame));
        lines.push(self.summary.clone());
        lines.extend(self.place().map(|place| format!("Where: {place}")));
        if !self.evidence.is_empty() {
            lines.push("How we know:".to_owned());
            lines.extend(self.evidence.iter().map(|sentence| format!("  * {sentence}")));
        }
        lines.extend(self.fix.as_ref().map(|fix| format!("How to fix it: {fix}")));
        lines.extend(self.explained().map(|command| format!("The whole story: {command}")));
        if !self.ladder.is_empty() {
            lines.push("What happened:".to_owned());
            lines.extend(self.ladder.iter().map(|line| format!("  {line}")));
        }
    }
}

/// A lab's title, safe to show on one line.
#[must_use]
pub fn title(lab: &str) -> String {
    one_line(lab, NAME)
}

/// A number of points or seconds, at most two digits behind the point.
#[must_use]
pub fn number(value: f64) -> String {
    let text = format!("{:.2}", finite(value));
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// `1 submission`, `2 submissions`.
#[must_use]
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// What is no number would make JSON without a score.
fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { 0.0 }
}

fn sentences(texts: &[String], (most, bytes): (usize, usize)) -> Vec<String> {
    let mut kept: Vec<String> = texts.iter().take(most).map(|text| one_line(text, bytes)).collect();
    kept.extend(left_out(texts.len(), most));
    kept
}

/// A text of several lines; empty ones at its ends are dropped.
fn lines(text: &str, (most, bytes): (usize, usize)) -> Vec<String> {
    let mut lines = text.trim_end_matches(['\n', ' ']).lines().skip_while(|line| one_line(line, bytes).is_empty());
    let mut kept: Vec<String> = lines.by_ref().take(most).map(|line| one_line(line, bytes)).collect();
    match lines.count() {
        0 => kept.truncate(kept.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1)),
        left => kept.extend(left_out(most + left, most)),
    }
    kept
}

fn left_out(all: usize, most: usize) -> Option<String> {
    all.checked_sub(most).filter(|left| *left > 0).map(|left| format!("… ({} left out)", count(left, "line")))
}

/// A safe text of at most about `limit` bytes. What no XML may hold (U+FFFE and the like) is spelled out too.
fn one_line(text: &str, limit: usize) -> String {
    let mut out = String::new();
    for (position, c) in text.char_indices() {
        if out.len() >= limit {
            return format!("{}… (+{} bytes)", out.trim_end(), text.len() - position);
        }
        if (c as u32) & 0xfffe == 0xfffe || ('\u{fdd0}'..='\u{fdef}').contains(&c) {
            _ = write!(out, "\\u{{{:x}}}", c as u32);
        } else {
            out.push_str(&escape::line(c.encode_utf8(&mut [0; 4])));
        }
    }
    out.truncate(out.trim_end().len());
    out
}
