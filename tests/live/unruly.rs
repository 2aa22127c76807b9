//! Programs that behave badly towards whoever starts them, and many runs at once: the verdict stands, the terminal is left
//! alone, memory stays bounded, and nothing is left behind.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::stand::{Ended, NETDIAG, Run, turn};

/// How many runs the soak makes; a few in every test run, as many as told by hand.
const SOAK: &str = "NETDIAG_SOAK";
const RUNS: usize = 16;
/// How many of them at the same time.
const AT_ONCE: usize = 8;
/// What netdiag's largest process may take, in kB; a debug build by itself takes 60,000.
const MOST_KB: u64 = 250_000;

/// An echo server that first does `before`, and does `while_serving` before each reply.
fn server(before: &str, while_serving: &str) -> String {
    format!(
        "import os, signal, socket, sys, threading, time\n{before}\n\
         server = socket.create_server(('127.0.0.1', 12345))\n\
         while True:\n    connection, _ = server.accept()\n    with connection:\n\
         \x20       while data := connection.recv(4096):\n            {while_serving}\n            connection.sendall(data)\n"
    )
}

const CLIENT: &str = "\
import socket
connection = socket.create_connection(('127.0.0.1', 12345))
connection.sendall(b'hello\\n')
print(connection.recv(100))
";

/// A server that reads and never answers.
const MUTE: &str = "\
import socket
server = socket.create_server(('127.0.0.1', 12345))
while True:
    connection, _ = server.accept()
    while connection.recv(4096): pass
";

/// A pair of programs, in a directory in which netdiag keeps its temporary files too.
struct Pair {
    directory: tempfile::TempDir,
}

impl Pair {
    fn new(server: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("server.py"), server).unwrap();
        fs::write(directory.path().join("client.py"), CLIENT).unwrap();
        fs::create_dir(directory.path().join("tmp")).unwrap();
        Self { directory }
    }

    fn start(&self, more: &[&str]) -> Run {
        let temporary = format!("TMPDIR={}", self.directory.path().join("tmp").display());
        let pair = ["run", "--server", "python3 server.py", "--client", "python3 client.py", "--at", "127.0.0.1:12345"];
        Run::start(&["env", &temporary], Path::new(NETDIAG), &[&pair[..], more].concat(), self.directory.path())
    }

    fn assert_nothing_is_left(&self) {
        let left: Vec<_> = fs::read_dir(self.directory.path().join("tmp")).unwrap().flatten().collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// Runs the pair to its end, which also waits until no process of it is left.
fn judged(server: &str) -> Ended {
    let _turn = turn();
    let pair = Pair::new(server);
    let ended = pair.start(&["--json"]).end();
    pair.assert_nothing_is_left();
    assert_eq!((&ended.json()["verdict"]["side"], ended.code()), (&"none".into(), 0), "{ended:?}");
    ended
}

#[test]
fn what_a_program_prints_stays_text() {
    let _turn = turn();
    let noise = "sys.stdout.write('\\x1b]0;mine\\x07\\x1b[2J\\x1b[?1049h\\x9b31m\\u202e\\r\\n::error::no\\n'); sys.stdout.flush()";
    // It dies with the same on its lips, so that the page has to quote it.
    let last_words = format!("{noise}; sys.stderr.write('\\x1b[31m\\x1b]8;;http://a\\x07'); os._exit(3)");
    let pair = Pair::new(&server(noise, &last_words));
    let ended = pair.start(&["--color", "never"]).end();
    assert_eq!(ended.code(), 1, "{ended:?}");
    assert!(ended.stdout.contains("\\x1b[31m"), "its last words are not quoted: {}", ended.stdout);
    let breaks =
        |text: &str| text.chars().find(|c| (c.is_control() && *c != '\n') || ('\u{202a}'..='\u{202e}').contains(c));
    assert_eq!((breaks(&ended.stdout), breaks(&ended.stderr)), (None, None), "{ended:?}");
    assert!(!ended.stdout.lines().any(|line| line.starts_with("::")), "{}", ended.stdout);
    pair.assert_nothing_is_left();
}

#[test]
fn a_program_that_prints_without_end_is_read_in_bounded_memory() {
    let _turn = turn();
    let pair = Pair::new(&server("block = b'x' * 65536", "for _ in range(16384): os.write(1, block)"));
    let mut run = pair.start(&["--json"]);
    let recorder = run.member("__record");
    let mut peak = 0;
    run.wait_until("the recorder's end", |_| {
        let status = procfs::process::Process::new(recorder.as_raw()).and_then(|process| process.status());
        let now = status.ok().and_then(|status| status.vmhwm);
        peak = peak.max(now.unwrap_or_default());
        now.is_none()
    });
    let ended = run.end();
    assert_eq!(ended.json()["verdict"]["side"], "none", "{ended:?}");
    assert!((1..MOST_KB).contains(&peak), "{peak} kB");
}

#[test]
fn a_program_that_ignores_every_polite_signal_is_ended_all_the_same() {
    judged(&server("for polite in (1, 2, 3, 15): signal.signal(polite, signal.SIG_IGN)", "pass"));
}

#[test]
fn a_program_without_standard_streams_is_judged_like_any_other() {
    judged(&server("os.closerange(0, 3)", "pass"));
}

#[test]
fn a_program_that_forks_and_forks_leaves_no_child_behind() {
    let forks = "\
def forks():
    for _ in range(100):
        if os.fork() == 0:
            os.setsid()
            time.sleep(600)
            os._exit(0)
threading.Thread(target=forks).start()";
    judged(&server(forks, "pass"));
}

#[test]
fn many_runs_at_once_are_all_right_and_leave_nothing_behind() {
    let _turn = turn();
    let runs = std::env::var(SOAK).ok().and_then(|told| told.parse().ok()).unwrap_or(RUNS);
    let next = AtomicUsize::new(0);
    let one = || {
        while next.fetch_add(1, Ordering::Relaxed) < runs {
            for (server, side) in [(server("pass", "pass").as_str(), "none"), (MUTE, "server")] {
                let pair = Pair::new(server);
                let ended = pair.start(&["--json"]).end();
                let verdict = &ended.json()["verdict"];
                assert_eq!((&verdict["side"], &verdict["confidence"]), (&side.into(), &"proven".into()), "{ended:?}");
                pair.assert_nothing_is_left();
            }
        }
    };
    let began = std::time::Instant::now();
    std::thread::scope(|scope| (0..AT_ONCE).for_each(|_| drop(scope.spawn(one))));
    eprintln!("{runs} healthy and {runs} hanging runs in {:?}", Duration::from_secs(began.elapsed().as_secs()));
}
