//! The tracer of socket calls and real programs: what it sees of them in any language, and that they do not notice it.
#![cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test ends where it cannot go on")]

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use netdiag::collect::calls::{Heard, Tracer};
use netdiag::collect::clock::Clock;
use netdiag::collect::programs::{Launch, Stage};
use netdiag::evidence::{Calls, How, Role, SocketCall, Wait};

use super::ports::ClosedPort;
use super::stand::{AS_NOBODY, FORBIDDEN, LONG, NETDIAG, Public, Run, netdiag, works};

const REFUSED: i64 = -111;

pub fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

pub fn run(command: &[String], dir: &Path) -> Output {
    Command::new(&command[0]).args(&command[1..]).current_dir(dir).stdin(Stdio::null()).output().unwrap()
}

/// Runs a command as the client, traced.
pub fn traced(command: &[&str], dir: &Path) -> (Output, Heard) {
    let (output, tracer) = traced_with(command, dir, false);
    (output, tracer.finish())
}

/// The same, with its bytes too or not; the tracer still listens.
fn traced_with(command: &[&str], dir: &Path, bytes: bool) -> (Output, Tracer) {
    let place = tempfile::tempdir().unwrap();
    let tracer = Tracer::open(Clock::start(), place.path(), Path::new(NETDIAG), bytes).unwrap();
    let prepared = tracer.prepare(Role::Client, 1, &words(command), Some(dir));
    assert_eq!(prepared[1], "__exec", "{command:?} is not started through the shim");
    (run(&prepared, dir), tracer)
}

/// The calls of a program that must have been traced without disturbing it.
pub fn calls(heard: &Heard) -> &Calls {
    assert_eq!(heard.disturbed, None);
    heard.calls.seen().unwrap()
}

pub fn is_there(program: &str) -> bool {
    Command::new("sh").args(["-c", "command -v \"$1\"", "sh", program]).output().unwrap().status.success()
}

/// Shell programs that end in every way there is, fork, and play with signals.
const SHELL: [&str; 12] = [
    "exit 37",
    "kill -9 $$",
    "kill -TERM $$",
    "kill -SEGV $$",
    "echo out; echo err >&2; exec sh -c 'exit 4'",
    "for i in 1 2 3; do (echo $i; exit $i); echo $?; done; echo a | tr a b | cat",
    "sleep 0.1 & wait; echo $?",
    "trap 'echo told; exit 5' TERM; kill -TERM $$; sleep 5",
    "trap '' TERM; kill -TERM $$; echo still there",
    "(kill -STOP $(exec sh -c 'echo $PPID'); echo on) & sleep 0.2; kill -CONT $!; wait $!; echo $?",
    "sleep 60 & kill -STOP $!; kill -KILL $!; wait $!; echo $?",
    "ulimit -u; (exec 1>&- 2>&-; exit 3); echo $?; cat",
];

/// Python programs that do what only programs in earnest do.
const PYTHON: [&str; 8] = [
    "import os, subprocess; print(subprocess.run(['sh', '-c', 'exit 9']).returncode, os.getppid() > 1)",
    "import threading\nr = []\nts = [threading.Thread(target=r.append, args=(i,)) for i in range(100)]\n\
     [t.start() for t in ts]\n[t.join() for t in ts]\nprint(len(r))",
    "import os\nfor i in range(60):\n    p = os.fork()\n    if p == 0: os._exit(i)\n\
     \x20   assert os.WEXITSTATUS(os.waitpid(p, 0)[1]) == i\nprint('ok')",
    "import multiprocessing as m\nwith m.get_context('fork').Pool(3) as p: print(p.map(abs, range(9)))",
    "import threading, os, time\nthreading.Thread(target=lambda: os.execvp('sh', ['sh', '-c', 'echo exec; exit 9'])).start()\n\
     time.sleep(30)",
    // How often it ticks is a matter of the machine's leisure.
    "import signal, socket\nticks = []\nsignal.signal(signal.SIGALRM, lambda *a: ticks.append(1))\n\
     signal.setitimer(signal.ITIMER_REAL, .05, .05)\ns = socket.create_server(('127.0.0.1', 0))\ns.settimeout(.4)\n\
     try: s.accept()\nexcept TimeoutError: print('in time')\nsignal.setitimer(signal.ITIMER_REAL, 0)\nprint(bool(ticks))",
    // The child lives on until its parent has seen that it was continued; else it might be gone by then.
    "import os, signal\nr, w = os.pipe()\np = os.fork()\nif p == 0:\n    os.kill(os.getpid(), signal.SIGSTOP); os.read(r, 1); os._exit(5)\n\
     s = os.waitpid(p, os.WUNTRACED)[1]; print(os.WIFSTOPPED(s), os.WSTOPSIG(s))\nos.kill(p, signal.SIGCONT)\n\
     print(os.WIFCONTINUED(os.waitpid(p, os.WCONTINUED)[1]))\nos.write(w, b'x'); print(os.waitpid(p, 0)[1])",
    "import os, time\nif os.fork(): os._exit(3)\nos.setsid()\nif os.fork(): os._exit(0)\ntime.sleep(.1)\nprint('daemon')",
];

