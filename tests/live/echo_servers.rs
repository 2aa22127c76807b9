//! Echo servers that nobody wrote for netdiag, each on a free port and ended with the test that started it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "clippy's own exception for tests does not reach helpers")]

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use netdiag::evidence::Transport;

use super::ports::free_port;

/// Starting a Java program on a busy machine is the slowest thing here.
const START: Duration = Duration::from_secs(40);

/// A server under test; ended with all its children when dropped.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
    /// Removed once the server has ended.
    #[allow(dead_code, reason = "held for its drop")]
    files: Vec<tempfile::TempPath>,
}

impl Drop for Server {
    fn drop(&mut self) {
        // The group is our own child's; if it is gone already there is nothing to end.
        let _ = killpg(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGKILL);
        let _ = self.child.wait();
    }
}

impl Server {
    /// Starts `words` and waits until one of its processes listens.
    pub fn start(package: &str, words: &[&str], transport: Transport) -> Self {
        let child = Command::new(words[0])
            .args(&words[1..])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}; install the package {package}", words[0]));
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut server = Self { child, address: nowhere, files: Vec::new() };
        let deadline = Instant::now() + START;
        loop {
            if let Some(address) = listener_of(server.child.id().cast_signed(), transport) {
                server.address = address;
                return server;
            }
            let ended = server.child.try_wait().unwrap();
            assert!(ended.is_none(), "{words:?} ended with {ended:?} before it listened");
            assert!(Instant::now() < deadline, "{words:?} did not listen");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Server {
    /// The process that was started; its children may serve for it.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

/// Where a process of the tree under `root` listens, or has an unconnected UDP socket bound.
fn listener_of(root: i32, transport: Transport) -> Option<SocketAddr> {
    let inodes = inodes_of_tree(root);
    match transport {
        Transport::Tcp => [procfs::net::tcp(), procfs::net::tcp6()]
            .into_iter()
            .flat_map(Result::unwrap)
            .find(|row| row.state == procfs::net::TcpState::Listen && inodes.contains(&row.inode))
            .map(|row| SocketAddr::from((row.local_address.ip().to_canonical(), row.local_address.port()))),
        Transport::Udp => procfs::net::udp()
            .unwrap()
            .into_iter()
            .find(|row| row.local_address.port() != 0 && inodes.contains(&row.inode))
            .map(|row| row.local_address),
    }
}

fn inodes_of_tree(root: i32) -> BTreeSet<u64> {
    let mut stats: Vec<(i32, i32)> = Vec::new();
    for process in procfs::process::all_processes().unwrap().flatten() {
        stats.extend(process.stat().map(|stat| (stat.pid, stat.ppid)));
    }
    let mut tree = BTreeSet::from([root]);
    while let Some((pid, _)) = stats.iter().find(|(pid, ppid)| tree.contains(ppid) && !tree.contains(pid)) {
        tree.insert(*pid);
    }
    let descriptors = tree.iter().filter_map(|pid| procfs::process::Process::new(*pid).ok()?.fd().ok()).flatten();
    let sockets = descriptors.filter_map(|descriptor| match descriptor.ok()?.target {
        procfs::process::FDTarget::Socket(inode) => Some(inode),
        _ => None,
    });
    sockets.collect()
}

pub fn program(name: &str) -> String {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests", "programs", "servers", name].iter().collect();
    path.to_str().unwrap().to_owned()
}

/// An inetd's built-in echo service on a free port.
pub fn xinetd(transport: Transport) -> Server {
    let (kind, wait, port) = match transport {
        Transport::Tcp => ("stream", "no", free_port(transport)),
        Transport::Udp => ("dgram", "yes", free_port(transport)),
    };
    let settings = format!(
        "defaults\n{{\n}}\nservice echo\n{{\n type = INTERNAL UNLISTED\n id = echo-{kind}\n socket_type = {kind}\n \
         protocol = {transport}\n wait = {wait}\n user = root\n port = {port}\n bind = 127.0.0.1\n disable = no\n}}\n"
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), settings).unwrap();
    let path = file.into_temp_path();
    let log = tempfile::NamedTempFile::new().unwrap().into_temp_path();
    let program = if Path::new("/usr/sbin/xinetd").exists() { "/usr/sbin/xinetd" } else { "xinetd" };
    let words = [program, "-dontfork", "-filelog", log.to_str().unwrap(), "-f", path.to_str().unwrap()];
    let mut server = Server::start("xinetd", &words, transport);
    server.files.extend([path, log]);
    server
}
