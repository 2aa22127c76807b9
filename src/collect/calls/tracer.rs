//! The tracer, a process of its own: attaches to the programs that shims offer it, follows all their threads and
//! children, and tells each call of interest with its result.
//!
//! It never changes what a program does. Where it cannot know that (a program that traces itself, a setuid program, a
//! signal it cannot pass on), it says so and ends, which ends the programs too (PTRACE_O_EXITKILL); the recorder then
//! records once more without it.

mod arrivals;
mod stops;
mod traffic;

use std::collections::HashMap;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{SystemTime, UNIX_EPOCH};

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::ptrace;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::socket::{MsgFlags, recv};
use nix::unistd::Pid;
use rustix::process::{WaitOptions, WaitStatus, wait};

use self::arrivals::Shim;
use self::stops::Stop;
use self::traffic::Traffic;
use super::crash;
use super::entered::{self, Entered, Kind, Names};
use super::line::{ASKS, CLOSES, Call, Crash, Word};
use super::process::{self, Status};
use super::registers;

/// How many calls are told; the programs of a recording make a handful, a flood of them says nothing more.
const TOLD: u64 = 4000;
/// How often a stopped program is looked at: whether somebody told it to go on.
const STOPPED_STEP: u16 = 5;
/// Tracees of all kinds (wait(2)); neither library names it.
const ANY_CHILD: u32 = libc::__WALL as u32;
/// A system call's end among the stops, with PTRACE_O_TRACESYSGOOD.
const CALL_STOP: i32 = libc::SIGTRAP | 0x80;

/// One traced thread.
#[derive(Debug)]
struct Tracee {
    /// Its process.
    pid: i32,
    program: usize,
    entered: Option<Entered>,
    stop: Stop,
}

#[derive(Debug)]
struct Tracer {
    listener: UnixListener,
    line: UnixStream,
    signals: SignalFd,
    shims: HashMap<i32, Shim>,
    tracees: HashMap<i32, Tracee>,
    names: Names,
    told: u64,
    omitted: u64,
    /// Whether the recorder has begun to end the programs: nothing that happens to them now is a reason for doubt.
    closing: bool,
    /// Whether the recorder has asked for the conversations.
    asked: bool,
    /// What is made of the calls that carry bytes, if they are followed.
    traffic: Option<Traffic>,
}

/// Traces until the recorder closes its end. Shims knock at `knocking`. This process must have one thread only.
/// `bytes` is the zero of the recording's clock, if the bytes are to be followed.
pub fn run(knocking: UnixListener, recorder: UnixStream, bytes: Option<u64>) -> anyhow::Result<()> {
    Tracer::new(knocking, recorder, bytes)?.run();
    Ok(())
}

/// Why the tracer ends before it is told to.
enum End {
    /// Nobody listens any more.
    Alone,
    /// Programs may have been disturbed.
    Disturbed(String),
}

type Step<T = ()> = Result<T, End>;

impl From<std::io::Error> for End {
    fn from(_: std::io::Error) -> Self {
        Self::Alone
    }
}

