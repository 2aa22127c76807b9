//! Which of several findings is the cause, who is accused, and who is absolved.

use super::*;
use crate::evidence::{Action, Framing, How, Reply, Role, Swap, Term};
use crate::facts::staged::{SERVER, Stage, dial, pair, probe, stranger, talk};

fn found(fault: &str, side: Side, confidence: Confidence) -> Finding {
    Finding {
        fault: fault.to_owned(),
        side,
        role: Part::Cause,
        confidence,
        statement: format!("{fault} was seen."),
        evidence: vec![],
        location: None,
        location_of: None,
        fix: String::new(),
    }
}

#[test]
fn a_reply_that_nobody_promised_is_not_called_agreed_on() {
    let said = |stage: &Stage| stage.verdict().summary;
    let told = pair().talk(talk(40001).healthy());
    assert!(said(&told).ends_with("as agreed."), "{}", said(&told));
    let padded = pair().untold().talk(talk(40001).asks("hello\n").answers("hello\n\0").closes(Role::Client));
    let verdict = padded.verdict();
    assert_eq!(verdict.side, Side::Unknown);
    assert!(verdict.summary.contains("NUL byte that nobody sent"), "{}", verdict.summary);
    assert!(verdict.to_settle[0].contains("docs/contract.md"), "{:?}", verdict.to_settle);
}

#[test]
fn a_server_by_itself_that_adds_a_nul_is_not_absolved_by_the_reply_it_was_told() {
    let alone = |told: Option<Reply>| {
        let stage = pair().untold().client_gone().probed(vec![probe("hello\n", "hello\n\0")]);
        stage.contract(|terms| terms.reply = told.map(Term::told)).verdict()
    };
    assert_eq!(alone(None).side, Side::Unknown);
    let told = alone(Some(Reply::Exact));
    assert_eq!((told.side, told.confidence), (Side::Server, LIKELY), "{}", told.summary);
    assert_ne!(alone(Some(Reply::Suffix(b"\0"[..].into()))).side, Side::Server);
}

#[test]
fn a_client_that_said_nothing_may_have_asked_where_nobody_types() {
    let stage = pair().talk(talk(40001).closes(Role::Client)).exits(Role::Client, 90.0, How::Code(0));
    let verdict = stage.verdict();
    assert_eq!(verdict.side, Side::Unknown);
    assert!(verdict.to_settle[0].contains("--input"), "{:?}", verdict.to_settle);
}

fn decided(findings: Vec<Finding>) -> (Verdict, Vec<(String, Part)>) {
    let stage = pair();
    let (verdict, findings) = decide(&stage.facts(), findings, &[]);
    (verdict, findings.into_iter().map(|finding| (finding.fault, finding.role)).collect())
}

const PROVEN: Confidence = Confidence::Proven;
const LIKELY: Confidence = Confidence::Likely;
const POSSIBLE: Confidence = Confidence::Possible;

#[test]
fn what_follows_from_a_cause_is_a_consequence() {
    let (verdict, findings) = decided(vec![
        found("client-failed", Side::Unknown, POSSIBLE),
        found("connection-refused", Side::Unknown, POSSIBLE),
        found("wrong-port", Side::Client, PROVEN),
    ]);
    assert_eq!((verdict.side, verdict.fault.as_deref()), (Side::Client, Some("wrong-port")));
    assert_eq!(findings[0], ("wrong-port".to_owned(), Part::Cause));
    assert!(findings[1..].iter().all(|(_, part)| *part == Part::Consequence), "{findings:?}");
}

#[test]
fn the_surest_cause_names_the_verdict() {
    let causes = vec![found("missing-reply", Side::Server, LIKELY), found("slow-reply", Side::Server, PROVEN)];
    assert_eq!(decided(causes).0.fault.as_deref(), Some("slow-reply"));
    let causes = vec![found("slow-reply", Side::Server, LIKELY), found("corrupted-reply", Side::Server, LIKELY)];
    assert_eq!(decided(causes).0.fault.as_deref(), Some("slow-reply"), "the first in the story");
}

#[test]
fn independent_faults_of_each_side_are_both() {
    let causes = vec![found("wrong-port", Side::Client, PROVEN), found("server-wrong-port", Side::Server, PROVEN)];
    let (verdict, _) = decided(causes);
    assert_eq!(verdict.side, Side::Both);
    assert!(verdict.summary.contains("Independently of that: server-wrong-port"), "{}", verdict.summary);
    let with_suspicion = vec![found("wrong-port", Side::Client, PROVEN), found("reset", Side::Server, POSSIBLE)];
    assert_eq!(decided(with_suspicion).0.side, Side::Client);
}

