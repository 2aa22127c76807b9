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
    let (mut got, mut most) = (Whole::default(), Whole::default());
    let mut tests = Vec::new();
    let (mut score, mut max_score) = (0, 0);
    for item in sheet.checks.iter().filter(|item| item.counted()) {
        let max = most.next(item.out_of);
        let points = got.next(item.points).min(max);
        (score, max_score) = (score + points, max_score + max);
        tests.push(test(item, points, max));
    }
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

/// Points as whole numbers whose sum is the rounded sum: what is rounded away from one is given to a later one.
#[derive(Default)]
struct Whole {
    sum: f64,
    given: u64,
}

impl Whole {
    fn next(&mut self, points: f64) -> u64 {
        self.sum += points.max(0.0);
        let whole = (self.sum.round() as u64).saturating_sub(self.given);
        self.given += whole;
        whole
    }
}