impl Tracer {
    fn new(listener: UnixListener, line: UnixStream, bytes: Option<u64>) -> anyhow::Result<Self> {
        // The recorder's death is ours, and ours is that of the programs.
        nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
        let mut children = SigSet::empty();
        children.add(Signal::SIGCHLD);
        children.thread_block()?;
        let signals = SignalFd::with_flags(&children, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        Ok(Self {
            listener,
            line,
            signals,
            shims: HashMap::new(),
            tracees: HashMap::new(),
            names: Names::default(),
            told: 0,
            omitted: 0,
            closing: false,
            asked: false,
            traffic: bytes.map(Traffic::new),
        })
    }

    fn run(mut self) {
        let last = match self.follow() {
            Ok(()) => Word::Bye { omitted: self.omitted },
            Err(End::Disturbed(why)) => Word::Disturbed { why },
            Err(End::Alone) => return,
        };
        let _ = self.tell(&last);
    }

    fn follow(&mut self) -> Step {
        loop {
            let held = self.tracees.values().any(|tracee| matches!(tracee.stop, Stop::Held { .. }));
            let timeout = if held { PollTimeout::from(STOPPED_STEP) } else { PollTimeout::NONE };
            let [knocking, over] = self.await_something(timeout)?;
            while let Ok(Some(_)) = self.signals.read_signal() {}
            self.drain()?;
            if held {
                self.ask_the_held();
            }
            if knocking {
                self.answer_a_shim()?;
            }
            if over && self.hear_recorder() {
                return self.drain();
            }
            if std::mem::take(&mut self.asked) {
                self.drain()?;
                self.show()?;
            }
            self.tell_liveliness()?;
        }
    }

    /// Waits for a tracee's report, for a shim and for the end; says whether the latter two have come.
    fn await_something(&self, timeout: PollTimeout) -> Step<[bool; 2]> {
        let ends = [self.signals.as_fd(), self.listener.as_fd(), self.line.as_fd()];
        let mut ends = ends.map(|end| PollFd::new(end, PollFlags::POLLIN));
        match poll(&mut ends, timeout) {
            Ok(_) | Err(Errno::EINTR) => Ok([1, 2].map(|end| ends[end].any().unwrap_or(false))),
            Err(_) => Err(End::Alone),
        }
    }

    /// Hears that the recorder begins to end the programs, or asks for the conversations; true when it has closed its end.
    fn hear_recorder(&mut self) -> bool {
        let mut bytes = [0; 64];
        match recv(self.line.as_raw_fd(), &mut bytes, MsgFlags::MSG_DONTWAIT) {
            Ok(0) => true,
            Ok(heard) => {
                self.asked |= bytes[..heard].contains(&ASKS);
                self.closing |= bytes[..heard].contains(&CLOSES);
                false
            }
            Err(_) => false,
        }
    }

    /// Something happened that is different for a traced program. What the recorder does itself it announces first, so the
    /// announcement is here by now if that was the reason.
    fn doubt(&mut self, why: &str) -> Step {
        let over = self.hear_recorder();
        if over || self.closing {
            return Ok(());
        }
        Err(End::Disturbed(why.to_owned()))
    }

    fn tell(&mut self, word: &Word) -> Step {
        let mut text = serde_json::to_vec(word).map_err(std::io::Error::from)?;
        text.push(b'\n');
        Ok(self.line.write_all(&text)?)
    }

    /// Takes every report that is there.
    fn drain(&mut self) -> Step {
        let options = WaitOptions::NOHANG | WaitOptions::from_bits_retain(ANY_CHILD);
        loop {
            match wait(options) {
                Ok(Some((tid, status))) => self.hear(tid.as_raw_nonzero().get(), status)?,
                Err(rustix::io::Errno::INTR) => {}
                // No tracee at all, or none with a report.
                Ok(None) | Err(_) => return Ok(()),
            }
        }
    }

    fn hear(&mut self, tid: i32, status: WaitStatus) -> Step {
        let Some(signal) = status.stopping_signal() else {
            return self.lose(tid);
        };
        if !self.tracees.contains_key(&tid) && !self.adopt(tid) {
            self.doubt("a process appeared whose parent had gone already")?;
            go_on(tid);
            return Ok(());
        }
        match (status.as_raw() >> 16, signal) {
            (libc::PTRACE_EVENT_SECCOMP, _) => self.enter(tid),
            (libc::PTRACE_EVENT_EXEC, _) => self.changed_program(tid),
            (libc::PTRACE_EVENT_STOP, signal) => self.group_stop(tid, signal),
            (0, CALL_STOP) => self.leave(tid),
            (0, signal) => self.deliver(tid, signal),
            // fork, vfork, clone
            _ => {
                self.note_birth(tid);
                go_on(tid);
                Ok(())
            }
        }
    }

    /// A thread has made another one. Its word comes before its end, and the parent may end before the child is heard of.
    fn note_birth(&mut self, parent: i32) {
        let (Some(program), Ok(child)) =
            (self.tracees.get(&parent).map(|tracee| tracee.program), ptrace::getevent(Pid::from_raw(parent)))
        else {
            return;
        };
        let child = child as i32;
        if let Some(status) = Status::read(child) {
            self.tracees.entry(child).or_insert(Tracee { pid: status.pid, program, entered: None, stop: Stop::No });
        }
    }

    /// A thread is new: its program is that of its process or of its parent.
    fn adopt(&mut self, tid: i32) -> bool {
        let Some(status) = Status::read(tid) else {
            // It is gone already; whatever is done to it will find nobody.
            return true;
        };
        let of = |pid: i32| self.tracees.values().find(|tracee| tracee.pid == pid).map(|tracee| tracee.program);
        let mut programs = self.tracees.values().map(|tracee| tracee.program);
        let first = programs.next();
        let only = first.filter(|first| programs.all(|other| other == *first));
        let Some(program) = of(status.pid).or_else(|| of(status.parent)).or(only) else { return false };
        self.tracees.insert(tid, Tracee { pid: status.pid, program, entered: None, stop: Stop::No });
        true
    }

    /// A thread has ended.
    fn lose(&mut self, tid: i32) -> Step {
        let Some(tracee) = self.tracees.remove(&tid) else { return Ok(()) };
        if tracee.stop != Stop::No {
            self.tell(&Word::Resumed { tid: tid.cast_unsigned(), at: now() })?;
        }
        if tracee.pid == tid {
            self.names.forget(tid);
            self.let_go();
        }
        match self.shims.remove(&tid) {
            Some(shim) => self.tell(&shim.last_word()),
            None => Ok(()),
        }
    }

    fn enter(&mut self, tid: i32) -> Step {
        let Ok(registers) = registers::read(Pid::from_raw(tid)) else { return Ok(()) };
        if matches!(registers.number, libc::SYS_ptrace | libc::SYS_clone) {
            self.doubt("a program traces itself or another one, which only one tracer at a time can do")?;
        }
        let Some(tracee) = self.tracees.get_mut(&tid) else { return Ok(()) };
        let mut entered = entered::enter(Pid::from_raw(tid), &registers);
        if let Some(traffic) = &mut self.traffic {
            entered = entered.and_then(|entered| traffic.enter(tid, tracee.pid, entered));
            tracee.entered = entered;
            self.note_rivals(tid);
        } else {
            tracee.entered = entered.filter(|_| self.told < TOLD);
        }
        match (entered, self.tracees.get(&tid).and_then(|tracee| tracee.entered)) {
            (_, Some(_)) => {
                let _ = ptrace::syscall(Pid::from_raw(tid), None);
            }
            (Some(_), None) => {
                self.omitted += u64::from(self.traffic.is_none());
                go_on(tid);
            }
            (None, None) => go_on(tid),
        }
        Ok(())
    }

    fn leave(&mut self, tid: i32) -> Step {
        let Some(tracee) = self.tracees.get_mut(&tid) else { return Ok(()) };
        let (pid, program, entered) = (tracee.pid, tracee.program, tracee.entered.take());
        let result = registers::read(Pid::from_raw(tid)).ok().map(|registers| registers.result);
        if let (Some(entered), Some(result)) = (&entered, result) {
            self.follow_bytes(tid, pid, entered, result);
        }
        let returned = entered.zip(result).and_then(|(entered, result)| {
            let returned = self.names.leave(Pid::from_raw(tid), pid, &entered, result)?;
            Some((entered.kind, returned))
        });
        go_on(tid);
        match returned {
            Some((Kind::Ring, ring)) if ring.result < 0 => Ok(()),
            Some((Kind::Ring, _)) => self.tell(&Word::Blind {
                why: "a program makes calls through io_uring, which bypasses tracing".to_owned(),
            }),
            Some(_) if self.told >= TOLD => {
                self.omitted += 1;
                Ok(())
            }
            Some((_, call)) => {
                self.told += 1;
                self.tell(&Word::Call(Call {
                    at: now(),
                    program,
                    pid: pid.cast_unsigned(),
                    name: call.name.to_owned(),
                    fd: call.fd,
                    address: call.address,
                    result: call.result,
                }))
            }
            None => Ok(()),
        }
    }

    /// execve(2): all other threads are gone, and the one that called it bears the process's id now.
    fn changed_program(&mut self, tid: i32) -> Step {
        if let Ok(former) = ptrace::getevent(Pid::from_raw(tid))
            && former as i32 != tid
        {
            self.tracees.remove(&(former as i32));
        }
        if let Some(tracee) = self.tracees.get_mut(&tid) {
            (tracee.entered, tracee.stop) = (None, Stop::No);
        }
        if let Some(shim) = self.shims.remove(&tid) {
            self.tell(&shim.last_word())?;
        }
        self.let_go();
        if process::gains_rights(tid) {
            self.doubt(
                "a program was to run with other rights than its starter's (setuid), which a traced one cannot",
            )?;
        }
        if process::is_foreign(tid) {
            self.tell(&Word::Blind { why: "a program was built for another processor than netdiag".to_owned() })?;
        }
        go_on(tid);
        Ok(())
    }

    /// A signal is about to be delivered.
    fn deliver(&mut self, tid: i32, signal: i32) -> Step {
        let Ok(passed) = Signal::try_from(signal) else {
            self.doubt("a program got a real-time signal, which netdiag cannot pass on")?;
            go_on(tid);
            return Ok(());
        };
        if was_interrupted(tid) && Status::read(tid).is_some_and(|status| status.ignores(signal)) {
            self.doubt("a call was interrupted by a signal its program ignores, as happens only to traced ones")?;
        }
        if let Some(crash) = self.crash(tid, passed) {
            self.tell(&Word::Crash(crash))?;
        }
        let _ = ptrace::cont(Pid::from_raw(tid), passed);
        if passed == Signal::SIGCONT
            && let Some(pid) = self.tracees.get(&tid).map(|tracee| tracee.pid)
        {
            self.ask_held_of(pid);
        }
        Ok(())
    }

    /// What the signal is the end of, if the process has brought it upon itself and takes no care of it.
    fn crash(&self, tid: i32, signal: Signal) -> Option<Crash> {
        let tracee = self.tracees.get(&tid)?;
        let number = signal as i32;
        if !crash::is_own_doing(tid, signal) || !Status::read(tid)?.leaves_alone(number) {
            return None;
        }
        let (program, pid) = (tracee.program, tracee.pid.cast_unsigned());
        Some(Crash { at: now(), program, pid, signal: number, stack: crash::stack(tid) })
    }
}

/// Lets a stopped thread run. One that was killed meanwhile is reported dead next.
fn go_on(tid: i32) {
    let _ = ptrace::cont(Pid::from_raw(tid), None);
}

/// Whether the thread comes from a call that gave up because of a signal. Calls that start again by themselves show other
/// numbers.
fn was_interrupted(tid: i32) -> bool {
    registers::read(Pid::from_raw(tid))
        .is_ok_and(|registers| registers.number >= 0 && registers.result == -i64::from(libc::EINTR))
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64
}
