//! `netdiag grade` and the limits of all programs of a submission together: the kernel's, where a cgroup of version 2 is
//! delegated, and a guard's elsewhere. tests/cgroup/run starts a kernel in which one is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;
use serde_json::Value;

use super::stand::{NETDIAG, Run, turn};

/// Time enough for a kernel in software emulation on a busy machine.
const LAB: &str = r#"
title = "Programs that want too much"
[server]
files = ["server.py"]
command = "python3 {file}"
[contract]
address = "127.0.0.1:9999"
framing = "line"
reply = "exact"
[limits]
processes = 12
memory-mib = 200
cpu-seconds = 100
seconds = 200
[[checks]]
id = "echo"
title = "A line comes back"
points = 1
[checks.client]
timeout-ms = 60000
"#;

/// What each says to the reader, or `None` if it is right.
const CLASS: [(&str, Option<&str>); 4] = [
    ("fork-bomb", Some("because more than 12 processes and threads were to run at the same time.")),
    ("memory-bomb", Some("because its processes used more than 200 MiB of memory together.")),
    ("honest", None),
    ("leaves-its-limits", None),
];

/// What a result says where the kernel does not hold the limits.
const GUARDED: &str = "between two looks of a guard";

/// Where these tests live in a cgroup whose sister may have limits, as in tests/cgroup/run: that of both.
fn prepared() -> Option<PathBuf> {
    let own = fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = own.lines().find_map(|line| line.strip_prefix("0::/"))?.to_owned();
    let above = Path::new("/sys/fs/cgroup").join(own).parent()?.to_owned();
    let handed_on = fs::read_to_string(above.join("cgroup.subtree_control")).ok()?;
    let has = |controller| handed_on.split_ascii_whitespace().any(|word| word == controller);
    (has("memory") && has("pids") && above.join("cgroup.type").exists()).then_some(above)
}

fn has_a_session_of_systemd() -> bool {
    let mut words = Command::new("systemd-run");
    words.args(["--user", "--scope", "--quiet", "--collect", "-p", "Delegate=yes", "true"]);
    words.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// The class, with what it is graded by, and where.
struct Stand {
    place: tempfile::TempDir,
}

impl Stand {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/submissions");
        for (name, _) in CLASS {
            let to = place.path().join("class").join(name);
            fs::create_dir_all(&to).unwrap();
            fs::copy(corpus.join("hostile").join(name).join("server.py"), to.join("server.py")).unwrap();
        }
        fs::write(place.path().join("lab.toml"), LAB).unwrap();
        Self { place }
    }

    /// Begins to grade the class, through these words.
    fn start(&self, wrapper: &[&str]) -> Run {
        let path = |name: &str| self.place.path().join(name).to_str().unwrap().to_owned();
        let (class, lab, out) = (path("class"), path("lab.toml"), path("out"));
        let _ = fs::remove_dir_all(&out);
        Run::start(
            wrapper,
            Path::new(NETDIAG),
            &["grade", &class, "--lab", &lab, "--out", &out, "--json", "--jobs", "1"],
            self.place.path(),
        )
    }

    /// Grades it, and returns who held the limits.
    fn grade(&self, wrapper: &[&str]) -> Option<String> {
        let ended = self.start(wrapper).end();
        assert!([0, 3].contains(&ended.code()), "{ended:?}");
        let results = ended.json();
        let open = results["submissions"][0]["not-isolated"].as_array().unwrap();
        let open: Vec<&str> = open.iter().map(|clause| clause.as_str().unwrap()).collect();
        if open.iter().any(|clause| clause.starts_with("files and processes")) {
            eprintln!("reduced: submissions cannot be confined here: {open:?}");
            assert!(std::env::var_os("NETDIAG_REQUIRE_CAPTURE").is_none(), "{open:?}");
            return Some("nobody".to_owned());
        }
        let guarded = open.iter().find(|clause| clause.contains(GUARDED)).map(|clause| (*clause).to_owned());
        for (name, said) in CLASS {
            judge(&results, name, said, guarded.is_some());
        }
        guarded
    }
}

fn judge(results: &Value, name: &str, said: Option<&str>, guarded: bool) {
    let all = results["submissions"].as_array().unwrap();
    let check = &all.iter().find(|one| one["name"] == name).unwrap()["checks"][0];
    let Some(said) = said else {
        assert_eq!(check["outcome"], "passed", "{name}: {check:#}");
        return;
    };
    assert_eq!(check["outcome"], "failed", "{name}: {check:#}");
    // A guard never sees one process too many where the kernel refuses it to an ordinary user's program (RLIMIT_NPROC).
    let unseen = guarded && !nix::unistd::geteuid().is_root() && said.contains("threads");
    assert!(unseen || check["feedback"].as_str().unwrap().contains(said), "{name}: {check:#}");
}

/// Cgroups that netdiag makes.
fn left_in(base: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(base).unwrap().flatten().map(|entry| entry.path());
    entries.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("netdiag-")).collect()
}

#[test]
fn all_programs_of_a_submission_share_limits_of_the_kernel_or_the_results_name_the_guard() {
    let _turn = turn();
    let stand = Stand::new();
    let plain = stand.grade(&[]);
    if has_a_session_of_systemd() {
        let scope = ["systemd-run", "--user", "--scope", "--quiet", "--collect", "-p", "Delegate=yes"];
        assert_eq!(stand.grade(&scope), None);
    }
    let Some(base) = prepared() else {
        let why = plain.unwrap_or_default();
        eprintln!("reduced: no cgroup is delegated to the tests: {why}");
        assert!(why.contains(GUARDED) && why.contains("cgroup") || why == "nobody", "{why:?}");
        return;
    };
    assert_eq!(plain, None);
    assert_eq!(left_in(&base), Vec::<PathBuf>::new());
    let alone = base.join(format!("alone-{}", std::process::id()));
    fs::create_dir(&alone).unwrap();
    let into = ["sh", "-c", "echo $$ > \"$0/cgroup.procs\" && exec \"$@\"", alone.to_str().unwrap()];
    assert_eq!(stand.grade(&into), None);
    assert_eq!(fs::read_to_string(alone.join("cgroup.subtree_control")).unwrap().trim(), "");
    fs::remove_dir(&alone).unwrap();
    assert_eq!(left_in(&base), Vec::<PathBuf>::new());
}

#[test]
fn the_next_run_removes_the_cgroups_of_one_that_was_killed() {
    let _turn = turn();
    let stand = Stand::new();
    let Some(base) = prepared() else {
        let mut run = stand.start(&[]);
        run.member("__record");
        run.signal(Signal::SIGKILL);
        drop(run);
        let held = stand.grade(&[]);
        eprintln!("reduced: no cgroup is delegated to the tests: {held:?}");
        assert!(held.is_some());
        return;
    };
    let mut run = stand.start(&[]);
    run.wait_until("a cgroup of a recording", |_| !left_in(&base).is_empty());
    run.signal(Signal::SIGKILL);
    drop(run);
    assert_ne!(left_in(&base), Vec::<PathBuf>::new());
    assert_eq!(stand.grade(&[]), None);
    assert_eq!(left_in(&base), Vec::<PathBuf>::new());
}
