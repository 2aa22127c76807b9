//! What people get wrong, and what goes wrong around netdiag: a clear message with the promised exit status, a report of
//! what was seen so far, and nothing left behind.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill};

use crate::stand::{Ended, NETDIAG, Run, netdiag, turn};

/// Wrong usage: status 2, nothing on standard output, and every one of `words` in the message.
fn refused(arguments: &[&str], words: &[&str]) {
    let ended = netdiag(arguments);
    assert_eq!((ended.code(), ended.stdout.as_str()), (2, ""), "{arguments:?}: {ended:?}");
    for word in words {
        assert!(ended.stderr.contains(word), "{arguments:?} does not say {word:?}: {}", ended.stderr);
    }
}

/// A file that is gone when the test is over.
struct File {
    directory: tempfile::TempDir,
    path: PathBuf,
}

impl File {
    fn new(name: &str, content: impl AsRef<[u8]>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(name);
        fs::write(&path, content).unwrap();
        Self { directory, path }
    }

    fn name(&self) -> &str {
        self.path.to_str().unwrap()
    }
}

#[test]
fn a_mistyped_name_gets_the_nearest_one() {
    refused(&["scenario", "wrong-prot"], &["wrong-prot", "did you mean `wrong-port`"]);
    refused(&["scenario", "quite-something-else"], &["netdiag scenario --list"]);
    refused(&["scenario"], &["netdiag scenario --list"]);
    refused(&["explain", "mising-reply"], &["did you mean `missing-reply`"]);
    refused(&["scenrio"], &["scenario"]);
}

#[test]
fn a_broken_scenario_file_is_refused_with_line_and_column() {
    for (text, words) in [
        ("summary = \"x\"\n[client\n", ["line 2, column 8", "[client"]),
        ("summary = \"x\"\n[client]\ndail = \"127.0.0.1:1\"\n", ["line 3, column 1", "dail"]),
        ("summary = \"x\"\n[client]\nrepeat = \"often\"\n", ["line 3, column 10", "often"]),
        ("summary = \"x\"\n[client]\nfaults = [\"say-noting\"]\n", ["line 3, column 11", "say-noting"]),
        ("summary = \"x\"\n[client]\ndial = \"nowhere\"\n", ["dial", "host:port"]),
        ("summary = \"x\"\n", ["nobody is on the stand", "[server]"]),
    ] {
        let file = File::new("mine.toml", text);
        refused(&["scenario", file.name()], &[&["mine.toml"], &words[..]].concat());
    }
    refused(&["scenario", "/nonexistent/mine.toml"], &["cannot read", "/nonexistent/mine.toml"]);
}

#[test]
fn an_address_that_is_none_is_refused_with_an_example() {
    for arguments in [
        &["serve", "--listen", "nowhere"][..],
        &["serve", "--listen", "127.0.0.1:70000"],
        &["client", "--dial", "nowhere"],
        &["check", "12345"],
        &["run", "--client", "true", "--at", "127.0.0.1"],
        &["run", "--client", "true", "--at", "http://127.0.0.1:80"],
        &["run", "--client", "true", "--against", "127.0.0.1:0"],
    ] {
        refused(arguments, &["host:port", "127.0.0.1:12345"]);
    }
}

#[test]
fn a_command_that_starts_nothing_accuses_no_program_and_tells_what_to_write() {
    let _turn = turn();
    let script = File::new("server.py", "print('never seen')\n");
    let place = script.path.parent().unwrap().to_str().unwrap();
    for (command, word) in [
        ("pyhton3 server.py".to_owned(), "check its spelling"),
        (script.name().to_owned(), "chmod +x"),
        (place.to_owned(), "that is a directory"),
        (format!("{place}/sevrer.py"), "there is no such file"),
        ("cd there && ./server".to_owned(), "sh -c"),
    ] {
        refused(&["run", "--server", &command], &["--server: ", "could not be started", word]);
        refused(&["run", "--client", &command], &["--client: ", "could not be started", word]);
    }
}

#[test]
fn a_command_without_its_quotes_is_told_where_they_belong() {
    refused(&["run", "server.py", "client.py"], &["\"server.py\"", "--server 'python3 server.py'"]);
    refused(&["run", "--server", "python3", "server.py"], &["\"server.py\"", "in quotes"]);
}