#[test]
fn the_environment_shares_no_blame() {
    let causes = vec![found("suspended-server", Side::Environment, PROVEN), found("reset", Side::Server, LIKELY)];
    assert_eq!(decided(causes).0.side, Side::Environment);
}

#[test]
fn a_suspicion_accuses_nobody_and_says_what_would_settle_it() {
    let (verdict, _) = decided(vec![found("missing-reply", Side::Server, POSSIBLE)]);
    assert_eq!((verdict.side, verdict.fault.as_deref()), (Side::Unknown, Some("missing-reply")));
    assert!(verdict.summary.contains("Something else may explain it"), "{}", verdict.summary);
    assert!(!verdict.to_settle.is_empty());
}

#[test]
fn a_suspicion_explains_nothing_that_is_surer() {
    let findings = vec![found("server-crashed", Side::Server, POSSIBLE), found("early-close", Side::Server, PROVEN)];
    let (verdict, findings) = decided(findings);
    assert_eq!(verdict.fault.as_deref(), Some("early-close"));
    assert!(findings.iter().all(|(_, part)| *part == Part::Cause));
}

#[test]
fn faults_that_explain_each_other_in_a_circle_leave_a_cause() {
    let circle = ["truncated-reply", "client-gives-up-early", "reset"];
    let (verdict, findings) = decided(circle.map(|fault| found(fault, Side::Server, LIKELY)).to_vec());
    assert!(findings.iter().any(|(_, part)| *part == Part::Cause), "{findings:?}");
    assert_eq!(verdict.side, Side::Server);
}

#[test]
fn what_only_contributed_explains_nothing() {
    let hidden = Finding { role: Part::Contributing, ..found("swallowed-exception", Side::Client, PROVEN) };
    let (verdict, findings) = decided(vec![hidden, found("missing-reply", Side::Server, LIKELY)]);
    assert_eq!((verdict.side, verdict.fault.as_deref()), (Side::Server, Some("missing-reply")));
    assert_eq!(findings[1], ("swallowed-exception".to_owned(), Part::Contributing));
}

#[test]
fn no_finding_is_no_acquittal() {
    let (verdict, _) = decided(vec![]);
    assert_eq!(verdict.side, Side::Unknown);
    assert!(!verdict.to_settle.is_empty());
    let nothing = Stage(crate::facts::staged::nothing_seen()).verdict();
    assert_eq!(nothing.side, Side::Unknown);
    assert!(nothing.to_settle.iter().any(|remedy| remedy.contains("packets")), "{:?}", nothing.to_settle);
}

#[test]
fn a_right_exchange_for_each_client_is_an_acquittal() {
    let one = pair().talk(talk(40001).healthy());
    let verdict = one.verdict();
    assert_eq!((verdict.side, verdict.confidence), (Side::None, PROVEN));
    let two = one.another_client();
    assert_eq!(two.verdict().side, Side::Unknown, "the second client was never seen");
    assert_eq!(two.talk(talk(40002).healthy()).verdict().side, Side::None);
}

#[test]
fn a_connection_that_asked_nothing_spoils_no_acquittal() {
    let knock = talk(40002).closes(Role::Client).closes(Role::Server);
    let verdict = pair().talk(talk(40001).healthy()).talk(knock).verdict();
    assert_eq!(verdict.side, Side::None);
    assert!(verdict.summary.contains("carried no request"), "{}", verdict.summary);
}

#[test]
fn an_acquittal_from_an_incomplete_capture_is_likely_only() {
    let lossy = pair().talk(talk(40001).healthy()).packets(|packets| packets.dropped = 1);
    assert_eq!((lossy.verdict().side, lossy.verdict().confidence), (Side::None, LIKELY));
    let crowded = pair().talk(talk(40001).healthy()).packets(|packets| packets.conversations_omitted = 9);
    assert_eq!(crowded.verdict().confidence, LIKELY);
}

#[test]
fn whoever_still_waits_after_a_right_exchange_is_not_absolved() {
    let echoed = || pair().talk(talk(40001).echoes("hello\n").open());
    for ending in [Ending::Interrupted, Ending::CutShort] {
        assert_eq!(echoed().ends(ending).verdict().side, Side::Unknown);
    }
    assert_ne!(echoed().hangs().verdict().side, Side::None);
    assert_ne!(echoed().deadline().verdict().side, Side::None);
}

#[test]
fn a_failed_client_is_not_absolved() {
    let failed = pair().talk(talk(40001).healthy()).exits(Role::Client, 90.0, How::Code(1));
    assert_ne!(failed.complains(Role::Client, "TypeError\n").verdict().side, Side::None);
}

