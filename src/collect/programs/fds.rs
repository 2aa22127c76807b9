//! What the descriptors of another process are, and whether a wait on them can end by itself.

use std::fs;

use rustix::process::{PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

use super::raw;
use super::waits::Direction;
use crate::evidence::Limit;

/// Above this many descriptors timers are not looked for: reading them all would disturb the recording.
const TOO_MANY: usize = 4096;
/// SIGALRM's bit in SigCgt (proc_pid_status(5)).
pub const SIGALRM_BIT: u64 = 1 << (nix::libc::SIGALRM - 1);
/// How deep epoll sets may watch each other (the kernel's EP_MAX_NESTS).
const EPOLL_NESTS: u32 = 4;

/// What a descriptor refers to, as its link in /proc/PID/fd tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A socket with this inode.
    Socket(u64),
    /// A pipe.
    Pipe,
    /// timerfd_create(2).
    Timer,
    /// epoll_create(2).
    Epoll,
    /// Another kernel object without a file: "eventfd", "inotify", "signalfd" …
    Anonymous(String),
    /// A file, a device, a terminal.
    Path(String),
}

/// What the descriptor refers to; `None` when it is closed or may not be looked at.
pub fn target(pid: u32, fd: i32) -> Option<Target> {
    fs::read_link(format!("/proc/{pid}/fd/{fd}")).ok().map(|link| parse(&link.to_string_lossy()))
}

fn parse(link: &str) -> Target {
    if let Some(inode) = link.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']')?.parse().ok()) {
        return Target::Socket(inode);
    }
    match link.strip_prefix("anon_inode:") {
        Some("[timerfd]") => Target::Timer,
        Some("[eventpoll]") => Target::Epoll,
        Some(name) => Target::Anonymous(name.trim_matches(['[', ']']).to_owned()),
        None if link.starts_with("pipe:[") => Target::Pipe,
        None => Target::Path(link.to_owned()),
    }
}

impl Target {
    /// How the evidence calls it; a socket is told by its addresses instead.
    pub fn describe(&self) -> Option<String> {
        match self {
            Self::Socket(_) => None,
            Self::Pipe => Some("pipe".to_owned()),
            Self::Timer => Some("timerfd".to_owned()),
            Self::Epoll => Some("epoll".to_owned()),
            Self::Anonymous(name) => Some(name.clone()),
            Self::Path(path) if path.starts_with("/dev/pts/") || path.starts_with("/dev/tty") => Some("tty".to_owned()),
            Self::Path(path) => Some(path.clone()),
        }
    }

    /// How long a blocking read or write on it may wait.
    pub fn limit(&self, pid: u32, fd: i32, direction: Direction) -> Limit {
        match self {
            Self::Socket(_) => socket_limit(pid, fd, direction),
            Self::Pipe | Self::Anonymous(_) => Limit::Forever,
            Self::Timer => timer_limit(pid, fd),
            // A disk answers, a terminal has VTIME and somebody in front of it.
            Self::Epoll | Self::Path(_) => Limit::Unknown,
        }
    }
}

/// SO_RCVTIMEO or SO_SNDTIMEO. They can only be read through the socket itself, so its descriptor is borrowed for a
/// moment (pidfd_getfd(2), which asks for the same right as a debugger and changes nothing).
fn socket_limit(pid: u32, fd: i32, direction: Direction) -> Limit {
    let borrowed = pidfd_open(raw(pid), PidfdFlags::empty())
        .and_then(|process| pidfd_getfd(process, fd, PidfdGetfdFlags::empty()));
    let Ok(borrowed) = borrowed else { return Limit::Unknown };
    let socket = socket2::SockRef::from(&borrowed);
    let limit = match direction {
        Direction::Receive => socket.read_timeout(),
        // An unread peer is probed for ever (RFC 9293 3.8.6.1) unless TCP_USER_TIMEOUT says otherwise.
        Direction::Send => match socket.write_timeout() {
            Ok(None) => Ok(socket.tcp_user_timeout().ok().flatten()),
            other => other,
        },
    };
    match limit {
        Ok(None) => Limit::Forever,
        Ok(Some(_)) => Limit::Timed,
        Err(_) => Limit::Unknown,
    }
}

/// What the epoll set adds to a wait without a time limit of its own: a timer in it that is armed ends the wait.
pub fn epoll_limit(pid: u32, fd: i32) -> Limit {
    nested_epoll_limit(pid, fd, 0)
}

