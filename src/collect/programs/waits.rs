//! Reads a blocked system call from its number and arguments: its name, its descriptor, how long it may wait.
//!
//! Whatever is not in the table has an unknown limit, so that a proof of a hang never rests on a guess.

use nix::libc;

/// Which time limit of a socket applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// SO_RCVTIMEO: recv, accept, read.
    Receive,
    /// SO_SNDTIMEO: send, write.
    Send,
}

/// Where the time limit of a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    /// It ends by itself: a sleep; a connect, which gives up after its retransmissions (tcp_syn_retries).
    Always,
    /// It has none.
    Never,
    /// It is that of the descriptor.
    Descriptor(Direction),
    /// This argument is milliseconds, negative for ever; the first one is an epoll set.
    EpollMillis(usize),
    /// This argument points to a time, NULL for ever; the first one is an epoll set.
    EpollPointer(usize),
    /// This argument is milliseconds, negative for ever; the descriptors are in memory.
    PollMillis(usize),
    /// This argument points to a time, NULL for ever; the descriptors are in memory.
    PollPointer(usize),
    /// This argument points to a time, NULL for ever.
    Pointer(usize),
    /// This argument points to a time, NULL for ever; the first one points to the signals that are waited for.
    SignalsPointer(usize),
    /// futex(2): depends on the operation.
    Futex,
    /// fcntl(2): only F_SETLKW and F_OFD_SETLKW wait, without limit.
    Lock,
}

/// One system call that may wait.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    number: i64,
    /// Its name as in its manual page.
    pub name: &'static str,
    /// Whether its first argument is a descriptor.
    pub has_fd: bool,
    /// Where its time limit stands.
    pub time: Time,
}

/// The call with this number on this architecture.
pub fn call(number: i64) -> Option<&'static Call> {
    EVERYWHERE.iter().chain(HERE).find(|call| call.number == number)
}

const RECEIVE: Time = Time::Descriptor(Direction::Receive);
const SEND: Time = Time::Descriptor(Direction::Send);

const fn on_fd(number: i64, name: &'static str, time: Time) -> Call {
    Call { number, name, has_fd: true, time }
}

const fn plain(number: i64, name: &'static str, time: Time) -> Call {
    Call { number, name, has_fd: false, time }
}

const EVERYWHERE: &[Call] = &[
    on_fd(libc::SYS_read, "read", RECEIVE),
    on_fd(libc::SYS_readv, "readv", RECEIVE),
    on_fd(libc::SYS_recvfrom, "recvfrom", RECEIVE),
    on_fd(libc::SYS_recvmsg, "recvmsg", RECEIVE),
    on_fd(libc::SYS_accept, "accept", RECEIVE),
    on_fd(libc::SYS_accept4, "accept4", RECEIVE),
    on_fd(libc::SYS_write, "write", SEND),
    on_fd(libc::SYS_writev, "writev", SEND),
    on_fd(libc::SYS_sendto, "sendto", SEND),
    on_fd(libc::SYS_sendmsg, "sendmsg", SEND),
    on_fd(libc::SYS_sendmmsg, "sendmmsg", SEND),
    on_fd(libc::SYS_sendfile, "sendfile", SEND),
    on_fd(libc::SYS_connect, "connect", Time::Always),
    on_fd(libc::SYS_epoll_pwait, "epoll_pwait", Time::EpollMillis(3)),
    on_fd(libc::SYS_epoll_pwait2, "epoll_pwait2", Time::EpollPointer(3)),
    plain(libc::SYS_ppoll, "ppoll", Time::PollPointer(2)),
    plain(libc::SYS_pselect6, "pselect6", Time::PollPointer(4)),
    plain(libc::SYS_nanosleep, "nanosleep", Time::Always),
    plain(libc::SYS_clock_nanosleep, "clock_nanosleep", Time::Always),
    plain(libc::SYS_futex, "futex", Time::Futex),
    plain(libc::SYS_futex_waitv, "futex_waitv", Time::Pointer(3)),
    plain(libc::SYS_wait4, "wait4", Time::Never),
    plain(libc::SYS_waitid, "waitid", Time::Never),
    plain(libc::SYS_rt_sigsuspend, "rt_sigsuspend", Time::Never),
    plain(libc::SYS_rt_sigtimedwait, "rt_sigtimedwait", Time::SignalsPointer(2)),
    on_fd(libc::SYS_flock, "flock", Time::Never),
    on_fd(libc::SYS_fcntl, "fcntl", Time::Lock),
    plain(libc::SYS_semtimedop, "semtimedop", Time::Pointer(3)),
    plain(libc::SYS_msgrcv, "msgrcv", Time::Never),
    plain(libc::SYS_mq_timedreceive, "mq_timedreceive", Time::Pointer(4)),
];

