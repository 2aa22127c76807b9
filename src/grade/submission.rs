//! One submission: where it is, what is in it, and a copy of it that can be run. Nothing of it is executed here, no link
//! is followed out of it, and no file is held in memory at once.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::lab::Part;

/// The longest file that is copied; a program's source is never longer.
const LONGEST: u64 = 16 << 20;
/// How much is copied in all.
const MOST: u64 = 64 << 20;
/// How many files and directories are looked at.
const ENTRIES: usize = 10_000;
/// How deep directories are entered.
const DEEPEST: usize = 24;

/// A submission that can be run.
#[derive(Debug)]
pub struct Submission {
    /// Its name, printable or not; bytes that are no UTF-8 are spelled `\xNN`.
    pub name: String,
    /// A digest of what is in it.
    pub content: String,
    /// What was left out of the copy, and why, as clauses.
    pub left_out: Vec<String>,
    copy: TempDir,
    /// The directory in the copy that counts as the submission's own.
    root: PathBuf,
    /// Files of the copy by their path from the root, sorted.
    files: Vec<String>,
}

/// The entries of `dir` that are submissions, sorted by name: whatever is not hidden, but for `except`.
///
/// # Errors
/// When the directory cannot be read.
pub fn find(dir: &Path, except: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let context = || format!("cannot read the submissions in {}", dir.display());
    let except = except.canonicalize().ok();
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).with_context(context)? {
        let path = entry.with_context(context)?.path();
        let is_hidden = path.file_name().is_some_and(|name| name.as_bytes().starts_with(b"."));
        let is_ours = except.is_some() && path.canonicalize().ok() == except;
        if !is_hidden && !is_ours {
            found.push(path);
        }
    }
    found.sort_by_key(|path| name(path));
    Ok(found)
}

/// A submission's name; no two different names become the same but by intent.
#[must_use]
pub fn name(path: &Path) -> String {
    let bytes = path.file_name().unwrap_or_default().as_bytes();
    let spelled = |chunk: std::str::Utf8Chunk| {
        chunk.valid().to_owned() + &joined(chunk.invalid(), |byte| format!("\\x{byte:02x}"))
    };
    bytes.utf8_chunks().map(spelled).collect()
}

/// A digest in hexadecimal digits.
#[must_use]
pub fn digest(parts: &[&[u8]]) -> String {
    let mut sum = Sha256::new();
    for part in parts {
        sum.update((part.len() as u64).to_le_bytes());
        sum.update(part);
    }
    hex(&sum.finalize())
}

fn hex(bytes: &[u8]) -> String {
    joined(bytes, |byte| format!("{byte:02x}"))
}

fn joined<T>(all: &[T], said: impl Fn(&T) -> String) -> String {
    all.iter().map(said).collect::<Vec<_>>().concat()
}

impl Submission {
    /// Copies and digests the submission at `path`.
    ///
    /// # Errors
    /// When the copy cannot be made; what is wrong with the submission itself is only noted.
    pub fn stage(path: &Path) -> anyhow::Result<Self> {
        let copy = tempfile::Builder::new().prefix("netdiag-grade-").tempdir().context("cannot make a directory")?;
        let mut walk = Walk {
            top: path.canonicalize()?,
            sum: Sha256::new(),
            copied: 0,
            entries: 0,
            files: vec![],
            left_out: vec![],
        };
        let kind = fs::symlink_metadata(path)?.file_type();
        let target = copy.path().join("all");
        fs::create_dir(&target)?;
        if kind.is_dir() {
            walk.directory(path, &target, "", 0)?;
        } else if kind.is_file() {
            let name = path.file_name().unwrap_or_default();
            walk.file(path, &target.join(name), &name.to_string_lossy())?;
        } else {
            walk.left_out.push("it is neither a file nor a directory, and a link is not followed".to_owned());
        }
        let content = hex(&walk.sum.finalize());
        let below = sole_directory(&target);
        let root = target.join(&below);
        let prefix = if below.is_empty() { String::new() } else { format!("{below}/") };
        let mut files: Vec<String> =
            walk.files.iter().filter_map(|file| file.strip_prefix(&prefix).map(str::to_owned)).collect();
        files.sort();
        walk.left_out.sort();
        Ok(Self { name: name(path), content, left_out: walk.left_out, copy, root, files })
    }

    /// The directory to run it in.
    #[must_use]
    pub fn root(&self) -> &Path {
        debug_assert!(self.root.starts_with(self.copy.path()));
        &self.root
    }

