//! `netdiag grade` on the submissions of tests/submissions: marks as a person gave them (marks.txt), the same bytes from shards
//! as from one machine, and after a run that was killed.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::grade_same;
use super::stand::{LONG, NETDIAG, Run, netdiag, turn};

/// Folders of submissions. One without a lab file beside it is for the lab of its name that comes with netdiag.
/// Labs whose classes are graded in every run of the tests.
const LABS: [&str; 7] =
    ["any-language", "async-echo", "line-client", "asyncio-udp", "select-echo", "streams", "async-echo-homework"];
/// Labs that take minutes, for their thousand clients and their long waits; they are graded too if [`EVERYTHING`] is set.
const SLOW: [&str; 3] = ["line-echo", "asyncio-lecture", "qualities"];
/// The labs whose classes are graded a second time, in shards, in every run; all of them are if [`EVERYTHING`] is set.
const TWICE: [&str; 2] = ["any-language", "line-client"];
const EVERYTHING: &str = "NETDIAG_WHOLE_CLASS";

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/submissions")
}

/// Whether submissions are confined here; else only what a shared machine allows is asked for.
fn confined(results: &Value) -> bool {
    let open = results["submissions"][0]["not-isolated"].as_array().unwrap();
    let confined = !open.iter().any(|what| what.as_str().unwrap().contains("files and processes"));
    if !confined {
        eprintln!("reduced: submissions cannot be confined here: {open:?}");
        assert!(std::env::var_os("NETDIAG_REQUIRE_CAPTURE").is_none(), "{open:?}");
    }
    confined
}

fn grade(dir: &Path, lab: &Path, out: &Path, more: &[&str]) -> Value {
    let mut arguments =
        vec!["grade", dir.to_str().unwrap(), "--lab", lab.to_str().unwrap(), "--out", out.to_str().unwrap(), "--json"];
    arguments.extend(more);
    let ended = netdiag(&arguments);
    assert!([0, 3].contains(&ended.code()), "{ended:?}");
    ended.json()
}

fn graded(lab: &str, out: &Path, more: &[&str]) -> Value {
    let own = corpus().join(format!("{lab}.toml"));
    let name = if own.is_file() { own } else { PathBuf::from(lab) };
    grade(&corpus().join(lab), &name, out, more)
}

/// One line for each submission: its points, and every check that did not simply pass.
fn marks(lab: &str, results: &Value) -> String {
    let mut text = String::new();
    for submission in results["submissions"].as_array().unwrap() {
        let _ = write!(text, "{lab} | {} | {}", submission["name"].as_str().unwrap(), submission["points"]);
        for (id, outcome) in outcomes(submission) {
            if !["passed", "skipped"].contains(&outcome) {
                let _ = write!(text, " | {id}: {outcome}");
            }
        }
        text.push('\n');
    }
    text
}

fn outcomes(submission: &Value) -> impl Iterator<Item = (&str, &str)> {
    let checks = submission["checks"].as_array().unwrap().iter();
    checks.map(|check| (check["id"].as_str().unwrap(), check["outcome"].as_str().unwrap()))
}

/// Nobody may get another mark than a person gave; on a busy machine a check may end undecided, which costs nothing and
/// asks a person to look. Returns how many did.
fn undecided(told: &str, found: &str) -> usize {
    let mut open = 0;
    assert_eq!(told.lines().count(), found.lines().count(), "{found}");
    for (told, found) in told.lines().zip(found.lines()) {
        let is_open = [told, found].iter().any(|line| line.contains(": undecided") || line.contains(": error"));
        assert!(told == found || is_open, "expected {told}\n   found {found}");
        open += usize::from(told != found);
    }
    open
}

/// Whether a row of marks.txt is about this lab's class.
fn is_of(lab: &str, row: &str) -> bool {
    row.split(" | ").next() == Some(lab)
}