/// Calls that newer architectures no longer have.
#[cfg(target_arch = "x86_64")]
const HERE: &[Call] = &[
    on_fd(libc::SYS_epoll_wait, "epoll_wait", Time::EpollMillis(3)),
    plain(libc::SYS_poll, "poll", Time::PollMillis(2)),
    plain(libc::SYS_select, "select", Time::PollPointer(4)),
    plain(libc::SYS_pause, "pause", Time::Never),
];
#[cfg(not(target_arch = "x86_64"))]
const HERE: &[Call] = &[];

/// What the arguments alone say about a call's time limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// It waits for ever as far as the call goes; timers it waits for may end it all the same.
    Forever,
    /// It has a limit.
    Timed,
    /// The arguments do not decide it.
    Unknown,
}

impl Call {
    /// The time limit as the arguments tell it.
    pub fn told(&self, arguments: &[u64; 6]) -> Told {
        let forever = match self.time {
            Time::Always => false,
            Time::Never => true,
            Time::EpollMillis(at) | Time::PollMillis(at) => (arguments[at] as u32).cast_signed() < 0,
            Time::EpollPointer(at) | Time::PollPointer(at) | Time::SignalsPointer(at) | Time::Pointer(at) => {
                arguments[at] == 0
            }
            Time::Futex => return futex(arguments),
            Time::Lock if matches!(arguments[1] as i32, libc::F_SETLKW | libc::F_OFD_SETLKW) => true,
            Time::Descriptor(_) | Time::Lock => return Told::Unknown,
        };
        if forever { Told::Forever } else { Told::Timed }
    }
}

/// FUTEX_LOCK_PI2 of include/uapi/linux/futex.h.
const LOCK_PI2: i32 = 13;

/// futex(2): the fourth argument is a time for the operations that wait.
fn futex(arguments: &[u64; 6]) -> Told {
    let operation = arguments[1] as i32 & !(libc::FUTEX_PRIVATE_FLAG | libc::FUTEX_CLOCK_REALTIME);
    match operation {
        libc::FUTEX_WAIT | libc::FUTEX_WAIT_BITSET | libc::FUTEX_LOCK_PI | libc::FUTEX_WAIT_REQUEUE_PI | LOCK_PI2 => {
            if arguments[3] == 0 {
                Told::Forever
            } else {
                Told::Timed
            }
        }
        _ => Told::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(number: i64, arguments: [u64; 6]) -> (&'static str, Told) {
        let call = call(number).unwrap();
        (call.name, call.told(&arguments))
    }

    #[test]
    fn every_call_stands_in_the_table_once() {
        let mut numbers: Vec<i64> = EVERYWHERE.iter().chain(HERE).map(|call| call.number).collect();
        let total = numbers.len();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), total);
    }

    #[test]
    fn minus_one_milliseconds_are_for_ever_and_zero_or_more_are_timed() {
        // The kernel prints the register: an int of -1 may or may not be sign-extended.
        for minus_one in [u64::MAX, 0xffff_ffff] {
            assert_eq!(told(libc::SYS_epoll_pwait, [5, 1, 2, minus_one, 0, 0]).1, Told::Forever);
        }
        assert_eq!(told(libc::SYS_epoll_pwait, [5, 1, 2, 1000, 0, 0]).1, Told::Timed);
    }

    #[test]
    fn a_null_pointer_is_for_ever_and_any_other_is_timed() {
        assert_eq!(told(libc::SYS_ppoll, [1, 1, 0, 0, 8, 0]), ("ppoll", Told::Forever));
        assert_eq!(told(libc::SYS_ppoll, [1, 1, 0x7ffe_0000, 0, 8, 0]), ("ppoll", Told::Timed));
    }

    #[test]
    fn a_futex_that_only_wakes_says_nothing() {
        assert_eq!(told(libc::SYS_futex, [1, 0x80, 0, 0, 0, 0]).1, Told::Forever);
        assert_eq!(told(libc::SYS_futex, [1, 0x189, 0, 0x7f00, 0, 0]).1, Told::Timed);
        assert_eq!(told(libc::SYS_futex, [1, 0x81, 0, 0, 0, 0]).1, Told::Unknown);
    }

    #[test]
    fn the_arguments_of_recv_do_not_decide_it() {
        assert_eq!(told(libc::SYS_recvfrom, [3, 0, 0, 0, 0, 0]), ("recvfrom", Told::Unknown));
        assert!(call(999_999).is_none());
    }
}
