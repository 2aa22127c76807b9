//! The only code that looks at the operating system, one file per source. A collector never judges and never calls another one.

pub mod calls;
pub mod clock;
pub mod exceptions;
pub mod packets;
mod printable;
pub mod probes;
pub mod programs;
pub mod sockets;
pub mod tasks;
