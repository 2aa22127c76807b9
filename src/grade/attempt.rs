//! Carries out the checks of a lab for one submission: who plays, what is recorded, what is tried again.

use std::path::PathBuf;
use std::time::Instant;

use super::judge::{Judged, judge};
use super::lab::{Check, Lab};
use super::machine::Presence;
use super::results::{self, Outcome};
use super::submission::Submission;
use crate::diagnosis::examine;
use crate::evidence::{Ending, Evidence, Role};
use crate::recording::{Actor, Compiled, Home, Place, Plan, record_in_worker};

/// How often a loss is made again that was recorded while the machine was hardly there.
const MORE: usize = 2;

/// How checks are carried out.
#[derive(Debug)]
pub struct Bench<'l> {
    /// What is asked.
    pub lab: &'l Lab,
    /// Where recordings are made.
    pub place: Place,
    /// What no submission may see.
    pub hidden: Vec<PathBuf>,
    /// The tracer, compiled for the interpreters that the lab starts.
    pub tracer: Option<Compiled>,
    /// The cgroup below which recordings may make their own, if there is one.
    pub cgroup: Option<PathBuf>,
    /// What is not isolated here, as clauses.
    pub not_isolated: Vec<String>,
}

/// The user asked to stop; nothing that was begun counts.
#[derive(Debug)]
pub struct Interrupted;

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("interrupted; the same command goes on where this one stopped")
    }
}

impl std::error::Error for Interrupted {}

impl Bench<'_> {
    /// Grades one submission.
    ///
    /// # Errors
    /// [`Interrupted`]. Whatever else fails is an outcome.
    pub fn grade(&self, submission: &Submission) -> anyhow::Result<results::Submission> {
        let began = Instant::now();
        let mut done: Vec<results::Check> = Vec::new();
        let mut review: Vec<String> = Vec::new();
        let mut recordings = Recordings::default();
        for check in &self.lab.checks {
            let began = Instant::now();
            let judged = match stopper(check, &done, submission) {
                Err(judged) => *judged,
                Ok(actor) => self.attempt(check, &actor, submission, &mut recordings)?,
            };
            review.extend(judged.review.clone());
            done.push(row(check, judged, began));
        }
        review.extend(submission.left_out.iter().map(|what| format!("Not considered: {what}.")));
        Ok(results::Submission {
            name: submission.name.clone(),
            content: submission.content.clone(),
            points: done.iter().map(|check| check.points).sum(),
            out_of: self.lab.points(),
            checks: done,
            review,
            not_isolated: self.not_isolated.clone(),
            took_ms: ms_since(began),
        })
    }

    fn attempt(
        &self,
        check: &Check,
        actor: &Actor,
        submission: &Submission,
        recordings: &mut Recordings,
    ) -> anyhow::Result<Judged> {
        let presence = Presence::begin();
        let first = self.once(check, actor, submission, recordings, false)?;
        let counts = confirmed(first, || self.once(check, actor, submission, recordings, true))?;
        insisted(counts, presence.was_broken(), || self.once(check, actor, submission, recordings, true))
    }

    fn once(
        &self,
        check: &Check,
        actor: &Actor,
        submission: &Submission,
        recordings: &mut Recordings,
        anew: bool,
    ) -> anyhow::Result<Judged> {
        let beside = check
            .beside
            .as_ref()
            .map(|reference| recordings.record(&self.plan(check, reference, submission), self.place, anew).cloned());
        let recorded = recordings.record(&self.plan(check, actor, submission), self.place, anew);
        match beside.transpose() {
            Ok(beside) => conclude(check, recorded, beside.as_ref()),
            Err(error) => conclude(check, Err(error), None),
        }
    }

    fn plan(&self, check: &Check, actor: &Actor, submission: &Submission) -> Plan {
        let mut plan = check.plan.clone();
        match check.plays {
            Role::Server => plan.server = Some(actor.clone()),
            Role::Client => plan.clients = vec![actor.clone(); check.copies as usize],
        }
        plan.home = Some(Home {
            dir: submission.root().to_owned(),
            limits: self.lab.limits,
            hidden: self.hidden.clone(),
            tracer: self.tracer.as_ref().map(|tracer| tracer.dir().to_owned()),
            cgroup: self.cgroup.clone(),
            uid: None,
        });
        plan
    }
}

/// What counts of a check. A recording that failed, left the answer open, or costs points by less than proof is made once
/// more: the machine may have been busy. Of two answers the one that costs less counts.
fn confirmed(first: Judged, again: impl FnOnce() -> anyhow::Result<Judged>) -> anyhow::Result<Judged> {
    let is_open = matches!(first.outcome, Outcome::Error | Outcome::Undecided);
    if !is_open && !first.in_doubt {
        return Ok(first);
    }
    let second = again()?;
    Ok(if is_open || second.share > first.share { second } else { first })
}

/// A loss on a machine that was hardly there is made again and again: a mistake shows every time. Of all answers the one
/// that costs least counts.
fn insisted(
    mut counts: Judged,
    was_broken: bool,
    mut again: impl FnMut() -> anyhow::Result<Judged>,
) -> anyhow::Result<Judged> {
    for _ in 0..MORE {
        if !was_broken || counts.outcome != Outcome::Failed {
            break;
        }
        let other = again()?;
        if other.share > counts.share {
            counts = other;
        }
    }
    Ok(counts)
}

