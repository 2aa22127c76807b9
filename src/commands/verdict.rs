//! What every diagnosing command does with its result: keep the evidence, choose the exit status.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Context;

use super::{Outcome, terminal};
use crate::cli::ColorWhen;
use crate::diagnosis::{Diagnosis, Side};
use crate::evidence::Evidence;
use crate::report;
use crate::report::text::Extras;

/// Tries out `--save` before anything is recorded: nobody should wait for evidence that then cannot be kept.
pub fn can_save(file: Option<&Path>) -> anyhow::Result<()> {
    let Some(path) = file else { return Ok(()) };
    let existed = path.exists();
    File::options()
        .append(true)
        .create(true)
        .open(path)
        .with_context(|| format!("cannot save the evidence in {}", path.display()))?;
    if !existed {
        // Only tried out; whatever goes wrong later should not leave an empty file that looks like evidence.
        let _ = std::fs::remove_file(path);
    }
    Ok(())
}

/// Writes the evidence where `--save` says.
pub fn save(file: Option<&Path>, evidence: &Evidence) -> anyhow::Result<()> {
    let Some(path) = file else { return Ok(()) };
    let context = || format!("cannot save the evidence in {}", path.display());
    let mut file = BufWriter::new(File::create(path).with_context(context)?);
    serde_json::to_writer(&mut file, evidence).with_context(context)?;
    file.flush().with_context(context)
}

/// The exit status that a diagnosis deserves.
pub fn outcome(diagnosis: &Diagnosis) -> Outcome {
    match diagnosis.verdict.side {
        Side::None => Outcome::Fine,
        Side::Unknown => Outcome::CouldNotTell,
        Side::Client | Side::Server | Side::Both | Side::Environment => Outcome::Fault,
    }
}

/// Prints the diagnosis as a page, or as one JSON object.
pub fn show(
    evidence: &Evidence,
    diagnosis: &Diagnosis,
    as_json: bool,
    color: ColorWhen,
    saved: Option<&Path>,
) -> anyhow::Result<()> {
    if as_json {
        return terminal::show_json(&report::json::report(evidence, diagnosis));
    }
    let extras = Extras { width: terminal::width(), saved: saved.map(|path| path.display().to_string()) };
    terminal::show(&report::text::page(evidence, diagnosis, &terminal::style(color), &extras))
}
