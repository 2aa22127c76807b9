//! How netdiag comes to know that nothing more will come, without waiting for a deadline: by proof, and where a server keeps
//! looking for new clients, by seeing it do nothing else. And that on the host, too, a datagram nobody took is seen.

use std::fs;
use std::process::Command;

use netdiag::evidence::{Ending, Evidence, Probe};

use crate::stand::{netdiag, turn};

const CLIENT: &str = "\
import socket
connection = socket.create_connection(('127.0.0.1', 12345))
connection.sendall(b'hello\\n')
print(connection.recv(100))
";

/// What was seen of the ordinary client and a server with this text; the side comes with it.
fn seen(server: &str) -> (String, Evidence) {
    let _turn = turn();
    let directory = tempfile::tempdir().unwrap();
    let place = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    fs::write(place("server.py"), server).unwrap();
    fs::write(place("client.py"), CLIENT).unwrap();
    let (server, client) = (format!("python3 {}", place("server.py")), format!("python3 {}", place("client.py")));
    let kept = place("case.json");
    let ended = netdiag(&[
        "run",
        "--server",
        &server,
        "--client",
        &client,
        "--at",
        "127.0.0.1:12345",
        "--save",
        &kept,
        "--json",
    ]);
    let side = ended.json()["verdict"]["side"].as_str().unwrap_or_else(|| panic!("{ended:?}")).to_owned();
    (side, serde_json::from_str(&fs::read_to_string(kept).unwrap()).unwrap())
}

fn probes(evidence: &Evidence) -> &[Probe] {
    &evidence.probes.seen().unwrap().probes
}

#[test]
fn a_silent_server_that_has_read_everything_and_waits_is_asked_no_longer() {
    let (side, evidence) = seen(
        "import asyncio
async def handle(reader, writer):
    while await reader.readline(): pass
    writer.close()
async def main():
    async with await asyncio.start_server(handle, '127.0.0.1', 12345) as server:
        await server.serve_forever()
asyncio.run(main())
",
    );
    assert_eq!((side.as_str(), evidence.setting.ended), ("server", Ending::HangProven));
    assert!(
        probes(&evidence).iter().any(|probe| probe.at_rest && probe.received_total == 0),
        "{:?}",
        probes(&evidence)
    );
}

#[test]
fn a_server_that_takes_its_time_is_not_taken_to_rest() {
    let (side, evidence) = seen(
        "import socket, time
with socket.create_server(('127.0.0.1', 12345)) as listener:
    while True:
        connection, _ = listener.accept()
        with connection:
            while data := connection.recv(4096):
                time.sleep(0.3)
                connection.sendall(data)
",
    );
    assert_eq!((side.as_str(), evidence.setting.ended), ("none", Ending::ClientsEnded));
    let answered = |probe: &&Probe| probe.sent_total > 0 && probe.received_total > 0;
    let lines: Vec<&Probe> = probes(&evidence).iter().filter(answered).collect();
    assert!(!lines.is_empty(), "{:?}", probes(&evidence));
    assert!(!lines.iter().any(|probe| probe.at_rest && probe.before_half_close == 0), "{lines:?}");
}

#[test]
fn a_mute_handler_beside_an_accept_loop_with_a_time_limit_is_told_before_the_deadline() {
    let (side, evidence) = seen(
        "import socketserver
class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile: pass
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
with Server(('127.0.0.1', 12345), Handler) as server:
    server.serve_forever()
",
    );
    assert_eq!((side.as_str(), evidence.setting.ended), ("server", Ending::Idle));
}

#[test]
fn a_server_that_answers_from_its_accept_loop_after_a_while_is_waited_for() {
    let (side, evidence) = seen(
        "import select, socket, time
listener = socket.create_server(('127.0.0.1', 12345))
owed = []
while True:
    ready, _, _ = select.select([listener], [], [], 0.2)
    for one in ready:
        connection, _ = listener.accept()
        owed.append((time.monotonic() + 1.2, connection, connection.recv(4096)))
    for due in [one for one in owed if one[0] < time.monotonic()]:
        due[1].sendall(due[2])
        due[1].close()
        owed.remove(due)
",
    );
    assert_eq!((side.as_str(), evidence.setting.ended), ("none", Ending::ClientsEnded));
}

#[test]
fn a_datagram_to_a_wrong_port_is_seen_on_the_host_too() {
    let _turn = turn();
    let directory = tempfile::tempdir().unwrap();
    let place = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    // Two ports that were free a moment ago.
    let ports = "import socket, sys
held = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
for one in held: one.bind(('127.0.0.1', 0))
print(held[0].getsockname()[1], held[1].getsockname()[1])
";
    let free = Command::new("python3").args(["-c", ports]).output().unwrap();
    let free = String::from_utf8(free.stdout).unwrap();
    let (right, wrong) = free.trim().split_once(' ').unwrap();
    let server = format!(
        "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.bind(('127.0.0.1', {right}))\n\
         while True:\n    data, peer = s.recvfrom(2048)\n    s.sendto(data, peer)\n"
    );
    let client = format!(
        "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.settimeout(0.5)\n\
         s.sendto(b'hello', ('127.0.0.1', {wrong}))\nprint(s.recv(2048))\n"
    );
    fs::write(place("server.py"), server).unwrap();
    fs::write(place("client.py"), client).unwrap();
    let (server, client) = (format!("python3 {}", place("server.py")), format!("python3 {}", place("client.py")));
    let at = format!("127.0.0.1:{right}");
    let ended = netdiag(&["run", "--host", "--udp", "--server", &server, "--client", &client, "--at", &at, "--json"]);
    let verdict = &ended.json()["verdict"];
    let captures = ended.json()["gaps"].as_array().unwrap().iter().all(|gap| gap["source"] != "packets");
    let expected = if captures { "client" } else { "unknown" };
    assert!(verdict["side"] == "client" || verdict["side"] == expected, "{ended:?}");
}
