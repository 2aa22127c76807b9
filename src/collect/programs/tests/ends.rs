//! How programs start, print and end.

use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::*;
use crate::evidence::{Output, Sample};

#[test]
fn exit_status_and_signal_are_noted_with_their_time() {
    let mut stage = stage();
    let seven = stage.start(launch(&["sh", "-c", "exit 7"]));
    let killed = stage.start(launch(&["sh", "-c", "kill -9 $$"]));
    assert_eq!(until_exit(&mut stage, seven), How::Code(7));
    assert_eq!(until_exit(&mut stage, killed), How::Signal(9));
    assert!(!stage.running(seven) && !stage.running(killed));
    let programs = stage.finish().programs;
    for program in programs {
        let exit = program.exit.unwrap();
        assert!(exit.at > program.started && !exit.by_us, "{exit:?}");
    }
}

#[test]
fn what_cannot_be_started_is_an_observation() {
    let mut stage = stage();
    let missing = stage.start(launch(&["/no/such/program"]));
    let directory = stage.start(launch(&["/tmp"]));
    let nothing = stage.start(launch(&[]));
    let nowhere = stage.start(Launch { cwd: Some("/no/such/directory".into()), ..launch(&["true"]) });
    let programs = stage.finish().programs;
    let why = |program: usize| programs[program].spawn_error.clone().unwrap();
    assert!(why(missing).contains("/no/such/program"), "{}", why(missing));
    assert!(why(directory).contains("denied"), "{}", why(directory));
    assert!(why(nothing).contains("empty"), "{}", why(nothing));
    assert!(why(nowhere).contains("/no/such/directory"), "{}", why(nowhere));
    assert!(programs.iter().all(|program| program.pid == 0 && program.exit.is_none()));
}

#[test]
fn fifty_megabytes_of_output_cost_head_and_tail_only() {
    let mut stage = stage();
    let index = stage.start(python(
        "import sys\nfor i in range(50): sys.stdout.write('x' * (1 << 20))\nsys.stdout.write('the end'); sys.stderr.write('also')",
    ));
    assert_eq!(until_exit(&mut stage, index), How::Code(0));
    let program = stage.finish().programs.remove(0);
    let (stdout, stderr) = (program.stdout.unwrap(), program.stderr.unwrap());
    assert_eq!(stdout.total, (50 << 20) + 7);
    assert_eq!((stdout.head.len(), stdout.tail.len()), (Output::HEAD, Output::TAIL));
    assert!(stdout.tail.0.ends_with(b"xthe end"));
    assert!(stdout.first.unwrap() >= program.started);
    assert_eq!(stderr.head.0, b"also");
}

#[test]
fn standard_input_is_what_was_given_or_empty() {
    let mut stage = stage();
    let megabyte = vec![b'i'; 1 << 20];
    let given = stage.start(Launch { stdin: Some(megabyte), ..launch(&["wc", "-c"]) });
    let empty = stage.start(launch(&["wc", "-c"]));
    let ignored = stage.start(Launch { stdin: Some(vec![b'i'; 1 << 20]), ..launch(&["true"]) });
    for program in [given, empty, ignored] {
        assert_eq!(until_exit(&mut stage, program), How::Code(0));
    }
    let programs = stage.finish().programs;
    assert_eq!(programs[given].stdout.as_ref().unwrap().head.0, b"1048576\n");
    assert_eq!(programs[empty].stdout.as_ref().unwrap().head.0, b"0\n");
}

#[test]
fn a_program_that_closes_its_streams_goes_on() {
    let mut stage = stage();
    let index = stage.start(python("import os,time; os.closerange(0, 3); time.sleep(1000)"));
    until(&mut stage, "the closed streams", |stage| {
        let pid = stage.program(index)?.pid;
        (0..3).all(|fd| super::super::fds::target(pid, fd).is_none()).then_some(())
    });
    assert!(stage.running(index));
    assert!(stage.finish().programs[index].exit.as_ref().unwrap().by_us);
}

