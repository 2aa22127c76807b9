//! A room for programs that nobody trusts: namespaces of their own for users, processes, mounts, System V objects and the
//! network, a file system that cannot be written to but for a /tmp of their own, and limits. No root is needed.
//!
//! Three processes share the work, because a process is in the new process namespace only if it was born there, and keeps
//! rights over a namespace only as long as it is root in it:
//!
//! - the *porter* ([`build`]) unshares, mounts, and starts
//! - the *keeper* ([`settle_in`]), process 1 of the room, which records: when it ends, the kernel ends everybody in it
//! - a *guest* ([`become_guest`]) is each program: it gives up the keeper's rights in a user namespace below, and bears limits.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use nix::libc;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::resource::{Resource, setrlimit};
use nix::unistd::{getegid, geteuid};

use super::{Limits, enclosure, namespace};

/// What is in the room beside the system, below its /tmp.
const OWN: &str = "/tmp/.netdiag";
/// How much may be written to /tmp.
const TMP: &str = "mode=1777,size=256m,nr_inodes=20000";
/// Other places that everybody may write to.
const OTHER_TMPS: [&str; 2] = ["/var/tmp", "/dev/shm"];
/// Services that each user has running; one of them could be asked to start a program outside of the room.
const SESSIONS: &str = "/run/user";
/// As whom a guest sees itself where netdiag runs as root.
const ORDINARY: u32 = 1000;

/// The room, ready for its keeper.
#[derive(Debug)]
pub struct Room {
    /// netdiag's own program inside.
    pub netdiag: PathBuf,
    /// The submission inside, read-only.
    pub submission: PathBuf,
    /// The tracer's bytecode inside, read-only, if there is any.
    pub tracer: Option<PathBuf>,
    /// As whom guests see themselves.
    pub uid: u32,
}

/// Builds the room around this process: whatever it starts next is process 1 in it. The directories `submission` and `tracer`
/// are to be had inside, `hidden` paths are empty there.
///
/// # Errors
/// What the system refused; the process cannot be used for anything else then.
pub fn build(submission: &Path, tracer: Option<&Path>, hidden: &[PathBuf]) -> anyhow::Result<Room> {
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    let all = CloneFlags::CLONE_NEWUSER
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWIPC;
    let _ = nix::sys::prctl::set_dumpable(true);
    let first_free_port = namespace::first_free_port();
    unshare(all).context("unshare(2) for user, network, mount, process and ipc namespaces was refused")?;
    map_ids(0, uid, 0, gid)?;
    namespace::set_loopback(true).context("`lo` could not be set up in the new network namespace")?;
    namespace::keep_first_free_port(first_free_port.as_deref());
    let netdiag = hold(&std::env::current_exe()?)?;
    let submission = hold(submission)?;
    let tracer = tracer.map(hold).transpose()?;
    let hidden = hidden.iter().cloned().chain([PathBuf::from(SESSIONS)]);
    let hidden: Vec<(PathBuf, bool)> = hidden.map(|path| (path.clone(), path.is_dir())).collect();
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)
        .context("mounts could not be made private")?;
    make_read_only()?;
    tmpfs(Path::new("/tmp"), TMP)?;
    for place in OTHER_TMPS.map(Path::new).into_iter().filter(|place| place.is_dir()) {
        tmpfs(place, TMP)?;
    }
    // What lay in a /tmp is out of sight already.
    let is_left = |path: &Path| path.exists() && !OTHER_TMPS.iter().chain(&["/tmp"]).any(|tmp| path.starts_with(tmp));
    for (path, is_dir) in hidden.iter().filter(|(path, _)| is_left(path)) {
        let what = || format!("{} could not be hidden", path.display());
        if *is_dir {
            tmpfs(path, "mode=0555,size=4k").with_context(what)?;
        } else {
            bind(Path::new("/dev/null"), path).with_context(what)?;
        }
    }
    let room = Room {
        netdiag: Path::new(OWN).join("netdiag"),
        submission: Path::new(OWN).join("submission"),
        tracer: tracer.is_some().then(|| Path::new(OWN).join("tracer")),
        uid: if uid == 0 { ORDINARY } else { uid },
    };
    fs::create_dir_all(OWN).context("cannot furnish /tmp")?;
    File::create(&room.netdiag).context("cannot furnish /tmp")?;
    bind(&through(&netdiag), &room.netdiag).context("netdiag itself could not be mounted")?;
    show(&submission, &room.submission).context("the submission could not be mounted")?;
    if let (Some(tracer), Some(place)) = (&tracer, &room.tracer) {
        show(tracer, place).context("the tracer could not be mounted")?;
    }
    Ok(room)
}

/// The keeper's first act: sees its own processes and no others. What it returns is the cgroup for its guests, which the
/// porter holds at `cgroup`: in the room it cannot be written to under any name.
///
/// # Errors
/// When the system refuses a proc file system, as it does inside many containers.
pub fn settle_in(cgroup: Option<&Path>) -> anyhow::Result<Option<File>> {
    let cgroup = cgroup.map(hold).transpose()?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("proc"), "/proc", Some("proc"), flags, None::<&str>).context("mounting /proc was refused")?;
    // The kernel asks for the user, not for rights, where its settings are written.
    bind(Path::new("/proc/sys"), Path::new("/proc/sys")).context("/proc/sys could not be closed")?;
    mount(
        None::<&str>,
        "/proc/sys",
        None::<&str>,
        MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY | flags,
        None::<&str>,
    )
    .context("/proc/sys could not be closed")?;
    nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL)
        .context("while tying the keeper to the porter")?;
    Ok(cgroup)
}