#[test]
fn programs_end_print_and_fork_the_same_whether_traced_or_not() {
    let dir = tempfile::tempdir().unwrap();
    let programs = SHELL.iter().map(|text| ["sh", "-c", text]).chain(PYTHON.iter().map(|text| ["python3", "-c", text]));
    for program in programs {
        let plain = run(&words(&program), dir.path());
        let (output, heard) = traced(&program, dir.path());
        assert_eq!((output.status, heard.disturbed), (plain.status, None), "{program:?}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&plain.stdout), "{program:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&plain.stderr), "{program:?}");
        assert!(heard.calls.seen().is_ok(), "{program:?}: {:?}", heard.calls);
    }
}

#[test]
fn programs_do_not_notice_either_that_their_bytes_are_followed() {
    let dir = tempfile::tempdir().unwrap();
    // Whether a shell says "Killed" is a race of its own: only if `wait` is what reaps the child.
    let shell = SHELL.iter().filter(|text| !text.contains("-KILL")).map(|text| ["sh", "-c", text]);
    let programs = shell.chain(PYTHON.iter().map(|text| ["python3", "-c", text]));
    for program in programs {
        let plain = run(&words(&program), dir.path());
        let (output, tracer) = traced_with(&program, dir.path(), true);
        assert_eq!((output.status, tracer.conversations().err()), (plain.status, None), "{program:?}");
        assert_eq!(tracer.finish().disturbed, None, "{program:?}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&plain.stdout), "{program:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&plain.stderr), "{program:?}");
    }
}

/// Both ends of a talk in one program, each in its own way of moving bytes; the words say what passed.
const TALKS: [(&str, &str, &str); 6] = [
    ("c.send(b'hello'); a.recv(9); a.sendall(b'HE'); a.sendall(b'LLO'); c.recv(2); c.recv(9)", "hello", "HELLO"),
    (
        "c.sendmsg([b'he', b'llo']); a.recvmsg_into([bytearray(2), bytearray(9)]); os.writev(a.fileno(), [b'H', b'I']); c.recv(9)",
        "hello",
        "HI",
    ),
    (
        "f = open('file', 'w+b'); f.write(b'from a file'); f.seek(0); c.recv_into(bytearray(0)); a.sendfile(f); c.recv(99)",
        "",
        "from a file",
    ),
    (
        "r, w = os.pipe(); os.write(w, b'piped'); os.splice(r, c.fileno(), 5); a.recv(99, socket.MSG_PEEK); a.recv(99)",
        "piped",
        "",
    ),
    (
        "t = threading.Thread(target=lambda: a.sendall(a.recv(9))); t.start(); c.send(b'hello'); c.recv(9); t.join()",
        "hello",
        "hello",
    ),
    (
        "p = os.fork()\nif not p: a.send(a.recv(9)); os._exit(0)\na.close(); c.send(b'hello'); c.recv(9); os.waitpid(p, 0)",
        "hello",
        "hello",
    ),
];

