//! Everybody's submission, several at a time. What has been graded is kept at once, each by itself and whole, so that a run
//! that was killed goes on where it stopped; and what several machines have graded can be put together.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, bail, ensure};

use super::attempt::{Bench, Interrupted};
use super::lab::Lab;
use super::results::{Outcome, Results, SCHEMA, Submission};
use super::submission;
use crate::recording::{Place, compile_tracer, confinement, limitation};
use crate::sandbox::{self, Delegation, Interruption};

/// What is to be graded, and how.
#[derive(Debug)]
pub struct Class {
    /// The lab.
    pub lab: Lab,
    /// A digest of the lab's text and of netdiag's version.
    pub rules: String,
    /// The lab's file, if it is one.
    pub file: Option<PathBuf>,
    /// Where results are kept.
    pub out: PathBuf,
    /// How many submissions are graded at the same time.
    pub jobs: usize,
}

impl Class {
    /// A class that is graded by the lab of this text.
    ///
    /// # Errors
    /// When the text is no lab, or a program that it starts submissions with is not installed.
    pub fn new(name: &str, text: &str, out: &Path, jobs: usize) -> anyhow::Result<Self> {
        let lab = super::lab::parse(name, text)?;
        for part in lab.checks.iter().map(|check| &check.program) {
            let word = part.words("{file}")?.into_iter().next().unwrap_or_default();
            ensure!(
                word.contains('/') || word.contains("{file}") || is_installed(&word),
                "the lab starts submissions with `{word}`, which is not installed here; install it, or change `command`"
            );
        }
        let rules = submission::digest(&[text.as_bytes(), env!("CARGO_PKG_VERSION").as_bytes(), SCHEMA.as_bytes()]);
        let file = Some(PathBuf::from(name)).filter(|file| file.is_file());
        Ok(Self { lab, rules, file, out: out.to_owned(), jobs })
    }

    /// Grades the submissions at `paths` and keeps each result. `tell` hears of each one as soon as it is there, and
    /// whether it had been there before.
    ///
    /// # Errors
    /// When a result cannot be kept, or somebody interrupted.
    pub fn grade(&self, paths: &[PathBuf], tell: impl Fn(&Submission, bool) + Sync) -> anyhow::Result<Results> {
        let kept = self.out.join(SUBMISSIONS);
        fs::create_dir_all(&kept).with_context(|| format!("cannot keep results in {}", kept.display()))?;
        let interruption = Interruption::listen()?;
        let (place, delegation, not_isolated) = ground();
        let cgroup = delegation.as_ref().map(|delegation| delegation.base().to_owned());
        let commands: Vec<Vec<String>> =
            self.lab.checks.iter().filter_map(|check| check.program.words("{file}").ok()).collect();
        let tracer = compile_tracer(commands.iter().map(Vec::as_slice));
        let bench = Bench { lab: &self.lab, place, hidden: self.hidden(paths), tracer, cgroup, not_isolated };
        let jobs = if place == Place::Host { 1 } else { self.jobs.clamp(1, paths.len().max(1)) };
        let next = AtomicUsize::new(0);
        let done: Mutex<Vec<anyhow::Result<Submission>>> = Mutex::new(Vec::new());
        let work = || {
            while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
                let graded = if interruption.requested() {
                    Err(Interrupted.into())
                } else {
                    self.one(path, &kept, &bench, &tell)
                };
                let failed = graded.is_err();
                done.lock().unwrap_or_else(PoisonError::into_inner).push(graded);
                if failed {
                    next.store(paths.len(), Ordering::Relaxed);
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..jobs {
                scope.spawn(work);
            }
        });
        let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(self.results(done.into_iter().collect::<anyhow::Result<_>>()?))
    }

    /// Other submissions, results, the lab with its hidden checks, and what netdiag keeps for the time being.
    fn hidden(&self, paths: &[PathBuf]) -> Vec<PathBuf> {
        let parent = paths.first().and_then(|path| path.parent()).map(Path::to_owned);
        let all = [Some(self.out.clone()), parent, self.file.clone(), Some(std::env::temp_dir())];
        let real = |path: PathBuf| path.canonicalize().ok();
        // Hiding the root would leave nothing to run.
        all.into_iter()
            .flatten()
            .filter_map(real)
            .filter(|path| path.parent().is_some() && path.to_str().is_some())
            .collect()
    }

