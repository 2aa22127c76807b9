//! `netdiag scenario`: stages a fault, has it recorded and examined, and compares with what the scenario expects.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, bail};
use serde_json::json;

use super::verdict::{can_save, outcome, save};
use super::{Outcome, hold, quiz, terminal};
use crate::cli::{ColorWhen, ScenarioArgs};
use crate::diagnosis::{Confidence, Diagnosis, Side, examine};
use crate::evidence::{Evidence, Observed};
use crate::recording::{NotHere, Place, record_in_worker};
use crate::report;
use crate::report::style::{Ink, Style};
use crate::report::text::Extras;
use crate::sandbox;
use crate::scenario::{self, Expect, Scenario};

/// How many scenarios are staged at once per processor: they mostly wait.
const JOBS_PER_CPU: usize = 4;

/// Stages what was asked for.
pub fn run(args: &ScenarioArgs, color: ColorWhen) -> anyhow::Result<Outcome> {
    if args.list {
        return list(args.json);
    }
    if args.all {
        return all(args, color);
    }
    if args.quiz {
        return quiz::run(args, color);
    }
    let Some(name) = &args.name else {
        bail!("which scenario? `netdiag scenario --list` names them, `netdiag scenario --all` stages all")
    };
    let scenario = load(name)?;
    if args.hold {
        return hold::run(&scenario);
    }
    can_save(args.save.as_deref())?;
    let evidence = record_in_worker(&scenario.plan, place(args.host))?;
    save(args.save.as_deref(), &evidence)?;
    let diagnosis = examine(&evidence);
    let met = scenario.expect.as_ref().map(|expect| judge(expect, &evidence, &diagnosis));
    if args.json {
        terminal::show_json(&report::json::report(&evidence, &diagnosis))?;
    } else {
        let style = terminal::style(color);
        let saved = args.save.as_ref().map(|path| path.display().to_string());
        let extras = Extras { width: terminal::width(), saved };
        let mut page = report::text::page(&evidence, &diagnosis, &style, &extras);
        page.push_str(&expectation(&scenario, met, style));
        terminal::show(&page)?;
    }
    Ok(match met {
        None => outcome(&diagnosis),
        Some(Met::Yes) => Outcome::Fine,
        Some(Met::CouldNotTell) => Outcome::CouldNotTell,
        Some(Met::No) => Outcome::Fault,
    })
}

pub(super) fn place(host: bool) -> Place {
    if host { Place::Host } else { Place::Private }
}

/// A scenario by its name, by another name of the fault it stages, or from a file.
pub(super) fn load(name: &str) -> anyhow::Result<Scenario> {
    if Path::new(name).extension().is_some_and(|ending| ending == "toml") {
        let text = std::fs::read_to_string(name).with_context(|| format!("cannot read the scenario {name}"))?;
        return scenario::parse(name, &text);
    }
    let by_alias = || scenario::find(report::pages::find(name)?.slug);
    match scenario::find(name).or_else(by_alias) {
        Some(found) => found,
        None => match scenario::nearest(name) {
            Some(near) => bail!("there is no scenario called {name:?}; did you mean `{near}`?"),
            None => bail!("there is no scenario called {name:?}; `netdiag scenario --list` names them all"),
        },
    }
}

fn list(as_json: bool) -> anyhow::Result<Outcome> {
    let scenarios = scenario::names().filter_map(scenario::find).collect::<anyhow::Result<Vec<_>>>()?;
    if as_json {
        let rows: Vec<_> = scenarios
            .iter()
            .map(|scenario| json!({ "name": scenario.name, "summary": scenario.summary, "expected": scenario.expect }))
            .collect();
        terminal::show_json(&json!({ "schema": "netdiag/scenario-list/v1", "scenarios": rows }))?;
        return Ok(Outcome::Fine);
    }
    let width = scenarios.iter().map(|scenario| scenario.name.len()).max().unwrap_or_default();
    let lines: Vec<String> =
        scenarios.iter().map(|scenario| format!("{:width$}  {}\n", scenario.name, scenario.summary)).collect();
    terminal::show(&lines.concat())?;
    Ok(Outcome::Fine)
}

/// Whether a diagnosis is what was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Met {
    Yes,
    /// The side is unknown, and a source that the expectation needs, or any capture, was not there.
    CouldNotTell,
    No,
}

fn judge(expect: &Expect, evidence: &Evidence, diagnosis: &Diagnosis) -> Met {
    let verdict = &diagnosis.verdict;
    let less = less_can_be_seen(evidence);
    let found = |fault: &String| diagnosis.findings.iter().any(|finding| finding.fault == *fault);
    if !less && !expect.also.iter().all(found) {
        return Met::No;
    }
    if side(verdict.side) == expect.side && (expect.fault == verdict.fault || less) {
        return Met::Yes;
    }
    if verdict.side == Side::Unknown && less { Met::CouldNotTell } else { Met::No }
}

fn less_can_be_seen(evidence: &Evidence) -> bool {
    matches!(evidence.packets, Observed::NotObserved(_))
}

