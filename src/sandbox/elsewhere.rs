//! Elsewhere than on Linux there are no namespaces: programs cannot be confined, and say why.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};

use super::Limits;

const WHY: &str = "this system has no namespaces that an ordinary user may make; grade on Linux";

/// A room; there is none here.
#[derive(Debug)]
pub struct Room {
    /// netdiag's own program inside.
    pub netdiag: PathBuf,
    /// The submission inside.
    pub submission: PathBuf,
    /// The tracer's bytecode inside, read-only, if there is any.
    pub tracer: Option<PathBuf>,
    /// As whom guests see themselves.
    pub uid: u32,
}

/// Refuses.
///
/// # Errors
/// Always.
pub fn build(_: &Path, _: Option<&Path>, _: &[PathBuf]) -> anyhow::Result<Room> {
    anyhow::bail!(WHY)
}

/// Refuses.
///
/// # Errors
/// Always.
pub fn settle_in(_: Option<&Path>) -> anyhow::Result<Option<File>> {
    anyhow::bail!(WHY)
}

/// Refuses.
///
/// # Errors
/// Always.
pub fn hold(_: &Path) -> anyhow::Result<File> {
    anyhow::bail!(WHY)
}

/// Nowhere.
#[must_use]
pub fn held_by_us(_: &File) -> PathBuf {
    PathBuf::new()
}

/// Becomes the program, without limits. Returns only with an error.
#[must_use = "it returns only with an error"]
pub fn become_guest(_: &Limits, _: Option<u32>, _: Option<&Path>, command: &[OsString]) -> anyhow::Error {
    use std::os::unix::process::CommandExt;
    let Some((word, arguments)) = command.split_first() else { return anyhow::anyhow!("the command is empty") };
    std::process::Command::new(word).args(arguments).exec().into()
}