    fn one(
        &self,
        path: &Path,
        kept: &Path,
        bench: &Bench,
        tell: &(impl Fn(&Submission, bool) + Sync),
    ) -> anyhow::Result<Submission> {
        let staged =
            submission::Submission::stage(path).with_context(|| format!("while reading {}", path.display()))?;
        let file = kept.join(file_name(&staged.name));
        if let Some(known) = self.known(&file, &staged.content) {
            tell(&known, true);
            return Ok(known);
        }
        let graded = bench.grade(&staged)?;
        write(&file, &self.results(vec![graded.clone()]))?;
        tell(&graded, false);
        Ok(graded)
    }

    /// The result that an earlier run kept, if nothing it rests on has changed. One that a failure of netdiag or of the
    /// machine is part of is worth another try.
    fn known(&self, file: &Path, content: &str) -> Option<Submission> {
        let text = fs::read(file).ok()?;
        let mut known: Results = serde_json::from_slice(&text).ok()?;
        let submission = known.submissions.pop()?;
        let is_sound = submission.checks.iter().all(|check| check.outcome != Outcome::Error);
        (known.schema == SCHEMA && known.rules == self.rules && submission.content == content && is_sound)
            .then_some(submission)
    }

    fn results(&self, mut submissions: Vec<Submission>) -> Results {
        submissions.sort_by(|a, b| a.name.cmp(&b.name));
        Results { schema: SCHEMA.to_owned(), lab: self.lab.title.clone(), rules: self.rules.clone(), submissions }
    }
}

/// Below the directory of results: one file for each submission.
const SUBMISSIONS: &str = "submissions";

/// Where recordings are made here, the cgroup that their programs may be limited in, and what all that does not keep apart.
fn ground() -> (Place, Option<Delegation>, Vec<String>) {
    let mut open = Vec::new();
    if nix::unistd::geteuid().is_root() {
        open.push("devices and what else only the superuser may open: grade as an ordinary user".to_owned());
    }
    let Err(why) = confinement() else {
        let delegation = delegation();
        if let Err(why) = &delegation {
            open.push(format!(
                "memory and processes of a submission all together, between two looks of a guard: {why}"
            ));
        }
        return (Place::Private, delegation.ok(), open);
    };
    open.push(format!("files and processes of the user who graded: {why}"));
    open.push("memory and processes of a submission all together".to_owned());
    if let Err(refusal) = sandbox::private_network() {
        open.push(format!("the network: {}", refusal.why));
        return (Place::Host, None, open);
    }
    (Place::Private, None, open)
}

/// A cgroup that is ours, and in which a program has been seen to run.
fn delegation() -> Result<Delegation, String> {
    let delegation = Delegation::claim()?;
    limitation(delegation.base())?;
    Ok(delegation)
}

fn is_installed(word: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(word).is_file()))
}

/// A file name for any submission's name: readable where that is safe, and never the same for two.
fn file_name(name: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    let readable: String = name.chars().map(safe).take(60).collect();
    format!("{readable}-{}.json", &submission::digest(&[name.as_bytes()])[..12])
}

/// Writes the whole file or nothing: other readers, and whoever kills us, meet the old one or the new one.
///
/// # Errors
/// When it cannot be written.
pub fn write(file: &Path, results: &Results) -> anyhow::Result<()> {
    let context = || format!("cannot write {}", file.display());
    let dir = file.parent().unwrap_or(Path::new("."));
    let mut new = tempfile::Builder::new().prefix(".new-").tempfile_in(dir).with_context(context)?;
    serde_json::to_writer_pretty(&mut new, results).with_context(context)?;
    new.write_all(b"\n").with_context(context)?;
    new.as_file().sync_all().with_context(context)?;
    fs::set_permissions(new.path(), std::os::unix::fs::PermissionsExt::from_mode(0o644)).with_context(context)?;
    new.persist(file).with_context(context)?;
    Ok(())
}

/// Writes the class's results where everything else is made from.
///
/// # Errors
/// When that is not possible.
pub fn keep(out: &Path, results: &Results) -> anyhow::Result<()> {
    fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    write(&out.join("results.json"), results)
}

