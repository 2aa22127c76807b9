//! Markdown: the report on a class for its teacher, and the feedback on one submission, which is also what goes into
//! GitHub's step summary.

use std::fmt::Write as _;

use super::tally;
use super::told::{Finding, Item, Sheet, count, number, title};
use crate::grade::results::Outcome;

/// GitHub takes a step summary of a mebibyte.
pub const LIMIT: usize = 1 << 20;

/// The report on a class.
#[must_use]
pub fn class(lab: &str, rules: &str, sheets: &[Sheet]) -> String {
    let mut out = format!("# {}\n\n", text(&title(lab)));
    _ = write!(out, "{}, graded by the rules {}.\n\n", count(sheets.len(), "submission"), code(&title(rules)));
    for clause in tally::not_isolated(sheets) {
        _ = write!(out, "Not isolated: {}\n\n", text(clause));
    }
    if let Some((mean, median)) = tally::averages(sheets) {
        _ = write!(out, "Mean {} points, median {}.\n\n", number(mean), number(median));
    }
    people(&mut out, sheets);
    marks(&mut out, sheets);
    faults(&mut out, sheets);
    for sheet in sheets {
        _ = write!(out, "## {}\n\n", text(&sheet.name));
        submission(&mut out, sheet);
    }
    out
}

/// The feedback on one submission, as its author may read it.
#[must_use]
pub fn student(lab: &str, sheet: &Sheet) -> String {
    let whole = feedback(lab, sheet);
    if whole.len() <= LIMIT { whole } else { feedback(lab, &sheet.brief()) }
}

fn feedback(lab: &str, sheet: &Sheet) -> String {
    let mut out = format!("# {}\n\n{}\n\n", text(&title(lab)), text(&sheet.name));
    submission(&mut out, sheet);
    out
}

fn people(out: &mut String, sheets: &[Sheet]) {
    let open: Vec<&Sheet> = sheets.iter().filter(|sheet| sheet.needs_a_person()).collect();
    if open.is_empty() {
        return;
    }
    out.push_str("## A person has to look\n\n");
    for sheet in open {
        let unsettled = sheet.checks.iter().filter(|item| !item.counted());
        let reasons: Vec<String> = unsettled
            .map(|item| format!("{}: {}.", item.title, item.ending()))
            .chain(sheet.review.iter().cloned())
            .map(|reason| text(&reason))
            .collect();
        _ = writeln!(out, "- {}: {}", text(&sheet.name), reasons.join(" "));
    }
    out.push('\n');
}

fn marks(out: &mut String, sheets: &[Sheet]) {
    out.push_str("## Marks\n\n| Submission | Points | Of | Open |\n| --- | ---: | ---: | ---: |\n");
    for sheet in sheets {
        let open: f64 = sheet.checks.iter().filter(|item| !item.counted()).map(|item| item.out_of).sum();
        let open = if open > 0.0 { number(open) } else { String::new() };
        _ = writeln!(out, "| {} | {} | {} | {open} |", text(&sheet.name), number(sheet.points), number(sheet.out_of));
    }
    out.push('\n');
}

fn faults(out: &mut String, sheets: &[Sheet]) {
    let faults = tally::faults(sheets);
    if faults.is_empty() {
        return;
    }
    out.push_str("## Faults\n\n| Fault | Submissions |\n| --- | ---: |\n");
    for (fault, submissions) in faults {
        _ = writeln!(out, "| {} | {submissions} |", text(fault));
    }
    out.push('\n');
}

fn submission(out: &mut String, sheet: &Sheet) {
    let not_final = if sheet.needs_a_person() { ", not final" } else { "" };
    _ = write!(out, "**{} of {} points{not_final}**\n\n", number(sheet.points), number(sheet.out_of));
    for sentence in &sheet.review {
        _ = write!(out, "{}\n\n", text(sentence));
    }
    out.push_str("| Check | Result | Points |\n| --- | --- | ---: |\n");
    for item in &sheet.checks {
        let hidden = if item.hidden { " (hidden)" } else { "" };
        _ = writeln!(out, "| {}{hidden} | {} | {} |", text(&item.title), item.ending(), item.marks());
    }
    out.push('\n');
    for item in sheet.checks.iter().filter(|item| item.outcome != Outcome::Passed) {
        details(out, item);
    }
}

fn details(out: &mut String, item: &Item) {
    _ = write!(out, "### {}: {}\n\n", text(&item.title), item.ending());
    let told = item.remark().into_iter().chain(item.feedback.iter().map(String::as_str));
    for line in told.filter(|line| !line.is_empty()) {
        _ = write!(out, "{}\n\n", text(line));
    }
    if let Some(finding) = &item.finding {
        verdict(out, finding);
    }
}

fn verdict(out: &mut String, finding: &Finding) {
    _ = write!(out, "**Verdict: {}.** {}\n\n", text(&finding.blame), text(&finding.summary));
    if let Some(place) = finding.place() {
        _ = writeln!(out, "- Where: {}", code(&place));
    }
    for sentence in &finding.evidence {
        _ = writeln!(out, "- How we know: {}", text(sentence));
    }
    if let Some(fix) = &finding.fix {
        _ = writeln!(out, "- How to fix it: {}", text(fix));
    }
    if let Some(command) = finding.explained() {
        _ = writeln!(out, "- The whole story: {}", code(&command));
    }
    out.push('\n');
    if !finding.ladder.is_empty() {
        let fence = "`".repeat(longest_run(finding.ladder.iter().map(String::as_str)).max(2) + 1);
        _ = write!(out, "{fence}text\n{}\n{fence}\n\n", finding.ladder.join("\n"));
    }
}

/// A text that Markdown takes as nothing but text, wherever it stands: no emphasis, link, list, table cell, HTML, formula.
fn text(plain: &str) -> String {
    let mut out = String::with_capacity(plain.len());
    let mut before = ' ';
    let mut only_digits = true;
    for c in plain.trim().chars() {
        match c {
            // A backslash does not keep a bar within its cell everywhere.
            '|' => out.push_str("&#124;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '!' | '~' | '$' | '@' | '^' | '=' | ':' | '{' | '}' => {
                out.extend(['\\', c]);
            }
            // These count at the beginning of a line, or after the digits of a list; and `www.` becomes a link.
            '-' | '+' if out.is_empty() => out.extend(['\\', c]),
            '.' | ')' if only_digits || matches!(before, 'w' | 'W') => out.extend(['\\', c]),
            _ => out.push(c),
        }
        only_digits &= c.is_ascii_digit();
        before = c;
    }
    out
}

/// A text as code, in as many backticks as it takes.
fn code(plain: &str) -> String {
    let fence = "`".repeat(longest_run([plain].into_iter()) + 1);
    if plain.is_empty() { String::new() } else { format!("{fence} {plain} {fence}") }
}

fn longest_run<'t>(texts: impl Iterator<Item = &'t str>) -> usize {
    texts.flat_map(|text| text.split(|c| c != '`')).map(str::len).max().unwrap_or(0)
}
