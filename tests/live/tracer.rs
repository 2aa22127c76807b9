//! The Python tracer in real programs: what it sees, and that the programs do not notice it.
//!
//! Every test runs on every Python from 3.8 on that the machine has; at least `python3` must be there.

#![allow(clippy::unwrap_used, reason = "a failed set-up step is a failed test")]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use netdiag::collect::clock::Clock;
use netdiag::collect::exceptions::{Compiled, Listener, Prepared};
use netdiag::evidence::{Action, Exceptions, Raised, Role};

use super::ports::ClosedPort;

/// Long enough for a loaded machine; nothing waits for it unless something is broken.
const PATIENCE: Duration = Duration::from_secs(20);

fn programs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs-tracer")
}

/// Every Python from 3.8 on: `python3`, the system's, and those of pyenv.
fn pythons() -> Vec<String> {
    let mut found = vec!["python3".to_owned(), "/usr/bin/python3".to_owned()];
    let versions = std::env::var_os("HOME").map(|home| Path::new(&home).join(".pyenv/versions"));
    if let Some(entries) = versions.and_then(|versions| std::fs::read_dir(versions).ok()) {
        found.extend(entries.flatten().map(|entry| entry.path().join("bin/python3").to_string_lossy().into_owned()));
    }
    let mut seen = Vec::new();
    let mut pythons = Vec::new();
    for python in found {
        let asked = "import sys; assert sys.version_info >= (3, 8); print(sys.executable)";
        let Ok(output) = Command::new(&python).args(["-c", asked]).output() else { continue };
        let path = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if output.status.success() && !seen.contains(&path) {
            seen.push(path.clone());
            pythons.push(path);
        }
    }
    assert!(!pythons.is_empty(), "these tests need python3");
    pythons
}

/// Waits until the main thread of a process waits for its descriptors: its event loop has nothing left to run.
fn wait_until_idle(pid: u32) {
    #[cfg(target_arch = "x86_64")]
    let waits = [nix::libc::SYS_epoll_wait, nix::libc::SYS_epoll_pwait];
    #[cfg(not(target_arch = "x86_64"))]
    let waits = [nix::libc::SYS_epoll_pwait];
    let deadline = Instant::now() + PATIENCE;
    while !std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/syscall")).is_ok_and(|call| {
        call.split(' ').next().and_then(|number| number.parse().ok()).is_some_and(|number| waits.contains(&number))
    }) {
        assert!(Instant::now() < deadline, "the event loop of process {pid} never waited");
        std::thread::yield_now();
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

fn start(prepared: &Prepared, dir: &Path) -> Command {
    let mut command = Command::new(&prepared.command[0]);
    command.args(&prepared.command[1..]).envs(prepared.env.iter().cloned()).current_dir(dir).stdin(Stdio::null());
    command.env("PYTHONDONTWRITEBYTECODE", "1").env_remove("PYTHONPATH").envs(prepared.env.iter().cloned());
    command
}

fn plain(command: &[String], dir: &Path) -> Output {
    start(&Prepared { command: command.to_vec(), env: Vec::new() }, dir).output().unwrap()
}

/// Runs a command as the client, with the tracer.
fn traced(command: &[String], dir: &Path) -> (Output, Exceptions) {
    let place = tempfile::tempdir().unwrap();
    let listener = Listener::open(Clock::start(), place.path()).unwrap();
    let output = start(&listener.prepare(Role::Client, 3, command), dir).output().unwrap();
    (output, listener.finish())
}

/// Fails when the program behaved otherwise with the tracer than without.
fn unchanged(command: &[String], dir: &Path) -> (Output, Exceptions) {
    let without = plain(command, dir);
    let (with, seen) = traced(command, dir);
    assert_eq!(said(&with), said(&without), "with the tracer (left) {command:?} behaves otherwise than without");
    (with, seen)
}

/// Everything a program shows: its status and what it wrote.
fn said(output: &Output) -> String {
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    format!("{:?}\n{stdout}\n{stderr}", output.status)
}

fn on_every_python(test: impl Fn(&str) + Sync) {
    std::thread::scope(|scope| {
        for python in pythons() {
            let test = &test;
            scope.spawn(move || test(&python));
        }
    });
}

fn raised_in<'a>(seen: &'a Exceptions, function: &str) -> Vec<&'a Raised> {
    seen.raised.iter().filter(|raised| raised.frames[0].function == function).collect()
}

