//! What costs points, what does not, and what is left to a person.

use super::*;
use crate::diagnosis::examine;
use crate::evidence::{Farewell, Term};
use crate::evidence::{Observed, Output};
use crate::facts::staged::{Stage, pair, talk};
use crate::grade::lab;

fn check(table: &str) -> Check {
    let text = format!(
        "title = 't'\n[server]\nfiles = ['s']\ncommand = 's'\n[client]\nfiles = ['c']\ncommand = 'c'\n\
         [contract]\naddress = '127.0.0.1:12345'\n[[checks]]\nid = 'x'\ntitle = 'x'\npoints = 1\n{table}\n"
    );
    lab::parse("mine", &text).unwrap().checks.remove(0)
}

fn outcome(check: &Check, stage: &Stage) -> (Outcome, String) {
    let facts = stage.facts();
    let evidence = facts.evidence;
    let judged = judge(check, evidence, &examine(evidence), None);
    (judged.outcome, judged.feedback)
}

const SERVER: &str = "[checks.client]";

fn answered() -> Stage {
    pair().talk(talk(40001).echoes("hi\n").closes(Role::Client).closes(Role::Server))
}

fn unanswered() -> Stage {
    pair().talk(talk(40001).asks("hi\n").open()).hangs()
}

#[test]
fn a_right_exchange_passes() {
    assert_eq!(outcome(&check(SERVER), &answered()).0, Outcome::Passed);
}

#[test]
fn what_the_verdict_blames_on_the_submission_fails_with_a_page_to_read() {
    let (outcome, feedback) = outcome(&check(SERVER), &unanswered());
    assert_eq!(outcome, Outcome::Failed);
    assert!(feedback.contains("netdiag explain missing-reply"), "{feedback}");
}

#[test]
fn what_is_likely_and_not_proven_is_in_doubt() {
    let is_doubted = |stage: Stage| {
        let facts = stage.facts();
        let judged = judge(&check(SERVER), facts.evidence, &examine(facts.evidence), None);
        assert_eq!(judged.outcome, Outcome::Failed);
        judged.in_doubt
    };
    assert!(!is_doubted(unanswered()));
    assert!(is_doubted(
        pair().talk(talk(40001).asks("hi\n").closes(Role::Client).after(5.0).closes(Role::Server)).frozen(400.0)
    ));
}

#[test]
fn a_fault_may_be_worth_a_part_of_the_points() {
    let check = check(&format!("partial = {{ missing-reply = 0.25 }}\n{SERVER}"));
    let stage = unanswered();
    let facts = stage.facts();
    let judged = judge(&check, facts.evidence, &examine(facts.evidence), None);
    assert_eq!((judged.outcome, judged.share), (Outcome::Partly, 0.25));
}

#[test]
fn a_reference_that_is_found_at_fault_costs_nothing_and_is_looked_at() {
    let (outcome, _) = outcome(&check("[checks.server]"), &unanswered());
    assert_eq!(outcome, Outcome::Undecided);
}

#[test]
fn a_client_that_waits_for_ever_for_a_staged_silence_fails() {
    let check = check("expect = { exit = 'any' }\n[checks.server]\nfaults = ['drop-reply']");
    let stage = unanswered();
    let mut evidence = stage.facts().evidence.clone();
    if let Observed::Seen(seen) = &mut evidence.programs {
        seen.programs.iter_mut().for_each(|program| program.reference = program.role == Role::Server);
    }
    let judged = judge(&check, &evidence, &examine(&evidence), None);
    assert_eq!(judged.outcome, Outcome::Failed);
    assert!(judged.feedback.contains("time-out"), "{}", judged.feedback);
}

#[test]
fn a_server_that_stays_after_ctrl_c_fails_and_so_does_a_traceback() {
    let check = check(&format!("interrupt-ms = 2000\n{SERVER}"));
    let stage = answered();
    let mut in_doubt = false;
    let mut after = |farewell: Option<Farewell>| {
        let evidence = Evidence { farewell, ..stage.facts().evidence.clone() };
        let judged = judge(&check, &evidence, &examine(&evidence), None);
        in_doubt = judged.in_doubt;
        judged.outcome
    };
    let at = stage.facts().evidence.setting.ended_at;
    let exit = crate::evidence::Exit { at, how: How::Code(0), by_us: false };
    let quiet = Farewell { at, exit: Some(exit), limit_ms: 2000, stderr: Output::default() };
    let traceback = Output { head: "Traceback (most recent call last):\n".into(), ..Output::default() };
    assert_eq!(after(Some(quiet.clone())), Outcome::Passed);
    assert_eq!(after(Some(Farewell { stderr: traceback, ..quiet.clone() })), Outcome::Failed);
    assert_eq!(after(None), Outcome::Failed);
    assert_eq!(after(Some(Farewell { exit: None, ..quiet })), Outcome::Failed);
    assert!(in_doubt, "on a busy machine the time may have been too short");
}

#[test]
fn a_program_that_was_ended_for_its_appetite_fails_whatever_else_was_seen() {
    let stage = answered();
    let exceeded = Some("more than 40 processes and threads were to run at the same time".to_owned());
    let evidence = Evidence { exceeded, ..stage.facts().evidence.clone() };
    let judged = judge(&check(SERVER), &evidence, &examine(&evidence), None);
    assert_eq!(judged.outcome, Outcome::Failed);
    assert!(judged.feedback.contains("40 processes"));
}

#[test]
fn listening_is_judged_by_the_socket_table_alone() {
    let check = check(&format!("expect = {{ listens = true }}\n{SERVER}"));
    assert_eq!(outcome(&check, &unanswered()).0, Outcome::Passed);
    let elsewhere = unanswered();
    let mut evidence = elsewhere.facts().evidence.clone();
    evidence.contract.address = Some(Term::told("127.0.0.1:12399".to_owned()));
    assert_eq!(judge(&check, &evidence, &examine(&evidence), None).outcome, Outcome::Failed);
}
