//! The object for programs: `netdiag/report/v1`, described in docs/json.md and docs/report.schema.json. Fields may be
//! added, none is ever renamed or dropped.

use serde_json::{Value, json};

use crate::diagnosis::{Diagnosis, Finding};
use crate::evidence::{Contract, Evidence, Gap, Reply, Term};

use super::escape;

/// The schema's name, first in every report.
pub const SCHEMA: &str = "netdiag/report/v1";

/// The report object. Texts that may come from a program under test are free of control characters.
#[must_use]
pub fn report(evidence: &Evidence, diagnosis: &Diagnosis) -> Value {
    let verdict = &diagnosis.verdict;
    json!({
        "schema": SCHEMA,
        "verdict": {
            "side": verdict.side,
            "fault": verdict.fault,
            "confidence": verdict.confidence,
            "summary": escape::line(&verdict.summary),
            "to_settle": verdict.to_settle.iter().map(|text| escape::line(text)).collect::<Vec<_>>(),
            "candidates": verdict.candidates.iter().map(|candidate| json!({
                "fault": candidate.fault,
                "side": candidate.side,
                "shown_by": escape::line(&candidate.shown_by),
            })).collect::<Vec<_>>(),
        },
        "findings": diagnosis.findings.iter().map(finding).collect::<Vec<_>>(),
        "ruled_out": diagnosis.ruled_out.iter().map(|out| json!({
            "fault": out.fault,
            "because": escape::line(&out.because),
        })).collect::<Vec<_>>(),
        "cross": diagnosis.cross.iter().map(|cross| json!({
            "kept": cross.kept,
            "side": cross.verdict.side,
            "fault": cross.verdict.fault,
            "confidence": cross.verdict.confidence,
        })).collect::<Vec<_>>(),
        "contract": contract(&diagnosis.contract),
        "gaps": diagnosis.gaps.iter().map(gap).collect::<Vec<_>>(),
        "timing_ms": timing(evidence),
    })
}

fn finding(finding: &Finding) -> Value {
    json!({
        "fault": finding.fault,
        "side": finding.side,
        "role": finding.role,
        "confidence": finding.confidence,
        "statement": escape::line(&finding.statement),
        "evidence": finding.evidence,
        "location": finding.location.as_ref().map(|frame| json!({
            "file": escape::line(&frame.file),
            "line": frame.line,
        })),
        "fix": escape::line(&finding.fix),
    })
}

fn gap(gap: &Gap) -> Value {
    json!({ "source": gap.source, "why": escape::line(&gap.why), "remedy": escape::line(&gap.remedy) })
}

/// Every term by name: null when there is none, else its value and where it is known from.
fn contract(contract: &Contract) -> Value {
    json!({
        "address": contract.address.as_ref().map(|term| json!({ "value": escape::line(&term.value), "source": term.source })),
        "transport": plain(contract.transport.as_ref()),
        "framing": plain(contract.framing.as_ref()),
        "reply": contract.reply.as_ref().map(reply),
        "lifetime": plain(contract.lifetime.as_ref()),
        "latency_ms": plain(contract.latency_ms.as_ref()),
        "concurrency": plain(contract.concurrency.as_ref()),
    })
}

fn plain<T: serde::Serialize>(term: Option<&Term<T>>) -> Value {
    term.map_or(Value::Null, |term| json!({ "value": term.value, "source": term.source }))
}

/// A reply's shape is one word; the bytes that a prefix or suffix adds stand beside it as `text`.
fn reply(term: &Term<Reply>) -> Value {
    let (value, text) = match &term.value {
        Reply::Exact => ("exact", None),
        Reply::Uppercase => ("uppercase", None),
        Reply::Prefix(text) => ("prefix", Some(text.escaped())),
        Reply::Suffix(text) => ("suffix", Some(text.escaped())),
    };
    json!({ "value": value, "text": text, "source": term.source })
}