#[test]
fn a_refusal_the_client_swallows_is_told_with_its_line_and_its_address() {
    let closed = ClosedPort::reserve();
    on_every_python(|python| {
        let port = closed.number().to_string();
        let (output, seen) = unchanged(&words(&[python, "swallow.py", &port]), &programs());
        assert!(output.status.success());
        assert_eq!(seen.raised.len(), 1, "{python}: {seen:?}");
        let raised = &seen.raised[0];
        assert_eq!((raised.kind.as_str(), raised.errno), ("ConnectionRefusedError", Some(111)));
        assert_eq!((raised.role, raised.program, raised.action), (Role::Client, 3, Action::Silent));
        assert_eq!(raised.address, Some(format!("127.0.0.1:{port}")));
        let frames: Vec<_> = raised.frames.iter().map(|one| (one.file.as_str(), one.line, &*one.function)).collect();
        assert_eq!(frames, [("swallow.py", 12, "main"), ("swallow.py", 6, "talk")]);
        let caught = raised.caught.as_ref().unwrap();
        assert_eq!((caught.line, caught.source.as_str()), (13, "except Exception:"));
        assert_eq!(seen.tracers.len(), 1);
        assert!(seen.tracers[0].interpreter.starts_with("python 3."));
        assert_eq!((seen.tracers[0].way.as_str(), seen.omitted), ("boot", 0));
    });
}

#[test]
fn every_fate_of_an_exception_is_told_apart() {
    let closed = ClosedPort::reserve();
    on_every_python(|python| {
        let port = closed.number().to_string();
        let (_, seen) = unchanged(&words(&[python, "fates.py", &port]), &programs());
        let expected = [
            ("silent_pass", Action::Silent),
            ("silent_direct", Action::Silent),
            ("silent_loop", Action::Silent),
            ("silent_exit", Action::Silent),
            ("silent_suppress", Action::Silent),
            ("silent_gather", Action::Silent),
            ("silent_await", Action::Silent),
            ("silent_pool", Action::Silent),
            ("silent_careless", Action::Silent),
            ("reported_print", Action::Reported),
            ("reported_logging", Action::Reported),
            ("reported_stderr", Action::Reported),
            ("reported_traceback", Action::Reported),
            ("reported_through_a_function", Action::Reported),
            ("reraised_bare", Action::Reraised),
            ("reraised_another", Action::Reraised),
            ("handled_retry", Action::Handled),
            ("handled_value", Action::Handled),
            ("handled_gather", Action::Handled),
            ("uncaught_thread", Action::Uncaught),
            ("uncaught_old_thread", Action::Uncaught),
            ("handle", Action::Uncaught),
        ];
        for (function, action) in expected {
            let actions: Vec<_> = raised_in(&seen, function).iter().map(|raised| raised.action).collect();
            assert_eq!(actions, [action], "{python}: {function} in {seen:#?}");
        }
        for function in ["silent_pass", "silent_direct", "silent_suppress"] {
            assert_eq!(raised_in(&seen, function)[0].address, Some(format!("127.0.0.1:{port}")), "{python} {function}");
        }
        assert!(raised_in(&seen, "asked_pool").is_empty(), "{python}: somebody asked for that one");
        assert_eq!(raised_in(&seen, "main").len(), 2, "{python}: the two that were let through");
        assert_eq!(seen.neglected.len(), 1, "{python}: {:?}", seen.neglected);
    });
}

#[test]
fn what_ends_a_program_is_told_and_shown_as_ever() {
    on_every_python(|python| {
        let (_, seen) = unchanged(&words(&[python, "crash.py"]), &programs());
        let last = seen.raised.last().unwrap();
        assert_eq!((last.kind.as_str(), last.action, &last.caught), ("RuntimeError", Action::Uncaught, &None));
        assert_eq!(last.frames.last().map(|frame| frame.line), Some(12));
        let (_, seen) = unchanged(&words(&[python, "crash.py", "hook"]), &programs());
        let last = seen.raised.last().unwrap();
        assert_eq!(last.action, Action::Reported, "{python}: the program's own hook prints it");
        unchanged(&words(&[python, "crash.py", "interrupt"]), &programs());
        unchanged(&words(&[python, "crash.py", "exit"]), &programs());
    });
}

