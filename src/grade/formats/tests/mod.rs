//! No byte of a submission forges a format: each is read by a consumer of its own, whatever the texts say.

mod hostile;
mod sample;
mod shape;

use std::collections::BTreeMap;
use std::fs;

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::grade::results::{Check, Outcome};
use crate::report::escape;

/// Every file of a class by name; a student's by number and name.
fn files(results: &Results) -> BTreeMap<String, String> {
    let class = class_files(results).unwrap().into_iter().map(|(name, text)| (name.to_owned(), text));
    let students = results.submissions.iter().enumerate().flat_map(|(index, submission)| {
        let files = student_files(&results.lab, submission, &Course::default());
        files.into_iter().map(move |(name, text)| (format!("{index}/{name}"), text))
    });
    class.chain(students).collect()
}

fn of_student(name: &str) -> String {
    let class = sample::class();
    let index = class.submissions.iter().position(|one| one.name == name).unwrap();
    index.to_string()
}

fn json(files: &BTreeMap<String, String>, name: &str) -> Value {
    serde_json::from_str(&files[name]).unwrap()
}

/// The shape of each file is what it would be with harmless texts, and nothing in it is treacherous.
fn holds_its_shape(text: &str) -> Result<(), TestCaseError> {
    let harmless = files(&hostile::harmless(text));
    for (name, hostile) in files(&hostile::class(text)) {
        for line in hostile.lines() {
            prop_assert_eq!(escape::line(line), line, "{} holds a treacherous character for {:?}", name, text);
            prop_assert!(!line.contains(['\u{fffe}', '\u{ffff}']), "{} for {:?}", name, text);
        }
        let (found, expected) = (shape::of(&name, &hostile), shape::of(&name, &harmless[&name]));
        prop_assert!(found == expected, "{} changes its shape for {:?}:\n{}", name, text, differing(&found, &expected));
    }
    Ok(())
}

fn differing(found: &[String], expected: &[String]) -> String {
    let first = found.iter().zip(expected).position(|(one, other)| one != other);
    let at = first.unwrap_or(found.len().min(expected.len()));
    format!("{:?}\ninstead of\n{:?}", &found[at..found.len().min(at + 6)], &expected[at..expected.len().min(at + 6)])
}

