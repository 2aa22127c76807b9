//! GitHub's annotations: workflow commands on standard output, which put a mark beside the line to mend.

use super::told::{Item, Sheet};
use crate::grade::results::Outcome;

/// GitHub shows no more of a kind from one step.
pub const MOST: usize = 10;

/// The commands for one submission: errors for what failed, warnings for what passed partly, notices for what a person
/// has to look at; of each the ones with most points at stake.
#[must_use]
pub fn commands(sheet: &Sheet) -> String {
    let mut out = String::new();
    for kind in ["error", "warning", "notice"] {
        let mut items: Vec<&Item> = sheet.checks.iter().filter(|item| kind_of(item.outcome) == Some(kind)).collect();
        items.sort_by(|one, other| at_stake(other).total_cmp(&at_stake(one)));
        for item in items.into_iter().take(MOST) {
            out.push_str(&command(kind, item));
        }
    }
    out
}

fn kind_of(outcome: Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Failed => Some("error"),
        Outcome::Partly => Some("warning"),
        Outcome::Undecided | Outcome::Error => Some("notice"),
        Outcome::Passed | Outcome::Skipped => None,
    }
}

fn at_stake(item: &Item) -> f64 {
    if item.counted() { item.out_of - item.points } else { item.out_of }
}

fn command(kind: &str, item: &Item) -> String {
    let mut properties = Vec::new();
    if let Some((file, line)) = item.finding.as_ref().and_then(|finding| finding.at.as_ref()) {
        properties.push(format!("file={},line={line}", property(file)));
    }
    properties.push(format!("title={}", property(&format!("{} ({})", item.title, item.marks()))));
    format!("::{kind} {}::{}\n", properties.join(","), data(&message(item)))
}

fn message(item: &Item) -> String {
    let mut lines: Vec<String> = item.remark().map(str::to_owned).into_iter().collect();
    match &item.finding {
        Some(finding) => {
            lines.push(finding.summary.clone());
            lines.extend(finding.fix.clone());
            lines.extend(finding.explained());
        }
        None => lines.extend(item.feedback.iter().cloned()),
    }
    if lines.is_empty() {
        lines.push(item.ending().to_owned());
    }
    lines.join("\n")
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