#[test]
fn coroutines_never_awaited_and_results_never_retrieved_are_told() {
    on_every_python(|python| {
        let (_, seen) = unchanged(&words(&[python, "neglect.py"]), &programs());
        let found: Vec<_> =
            seen.neglected.iter().map(|one| (&*one.what, &*one.name, one.location.as_ref().unwrap().line)).collect();
        let expected =
            [("never-awaited", "answer", 14), ("never-retrieved", "boom", 10), ("never-awaited", "sleep", 15)];
        assert_eq!(found, expected, "{python}");
    });
}

#[test]
fn the_lines_that_bind_and_dial_are_told_whatever_library_does_it_for_them() {
    on_every_python(|python| {
        let (_, seen) = unchanged(&words(&[python, "addresses.py"]), &programs());
        let places: Vec<_> =
            seen.addressed.iter().map(|one| (&*one.call, one.location.line, &*one.location.function)).collect();
        let expected = [
            ("bind", 26, "main"),
            ("connect", 29, "main"),
            ("bind", 30, "main"),
            ("bind", 14, "serve"),
            ("connect", 18, "serve"),
        ];
        assert_eq!(places, expected, "{python}: {:?}", seen.addressed);
        assert!(seen.addressed.iter().all(|one| one.address.starts_with("127.0.0.1:")));
    });
}

#[test]
fn what_streams_are_served_with_is_told_and_whether_it_drains_what_it_writes() {
    on_every_python(|python| {
        for (program, drains) in [("streams.py", false), ("drained.py", true)] {
            let (_, seen) = unchanged(&words(&[python, program]), &programs());
            let told: Vec<_> = seen
                .served
                .iter()
                .map(|one| (&*one.handler.function, one.coroutine, one.undrained.as_ref().map(|at| at.line)))
                .collect();
            // Of several lines the one in the handler itself.
            let line = |number| (!drains).then_some(number);
            let expected = [
                ("undrained", true, line(6)),
                ("plain", false, line(11)),
                ("starter", true, line(6)),
                ("method", true, line(6)),
                ("<lambda>", true, line(6)),
                ("__call__", true, line(6)),
            ];
            assert_eq!(told, expected, "{python} {program}");
        }
    });
}

#[test]
fn a_blocked_loop_is_told_with_the_line_that_blocks_it() {
    // Its next line blocks too, and is the one at which it is when that is told the last time: half as long, so that the
    // order holds on a machine that leaves the watching thread without a processor for a while.
    on_every_python(|python| {
        let (_, seen) = unchanged(&words(&[python, "blocked.py"]), &programs());
        assert_eq!(seen.stalls.len(), 1, "{python}: {:?}", seen.stalls);
        assert_eq!((seen.stalls[0].location.line, &*seen.stalls[0].location.function), (6, "slow"));
        assert!((200.0..5000.0).contains(&seen.stalls[0].ms), "{python}: {}", seen.stalls[0].ms);
    });
}

#[test]
fn the_tracer_runs_from_its_bytecode_where_that_was_made_before() {
    on_every_python(|python| {
        let compiled = Compiled::by(&BTreeSet::from([python.to_owned()])).unwrap();
        for (bytecode, heard) in [(Some(compiled.dir()), 1), (None, 0)] {
            let place = tempfile::tempdir().unwrap();
            let listener = Listener::open_compiled(Clock::start(), place.path(), bytecode).unwrap();
            // Whoever still reads the sources goes on without the tracer.
            for name in ["main", "watch", "seen"] {
                spoil(place.path(), &format!("{name}.py"));
            }
            let prepared = listener.prepare(Role::Client, 0, &words(&[python, "neighbour.py"]));
            start(&prepared, &programs()).output().unwrap();
            assert_eq!(listener.finish().tracers.len(), heard, "{python}");
        }
    });
}

/// Overwrites the file of this name somewhere below `dir` with what is no Python.
fn spoil(dir: &Path, name: &str) {
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        match entry.path() {
            path if path.is_dir() => spoil(&path, name),
            path if entry.file_name() == name => std::fs::write(path, "no Python").unwrap(),
            _ => {}
        }
    }
}

