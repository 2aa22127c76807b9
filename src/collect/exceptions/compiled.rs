//! The tracer in Python's bytecode, for whoever starts many programs: without it, every one of them compiles the tracer anew,
//! which takes longer than all that the tracer does. It is made of our own text alone, by an interpreter that no program
//! under test has touched; what an interpreter of another version would need, it compiles itself as before.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::{command, write_sources};

/// Where Python keeps bytecode beside the sources (PEP 3147).
const CACHE: &str = "__pycache__";

/// A directory with the tracer's bytecode, which goes with this.
#[derive(Debug)]
pub struct Compiled(TempDir);

impl Compiled {
    /// The tracer as these interpreters compile it. `None` when there are none; one that cannot compile is passed over.
    #[must_use]
    pub fn by(interpreters: &BTreeSet<String>) -> Option<Self> {
        if interpreters.is_empty() {
            return None;
        }
        let dir = tempfile::Builder::new().prefix("netdiag-").tempdir().ok()?;
        write_sources(dir.path(), dir.path()).ok()?;
        for interpreter in interpreters {
            // Isolated (-I): nothing of the present directory or of the environment takes part. The bytecode is good for
            // these sources whatever time they bear (PEP 552).
            let words = ["-I", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", "."];
            let mut compile = Command::new(interpreter);
            compile.args(words).current_dir(dir.path());
            let _ = compile.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        }
        Some(Self(dir))
    }

    /// Where it lies.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.0.path()
    }
}

/// The interpreter that a command starts a script with, if it is a Python.
#[must_use]
pub fn interpreter_of(words: &[String]) -> Option<&str> {
    command::script(words)?;
    Some(&words[command::interpreter(words)?])
}

/// Puts the bytecode in `dir` beside the sources in `package` and `site`. What cannot be copied is compiled again.
pub fn lay_beside(package: &Path, site: &Path, dir: &Path) {
    let Ok(entries) = fs::read_dir(dir.join(CACHE)) else { return };
    for place in [package, site] {
        let _ = fs::create_dir(place.join(CACHE));
    }
    for entry in entries.flatten() {
        let name = entry.file_name();
        let is_of_site = name.to_string_lossy().starts_with("sitecustomize.");
        let _ = fs::copy(entry.path(), if is_of_site { site } else { package }.join(CACHE).join(name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn the_interpreter_is_the_word_that_starts_the_script() {
        assert_eq!(interpreter_of(&words("python3 -u server.py")), Some("python3"));
        assert_eq!(interpreter_of(&words("env A=1 /usr/bin/python3.11 s.py")), Some("/usr/bin/python3.11"));
        assert_eq!(interpreter_of(&words("java Server")), None);
    }

    #[test]
    fn the_bytecode_of_every_file_lies_beside_its_source() {
        let compiled = Compiled::by(&BTreeSet::from(["python3".to_owned(), "/no/such/python3".to_owned()])).unwrap();
        let (package, site) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        lay_beside(package.path(), site.path(), compiled.dir());
        let names = |place: &Path| -> Vec<String> {
            let entries = fs::read_dir(place.join(CACHE)).unwrap().flatten();
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
        };
        assert!(names(site.path()).iter().all(|name| name.starts_with("sitecustomize.cpython-")));
        let names = names(package.path());
        for (source, _) in super::super::PACKAGE {
            let module = source.trim_end_matches("py");
            assert!(
                names.iter().any(|name| name.starts_with(module) && name.contains(".cpython-")),
                "{source}: {names:?}"
            );
        }
        assert!(Compiled::by(&BTreeSet::new()).is_none());
    }
}
