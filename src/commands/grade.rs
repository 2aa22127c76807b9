//! `netdiag grade` and `netdiag merge`: a class goes in, marks come out.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use serde_json::json;

use super::columns::{Cell, Side, lay_out};
use super::{Outcome, terminal};
use crate::cli::{ColorWhen, GradeArgs, MergeArgs};
use crate::grade::class::{self, Class};
use crate::grade::formats::{self, Course};
use crate::grade::results::{self, Results, Submission};
use crate::grade::shard::Asked;
use crate::grade::{labs, submission};
use crate::report::escape;
use crate::report::style::{Ink, Style};

/// Columns of the widest finding in the table.
const FINDING: usize = 60;

/// Grades the submissions of a directory.
pub fn run(args: &GradeArgs, color: ColorWhen) -> anyhow::Result<Outcome> {
    let (Some(dir), Some(lab), Some(out)) = (&args.dir, &args.lab, &args.out) else { return list(args.json) };
    let (name, text) = lab_text(lab)?;
    let class = Class::new(&name, &text, out, args.jobs.map_or_else(usual_jobs, usize::from))?;
    let mut paths = submission::find(dir, out)?;
    ensure!(!paths.is_empty(), "there is no submission in {}; put one directory or file there for each", dir.display());
    let shard = args.shard.as_deref().map(|text| text.parse::<Asked>().map_err(anyhow::Error::msg)).transpose()?;
    let shard = shard.map(|asked| asked.resolve(|name| std::env::var(name).ok())).transpose()?;
    if let Some(shard) = shard {
        paths = shard.part(paths);
    }
    let progress = terminal::progress(paths.len() as u64, "grading");
    let graded = class.grade(&paths, |submission, _| {
        progress.println(format!("{}  {}", marks(submission), escape::line(&submission.name)));
        progress.inc(1);
    });
    progress.finish_and_clear();
    let results = graded?;
    // A shard's part is no class: the parts are put together by `netdiag merge`.
    if shard.is_none() {
        keep(out, &results)?;
    }
    show(&results, args.json, terminal::style(color))
}

/// Puts together what several runs have kept.
pub fn merge(args: &MergeArgs, color: ColorWhen) -> anyhow::Result<Outcome> {
    let results = class::merge(&args.outs)?;
    keep(&args.out, &results)?;
    show(&results, args.json, terminal::style(color))
}

/// Keeps a class's results, and writes them in the format of every platform.
fn keep(out: &Path, results: &Results) -> anyhow::Result<()> {
    class::keep(out, results)?;
    formats::write_all(results, &Course::read(|name| std::env::var(name).ok()), out)?;
    Ok(())
}

fn list(as_json: bool) -> anyhow::Result<Outcome> {
    let labs = labs::names().filter_map(|name| Some((name, labs::find(name)?)));
    let labs = labs
        .map(|(name, text)| Ok((name, crate::grade::lab::parse(name, text)?)))
        .collect::<anyhow::Result<Vec<_>>>()?;
    if as_json {
        let rows: Vec<_> = labs.iter().map(|(name, lab)| json!({ "name": name, "title": lab.title })).collect();
        terminal::show_json(&json!({ "schema": "netdiag/lab-list/v1", "labs": rows }))?;
        return Ok(Outcome::Fine);
    }
    let width = labs.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let lines: Vec<String> = labs.iter().map(|(name, lab)| format!("{name:width$}  {}\n", lab.title)).collect();
    terminal::show(&lines.concat())?;
    Ok(Outcome::Fine)
}

/// A lab's text, by the name of one that comes with netdiag or from a file.
fn lab_text(lab: &str) -> anyhow::Result<(String, String)> {
    if Path::new(lab).extension().is_some_and(|ending| ending == "toml") {
        let text = fs::read_to_string(lab).with_context(|| format!("cannot read the lab {lab}"))?;
        return Ok((lab.to_owned(), text));
    }
    match labs::find(lab) {
        Some(text) => Ok((lab.to_owned(), text.to_owned())),
        None => bail!(
            "there is no lab called {lab:?}; `netdiag grade --list` names those that come with netdiag, and a file's name \
             ends in .toml"
        ),
    }
}

/// Half of its time a recording waits: for a slow start, for silence, for the kernel to take a network down.
fn usual_jobs() -> usize {
    2 * std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Fine when nobody has to look at anything.
fn show(results: &Results, as_json: bool, style: Style) -> anyhow::Result<Outcome> {
    if as_json {
        terminal::show_json(&serde_json::to_value(results)?)?;
    } else {
        terminal::show(&table(results, style))?;
    }
    let is_open = |submission: &Submission| {
        let open =
            |check: &results::Check| matches!(check.outcome, results::Outcome::Undecided | results::Outcome::Error);
        submission.checks.iter().any(open)
    };
    Ok(if results.submissions.iter().any(is_open) { Outcome::CouldNotTell } else { Outcome::Fine })
}

fn table(results: &Results, style: Style) -> String {
    let rows: Vec<[Cell; 3]> = results
        .submissions
        .iter()
        .map(|submission| {
            let whole = submission.points >= submission.out_of;
            let ink = if whole { Ink::Good } else { Ink::Plain };
            [Cell::plain(&submission.name), Cell::new(ink, marks(submission)), Cell::plain(worst(submission))]
        })
        .collect();
    let headings = [("NAME", Side::Left), ("POINTS", Side::Right), ("WORST FINDING", Side::Left)];
    let mut text = lay_out(headings, &rows, style);
    let review = results.submissions.iter().filter(|submission| !submission.review.is_empty()).count();
    let graded = results.submissions.len();
    let _ = write!(text, "\n{graded} graded by {}", escape::line(&results.lab));
    if review > 0 {
        let _ = write!(text, " · {review} for a person to look at (`review` in the results)");
    }
    text.push('\n');
    text
}

fn marks(submission: &Submission) -> String {
    format!("{:.1}/{:.1}", submission.points, submission.out_of)
}

/// The check that cost most, and why.
fn worst(submission: &Submission) -> String {
    let lost = |check: &&results::Check| check.out_of - check.points;
    let undecided =
        |check: &&results::Check| matches!(check.outcome, results::Outcome::Undecided | results::Outcome::Error);
    let costly =
        submission.checks.iter().filter(|check| lost(check) > 0.0 && check.outcome != results::Outcome::Skipped);
    let worst = costly.reduce(|worst, check| if lost(&check) > lost(&worst) { check } else { worst });
    let Some(check) = worst.or_else(|| submission.checks.iter().find(undecided)) else { return String::new() };
    let fault = check.verdict.as_ref().and_then(|verdict| verdict.fault.clone());
    let why = fault.filter(|_| check.outcome != results::Outcome::Error).unwrap_or_else(|| {
        let first = check.feedback.lines().next().unwrap_or_default();
        escape::clip(&escape::line(first), FINDING)
    });
    format!("{}: {why}", check.id)
}