#[test]
fn at_a_hang_every_thread_and_task_tells_the_line_it_waits_on() {
    on_every_python(|python| {
        let place = tempfile::tempdir().unwrap();
        let listener = Listener::open(Clock::start(), place.path()).unwrap();
        let prepared = listener.prepare(Role::Server, 0, &words(&[python, "hang.py"]));
        let mut child = start(&prepared, &programs()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        wait_until_idle(child.id());
        let answered = listener.ask_stacks(PATIENCE) && listener.ask_stacks(PATIENCE);
        let own = listener.own_threads();
        let named = own.iter().all(|(pid, tid)| {
            let name = std::fs::read_to_string(format!("/proc/{pid}/task/{tid}/comm"));
            name.is_ok_and(|name| name == "netdiag-tracer\n")
        });
        child.kill().unwrap();
        child.wait().unwrap();
        let seen = listener.finish();
        assert!(answered && named && own.len() == 1, "{python}: {own:?}");
        let of = |name: &str| {
            let all: Vec<_> = seen.stacks.iter().filter(|stack| stack.of.starts_with(name)).collect();
            all.iter().map(|one| (one.frames.last().unwrap().line, one.within.clone())).collect::<Vec<_>>()
        };
        assert_eq!(of("thread Thread-1"), [(7, "socket.accept".to_owned())], "{python}");
        assert_eq!(of("thread MainThread").len(), 1, "{python}");
        let mut tasks = of("task ");
        tasks.sort();
        assert_eq!(tasks.iter().map(|task| task.0).collect::<Vec<_>>(), [11, 27], "{python}: {tasks:?}");
        assert!(tasks[0].1.starts_with("asyncio.streams."), "{python}: {tasks:?}");
        assert_eq!(raised_in(&seen, "fail")[0].action, Action::Silent, "{python}: kept and asked by nobody");
    });
}

#[test]
fn a_handler_whose_failure_python_keeps_to_itself_is_told_when_asked() {
    // Python 3.11.2 holds on to the failed task for ever; later ones log it and close the connection.
    let program = "
import asyncio
async def handle(reader, writer):
    await reader.readline()
    reached.set()
    raise LookupError('in the handler')
async def main():
    global reached
    reached = asyncio.Event()
    server = await asyncio.start_server(handle, '127.0.0.1', 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b'hello\\n')
    await reached.wait()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:
        await asyncio.wait(others)
    asyncio.get_running_loop().call_soon(lambda: print('ready', flush=True))
    await asyncio.sleep(60)
asyncio.run(main())
";
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("server.py"), program).unwrap();
    on_every_python(|python| {
        let place = tempfile::tempdir().unwrap();
        let listener = Listener::open(Clock::start(), place.path()).unwrap();
        let prepared = listener.prepare(Role::Server, 0, &words(&[python, "server.py"]));
        let mut command = start(&prepared, dir.path());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        wait_until_idle(child.id());
        let answered = listener.ask_stacks(PATIENCE);
        child.kill().unwrap();
        child.wait().unwrap();
        let seen = listener.finish();
        assert!(answered, "{python}");
        assert_eq!(raised_in(&seen, "handle").len(), 1, "{python}: {seen:#?}");
    });
}

#[test]
fn children_of_every_kind_are_traced_and_behave_the_same() {
    on_every_python(|python| {
        let (_, seen) = unchanged(&words(&[python, "processes.py"]), &programs());
        // Twice a fork with parent and child, one process of each start method, all of it again in a subprocess.
        let swallowed = raised_in(&seen, "swallow").len();
        assert_eq!(swallowed, 14, "{python}: {seen:#?}");
        assert!(seen.raised.iter().all(|raised| raised.action == Action::Silent));
    });
}

#[test]
fn a_program_sees_itself_as_without_the_tracer() {
    on_every_python(|python| {
        for options in [&[][..], &["-I"], &["-E", "-u"], &["-S"], &["-X", "dev"], &["-O", "-W", "error::SyntaxWarning"]]
        {
            let mut command = words(&[python]);
            command.extend(words(options));
            command.extend(words(&["tests/programs-tracer/./facts.py", "one", "-m"]));
            unchanged(&command, Path::new(env!("CARGO_MANIFEST_DIR")));
        }
        unchanged(&words(&[python, "-m", "facts", "x"]), &programs());
        unchanged(
            &words(&[python, "-c", "import neighbour, sys; neighbour.fail(); print(sys.argv)", "x"]),
            &programs(),
        );
        unchanged(&words(&["env", "-i", python, "facts.py"]), &programs());
        unchanged(&words(&[python, "no-such-file.py"]), &programs());
        unchanged(&words(&[python, "broken.py"]), &programs());
        unchanged(&words(&[python, "escapes.py", "--", "-x"]), &programs());
        unchanged(&words(&[python, "traces.py"]), &programs());
        unchanged(&words(&[python, "lifetimes.py"]), &programs());
    });
}

