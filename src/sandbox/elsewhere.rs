//! Elsewhere than on Linux there are no namespaces: programs cannot be confined, and say why.

use std::ffi::OsString;
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
pub fn settle_in() -> anyhow::Result<()> {
    anyhow::bail!(WHY)
}

/// Becomes the program, without limits. Returns only with an error.
#[must_use = "it returns only with an error"]
pub fn become_guest(_: &Limits, _: Option<u32>, command: &[OsString]) -> anyhow::Error {
    use std::os::unix::process::CommandExt;
    let Some((word, arguments)) = command.split_first() else { return anyhow::anyhow!("the command is empty") };
    std::process::Command::new(word).args(arguments).exec().into()
}