#[test]
fn numbers_out_of_range_are_refused_with_the_range() {
    refused(&["client", "--timeout=-1"], &["--timeout", "from 0"]);
    refused(&["client", "--timeout=nan"], &["--timeout", "from 0"]);
    refused(&["client", "--clients", "0"], &["--clients", "0 is not in 1.."]);
    refused(&["serve", "--workers", "pool:0"], &["pool:N"]);
    refused(&["run", "--client", "true", "--patience", "0"], &["--patience", "above 0"]);
    refused(&["run"], &["--server", "--client"]);
    refused(&["run", "--client", "cat 'x"], &["a quote", "is not closed"]);
}

#[test]
fn a_port_in_use_is_told_with_the_way_to_its_holder() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap().to_string();
    refused(&["serve", "--listen", &address], &[&address, "in use", "netdiag sockets"]);
}

#[test]
fn evidence_that_is_none_is_refused() {
    refused(&["replay", "/nonexistent"], &["cannot read /nonexistent"]);
    refused(&["replay", "/"], &["cannot read /", "directory"]);
    let recorded = include_str!("../fixtures/evidence/missing-reply.json");
    for (content, word) in [
        ("", "is empty"),
        ("no capture", "not a capture file"),
        ("{\"a\": 1}", "not evidence"),
        ("{\"schema\": \"netdiag/evidence/v99\"}", "holds `netdiag/evidence/v99`"),
        (&recorded[..recorded.len() / 2], "cut short"),
        (&recorded.replacen("\"setting\":{", "\"setting\":[{", 1), "not evidence"),
    ] {
        let file = File::new("evidence.json", content);
        refused(&["replay", file.name()], &["evidence.json", word]);
    }
    let file = File::new("evidence.json", recorded);
    refused(&["replay", file.name(), "--at", "nowhere"], &["host:port"]);
    let capture = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/captures/udp-echo.pcap")).unwrap();
    let nothing = File::new("nothing.pcap", &capture[..24]);
    refused(&["replay", nothing.name()], &["nothing.pcap", "nothing of TCP or UDP", "before the client"]);
}

#[test]
fn a_capture_file_cut_short_gives_what_it_still_holds() {
    let whole = include_bytes!("../fixtures/captures/echo-ipv4.pcap");
    for (length, packets) in [(whole.len() - 5, true), (whole.len() / 2, true), (300, true), (20, false)] {
        let file = File::new("cut.pcap", &whole[..length]);
        if packets {
            let ended = netdiag(&["replay", file.name()]);
            // Nothing was wrong in what is left, so nobody may be blamed for what is missing.
            assert!([0, 3].contains(&ended.code()), "{length} bytes: {ended:?}");
            assert!(ended.stdout.contains("the capture file breaks off here"), "{length} bytes: {}", ended.stdout);
        } else {
            refused(&["replay", file.name()], &["cut.pcap", "truncated"]);
        }
    }
}

#[test]
fn evidence_that_cannot_be_kept_is_told_before_anything_is_recorded() {
    refused(&["scenario", "missing-reply", "--save", "/nonexistent/x.json"], &["cannot save", "/nonexistent/x.json"]);
}

/// A pair that nothing but its deadline, a minute away, would end: the client looks at the clock again and again.
const ENDLESS: &str = r#"
summary = "A client that polls"
patience-ms = 60000

[contract]
address = "127.0.0.1:12345"
framing = "line"
reply = "exact"

[server]
faults = ["drop-reply"]

[client-program]
python = '''
import socket
import time

connection = socket.create_connection(("127.0.0.1", 12345))
connection.sendall(b"hello\n")
open("asked", "w").close()
while True:
    time.sleep(0.01)
'''

[expect]
side = "server"
fault = "missing-reply"
"#;

/// The endless pair, once its client has asked, and the file its evidence goes to.
fn endless() -> (Run, File, String) {
    let file = File::new("endless.toml", ENDLESS);
    let evidence = file.directory.path().join("evidence.json").to_str().unwrap().to_owned();
    let arguments = ["scenario", file.name(), "--json", "--save", &evidence];
    let mut run = Run::start(&[], Path::new(NETDIAG), &arguments, file.directory.path());
    run.wait_until("the client's request", |run| {
        run.members().iter().any(|(pid, command)| {
            command.contains("client.py") && fs::exists(format!("/proc/{pid}/cwd/asked")).unwrap_or(false)
        })
    });
    (run, file, evidence)
}

