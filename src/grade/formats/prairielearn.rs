//! PrairieLearn's `results.json` of an external grader.

use serde_json::{Value, json};

use super::told::{Item, Sheet};

/// PrairieLearn refuses results above a megabyte.
pub const LIMIT: usize = 1_000_000;

/// The file for one submission. A run in which netdiag or the machine failed, or in which nothing counts yet, is not
/// gradable: it costs the student neither points nor an attempt.
#[must_use]
pub fn results(sheet: &Sheet) -> String {
    let whole = file(sheet);
    if whole.len() <= LIMIT { whole } else { file(&sheet.brief()) }
}

fn file(sheet: &Sheet) -> String {
    let gradable = !sheet.has_error() && sheet.out_of > 0.0;
    let mut file = json!({
        "gradable": gradable,
        "message": sheet.review.join("\n"),
        "tests": sheet.checks.iter().map(test).collect::<Vec<Value>>(),
    });
    if gradable {
        file["score"] = json!((sheet.points / sheet.out_of).clamp(0.0, 1.0));
    } else {
        file["format_errors"] =
            json!(["This could not be graded, which says nothing about the submission. Try again."]);
    }
    format!("{file:#}\n")
}

fn test(item: &Item) -> Value {
    let mut test = json!({ "name": item.title, "message": item.ending(), "output": item.lines().join("\n") });
    if let Some(group) = &item.group {
        test["description"] = json!(group);
    }
    if item.counted() {
        test["points"] = json!(item.points);
        test["max_points"] = json!(item.out_of);
    }
    test
}
