//! Marks in the formats that platforms and people read. Each format is one file with pure functions from what may be told
//! ([`told`]) to text; only this one writes files. Nothing here judges, and no byte of a submission can forge a format.

pub mod annotations;
pub mod autolab;
pub mod classroom50;
mod folder;
pub mod gradescope;
pub mod html;
pub mod junit;
pub mod markdown;
pub mod prairielearn;
pub mod table;
mod tally;
pub mod told;
pub mod vpl;

#[cfg(test)]
mod tests;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::grade::results::{Results, Submission};
use told::{Reader, Sheet, sheet};

/// What the platform said of this run, for the formats that have to repeat it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Course {
    /// What Classroom 50 calls the classroom, the assignment and the submission, and where it shows them.
    pub classroom50: classroom50::Stamp,
}

impl Course {
    /// Reads what the platform left in environment variables, through `variable`.
    #[must_use]
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Course {
        Course { classroom50: classroom50::Stamp::read(variable) }
    }
}

/// Writes every format: the class's files into `dir`, those of a submission into a folder of its own under
/// `dir/students`. Returns the files written. Each appears whole or not at all. A folder that an earlier run wrote for a
/// submission that is gone goes too, unless somebody has put something into it.
///
/// # Errors
/// When a folder or a file cannot be written or removed.
pub fn write_all(results: &Results, course: &Course, dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    for (name, text) in class_files(results)? {
        written.push(write(dir, name, &text)?);
    }
    let students = dir.join("students");
    let folders = folder::names(results.submissions.iter().map(|submission| submission.name.as_str()));
    for (submission, folder) in results.submissions.iter().zip(&folders) {
        let own = students.join(folder);
        for (name, text) in student_files(&results.lab, submission, course) {
            written.push(write(&own, name, &text)?);
        }
    }
    remove_others(&students, &folders)?;
    Ok(written)
}

/// Names of the files about one submission.
const STUDENT_FILES: [&str; 8] = [
    "feedback.html",
    "feedback.md",
    "annotations.txt",
    "gradescope.json",
    "classroom50.json",
    "prairielearn.json",
    "autolab.txt",
    "vpl.txt",
];

/// Removes what an earlier run wrote for submissions that are gone.
fn remove_others(students: &Path, folders: &[String]) -> anyhow::Result<()> {
    for entry in fs::read_dir(students).into_iter().flatten().flatten() {
        let is_present = entry.file_name().to_str().is_some_and(|name| folders.iter().any(|folder| folder == name));
        if !is_present && entry.file_type().is_ok_and(|kind| kind.is_dir()) && is_ours(&entry.path()) {
            let path = entry.path();
            fs::remove_dir_all(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}

/// Whether netdiag wrote all that is in it: its files, every one of them, and nothing else.
fn is_ours(folder: &Path) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return false };
    let entries: Vec<_> = entries.flatten().collect();
    let is_known = |entry: &fs::DirEntry| {
        entry.file_type().is_ok_and(|kind| kind.is_file())
            && entry.file_name().to_str().is_some_and(|name| STUDENT_FILES.contains(&name))
    };
    entries.len() == STUDENT_FILES.len() && entries.iter().all(is_known)
}

/// Name and text of each file about the whole class.
fn class_files(results: &Results) -> anyhow::Result<Vec<(&'static str, String)>> {
    let told = |reader| -> Vec<Sheet> { results.submissions.iter().map(|one| sheet(one, reader)).collect() };
    let teacher = told(Reader::Teacher);
    Ok(vec![
        ("class.html", html::class(&results.lab, &results.rules, &teacher)),
        ("class.md", markdown::class(&results.lab, &results.rules, &teacher)),
        ("marks.csv", table::marks(&teacher)?),
        // Platforms show it to students too.
        ("junit.xml", junit::suites(&results.lab, &told(Reader::Student))?),
    ])
}

/// Name and text of each file about one submission; its author may see them all.
fn student_files(
    lab: &str,
    submission: &Submission,
    course: &Course,
) -> impl Iterator<Item = (&'static str, String)> + use<> {
    let told = sheet(submission, Reader::Student);
    let texts = [
        html::student(lab, &told),
        markdown::student(lab, &told),
        annotations::commands(&told),
        gradescope::results(&told),
        classroom50::result(&told, &course.classroom50),
        prairielearn::results(&told),
        autolab::output(&told),
        vpl::output(&told),
    ];
    STUDENT_FILES.into_iter().zip(texts)
}

fn write(dir: &Path, name: &str, text: &str) -> anyhow::Result<PathBuf> {
    let path = dir.join(name);
    let put = || -> anyhow::Result<()> {
        fs::create_dir_all(dir)?;
        let mut file = tempfile::Builder::new().prefix(".netdiag-").tempfile_in(dir)?;
        file.write_all(text.as_bytes())?;
        // A temporary file is its owner's alone; a web server or a colleague has to read the report.
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            file.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
        }
        file.persist(&path)?;
        Ok(())
    };
    put().with_context(|| format!("cannot write {}; is there room, and may you write there?", path.display()))?;
    Ok(path)
}