#[test]
fn what_passes_is_rebuilt_from_the_calls_whichever_way_it_is_moved() {
    for (talk, request, reply) in TALKS {
        let dir = tempfile::tempdir().unwrap();
        let program = format!(
            "import os, socket, threading\nl = socket.create_server(('127.0.0.1', 0))\n\
             c = socket.create_connection(l.getsockname()); a, _ = l.accept()\n{talk}\n\
             c.shutdown(socket.SHUT_WR)\ntry: a.recv(1); a.close()\nexcept OSError: pass\nc.recv(1); c.close()\n"
        );
        let (output, tracer) = traced_with(&["python3", "-c", &program], dir.path(), true);
        assert!(output.status.success(), "{talk}: {output:?}");
        let packets = tracer.conversations().unwrap();
        let [one] = &packets.conversations[..] else { panic!("{talk}: {packets:#?}") };
        assert_eq!(
            (one.sent.head.escaped(), one.received.head.escaped()),
            (request.to_owned(), reply.to_owned()),
            "{talk}"
        );
        assert_eq!((one.sent.missing, one.received.missing), (0, 0), "{talk}");
        assert!(one.sent.fin.is_some() && one.received.fin.is_some(), "{talk}: {one:#?}");
        assert_eq!((one.sent.rst, one.received.rst, tracer.finish().disturbed), (None, None, None), "{talk}");
    }
}

#[test]
fn threads_that_send_on_one_socket_are_told_in_the_order_the_other_end_saw() {
    let dir = tempfile::tempdir().unwrap();
    let program = "\
import socket, threading
l = socket.create_server(('127.0.0.1', 0))
c = socket.create_connection(l.getsockname()); a, _ = l.accept()
ready = threading.Barrier(4)
def send(letter):
    ready.wait()
    for _ in range(300): c.sendall(letter * 3)
threads = [threading.Thread(target=send, args=(letter,)) for letter in (b'x', b'y', b'z', b'w')]
for thread in threads: thread.start()
for thread in threads: thread.join()
c.shutdown(socket.SHUT_WR)
print(a.makefile('rb').read().decode())
";
    let (output, tracer) = traced_with(&["python3", "-c", program], dir.path(), true);
    let packets = tracer.conversations().unwrap();
    let [one] = &packets.conversations[..] else { panic!("{packets:#?}") };
    let seen = String::from_utf8(output.stdout).unwrap();
    assert_eq!((one.sent.total, one.sent.missing), (3600, 0));
    assert_eq!(one.sent.head.escaped(), seen.trim_end()[..one.sent.head.0.len()]);
}

#[test]
fn bytes_come_from_the_calls_where_no_packet_can_be_captured_unless_a_program_cannot_be_traced() {
    if !works(&FORBIDDEN) {
        return; // the scenarios cover a machine that forbids it by itself
    }
    let (report, evidence) = examine(&FORBIDDEN, RIGHT, &[]);
    assert_eq!((&report["verdict"]["side"], &evidence["setting"]["rung"]), (&"none".into(), &"socket-calls".into()));
    let why = evidence["packets"]["seen"]["rebuilt"]["why"].as_str().unwrap();
    assert!(why.contains("CAP_NET_RAW") && report["gaps"].to_string().contains("socket calls"), "{why}");
    let (_, evidence) = examine(&FORBIDDEN, RIGHT, &["--trace-calls", "never"]);
    assert_eq!(evidence["setting"]["rung"], "no-capture");
    let disturbed = format!("$SIG{{RTMAX}} = 'IGNORE'; kill 64, $$; {RIGHT}");
    let (report, evidence) = examine(&FORBIDDEN, &disturbed, &[]);
    assert_eq!(evidence["setting"]["rung"], "no-capture");
    assert!(["none", "unknown"].iter().any(|side| report["verdict"]["side"] == *side), "{report:#}");
}

