//! Where the programs of a submission live during one recording: a copy of their own, so that what they write is seen by
//! no other recording.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::interpreter;
use crate::collect::exceptions::{self, Compiled};
use crate::evidence::{Evidence, Observed};
use crate::sandbox::Limits;

/// The home of programs given as commands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Home {
    /// A directory of plain files and directories, which is copied for the recording and never written to.
    pub dir: PathBuf,
    /// What its programs may use.
    pub limits: Limits,
    /// Directories and files that its programs must not see.
    pub hidden: Vec<PathBuf>,
    /// The tracer's bytecode ([`compile_tracer`]), if there is any.
    #[serde(default)]
    pub tracer: Option<PathBuf>,
    /// The cgroup below which each recording in a room makes one for its programs, if there is such a one
    /// ([`crate::sandbox::Delegation`]); to the keeper of a room, the recording's own.
    #[serde(default)]
    pub cgroup: Option<PathBuf>,
    /// As whom they see themselves; set by the porter of a room (`sandbox::confine`), `None` outside of one.
    #[serde(default)]
    pub uid: Option<u32>,
}

/// The tracer compiled once for all programs that these commands start, which is worth it where many are.
pub fn compile_tracer<'c>(commands: impl Iterator<Item = &'c [String]>) -> Option<Compiled> {
    let real = |word: &str| if word == "python3" { interpreter::python() } else { word }.to_owned();
    Compiled::by(&commands.filter_map(exceptions::interpreter_of).map(real).collect())
}

impl Home {
    /// Makes the copy below `dir` and returns where it is.
    pub(super) fn furnish(&self, dir: &Path) -> anyhow::Result<PathBuf> {
        let place = dir.join("submission");
        copy(&self.dir, &place).with_context(|| format!("cannot copy {}", self.dir.display()))?;
        Ok(place)
    }

    /// The command that becomes `command` within the limits.
    pub(super) fn guest(&self, command: Vec<String>) -> anyhow::Result<Vec<String>> {
        let netdiag = std::env::current_exe().context("cannot find netdiag's own program file")?;
        let limits = serde_json::to_string(&self.limits)?;
        let mut words =
            vec![netdiag.to_string_lossy().into_owned(), "__guest".to_owned(), "--limits".to_owned(), limits];
        if let Some(uid) = self.uid {
            words.extend(["--uid".to_owned(), uid.to_string()]);
        }
        if let Some(cgroup) = &self.cgroup {
            words.extend(["--cgroup".to_owned(), cgroup.to_string_lossy().into_owned()]);
        }
        words.push("--".to_owned());
        words.extend(command);
        Ok(words)
    }
}

/// Copies regular files and directories; whatever else is there stays behind.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (kind, target) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_dir() {
            copy(&entry.path(), &target)?;
        } else if kind.is_file() {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// What the tracers told of an interrupted server after the recording belongs to no exchange; its words and its status
/// are in the farewell.
pub(super) fn forget_farewell(evidence: &mut Evidence) {
    let (Some(farewell), Observed::Seen(seen)) = (&evidence.farewell, &mut evidence.exceptions) else { return };
    seen.raised.retain(|raised| raised.at < farewell.at);
    seen.neglected.retain(|neglected| neglected.at < farewell.at);
    seen.stalls.retain(|stall| stall.at < farewell.at);
}
