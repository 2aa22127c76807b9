//! `netdiag replay`: diagnoses saved evidence, or what a capture file still shows.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context, bail};
use serde::Deserialize;

use super::Outcome;
use super::run::{address_of, terms};
use super::verdict::{outcome, save, show};
use crate::cli::{ColorWhen, ReplayArgs};
use crate::collect::packets::{Completeness, read_file};
use crate::diagnosis::examine;
use crate::evidence::{At, Contract, Ending, Evidence, Gap, Observed, Occasion, Packets, Rung, SCHEMA, Setting, Term};

/// Reads the file, examines what it holds, and says so.
pub fn run(args: &ReplayArgs, color: ColorWhen) -> anyhow::Result<Outcome> {
    let mut evidence = read(&args.file)?;
    let told = terms(args.contract.as_deref())?;
    evidence.contract = told.or(evidence.contract);
    if let Some(address) = &args.at {
        evidence.contract.address = Some(Term::told(address_of(address)?));
    }
    save(args.save.as_deref(), &evidence)?;
    let diagnosis = examine(&evidence);
    show(&evidence, &diagnosis, args.json, color, args.save.as_deref())?;
    Ok(outcome(&diagnosis))
}

/// Evidence is JSON and begins with a brace; everything else is left to libpcap.
fn read(path: &Path) -> anyhow::Result<Evidence> {
    let mut first = [0];
    let context = || format!("cannot read {}", path.display());
    let length = fs::File::open(path).with_context(context)?.read(&mut first).with_context(context)?;
    if length == 0 {
        bail!("{} is empty: neither saved evidence nor a capture file", path.display());
    }
    if first[0] != b'{' {
        let (packets, completeness) = read_file(path)?;
        if packets.conversations.is_empty() && packets.unreachable.is_empty() && completeness == Completeness::Whole {
            bail!(
                "{} holds nothing of TCP or UDP{}; start the capture before the client, on the interface that both use \
                 (`sudo tcpdump -i lo -w FILE port 12345`), and end it afterwards with Ctrl-C",
                path.display(),
                if packets.undecoded > 0 { " that could be decoded" } else { "" }
            );
        }
        return Ok(from_capture(packets, &completeness));
    }
    let text = fs::read_to_string(path).with_context(context)?;
    let not_evidence =
        || format!("{} is not evidence that this netdiag can read; it may have been cut short", path.display());
    let Header { schema } = serde_json::from_str(&text).with_context(not_evidence)?;
    if schema != SCHEMA {
        bail!("{} holds `{schema}`; this netdiag reads `{SCHEMA}`", path.display());
    }
    serde_json::from_str(&text).with_context(not_evidence)
}

/// What an evidence file of any version has.
#[derive(Deserialize)]
struct Header {
    schema: String,
}

fn from_capture(packets: Packets, completeness: &Completeness) -> Evidence {
    let last = packets.conversations.iter().filter_map(|c| c.segments.last()).map(|segment| segment.at).max();
    let ended = match completeness {
        Completeness::Whole => Ending::Complete,
        Completeness::CutShort { .. } => Ending::CutShort,
    };
    Evidence {
        schema: SCHEMA.to_owned(),
        setting: Setting {
            netdiag: env!("CARGO_PKG_VERSION").to_owned(),
            os: std::env::consts::OS.to_owned(),
            occasion: Occasion::CaptureFile,
            rung: Rung::NoCapture,
            began_unix_ms: 0,
            server_ready: None,
            clients_started: None,
            ended,
            ended_at: last.unwrap_or(At(0)),
            patience_ms: 0,
        },
        contract: Contract::default(),
        packets: Observed::Seen(packets),
        sockets: not_in_a_capture("sockets"),
        programs: not_in_a_capture("programs"),
        tasks: not_in_a_capture("tasks"),
        exceptions: not_in_a_capture("exceptions"),
        calls: not_in_a_capture("calls"),
        probes: not_in_a_capture("probes"),
        swaps: Vec::new(),
        farewell: None,
        exceeded: None,
    }
}

fn not_in_a_capture<T>(source: &str) -> Observed<T> {
    Observed::NotObserved(Gap::new(
        source,
        format!("a capture file holds packets and no {source}"),
        "let netdiag run the pair itself (`netdiag run`), or check the server while it is alive (`netdiag check`)",
    ))
}
