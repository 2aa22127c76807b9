//! The seccomp filter: which system calls stop for the tracer. Everything else runs at full speed.
//!
//! Written as BPF by hand, because a filter built by a library kills a process of another architecture (a 32-bit program
//! on a 64-bit kernel), and this one must never do anything to a program but be seen through.

use nix::libc;
use seccompiler::sock_filter;

/// AUDIT_ARCH_X86_64 and AUDIT_ARCH_AARCH64 (include/uapi/linux/audit.h).
#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7;

/// Calls that stop whatever their arguments.
const ALWAYS: [i64; 8] = [
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_shutdown,
    libc::SYS_ptrace,
    libc::SYS_io_uring_setup,
];

/// Calls that stop beside those when the bytes are to be seen too: whatever can carry them, or open or end a socket.
const BYTES: [i64; 20] = [
    libc::SYS_socket,
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_preadv2,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_recvmmsg,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_pwritev2,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_sendmmsg,
    libc::SYS_sendfile,
    libc::SYS_splice,
    libc::SYS_close,
    libc::SYS_close_range,
    libc::SYS_dup3,
    // On x86-64 only; elsewhere it is dup3 again.
    DUP2,
    libc::SYS_io_submit,
];
#[cfg(target_arch = "x86_64")]
const DUP2: i64 = libc::SYS_dup2;
#[cfg(not(target_arch = "x86_64"))]
const DUP2: i64 = libc::SYS_dup3;

/// Offsets in struct seccomp_data (seccomp(2)); of an argument, its lower half on a little-endian machine.
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
const fn argument(index: u32) -> u32 {
    16 + 8 * index
}

/// Instructions of classic BPF (bpf(4), include/uapi/linux/bpf_common.h).
const LOAD: u16 = 0x20;
const JUMP_IF_EQUAL: u16 = 0x15;
const JUMP_IF_ANY_BIT: u16 = 0x45;
const RETURN: u16 = 0x06;

fn load(offset: u32) -> sock_filter {
    sock_filter { code: LOAD, jt: 0, jf: 0, k: offset }
}

fn jump(code: u16, operand: u32, yes: u8, no: u8) -> sock_filter {
    sock_filter { code, jt: yes, jf: no, k: operand }
}

fn answer(action: u32) -> sock_filter {
    sock_filter { code: RETURN, jt: 0, jf: 0, k: action }
}

/// The filter: stops for [`ALWAYS`], for getsockopt(SO_ERROR), for a clone(2) that would escape the tracer, and, with
/// `bytes`, for [`BYTES`] and setsockopt(SO_LINGER).
pub fn program(bytes: bool) -> Vec<sock_filter> {
    let mut program = vec![load(ARCH), jump(JUMP_IF_EQUAL, ARCHITECTURE, 1, 0), answer(libc::SECCOMP_RET_ALLOW)];
    program.push(load(NUMBER));
    let numbers = ALWAYS.iter().chain(BYTES.iter().filter(|_| bytes));
    for number in numbers {
        program.extend([jump(JUMP_IF_EQUAL, *number as u32, 0, 1), answer(libc::SECCOMP_RET_TRACE)]);
    }
    program.extend(option(libc::SYS_getsockopt, libc::SO_ERROR));
    if bytes {
        program.extend(option(libc::SYS_setsockopt, libc::SO_LINGER));
    }
    program.extend([
        jump(JUMP_IF_EQUAL, libc::SYS_clone as u32, 0, 3),
        load(argument(0)),
        jump(JUMP_IF_ANY_BIT, libc::CLONE_UNTRACED as u32, 0, 1),
        answer(libc::SECCOMP_RET_TRACE),
        answer(libc::SECCOMP_RET_ALLOW),
    ]);
    program
}

