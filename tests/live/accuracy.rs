//! Measures netdiag on the corpus of real pairs in `tests/programs`, each with its truth in `truth.toml`. It runs the
//! real binary and compares sides; it must never look into a program, nor adapt a truth to an answer.
//!
//! `NETDIAG_PAIRS=name,name` measures those pairs only. Reports and evidence (for `netdiag replay`) stay in
//! `target/tmp/accuracy`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test ends where it cannot go on")]
#![allow(clippy::print_stdout, reason = "the matrix is the result of this test, printed with --nocapture")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use serde::Deserialize;
use serde_json::Value;

/// The smallest corpus that says anything.
const ENOUGH_PAIRS: usize = 60;
/// The share of right sides below which the measurement fails.
const RIGHT_AT_LEAST: f64 = 0.95;
/// Pairs at a time. Most of a run is waiting, so two cores carry four.
const AT_ONCE: usize = 4;
/// Far beyond netdiag's own limits (a server's start, patience, the swap); only a hanging netdiag gets here.
const LONGEST: Duration = Duration::from_secs(150);
/// A directory beside the pairs with servers of another test.
const NO_PAIR: &str = "servers";
/// The sides in the order of the matrix.
const SIDES: [&str; 6] = ["client", "server", "both", "environment", "none", "unknown"];

/// `truth.toml`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pair {
    /// The server's command, run in the pair's directory; `{cc:file.c}` stands for that file, compiled.
    server: String,
    /// The client's command.
    client: String,
    /// The documented address.
    at: Option<String>,
    /// Whether UDP was agreed on.
    #[serde(default)]
    udp: bool,
    /// How many clients run at the same time.
    clients: Option<u32>,
    /// A file with more of the contract.
    contract: Option<String>,
    /// The judgement.
    truth: Truth,
    /// The directory's name.
    #[serde(skip)]
    name: String,
}

/// What a careful teacher says about the pair.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Truth {
    /// The side; further ones only where honest reasons allow them too.
    side: Vec<String>,
    /// Names the fault may be given; empty where the catalogue has none that fits better than others.
    #[serde(default)]
    fault: Vec<String>,
    /// The line to change, as `file:line`; several where a person would accept any of them, none where no line is it.
    #[serde(default)]
    line: Vec<String>,
    /// One sentence.
    why: String,
}

/// What netdiag said about a pair.
struct Answer {
    side: String,
    fault: Option<String>,
    confidence: String,
    summary: String,
    /// The line told, as `file:line`.
    line: Option<String>,
    seconds: f64,
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs")
}

fn pairs() -> Vec<Pair> {
    let wanted = env::var("NETDIAG_PAIRS").ok();
    let mut names: Vec<String> =
        fs::read_dir(corpus()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| wanted.as_ref().is_none_or(|wanted| wanted.split(',').any(|one| one == name)));
    names.retain(|name| name != NO_PAIR);
    names.sort();
    names
        .into_iter()
        .map(|name| {
            let text = fs::read_to_string(corpus().join(&name).join("truth.toml")).expect(&name);
            Pair { name: name.clone(), ..toml::from_str(&text).expect(&name) }
        })
        .collect()
}

/// The programs a pair's commands start, which another machine may lack.
fn missing_program(pair: &Pair) -> Option<String> {
    let path = env::var_os("PATH").unwrap_or_default();
    [&pair.server, &pair.client]
        .into_iter()
        .map(|command| if command.starts_with("{cc:") { "cc" } else { command.split(' ').next().unwrap_or_default() })
        .find(|program| !env::split_paths(&path).any(|dir| dir.join(program).is_file()))
        .map(str::to_owned)
}

/// Replaces each `{cc:file.c}` by the path of the compiled program.
fn compiled(pair: &Pair, command: &str, built: &Path) -> String {
    let Some((before, rest)) = command.split_once("{cc:") else { return command.to_owned() };
    let (source, after) = rest.split_once('}').expect(&pair.name);
    let program = built.join(&pair.name).join(source.trim_end_matches(".c"));
    fs::create_dir_all(built.join(&pair.name)).unwrap();
    let compiler = Command::new("cc")
        .args(["-O1", "-w", "-o"])
        .arg(&program)
        .arg(corpus().join(&pair.name).join(source))
        .output()
        .expect("cc starts");
    assert!(compiler.status.success(), "{}: {}", pair.name, String::from_utf8_lossy(&compiler.stderr));
    format!("{before}{}{after}", program.display())
}