/// The submission's program, or why the check is not carried out.
fn stopper(check: &Check, done: &[results::Check], submission: &Submission) -> Result<Actor, Box<Judged>> {
    let fell = |id: &&String| {
        done.iter().any(|row| row.id == **id && matches!(row.outcome, Outcome::Failed | Outcome::Skipped))
    };
    if let Some(need) = check.needs.iter().find(fell) {
        let title = done.iter().find(|row| row.id == *need).map(|row| row.title.clone()).unwrap_or_default();
        return Err(not_tried(Outcome::Skipped, format!("Not tried, because this comes first: {title}.")));
    }
    let part = &check.program;
    let file = submission.main_file(part).map_err(|why| not_tried(Outcome::Failed, why))?;
    // The words were tried when the lab was read.
    Ok(Actor::Command(part.words(file).unwrap_or_default()))
}

fn conclude(check: &Check, recorded: anyhow::Result<&Evidence>, beside: Option<&Evidence>) -> anyhow::Result<Judged> {
    match recorded {
        Ok(evidence) if evidence.setting.ended == Ending::Interrupted => Err(Interrupted.into()),
        Ok(evidence) => Ok(judge(check, evidence, &examine(evidence), beside)),
        Err(error) => Ok(Judged {
            outcome: Outcome::Error,
            share: 1.0,
            feedback: "This check could not be carried out; that says nothing about your program.".to_owned(),
            review: Some(format!("{}: could not be carried out, twice: {error:#}", check.id)),
            verdict: None,
            in_doubt: false,
        }),
    }
}

/// Checks that ask for the same recording share it.
#[derive(Default)]
struct Recordings(Vec<(Plan, Evidence)>);

impl Recordings {
    fn record(&mut self, plan: &Plan, place: Place, anew: bool) -> anyhow::Result<&Evidence> {
        let known = self.0.iter().position(|(known, _)| known == plan);
        let at = match known {
            Some(at) if !anew => at,
            Some(at) => {
                self.0[at].1 = record_in_worker(plan, place)?;
                at
            }
            None => {
                self.0.push((plan.clone(), record_in_worker(plan, place)?));
                self.0.len() - 1
            }
        };
        Ok(&self.0[at].1)
    }
}

fn not_tried(outcome: Outcome, feedback: String) -> Box<Judged> {
    Box::new(Judged { outcome, share: 0.0, feedback, review: None, verdict: None, in_doubt: false })
}

fn row(check: &Check, judged: Judged, began: Instant) -> results::Check {
    results::Check {
        id: check.id.clone(),
        title: check.title.clone(),
        group: check.group.clone(),
        points: check.points * judged.share,
        out_of: check.points,
        outcome: judged.outcome,
        hidden: check.hidden,
        feedback: judged.feedback,
        verdict: judged.verdict,
        took_ms: ms_since(began),
    }
}

fn ms_since(began: Instant) -> f64 {
    (began.elapsed().as_secs_f64() * 1e3).round()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(outcome: Outcome, share: f64, in_doubt: bool) -> Judged {
        Judged { outcome, share, feedback: String::new(), review: None, verdict: None, in_doubt }
    }

    /// What counts of the two, and whether the second was asked for.
    fn counted(first: &Judged, second: &Judged) -> (Outcome, bool) {
        let mut asked = false;
        let counts = confirmed(first.clone(), || {
            asked = true;
            Ok(second.clone())
        });
        (counts.unwrap().outcome, asked)
    }

    #[test]
    fn a_loss_counts_on_a_broken_machine_only_if_it_comes_every_time() {
        let (failed, passed) = (judged(Outcome::Failed, 0.0, false), judged(Outcome::Passed, 1.0, false));
        let of = |was_broken: bool, others: [&Judged; 2]| {
            let mut made = 0;
            let counts = insisted(failed.clone(), was_broken, || {
                made += 1;
                Ok(others[made - 1].clone())
            });
            (counts.unwrap().outcome, made)
        };
        assert_eq!(of(false, [&passed, &passed]), (Outcome::Failed, 0));
        assert_eq!(of(true, [&failed, &failed]), (Outcome::Failed, 2));
        assert_eq!(of(true, [&failed, &passed]), (Outcome::Passed, 2));
        assert_eq!(of(true, [&passed, &failed]), (Outcome::Passed, 1));
    }

    #[test]
    fn what_is_certain_is_asked_once() {
        let passed = judged(Outcome::Passed, 1.0, false);
        assert_eq!(counted(&passed, &judged(Outcome::Failed, 0.0, false)), (Outcome::Passed, false));
        assert_eq!(counted(&judged(Outcome::Failed, 0.0, false), &passed), (Outcome::Failed, false));
    }

    #[test]
    fn what_is_open_takes_the_second_answer() {
        for open in [Outcome::Undecided, Outcome::Error] {
            let second = judged(Outcome::Failed, 0.0, false);
            assert_eq!(counted(&judged(open, 1.0, false), &second), (Outcome::Failed, true));
        }
    }

    #[test]
    fn what_costs_points_by_less_than_proof_has_to_happen_twice() {
        let doubtful = judged(Outcome::Failed, 0.0, true);
        assert_eq!(counted(&doubtful, &judged(Outcome::Passed, 1.0, false)), (Outcome::Passed, true));
        assert_eq!(counted(&doubtful, &judged(Outcome::Partly, 0.5, true)), (Outcome::Partly, true));
        assert_eq!(counted(&doubtful, &judged(Outcome::Undecided, 1.0, false)), (Outcome::Undecided, true));
        assert_eq!(counted(&judged(Outcome::Partly, 0.5, true), &doubtful), (Outcome::Partly, true));
    }
}