/// What was seen until then has been reported and kept, with the exit status of that report.
fn reported(ended: &Ended, evidence: &str) -> serde_json::Value {
    let verdict = ended.json()["verdict"].clone();
    let replayed = netdiag(&["replay", evidence, "--json"]);
    assert_eq!(replayed.json()["verdict"], verdict, "the evidence that was kept says something else");
    let promised = match verdict["side"].as_str().unwrap() {
        "unknown" => 3,
        "none" => 0,
        _ => 1,
    };
    assert_eq!(replayed.code(), promised);
    verdict
}

#[test]
fn ctrl_c_in_the_middle_ends_the_pair_and_keeps_what_was_seen() {
    let _turn = turn();
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let (run, _file, evidence) = endless();
        run.signal(signal);
        let ended = run.end();
        // Whatever could be concluded by then: never the client, which has done nothing wrong.
        let verdict = reported(&ended, &evidence);
        assert!(["server", "unknown"].iter().any(|side| verdict["side"] == *side), "{signal}: {verdict}");
        let kept: serde_json::Value = serde_json::from_str(&fs::read_to_string(&evidence).unwrap()).unwrap();
        assert_eq!(kept["setting"]["ended"], "interrupted");
    }
}

#[test]
fn a_server_killed_from_outside_is_told_as_such() {
    let _turn = turn();
    let (mut run, _file, evidence) = endless();
    kill(run.member("__actor"), Signal::SIGKILL).unwrap();
    // The client polls for ever; the deadline is a minute away.
    run.wait_until("the server's end", |run| run.members().iter().all(|(_, command)| !command.contains("__actor")));
    run.signal(Signal::SIGINT);
    let verdict = reported(&run.end(), &evidence);
    // Whoever sent SIGKILL, it was neither of the two programs.
    assert_eq!((&verdict["side"], &verdict["fault"]), (&"environment".into(), &"server-crashed".into()), "{verdict}");
}

#[test]
fn a_client_killed_from_outside_ends_the_recording() {
    let _turn = turn();
    let (mut run, _file, evidence) = endless();
    kill(run.member("client.py"), Signal::SIGKILL).unwrap();
    reported(&run.end(), &evidence);
}

#[test]
fn a_killed_recorder_leaves_nothing_behind_and_accuses_nobody() {
    let _turn = turn();
    let (mut run, _file, evidence) = endless();
    let recorder = run.member("__record");
    let left = || {
        let names = std::fs::read_dir(std::env::temp_dir()).unwrap().map(|entry| entry.unwrap().file_name());
        names.filter(|name| name.to_string_lossy().starts_with(&format!("netdiag-{recorder}-"))).count()
    };
    assert_eq!(left(), 1, "the recorder's own directory");
    kill(recorder, Signal::SIGKILL).unwrap();
    let ended = run.end();
    assert_eq!(left(), 0);
    assert_eq!((ended.code(), ended.stdout.as_str()), (2, ""));
    assert!(ended.stderr.contains("signal 9") && ended.stderr.contains("run the same command again"), "{ended:?}");
    assert!(!Path::new(&evidence).exists());
}

#[test]
fn a_killed_netdiag_leaves_nothing_behind() {
    let _turn = turn();
    let (run, _file, _) = endless();
    run.signal(Signal::SIGKILL);
    assert_eq!(run.end().code(), -9);
}

#[test]
fn a_reader_that_leaves_early_is_no_error_and_a_full_disk_is_one() {
    let shell =
        |script: &str| Run::start(&["sh", "-c", script, "sh"], Path::new(NETDIAG), &[], &std::env::temp_dir()).end();
    let ended = shell("\"$1\" explain missing-reply | head -1");
    assert_eq!((ended.code(), ended.stderr.as_str()), (0, ""), "{ended:?}");
    if Path::new("/dev/full").exists() {
        let ended = shell("\"$1\" scenario --list > /dev/full");
        assert!(ended.code() == 2 && ended.stderr.contains("standard output"), "{ended:?}");
    }
}

#[test]
fn help_begins_with_examples_and_the_version_is_one_line() {
    let version = netdiag(&["--version"]);
    assert_eq!((version.code(), version.stdout), (0, format!("netdiag {}\n", env!("CARGO_PKG_VERSION"))));
    let help = netdiag(&["--help"]);
    assert!(help.code() == 0 && help.stdout.starts_with("Examples:\n"), "{}", help.stdout);
    let commands = help.stdout.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let names = commands.lines().filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next());
    for name in names.filter(|name| *name != "help") {
        let help = netdiag(&[name, "--help"]);
        assert!(help.stdout.starts_with("Examples:\n"), "netdiag {name} --help begins with\n{}", help.stdout);
    }
}
