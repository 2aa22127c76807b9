//! Each demand is met by what it asks for, not met by the mistake it is there for, and open where nothing was seen.

use super::*;
use crate::evidence::{Frame, Gap, Observed, Sample, Served};
use crate::facts::staged::{Stage, pair, talk};
use crate::grade::lab;

fn check(expect: &str, plays: &str) -> Check {
    let text = format!(
        "title = 't'\n[server]\nfiles = ['s']\ncommand = 's'\n[client]\nfiles = ['c']\ncommand = 'c'\n\
         [contract]\naddress = '127.0.0.1:12345'\n[[checks]]\nid = 'x'\ntitle = 'x'\npoints = 1\n\
         expect = {{ {expect} }}\n{plays}\n"
    );
    lab::parse("mine", &text).unwrap().checks.remove(0)
}

const CLIENT: &str = "[checks.server]";
const SERVER: &str = "[checks.client]";

/// What came of the one demand: met, or the beginning of what was said.
fn looked_at(check: &Check, evidence: &Evidence, beside: Option<&Evidence>) -> String {
    let demands = demands(check, evidence, beside);
    let [demand] = &demands[..] else { panic!("one demand was made") };
    match demand {
        Demand::Met => "met".to_owned(),
        Demand::Unmet(what) | Demand::Exceeded { what, .. } => format!("unmet: {what}"),
        Demand::Open(why) => format!("open: {why}"),
    }
}

fn of(stage: &Stage, expect: &str, plays: &str) -> String {
    looked_at(&check(expect, plays), stage.facts().evidence, None)
}

#[test]
fn a_client_that_leaves_a_rest_of_its_reply_has_not_read_it() {
    let whole = pair().talk(talk(40001).echoes("0123456789\n").closes(Role::Client).closes(Role::Server));
    assert_eq!(of(&whole, "reads = true", CLIENT), "met");
    let rude = pair().talk(talk(40001).echoes("0123456789\n").resets(Role::Client));
    assert_eq!(of(&rude, "reads = true", CLIENT), "met", "a reset after the whole reply is another matter");
    let part = pair()
        .talk(talk(40001).asks("0123456789\n").answers("01").closes(Role::Client).answers("23").resets(Role::Client));
    assert!(of(&part, "reads = true", CLIENT).starts_with("unmet: The client took a part"));
}

#[test]
fn a_quiet_client_is_let_go_when_the_server_closes_first() {
    let first = pair().talk(talk(40001).echoes("hi\n").after(900.0).closes(Role::Server).closes(Role::Client));
    assert_eq!(of(&first, "closes-idle = true", SERVER), "met");
    let last = pair().talk(talk(40001).echoes("hi\n").after(900.0).closes(Role::Client).closes(Role::Server));
    assert!(of(&last, "closes-idle = true", SERVER).starts_with("unmet: The server kept"));
}

#[test]
fn a_program_that_cannot_be_looked_into_leaves_its_loop_open() {
    let mut evidence = pair().facts().evidence.clone();
    evidence.exceptions = Observed::NotObserved(Gap::new("exceptions", "why", "remedy"));
    for expect in ["unblocked = true", "awaits = true", "streams = true", "drains = true"] {
        assert!(looked_at(&check(expect, SERVER), &evidence, None).starts_with("open"), "{expect}");
    }
}

fn answers_after(ms: f64) -> Evidence {
    let talk = talk(40001).asks("hi\n").after(ms).answers("hi\n");
    pair().talk(talk.closes(Role::Client).closes(Role::Server)).facts().evidence.clone()
}

#[test]
fn replies_are_compared_with_those_of_the_reference() {
    let check = check("latency-times = 10", SERVER);
    let (prompt, slow) = (answers_after(0.2), answers_after(40.0));
    assert_eq!(looked_at(&check, &prompt, Some(&prompt)), "met");
    assert_eq!(looked_at(&check, &slow, Some(&slow)), "met", "a slow machine slows both");
    assert!(looked_at(&check, &slow, Some(&prompt)).starts_with("unmet: Half of the replies"));
    assert!(looked_at(&check, &slow, None).starts_with("open"));
}

fn grows_by(kib: u64) -> Evidence {
    let mut evidence = answers_after(0.2);
    let began = evidence.setting.clients_started.unwrap();
    let Observed::Seen(programs) = &mut evidence.programs else { unreachable!() };
    let mut before = programs.samples[0].clone();
    before.at = began;
    let mut after = Sample { at: evidence.setting.ended_at, ..before.clone() };
    after.processes.iter_mut().for_each(|process| process.rss_kib += kib);
    programs.samples = vec![before, after];
    evidence
}

#[test]
fn memory_for_each_connection_is_compared_with_that_of_the_reference() {
    let check = check("memory-times = 20", SERVER);
    assert_eq!(looked_at(&check, &grows_by(100), Some(&grows_by(8))), "met");
    assert!(looked_at(&check, &grows_by(1024), Some(&grows_by(8))).starts_with("unmet: A connection costs"));
    assert_eq!(looked_at(&check, &grows_by(1024), Some(&grows_by(600))), "met");
}

/// A server whose handler the tracer saw serve a client: whether it is a coroutine, and where it writes undrained.
fn serves(handlers: &[(bool, Option<u32>)]) -> Evidence {
    let mut stage = pair();
    let at = |line, function: &str| Frame {
        file: "server.py".to_owned(),
        line,
        function: function.to_owned(),
        source: String::new(),
    };
    stage.traced(Role::Server).served = handlers
        .iter()
        .map(|(coroutine, undrained)| Served {
            at: crate::evidence::At(0),
            role: Role::Server,
            program: 0,
            handler: at(4, "handle"),
            coroutine: *coroutine,
            undrained: undrained.map(|line| at(line, "")),
        })
        .collect();
    stage.facts().evidence.clone()
}

#[test]
fn streams_are_used_as_they_are_meant_when_a_coroutine_serves_and_drains() {
    let (streams, drains) = (check("streams = true", SERVER), check("drains = true", SERVER));
    let told = |handlers: &[(bool, Option<u32>)]| {
        let evidence = serves(handlers);
        (looked_at(&streams, &evidence, None), looked_at(&drains, &evidence, None))
    };
    let met = || "met".to_owned();
    assert_eq!(told(&[(true, None)]), (met(), met()));
    let (none, nothing_to_drain) = told(&[]);
    assert!(none.starts_with("unmet: No client arrived at a handler") && nothing_to_drain == "met", "{none}");
    let (plain, undrained) = told(&[(true, None), (false, Some(6))]);
    assert!(plain.contains("`handle` (server.py, line 4) is a plain function"), "{plain}");
    assert!(undrained.contains("server.py, line 6, is never drained"), "{undrained}");
}