/// Puts together what several machines, or several runs, have kept in `outs`.
///
/// # Errors
/// When there is nothing, when a file is no result, when they were graded by different rules, or when the same submission
/// was graded with different contents.
pub fn merge(outs: &[PathBuf]) -> anyhow::Result<Results> {
    let mut whole: Option<Results> = None;
    let mut all: BTreeMap<String, (Submission, PathBuf)> = BTreeMap::new();
    for out in outs {
        let dir = out.join(SUBMISSIONS);
        let entries = fs::read_dir(&dir).with_context(|| format!("there are no results in {}", out.display()))?;
        let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        files.retain(|file| file.extension().is_some_and(|ending| ending == "json"));
        files.sort();
        for file in files {
            let text = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
            let part: Results =
                serde_json::from_slice(&text).with_context(|| format!("{} is no result of netdiag", file.display()))?;
            if let Some(first) = &whole {
                ensure!(
                    first.rules == part.rules && first.schema == part.schema,
                    "{} was graded by another lab or another netdiag than the others; grade it again",
                    file.display()
                );
            }
            take(&mut all, part.submissions.clone(), &file)?;
            whole.get_or_insert(Results { submissions: Vec::new(), ..part });
        }
    }
    let Some(mut whole) = whole else { bail!("there is nothing to merge: no result was found") };
    whole.submissions = all.into_values().map(|(submission, _)| submission).collect();
    Ok(whole)
}

fn take(all: &mut BTreeMap<String, (Submission, PathBuf)>, new: Vec<Submission>, file: &Path) -> anyhow::Result<()> {
    for submission in new {
        if let Some((known, before)) = all.get(&submission.name) {
            ensure!(
                known.content == submission.content,
                "{:?} was graded twice with different contents: {} and {}",
                submission.name,
                before.display(),
                file.display()
            );
            continue;
        }
        all.insert(submission.name.clone(), (submission, file.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn submission(name: &str, content: &str) -> Submission {
        Submission {
            name: name.to_owned(),
            content: content.to_owned(),
            points: 1.0,
            out_of: 2.0,
            checks: Vec::new(),
            review: Vec::new(),
            not_isolated: Vec::new(),
            took_ms: 0.0,
        }
    }

    fn kept(rules: &str, submissions: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join(SUBMISSIONS)).unwrap();
        for (name, content) in submissions {
            let results = Results {
                schema: SCHEMA.to_owned(),
                lab: "l".to_owned(),
                rules: rules.to_owned(),
                submissions: vec![submission(name, content)],
            };
            write(&dir.path().join(SUBMISSIONS).join(file_name(name)), &results).unwrap();
        }
        dir
    }

    fn merged(dirs: &[&tempfile::TempDir]) -> anyhow::Result<Vec<String>> {
        let outs: Vec<PathBuf> = dirs.iter().map(|dir| dir.path().to_owned()).collect();
        Ok(merge(&outs)?.submissions.into_iter().map(|submission| submission.name).collect())
    }

    #[test]
    fn parts_are_put_together_in_the_order_of_names_and_none_twice() {
        let (one, two) = (kept("r", &[("c", "1"), ("a b/ü", "1")]), kept("r", &[("b", "1"), ("c", "1")]));
        assert_eq!(merged(&[&one, &two]).unwrap(), ["a b/ü", "b", "c"]);
    }

    #[test]
    fn results_of_different_rules_or_contents_are_not_mixed() {
        let (one, two, three) = (kept("r", &[("a", "1")]), kept("s", &[("b", "1")]), kept("r", &[("a", "2")]));
        assert!(merged(&[&one, &two]).unwrap_err().to_string().contains("another lab"));
        assert!(merged(&[&one, &three]).unwrap_err().to_string().contains("different contents"));
        assert!(merged(&[]).unwrap_err().to_string().contains("nothing to merge"));
    }

    #[test]
    fn a_file_name_is_safe_and_tells_two_names_apart() {
        let names = ["../../etc/passwd", "..\\..\\etc\\passwd", "a b", "a_b"].map(file_name);
        assert!(names.iter().all(|name| !name.contains('/') && !name.contains(' ')), "{names:?}");
        assert_ne!(names[0], names[1]);
        assert_ne!(names[2], names[3]);
    }
}