/// Names of submissions in which a check was left open in one of the two.
fn open(one: &str, other: &str) -> BTreeSet<String> {
    let is_open = |line: &&str| line.contains(": undecided") || line.contains(": error");
    let name = |line: &str| line.split(" | ").nth(1).map(str::to_owned);
    one.lines().chain(other.lines()).filter(is_open).filter_map(name).collect()
}

#[test]
fn the_corpus_gets_the_marks_a_person_gave_it_and_byte_for_byte_the_same_from_shards() {
    let _turn = turn();
    let place = tempfile::tempdir().unwrap();
    let mut found = String::new();
    let everything = std::env::var_os(EVERYTHING).is_some();
    let labs = LABS.into_iter().chain(SLOW.into_iter().filter(|_| everything));
    for lab in labs.clone() {
        let [whole, parts, merged] = ["whole", "parts", "merged"].map(|name| place.path().join(lab).join(name));
        let first = marks(lab, &graded(lab, &whole, &["--jobs", "3"]));
        found += &first;
        if !everything && !TWICE.contains(&lab) {
            continue;
        }
        graded(lab, &parts, &["--shard", "2/2", "--jobs", "1"]);
        graded(lab, &parts, &["--shard", "1/2", "--jobs", "2"]);
        let ended = netdiag(&["merge", parts.to_str().unwrap(), "--out", merged.to_str().unwrap(), "--json"]);
        let second = marks(lab, &ended.json());
        undecided(&first, &second);
        fs::rename(parts.join("submissions"), merged.join("submissions")).unwrap();
        let differing = grade_same::differing(&whole, &merged, &open(&first, &second));
        if !differing.is_empty() {
            let (one, other) = (place.keep(), merged);
            panic!("{differing:?} differ between {} and {}", one.join(lab).join("whole").display(), other.display());
        }
    }
    let table = corpus().join("marks.txt");
    if everything && std::env::var_os("NETDIAG_BLESS").is_some() {
        fs::write(&table, &found).unwrap();
    }
    let table = fs::read_to_string(&table).unwrap();
    let told: String = labs.flat_map(|lab| table.split_inclusive('\n').filter(move |row| is_of(lab, row))).collect();
    let open = undecided(&told, &found);
    let all = found.lines().count();
    eprintln!("{open} of {all} submissions need a look that did not when their marks were written down");
    assert!(open * 10 <= all, "{found}");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        if entry.path().is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()));
        } else {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

#[test]
fn hostile_submissions_end_within_their_limits_and_leave_their_neighbours_alone() {
    let _turn = turn();
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("handed in");
    copy(&corpus().join("hostile"), &dir);
    fs::File::create(dir.join("honest/large.bin")).unwrap().set_len(1 << 30).unwrap();
    symlink("/etc/passwd", dir.join("honest/passwd")).unwrap();
    fs::create_dir(dir.join("link-out")).unwrap();
    symlink("/etc/passwd", dir.join("link-out/server.py")).unwrap();
    let began = Instant::now();
    let results = grade(&dir, &corpus().join("hostile.toml"), &place.path().join("out"), &["--jobs", "2"]);
    assert!(began.elapsed() < LONG, "{:?}", began.elapsed());
    if !confined(&results) {
        return;
    }
    let expected = "\
hostile | daemon | 1.0
hostile | endless-output | 1.0
hostile | forged-results | 0.0 | echo: failed
hostile | fork-bomb | 0.0 | echo: failed
hostile | honest | 1.0
hostile | ignores-signals | 1.0
hostile | kill-everybody | 1.0
hostile | leaves-its-limits | 1.0
hostile | link-out | 0.0 | echo: failed
hostile | memory-bomb | 0.0 | echo: failed
hostile | reads-others | 1.0
hostile | writes-outside | 1.0
";
    let found = marks("hostile", &results);
    assert_eq!(undecided(expected, &found), 0, "{results:#}");
    let said = |name: &str| {
        let all = results["submissions"].as_array().unwrap();
        all.iter().find(|one| one["name"] == name).unwrap().to_string()
    };
    assert!(said("fork-bomb").contains("more than 40 processes"), "{}", said("fork-bomb"));
    assert!(said("memory-bomb").contains("more than 500 MiB"), "{}", said("memory-bomb"));
    assert!(
        said("honest").contains("large.bin` is too large") && said("honest").contains("leads out of"),
        "{}",
        said("honest")
    );
}

#[test]
fn a_run_that_was_killed_goes_on_where_it_stopped() {
    let place = tempfile::tempdir().unwrap();
    let (dir, lab, out) = (place.path().join("in"), corpus().join("async-echo.toml"), place.path().join("out"));
    for name in ["a", "b", "c", "d"] {
        copy(&corpus().join("async-echo/right-streams"), &dir.join(name));
    }
    let words =
        ["grade", dir.to_str().unwrap(), "--lab", lab.to_str().unwrap(), "--out", out.to_str().unwrap(), "--jobs", "1"];
    let mut killed = std::process::Command::new(NETDIAG).args(words).spawn().unwrap();
    let kept =
        || fs::read_dir(out.join("submissions")).map(|dir| dir.flatten().filter(|file| !is_new(&file.path())).count());
    let began = Instant::now();
    while kept().unwrap_or(0) == 0 {
        assert!(began.elapsed() < LONG, "nothing was graded");
        std::thread::sleep(Duration::from_millis(10));
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!(kept().unwrap() < 4, "it was killed too late to show anything");
    let first: Vec<_> = fs::read_dir(out.join("submissions"))
        .unwrap()
        .flatten()
        .map(|file| file.path())
        .filter(|file| !is_new(file))
        .collect();
    let before: Vec<_> = first.iter().map(|file| fs::read(file).unwrap()).collect();
    let results = grade(&dir, &lab, &out, &["--jobs", "2"]);
    let names: Vec<_> = results["submissions"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names, ["a", "b", "c", "d"]);
    assert_eq!(kept().unwrap(), 4);
    let after: Vec<_> = first.iter().map(|file| fs::read(file).unwrap()).collect();
    assert_eq!(before, after, "what was there was graded again");
    let again = grade(&dir, &lab, &out, &[]);
    assert_eq!(results, again);
}

/// A file that is being written has a name of its own until it is whole.
fn is_new(file: &Path) -> bool {
    file.file_name().is_some_and(|name| name.to_string_lossy().starts_with(".new-"))
}

#[test]
fn what_cannot_be_graded_is_said_before_anything_is_started() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().to_str().unwrap();
    let lab = place.path().join("mine.toml");
    fs::write(&lab, "title = \"x\"\nchecks = []\nlimit = 3\n").unwrap();
    let refused = |arguments: &[&str]| {
        let ended = Run::start(&[], Path::new(NETDIAG), arguments, &std::env::temp_dir()).end();
        assert_eq!(ended.code(), 2, "{ended:?}");
        ended.stderr
    };
    let out = place.path().join("out");
    let out = out.to_str().unwrap();
    let said = refused(&["grade", dir, "--lab", lab.to_str().unwrap(), "--out", out]);
    assert!(said.contains("mine.toml: line 3, column 1") && said.contains("limit"), "{said}");
    assert!(
        refused(&["grade", dir, "--lab", "asynk-echo", "--out", out]).contains("--list"),
        "a lab that is not there"
    );
    let empty = place.path().join("empty");
    fs::create_dir(&empty).unwrap();
    assert!(
        refused(&["grade", empty.to_str().unwrap(), "--lab", "async-echo", "--out", out]).contains("no submission")
    );
    assert!(refused(&["grade", dir, "--lab", "async-echo", "--out", out, "--shard", "3/2"]).contains("no shard"));
    assert!(refused(&["merge", empty.to_str().unwrap(), "--out", out]).contains("no results"));
}
