//! A system call in the registers of a stopped thread.

use nix::sys::ptrace;
use nix::unistd::Pid;

/// What the registers hold of a system call.
#[derive(Debug, Clone, Copy)]
pub struct Registers {
    /// Its number; negative when the thread did not come here through a system call.
    pub number: i64,
    /// Its arguments. On aarch64 the first one is gone once the call has returned.
    pub arguments: [u64; 6],
    /// Its result, once it has returned.
    pub result: i64,
}

/// Where a thread is, and on which stack.
#[derive(Debug, Clone, Copy)]
pub struct Position {
    /// Address of its instruction.
    pub instruction: u64,
    /// What an unwinder starts from.
    pub stack: StackRegisters,
}

#[cfg(target_arch = "x86_64")]
pub type StackRegisters = framehop::x86_64::UnwindRegsX86_64;
#[cfg(target_arch = "aarch64")]
pub type StackRegisters = framehop::aarch64::UnwindRegsAarch64;

/// Reads where the thread is.
#[cfg(target_arch = "x86_64")]
pub fn position(tid: Pid) -> nix::Result<Position> {
    let regs = ptrace::getregs(tid)?;
    Ok(Position { instruction: regs.rip, stack: StackRegisters::new(regs.rip, regs.rsp, regs.rbp) })
}

/// Reads where the thread is.
#[cfg(target_arch = "aarch64")]
pub fn position(tid: Pid) -> nix::Result<Position> {
    let regs = ptrace::getregs(tid)?;
    Ok(Position { instruction: regs.pc, stack: StackRegisters::new(regs.regs[30], regs.sp, regs.regs[29]) })
}

/// Reads them.
#[cfg(target_arch = "x86_64")]
pub fn read(tid: Pid) -> nix::Result<Registers> {
    let regs = ptrace::getregs(tid)?;
    Ok(Registers {
        number: regs.orig_rax.cast_signed(),
        arguments: [regs.rdi, regs.rsi, regs.rdx, regs.r10, regs.r8, regs.r9],
        result: regs.rax.cast_signed(),
    })
}

/// Reads them.
#[cfg(target_arch = "aarch64")]
pub fn read(tid: Pid) -> nix::Result<Registers> {
    let regs = ptrace::getregs(tid)?.regs;
    Ok(Registers {
        number: regs[8].cast_signed(),
        arguments: [regs[0], regs[1], regs[2], regs[3], regs[4], regs[5]],
        result: regs[0].cast_signed(),
    })
}