/// Stops for one option of the socket layer; returns unless it is another call.
fn option(call: i64, option: i32) -> [sock_filter; 7] {
    [
        jump(JUMP_IF_EQUAL, call as u32, 0, 6),
        load(argument(1)),
        jump(JUMP_IF_EQUAL, libc::SOL_SOCKET as u32, 0, 3),
        load(argument(2)),
        jump(JUMP_IF_EQUAL, option as u32, 0, 1),
        answer(libc::SECCOMP_RET_TRACE),
        answer(libc::SECCOMP_RET_ALLOW),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the filter as the kernel does.
    fn verdict(arch: u32, number: i64, arguments: [u64; 3], bytes: bool) -> u32 {
        let program = program(bytes);
        let mut data = [0_u8; 64];
        data[..4].copy_from_slice(&(number as u32).to_le_bytes());
        data[4..8].copy_from_slice(&arch.to_le_bytes());
        for (index, argument) in arguments.iter().enumerate() {
            data[16 + 8 * index..24 + 8 * index].copy_from_slice(&argument.to_le_bytes());
        }
        let (mut at, mut accumulator) = (0, 0);
        loop {
            let step = &program[at];
            let taken = match step.code {
                LOAD => {
                    let offset = step.k as usize;
                    accumulator = u32::from_le_bytes(data[offset..offset + 4].try_into().unwrap());
                    0
                }
                JUMP_IF_EQUAL if accumulator == step.k => step.jt,
                JUMP_IF_ANY_BIT if accumulator & step.k != 0 => step.jt,
                JUMP_IF_EQUAL | JUMP_IF_ANY_BIT => step.jf,
                RETURN => return step.k,
                other => panic!("no such instruction: {other:#x}"),
            };
            at += 1 + usize::from(taken);
        }
    }

    fn stops(number: i64, arguments: [u64; 3]) -> bool {
        is_stopped(number, arguments, false)
    }

    fn is_stopped(number: i64, arguments: [u64; 3], bytes: bool) -> bool {
        match verdict(ARCHITECTURE, number, arguments, bytes) {
            libc::SECCOMP_RET_TRACE => true,
            libc::SECCOMP_RET_ALLOW => false,
            other => panic!("{other:#x}"),
        }
    }

    #[test]
    fn the_calls_that_matter_stop_and_the_busy_ones_do_not() {
        for number in ALWAYS {
            assert!(stops(number, [0; 3]), "{number}");
        }
        for number in [libc::SYS_read, libc::SYS_write, libc::SYS_sendto, libc::SYS_recvfrom, libc::SYS_futex] {
            assert!(!stops(number, [0; 3]), "{number}");
        }
    }

    #[test]
    fn calls_that_carry_bytes_stop_only_where_bytes_are_wanted() {
        for number in BYTES {
            assert!(is_stopped(number, [0; 3], true) && !stops(number, [0; 3]), "{number}");
        }
        for number in ALWAYS {
            assert!(is_stopped(number, [0; 3], true), "{number}");
        }
        assert!(is_stopped(libc::SYS_setsockopt, [7, 1, 13], true) && !stops(libc::SYS_setsockopt, [7, 1, 13]));
        assert!(!is_stopped(libc::SYS_setsockopt, [7, 1, 2], true), "SO_REUSEADDR");
        assert!(is_stopped(libc::SYS_getsockopt, [7, 1, 4], true));
        assert!(!is_stopped(libc::SYS_futex, [0; 3], true) && !is_stopped(libc::SYS_clone, [0x003d_0f00, 0, 0], true));
    }

    #[test]
    fn of_getsockopt_only_the_error_stops() {
        assert!(stops(libc::SYS_getsockopt, [7, 1, 4]));
        assert!(!stops(libc::SYS_getsockopt, [7, 1, 3]));
        assert!(!stops(libc::SYS_getsockopt, [7, 6, 4]));
    }

    #[test]
    fn of_clone_only_one_that_escapes_tracing_stops() {
        assert!(!stops(libc::SYS_clone, [0x003d_0f00, 0, 0]), "a thread of glibc's");
        assert!(!stops(libc::SYS_clone, [0x0120_0011, 0, 0]), "its fork");
        assert!(stops(libc::SYS_clone, [0x0080_0700, 0, 0]), "LeakSanitizer's");
    }

    #[test]
    fn a_process_of_another_architecture_is_let_alone() {
        assert_eq!(verdict(0x4000_0003, libc::SYS_connect, [0; 3], true), libc::SECCOMP_RET_ALLOW);
    }
}
