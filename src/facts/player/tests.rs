//! How programs ended and what they waited for.

use super::*;
use crate::evidence::{Exit, Role, Sample};
use crate::facts::staged::{Stage, ms, pair, process};

fn server(stage: &Stage) -> Player<'_> {
    stage.facts().player(Role::Server).unwrap().unwrap()
}

fn ended(stage: &Stage) -> Ended {
    server(stage).ended
}

#[test]
fn a_program_ends_by_itself_or_not_at_all() {
    assert_eq!(ended(&pair()), Ended::Running);
    assert_eq!(ended(&pair().exits(Role::Server, 60.0, How::Code(3))), Ended::Exited(3));
    assert_eq!(ended(&pair().exits(Role::Server, 60.0, How::Signal(11))), Ended::Killed(11));
    let unstartable = pair().program(Role::Server, |server| server.spawn_error = Some("no".to_owned()));
    assert_eq!(ended(&unstartable), Ended::NeverStarted);
}

#[test]
fn what_netdiag_ended_or_what_ended_later_was_running() {
    let exit = |by_us, at| {
        let exit = Exit { at: ms(at), how: How::Signal(15), by_us };
        ended(&pair().program(Role::Server, |server| server.exit = Some(exit.clone())))
    };
    assert_eq!(exit(true, 60.0), Ended::Running);
    assert_eq!(exit(false, 96.0), Ended::Running);
    assert_eq!(exit(false, 60.0), Ended::Killed(15));
}

#[test]
fn a_first_process_that_left_others_behind_has_become_a_daemon() {
    let gone = |status| {
        let exit = Exit { at: ms(30.0), how: How::Code(status), by_us: false };
        ended(&pair().program(Role::Server, |server| server.exit = Some(exit.clone())))
    };
    assert_eq!(gone(0), Ended::Running);
    assert_eq!(gone(1), Ended::Exited(1));
}

#[test]
fn a_failure_is_a_status_or_a_signal() {
    let failed = |how| server(&pair().exits(Role::Server, 60.0, how)).failed();
    assert!(failed(How::Code(1)) && failed(How::Signal(6)) && !failed(How::Code(0)));
    assert!(!server(&pair()).failed());
}

#[test]
fn some_signals_come_from_outside_only() {
    let outside = |how| server(&pair().exits(Role::Server, 60.0, how)).was_ended_from_outside();
    assert!([1, 2, 9, 15].into_iter().all(|signal| outside(How::Signal(signal))));
    assert!([4, 6, 7, 8, 11, 13].into_iter().all(|signal| !outside(How::Signal(signal))));
    assert!(!outside(How::Code(1)));
}

#[test]
fn a_program_waits_for_ever_only_if_all_its_threads_do() {
    let waits = |limit| server(&pair().waits(Role::Server, "futex", limit)).waits_for_ever();
    assert!(waits(Limit::Forever) && !waits(Limit::Timed) && !waits(Limit::Unknown));
    let mut two_threads = process(0, "recvfrom", Limit::Forever);
    two_threads.threads.extend(process(0, "clock_nanosleep", Limit::Timed).threads);
    let Stage(mut evidence) = pair();
    if let crate::evidence::Observed::Seen(programs) = &mut evidence.programs {
        programs.samples = vec![Sample { at: ms(95.0), processes: vec![two_threads] }];
    }
    assert!(!server(&Stage(evidence.clone())).waits_for_ever());
    if let crate::evidence::Observed::Seen(programs) = &mut evidence.programs {
        programs.samples.clear();
    }
    assert!(!server(&Stage(evidence)).waits_for_ever(), "nobody looked");
}

#[test]
fn only_the_last_look_before_the_freeze_counts() {
    let mut stage = pair();
    if let crate::evidence::Observed::Seen(programs) = &mut stage.0.programs {
        let processes = vec![process(0, "write", Limit::Timed)];
        programs.samples.push(Sample { at: ms(200.0), processes });
    }
    assert!(server(&stage).waits_for_ever());
}

#[test]
fn a_stopped_program_is_stopped_in_all_its_processes() {
    assert!(server(&pair().stopped(Role::Server)).is_stopped());
    assert!(!server(&pair()).is_stopped());
}

#[test]
fn the_last_words_are_the_last_line_that_says_something() {
    let words = |text: &str| server(&pair().complains(Role::Server, text)).last_words();
    assert_eq!(words("Traceback\n  File\nKeyError: 'x'\n\n"), Some("KeyError: 'x'".into()));
    assert_eq!(words("\n \n"), None);
    assert_eq!(server(&pair()).complained(), Some(false));
    assert_eq!(server(&pair().complains(Role::Server, "x")).complained(), Some(true));
    let unpiped = pair().program(Role::Server, |server| server.stderr = None);
    assert_eq!(server(&unpiped).complained(), None);
}
