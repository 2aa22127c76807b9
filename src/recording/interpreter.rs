//! The interpreter for programs that are given as text.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

const PYTHON: &str = "python3";

/// `python3`, or the program behind it: version managers put a script in its place that costs more time than the
/// interpreter it picks, so its choice is asked for once, however many programs are started.
pub(super) fn python() -> &'static str {
    static CHOICE: OnceLock<Option<String>> = OnceLock::new();
    CHOICE.get_or_init(|| behind_a_script(&on_path(PYTHON)?)).as_deref().unwrap_or(PYTHON)
}

fn on_path(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|dir| dir.join(name)).find(|file| file.is_file())
}

/// What the interpreter that `file` starts calls itself; `None` if `file` is no script, or does not start one.
fn behind_a_script(file: &Path) -> Option<String> {
    let mut start = [0; 2];
    File::open(file).ok()?.read_exact(&mut start).ok()?;
    if start != *b"#!" {
        return None;
    }
    let asked = ["-I", "-c", "import sys; print(sys.executable)"];
    let said = Command::new(file).args(asked).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let program = String::from_utf8(said.stdout).ok()?;
    let program = program.trim_end();
    Path::new(program).is_file().then(|| program.to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_script_in_the_interpreters_place_is_seen_through_and_a_program_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let script = |name: &str, text: &str| {
            let file = dir.path().join(name);
            std::fs::write(&file, text).unwrap();
            std::fs::set_permissions(&file, PermissionsExt::from_mode(0o755)).unwrap();
            file
        };
        let behind = behind_a_script(&script("shim", "#!/bin/sh\nexec python3 \"$@\"\n")).unwrap();
        let version = Command::new(&behind).arg("--version").output().unwrap();
        assert!(String::from_utf8_lossy(&version.stdout).starts_with("Python 3"), "{behind}");
        assert_eq!(behind_a_script(&script("broken", "#!/bin/sh\nexit 1\n")), None);
        assert_eq!(behind_a_script(Path::new("/bin/sh")), None);
        assert_eq!(behind_a_script(&dir.path().join("missing")), None);
    }
}