#[test]
fn an_isolated_python_and_an_emptied_environment_are_traced_too() {
    let closed = ClosedPort::reserve();
    let port = closed.number().to_string();
    on_every_python(|python| {
        for command in [&[python, "-I", "swallow.py", &port][..], &["env", "-i", python, "-S", "swallow.py", &port]] {
            let (_, seen) = unchanged(&words(command), &programs());
            assert_eq!(seen.raised.len(), 1, "{command:?}");
        }
    });
}

#[test]
fn a_program_that_closes_all_descriptors_keeps_its_own() {
    on_every_python(|python| {
        let (output, seen) = unchanged(&words(&[python, "closes.py"]), &programs());
        assert!(String::from_utf8_lossy(&output.stdout).contains("nothing arrived"), "{python}");
        assert_eq!(seen.raised.first().map(|raised| raised.action), Some(Action::Silent), "{python}");
    });
}

#[test]
fn python_behind_a_shell_script_is_traced() {
    let closed = ClosedPort::reserve();
    let port = closed.number().to_string();
    let (_, seen) = unchanged(&words(&["./script.sh", &port]), &programs());
    assert_eq!(seen.raised.len(), 1, "{seen:?}");
    assert_eq!(seen.raised[0].frames[0].line, 12);
    assert!(seen.tracers.iter().any(|tracer| tracer.way == "sitecustomize"));
}

#[test]
fn an_existing_sitecustomize_still_runs() {
    on_every_python(|python| {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("sitecustomize.py"), "print('custom')").unwrap();
        std::fs::write(dir.path().join("go.py"), "import sys; print('sitecustomize' in sys.modules)").unwrap();
        let place = tempfile::tempdir().unwrap();
        let listener = Listener::open(Clock::start(), place.path()).unwrap();
        for command in [words(&[python, "go.py"]), words(&["sh", "-c", &format!("{python} go.py")])] {
            let prepared = listener.prepare(Role::Client, 0, &command);
            let ours = prepared.env.iter().find(|(name, _)| name == "PYTHONPATH").unwrap().1.clone();
            let path = format!("{ours}:{}", dir.path().display());
            let output = start(&prepared, dir.path()).env("PYTHONPATH", path).output().unwrap();
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(text.ends_with("custom\nTrue\n"), "{python}: {text}");
        }
    });
}

#[test]
fn a_virtual_environment_is_entered_as_ever() {
    let dir = tempfile::tempdir().unwrap();
    let made = Command::new("python3").args(["-m", "venv", "--without-pip"]).arg(dir.path().join("v")).status();
    if !made.is_ok_and(|status| status.success()) {
        return;
    }
    std::fs::write(dir.path().join("go.py"), "import sys; print(sys.prefix, sys.executable, sys.path)").unwrap();
    let (output, seen) = unchanged(&words(&["v/bin/python", "go.py"]), dir.path());
    assert!(output.status.success());
    assert_eq!(seen.tracers.len(), 1);
}

#[test]
fn without_a_listener_the_program_runs_as_ever() {
    on_every_python(|python| {
        let place = tempfile::tempdir().unwrap();
        let listener = Listener::open(Clock::start(), place.path()).unwrap();
        for command in [words(&[python, "facts.py"]), words(&["sh", "-c", &format!("{python} facts.py")])] {
            let prepared = listener.prepare(Role::Client, 0, &command);
            let socket = &prepared.env.iter().find(|(name, _)| name == "NETDIAG_TRACE").unwrap().1;
            let _ = std::fs::remove_file(socket);
            let output = start(&prepared, &programs()).output().unwrap();
            assert_eq!(said(&output), said(&plain(&command, &programs())));
        }
        assert!(listener.finish().tracers.is_empty());
    });
}

#[test]
fn garbage_and_floods_on_the_socket_are_survived() {
    let place = tempfile::tempdir().unwrap();
    let listener = Listener::open(Clock::start(), place.path()).unwrap();
    let program = "
import os, socket
def dial():
    s = socket.socket(socket.AF_UNIX)
    s.connect(os.environ['NETDIAG_TRACE'])
    return s
def send(*pieces):
    s = dial()
    try:
        for piece in pieces: s.sendall(piece)
    except OSError: pass
    return s
hello = ('{\"e\":\"hello\",\"pid\":1,\"part\":\"%s\",\"way\":\"x\",\"interpreter\":\"x\",\"asyncio\":true}\\n' % os.environ['NETDIAG_PART']).encode()
send(os.urandom(100000))
send(b'{\"e\":\"hello\",\"pid\":1,\"part\":\"client:9:forged\",\"way\":\"x\",\"interpreter\":\"x\",\"asyncio\":true}\\n')
send(hello, b'x' * 10_000_000)
send(hello, b'{\"e\":\"stack\",\"of\":\"t\",\"frames\":[],\"within\":\"\"}\\n' * 400_000)
idle = [send(hello) for _ in range(300)]
";
    let prepared = listener.prepare(Role::Server, 0, &words(&["python3", "-c", program]));
    let mut child = start(&prepared, &programs()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < deadline, "the program is blocked by the reader");
        std::thread::sleep(Duration::from_millis(5));
    }
    let seen = listener.finish();
    assert!(seen.tracers.iter().all(|tracer| tracer.role == Role::Server), "{:?}", seen.tracers);
    assert!(seen.stacks.len() <= 400 && seen.tracers.len() <= 32 && seen.omitted > 0);
}

