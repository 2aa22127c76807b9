//! What is told of a diagnosis in the same words each time: ports that the kernel chose become the numbers of clients,
//! directories made for one recording become nothing, and what was measured goes to a place of its own. What a program
//! printed is quoted; where chance wrote it, it is told.

use super::lab::Check;
use super::results::Verdict;
use crate::diagnosis::{Diagnosis, Finding, Part};
use crate::evidence::Evidence;
use crate::report::cite::{self, Telling};
use crate::report::ladder;
use crate::report::sheet::{Sheet, WIDEST};
use crate::report::style::Style;

/// How many pieces of evidence are told.
const CITED: usize = 6;

/// As much of the diagnosis as feedback needs.
pub fn told(check: &Check, evidence: &Evidence, diagnosis: &Diagnosis) -> Verdict {
    let verdict = &diagnosis.verdict;
    let is_it = |finding: &&Finding| Some(&finding.fault) == verdict.fault.as_ref();
    let cause = diagnosis.findings.iter().filter(|finding| finding.role == Part::Cause).find(is_it);
    let at = cause.and_then(|cause| {
        let frame = cause.location.as_ref().filter(|_| cause.location_of.is_none_or(|role| role == check.plays))?;
        Some((frame.file.clone(), frame.line))
    });
    let (summary, times) = untimed(&verdict.summary, evidence);
    let mut sheet = Sheet::new(Style { color: false, unicode: true }, WIDEST);
    let _ = ladder::draw(&mut sheet, evidence, diagnosis, Telling::Steady);
    let mut texts = vec![summary];
    let references = cause.iter().flat_map(|cause| &cause.evidence);
    texts.extend(references.filter_map(|reference| cite::told(reference, evidence, Telling::Steady)));
    texts.push(sheet.finish());
    let mut texts = named(&texts, evidence).into_iter();
    let summary = texts.next().unwrap_or_default();
    let ladder = texts.next_back().unwrap_or_default();
    let mut cited: Vec<String> = Vec::new();
    for words in texts {
        if cited.len() < CITED && !cited.contains(&words) {
            cited.push(words);
        }
    }
    Verdict {
        side: verdict.side,
        fault: verdict.fault.clone(),
        confidence: verdict.confidence,
        summary,
        times,
        at,
        evidence: cited,
        fix: cause.map(|cause| cause.fix.clone()).filter(|fix| !fix.is_empty()),
        ladder,
    }
}

/// The texts with clients numbered instead of named by ports that chance gave them, in the order in which they are told of,
/// and files named as the submission names them.
fn named(texts: &[String], evidence: &Evidence) -> Vec<String> {
    let conversations = evidence.packets.seen().map(|seen| seen.conversations.iter()).unwrap_or_default();
    let rows = evidence.sockets.seen().map(|seen| seen.snapshots.iter()).unwrap_or_default();
    let rows = rows.flat_map(|snapshot| &snapshot.sockets).filter_map(|row| Some((row.local, row.remote?)));
    let documented = evidence.contract.address.as_ref().map(|term| term.value.as_str());
    let mut diallers: Vec<String> = conversations
        .map(|conversation| conversation.dialler)
        .chain(rows.flat_map(|(local, remote)| [local, remote]))
        .filter(|address| address.port() >= EPHEMERAL)
        .map(|address| address.to_string())
        .filter(|address| documented != Some(address.as_str()))
        .collect();
    diallers.sort();
    diallers.dedup();
    let whole = texts.concat();
    let mut clients: Vec<(usize, &String)> =
        diallers.iter().filter_map(|client| Some((whole.find(client.as_str())?, client))).collect();
    clients.sort();
    let ports: Vec<&str> = diallers.iter().filter_map(|client| Some(client.rsplit_once(':')?.1)).collect();
    let steady = |text: &String| {
        let mut text = text.clone();
        for (number, (_, client)) in clients.iter().enumerate() {
            let name = format!("client {}", number + 1);
            for known in [format!("the client at {client}"), format!("the one at {client}"), (*client).clone()] {
                text = text.replace(&known, &name);
            }
        }
        without_rooms(&without_ports(&text, &ports))
    };
    texts.iter().map(steady).collect()
}

/// The first port that kernels give by themselves.
const EPHEMERAL: u16 = 32_768;

/// What a program printed of a client's port.
fn without_ports(text: &str, ports: &[&str]) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, from) = rest.split_at(start);
        let (number, after) = from.split_at(from.find(|c: char| !c.is_ascii_digit()).unwrap_or(from.len()));
        out.push_str(before);
        out.push_str(if ports.contains(&number) { "PORT" } else { number });
        rest = after;
    }
    out + rest
}

/// A file of the submission is named from its own directory, not from where it lay for one recording.
fn without_rooms(text: &str) -> String {
    const ROOM: &str = "/netdiag-";
    const INSIDE: &str = "/submission/";
    /// Characters that chance put behind [`ROOM`].
    const CHOSEN: usize = 6;
    let mut text = text.to_owned();
    let mut from = 0;
    while let Some(at) = text[from..].find(ROOM).map(|at| at + from) {
        let inside = at + ROOM.len() + CHOSEN;
        if text.get(inside..).is_some_and(|rest| rest.starts_with(INSIDE)) {
            let is_path = |c: char| c.is_alphanumeric() || "/._-".contains(c);
            let start = text[..at].trim_end_matches(is_path).len();
            text.replace_range(start..inside + INSIDE.len(), "");
            from = start;
        } else {
            from = at + ROOM.len();
        }
    }
    text
}

