//! netdiag itself on the stand: started through a wrapper or not, read to its end under a deadline, and asked afterwards
//! whether anything it started is left. All that descends from one run bears that run's mark in its environment.

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

pub const NETDIAG: &str = env!("CARGO_BIN_EXE_netdiag");

/// Far more than anything takes here; only a failing test waits for it.
pub const LONG: Duration = Duration::from_secs(300);

const MARK: &str = "NETDIAG_TEST_MARK";

/// Where private networks are refused, all scenarios want the same port of the host, so they take turns.
pub fn turn() -> MutexGuard<'static, ()> {
    static PORT: Mutex<()> = Mutex::new(());
    PORT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One run of netdiag.
pub struct Run {
    child: Child,
    mark: String,
    stdout: Option<JoinHandle<String>>,
    stderr: Option<JoinHandle<String>>,
}

/// How it ended.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| -self.status.signal().unwrap_or_default())
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Runs netdiag with these arguments to its end.
pub fn netdiag(arguments: &[&str]) -> Ended {
    Run::start(&[], Path::new(NETDIAG), arguments, &std::env::temp_dir()).end()
}

impl Run {
    /// Starts `wrapper… binary arguments…` in `directory`.
    pub fn start(wrapper: &[&str], binary: &Path, arguments: &[&str], directory: &Path) -> Self {
        static RUNS: AtomicU32 = AtomicU32::new(0);
        let mark = format!("{}-{}", std::process::id(), RUNS.fetch_add(1, Ordering::Relaxed));
        let mut words = wrapper.iter().map(std::ffi::OsStr::new).chain([binary.as_os_str()]);
        let mut child = Command::new(words.next().unwrap())
            .args(words)
            .args(arguments)
            .current_dir(directory)
            .env(MARK, &mark)
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{wrapper:?} {}: {error}", binary.display()));
        let (stdout, stderr) = (drain(child.stdout.take().unwrap()), drain(child.stderr.take().unwrap()));
        Self { child, mark, stdout: Some(stdout), stderr: Some(stderr) }
    }

    /// Sends a signal to netdiag itself.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }

    /// Waits for a process of this run, netdiag included, whose command line contains `words`.
    pub fn member(&mut self, words: &str) -> Pid {
        let mut found = None;
        self.wait_until(words, |run| {
            found = run.members().into_iter().find(|(_, command)| command.contains(words)).map(|(pid, _)| pid);
            found.is_some()
        });
        found.unwrap()
    }

    /// Every living process of this run with its command line.
    pub fn members(&self) -> Vec<(Pid, String)> {
        let wanted = format!("{MARK}={}", self.mark);
        let processes = procfs::process::all_processes().unwrap().filter_map(Result::ok);
        processes
            .filter(|process| {
                let path = format!("/proc/{}/environ", process.pid);
                let environment = std::fs::read(path).unwrap_or_default();
                environment.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes())
            })
            .map(|process| (Pid::from_raw(process.pid), process.cmdline().unwrap_or_default().join(" ")))
            .collect()
    }

    /// Waits until `reached`, while netdiag is running.
    pub fn wait_until(&mut self, what: &str, mut reached: impl FnMut(&Self) -> bool) {
        let began = Instant::now();
        while !reached(self) {
            if let Some(status) = self.child.try_wait().unwrap() {
                let said = [self.stdout.take(), self.stderr.take()].map(|thread| thread.unwrap().join().unwrap());
                panic!("waited for {what}, and netdiag ended with {status}: {}", said.join("\n"));
            }
            assert!(began.elapsed() < LONG, "waited for {what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for the end, then until nothing that the run started is left.
    pub fn end(mut self) -> Ended {
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(began.elapsed() < LONG, "netdiag did not end: {:?}", self.members());
            std::thread::sleep(Duration::from_millis(5));
        };
        while !self.members().is_empty() {
            assert!(began.elapsed() < LONG, "left behind: {:?}", self.members());
            std::thread::sleep(Duration::from_millis(5));
        }
        let read = |thread: Option<JoinHandle<String>>| thread.unwrap().join().unwrap();
        Ended { status, stdout: read(self.stdout.take()), stderr: read(self.stderr.take()) }
    }
}

impl Drop for Run {
    /// A failing test leaves nothing behind either; netdiag ends what it started when it is asked to end.
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn drain(mut pipe: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// A copy of netdiag in a directory that everybody may read and write.
pub struct Public {
    directory: tempfile::TempDir,
}

impl Public {
    pub fn new() -> Self {
        use std::os::unix::fs::PermissionsExt;
        let everybody = PermissionsExt::from_mode(0o777);
        let directory = tempfile::Builder::new().permissions(everybody).tempdir().unwrap();
        // The umask has taken the others' right to write away.
        std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o777)).unwrap();
        // By a process of its own: a file that this one holds open for writing while another test forks cannot be executed.
        let copied = Command::new("cp").arg(NETDIAG).arg(directory.path().join("netdiag")).status();
        assert!(copied.unwrap().success());
        Self { directory }
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    pub fn binary(&self) -> PathBuf {
        self.path().join("netdiag")
    }
}

/// Turns root into nobody; the program `setpriv` comes with util-linux.
pub const AS_NOBODY: [&str; 4] = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

/// Enters a network of its own, then forbids user namespaces and gives every capability away: what is left is a machine
/// on which nothing can be captured, and whose ports nobody else uses.
pub const FORBIDDEN: [&str; 8] = [
    "unshare",
    "--user",
    "--map-root-user",
    "--net",
    "sh",
    "-c",
    "ip link set lo up && exec unshare --user --map-root-user sh -c '
        echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-all --inh-caps=-all \"$@\"
    ' sh \"$@\"",
    "sh",
];

/// Whether `wrapper` works for this user on this machine.
pub fn works(wrapper: &[&str]) -> bool {
    Command::new(wrapper[0])
        .args(&wrapper[1..])
        .arg("true")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
