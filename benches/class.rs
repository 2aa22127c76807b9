//! How long a class takes: `netdiag grade` beside the harness that courses write for themselves, over the same checks.
//!
//! Both start the submissions with the same interpreter. The harness starts the server anew for each check, sleeps half a
//! second, and waits five seconds for what does not come; pytest runs it, one test after the other. It is run on every
//! tenth submission and its time scaled, unless NETDIAG_BENCH_WHOLE is set, because it takes most of an hour. Nothing is
//! asserted; wrong marks are counted for both.
#![allow(clippy::print_stdout, reason = "the table is the result")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

const NETDIAG: &str = env!("CARGO_BIN_EXE_netdiag");
/// What pytest is installed for; the lab names it too.
const PYTHON: &str = "/usr/bin/python3";
const CLASS: usize = 200;
/// One submission of so many is given to the harness.
const SAMPLE: usize = 10;
const CHECKS: [&str; 5] = ["starts", "echo", "bytes", "half-close", "together"];

/// A kind of submission: its text, how many of ten are like it, whether it is right.
struct Kind {
    name: &'static str,
    of_ten: usize,
    right: bool,
    text: &'static str,
}

const KINDS: [Kind; 6] = [
    Kind { name: "threads", of_ten: 2, right: true, text: THREADS },
    Kind { name: "asyncio", of_ten: 2, right: true, text: ASYNCIO },
    Kind { name: "selectors", of_ten: 2, right: true, text: SELECTORS },
    Kind { name: "slow-start", of_ten: 1, right: true, text: SLOW },
    Kind { name: "silent", of_ten: 2, right: false, text: SILENT },
    Kind { name: "silent-threads", of_ten: 1, right: false, text: SILENT_THREADS },
];

const THREADS: &str = "import socketserver
class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line)
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
Server(('127.0.0.1', 12345), Echo).serve_forever()
";
const ASYNCIO: &str = "import asyncio
async def echo(reader, writer):
    while line := await reader.readline():
        writer.write(line)
        await writer.drain()
    writer.close()
async def main():
    server = await asyncio.start_server(echo, '127.0.0.1', 12345)
    async with server:
        await server.serve_forever()
asyncio.run(main())
";
const SELECTORS: &str = "import selectors, socket
ready = selectors.DefaultSelector()
listener = socket.create_server(('127.0.0.1', 12345))
ready.register(listener, selectors.EVENT_READ)
while True:
    for key, _ in ready.select():
        if key.fileobj is listener:
            ready.register(listener.accept()[0], selectors.EVENT_READ)
        elif data := key.fileobj.recv(4096):
            key.fileobj.sendall(data)
        else:
            ready.unregister(key.fileobj)
            key.fileobj.close()
";
const SLOW: &str = "import time
time.sleep(0.8)
import asyncio
async def echo(reader, writer):
    while line := await reader.readline():
        writer.write(line)
    writer.close()
async def main():
    async with await asyncio.start_server(echo, '127.0.0.1', 12345) as server:
        await server.serve_forever()
asyncio.run(main())
";
const SILENT: &str = "import asyncio
async def echo(reader, writer):
    while line := await reader.readline():
        print('received', line)
async def main():
    server = await asyncio.start_server(echo, '127.0.0.1', 12345)
    async with server:
        await server.serve_forever()
asyncio.run(main())
";
const SILENT_THREADS: &str = "import socket, threading
def serve(connection):
    while data := connection.recv(4096):
        print(data)
listener = socket.create_server(('127.0.0.1', 12345))
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
";

const LAB: &str = r#"title = "A line echo server"
[server]
files = ["server.py"]
command = "/usr/bin/python3 {file}"
[contract]
address = "127.0.0.1:12345"
transport = "tcp"
framing = "line"
reply = "exact"
lifetime = "session"
[[checks]]
id = "starts"
title = "It listens"
points = 1
expect = { listens = true }
[checks.client]
[[checks]]
id = "echo"
title = "A line comes back"
points = 1
[checks.client]
[[checks]]
id = "bytes"
title = "Any bytes come back"
points = 1
[checks.client]
script = ["caf\\xc3\\xa9 \\xff\\xfe\\x00\\x80\\n"]
[[checks]]
id = "half-close"
title = "A client that has sent everything gets its reply"
points = 1
[checks.client]
half-close = true
[[checks]]
id = "together"
title = "Eight clients at once, three messages each"
points = 1
[checks.contract]
concurrency = 8
[checks.client]
clients = 8
repeat = 3
"#;

const HARNESS: &str = r"import os, socket, subprocess, sys, threading, time
import pytest