/// The sentence without what was measured, and what that was. A parenthesis that tells of it is left out whole; a time that
/// the contract promises is no measurement.
fn untimed(text: &str, evidence: &Evidence) -> (String, Vec<String>) {
    let promise = evidence.contract.latency_ms.as_ref().map(|term| format!("{} ms", term.value));
    let (mut out, mut times) = (String::new(), Vec::new());
    let mut quoted_until = None;
    let mut open = None;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let in_word = out.ends_with(|c: char| c.is_alphanumeric() || c == '.');
        let time = measured(rest).filter(|time| quoted_until.is_none() && !in_word && promise.as_deref() != Some(time));
        if let Some(time) = time {
            let begins = out.is_empty() || out.ends_with(". ");
            out.push_str(if begins { "Some time" } else { "some time" });
            times.push(time.to_owned());
            rest = &rest[time.len()..];
            continue;
        }
        out.push(c);
        rest = &rest[c.len_utf8()..];
        match (quoted_until, c) {
            (Some(end), c) if c == end => quoted_until = None,
            (None, '"' | '`') => quoted_until = Some(c),
            (None, '“') => quoted_until = Some('”'),
            (None, '(') => open = Some((out.len() - 1, times.len())),
            (None, ')') => {
                if let Some((start, _)) = open.take().filter(|(_, before)| times.len() > *before) {
                    out.truncate(start);
                    out.truncate(out.trim_end().len());
                }
            }
            _ => {}
        }
    }
    (out, times)
}

/// The measured time that `text` begins with: a number, and ms or s.
fn measured(text: &str) -> Option<&str> {
    let number = text.find(|c: char| !c.is_ascii_digit() && c != '.').filter(|length| *length > 0)?;
    let unit = [" ms", " s"].into_iter().find(|unit| text[number..].starts_with(unit))?;
    let length = number + unit.len();
    let goes_on = text[length..].starts_with(char::is_alphanumeric);
    (text.starts_with(|c: char| c.is_ascii_digit()) && !goes_on).then(|| &text[..length])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Term;
    use crate::facts::staged::{pair, talk};

    fn evidence() -> Evidence {
        pair().talk(talk(40001).echoes("hi\n")).talk(talk(40002).echoes("hi\n")).facts().evidence.clone()
    }

    fn timeless(text: &str) -> (String, Vec<String>) {
        untimed(text, &evidence())
    }

    fn told_of(port: u16, later: f64) -> Verdict {
        let text = "title = 't'\n[server]\nfiles = ['s']\ncommand = 's'\n[contract]\naddress = '127.0.0.1:12345'\n\
                    [[checks]]\nid = 'x'\ntitle = 'x'\npoints = 1\n[checks.client]\n";
        let check = crate::grade::lab::parse("mine", text).unwrap().checks.remove(0);
        let stage = pair().talk(talk(port).after(later).asks("hi\n").open()).hangs().frozen(120.0 + 3.0 * later);
        let facts = stage.facts();
        told(&check, facts.evidence, &crate::diagnosis::examine(facts.evidence))
    }

    #[test]
    fn the_same_at_another_time_and_from_another_port_is_told_in_the_same_words() {
        let (one, other) = (told_of(40001, 0.0), told_of(53210, 7.5));
        assert_ne!(one.times, other.times);
        assert_eq!(one, Verdict { times: one.times.clone(), ..other });
        assert!(
            !one.evidence.is_empty() && one.ladder.contains("hi") && one.summary.contains("Some time later"),
            "{one:?}"
        );
    }

    #[test]
    fn what_was_measured_stands_apart_from_the_sentence() {
        let (text, times) = timeless("It did not come back for 452 ms: see server.py:7.");
        assert_eq!(
            (text.as_str(), times),
            ("It did not come back for some time: see server.py:7.", vec!["452 ms".into()])
        );
        assert_eq!(timeless("It wrote no reply. 68 ms later").0, "It wrote no reply. Some time later");
        let (text, times) = timeless("It never rests (80 ms of 100 ms, 3 of them inside the kernel). It asks (again).");
        assert_eq!(text, "It never rests. It asks (again).");
        assert_eq!(times, ["80 ms", "100 ms"]);
    }

    #[test]
    fn what_a_program_said_what_was_promised_and_other_numbers_stay() {
        for text in ["It printed \"took 5 ms\" and 3 messages, v1.5 sends", "`sleep 3 s`", "port 8080 some"] {
            assert_eq!(timeless(text), (text.to_owned(), vec![]));
        }
        let mut evidence = evidence();
        evidence.contract.latency_ms = Some(Term::told(100));
        let (text, times) = untimed("A reply took 812 ms; 100 ms are promised.", &evidence);
        assert_eq!((text.as_str(), times), ("A reply took some time; 100 ms are promised.", vec!["812 ms".into()]));
    }

    #[test]
    fn clients_are_numbered_in_the_order_in_which_they_are_told_of() {
        let texts = ["the client at 127.0.0.1:40002 waits", "127.0.0.1:40001 ↔ 127.0.0.1:12345, \"from 40002\""];
        let texts = named(&texts.map(str::to_owned), &evidence());
        assert_eq!(texts, ["client 1 waits", "client 2 ↔ 127.0.0.1:12345, \"from PORT\""]);
    }

    #[test]
    fn files_of_a_submission_are_named_as_it_names_them() {
        assert_eq!(
            without_rooms("File \\\"/tmp/netdiag-rWHmwY/submission/lib/a.py\\\", line 3"),
            "File \\\"lib/a.py\\\", line 3"
        );
        for text in ["/tmp/netdiag-rWHmwY/other", "/netdiag-", "/netdiag-é€/submission/x"] {
            assert_eq!(without_rooms(text), text);
        }
    }
}
