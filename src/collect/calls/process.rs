//! What the tracer needs to know of a process beside its registers, from /proc.

use std::fs::{self, File};
use std::io::Read;

use nix::libc;

/// Signals whose default is that nothing happens (signal(7)). SIGCONT is not among them: whoever it wakes up from a stop
/// finds the call interrupted, traced or not.
const HARMLESS: [i32; 3] = [libc::SIGCHLD, libc::SIGURG, libc::SIGWINCH];

/// Parts of /proc/TID/status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// The process it belongs to.
    pub pid: i32,
    /// That process's parent.
    pub parent: i32,
    /// Effective user and group.
    pub owner: (u32, u32),
    pending: u64,
    ignored: u64,
    caught: u64,
}

impl Status {
    /// Reads it; `None` when the thread is gone.
    pub fn read(tid: i32) -> Option<Self> {
        parse(&fs::read_to_string(format!("/proc/{tid}/status")).ok()?)
    }

    /// Which of the signals that stop a process or let it go on wait to be taken, as a mask.
    pub fn stop_signals(&self) -> u64 {
        self.pending
            & [libc::SIGCONT, libc::SIGSTOP, libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU].map(bit).iter().sum::<u64>()
    }

    /// Whether nothing happens when the signal arrives.
    pub fn ignores(&self, signal: i32) -> bool {
        self.ignored & bit(signal) != 0 || HARMLESS.contains(&signal) && self.caught & bit(signal) == 0
    }

    /// Whether the signal does what it does to a program that takes no care of it.
    pub fn leaves_alone(&self, signal: i32) -> bool {
        (self.ignored | self.caught) & bit(signal) == 0
    }
}

fn bit(signal: i32) -> u64 {
    1 << (signal - 1)
}

fn parse(text: &str) -> Option<Status> {
    let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim);
    let mask = |name: &str| u64::from_str_radix(value(name)?, 16).ok();
    let effective = |name: &str| value(name)?.split_whitespace().nth(1)?.parse().ok();
    Some(Status {
        owner: (effective("Uid")?, effective("Gid")?),
        pid: value("Tgid")?.parse().ok()?,
        parent: value("PPid")?.parse().ok()?,
        pending: mask("SigPnd")? | mask("ShdPnd")?,
        ignored: mask("SigIgn")?,
        caught: mask("SigCgt")?,
    })
}

/// Whether the program that a process has just become would run with other rights than the process had. One that may not
/// be looked at counts as such.
pub fn gains_rights(pid: i32) -> bool {
    let Some(status) = Status::read(pid) else { return false };
    let exe = format!("/proc/{pid}/exe");
    let hidden = fs::metadata(&exe).is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied);
    hidden || super::suitable::grants_rights(exe.as_ref(), status.owner.0, status.owner.1)
}

/// Whether the program that a process has just become uses other system call numbers than ours.
pub fn is_foreign(pid: i32) -> bool {
    let mut start = [0; super::suitable::HEADER];
    File::open(format!("/proc/{pid}/exe")).and_then(|mut exe| exe.read_exact(&mut start)).is_ok()
        && !super::suitable::is_native(&start)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Name:\tx\nTgid:\t7\nPid:\t8\nPPid:\t3\nUid:\t1\t2\t1\t1\nGid:\t5\t6\t5\t5\nSigPnd:\t0000000000000000\nShdPnd:\t0000000000020000\n\
        SigBlk:\t0000000000000000\nSigIgn:\t0000000000001000\nSigCgt:\t0000000000010000\n";

    #[test]
    fn a_status_tells_whose_thread_it_is_and_what_it_makes_of_signals() {
        let status = parse(TEXT).unwrap();
        assert_eq!((status.pid, status.parent, status.owner), (7, 3, (2, 6)));
        assert_eq!(status.stop_signals(), bit(libc::SIGCONT));
        assert!(status.ignores(libc::SIGPIPE), "set to be ignored");
        assert!(status.ignores(libc::SIGWINCH), "ignored unless caught");
        assert!(!status.ignores(libc::SIGCHLD), "caught");
        assert!(!status.ignores(libc::SIGTERM));
        assert!(
            status.leaves_alone(libc::SIGTERM)
                && !status.leaves_alone(libc::SIGPIPE)
                && !status.leaves_alone(libc::SIGCHLD)
        );
    }

    #[test]
    fn our_own_status_can_be_read() {
        let me = std::process::id().cast_signed();
        assert_eq!(Status::read(me).unwrap().pid, me);
        assert!(!is_foreign(me) && !gains_rights(me));
    }
}