/// Where those who have rights over this process, and nobody else, find what it holds open.
#[must_use]
pub fn held_by_us(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd()))
}

/// Becomes a program that has no rights over the room, within limits. Returns only with an error.
///
/// `uid` is as whom it sees itself; `None` outside of a room, where there are only the limits. `cgroup` bears limits for all
/// guests together, if there is one.
#[must_use = "it returns only with an error"]
pub fn become_guest(
    limits: &Limits,
    uid: Option<u32>,
    cgroup: Option<&Path>,
    command: &[std::ffi::OsString],
) -> anyhow::Error {
    let Some((word, arguments)) = command.split_first() else { return anyhow::anyhow!("the command is empty") };
    if let Err(error) = bear(limits, uid, cgroup) {
        return error;
    }
    let error = Command::new(word).args(arguments).exec();
    anyhow::Error::new(error).context(format!("cannot run {}", word.to_string_lossy()))
}

fn bear(limits: &Limits, uid: Option<u32>, cgroup: Option<&Path>) -> anyhow::Result<()> {
    const MIB: u64 = 1 << 20;
    // While it may still look into the keeper.
    if let Some(cgroup) = cgroup {
        enclosure::join(cgroup).context("moving into the cgroup of the recording was refused")?;
    }
    if let Some(uid) = uid {
        let (from, group) = (geteuid().as_raw(), getegid().as_raw());
        unshare(CloneFlags::CLONE_NEWUSER).context("a user namespace for the program was refused")?;
        map_ids(uid, from, uid, group)?;
        // Counted in the new user namespace alone, so it is set only now. A cgroup counts the same for all guests, and tells
        // of it.
        if cgroup.is_none() {
            limit(Resource::RLIMIT_NPROC, limits.processes)?;
        }
    }
    nix::sys::prctl::set_no_new_privs().context("while giving up new privileges")?;
    limit(Resource::RLIMIT_DATA, limits.memory_mib * MIB)?;
    limit(Resource::RLIMIT_NOFILE, limits.files)?;
    limit(Resource::RLIMIT_FSIZE, limits.file_mib * MIB)?;
    limit(Resource::RLIMIT_CPU, limits.cpu_seconds)?;
    limit(Resource::RLIMIT_CORE, 0)
}

/// Lowers a limit; one that is lower already stays.
fn limit(resource: Resource, value: u64) -> anyhow::Result<()> {
    let (_, hard) = nix::sys::resource::getrlimit(resource)?;
    let value = value.min(hard);
    setrlimit(resource, value, value).with_context(|| format!("the limit {resource:?} was refused"))
}

fn map_ids(uid: u32, outside: u32, gid: u32, group_outside: u32) -> anyhow::Result<()> {
    let write = |file: &str, text: String| {
        fs::write(format!("/proc/self/{file}"), text).with_context(|| format!("writing {file} was refused"))
    };
    write("setgroups", "deny".to_owned())?;
    write("uid_map", format!("{uid} {outside} 1"))?;
    write("gid_map", format!("{gid} {group_outside} 1"))
}

/// Keeps a file or directory reachable after something has been mounted above it.
///
/// # Errors
/// When there is none.
pub fn hold(path: &Path) -> anyhow::Result<File> {
    let held = File::options().read(true).custom_flags(libc::O_PATH | libc::O_CLOEXEC).open(path);
    held.with_context(|| format!("cannot open {}", path.display()))
}

fn through(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

fn bind(from: &Path, to: &Path) -> nix::Result<()> {
    mount(Some(from), to, None::<&str>, MsFlags::MS_BIND, None::<&str>)
}

/// Makes a directory from outside visible at `place`, read-only.
fn show(dir: &File, place: &Path) -> anyhow::Result<()> {
    fs::create_dir(place).context("cannot furnish /tmp")?;
    bind(&through(dir), place)?;
    let flags = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY | MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    // Flags that the mount it stems from bears must stay (mount_namespaces(7)); some are refused then, and it is no harm:
    // guests work in a copy.
    let _ = mount(None::<&str>, place, None::<&str>, flags, None::<&str>);
    Ok(())
}

fn tmpfs(place: &Path, options: &str) -> anyhow::Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("tmpfs"), place, Some("tmpfs"), flags, Some(options))
        .with_context(|| format!("mounting a tmpfs on {} was refused", place.display()))
}

/// Every mount there is becomes read-only here. Flags that came from outside are locked, so each keeps its own.
fn make_read_only() -> anyhow::Result<()> {
    let mounts = procfs::process::Process::myself()?.mountinfo().context("cannot read the mounts")?;
    for entry in mounts {
        let has = |option: &str| entry.mount_options.contains_key(option);
        let mut flags = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
        for (option, flag) in [
            ("nosuid", MsFlags::MS_NOSUID),
            ("nodev", MsFlags::MS_NODEV),
            ("noexec", MsFlags::MS_NOEXEC),
            ("noatime", MsFlags::MS_NOATIME),
            ("nodiratime", MsFlags::MS_NODIRATIME),
            ("relatime", MsFlags::MS_RELATIME),
        ] {
            flags.set(flag, has(option));
        }
        let done = mount(None::<&str>, &entry.mount_point, None::<&str>, flags, None::<&str>);
        // What lies under another mount, or may not be reached, cannot be written to by guests either.
        if entry.mount_point == Path::new("/") {
            done.context("the file system could not be made read-only")?;
        }
    }
    Ok(())
}