fn side(side: Side) -> String {
    serde_json::to_value(side).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn expectation(scenario: &Scenario, met: Option<Met>, style: Style) -> String {
    let Some(expect) = &scenario.expect else { return String::new() };
    let expected = expect.fault.as_ref().map_or(expect.side.clone(), |fault| format!("{}: {fault}", expect.side));
    let text = match met {
        Some(Met::Yes) => style.paint(Ink::Good, "as staged"),
        Some(Met::CouldNotTell) => style.paint(Ink::Dim, "not decided, because of the gaps above"),
        _ => style.paint(Ink::Bad, "not what was staged"),
    };
    format!("\nStaged: {} ({expected}) · {text}\n", scenario.summary)
}

/// One scenario's result with `--all`.
struct Played {
    scenario: Scenario,
    result: anyhow::Result<(Evidence, Diagnosis)>,
}

impl Played {
    fn met(&self) -> Met {
        match (&self.result, &self.scenario.expect) {
            (Ok((evidence, diagnosis)), Some(expect)) => judge(expect, evidence, diagnosis),
            (Ok(_), None) => Met::Yes,
            (Err(error), _) if error.is::<NotHere>() => Met::CouldNotTell,
            (Err(_), _) => Met::No,
        }
    }
}

fn all(args: &ScenarioArgs, color: ColorWhen) -> anyhow::Result<Outcome> {
    let scenarios = scenario::names().filter_map(scenario::find).collect::<anyhow::Result<Vec<_>>>()?;
    let place = all_place(args.host);
    let played = play(&scenarios, place, jobs(args.jobs, place));
    if args.json {
        let results: Vec<_> = played.iter().map(as_json).collect();
        terminal::show_json(&json!({ "schema": "netdiag/scenarios/v1", "results": results }))?;
    } else {
        terminal::show(&table(&played, terminal::style(color)))?;
    }
    let unmet = |met: Met| played.iter().any(|played| played.met() == met);
    Ok(match () {
        () if unmet(Met::No) => Outcome::Fault,
        () if unmet(Met::CouldNotTell) => Outcome::CouldNotTell,
        () => Outcome::Fine,
    })
}

/// Everybody wants the same port, so on the host scenarios have to wait for each other.
fn all_place(host: bool) -> Place {
    if host || sandbox::try_namespace().is_err() { Place::Host } else { Place::Private }
}

fn jobs(asked: Option<usize>, place: Place) -> usize {
    match place {
        Place::Host => 1,
        Place::Private => asked
            .unwrap_or_else(|| JOBS_PER_CPU * std::thread::available_parallelism().map_or(1, std::num::NonZero::get)),
    }
    .max(1)
}

fn play(scenarios: &[Scenario], place: Place, jobs: usize) -> Vec<Played> {
    let progress = terminal::progress(scenarios.len() as u64, "staging");
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Played)>> = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..jobs.min(scenarios.len()) {
            scope.spawn(|| {
                while let Some((index, scenario)) = {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    scenarios.get(index).map(|scenario| (index, scenario))
                } {
                    let result = record_in_worker(&scenario.plan, place).map(|evidence| {
                        let diagnosis = examine(&evidence);
                        (evidence, diagnosis)
                    });
                    let played = Played { scenario: scenario.clone(), result };
                    done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((index, played));
                    progress.inc(1);
                }
            });
        }
    });
    progress.finish_and_clear();
    let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, played)| played).collect()
}

fn as_json(played: &Played) -> serde_json::Value {
    let report = match &played.result {
        Ok((evidence, diagnosis)) => report::json::report(evidence, diagnosis),
        Err(error) => json!({ "error": format!("{error:#}") }),
    };
    json!({
        "name": played.scenario.name,
        "expected": played.scenario.expect,
        "met": played.met() == Met::Yes,
        "report": report,
    })
}

fn table(played: &[Played], style: Style) -> String {
    let width = played.iter().map(|played| played.scenario.name.len()).max().unwrap_or_default();
    let mut lines = String::new();
    for played in played {
        let (mark, said) = match (&played.result, played.met()) {
            (Err(error), _) => (style.paint(Ink::Bad, "failed"), format!("{error:#}")),
            (Ok((_, diagnosis)), met) => {
                let mark = match met {
                    Met::Yes => style.paint(Ink::Good, "ok    "),
                    Met::CouldNotTell => style.paint(Ink::Dim, "open  "),
                    Met::No => style.paint(Ink::Bad, "WRONG "),
                };
                (mark, said(diagnosis, met, played.scenario.expect.as_ref()))
            }
        };
        let _ = writeln!(lines, "{mark} {:width$}  {said}", played.scenario.name);
    }
    let met = played.iter().filter(|played| played.met() == Met::Yes).count();
    let _ = writeln!(lines, "\n{met} of {} as staged", played.len());
    lines
}

fn said(diagnosis: &Diagnosis, met: Met, expect: Option<&Expect>) -> String {
    let verdict = &diagnosis.verdict;
    let fault = verdict.fault.as_ref().map(|fault| format!(": {fault}")).unwrap_or_default();
    let confidence = match verdict.confidence {
        Confidence::Proven => "proven",
        Confidence::Likely => "likely",
        Confidence::Possible => "possible",
    };
    let mut said = format!("{}{fault} ({confidence})", side(verdict.side));
    if met != Met::Yes
        && let Some(expect) = expect
    {
        let fault = expect.fault.as_ref().map(|fault| format!(": {fault}")).unwrap_or_default();
        let _ = write!(said, ", expected {}{fault}", expect.side);
    }
    said
}
