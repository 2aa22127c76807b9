//! One look at processes and their threads through /proc. Whoever vanishes meanwhile is left out.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::net::SocketAddr;
use std::os::unix::fs::FileExt;

use nix::sys::signal::Signal;
use procfs::process::{LimitValue, Process as Proc, Stat, StatFlags, Syscall, Task};

use super::fds::{self, Target};
use super::waits::{self, Call, Time, Told};
use crate::evidence::{Limit, Process, Socket, Thread, Wait};

/// The kernel takes larger sets for select(2) than the C library; beyond this they are not read.
const SELECTABLE: usize = 1 << 16;

/// Addresses by inode.
type Addresses = BTreeMap<u64, (SocketAddr, Option<SocketAddr>)>;

/// Looks at the given processes (process id and program).
pub fn look(members: impl Iterator<Item = (u32, usize)>, sockets: &[Socket]) -> Vec<Process> {
    let row = |socket: &Socket| (socket.inode, (socket.local, socket.remote));
    let addresses: Addresses = sockets.iter().filter(|socket| socket.inode != 0).map(row).collect();
    members.filter_map(|(pid, program)| process(pid, program, &addresses)).collect()
}

/// Whether no thread of the process will ever run its program again: each has been killed or is on its way out.
pub fn are_leaving(pid: u32) -> bool {
    let Ok(tasks) = Proc::new(pid.cast_signed()).and_then(|process| process.tasks()) else { return false };
    tasks.flatten().all(|task| is_leaving(&task).unwrap_or(true))
}

fn is_leaving(task: &Task) -> Option<bool> {
    const KILLED: u64 = 1 << (Signal::SIGKILL as u64 - 1);
    let is_on_its_way = task.stat().ok()?.flags & StatFlags::PF_EXITING.bits() != 0;
    Some(is_on_its_way || task.status().ok()?.sigpnd & KILLED != 0)
}

fn process(pid: u32, program: usize, addresses: &Addresses) -> Option<Process> {
    let process = Proc::new(pid.cast_signed()).ok()?;
    let stat = process.stat().ok()?;
    let zombie = super::tree::ended(&stat);
    let descriptors = process.fd_count().ok().map(|count| count as u32).filter(|_| !zombie);
    let looker = Looker { pid, addresses, foreign: !zombie && foreign_numbers(pid) };
    let threads = if zombie { Vec::new() } else { looker.threads(&process) };
    // A blocked SIGALRM may be waited for (sigwait, signalfd) without a handler.
    let heard = process.status().ok().map(|status| status.sigcgt | status.sigblk);
    Some(Process {
        program,
        pid,
        ppid: stat.ppid.cast_unsigned(),
        state: stat.state,
        descriptors,
        descriptor_limit: descriptor_limit(&process),
        cpu_ms: (stat.utime + stat.stime) * 1000 / procfs::ticks_per_second(),
        kernel_ms: stat.stime * 1000 / procfs::ticks_per_second(),
        rss_kib: stat.rss * procfs::page_size() / 1024,
        threads,
        armed_timers: if zombie { Some(0) } else { fds::armed_timers(pid, heard) },
        name: stat.comm,
    })
}

fn descriptor_limit(process: &Proc) -> Option<u64> {
    match process.limits().ok()?.max_open_files.soft_limit {
        LimitValue::Value(limit) => Some(limit),
        LimitValue::Unlimited => None,
    }
}

/// Whether the program was built for other system call numbers than ours: a 32-bit one on a 64-bit kernel (elf(5),
/// EI_CLASS). A program that cannot be read counts as such, since then its calls cannot be read either.
fn foreign_numbers(pid: u32) -> bool {
    const ELFCLASS64: u8 = 2;
    let mut start = [0; 5];
    let read = File::open(format!("/proc/{pid}/exe")).and_then(|mut exe| exe.read_exact(&mut start));
    read.is_err() || (start[4] == ELFCLASS64) != cfg!(target_pointer_width = "64")
}

/// What is needed to look at the threads of one process.
struct Looker<'a> {
    pid: u32,
    addresses: &'a Addresses,
    foreign: bool,
}