@pytest.fixture(params=sorted(os.listdir('class')))
def server(request):
    process = subprocess.Popen([sys.executable, 'server.py'], cwd=os.path.join('class', request.param),
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    yield process
    process.kill()
    process.wait()

def dial():
    return socket.create_connection(('127.0.0.1', 12345), timeout=5)

def echoes(connection, line):
    connection.sendall(line)
    got = b''
    while not got.endswith(b'\n'):
        data = connection.recv(4096)
        assert data
        got += data
    assert got == line

def test_starts(server):
    dial().close()

def test_echo(server):
    echoes(dial(), b'hello\n')

def test_bytes(server):
    echoes(dial(), b'caf\xc3\xa9 \xff\xfe\x00\x80\n')

def test_half_close(server):
    connection = dial()
    connection.sendall(b'hello\n')
    connection.shutdown(socket.SHUT_WR)
    assert connection.recv(4096) == b'hello\n'

def test_together(server):
    failed = []
    def one(number):
        try:
            connection = dial()
            for turn in range(3):
                echoes(connection, b'client %d turn %d\n' % (number, turn))
        except Exception as error:
            failed.append(error)
    clients = [threading.Thread(target=one, args=(number,)) for number in range(8)]
    for client in clients: client.start()
    for client in clients: client.join()
    assert not failed
";

fn main() -> Result<()> {
    let place = tempfile::tempdir()?;
    let class = place.path().join("class");
    hand_in(&class, 1)?;
    fs::write(place.path().join("lab.toml"), LAB)?;
    let (ours, wrong) = graded(place.path())?;
    println!("\n{CLASS} submissions, {} checks each, 3 of 10 hanging, 1 of 10 slow to start", CHECKS.len());
    println!("  netdiag grade                 {ours:>8.1} s   {wrong} of {} results wrong", CLASS * CHECKS.len());
    let every = if std::env::var_os("NETDIAG_BENCH_WHOLE").is_some() { 1 } else { SAMPLE };
    fs::remove_dir_all(&class)?;
    hand_in(&class, every)?;
    let (theirs, wrong) = harnessed(place.path())?;
    let whole = theirs * every as f64;
    let scaled = if every > 1 { format!(" (scaled from {} submissions)", CLASS / every) } else { String::new() };
    println!(
        "  pytest, one after the other   {whole:>8.1} s   {wrong} of {} results wrong{scaled}",
        CLASS / every * CHECKS.len()
    );
    println!("  ratio                         {:>8.1}", whole / ours);
    Ok(())
}

/// Every `every`th submission of the class; the kinds keep their shares.
fn hand_in(class: &Path, every: usize) -> Result<()> {
    let ten: Vec<&Kind> = KINDS.iter().flat_map(|kind| std::iter::repeat_n(kind, kind.of_ten)).collect();
    for number in 0..CLASS / every {
        let kind = ten[number % ten.len()];
        let folder = class.join(format!("{number:03}-{}", kind.name));
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("server.py"), kind.text)?;
    }
    Ok(())
}

/// What each check of a submission should come to: a silent server listens, and no more.
fn should_pass(submission: &str, check: &str) -> bool {
    KINDS.iter().any(|kind| submission[4..] == *kind.name && kind.right) || check == "starts"
}

fn graded(place: &Path) -> Result<(f64, usize)> {
    let began = Instant::now();
    let output = Command::new(NETDIAG)
        .args(["grade", "class", "--lab", "lab.toml", "--out", "out", "--json"])
        .current_dir(place)
        .stderr(Stdio::null())
        .output()?;
    let taken = began.elapsed().as_secs_f64();
    let results: Value = serde_json::from_slice(&output.stdout).context("netdiag grade did not answer")?;
    let submissions = results["submissions"].as_array().context("no submissions")?;
    ensure!(submissions.len() == CLASS, "{} submissions were graded", submissions.len());
    let mut wrong = 0;
    for submission in submissions {
        let name = submission["name"].as_str().unwrap_or_default();
        for check in submission["checks"].as_array().context("no checks")? {
            let id = check["id"].as_str().unwrap_or_default();
            wrong += usize::from((check["outcome"] == "passed") != should_pass(name, id));
        }
    }
    Ok((taken, wrong))
}

fn harnessed(place: &Path) -> Result<(f64, usize)> {
    fs::write(place.join("test_echo.py"), HARNESS)?;
    let began = Instant::now();
    let output = Command::new(PYTHON)
        .args(["-m", "pytest", "-q", "-rA", "--tb=no", "-p", "no:cacheprovider", "test_echo.py"])
        .current_dir(place)
        .output()?;
    let taken = began.elapsed().as_secs_f64();
    let printed = String::from_utf8_lossy(&output.stdout);
    let mut verdicts = BTreeMap::new();
    for line in printed.lines() {
        let Some((outcome, test)) = line.split_once(" test_echo.py::test_") else { continue };
        let Some((check, submission)) =
            test.split(' ').next().and_then(|test| test.trim_end_matches(']').split_once('['))
        else {
            continue;
        };
        verdicts.insert((submission.to_owned(), check.replace('_', "-")), outcome == "PASSED");
    }
    ensure!(!verdicts.is_empty(), "pytest is missing or said nothing (apt-get install python3-pytest): {printed}");
    let wrong = verdicts.iter().filter(|((name, check), passed)| **passed != should_pass(name, check)).count();
    Ok((taken, wrong))
}