/// Moments count from the recording's zero; `to_verdict` from the moment both sides ran (from zero without a client).
fn timing(evidence: &Evidence) -> Value {
    let setting = &evidence.setting;
    json!({
        "to_verdict": setting.ended_at.ms_since(setting.clients_started.unwrap_or_default()),
        "server_ready": setting.server_ready.map(crate::evidence::At::ms),
        "clients_started": setting.clients_started.map(crate::evidence::At::ms),
        "ended": setting.ended_at.ms(),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::sample;
    use super::*;
    use crate::evidence::{Bytes, Term};

    fn keys(value: &Value) -> BTreeSet<&str> {
        value.as_object().unwrap().keys().map(String::as_str).collect()
    }

    fn schema() -> Value {
        serde_json::from_str(include_str!("../../docs/report.schema.json")).unwrap()
    }

    /// Objects of the report have exactly the keys the schema promises; values are checked as far as `enum` says.
    fn assert_fits(value: &Value, schema: &Value, at: &str) {
        let schema =
            schema["anyOf"].as_array().map_or(schema, |either| if value.is_null() { &either[1] } else { &either[0] });
        if let Some(name) = schema["$ref"].as_str().and_then(|name| name.strip_prefix("#/$defs/")) {
            return assert_fits(value, &self::schema()["$defs"][name], at);
        }
        if let Some(allowed) = schema["enum"].as_array() {
            assert!(allowed.contains(value), "{at}: {value}");
        }
        if let Some(properties) = schema["properties"].as_object() {
            let promised: BTreeSet<_> = properties.keys().map(String::as_str).collect();
            assert_eq!(keys(value), promised, "{at}");
            let required: BTreeSet<_> =
                schema["required"].as_array().unwrap().iter().map(|key| key.as_str().unwrap()).collect();
            assert_eq!(required, promised, "{at}");
            for (key, inner) in properties {
                assert_fits(&value[key], inner, &format!("{at}.{key}"));
            }
        }
        for (n, item) in value.as_array().into_iter().flatten().enumerate() {
            assert_fits(item, &schema["items"], &format!("{at}[{n}]"));
        }
    }

    #[test]
    fn every_report_has_exactly_the_promised_keys() {
        for (evidence, diagnosis) in [sample::refused(), sample::missing_reply(), sample::healthy(), sample::unknown()]
        {
            assert_fits(&report(&evidence, &diagnosis), &schema(), "report");
        }
    }

    #[test]
    fn the_report_says_what_the_diagnosis_says() {
        let (evidence, diagnosis) = sample::refused();
        let report = report(&evidence, &diagnosis);
        assert_eq!(report["schema"], "netdiag/report/v1");
        assert_eq!(report["verdict"]["side"], "client");
        assert_eq!(report["verdict"]["fault"], "wrong-port");
        assert_eq!(report["verdict"]["confidence"], "proven");
        assert_eq!(report["findings"][0]["location"], json!({ "file": "client.py", "line": 6 }));
        assert_eq!(report["findings"][1]["role"], "contributing");
        assert_eq!(report["findings"][2]["location"], Value::Null);
        assert_eq!(report["contract"]["address"], json!({ "value": "127.0.0.1:12345", "source": "told" }));
        assert_eq!(report["contract"]["latency_ms"], Value::Null);
        assert_eq!(report["timing_ms"]["to_verdict"], 55.0);
    }

    #[test]
    fn an_open_question_names_its_candidates() {
        let (evidence, diagnosis) = sample::unknown();
        let verdict = &report(&evidence, &diagnosis)["verdict"];
        assert_eq!(verdict["candidates"][1]["fault"], "missing-reply");
        assert_eq!(verdict["candidates"][1]["side"], "server");
        assert!(verdict["candidates"][1]["shown_by"].as_str().unwrap().contains("receive queue"));
        let (evidence, diagnosis) = sample::healthy();
        assert_eq!(report(&evidence, &diagnosis)["verdict"]["candidates"], json!([]));
    }

    #[test]
    fn bytes_of_a_program_are_escaped() {
        let (evidence, mut diagnosis) = sample::refused();
        diagnosis.contract.reply = Some(Term::learned(Reply::Prefix(Bytes(b"ECHO\x1b: ".to_vec()))));
        diagnosis.findings[0].statement = "says \u{1b}[2J".to_owned();
        let report = report(&evidence, &diagnosis);
        let reply = json!({ "value": "prefix", "text": "ECHO\\x1b: ", "source": "learned" });
        assert_eq!(report["contract"]["reply"], reply);
        assert_eq!(report["findings"][0]["statement"], "says \\x1b[2J");
    }
}
