//! What an Autolab autograder prints: feedback for people, then scores as JSON on the last line.

use std::fmt::Write as _;

use serde_json::{Map, json};

use super::told::{Item, Sheet};

/// The output for one submission. The site's problems are the lab's groups; a check without a group is a problem of its
/// own. A problem with open points is left out, and with that left to a person.
#[must_use]
pub fn output(sheet: &Sheet) -> String {
    let mut lines: Vec<String> = sheet.review.clone();
    for item in &sheet.checks {
        lines.push(format!("{}: {} ({})", item.title, item.marks(), item.ending()));
        lines.extend(item.lines());
    }
    // Nothing but the last line begins with a brace: Autolab also looks for JSON above it.
    let mut out = String::new();
    for line in lines {
        _ = writeln!(out, "| {line}");
    }
    let scores: Map<String, serde_json::Value> =
        problems(&sheet.checks).into_iter().filter_map(|(name, points)| Some((name, json!(points?)))).collect();
    _ = writeln!(out, "{}", json!({ "scores": scores }));
    out
}

/// Each problem's name and points; `None` while one of its checks is open.
fn problems(checks: &[Item]) -> Vec<(String, Option<f64>)> {
    let mut problems: Vec<(String, Option<f64>)> = Vec::new();
    for item in checks {
        let name = item.group.as_ref().unwrap_or(&item.title);
        let points = item.counted().then_some(item.points);
        match problems.iter_mut().find(|(known, _)| known == name) {
            Some((_, sum)) => *sum = sum.zip(points).map(|(sum, points)| sum + points),
            None => problems.push((name.clone(), points)),
        }
    }
    problems
}
