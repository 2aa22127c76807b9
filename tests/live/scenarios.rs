//! Every scenario through the real binary: as whoever runs the tests, as an ordinary user, and where nothing can be
//! captured. A right side with less confidence is fine where less can be seen; a wrong side is not, anywhere.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::stand::{AS_NOBODY, FORBIDDEN, NETDIAG, Public, Run, turn, works};

/// With this set, a run that captured no packets fails, instead of being held to what can be seen without them.
const REQUIRE_CAPTURE: &str = "NETDIAG_REQUIRE_CAPTURE";

/// How many scenarios are staged at once where each has a network of its own; they mostly wait.
const AT_ONCE: usize = 6;

/// The results of `scenario --all --json`.
fn stage_all(wrapper: &[&str], binary: &Path, directory: &Path) -> Vec<Value> {
    let _turn = turn();
    let ended = Run::start(wrapper, binary, &["scenario", "--all", "--json"], directory).end();
    let report = ended.json();
    assert_eq!(report["schema"], "netdiag/scenarios/v1");
    let results = report["results"].as_array().unwrap().clone();
    let listed = netdiag::scenario::names().count();
    assert_eq!(results.len(), listed, "a scenario has no result");
    let met = results.iter().all(|result| result["met"] == true);
    assert_eq!(ended.code() == 0, met, "the exit status and the results disagree: {}", ended.code());
    results
}

/// Every scenario by itself, `at_once` of them: where no namespace can be made, all of one run want the same port.
fn stage_each(wrapper: &[&str], binary: &Path, directory: &Path, at_once: usize) -> Vec<Value> {
    let listed = Run::start(wrapper, binary, &["scenario", "--list", "--json"], directory).end().json();
    let mut scenarios = listed["scenarios"].as_array().unwrap().clone();
    if !wrapper.is_empty() || !works(&["unshare", "-Urn"]) {
        let needs_more = |scenario: &Value| scenario["expected"]["needs"].to_string().contains("private-network");
        let count = scenarios.len();
        scenarios.retain(|scenario| !needs_more(scenario));
        eprintln!("reduced: {} of {count} scenarios need a private network", count - scenarios.len());
    }
    let next = AtomicUsize::new(0);
    let stage = || {
        let mut results = Vec::new();
        while let Some(scenario) = scenarios.get(next.fetch_add(1, Ordering::Relaxed)) {
            let name = scenario["name"].as_str().unwrap();
            let ended = Run::start(wrapper, binary, &["scenario", name, "--json"], directory).end();
            results.push(json!({ "name": name, "expected": scenario["expected"], "report": ended.json() }));
        }
        results
    };
    let _turn = turn();
    std::thread::scope(|scope| {
        let stages: Vec<_> = (0..at_once).map(|_| scope.spawn(stage)).collect();
        stages.into_iter().flat_map(|stage| stage.join().unwrap()).collect()
    })
}

/// What is wrong with one result, if anything.
fn complaint(result: &Value) -> Option<String> {
    let (expected, verdict) = (&result["expected"], &result["report"]["verdict"]);
    let name = &result["name"];
    let refused = result["report"]["error"].as_str().is_some_and(|error| error.contains("private network"));
    if refused && expected["needs"].to_string().contains("private-network") && !works(&["unshare", "-Urn"]) {
        return None;
    }
    if verdict.is_null() {
        return Some(format!("{name}: {}", result["report"]["error"]));
    }
    let as_staged = verdict["side"] == expected["side"] && verdict["fault"] == expected["fault"];
    let said = format!("{name}: expected {expected}, found {verdict}");
    if as_staged {
        return None;
    }
    if !lacks_packets(result) || std::env::var_os(REQUIRE_CAPTURE).is_some() {
        return Some(said);
    }
    if verdict["side"] == expected["side"] || verdict["side"] == "unknown" { None } else { Some(said) }
}

/// Whether packets could not be looked at; the report must then say why, and what would open them.
fn lacks_packets(result: &Value) -> bool {
    let gaps = result["report"]["gaps"].as_array().unwrap();
    gaps.iter().any(|gap| {
        let is_told = ["why", "remedy"].iter().all(|key| gap[*key].as_str().is_some_and(|text| !text.is_empty()));
        gap["source"] == "packets" && is_told
    })
}

