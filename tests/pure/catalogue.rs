//! A fault has one name, and its rule, its page, its scenario and its recorded case all bear it. Recorded cases are
//! diagnosed for ever: what they once said is in `tests/fixtures/evidence/verdicts.txt`, which NETDIAG_BLESS=1 rewrites.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use netdiag::diagnosis::{Diagnosis, examine};
use netdiag::evidence::Evidence;
use netdiag::facts::Symptom;
use netdiag::report::pages;
use netdiag::rules::RULES;
use netdiag::scenario;

/// Faults that never are a root cause, with a recorded case in which each shows up as a consequence or a contribution.
pub const NEVER_A_CAUSE: &[(&str, &str)] = &[
    ("connection-refused", "no-server"),
    ("udp-no-timeout", "udp-missing-reply"),
    ("client-closes-with-unread-data", "client-closes-with-unread-data"),
];

/// A recorded case is read by people who review it.
const LARGEST: u64 = 64 * 1024;

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Names of the files in `directory` that end in `.ending`, without it.
fn names(directory: &str, ending: &str) -> BTreeSet<String> {
    let files = fs::read_dir(repository(directory)).unwrap().map(|entry| entry.unwrap().path());
    files
        .filter(|file| file.extension().is_some_and(|own| own == ending))
        .map(|file| file.file_stem().unwrap().to_string_lossy().into_owned())
        .collect()
}

fn faults() -> BTreeSet<String> {
    RULES.iter().map(|rule| rule.name.to_owned()).collect()
}

/// Side and fault that a scenario expects.
pub fn expected(name: &str) -> Option<(String, Option<String>)> {
    let expect = scenario::find(name)?.unwrap().expect?;
    Some((expect.side, expect.fault))
}

fn expected_faults() -> BTreeSet<String> {
    let expected = scenario::names().filter_map(|name| scenario::find(name)?.unwrap().expect);
    expected.flat_map(|expect| expect.fault.into_iter().chain(expect.also)).collect()
}

/// Fails with `what` and the names that only one of the two has.
fn same(what: &str, left: &BTreeSet<String>, right: &BTreeSet<String>) {
    let without: Vec<_> = left.difference(right).chain(right.difference(left)).collect();
    assert!(without.is_empty(), "{what}: {without:?}");
}

fn none(what: &str, names: &[&String]) {
    assert!(names.is_empty(), "{what}: {names:?}");
}

#[test]
fn every_rule_has_a_file_of_its_name() {
    let files = names("src/rules", "rs").into_iter().filter(|name| name != "mod");
    same("rule without file, or file without rule", &faults(), &files.map(|name| name.replace('_', "-")).collect());
}

#[test]
fn every_rule_has_a_page_and_every_page_a_rule() {
    let mut pages = names("docs/faults", "md");
    assert!(pages.remove("README"), "docs/faults/README.md, the index, is missing");
    assert!(pages.remove("catalogue"), "docs/faults/catalogue.md, the table of all names, is missing");
    assert!(pages.remove("look-alikes"), "docs/faults/look-alikes.md, what tells faults apart, is missing");
    same("rule without page in docs/faults, or page without rule", &faults(), &pages);
}

#[test]
fn the_index_of_the_pages_names_each_of_them() {
    let index = fs::read_to_string(repository("docs/faults/README.md")).unwrap();
    let faults = faults();
    none(
        "not in docs/faults/README.md",
        &faults.iter().filter(|f| !index.contains(&format!("({f}.md)"))).collect::<Vec<_>>(),
    );
}

#[test]
fn a_rule_and_its_page_tell_of_the_same_symptoms_and_sides() {
    for rule in RULES {
        let page = pages::find(rule.name).unwrap();
        let symptoms: Vec<&str> = rule.symptoms.iter().map(|symptom| symptom.name()).collect();
        assert_eq!(symptoms, page.symptoms(), "{}: symptoms", rule.name);
        let sides: Vec<String> = rule.sides.iter().map(word).collect();
        assert_eq!(sides, page.sides(), "{}: sides", rule.name);
    }
    assert_eq!(Symptom::ALL.map(Symptom::name), pages::SYMPTOMS);
}

#[test]
fn what_shows_a_fault_is_said_of_no_other() {
    let mut said = BTreeSet::new();
    for rule in RULES {
        assert!(said.insert(rule.shown_by), "{}: {}", rule.name, rule.shown_by);
        assert!(!rule.shown_by.ends_with('.') && rule.shown_by.len() > 10, "{}: no noun phrase", rule.name);
    }
}

#[test]
fn what_a_rule_explains_is_a_rule() {
    let faults = faults();
    for rule in RULES {
        for explained in rule.explains {
            assert!(faults.contains(*explained), "{} explains `{explained}`, which is no rule", rule.name);
        }
    }
}