impl Looker<'_> {
    /// Threads that have ended but are not cleared away yet are nobody any more; those of a Java machine itself run now and
    /// then whatever the program does, and never do anything for it.
    fn threads(&self, process: &Proc) -> Vec<Thread> {
        let tasks = process.tasks().into_iter().flatten().flatten();
        let mut threads: Vec<(String, Thread)> = tasks.filter_map(|task| self.thread(&task)).collect();
        threads.retain(|(_, thread)| !matches!(thread.state, 'Z' | 'X'));
        if threads.iter().any(|(name, _)| name == JAVA_MACHINE) {
            threads.retain(|(name, _)| !is_of_java(name));
        }
        threads.into_iter().map(|(_, thread)| thread).collect()
    }

    /// The thread and its name.
    fn thread(&self, task: &Task) -> Option<(String, Thread)> {
        let before = switches(task);
        let Stat { state, comm, .. } = task.stat().ok()?;
        let wait = self.wait(task, state);
        let after = switches(task);
        // A thread that ran while it was looked at was not waiting in what was read.
        let wait = if before == after { wait } else { Wait::Running };
        Some((comm, Thread { tid: task.tid.cast_unsigned(), state, wait, switches: after }))
    }

    fn wait(&self, task: &Task, state: char) -> Wait {
        match state {
            'R' => return Wait::Running,
            'T' | 't' => return Wait::Stopped,
            _ => {}
        }
        match task.syscall() {
            Ok(Syscall::Running) => Wait::Running,
            Ok(Syscall::Blocked { syscall_number, argument_registers, .. }) if syscall_number >= 0 && !self.foreign => {
                self.call(syscall_number, &argument_registers)
            }
            _ => Wait::Unknown,
        }
    }

    fn call(&self, number: i64, arguments: &[u64; 6]) -> Wait {
        let Some(call) = waits::call(number) else {
            let name = format!("system call {number}");
            return Wait::Call { name, limit: Limit::Unknown, fd: None, socket: None, file: None };
        };
        let fd = if call.has_fd { Some(arguments[0] as i32) } else { self.only_watched(call, arguments) };
        let target = fd.and_then(|fd| fds::target(self.pid, fd));
        let socket = match target {
            Some(Target::Socket(inode)) => self.addresses.get(&inode).copied(),
            _ => None,
        };
        let limit = self.limit(call, arguments, fd, target.as_ref());
        Wait::Call { name: call.name.to_owned(), limit, fd, socket, file: target.and_then(|target| target.describe()) }
    }

    fn limit(&self, call: &Call, arguments: &[u64; 6], fd: Option<i32>, target: Option<&Target>) -> Limit {
        match (call.told(arguments), call.time) {
            (Told::Timed, _) => Limit::Timed,
            (Told::Forever, Time::EpollMillis(_) | Time::EpollPointer(_)) => {
                fd.map_or(Limit::Unknown, |fd| fds::epoll_limit(self.pid, fd))
            }
            (Told::Forever, Time::PollMillis(_) | Time::PollPointer(_)) => fds::any_timer_limit(self.pid),
            (Told::Forever, Time::SignalsPointer(_)) if self.may_wait_for_alarm(arguments[0]) => Limit::Unknown,
            (Told::Forever, _) => Limit::Forever,
            (Told::Unknown, Time::Descriptor(direction)) => match (target, fd) {
                (Some(target), Some(fd)) => target.limit(self.pid, fd, direction),
                _ => Limit::Unknown,
            },
            (Told::Unknown, _) => Limit::Unknown,
        }
    }

    /// Whether SIGALRM is in the set of signals at this address, or may be: alarm(2) cannot be seen from outside, and while
    /// a thread waits for a signal the kernel does not list it as blocked.
    fn may_wait_for_alarm(&self, set: u64) -> bool {
        let signals = self.memory(set, 8).and_then(|bytes| bytes.try_into().ok()).map(u64::from_ne_bytes);
        signals.is_none_or(|signals| signals & fds::SIGALRM_BIT != 0)
    }

    /// The descriptor that a poll or select of a single one waits for.
    fn only_watched(&self, call: &Call, arguments: &[u64; 6]) -> Option<i32> {
        match call.name {
            "poll" | "ppoll" if arguments[1] == 1 => self.polled(arguments[0]),
            "select" | "pselect6" => self.selected(arguments),
            _ => None,
        }
    }

    /// The first four bytes of a struct pollfd (poll(2)).
    fn polled(&self, at: u64) -> Option<i32> {
        let fd = i32::from_ne_bytes(self.memory(at, 4)?.try_into().ok()?);
        Some(fd).filter(|&fd| fd >= 0)
    }

    /// The one descriptor in three sets of select(2), which is a bit of the first, where the others have none.
    fn selected(&self, arguments: &[u64; 6]) -> Option<i32> {
        let bytes = usize::try_from(arguments[0]).ok()?.min(SELECTABLE).div_ceil(64) * 8;
        let sets = arguments[1..4].iter().filter(|set| **set != 0);
        let sets: Option<Vec<Vec<u8>>> = sets.map(|set| self.memory(*set, bytes)).collect();
        only_bit(&sets?, arguments[1] != 0)
    }

    fn memory(&self, at: u64, length: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; length];
        File::open(format!("/proc/{}/mem", self.pid)).ok()?.read_exact_at(&mut bytes, at).ok()?;
        Some(bytes)
    }
}

