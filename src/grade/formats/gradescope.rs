//! Gradescope's `results.json`. Every text is declared as plain, so Gradescope escapes it.

use serde_json::{Value, json};

use super::told::{Item, Sheet};
use crate::grade::results::Outcome;

/// The file for one submission. Points that are open carry no score and no status, so that they are shown as neither
/// passed nor failed; the score in all stands at the top and overrides their sum.
///
/// A hidden check is a visible test without output: Gradescope's own `hidden` would take away its title, its points and
/// the total. What the run printed is hidden, for a submission may have had a say in that.
#[must_use]
pub fn results(sheet: &Sheet) -> String {
    let tests: Vec<Value> = sheet.checks.iter().enumerate().map(|(index, item)| test(index + 1, item)).collect();
    let file = json!({
        "score": sheet.points,
        "execution_time": sheet.seconds,
        "output": sheet.review.join("\n"),
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": tests,
    });
    format!("{file:#}\n")
}

fn test(number: usize, item: &Item) -> Value {
    let mut test = json!({
        "name": item.title,
        "number": number.to_string(),
        "output": item.lines().join("\n"),
        "visibility": "visible",
    });
    if let Some(group) = &item.group {
        test["tags"] = json!([group]);
    }
    if item.counted() {
        test["score"] = json!(item.points);
        test["max_score"] = json!(item.out_of);
        test["status"] = json!(if item.outcome == Outcome::Passed { "passed" } else { "failed" });
    }
    test
}