const C: &str = r"
#include <arpa/inet.h>
#include <stdlib.h>
#include <unistd.h>
int main(int count, char **words) {
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(atoi(words[1])) };
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fork() == 0) _exit(connect(fd, (void *)&to, sizeof to) < 0 ? 0 : 1);
    return 0;
}
";
const JAVA: &str = "class Quiet { public static void main(String[] words) throws Exception {
    try { new java.net.Socket(\"127.0.0.1\", Integer.parseInt(words[0])); } catch (java.io.IOException e) { } } }";

/// Clients that are refused and keep it to themselves, each in its own way of connecting.
fn quiet_clients(dir: &Path) -> Vec<Vec<String>> {
    std::fs::write(dir.join("quiet.c"), C).unwrap();
    std::fs::write(dir.join("Quiet.java"), JAVA).unwrap();
    let mut clients = vec![
        words(&[
            "perl",
            "-MIO::Socket::INET",
            "-e",
            "IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => shift)",
        ]),
        words(&["python3", "-c", "import socket, sys\nsocket.socket().connect_ex(('127.0.0.1', int(sys.argv[1])))"]),
        words(&[
            "python3",
            "-c",
            "import asyncio, sys\nasync def main():\n    try: await asyncio.open_connection('127.0.0.1', int(sys.argv[1]))\n\
             \x20   except OSError: pass\nasyncio.run(main())",
        ]),
        words(&["node", "-e", "require('net').connect(process.argv[1], '127.0.0.1').on('error', () => {})"]),
        words(&["java", "Quiet.java"]),
    ];
    clients.retain(|client| is_there(&client[0]));
    if is_there("cc") {
        assert!(run(&words(&["cc", "-w", "-o", "quiet", "quiet.c"]), dir).status.success());
        clients.push(words(&["./quiet"]));
    }
    assert!(clients.len() >= 2, "these tests need perl and python3");
    clients
}

#[test]
fn a_refusal_is_seen_whatever_language_connects_and_however() {
    let dir = tempfile::tempdir().unwrap();
    let reserved = ClosedPort::reserve();
    let port = reserved.number();
    for client in quiet_clients(dir.path()) {
        let port_word = port.to_string();
        let command: Vec<&str> = client.iter().map(String::as_str).chain([port_word.as_str()]).collect();
        let (output, heard) = traced(&command, dir.path());
        assert!(output.status.success() && output.stdout.is_empty(), "{client:?}: {output:?}");
        let calls = calls(&heard);
        let refusal = |call: &&SocketCall| {
            matches!(call.name.as_str(), "connect" | "so-error")
                && call.result == REFUSED
                && call.address.is_some_and(|address| address.port() == port)
        };
        let refused = calls.calls.iter().find(refusal).unwrap_or_else(|| panic!("{client:?}: {calls:?}"));
        assert_eq!((refused.role, refused.program), (Role::Client, 1));
    }
}

#[test]
fn a_server_is_seen_to_bind_to_listen_and_to_be_refused_a_taken_port() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let program = format!(
        "import socket\na = socket.socket()\na.bind(('127.0.0.1', 0)); a.listen()\nb = socket.socket()\n\
         try: b.bind(('127.0.0.1', {port}))\nexcept OSError: pass"
    );
    let (_, heard) = traced(&["python3", "-c", &program], Path::new("/"));
    let told: Vec<(String, i64)> = calls(&heard).calls.iter().map(|call| (call.name.clone(), call.result)).collect();
    let wanted = [("bind", 0), ("listen", 0), ("bind", -98)].map(|(name, result)| (name.to_owned(), result));
    assert_eq!(told, wanted);
}

#[test]
fn a_stopped_program_is_sampled_as_stopped_and_one_that_waits_as_waiting() {
    let place = tempfile::tempdir().unwrap();
    let clock = Clock::start();
    let tracer = Tracer::open(clock, place.path(), Path::new(NETDIAG), false).unwrap();
    let mut stage = Stage::new(clock);
    let text =
        "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)\nprint('on', flush=True)\nos.read(os.pipe()[0], 1)";
    let shown = words(&["python3", "-c", text]);
    let command = tracer.prepare(Role::Server, 0, &shown, None);
    let program = stage.start(Launch {
        role: Role::Server,
        command,
        cwd: None,
        env: vec![],
        stdin: None,
        reference: false,
        shown,
    });
    let look = |stage: &mut Stage| {
        let mut sample = stage.sample(&[]);
        tracer.correct(&mut sample);
        assert!(sample.processes.iter().all(|process| process.state != 't'), "{sample:?}");
        sample.processes.into_iter().find(|process| !process.threads.is_empty())
    };
    await_state("the stop", || look(&mut stage).is_some_and(|process| process.state == 'T'));
    let stopped = look(&mut stage).unwrap();
    assert_eq!(stopped.threads[0].wait, Wait::Stopped);
    let switches = stopped.threads[0].switches;
    for _ in 0..3 {
        stage.pause(Duration::from_millis(15));
        let still = look(&mut stage).unwrap();
        assert_eq!(
            (still.state, still.threads[0].switches),
            ('T', switches),
            "the tracer does not disturb a stopped one"
        );
    }
    kill(Pid::from_raw(stopped.pid.cast_signed()), Signal::SIGCONT).unwrap();
    await_state("the read", || {
        let waits = |process: netdiag::evidence::Process| matches!(&process.threads[0].wait, Wait::Call { name, .. } if name == "read");
        look(&mut stage).is_some_and(waits)
    });
    stage.end_all();
    assert_eq!(stage.exit(program).map(|exit| (exit.how, exit.by_us)), Some((How::Signal(15), true)));
    assert_eq!(tracer.finish().disturbed, None);
}

fn await_state(what: &str, mut reached: impl FnMut() -> bool) {
    let began = Instant::now();
    while !reached() {
        assert!(began.elapsed() < LONG, "waited for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn whatever_only_an_untraced_program_can_do_ends_the_recording_with_a_reason() {
    let signal =
        "import os, signal\nsignal.signal(signal.SIGRTMIN, lambda *a: None)\nos.kill(os.getpid(), signal.SIGRTMIN)";
    let child = "import os, select, ctypes, time\npoll = select.epoll()\n\
        if os.fork() == 0: time.sleep(.1); os._exit(0)\n\
        ctypes.CDLL(None).epoll_wait(poll.fileno(), ctypes.create_string_buffer(99), 5, 10000)";
    for program in [signal, child] {
        let (_, heard) = traced(&["python3", "-c", program], Path::new("/"));
        assert!(heard.disturbed.is_some() && heard.calls.seen().is_err(), "{heard:?}");
    }
}

#[test]
fn a_debugger_and_a_program_that_is_not_there_are_started_plainly() {
    let place = tempfile::tempdir().unwrap();
    let tracer = Tracer::open(Clock::start(), place.path(), Path::new(NETDIAG), false).unwrap();
    for command in [words(&["gdb", "--batch"]), words(&["./there-is-no-such-program"])] {
        assert_eq!(tracer.prepare(Role::Client, 1, &command, None), command);
    }
    let heard = tracer.finish();
    assert_eq!(heard.disturbed, None);
    assert!(heard.calls.seen().is_err_and(|gap| gap.why.contains("client")));
}

#[test]
fn a_script_whose_interpreter_is_missing_is_a_program_that_could_not_be_started() {
    let dir = tempfile::tempdir().unwrap();
    // Written by a process of its own: what this one holds open for writing while another test forks cannot be executed.
    let write = "echo '#!/there/is/no/such/interpreter' > script && chmod +x script";
    assert!(Command::new("sh").args(["-c", write]).current_dir(dir.path()).status().unwrap().success());
    let (_, heard) = traced(&["./script"], dir.path());
    let [(1, why)] = &heard.missing[..] else { panic!("{heard:?}") };
    assert!(why.starts_with("./script: No such file"), "{why}");
}

#[test]
fn a_program_whose_tracer_is_refused_or_gone_runs_all_the_same() {
    let place = tempfile::tempdir().unwrap();
    let gone = Tracer::open(Clock::start(), place.path(), Path::new("/bin/false"), false).unwrap();
    let prepared = gone.prepare(Role::Client, 1, &words(&["sh", "-c", "echo ran; exit 3"]), None);
    let by_netdiag: Vec<String> = [NETDIAG.to_owned()].into_iter().chain(prepared[1..].iter().cloned()).collect();
    let ran = |output: Output| (output.status.code(), String::from_utf8(output.stdout).unwrap());
    assert_eq!(ran(run(&by_netdiag, Path::new("/"))), (Some(3), "ran\n".to_owned()));
    assert!(gone.finish().disturbed.is_some());
    if !is_there("strace") {
        return; // the other way needs somebody who traces already
    }
    let place = tempfile::tempdir().unwrap();
    let refused = Tracer::open(Clock::start(), place.path(), Path::new(NETDIAG), false).unwrap();
    let prepared = refused.prepare(Role::Client, 1, &words(&["sh", "-c", "echo ran; exit 3"]), None);
    let under_strace: Vec<String> = words(&["strace", "-f", "-o", "/dev/null"]).into_iter().chain(prepared).collect();
    assert_eq!(ran(run(&under_strace, Path::new("/"))), (Some(3), "ran\n".to_owned()));
    let heard = refused.finish();
    assert_eq!(heard.disturbed, None);
    assert!(heard.calls.seen().is_err_and(|gap| gap.why.contains("ptrace")));
}

const SERVER: &str = "import socket\ns = socket.create_server(('127.0.0.1', 12345))\nwhile True:\n    c, _ = s.accept()\n\
    \x20   while d := c.recv(4096): c.sendall(d)\n";
const QUIET: &str =
    "use IO::Socket::INET; IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => 12435) or exit 0;\n";
const RIGHT: &str = "use IO::Socket::INET; my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => 12345);\n\
    print $s \"hello\\n\"; print scalar <$s>;\n";

/// Runs a pair of programs; the report and the evidence.
fn examine(wrapper: &[&str], client: &str, more: &[&str]) -> (serde_json::Value, serde_json::Value) {
    let public = Public::new();
    std::fs::write(public.path().join("server.py"), SERVER).unwrap();
    std::fs::write(public.path().join("client.pl"), client).unwrap();
    let base = ["run", "--json", "--save", "evidence.json", "--at", "127.0.0.1:12345"];
    let pair = ["--server", "/usr/bin/env python3 server.py", "--client", "perl client.pl"];
    let arguments: Vec<&str> = base.iter().chain(&pair).chain(more).copied().collect();
    let ended = Run::start(wrapper, &public.binary(), &arguments, public.path()).end();
    let evidence = std::fs::read(public.path().join("evidence.json")).unwrap_or_else(|_| panic!("{ended:?}"));
    (ended.json(), serde_json::from_slice(&evidence).unwrap())
}

fn hidden_refusal(report: &serde_json::Value) -> serde_json::Value {
    let findings = report["findings"].as_array().unwrap();
    let hidden = findings.iter().find(|finding| finding["fault"] == "swallowed-exception");
    hidden.unwrap_or_else(|| panic!("{report:#}")).clone()
}

#[test]
fn a_client_that_hides_its_refusal_is_recorded_twice_and_its_own_call_is_the_proof() {
    let (report, evidence) = examine(&[], QUIET, &[]);
    assert_eq!(report["verdict"]["fault"], "wrong-port", "{report:#}");
    let calls = evidence["calls"]["seen"]["calls"].as_array().unwrap_or_else(|| panic!("{:#}", evidence["calls"]));
    let index = calls.iter().position(|call| call["role"] == "client" && call["result"] == REFUSED).unwrap();
    let cited = hidden_refusal(&report)["evidence"].as_array().unwrap().clone();
    assert!(cited.contains(&format!("calls:{index}").into()), "{cited:?}");
    let (report, evidence) = examine(&[], QUIET, &["--trace-calls", "never"]);
    assert_eq!(report["verdict"]["fault"], "wrong-port");
    assert!(evidence["calls"]["seen"].is_null());
    assert!(!hidden_refusal(&report)["evidence"].to_string().contains("calls:"));
}

#[test]
fn a_healthy_pair_is_never_traced_unless_that_is_asked_for() {
    let (report, evidence) = examine(&[], RIGHT, &[]);
    assert_eq!((&report["verdict"]["side"], evidence["calls"]["seen"].is_null()), (&"none".into(), true));
    let (report, evidence) = examine(&[], RIGHT, &["--trace-calls", "always"]);
    assert_eq!((&report["verdict"]["side"], evidence["calls"]["seen"].is_null()), (&"none".into(), false));
}

#[test]
fn a_pair_that_tracing_disturbs_is_recorded_again_without_it() {
    let disturbed = format!("$SIG{{RTMAX}} = 'IGNORE'; kill 64, $$; {RIGHT}");
    let (report, evidence) = examine(&[], &disturbed, &["--trace-calls", "always"]);
    let why = evidence["calls"]["not-observed"]["why"].as_str().unwrap();
    assert!(why.contains("real-time signal"), "{why}");
    assert_eq!(report["verdict"]["side"], "none", "{report:#}");
}

#[test]
fn tracing_needs_no_privilege() {
    if !nix::unistd::geteuid().is_root() {
        return; // everything above ran as an ordinary user
    }
    let (report, evidence) = examine(&AS_NOBODY, QUIET, &["--trace-calls", "always"]);
    assert_eq!(report["verdict"]["fault"], "wrong-port", "{report:#}");
    assert!(evidence["calls"]["seen"]["calls"].is_array(), "{:#}", evidence["calls"]);
}

#[test]
fn the_hidden_commands_are_not_in_the_help() {
    let help = netdiag(&["--help"]).stdout;
    assert!(!help.contains("__exec") && !help.contains("__trace"), "{help}");
}