#[test]
fn an_honest_server_keeps_serving_under_the_tracer() {
    let program = "
import socketserver, sys
class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line)
server = socketserver.ThreadingTCPServer(('127.0.0.1', 0), Echo)
print(server.server_address[1], flush=True)
server.serve_forever()
";
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("server.py"), program).unwrap();
    on_every_python(|python| {
        let place = tempfile::tempdir().unwrap();
        let listener = Listener::open(Clock::start(), place.path()).unwrap();
        let prepared = listener.prepare(Role::Server, 0, &words(&[python, "server.py"]));
        let mut child = start(&prepared, dir.path()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", line.trim().parse().unwrap())).unwrap();
        std::io::Write::write_all(&mut stream, b"hello\n").unwrap();
        let mut echoed = String::new();
        BufReader::new(&stream).read_line(&mut echoed).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let seen = listener.finish();
        assert_eq!((echoed.as_str(), seen.raised.len(), seen.tracers.len()), ("hello\n", 0, 1), "{python}");
    });
}

/// An event loop that is not written in Python: its server and client in one program, and a handler that fails at last.
#[test]
fn a_program_on_uvloop_behaves_the_same_and_is_traced() {
    let program = "
import asyncio, uvloop
async def echo(reader, writer):
    while line := await reader.readline():
        if line == b'bad\\n':
            failed.set()
            raise ValueError('bad line')
        writer.write(line)
        await writer.drain()
    writer.close()
async def main():
    global failed
    failed = asyncio.Event()
    print(type(asyncio.get_running_loop()).__module__)
    server = await asyncio.start_server(echo, '127.0.0.1', 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    for line in (b'one\\n', b'two\\n'):
        writer.write(line)
        print(await reader.readline())
    child = await asyncio.create_subprocess_exec('echo', 'child', stdout=-1)
    print((await child.communicate())[0], await asyncio.to_thread(sum, [1, 2]) if hasattr(asyncio, 'to_thread') else 3)
    writer.write(b'bad\\n')
    await failed.wait()
uvloop.install()
asyncio.run(main())
";
    let has_it = |python: &str| {
        Command::new(python)
            .args(["-c", "import uvloop"])
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    let found: Vec<String> = pythons().into_iter().filter(|python| has_it(python)).collect();
    if found.is_empty() {
        eprintln!("reduced: no Python here has uvloop");
        assert!(std::env::var_os("NETDIAG_REQUIRE_CAPTURE").is_none(), "no Python here has uvloop");
    }
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("both.py"), program).unwrap();
    for python in found {
        let place = tempfile::tempdir().unwrap();
        let listener = Listener::open(Clock::start(), place.path()).unwrap();
        let command = words(&[&python, "both.py"]);
        let prepared = listener.prepare(Role::Server, 0, &command);
        let (traced, untraced) = (start(&prepared, dir.path()).output().unwrap(), plain(&command, dir.path()));
        assert_eq!((traced.status, &traced.stdout), (untraced.status, &untraced.stdout), "{python}: {traced:?}");
        assert!(traced.stdout.starts_with(b"uvloop"), "{traced:?}");
        let seen = listener.finish();
        let raised: Vec<&str> = seen.raised.iter().map(|raised| raised.message.as_str()).collect();
        assert_eq!(raised, ["bad line"], "{python}");
    }
}

#[test]
fn a_refused_port_really_is_closed() {
    // The premise of the tests above.
    let closed = ClosedPort::reserve();
    assert!(std::net::TcpStream::connect(("127.0.0.1", closed.number())).is_err());
    assert!(TcpListener::bind(("127.0.0.1", closed.number())).is_err());
}