#[test]
fn environment_and_directory_are_as_told_and_the_shown_words_go_into_the_evidence() {
    let mut stage = stage();
    let index = stage.start(Launch {
        cwd: Some("/tmp".into()),
        env: vec![("GREETING".to_owned(), "moin".to_owned())],
        shown: vec!["shown".to_owned()],
        ..launch(&["sh", "-c", "echo $GREETING; pwd -P"])
    });
    until_exit(&mut stage, index);
    let program = stage.finish().programs.remove(0);
    assert_eq!(program.stdout.unwrap().head.0, b"moin\n/tmp\n");
    assert_eq!((program.command, program.cwd.as_deref()), (vec!["shown".to_owned()], Some("/tmp")));
}

#[test]
fn a_program_that_ignores_sigterm_is_ended_by_us() {
    let mut stage = stage();
    let index = stage
        .start(python("import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf'); signal.pause()"));
    until_printed(&mut stage, index, "deaf");
    stage.end_all();
    let exit = stage.exit(index).unwrap();
    assert_eq!((exit.how, exit.by_us), (How::Signal(9), true));
}

#[test]
fn what_a_program_says_when_it_is_told_to_end_is_not_kept() {
    let mut stage = stage();
    let index = stage.start(python(
        "import signal,sys\ndef bye(*_): print('Traceback of a program that was ended'); sys.exit(3)\n\
         signal.signal(signal.SIGTERM, bye); print('ready'); signal.pause()",
    ));
    until_printed(&mut stage, index, "ready");
    let program = stage.finish().programs.remove(index);
    let exit = program.exit.unwrap();
    // On a busy machine the time it is given may not be enough for it to leave by itself.
    assert!(exit.by_us && matches!(exit.how, How::Code(3) | How::Signal(9)), "{exit:?}");
    assert_eq!(program.stdout.unwrap().head.0.trim_ascii_end(), b"ready");
}

#[test]
fn a_program_that_had_ended_before_is_not_ended_by_us() {
    for _ in 0..20 {
        let mut stage = stage();
        let index = stage.start(launch(&["sh", "-c", "exit 5"]));
        let pid = stage.program(index).unwrap().pid;
        let begun = Instant::now();
        while alive(pid) && begun.elapsed() < DEADLINE {
            std::thread::yield_now();
        }
        let exit = stage.finish().programs.remove(index).exit.unwrap();
        assert_eq!((exit.how, exit.by_us), (How::Code(5), false));
    }
}

#[test]
fn an_end_that_nobody_was_told_of_is_known() {
    let mut stage = stage();
    let program = stage.start(launch(&["true"]));
    let begun = Instant::now();
    let nobody = Sample { at: Clock::start().now(), processes: Vec::new() };
    while !stage.has_unheard_end(&nobody) {
        assert!(begun.elapsed() < DEADLINE, "it never ended");
        std::thread::yield_now();
    }
    assert!(stage.running(program), "it was heard of already");
    until_exit(&mut stage, program);
    assert!(!stage.has_unheard_end(&nobody));
}

#[test]
fn an_end_that_is_under_way_is_waited_for_and_one_that_is_not_is_not() {
    let mut stage = stage();
    let (dying, staying) = (stage.start(launch(&["sleep", "60"])), stage.start(launch(&["sleep", "60"])));
    let pid = Pid::from_raw(stage.program(dying).unwrap().pid.cast_signed());
    kill(pid, Signal::SIGKILL).unwrap();
    stage.hear_ends();
    assert_eq!(stage.exit(dying).map(|exit| (exit.how, exit.by_us)), Some((How::Signal(9), false)));
    assert!(stage.running(staying));
}