fn ask(pair: &Pair, built: &Path, reports: &Path) -> Answer {
    let report = reports.join(format!("{}.json", pair.name));
    let evidence = reports.join(format!("{}.evidence.json", pair.name));
    let _ = fs::remove_file(&evidence);
    let mut netdiag = Command::new(env!("CARGO_BIN_EXE_netdiag"));
    netdiag.current_dir(corpus().join(&pair.name)).args(["run", "--json", "--save"]).arg(evidence);
    netdiag.args(["--server", &compiled(pair, &pair.server, built)]);
    netdiag.args(["--client", &compiled(pair, &pair.client, built)]);
    netdiag.args(pair.at.iter().flat_map(|at| ["--at", at]));
    netdiag.args(pair.udp.then_some("--udp"));
    netdiag.args(pair.contract.iter().flat_map(|file| ["--contract", file]));
    netdiag.args(pair.clients.iter().flat_map(|n| ["--clients".to_owned(), n.to_string()]));
    netdiag.stdin(Stdio::null()).stderr(Stdio::null()).stdout(fs::File::create(&report).unwrap());
    let began = Instant::now();
    let mut child = netdiag.spawn().unwrap();
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > LONGEST {
            child.kill().unwrap();
            child.wait().unwrap();
            break;
        }
        thread::sleep(Duration::from_millis(5));
    }
    answer(&fs::read_to_string(report).unwrap(), began.elapsed())
}

fn answer(report: &str, took: Duration) -> Answer {
    let report: Value = serde_json::from_str(report).unwrap_or_default();
    let word = |key: &str| report["verdict"][key].as_str().map(str::to_owned);
    Answer {
        side: word("side").unwrap_or_else(|| "unknown".to_owned()),
        fault: word("fault"),
        confidence: word("confidence").unwrap_or_default(),
        summary: word("summary").unwrap_or_else(|| "no report at all".to_owned()),
        line: line(&report["findings"][0]),
        seconds: took.as_secs_f64(),
    }
}

fn line(finding: &Value) -> Option<String> {
    let file = finding["location"]["file"].as_str()?.rsplit('/').next()?;
    Some(format!("{file}:{}", finding["location"]["line"]))
}

/// Asks about every pair, several at a time, in the order of `pairs`.
fn ask_all(pairs: &[Pair]) -> Vec<Answer> {
    let reports = Path::new(env!("CARGO_TARGET_TMPDIR")).join("accuracy");
    fs::create_dir_all(&reports).unwrap();
    let built = tempfile::tempdir().unwrap();
    let next = AtomicUsize::new(0);
    let mut answers: Vec<(usize, Answer)> = thread::scope(|scope| {
        let askers: Vec<_> = (0..AT_ONCE)
            .map(|_| {
                scope.spawn(|| {
                    let mut mine = Vec::new();
                    while let Some((index, pair)) =
                        Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|n| Some((n, pairs.get(n)?)))
                    {
                        mine.push((index, ask(pair, built.path(), &reports)));
                    }
                    mine
                })
            })
            .collect();
        askers.into_iter().flat_map(|asker| asker.join().unwrap()).collect()
    });
    answers.sort_by_key(|(index, _)| *index);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

fn is_right(pair: &Pair, answer: &Answer) -> bool {
    pair.truth.side.contains(&answer.side)
}

fn matrix(asked: &[(&Pair, Answer)]) -> String {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (pair, answer) in asked {
        // Where several sides are acceptable, an acceptable answer stands on the diagonal.
        let truth = if is_right(pair, answer) { &answer.side } else { &pair.truth.side[0] };
        *counts.entry((truth, &answer.side)).or_default() += 1;
    }
    let mut text = format!("{:>14} │", "truth ╲ answer");
    for side in SIDES {
        write!(text, "{side:>12}").unwrap();
    }
    text.push('\n');
    for truth in SIDES {
        write!(text, "{truth:>14} │").unwrap();
        for side in SIDES {
            match counts.get(&(truth, side)) {
                Some(count) => write!(text, "{count:>12}").unwrap(),
                None => write!(text, "{:>12}", "·").unwrap(),
            }
        }
        text.push('\n');
    }
    text
}

fn disagreement(pair: &Pair, answer: &Answer) -> String {
    format!(
        "{}: truth {} ({}), answer {} {} ({}, {:.1} s)\n    truth:  {}\n    answer: {}",
        pair.name,
        pair.truth.side.join(" or "),
        pair.truth.fault.join(" or "),
        answer.side,
        answer.fault.as_deref().unwrap_or("-"),
        answer.confidence,
        answer.seconds,
        pair.truth.why,
        answer.summary,
    )
}

fn is_otherwise_named(pair: &Pair, answer: &Answer) -> bool {
    let named = answer.fault.as_ref();
    is_right(pair, answer) && !pair.truth.fault.is_empty() && !named.is_some_and(|name| pair.truth.fault.contains(name))
}

/// How an answer compares with the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// The answered side is among the acceptable ones.
    Right,
    /// netdiag could not tell.
    Unknown,
    /// Somebody else is named, or a fault is passed.
    Wrong,
}

fn outcome(pair: &Pair, answer: &Answer) -> Outcome {
    match answer.side.as_str() {
        _ if is_right(pair, answer) => Outcome::Right,
        "unknown" => Outcome::Unknown,
        _ => Outcome::Wrong,
    }
}