    /// The main file of `part`; else a sentence that says what was looked for and what is there.
    ///
    /// # Errors
    /// The sentence, for the student.
    pub fn main_file(&self, part: &Part) -> Result<&str, String> {
        let base = |file: &str| file.rsplit('/').next().unwrap_or_default().to_owned();
        for wanted in &part.files {
            if let Some(file) = self.files.iter().find(|file| *file == wanted) {
                return Ok(file);
            }
            let fitting: Vec<&String> = self.files.iter().filter(|file| fits(&base(file), wanted)).collect();
            if let [file] = fitting[..] {
                return Ok(file);
            }
        }
        let wanted = part.files.iter().map(|file| format!("`{file}`")).collect::<Vec<_>>().join(" or ");
        let few = 8;
        let there = match self.files.len() {
            0 => "it is empty".to_owned(),
            n => {
                let named = self.files.iter().take(few).map(|file| format!("`{file}`")).collect::<Vec<_>>().join(", ");
                if n > few { format!("it holds {named} and {} more", n - few) } else { format!("it holds {named}") }
            }
        };
        let left_out = joined(&self.left_out, |what| format!(" Not considered: {what}."));
        Err(format!("The submission has to hold {wanted}; {there}.{left_out}"))
    }
}

/// Whether `name` is `pattern`, in which a `*` stands for any characters.
fn fits(name: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        None => name == pattern,
        Some((before, after)) => name.strip_prefix(before).is_some_and(|rest| {
            rest.char_indices().map(|(at, _)| at).chain([rest.len()]).any(|at| fits(&rest[at..], after))
        }),
    }
}

/// Archives often hold nothing but one directory, and that may hold one again. What a Mac adds does not count.
fn sole_directory(dir: &Path) -> String {
    let mut below = PathBuf::new();
    for _ in 0..DEEPEST {
        let entries = fs::read_dir(dir.join(&below)).into_iter().flatten().flatten();
        let counts = |name: &OsStr| !name.as_bytes().starts_with(b".") && name != "__MACOSX";
        let entries: Vec<_> = entries.filter(|entry| counts(&entry.file_name())).collect();
        match &entries[..] {
            [only] if only.file_type().is_ok_and(|kind| kind.is_dir()) && only.file_name().to_str().is_some() => {
                below.push(only.file_name());
            }
            _ => break,
        }
    }
    below.to_string_lossy().into_owned()
}

struct Walk {
    top: PathBuf,
    sum: Sha256,
    copied: u64,
    entries: usize,
    files: Vec<String>,
    left_out: Vec<String>,
}

impl Walk {
    fn directory(&mut self, from: &Path, to: &Path, below: &str, depth: usize) -> anyhow::Result<()> {
        let Ok(entries) = fs::read_dir(from) else {
            self.left_out.push(format!("the directory `{below}` cannot be read"));
            return Ok(());
        };
        let mut entries: Vec<_> = entries.flatten().collect();
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            self.entries += 1;
            if self.entries > ENTRIES || depth > DEEPEST {
                self.left_out.push(format!("more than {ENTRIES} entries, or directories deeper than {DEEPEST}"));
                return Ok(());
            }
            let (path, target) = (entry.path(), to.join(entry.file_name()));
            let shown = join(below, &name(&path));
            let kind = entry.file_type()?;
            if kind.is_dir() {
                self.note(b"d", &entry.file_name());
                fs::create_dir(&target).with_context(|| format!("cannot copy {shown}"))?;
                self.directory(&path, &target, &shown, depth + 1)?;
            } else if kind.is_file() {
                self.note(b"f", &entry.file_name());
                self.file(&path, &target, &shown)?;
            } else if kind.is_symlink() {
                self.note(b"l", fs::read_link(&path)?.as_os_str());
                self.link(&path, &target, &shown)?;
            } else {
                self.left_out.push(format!("`{shown}` is no regular file"));
            }
        }
        Ok(())
    }

    fn note(&mut self, kind: &[u8], name: &OsStr) {
        self.sum.update(kind);
        self.sum.update((name.len() as u64).to_le_bytes());
        self.sum.update(name.as_bytes());
    }

    fn link(&mut self, path: &Path, target: &Path, shown: &str) -> anyhow::Result<()> {
        match path.canonicalize() {
            Ok(real) if real.starts_with(&self.top) && real.is_file() => self.file(&real, target, shown),
            Ok(real) if real.starts_with(&self.top) => {
                self.left_out.push(format!("`{shown}` is a link to no regular file"));
                Ok(())
            }
            _ => {
                self.left_out.push(format!("`{shown}` is a link that leads out of the submission"));
                Ok(())
            }
        }
    }

    /// Digests the file, and copies it unless it is too long.
    fn file(&mut self, from: &Path, to: &Path, shown: &str) -> anyhow::Result<()> {
        let Ok(mut source) = File::open(from) else {
            self.left_out.push(format!("`{shown}` cannot be read"));
            return Ok(());
        };
        let about = source.metadata()?;
        let keeps = about.len() <= LONGEST && self.copied + about.len() <= MOST;
        let mut target =
            if keeps { Some(File::create(to).with_context(|| format!("cannot copy {shown}"))?) } else { None };
        let mut chunk = vec![0; 256 << 10];
        self.sum.update(about.len().to_le_bytes());
        loop {
            let size = source.read(&mut chunk).with_context(|| format!("while reading {}", from.display()))?;
            if size == 0 {
                break;
            }
            self.sum.update(&chunk[..size]);
            if let Some(target) = &mut target {
                target.write_all(&chunk[..size]).with_context(|| format!("cannot copy {shown}"))?;
            }
        }
        if let Some(target) = target {
            self.copied += about.len();
            target.set_permissions(about.permissions())?;
            if to.to_str().is_some() {
                self.files.push(shown.to_owned());
            }
        } else {
            self.left_out.push(format!("`{shown}` is too large ({} MiB)", about.len() >> 20));
        }
        Ok(())
    }
}

