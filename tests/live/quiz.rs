//! `netdiag scenario --quiz`: the pair is there while one thinks, the answer is weighed, and nothing is told before.

use std::path::Path;

use crate::stand::{NETDIAG, Run, turn};

/// Plays the quiz with these lines as answers.
fn answered(scenario: &str, lines: &str) -> crate::stand::Ended {
    let _turn = turn();
    let script = format!("printf '{lines}' | \"$1\" scenario {scenario} --quiz");
    Run::start(&["sh", "-c", &script, "sh"], Path::new(NETDIAG), &[], &std::env::temp_dir()).end()
}

#[test]
fn the_quiz_tells_nothing_before_it_has_an_answer() {
    let ended = answered("wrong-port", "client\\nwrong-port\\n");
    assert_eq!(ended.code(), 0, "{ended:?}");
    let (before, after) = ended.stdout.split_once("Which fault?").unwrap();
    assert!(!before.contains("wrong-port") && !before.contains("12435"), "{before}");
    assert!(before.contains("tcpdump") && before.contains("Who is at fault?"), "{before}");
    assert!(after.contains("You said client: wrong-port: right."), "{after}");
    assert!(after.contains("12435"), "the verdict follows: {after}");
}

#[test]
fn the_first_letter_and_another_name_of_the_fault_will_do_and_a_wrong_side_is_told() {
    let ended = answered("client-wrong-port", "nobody\\ns\\nstale-process-holds-prt\\n\\n");
    assert_eq!(ended.code(), 1, "{ended:?}");
    assert!(ended.stdout.contains("One of these words"), "{ended:?}");
    assert!(ended.stdout.contains("did you mean port-in-use?"), "{ended:?}");
    assert!(ended.stdout.contains("It was client: wrong-port. You said server: not so."), "{ended:?}");
}

#[test]
fn a_quiz_nobody_answers_ends_without_a_verdict() {
    let ended = answered("missing-reply", "");
    assert_eq!(ended.code(), 3, "{ended:?}");
    assert!(!ended.stdout.contains("missing-reply"), "{ended:?}");
}
