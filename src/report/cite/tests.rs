use super::super::sample;
use super::*;
use crate::evidence::{
    At, Close, Crash, Frame, Limit, Observed, Output, Probe, Probes, Process, Reach, Role, Sample, SocketCall, Swap,
    Task, TaskState, Tasks, Thread, Wait,
};

fn words_of(reference: &str) -> String {
    words(reference, &sample::refused().0).unwrap_or_else(|| panic!("{reference} is not found"))
}

#[test]
fn packets_are_told_by_their_number() {
    assert_eq!(words_of("packets:1"), "packet 1 at 88.1 ms: the client dials 127.0.0.1:12435 (SYN)");
    assert_eq!(words_of("packets:2"), "packet 2 at 88.1 ms: 127.0.0.1:12435 refuses (RST): nobody listens there");
    let healthy = sample::healthy().0;
    assert_eq!(words("packets:4", &healthy).unwrap(), "packet 4 at 88.4 ms: the client sends \"hello\\n\" (6 bytes)");
    assert_eq!(words("packets:7", &healthy).unwrap(), "packet 7 at 89.5 ms: the server has nothing more to send (FIN)");
}

#[test]
fn sockets_are_told_by_snapshot_and_row() {
    let row = "socket table at 39.0 ms: the server (pid 4710) listens on 127.0.0.1:12345";
    assert_eq!(words_of("sockets:0"), row);
    assert_eq!(words_of("sockets:0/0"), row);
}

#[test]
fn programs_and_exceptions_are_told_with_their_end() {
    assert_eq!(
        words_of("programs:1"),
        "the client (python3 client.py hello) exits with status 0 at 93.4 ms and writes nothing to standard error"
    );
    assert_eq!(
        words_of("exceptions:0"),
        "ConnectionRefusedError ([Errno 111] Connect call failed ('127.0.0.1', 12435)) in the client raised at \
         client.py:6 in talk; caught at client.py:11 in main, where nothing tells of it"
    );
}

#[test]
fn threads_tasks_and_calls_are_told_by_what_they_wait_for() {
    let mut evidence = sample::refused().0;
    let call = Wait::Call { name: "accept4".into(), limit: Limit::Forever, fd: Some(3), socket: None, file: None };
    let thread = Thread { tid: 9, state: 'S', wait: call, switches: None };
    let process = Process {
        program: 0,
        pid: 9,
        ppid: 1,
        name: "python3".into(),
        state: 'S',
        descriptors: None,
        descriptor_limit: None,
        cpu_ms: 0,
        kernel_ms: 0,
        rss_kib: 0,
        threads: vec![thread],
        armed_timers: Some(0),
    };
    let Observed::Seen(programs) = &mut evidence.programs else { unreachable!() };
    programs.samples = vec![Sample { at: At(1_500_000), processes: vec![process] }];
    let wait = "threads at 1.5 ms: python3 (pid 9) waits in accept4, without a time limit";
    assert_eq!(words("programs:samples/0", &evidence).unwrap(), wait);
    if let Observed::Seen(programs) = &mut evidence.programs {
        programs.samples[0].processes[0].descriptors = Some(7);
    }
    assert!(words("programs:held/0", &evidence).unwrap().ends_with("7 open descriptors, 1 thread"));

    let task = Task {
        role: Some(Role::Server),
        runtime: "tokio".into(),
        id: 4,
        name: None,
        location: None,
        state: TaskState::Running,
        at: At(0),
        polls: 1,
        wakes: 0,
        self_wakes: 0,
        wakers: None,
        busy_ms: 0.0,
        polling_ms: Some(1200.0),
        size: None,
        blocking: false,
        boxed: false,
        lints: vec![],
    };
    evidence.tasks = Observed::Seen(Tasks { tasks: vec![task], dropped: 0 });
    let busy = "tokio task 4 of the server has been running for 1200 ms without giving way";
    assert_eq!(words("tasks:0", &evidence).unwrap(), busy);

    let call = SocketCall {
        at: At(2_000_000),
        role: Role::Client,
        program: 1,
        pid: 9,
        name: "connect".into(),
        fd: 3,
        address: Some(sample::addr("127.0.0.1:12435")),
        result: -111,
    };
    let crash = Crash {
        at: At(3_000_000),
        role: Role::Server,
        program: 0,
        pid: 8,
        signal: 11,
        functions: vec!["copy".into(), "main".into()],
        line: Some(Frame { file: "s.c".into(), line: 9, function: "copy".into(), source: String::new() }),
    };
    let calls = crate::evidence::Calls { calls: vec![call], crashes: vec![crash], ..Default::default() };
    evidence.calls = Observed::Seen(calls);
    let fallen = "the server brings signal 11 upon itself at 3.0 ms in copy, called from main, at s.c:9";
    assert_eq!(words("calls:crashes/0", &evidence).unwrap(), fallen);
    let refused = "the client calls connect(127.0.0.1:12435) at 2.0 ms: ECONNREFUSED (connection refused)";
    assert_eq!(words("calls:0", &evidence).unwrap(), refused);
}