/// The published result: matrix, totals, and every disagreement, the worst first.
fn publish(asked: &[(&Pair, Answer)], took: Duration) {
    let all = |wanted| asked.iter().filter(move |(pair, answer)| outcome(pair, answer) == wanted);
    println!("\n{}", matrix(asked));
    println!(
        "{} pairs in {:.0} s: {} sides right ({:.1} %), {} unknown, {} wrong\n",
        asked.len(),
        took.as_secs_f64(),
        all(Outcome::Right).count(),
        share_of_right(asked) * 100.0,
        all(Outcome::Unknown).count(),
        all(Outcome::Wrong).count(),
    );
    let lines =
        |told: bool| asked.iter().filter(move |(pair, answer)| has_right_line(pair, answer) == Some(told)).count();
    println!("lines to change: {} right, {} others", lines(true), lines(false));
    for (pair, answer) in asked.iter().filter(|(pair, answer)| has_right_line(pair, answer) == Some(false)) {
        println!("line: {}: truth {}, answer {:?}", pair.name, pair.truth.line.join(" or "), answer.line);
    }
    for (heading, outcome) in [("wrong", Outcome::Wrong), ("unknown", Outcome::Unknown)] {
        all(outcome).for_each(|(pair, answer)| println!("{heading}: {}", disagreement(pair, answer)));
    }
    for (pair, answer) in all(Outcome::Right).filter(|(pair, answer)| is_otherwise_named(pair, answer)) {
        println!("named otherwise: {}", disagreement(pair, answer));
    }
}

/// Whether the line told is one to change; `None` where nobody is rightly named, or no line is known to be it.
fn has_right_line(pair: &Pair, answer: &Answer) -> Option<bool> {
    let wanted = is_right(pair, answer) && !pair.truth.line.is_empty();
    wanted.then(|| answer.line.as_ref().is_some_and(|line| pair.truth.line.contains(line)))
}

fn share_of_right(asked: &[(&Pair, Answer)]) -> f64 {
    let right = asked.iter().filter(|(pair, answer)| is_right(pair, answer)).count();
    right as f64 / asked.len() as f64
}

#[test]
fn netdiag_names_the_right_side_of_real_pairs_and_blames_no_healthy_one() {
    let (pairs, lacking): (Vec<Pair>, Vec<Pair>) =
        pairs().into_iter().partition(|pair| missing_program(pair).is_none());
    for pair in &lacking {
        println!("not measured, this machine has no {}: {}", missing_program(pair).unwrap(), pair.name);
    }
    let began = Instant::now();
    let asked: Vec<(&Pair, Answer)> = pairs.iter().zip(ask_all(&pairs)).collect();
    publish(&asked, began.elapsed());

    let chosen = env::var_os("NETDIAG_PAIRS").is_some();
    assert!(chosen || asked.len() >= ENOUGH_PAIRS, "only {} pairs could be measured", asked.len());
    let wrong: Vec<&str> = asked
        .iter()
        .filter(|(pair, answer)| outcome(pair, answer) == Outcome::Wrong)
        .map(|(pair, _)| pair.name.as_str())
        .collect();
    assert!(wrong.is_empty(), "the wrong side was named for {wrong:?}");
    let lines: Vec<bool> = asked.iter().filter_map(|(pair, answer)| has_right_line(pair, answer)).collect();
    let right = lines.iter().filter(|right| **right).count();
    assert!(chosen || right * 10 >= lines.len() * 9, "{right} of {} lines are right", lines.len());
    let share = share_of_right(&asked);
    assert!(share >= RIGHT_AT_LEAST, "{:.1} % of the sides are right", share * 100.0);
}

#[test]
fn every_pair_of_the_corpus_states_a_truth_that_can_be_met() {
    let pairs = pairs();
    let known: BTreeSet<String> = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/faults"))
        .unwrap()
        .map(|page| page.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    for Pair { name, truth, contract, .. } in &pairs {
        assert!(!truth.side.is_empty() && !truth.why.is_empty(), "{name} does not say who and why");
        assert!(truth.side.iter().all(|side| SIDES[..5].contains(&side.as_str())), "{name}: {:?}", truth.side);
        assert!(truth.fault.iter().all(|fault| known.contains(fault)), "{name}: {:?}", truth.fault);
        assert!(contract.iter().all(|file| corpus().join(name).join(file).is_file()), "{name}: no {contract:?}");
        let healthy = truth.side == ["none"];
        assert_eq!(healthy, name.starts_with("healthy-"), "{name}: the name and the truth differ");
        assert!(!healthy || truth.fault.is_empty(), "{name}: a healthy pair has no fault");
    }
    if env::var_os("NETDIAG_PAIRS").is_none() {
        let healthy = pairs.iter().filter(|pair| pair.truth.side == ["none"]).count();
        assert!(pairs.len() >= ENOUGH_PAIRS && healthy * 3 >= pairs.len(), "{healthy} of {} are healthy", pairs.len());
    }
}
