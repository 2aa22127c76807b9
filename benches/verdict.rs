//! How long netdiag takes to its verdict, from the moment both sides run, and for all scenarios together.
//!
//! Prints figures and asserts nothing: a busy machine is no failure. Every scenario is staged alone, several times, and
//! its median is listed; then all of them at once, as `netdiag scenario --all` does it.
#![allow(clippy::print_stdout, reason = "the table is the result")]

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use serde_json::Value;

const NETDIAG: &str = env!("CARGO_BIN_EXE_netdiag");
/// How often each scenario is staged.
const ROUNDS: usize = 3;
/// Scenarios whose staged delay is part of the time: what is measured there is the scenario, not netdiag.
const DELAYED: &[&str] = &[
    "blocked-loop",
    "client-before-server",
    "client-gives-up-early",
    "dropped-packets",
    "half-close-dropped",
    "near-miss-retry",
    "near-miss-slow",
    "one-at-a-time",
    "slow-reply",
];
/// Scenarios in which a connection is refused.
const REFUSED: &[&str] = &["wrong-port", "server-wrong-port", "address-mismatch", "no-server", "two-faults"];

fn main() -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for name in names()? {
        let mut times: Vec<f64> = Vec::new();
        for _ in 0..ROUNDS {
            let report = netdiag(&["scenario", &name, "--json"])?;
            times.extend(report["timing_ms"]["to_verdict"].as_f64());
        }
        rows.push((name, median(&mut times)));
    }
    println!("\ntime to verdict, from both sides running (median of {ROUNDS}, one at a time)");
    for (name, ms) in &rows {
        let note = if DELAYED.contains(&name.as_str()) { "  (a staged delay is part of it)" } else { "" };
        println!("  {name:<28} {ms:>8.1} ms{note}");
    }
    summary("refused connections", &rows, |name| REFUSED.contains(&name));
    summary("others, without a staged delay", &rows, |name| !REFUSED.contains(&name) && !DELAYED.contains(&name));
    let began = Instant::now();
    netdiag(&["scenario", "--all", "--json"])?;
    println!("\nscenario --all, {} scenarios: {:.1} s", rows.len(), began.elapsed().as_secs_f64());
    lecture()
}

/// The pairs of the lecture on asyncio, from the command to the end of its page, the start of Python included.
fn lecture() -> anyhow::Result<()> {
    println!("\nthe lecture's pairs, whole command (median of {ROUNDS})");
    for pair in ["lecture-wrong-port", "lecture-server-port", "lecture-no-reply"] {
        let runs = (0..ROUNDS).map(|_| whole_command(pair)).collect::<anyhow::Result<Vec<_>>>()?;
        let mut times: Vec<f64> = runs.iter().map(|(ms, _)| *ms).collect();
        println!("  {pair:<28} {:>8.1} ms  {}", median(&mut times), runs[0].1);
    }
    Ok(())
}

/// How many milliseconds one run of a pair of tests/programs takes, and the first line of its page.
fn whole_command(pair: &str) -> anyhow::Result<(f64, String)> {
    let words = ["--server", "python3 server.py", "--client", "python3 client.py hello", "--at", "127.0.0.1:12345"];
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs").join(pair);
    let began = Instant::now();
    let output = Command::new(NETDIAG).arg("run").args(words).current_dir(place).output()?;
    let ms = began.elapsed().as_secs_f64() * 1000.0;
    Ok((ms, String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned()))
}

fn names() -> anyhow::Result<Vec<String>> {
    let list = netdiag(&["scenario", "--list", "--json"])?;
    let scenarios = list["scenarios"].as_array().cloned().unwrap_or_default();
    Ok(scenarios.iter().filter_map(|scenario| Some(scenario["name"].as_str()?.to_owned())).collect())
}

fn netdiag(words: &[&str]) -> anyhow::Result<Value> {
    Ok(serde_json::from_slice(&Command::new(NETDIAG).args(words).output()?.stdout)?)
}

fn summary(what: &str, rows: &[(String, f64)], of: impl Fn(&str) -> bool) {
    let mut times: Vec<f64> = rows.iter().filter(|(name, _)| of(name)).map(|(_, ms)| *ms).collect();
    let slowest = times.iter().copied().fold(0.0, f64::max);
    println!("\n{what}: median {:.1} ms, slowest {slowest:.1} ms", median(&mut times));
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}