/// The thread that every HotSpot machine has.
const JAVA_MACHINE: &str = "VM Thread";

/// Whether a thread of this name belongs to the HotSpot machine: collecting, compiling, housekeeping (os/linux and
/// share/runtime in its sources). Linux keeps 15 bytes of a name.
fn is_of_java(name: &str) -> bool {
    const NAMES: &[&str] = &[
        JAVA_MACHINE,
        "VM Periodic Tas",
        "Reference Handl",
        "Finalizer",
        "Signal Dispatch",
        "Service Thread",
        "Monitor Deflati",
        "Sweeper thread",
        "Notification Th",
        "Common-Cleaner",
        "Attach Listener",
    ];
    const FAMILIES: &[&str] =
        &["GC Thread#", "G1 ", "C1 CompilerThre", "C2 CompilerThre", "ZWorker", "XWorker", "ZDriver"];
    NAMES.contains(&name) || FAMILIES.iter().any(|family| name.starts_with(family))
}

/// The only bit in `sets`, if it is in the first one and that one is what is waited for to be read.
fn only_bit(sets: &[Vec<u8>], first_is_for_reading: bool) -> Option<i32> {
    let bits = |set: &Vec<u8>| set.iter().map(|byte| byte.count_ones()).sum::<u32>();
    let reading = sets.first().filter(|_| first_is_for_reading)?;
    if bits(reading) != 1 || sets[1..].iter().any(|set| bits(set) != 0) {
        return None;
    }
    let at = reading.iter().position(|byte| *byte != 0)?;
    i32::try_from(at * 8 + reading[at].trailing_zeros() as usize).ok()
}

/// Times the thread was put on a processor.
fn switches(task: &Task) -> Option<u64> {
    let status = task.status().ok()?;
    Some(status.voluntary_ctxt_switches? + status.nonvoluntary_ctxt_switches?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_select_waits_for_one_descriptor_when_only_one_bit_is_set() {
        let set = |bits: &[usize]| {
            let mut bytes = vec![0_u8; 16];
            for bit in bits {
                bytes[bit / 8] |= 1 << (bit % 8);
            }
            bytes
        };
        assert_eq!(only_bit(&[set(&[3])], true), Some(3));
        assert_eq!(only_bit(&[set(&[77]), set(&[]), set(&[])], true), Some(77));
        assert_eq!(only_bit(&[set(&[3, 4])], true), None);
        assert_eq!(only_bit(&[set(&[3]), set(&[4])], true), None, "it waits to write too");
        assert_eq!(only_bit(&[set(&[3])], false), None, "it waits to write");
        assert_eq!(only_bit(&[set(&[])], true), None);
    }
}
