//! What the evaluation of a Virtual Programming Lab (Moodle) prints: a block of comments and a proposed grade.

use std::fmt::Write as _;

use super::told::{Sheet, number};

/// The output for one submission. The grade is in the lab's points. Where netdiag or the machine failed no grade is
/// proposed, and the teacher is left to give one.
#[must_use]
pub fn output(sheet: &Sheet) -> String {
    let mut out = String::from("<|--\n");
    for sentence in &sheet.review {
        out.push_str(&comment('>', sentence));
    }
    for item in &sheet.checks {
        // A title must not end in a negative number in brackets, which is a deduction to VPL; ours ends in a word.
        out.push_str(&comment('-', &format!("{}: {} ({})", item.title, item.marks(), item.ending())));
        for line in item.lines() {
            out.push_str(&comment('>', &line));
        }
    }
    out.push_str("--|>\n");
    if !sheet.has_error() {
        _ = writeln!(out, "Grade :=>> {}", number(sheet.points));
    }
    out
}

/// A line of the block. VPL looks for its marks with regular expressions, of which not every version holds to the
/// beginning of a line: so no text contains one.
fn comment(kind: char, text: &str) -> String {
    let text = text.replace(":=>>", ": =>>").replace("<|--", "<| --").replace("--|>", "-- |>");
    format!("{kind}{text}\n")
}