fn nested_epoll_limit(pid: u32, fd: i32, depth: u32) -> Limit {
    let Ok(info) = fs::read_to_string(format!("/proc/{pid}/fdinfo/{fd}")) else { return Limit::Unknown };
    let watched = info.lines().filter_map(|line| line.strip_prefix("tfd:")?.split_whitespace().next()?.parse().ok());
    let limits = watched.map(|watched: i32| match target(pid, watched) {
        Some(Target::Timer) => timer_limit(pid, watched),
        Some(Target::Epoll) if depth < EPOLL_NESTS => nested_epoll_limit(pid, watched, depth + 1),
        // Closed under this number but alive as a duplicate: it could be anything.
        Some(Target::Epoll) | None => Limit::Unknown,
        Some(_) => Limit::Forever,
    });
    limits.fold(Limit::Forever, worse)
}

fn worse(one: Limit, other: Limit) -> Limit {
    match (one, other) {
        (Limit::Timed, _) | (_, Limit::Timed) => Limit::Timed,
        (Limit::Unknown, _) | (_, Limit::Unknown) => Limit::Unknown,
        _ => Limit::Forever,
    }
}

fn timer_limit(pid: u32, fd: i32) -> Limit {
    match timer_armed(pid, fd) {
        Some(true) => Limit::Timed,
        Some(false) => Limit::Forever,
        None => Limit::Unknown,
    }
}

/// Whether a timerfd will expire; its fdinfo shows the time left.
fn timer_armed(pid: u32, fd: i32) -> Option<bool> {
    let info = fs::read_to_string(format!("/proc/{pid}/fdinfo/{fd}")).ok()?;
    let left = info.lines().find_map(|line| line.strip_prefix("it_value:"))?;
    Some(left.trim() != "(0, 0)")
}

/// What timerfds add to a wait for descriptors that stand in memory: any armed one of the process may be among them.
pub fn any_timer_limit(pid: u32) -> Limit {
    match armed_timerfds(pid) {
        Some(0) => Limit::Forever,
        Some(_) => Limit::Timed,
        None => Limit::Unknown,
    }
}

/// How many timers could go off in the process: POSIX timers (armed or not: the kernel does not tell) and armed timerfds.
/// `None` when that may not be read, and when the process hears of SIGALRM (`heard`: signals it catches or blocks), because
/// alarm(2) cannot be seen from outside. Else SIGALRM would end the program rather than let it go on.
pub fn armed_timers(pid: u32, heard: Option<u64>) -> Option<u32> {
    if heard? & SIGALRM_BIT != 0 {
        return None;
    }
    let posix = fs::read_to_string(format!("/proc/{pid}/timers")).ok()?;
    let posix = posix.lines().filter(|line| line.starts_with("ID:")).count() as u32;
    Some(posix + armed_timerfds(pid)?)
}

fn armed_timerfds(pid: u32) -> Option<u32> {
    let mut armed = 0;
    for (count, entry) in fs::read_dir(format!("/proc/{pid}/fd")).ok()?.flatten().enumerate() {
        if count > TOO_MANY {
            return None;
        }
        let Some(fd) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if target(pid, fd) == Some(Target::Timer) {
            armed += u32::from(timer_armed(pid, fd)?);
        }
    }
    Some(armed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_proc_fd_are_told_apart() {
        assert_eq!(parse("socket:[4711]"), Target::Socket(4711));
        assert_eq!(parse("pipe:[12]"), Target::Pipe);
        assert_eq!(parse("anon_inode:[timerfd]"), Target::Timer);
        assert_eq!(parse("anon_inode:[eventpoll]"), Target::Epoll);
        assert_eq!(parse("anon_inode:inotify"), Target::Anonymous("inotify".to_owned()));
        assert_eq!(parse("/dev/pts/3").describe().as_deref(), Some("tty"));
        assert_eq!(parse("/tmp/socket:[x").describe().as_deref(), Some("/tmp/socket:[x"));
    }

    #[test]
    fn one_armed_timer_makes_a_wait_timed_and_one_unknown_makes_it_unknown() {
        assert_eq!(worse(Limit::Forever, Limit::Forever), Limit::Forever);
        assert_eq!(worse(Limit::Unknown, Limit::Forever), Limit::Unknown);
        assert_eq!(worse(Limit::Unknown, Limit::Timed), Limit::Timed);
    }
}