fn join(below: &str, name: &str) -> String {
    if below.is_empty() { name.to_owned() } else { format!("{below}/{name}") }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;
    use std::os::unix::fs::symlink;

    use super::*;

    fn part(files: &[&str]) -> Part {
        Part { files: files.iter().map(|file| (*file).to_owned()).collect(), command: "python3 {file}".to_owned() }
    }

    #[test]
    fn the_main_file_is_found_by_its_name_its_pattern_and_below_a_sole_directory() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("handed in/lab")).unwrap();
        fs::create_dir(dir.path().join("__MACOSX")).unwrap();
        fs::write(dir.path().join("handed in/lab/mein sérveur.py"), "x").unwrap();
        fs::write(dir.path().join("handed in/lab/notes.txt"), "x").unwrap();
        let submission = Submission::stage(dir.path()).unwrap();
        assert!(submission.root().ends_with("handed in/lab"));
        assert_eq!(submission.main_file(&part(&["server.py", "*.py"])).unwrap(), "mein sérveur.py");
        let error = submission.main_file(&part(&["server.py"])).unwrap_err();
        assert!(error.contains("`server.py`") && error.contains("`notes.txt`"), "{error}");
    }

    #[test]
    fn a_pattern_that_fits_two_files_decides_nothing() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.py"), "x").unwrap();
        fs::write(dir.path().join("b.py"), "x").unwrap();
        let submission = Submission::stage(dir.path()).unwrap();
        assert!(submission.main_file(&part(&["*.py"])).is_err());
        assert_eq!(submission.main_file(&part(&["*.py", "b*"])).unwrap(), "b.py");
    }

    #[test]
    fn links_out_of_the_submission_are_left_out_and_links_inside_are_copied() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("real.py"), "x").unwrap();
        symlink("real.py", dir.path().join("server.py")).unwrap();
        symlink("/etc/passwd", dir.path().join("stolen.py")).unwrap();
        symlink("nowhere", dir.path().join("dangling.py")).unwrap();
        let submission = Submission::stage(dir.path()).unwrap();
        assert_eq!(submission.files, ["real.py", "server.py"]);
        assert_eq!(submission.left_out.len(), 2);
        assert!(!submission.root().join("stolen.py").exists());
    }

    #[test]
    fn the_digest_is_of_names_and_contents_and_a_large_file_is_digested_but_not_copied() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.py"), "x").unwrap();
        let first = Submission::stage(dir.path()).unwrap();
        assert_eq!(first.content, Submission::stage(dir.path()).unwrap().content);
        File::create(dir.path().join("large")).unwrap().set_len(LONGEST + 1).unwrap();
        let second = Submission::stage(dir.path()).unwrap();
        assert_ne!(first.content, second.content);
        assert_eq!((second.files, second.left_out.len()), (vec!["a.py".to_owned()], 1));
        fs::rename(dir.path().join("a.py"), dir.path().join("b.py")).unwrap();
        assert_ne!(Submission::stage(dir.path()).unwrap().content, second.content);
    }

    #[test]
    fn names_that_are_no_text_are_spelled_out() {
        let path = PathBuf::from(std::ffi::OsString::from_vec(b"/x/gr\xfc\xc3\xbc".to_vec()));
        assert_eq!(name(&path), "gr\\xfcü");
    }
}
