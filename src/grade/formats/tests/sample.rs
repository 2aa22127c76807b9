//! A class as it could be: thirty submissions to an asyncio lab, most of them right or nearly so.

use crate::diagnosis::{Confidence, Side};
use crate::grade::results::{Check, Outcome, Results, SCHEMA, Submission, Verdict};

/// What the texts of a hidden check hold here, and no student's file may.
pub const SECRET: &str = "only-the-teacher-knows";

const NAMES: [&str; 30] = [
    "Abramov, Lev",
    "Aguilar, Inés",
    "Bauer, Jonas",
    "Chen Wei",
    "Dimitriou, Eleni",
    "Eriksson, Maja",
    "Farouk, Nour",
    "Fischer, Anna-Lena",
    "García, Lucía",
    "Haddad, Karim",
    "Ito, Haruka",
    "Jansen, Bram",
    "Kaya, Elif",
    "Kim Min-jun",
    "Kowalska, Zofia",
    "Lindqvist, Olof",
    "Müller, Zoë",
    "Nakamura, Sora",
    "Novák, Tomáš",
    "O'Brien, Aoife",
    "Okafor, Chidi",
    "Petrova, Darya",
    "Rossi, Giulia",
    "Sato, Ren",
    "Schmidt & Weber (group 4)",
    "Silva, João",
    "Singh, Arjun",
    "Tremblay, Chloé",
    "van der Berg, Daan",
    "Yıldız, Cem",
];

/// Name, title, group, points, hidden.
const CHECKS: [(&str, &str, &str, f64, bool); 10] = [
    ("echo", "Echoes a line with its prefix", "Async implementation", 15.0, false),
    ("asyncio", "Uses asyncio.start_server and coroutines", "Async implementation", 15.0, false),
    ("split", "Joins a message that arrives in pieces", "Async implementation", 10.0, false),
    ("drain", "Drains and closes its writers", "Async implementation", 10.0, false),
    ("half-close", "Answers after the client half-closes", "Async implementation", 10.0, true),
    ("hundred", "Serves 100 clients at once", "Performance", 10.0, false),
    ("slow", "A slow client does not hold up fast ones", "Performance", 10.0, false),
    ("memory", "Stays small with 1000 clients", "Performance", 10.0, true),
    ("abrupt", "Survives an abrupt reset", "Quality", 5.0, false),
    ("ctrl-c", "Shuts down cleanly on Ctrl-C", "Quality", 5.0, false),
];

const LADDER: &str = "
             client                                                              server
             reference                                                python3 server.py
    38.2 ms  │                                                                listens │
    88.1 ms  │◀─ connected ──────────────────────────────────────────────────────────▶│
    88.4 ms  │── \"hello\\n\" · 6 bytes ────────────────────────────────────────────────▶│
   172.3 ms  │       ⋮ 83.9 ms, nothing more: neither side can ever move again        │
";

/// The whole class.
pub fn class() -> Results {
    Results {
        schema: SCHEMA.to_owned(),
        lab: "Asyncio echo server: from threads to one loop".to_owned(),
        rules: "b7c1f0a94e52".to_owned(),
        submissions: NAMES.iter().enumerate().map(|(index, name)| submission(index, name)).collect(),
    }
}

fn submission(index: usize, name: &str) -> Submission {
    let checks: Vec<Check> = (0..CHECKS.len()).map(|column| check(index, column)).collect();
    let secret = format!("Its memory grew in one of two runs ({SECRET}).");
    Submission {
        name: name.to_owned(),
        content: format!("{:016x}", index * 7919),
        points: checks.iter().map(|check| check.points).sum(),
        out_of: checks.iter().map(|check| check.out_of).sum(),
        review: if index == 12 { vec![secret] } else { Vec::new() },
        not_isolated: vec!["memory is not limited, since no cgroup is delegated".to_owned()],
        took_ms: 2100.0 + 137.0 * index as f64,
        checks,
    }
}

fn check(index: usize, column: usize) -> Check {
    let (id, title, group, out_of, hidden) = CHECKS[column];
    let outcome = outcome(index, column);
    let points = match outcome {
        // Costs nothing until a person has looked.
        Outcome::Passed | Outcome::Undecided | Outcome::Error => out_of,
        Outcome::Partly => out_of / 2.0,
        Outcome::Failed | Outcome::Skipped => 0.0,
    };
    let verdict = matches!(outcome, Outcome::Failed | Outcome::Partly).then(|| verdict(column, hidden));
    Check {
        id: id.to_owned(),
        title: title.to_owned(),
        group: Some(group.to_owned()),
        points,
        out_of,
        outcome,
        hidden,
        feedback: feedback(outcome, hidden),
        verdict,
        took_ms: 180.0 + 11.0 * (index + column) as f64,
    }
}

fn outcome(index: usize, column: usize) -> Outcome {
    match (index, column) {
        (4 | 23, 0) | (9 | 17, 2) | (2 | 6 | 11 | 20 | 28, 6) | (5 | 14, 4) | (8 | 26, 9) | (27, 8) => Outcome::Failed,
        (4 | 23, _) => Outcome::Skipped,
        (1 | 13 | 21, 3) | (7 | 16, 5) => Outcome::Partly,
        (12, 7) => Outcome::Undecided,
        (19, 6) => Outcome::Error,
        _ => Outcome::Passed,
    }
}

fn feedback(outcome: Outcome, hidden: bool) -> String {
    let asked = "The reference client connects, sends three lines and waits for each reply.";
    let did = match outcome {
        Outcome::Passed => "Every reply was right.",
        Outcome::Partly => "Two of the three replies were right; the last one came after the time-out.",
        Outcome::Failed => "No reply came, although the server had read the request.",
        Outcome::Skipped | Outcome::Undecided | Outcome::Error => "",
    };
    let secret = if hidden { SECRET } else { "" };
    format!("{asked}\n{did} {secret}\n")
}

fn verdict(column: usize, hidden: bool) -> Verdict {
    let fault = match column {
        0 => "missing-reply",
        2 => "server-one-recv-per-message",
        3 => "reply-not-flushed",
        5 => "accepts-fail",
        6 => "one-at-a-time",
        9 => "server-crashed",
        _ => "half-close-dropped",
    };
    let secret = if hidden { SECRET } else { "" };
    Verdict {
        side: Side::Server,
        fault: Some(format!("{fault}{secret}")),
        confidence: if column == 5 { Confidence::Likely } else { Confidence::Proven },
        times: vec![format!("812 ms{secret}")],
        summary: format!("The server reads the request and goes on waiting for more without replying. {secret}"),
        at: Some((format!("server.py{secret}"), 8)),
        evidence: vec![
            format!("packet 4 at 88.4 ms: the client sends \"hello\\n\" (6 bytes) {secret}"),
            "task 2: waits in readline at server.py:8, without a time limit".to_owned(),
        ],
        fix: Some(format!("Write the line back after reading it, and drain the writer. {secret}")),
        ladder: format!("{LADDER}{secret}"),
    }
}
