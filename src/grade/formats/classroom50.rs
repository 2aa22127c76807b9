//! Classroom 50's `result.json`: whole points, and diagnostic fields of our own on the tests, which it keeps.

use serde_json::{Map, Value, json};

use super::told::{Item, Sheet};
use crate::grade::results::Outcome;

/// What identifies the submission to Classroom 50; the runner stamps the rest (owner, times).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stamp {
    fields: Vec<(&'static str, String)>,
}

impl Stamp {
    /// Reads what the runner left in environment variables, through `variable`.
    #[must_use]
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Stamp {
        let commit = variable("COMMIT_URL");
        let known = [
            ("classroom", variable("CLASSROOM")),
            ("assignment", variable("ASSIGNMENT")),
            ("submission", variable("SUBMISSION_TAG")),
            ("release", variable("RELEASE_URL")),
            ("review", variable("REVIEW_URL").filter(|url| !url.is_empty()).or_else(|| commit.clone())),
            ("commit", commit),
        ];
        Stamp { fields: known.into_iter().filter_map(|(name, value)| Some((name, value?))).collect() }
    }
}

/// The file for one submission. A check whose points are open is left out with its points: it can be neither passed nor
/// failed there, and counts once a person has looked.
#[must_use]
pub fn result(sheet: &Sheet, stamp: &Stamp) -> String {
    let mut file = Map::from_iter([("schema".to_owned(), json!("classroom50/result/v1"))]);
    file.extend(stamp.fields.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
    let items: Vec<&Item> = sheet.checks.iter().filter(|item| item.counted()).collect();
    let whole = whole(&items);
    let (score, max_score) = whole.iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    let tests = items.iter().zip(whole).map(|(item, (score, max_score))| test(item, score, max_score)).collect();
    file.insert("score".to_owned(), json!(score));
    file.insert("max-score".to_owned(), json!(max_score));
    file.insert("tests".to_owned(), Value::Array(tests));
    format!("{:#}\n", Value::Object(file))
}

fn test(item: &Item, score: u64, max_score: u64) -> Value {
    let mut test = json!({
        "test-name": item.title,
        "passed": item.outcome == Outcome::Passed,
        "score": score,
        "max-score": max_score,
        "points": item.points,
        "out-of": item.out_of,
    });
    if let Some(finding) = &item.finding {
        test["fault"] = json!(finding.fault);
        test["summary"] = json!(finding.summary);
        test["location"] = json!(finding.place());
    }
    test
}

/// Points got and points there are to get as whole numbers, whose sums are the rounded sums: what is rounded away from one
/// check is given to another one that has it coming.
fn whole(items: &[&Item]) -> Vec<(u64, u64)> {
    let mut sum = 0.0;
    let mut given = 0;
    let mut whole: Vec<(u64, u64)> = Vec::new();
    for item in items {
        sum += item.out_of.max(0.0);
        let max = (sum.round() as u64).saturating_sub(given);
        given += max;
        whole.push(((item.points.max(0.0) as u64).min(max), max));
    }
    let points: f64 = items.iter().map(|item| item.points.max(0.0)).sum();
    let mut left = (points.round() as u64).saturating_sub(whole.iter().map(|(score, _)| score).sum());
    for (item, (score, max)) in items.iter().zip(&mut whole) {
        if left > 0 && *score < *max && item.points > *score as f64 {
            *score += 1;
            left -= 1;
        }
    }
    whole
}