#[test]
fn no_text_made_to_forge_a_format_changes_its_shape() {
    for text in hostile::TEXTS {
        holds_its_shape(text).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn no_text_at_all_changes_the_shape_of_a_format(text in hostile::text()) {
        holds_its_shape(&text)?;
    }
}

#[test]
fn what_is_hidden_is_in_no_file_that_a_student_sees() {
    let files = files(&sample::class());
    for (name, text) in &files {
        let teachers = ["class.html", "class.md", "marks.csv"].contains(&name.as_str());
        assert_eq!(text.contains(sample::SECRET), teachers, "{name}");
        assert!(!teachers || text.contains("hidden"), "{name}");
        // Autolab's and VPL's students see the hidden check's title and points as well.
        let whole = !teachers && name != "junit.xml" && !name.ends_with("annotations.txt");
        assert!(!whole || text.contains("Answers after the client half-closes"), "{name}");
    }
}

#[test]
fn an_open_check_is_nowhere_a_lost_mark() {
    let files = files(&sample::class());
    for (student, title, word) in [
        ("Kaya, Elif", "Stays small with 1000 clients", "look"),
        ("O'Brien, Aoife", "A slow client does not hold up fast ones", "error"),
    ] {
        let own = of_student(student);
        let named = |list: &Value, key: &str| list.as_array().unwrap().iter().find(|one| one[key] == title).cloned();

        let gradescope = json(&files, &format!("{own}/gradescope.json"));
        let test = named(&gradescope["tests"], "name").unwrap();
        assert_eq!((test.get("score"), test.get("max_score"), test.get("status")), (None, None, None));
        assert_eq!(gradescope["score"], 100.0);

        let classroom = json(&files, &format!("{own}/classroom50.json"));
        assert_eq!(named(&classroom["tests"], "test-name"), None);
        assert_eq!((&classroom["score"], &classroom["max-score"]), (&Value::from(90), &Value::from(90)));

        let prairielearn = json(&files, &format!("{own}/prairielearn.json"));
        assert_eq!(named(&prairielearn["tests"], "name").unwrap().get("points"), None);
        assert_eq!(prairielearn["gradable"], word == "look");

        let autolab = files[&format!("{own}/autolab.txt")].lines().last().unwrap().to_owned();
        let scores = serde_json::from_str::<Value>(&autolab).unwrap()["scores"].clone();
        assert_eq!(scores, serde_json::json!({ "Async implementation": 60.0, "Quality": 10.0 }));

        let vpl = &files[&format!("{own}/vpl.txt")];
        assert_eq!(vpl.ends_with("\nGrade :=>> 100\n"), word == "look", "{vpl}");

        let row = files["marks.csv"].lines().find(|line| line.contains(student)).unwrap();
        assert!(row.contains(&format!("\"{word}\"")), "{row}");
    }
    let junit = quick_junit::Report::deserialize_from_str(&files["junit.xml"]).unwrap();
    assert_eq!((junit.tests, junit.failures, junit.errors), (300, 19, 1));
    assert_eq!(junit.test_suites.iter().map(|suite| suite.skipped).sum::<usize>(), 19);
}

#[test]
fn classroom50_gets_whole_points_that_add_up() {
    let mut class = sample::class();
    let submission = &mut class.submissions[0];
    for check in &mut submission.checks {
        (check.points, check.out_of, check.outcome) = (2.5, 2.5, Outcome::Passed);
    }
    submission.checks[1].points = 1.0;
    let stamp = classroom50::Stamp::read(|name| Some(name.to_lowercase()));
    let file: Value = serde_json::from_str(&classroom50::result(&sheet(submission, Reader::Student), &stamp)).unwrap();
    let sum = |key: &str| file["tests"].as_array().unwrap().iter().map(|test| test[key].as_u64().unwrap()).sum::<u64>();
    assert_eq!((file["score"].as_u64(), file["max-score"].as_u64()), (Some(sum("score")), Some(25)));
    assert_eq!(sum("score"), 24, "23.5 points became {file}");
    for key in ["schema", "classroom", "assignment", "submission", "commit", "release", "review"] {
        assert!(file[key].is_string(), "{key}");
    }
}

#[test]
fn gradescope_finds_nothing_that_it_does_not_document() {
    let files = files(&sample::class());
    let documented = [
        "score",
        "max_score",
        "status",
        "name",
        "name_format",
        "number",
        "output",
        "output_format",
        "tags",
        "visibility",
        "extra_data",
    ];
    for name in files.keys().filter(|name| name.ends_with("gradescope.json")) {
        let file = json(&files, name);
        assert!(file["score"].is_f64() && file["execution_time"].is_f64());
        for test in file["tests"].as_array().unwrap() {
            assert!(test.as_object().unwrap().keys().all(|key| documented.contains(&key.as_str())), "{test}");
            assert!([None, Some("passed"), Some("failed")].contains(&test.get("status").and_then(Value::as_str)));
            assert_eq!(test["visibility"], "visible");
        }
    }
}

#[test]
fn no_cell_is_a_formula() {
    for text in hostile::TEXTS {
        let files = files(&hostile::class(text));
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(files["marks.csv"].as_bytes());
        let mut rows = 0;
        for row in reader.records() {
            for cell in row.unwrap().iter().flat_map(|cell| cell.split(';')) {
                let begins = cell.trim_start_matches(|c: char| c.is_whitespace() || c == '"').chars().next();
                assert!(!matches!(begins, Some('=' | '+' | '-' | '@')), "{cell:?}");
            }
            rows += 1;
        }
        assert_eq!(rows, 3);
    }
}

#[test]
fn github_shows_the_ten_annotations_with_most_at_stake() {
    let mut submission = sample::class().submissions.swap_remove(2);
    let template = submission.checks.iter().find(|check| check.outcome == Outcome::Failed).unwrap().clone();
    submission.checks = (1..=14).map(|points| Check { out_of: f64::from(points), ..template.clone() }).collect();
    let commands = annotations::commands(&sheet(&submission, Reader::Student));
    assert_eq!(commands.lines().count(), annotations::MOST);
    assert!(commands.starts_with(
        "::error file=server.py,line=8,title=A slow client does not hold up fast ones (0 of 14 points)::The server reads"
    ));
    assert!(commands.lines().last().unwrap().contains("(0 of 5 points)"));
}

#[test]
fn the_largest_feedback_stays_below_the_platforms_limits() {
    let mut class = hostile::class(&"\"\\\u{202e}`<&|\n".repeat(4000));
    let submission = &mut class.submissions[0];
    let template = submission.checks.iter().find(|check| check.verdict.is_some()).unwrap().clone();
    submission.checks = vec![template; 200];
    let told = sheet(submission, Reader::Student);
    assert!(prairielearn::results(&told).len() <= prairielearn::LIMIT);
    assert!(markdown::student("lab", &told).len() <= markdown::LIMIT);
}

#[test]
fn every_file_is_written_whole_and_inside_its_directory_and_again() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("results");
    let mut class = sample::class();
    class.submissions[3].name = "../../escaped".to_owned();
    for _ in 0..2 {
        let written = write_all(&class, &Course::default(), &out).unwrap();
        assert_eq!(written.len(), 4 + 30 * 8);
        assert!(written.iter().all(|path| path.starts_with(&out) && path.is_file()));
    }
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    assert_eq!(fs::read_dir(&out).unwrap().count(), 5, "a temporary file was left");
    assert_eq!(fs::read_dir(out.join("students")).unwrap().count(), 30);
    assert_eq!(fs::read_dir(out.join("students/Müller, Zoë")).unwrap().count(), 8);
}

#[test]
fn folders_of_submissions_that_are_gone_go_unless_somebody_put_something_in() {
    let out = tempfile::tempdir().unwrap();
    let mut class = sample::class();
    write_all(&class, &Course::default(), out.path()).unwrap();
    let students = out.path().join("students");
    fs::write(students.join("Sato, Ren/grade-by-hand.txt"), "9").unwrap();
    fs::create_dir(students.join("mine")).unwrap();
    let gone = ["Ito, Haruka", "Sato, Ren"];
    class.submissions.retain(|submission| !gone.contains(&submission.name.as_str()));
    write_all(&class, &Course::default(), out.path()).unwrap();
    assert!(!students.join("Ito, Haruka").exists());
    assert!(students.join("Sato, Ren/feedback.html").is_file() && students.join("mine").is_dir());
    assert_eq!(fs::read_dir(&students).unwrap().count(), 30);
}

#[test]
fn a_directory_that_cannot_be_written_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("taken");
    fs::write(&file, "").unwrap();
    let error = write_all(&sample::class(), &Course::default(), &file).unwrap_err();
    assert!(error.to_string().contains("taken"), "{error}");
}

#[test]
fn an_empty_class_has_every_file_of_the_class() {
    let mut class = sample::class();
    class.submissions.clear();
    let files = files(&class);
    assert_eq!(files.len(), 4);
    assert_eq!(quick_junit::Report::deserialize_from_str(&files["junit.xml"]).unwrap().tests, 0);
    assert!(files["class.html"].contains("0 submissions"));
}
