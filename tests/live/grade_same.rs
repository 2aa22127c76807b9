//! Whether two directories of results are the same, byte for byte, but for the times that docs/grading.md names: nothing
//! else is forgiven.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The files of `one` and `other` that differ, by their path, and files that only one of them has. Files that tell of
/// nobody but a submission in `open` are not compared, and those of the whole class only if nobody is in it.
pub fn differing(one: &Path, other: &Path, open: &BTreeSet<String>) -> Vec<PathBuf> {
    let (first, second) = (files(one, Path::new("")), files(other, Path::new("")));
    let mut differing: Vec<PathBuf> = first.symmetric_difference(&second).cloned().collect();
    differing.extend(
        first
            .intersection(&second)
            .filter(|file| {
                if !open.is_empty() && !is_of_one_who_is_settled(&one.join(file), open) {
                    return false;
                }
                timeless(&one.join(file)) != timeless(&other.join(file))
            })
            .cloned(),
    );
    differing
}

fn files(top: &Path, below: &Path) -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(top.join(below)).unwrap().flatten();
    entries
        .flat_map(|entry| {
            let path = below.join(entry.file_name());
            if entry.path().is_dir() { files(top, &path) } else { BTreeSet::from([path]) }
        })
        .collect()
}

fn is_of_one_who_is_settled(file: &Path, open: &BTreeSet<String>) -> bool {
    if !file.parent().is_some_and(|dir| dir.ends_with("submissions")) {
        return false;
    }
    let kept: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    !open.contains(kept["submissions"][0]["name"].as_str().unwrap())
}

/// The file without its times.
fn timeless(file: &Path) -> String {
    let text = String::from_utf8(fs::read(file).unwrap()).unwrap();
    match file.extension().and_then(|ending| ending.to_str()) {
        Some("json") => {
            let text = without(&text, "\"took-ms\": ", &[',', '\n']);
            let text = without(&text, "\"execution_time\": ", &[',', '\n']);
            without(&text, "\"times\": [", &[']'])
        }
        Some("xml") => without(&text, " time=\"", &['"']),
        Some("html") => without(&text, "<time>", &['<']),
        Some("csv") => without_seconds(&text),
        _ => text,
    }
}

/// The text without what stands between each `opening` and the next of `ends`.
fn without(text: &str, opening: &str, ends: &[char]) -> String {
    let mut parts = text.split(opening);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str(opening);
        out.push_str(&part[part.find(ends).unwrap_or(0)..]);
    }
    out
}

fn without_seconds(text: &str) -> String {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    let rows: Vec<Vec<String>> = reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
    let column = rows[0].iter().position(|name| name == "seconds").unwrap();
    let rest: Vec<Vec<String>> = rows.iter().map(|row| [&row[..column], &row[column + 1..]].concat()).collect();
    format!("{rest:#?}")
}

#[test]
fn times_are_forgiven_and_nothing_else() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let put = |dir: &tempfile::TempDir, name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    for (name, text, later, else_) in [
        (
            "a.json",
            "{\n\"took-ms\": 1.0,\n\"x\": 2\n}",
            "{\n\"took-ms\": 9.5,\n\"x\": 2\n}",
            "{\n\"took-ms\": 1.0,\n\"x\": 3\n}",
        ),
        ("a.html", "<time>1 ms</time>x", "<time>20 ms</time>x", "<time>1 ms</time>y"),
        ("a.xml", "<a time=\"1\" b=\"2\"/>", "<a time=\"21\" b=\"2\"/>", "<a time=\"1\" b=\"3\"/>"),
        ("a.csv", "n,seconds,m\n1,2,3\n", "n,seconds,m\n1,9,3\n", "n,seconds,m\n1,2,4\n"),
        ("a.md", "1 ms", "1 ms", "2 ms"),
    ] {
        put(&one, name, text);
        put(&other, name, later);
        assert!(differing(one.path(), other.path(), &BTreeSet::new()).is_empty(), "{name}");
        put(&other, name, else_);
        assert_eq!(differing(one.path(), other.path(), &BTreeSet::new()), [PathBuf::from(name)]);
        put(&other, name, text);
    }
    put(&other, "b", "");
    assert_eq!(differing(one.path(), other.path(), &BTreeSet::new()), [PathBuf::from("b")]);
}