#[test]
fn a_program_whose_first_thread_has_left_is_ending_only_when_no_other_one_is_its_own() {
    let mut stage = stage();
    let script = "import ctypes, threading, time\n\
                  threading.Thread(target=time.sleep, args=(60,)).start()\n\
                  ctypes.CDLL(None).pthread_exit(None)";
    let index = stage.start(python(script));
    let pid = stage.program(index).unwrap().pid;
    let is_left = |sample: &Sample| sample.processes.iter().any(|one| one.pid == pid && one.state == 'Z');
    let mut sample =
        until(&mut stage, "the first thread leave", |stage| Some(stage.sample(&[])).filter(|sample| is_left(sample)));
    assert!(!stage.has_unheard_end(&sample), "{sample:?}");
    // The other one was the tracer's.
    sample.processes.iter_mut().for_each(|process| process.threads.clear());
    assert!(stage.has_unheard_end(&sample), "{sample:?}");
}

#[test]
fn a_stopped_program_is_seen_as_stopped_and_ends() {
    let mut stage = stage();
    let index = stage.start(launch(&["sh", "-c", "kill -STOP $$; echo never; exit 4"]));
    until(&mut stage, "state T", |stage| {
        stage.sample(&[]).processes.first().filter(|process| process.state == 'T').cloned()
    });
    let program = stage.finish().programs.remove(index);
    assert_eq!(program.exit.unwrap().how, How::Signal(15));
    assert_eq!(program.stdout.unwrap().total, 0);
}

#[test]
fn a_shell_and_its_child_are_one_program() {
    let mut stage = stage();
    let index = stage.start(launch(&["sh", "-c", "sleep 1000; true"]));
    let members =
        until(&mut stage, "two processes", |stage| Some(stage.members()).filter(|members| members.len() == 2));
    assert!(members.values().all(|&member| member == (index, Role::Server)));
    stage.end_all();
    assert!(members.keys().all(|&pid| !alive(pid)), "left behind: {members:?}");
}

/// Forks twice, starts a session of its own and lets the parent go: a daemon as in Stevens.
const DAEMON: &str = "import os,time\n\
    if os.fork(): os._exit(0)\n\
    os.setsid()\n\
    if os.fork(): os._exit(0)\n\
    print(os.getpid())\n\
    os.closerange(0, 3)\n\
    time.sleep(1000)";

/// Starts the daemon and returns its index and its process id, without looking at the process tree.
fn daemon(stage: &mut Stage) -> (usize, u32) {
    let index = stage.start(python(DAEMON));
    until_exit(stage, index);
    let pid = until(stage, "the daemon's pid", |stage| stage.peek_stdout(index).strip_suffix('\n')?.parse().ok());
    (index, pid)
}

#[test]
fn a_daemon_is_recognised_even_if_it_was_never_seen_with_its_parent() {
    let mut stage = stage();
    let other = stage.start(launch(&["sleep", "1000"]));
    let (index, pid) = daemon(&mut stage);
    assert_eq!(stage.members().get(&pid), Some(&(index, Role::Server)));
    assert!(stage.running(other));
    let parent = stage.sample(&[]).processes.iter().find(|process| process.pid == pid).map(|process| process.ppid);
    assert_eq!(parent, Some(std::process::id()));
    stage.end_all();
    assert!(!alive(pid));
}

#[test]
fn a_daemon_without_environment_is_recognised_by_its_session() {
    let mut stage = stage();
    let script = "import os,time\n\
        os.setsid() if os.getpid() != os.getpgid(0) else None\n\
        print('leader'); time.sleep(0.2)\n\
        if os.fork(): os._exit(0)\n\
        os.execve('/bin/sleep', ['sleep', '1000'], {})";
    let index = stage.start(python(script));
    until_printed(&mut stage, index, "leader");
    stage.members();
    until_exit(&mut stage, index);
    let pid = until(&mut stage, "the orphan", |stage| stage.members().into_keys().next());
    stage.end_all();
    assert!(!alive(pid));
}

#[test]
fn a_tree_that_keeps_forking_is_ended() {
    let mut stage = stage();
    let script = "import os,time,resource\n\
        for generation in range(60):\n\
        \x20 if os.fork(): time.sleep(1000)\n\
        \x20 os.setsid(); time.sleep(0.002)\n\
        time.sleep(1000)";
    stage.start(python(script));
    let seen =
        until(&mut stage, "twenty processes", |stage| Some(stage.members()).filter(|members| members.len() > 20));
    stage.end_all();
    assert!(seen.keys().all(|&pid| !alive(pid)));
    assert!(stage.members().is_empty(), "left behind: {:?}", stage.members());
}

