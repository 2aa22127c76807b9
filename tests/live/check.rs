//! `netdiag check`, the command itself, against echo servers that nobody wrote for netdiag: nothing is wrong with any of
//! them, each speaks its dialect, and each is as well afterwards as before.

use netdiag::evidence::Transport;
use serde_json::{Value, json};

use crate::echo_servers::{Server, program, xinetd};
use crate::ports::free_port;
use crate::stand;

/// Checks a server with the command and compares the verdict and what it learned.
fn is_innocent(server: &Server, transport: Transport, framing: &str, reply: &Value) {
    let address = server.address.to_string();
    let before = descriptors(server.pid());
    let mut words = vec!["check", &address, "--json"];
    if transport == Transport::Udp {
        words.push("--udp");
    }
    let ended = stand::netdiag(&words);
    let report = ended.json();
    let seen = || serde_json::to_string_pretty(&report).unwrap();
    assert_eq!(report["verdict"]["side"], json!("none"), "{}", seen());
    assert_eq!(ended.code(), 0, "{}", seen());
    let contract = &report["contract"];
    assert_eq!(contract["framing"]["value"], json!(framing), "{}", seen());
    if transport == Transport::Tcp {
        assert_eq!(contract["framing"]["source"], json!("learned"), "{}", seen());
    }
    let told = json!([contract["reply"]["value"], contract["reply"]["text"]]);
    assert_eq!(told, *reply, "{}", seen());
    let deadline = std::time::Instant::now() + stand::LONG;
    while descriptors(server.pid()) > before {
        assert!(std::time::Instant::now() < deadline, "descriptors are left behind: {}", seen());
        std::thread::yield_now();
    }
}

/// The same for longer; nothing may be left behind then either.
#[test]
fn a_thorough_check_is_as_polite() {
    let python = |name| Server::start("python3", &["python3", &program(name), "0"], Transport::Tcp);
    let socat = ["socat", "TCP-LISTEN:0,bind=127.0.0.1,fork,backlog=50", "EXEC:/bin/cat"];
    // xinetd takes 50 connections in a second and then none for a while.
    let start: [&dyn Fn() -> Server; 4] = [
        &|| python("asyncio_line.py"),
        &|| python("threaded.py"),
        &|| Server::start("socat", &socat, Transport::Tcp),
        &|| xinetd(Transport::Tcp),
    ];
    for server in start.map(|start| start()) {
        let before = descriptors(server.pid());
        let ended = stand::netdiag(&["check", &server.address.to_string(), "--thorough", "--json"]);
        let report = ended.json();
        assert_eq!((report["verdict"]["side"].as_str(), ended.code()), (Some("none"), 0), "{report:#}");
        let deadline = std::time::Instant::now() + stand::LONG;
        while descriptors(server.pid()) > before {
            assert!(std::time::Instant::now() < deadline, "descriptors are left behind: {report:#}");
            std::thread::yield_now();
        }
    }
}

/// Opens a file for each client and keeps it: nothing that a few clients would notice.
const KEEPS_A_FILE: &str = "\
import socket, threading
kept = []
def serve(connection):
    kept.append(open('/dev/null'))
    with connection, connection.makefile('rwb') as lines:
        for line in lines:
            lines.write(line)
            lines.flush()
server = socket.create_server(('127.0.0.1', 0))
while True:
    connection, _ = server.accept()
    threading.Thread(target=serve, args=(connection,), daemon=True).start()";

#[test]
fn what_a_server_keeps_of_every_client_shows_in_a_thorough_check_only() {
    let server = Server::start("python3", &["python3", "-c", KEEPS_A_FILE], Transport::Tcp);
    let address = server.address.to_string();
    let quick = stand::netdiag(&["check", &address, "--json"]).json();
    assert_eq!(quick["verdict"]["side"], "none", "{quick:#}");
    let long = stand::netdiag(&["check", &address, "--thorough", "--json"]).json();
    assert_eq!(long["verdict"]["side"], "server", "{long:#}");
    assert!(long["verdict"]["summary"].as_str().unwrap().contains("more descriptors open"), "{long:#}");
}

fn descriptors(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

fn checks(package: &str, words: &[&str], framing: &str, reply: &Value) {
    let server = Server::start(package, words, Transport::Tcp);
    is_innocent(&server, Transport::Tcp, framing, reply);
}

fn exact() -> Value {
    json!(["exact", null])
}

#[test]
fn socat_is_innocent() {
    let words = ["socat", "TCP-LISTEN:0,bind=127.0.0.1,fork,backlog=50", "EXEC:/bin/cat"];
    checks("socat", &words, "raw", &exact());
}

#[test]
fn socat_is_innocent_of_datagrams() {
    let words = ["socat", "-b", "65536", "UDP-RECVFROM:0,bind=127.0.0.1,fork", "EXEC:/bin/cat"];
    is_innocent(&Server::start("socat", &words, Transport::Udp), Transport::Udp, "datagram", &exact());
}

#[test]
fn ncat_is_innocent_although_it_hangs_up_on_a_half_close() {
    let port = free_port(Transport::Tcp).to_string();
    let words = ["ncat", "-l", "-k", "-e", "/bin/cat", "-m", "200", "127.0.0.1", &port];
    checks("ncat", &words, "raw", &exact());
}

#[test]
fn xinetd_is_innocent() {
    is_innocent(&xinetd(Transport::Tcp), Transport::Tcp, "raw", &exact());
}

#[test]
fn xinetd_is_innocent_of_datagrams() {
    is_innocent(&xinetd(Transport::Udp), Transport::Udp, "datagram", &exact());
}

#[test]
fn asyncio_is_innocent() {
    checks("python3", &["python3", &program("asyncio_line.py"), "0"], "line", &exact());
}

#[test]
fn a_threaded_server_is_innocent() {
    checks("python3", &["python3", &program("threaded.py"), "0"], "line", &exact());
}

#[test]
fn a_select_server_with_a_prefix_is_innocent() {
    checks("python3", &["python3", &program("select_prefix.py"), "0"], "raw", &json!(["prefix", "Echo : "]));
}

#[test]
fn node_is_innocent() {
    checks("nodejs", &["node", &program("echo.js"), "0"], "raw", &exact());
}

#[test]
fn perl_is_innocent() {
    checks("perl", &["perl", &program("echo.pl"), "0"], "line", &exact());
}

#[test]
fn java_is_innocent() {
    checks("default-jdk-headless", &["java", "-XX:+UseSerialGC", &program("Echo.java"), "0"], "line", &exact());
}

#[test]
fn a_tokio_server_is_innocent() {
    let words = [stand::NETDIAG, "serve", "--listen", "127.0.0.1:0", "--framing", "raw"];
    checks("netdiag", &words, "raw", &exact());
}