#[test]
fn a_client_that_failed_and_left_a_part_of_its_reply_unread_is_not_absolved() {
    let left = || pair().talk(talk(40001).echoes("hello\n").resets(Role::Client));
    assert_eq!(left().verdict().side, Side::None, "a reset may be meant");
    let failed = left().exits(Role::Client, 90.0, How::Code(1)).complains(Role::Client, "").verdict();
    assert_eq!((failed.side, failed.fault.as_deref()), (Side::Unknown, Some("client-failed")));
}

#[test]
fn a_server_that_failed_over_its_clients_message_is_not_cleared_by_doing_well_with_others() {
    let closed = talk(40001).asks("short\n").closes(Role::Server).closes(Role::Client);
    let asked_at = closed.conversation.sent.first.unwrap().ms();
    let hung_up = pair().talk(closed).untold();
    assert_eq!(hung_up.fires("early-close").confidence, LIKELY);
    let well_with_others = |mut stage: Stage| {
        let evidence = Box::new(pair().talk(talk(40001).healthy()).0);
        stage.0.swaps = vec![Swap { kept: Role::Server, evidence }];
        stage.verdict().side
    };
    assert_eq!(well_with_others(hung_up.clone()), Side::Unknown);
    assert_eq!(
        well_with_others(hung_up.raised(Role::Server, asked_at + 1.0, "IndexError", Action::Uncaught)),
        Side::Server
    );
}

#[test]
fn a_client_content_with_its_own_server_is_not_accused_because_it_waits_for_more_from_the_reference() {
    let shared = |from, own: &str| {
        talk(from).asks(own).after(3.0).answers("alice\nrobert\n").closes(Role::Client).closes(Role::Server)
    };
    let line = |text: &str| probe(text, text);
    let met = pair().another_client().talk(shared(40001, "alice\n")).talk(shared(40002, "robert\n")).untold();
    let met = met.probed(vec![line("one\n"), line("two\n")]);
    let met = met.contract(|terms| terms.framing = Some(Term::told(Framing::Line)));
    let with = |reference: Stage| {
        let mut stage = met.clone();
        let swap = |kept, stage: Stage| Swap { kept, evidence: Box::new(stage.0) };
        stage.0.swaps = vec![swap(Role::Client, reference), swap(Role::Server, pair().talk(talk(40001).healthy()))];
        stage.verdict().side
    };
    let waits = pair().talk(talk(40001).asks("one").open()).hangs();
    assert_eq!(waits.verdict().side, Side::Client);
    assert_eq!(with(waits), Side::Unknown);
}

#[test]
fn one_wrong_exchange_outweighs_many_right_ones() {
    let damaged = talk(40003).asks("a\n").answers("b\n").closes(Role::Client).closes(Role::Server);
    let stage = pair().talk(talk(40001).healthy()).talk(talk(40002).healthy()).talk(damaged);
    assert_eq!(stage.verdict().side, Side::Server);
    assert_ne!(stage.untold().verdict().side, Side::None, "its shape is unknown, and it differs from the others");
}

#[test]
fn a_wrong_port_and_a_swallowed_refusal_are_one_story() {
    let stage = pair().talk(dial(40001, "127.0.0.1:12435").syn(50.0).refused(50.1));
    let diagnosis = stage.raised(Role::Client, 51.0, "ConnectionRefusedError", Action::Silent).diagnosis();
    let parts: Vec<_> = diagnosis.findings.iter().map(|finding| (finding.fault.as_str(), finding.role)).collect();
    assert_eq!(
        parts,
        [
            ("wrong-port", Part::Cause),
            ("swallowed-exception", Part::Contributing),
            ("connection-refused", Part::Consequence),
        ]
    );
}

#[test]
fn a_server_whose_port_was_taken_is_excused_for_dying() {
    let stage = pair().without_listener().row(stranger(SERVER)).exits(Role::Server, 20.0, How::Code(1));
    let diagnosis = stage.complains(Role::Server, "Address already in use\n").diagnosis();
    assert_eq!(diagnosis.verdict.side, Side::Environment);
    let died = diagnosis.findings.iter().find(|finding| finding.fault == "server-died").unwrap();
    assert_eq!(died.role, Part::Consequence);
}

#[test]
fn a_promise_that_is_kept_late_is_the_servers_and_not_the_impatient_clients() {
    let stage = pair().contract(|terms| terms.latency_ms = Some(Term::told(30)));
    let talk = talk(40001).asks("hello\n").after(40.0).closes(Role::Client).after(20.0).answers("hello\n");
    let stage = stage.talk(talk.resets(Role::Client)).exits(Role::Client, 95.0, How::Code(1)).frozen(200.0);
    assert_eq!((stage.verdict().side, stage.verdict().fault.as_deref()), (Side::Server, Some("slow-reply")));
}
