//! Where system calls cannot be traced: nothing is suitable, and a shim just becomes its program.

use std::ffi::OsString;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// Why no command can be traced here.
pub fn obstacle(_command: &[String], _cwd: Option<&Path>) -> Option<String> {
    Some("system calls cannot be traced on this machine".to_owned())
}

/// Becomes `command`. Returns only when that is impossible.
pub fn become_program(_tracer: &Path, _program: usize, _bytes: bool, command: &[OsString]) -> anyhow::Error {
    let Some((word, arguments)) = command.split_first() else { return anyhow::anyhow!("the command is empty") };
    anyhow::Error::new(Command::new(word).args(arguments).exec())
}

/// There is no tracer here.
pub fn run(_knocking: UnixListener, _recorder: UnixStream, _zero: Option<u64>) -> anyhow::Result<()> {
    anyhow::bail!("system calls cannot be traced on this machine")
}