#[test]
fn a_stage_that_is_dropped_leaves_nothing_behind() {
    let mut stage = stage();
    let index = stage.start(launch(&["sleep", "1000"]));
    let pid = stage.program(index).unwrap().pid;
    drop(stage);
    assert!(!alive(pid));
}

#[test]
fn two_stages_of_one_process_do_not_touch_each_other() {
    let (mut one, mut other) = (stage(), stage());
    let (_, pid) = daemon(&mut other);
    one.start(launch(&["sleep", "1000"]));
    assert!(!one.members().contains_key(&pid));
    one.end_all();
    assert!(alive(pid));
    other.end_all();
    assert!(!alive(pid));
}

/// A child that no stage knows, ended with the test.
struct Stranger(std::process::Child);

impl Drop for Stranger {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_server_that_was_found_is_watched_and_never_ended() {
    let stranger = Stranger(Command::new("sleep").arg("1000").stdin(Stdio::null()).spawn().unwrap());
    let pid = stranger.0.id();
    let mut stage = stage();
    // Until exec(2) is through, a new process has no command line.
    until(&mut stage, "its command line", |_| {
        std::fs::read(format!("/proc/{pid}/cmdline")).ok().filter(|words| !words.is_empty()).map(drop)
    });
    let index = stage.find(&[pid]).unwrap();
    assert!(stage.running(index));
    assert_eq!(stage.members().get(&pid), Some(&(index, Role::Server)));
    assert_eq!(stage.sample(&[]).processes.len(), 1);
    let row = stage.finish().programs.remove(0);
    assert_eq!((row.command, row.started_by_us, row.pid), (vec!["sleep".into(), "1000".into()], false, pid));
    assert!(alive(pid));
    drop(stranger);
    assert_eq!(Stage::new(Clock::start()).find(&[pid]), None);
}

#[test]
fn samples_stay_within_bounds_and_the_last_two_remain() {
    let mut stage = stage();
    stage.start(launch(&["sleep", "1000"]));
    let sample = stage.sample(&[]);
    let process = sample.processes[0].clone();
    stage.samples = vec![crate::evidence::Sample { at: sample.at, processes: vec![process; 20_000] }; 3];
    stage.sample(&[]);
    assert_eq!(stage.samples.len(), 2);
}

/// A process of its own, because whoever claims orphans claims those of all other tests too.
#[test]
fn a_stray_that_wiped_its_environment_unseen_is_claimed_and_ended() {
    const INNER: &str = "NETDIAG_TEST_CLAIMS";
    if std::env::var_os(INNER).is_none() {
        let name = "collect::programs::tests::ends::a_stray_that_wiped_its_environment_unseen_is_claimed_and_ended";
        let mut command = Command::new(std::env::current_exe().unwrap());
        let output = command.args(["--exact", name, "--nocapture"]).env(INNER, "1").output().unwrap();
        assert!(output.status.success(), "{output:?}");
        return;
    }
    let mut stage = stage();
    stage.claim_orphans();
    let script = "import os,time\n\
        if os.fork(): os._exit(0)\n\
        os.setsid()\n\
        if os.fork(): os._exit(0)\n\
        os.setsid(); print(os.getpid())\n\
        os.execve('/bin/sleep', ['sleep', '1000'], {})";
    let index = stage.start(python(script));
    until_exit(&mut stage, index);
    let pid: u32 = until(&mut stage, "its pid", |stage| stage.peek_stdout(index).strip_suffix('\n')?.parse().ok());
    until(&mut stage, "a wiped environment", |_| {
        std::fs::read(format!("/proc/{pid}/environ")).ok().filter(Vec::is_empty).map(drop)
    });
    assert_eq!(stage.members().get(&pid), Some(&(index, Role::Server)));
    stage.end_all();
    assert!(!alive(pid));
}