#[test]
fn probes_and_swaps_are_told() {
    let mut evidence = sample::refused().0;
    let probe = sample::probe("hi\n", "hi\n");
    let silent = Probe { received: "".into(), received_total: 0, close: Close::Fin, ..probe.clone() };
    let refused = Probe { reach: Reach::Refused, ..probe.clone() };
    evidence.probes = Observed::Seen(Probes { probes: vec![probe, silent, refused] });
    for (n, wanted) in [
        "netdiag sends \"hi\\n\" (3 bytes) and gets back the same after 0.40 ms",
        "netdiag sends \"hi\\n\" (3 bytes) and gets nothing back within 500 ms, then the server closes",
        "netdiag's probe of 127.0.0.1:12345 is refused",
    ]
    .iter()
    .enumerate()
    {
        assert_eq!(words(&format!("probes:{n}"), &evidence).unwrap(), *wanted);
    }
    let mut outer = sample::evidence();
    outer.swaps = vec![Swap { kept: Role::Server, evidence: Box::new(evidence) }];
    assert_eq!(words("swaps:0", &outer).unwrap(), "with the reference client instead");
    assert!(words("swaps:0/packets:1", &outer).unwrap().starts_with("with the reference client instead: packet 1"));
}

#[test]
fn a_reference_to_nothing_is_not_put_in_words() {
    let evidence = sample::evidence();
    for reference in
        ["", "packets", "packets:1", "packets:x", "sockets:9/9", "programs:-1", "swaps:0/", "weather:1", "tasks:/"]
    {
        assert_eq!(words(reference, &evidence), None, "{reference}");
    }
}

#[test]
fn an_output_is_told_by_its_most_telling_line() {
    let told =
        |head: &str, tail: &str| last_words(&Output { head: head.into(), tail: tail.into(), ..Output::default() });
    assert_eq!(told("\n warning: x\nmore\n", "").unwrap(), "\"warning: x\"");
    assert_eq!(told("Traceback (most recent call last):\n  ...\nOSError: y\n", "").unwrap(), "\"OSError: y\"");
    assert_eq!(
        told("starting\n", "Traceback (most recent call last):\n  ...\nOSError: y\n").unwrap(),
        "\"OSError: y\""
    );
    assert_eq!(told("s.c: In function 'f':\ns.c:4:2: error: no\n    4 | x\n", "").unwrap(), "\"no\"");
    assert_eq!(told(" \n\n", ""), None);
}

#[test]
fn numbers_are_written_for_people() {
    assert_eq!([0.4, 12.34, 171.6, 9999.4, 12_345.0].map(time), ["0.40 ms", "12.3 ms", "172 ms", "9999 ms", "12.3 s"]);
    assert_eq!(
        [0, 1, 999, 1000, 1_234_567].map(size),
        ["0 bytes", "1 byte", "999 bytes", "1,000 bytes", "1,234,567 bytes"]
    );
}