fn assert_none_is_wrong(results: &[Value]) {
    let complaints: Vec<String> = results.iter().filter_map(complaint).collect();
    let reduced = results.iter().filter(|result| lacks_packets(result)).count();
    if reduced > 0 {
        eprintln!("reduced: {reduced} of {} scenarios without packets", results.len());
    }
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

/// All scenarios, staged once by whoever runs the tests.
fn staged() -> &'static [Value] {
    static STAGED: std::sync::OnceLock<Vec<Value>> = std::sync::OnceLock::new();
    STAGED.get_or_init(|| stage_all(&[], Path::new(NETDIAG), &std::env::temp_dir()))
}

#[test]
fn every_scenario_is_judged_as_staged() {
    assert_none_is_wrong(staged());
}

#[test]
fn every_scenario_is_judged_as_staged_for_an_ordinary_user() {
    if !nix::unistd::geteuid().is_root() {
        return; // the test above ran as one
    }
    let public = Public::new();
    let root = staged();
    let nobody = stage_all(&AS_NOBODY, &public.binary(), public.path());
    assert_none_is_wrong(&nobody);
    // Capturing needs no root: whatever root could see in a private network, nobody can.
    let captured = |results: &[Value]| results.iter().filter(|result| !lacks_packets(result)).count();
    assert!(captured(&nobody) >= captured(root) || !works(&[&AS_NOBODY[..], &["unshare", "-Urn"]].concat()));
}

#[test]
fn without_namespaces_and_capabilities_socket_calls_show_the_same() {
    // Where not even this user may make a namespace, the machine is as it should be for this test.
    let wrapper = if works(&FORBIDDEN) { &FORBIDDEN[..] } else { &[] };
    let public = Public::new();
    let at_once = if wrapper.is_empty() { 1 } else { AT_ONCE };
    let results = stage_each(wrapper, &public.binary(), public.path(), at_once);
    if !wrapper.is_empty() {
        let captured: Vec<_> = results.iter().filter(|result| !lacks_packets(result)).collect();
        assert!(captured.is_empty(), "packets were captured after all: {captured:?}");
    }
    assert_none_is_wrong(&results);
    // Nothing is wrong, and nearly everything is right: a busy machine may cost a proof, never a side.
    let doctor = Run::start(wrapper, &public.binary(), &["doctor", "--json"], public.path()).end().json();
    if doctor["uses"]["run"] == "socket-calls" {
        let side = |result: &Value| result["report"]["verdict"]["side"] == result["expected"]["side"];
        let unsaid: Vec<_> = results.iter().filter(|result| !side(result)).map(|result| &result["name"]).collect();
        assert!(unsaid.len() * 10 <= results.len(), "{unsaid:?}");
        assert!(!unsaid.iter().any(|name| *name == "two-faults"), "{unsaid:?}");
    }
}

/// Becomes the rest of its words where pidfd_getfd(2) is refused, as some container profiles do.
const NO_BORROWING: &str = "\
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
steps = [(0x20, 0, 0, 0), (0x15, 0, 1, 438), (6, 0, 0, 0x50001), (6, 0, 0, 0x7fff0000)]
text = ctypes.create_string_buffer(b''.join(struct.pack('HBBI', *step) for step in steps))
class Program(ctypes.Structure): _fields_ = [('len', ctypes.c_ushort), ('steps', ctypes.c_void_p)]
program = Program(len(steps), ctypes.addressof(text))
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, ctypes.byref(program), 0, 0) == 0
os.execvp(sys.argv[1], sys.argv[1:])";

#[test]
fn where_descriptors_cannot_be_borrowed_the_tables_tell_the_addresses() {
    if !works(&FORBIDDEN) {
        return; // such a machine may forbid the rest too
    }
    let wrapper = [&FORBIDDEN[..], &["python3", "-c", NO_BORROWING]].concat();
    let public = Public::new();
    for (name, side) in
        [("healthy-line", "none"), ("wrong-port", "client"), ("no-server", "environment"), ("reset", "server")]
    {
        let ended = Run::start(&wrapper, &public.binary(), &["scenario", name, "--json"], public.path()).end();
        assert_eq!(ended.json()["verdict"]["side"], side, "{name}: {ended:?}");
    }
}