#[test]
fn every_scenario_file_is_in_the_catalogue() {
    let listed = scenario::names().map(str::to_owned).collect();
    same("scenario without row, or row without scenario", &names("scenarios", "toml"), &listed);
}

#[test]
fn every_fault_is_staged_and_every_staged_fault_has_a_rule() {
    let mut staged = expected_faults();
    staged.extend(NEVER_A_CAUSE.iter().map(|(fault, _)| (*fault).to_owned()));
    same("rule without scenario, or scenario that expects what no rule finds", &faults(), &staged);
}

#[test]
fn there_are_enough_scenarios_that_a_careless_rule_would_blame() {
    let innocent = scenario::names().filter(|name| expected(name).is_some_and(|(side, _)| side == "none")).count();
    assert!(scenario::names().count() >= 30 && innocent >= 8, "{innocent} healthy ones");
}

#[test]
fn every_fault_has_a_recorded_case_of_its_name() {
    let cases = cases();
    let staged = expected_faults();
    none("no tests/fixtures/evidence/NAME.json for", &staged.difference(&cases).collect::<Vec<_>>());
    let known: BTreeSet<String> = scenario::names().map(str::to_owned).collect();
    none("recorded case of no scenario", &cases.difference(&known).collect::<Vec<_>>());
}

/// Names of the recorded cases.
pub fn cases() -> BTreeSet<String> {
    names("tests/fixtures/evidence", "json")
}

pub fn read(case: &str) -> Evidence {
    let file = repository(&format!("tests/fixtures/evidence/{case}.json"));
    let text = fs::read_to_string(&file).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| {
        panic!("{case}.json is not evidence any more ({error}); record it again as docs/contributing.md says")
    })
}

pub fn word(value: impl serde::Serialize) -> String {
    serde_json::to_value(value).unwrap().as_str().unwrap_or_default().to_owned()
}

#[test]
fn every_recorded_case_gets_the_verdict_its_scenario_expects() {
    let mut wrong = Vec::new();
    for case in cases() {
        let Some(expected) = expected(&case) else { continue };
        let verdict = examine(&read(&case)).verdict;
        let found = (word(verdict.side), verdict.fault);
        if found != expected {
            wrong.push(format!("{case}: expected {expected:?}, found {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn what_is_never_a_cause_is_seen_beside_one() {
    for (fault, case) in NEVER_A_CAUSE {
        let findings = examine(&read(case)).findings;
        let seen = findings.iter().any(|finding| finding.fault == *fault && word(finding.role) != "cause");
        assert!(seen, "{case}.json does not show {fault} beside its cause");
    }
}

#[test]
fn recorded_cases_are_small_and_name_nobody() {
    for case in cases() {
        let file = repository(&format!("tests/fixtures/evidence/{case}.json"));
        let size = fs::metadata(&file).unwrap().len();
        assert!(size <= LARGEST, "{case}.json has {size} bytes; {LARGEST} is the limit");
        let text = fs::read_to_string(&file).unwrap();
        for home in ["/home/", "/root/", "/Users/"] {
            assert!(!text.contains(home), "{case}.json names a directory under {home}: record it in /tmp");
        }
    }
}

fn said(case: &str, diagnosis: &Diagnosis) -> String {
    let verdict = &diagnosis.verdict;
    let fault = verdict.fault.as_deref().map(|fault| format!(": {fault}")).unwrap_or_default();
    let mut text = format!("{case}\n  {}{fault} ({})\n", word(verdict.side), word(verdict.confidence));
    let _ = writeln!(text, "  {}", verdict.summary);
    for finding in &diagnosis.findings {
        let line = finding.location.as_ref().map(|frame| format!(" at {}:{}", frame.file, frame.line));
        let line = line.unwrap_or_default();
        let _ = writeln!(text, "  {:<12} {} ({}){line}", word(finding.role), finding.fault, word(finding.confidence));
    }
    text
}

#[test]
fn every_recorded_case_says_what_it_said_before() {
    let cases = cases();
    let now = cases.iter().map(|case| said(case, &examine(&read(case)))).collect::<Vec<_>>().join("\n");
    let file = repository("tests/fixtures/evidence/verdicts.txt");
    if std::env::var_os("NETDIAG_BLESS").is_some() {
        fs::write(&file, &now).unwrap();
    }
    let before = fs::read_to_string(&file).unwrap_or_default();
    let news: Vec<&str> = now.lines().filter(|line| !before.lines().any(|old| old == *line)).collect();
    assert!(
        now == before,
        "verdicts have changed. If that is right, run the tests with NETDIAG_BLESS=1 and review the diff of \
         tests/fixtures/evidence/verdicts.txt. New lines:\n{}\n",
        news.join("\n")
    );
}
