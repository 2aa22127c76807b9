//! The reference parts as processes of their own: how they look from outside, and how they end.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test ends where it cannot go on")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::ports::ClosedPort;

/// Far more than anything here takes; only a failing test waits for it.
const LONG: Duration = Duration::from_secs(10);

/// A process that is ended with its owner.
struct Actor(Child);

impl Actor {
    fn start(part: &str, more: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_netdiag"))
            .arg("__actor")
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(part.as_bytes()).unwrap();
        Self(child)
    }

    /// A server with these faults, and its address once it listens.
    fn server(faults: &str, more: &[&str]) -> (Self, String) {
        let part = format!(r#"{{"server":{{"listen":["127.0.0.1:0"],"faults":{faults}}}}}"#);
        let mut actor = Self::start(&part, more);
        let mut line = String::new();
        BufReader::new(actor.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").expect("it says where it listens").to_owned();
        (actor, address)
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.0.id()).unwrap())
    }

    fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        await_state("the end of the actor", || {
            status = self.0.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }

    fn errors(&mut self) -> String {
        let mut text = String::new();
        self.0.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        text
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn await_state(what: &str, mut reached: impl FnMut() -> bool) {
    let began = Instant::now();
    while !reached() {
        assert!(began.elapsed() < LONG, "waited for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn ask(address: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"hello\n").unwrap();
    stream
}

/// The state letter of a process.
#[cfg(target_os = "linux")]
fn state(actor: &Actor) -> char {
    procfs::process::Process::new(actor.pid().as_raw()).unwrap().stat().unwrap().state
}

#[test]
fn a_term_ends_an_actor_even_while_its_loop_is_blocked() {
    let (mut actor, address) = Actor::server(r#"[{"block-loop":60000}]"#, &[]);
    let _waiting = ask(&address);
    kill(actor.pid(), Signal::SIGTERM).unwrap();
    assert!(!actor.ended().success());
}

#[cfg(target_os = "linux")]
#[test]
fn a_waiting_actor_is_one_thread_in_a_wait_without_a_time_limit() {
    for faults in ["[]", r#"["drop-reply"]"#, r#"["never-read"]"#, r#"["never-accept"]"#] {
        let (actor, address) = Actor::server(faults, &[]);
        let _waiting = ask(&address);
        let proc = format!("/proc/{}", actor.pid());
        await_state(faults, || {
            let call = std::fs::read_to_string(format!("{proc}/syscall")).unwrap();
            // x86-64: epoll_wait is 232, epoll_pwait 281; aarch64: epoll_pwait 22. The fourth argument is the limit.
            let words: Vec<&str> = call.split_whitespace().collect();
            ["232", "281", "22"].contains(&words[0]) && words[4] == "0xffffffff"
        });
        assert_eq!(std::fs::read_dir(format!("{proc}/task")).unwrap().count(), 1, "{faults}");
        let arguments = std::fs::read_to_string(format!("{proc}/cmdline")).unwrap();
        assert!(arguments.ends_with("\0__actor\0"), "{arguments:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_suspended_server_is_stopped_and_goes_on_when_it_is_told_to() {
    let (actor, address) = Actor::server(r#"["suspend"]"#, &[]);
    let mut stream = ask(&address);
    await_state("SIGSTOP", || state(&actor) == 'T');
    kill(actor.pid(), Signal::SIGCONT).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.read_exact(&mut [0; 6]).unwrap();
}

#[test]
fn a_server_that_dies_says_why_with_status_1() {
    let mut dying = Actor::start(r#"{"server":{"faults":[{"die-at-start":"Traceback\n  boom"}]}}"#, &[]);
    assert_eq!(dying.ended().code(), Some(1));
    assert_eq!(dying.errors(), "Traceback\n  boom\n");

    let (_first, address) = Actor::server("[]", &[]);
    let mut second = Actor::start(&format!(r#"{{"server":{{"listen":["{address}"]}}}}"#), &[]);
    assert_eq!(second.ended().code(), Some(1));
    assert!(second.errors().contains(&format!("cannot listen on {address}")));
}

#[test]
fn a_client_is_honest_unless_it_swallows_its_errors() {
    let reserved = ClosedPort::reserve();
    let free = format!("127.0.0.1:{}", reserved.number());
    let play = |faults: &str| {
        let mut client = Actor::start(&format!(r#"{{"client":{{"dial":"{free}","faults":{faults}}}}}"#), &[]);
        (client.ended().code(), client.errors())
    };
    assert_eq!(play("[]"), (Some(1), format!("netdiag: connection refused: nobody listens on {free}\n")));
    assert_eq!(play(r#"["swallow-errors"]"#), (Some(0), String::new()));
}

#[cfg(tokio_unstable)]
#[test]
fn the_console_answers_while_the_loop_is_blocked() {
    use console_api::instrument::{InstrumentRequest, instrument_client::InstrumentClient};

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("console.sock");
    let path = path.to_str().unwrap();
    let (_actor, address) = Actor::server(r#"[{"block-loop":60000}]"#, &["--console", path]);
    let _waiting = ask(&address);
    let url = format!("unix:{path}");
    let seen = async {
        let channel = tonic::transport::Endpoint::from_shared(url).unwrap().connect().await.unwrap();
        let mut updates =
            InstrumentClient::new(channel).watch_updates(InstrumentRequest {}).await.unwrap().into_inner();
        let mut names = Vec::new();
        while let Some(update) = updates.message().await.unwrap() {
            for task in update.task_update.into_iter().flat_map(|tasks| tasks.new_tasks) {
                names.extend(task.fields.iter().map(|field| format!("{:?}", field.value)));
            }
            let has = |name: &str| names.iter().any(|field| field.contains(name));
            if has("accept 127.0.0.1") && has("connection 127.0.0.1") {
                return;
            }
        }
        panic!("the console ended: {names:?}");
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(LONG, seen).await }).expect("both tasks are shown");
}
