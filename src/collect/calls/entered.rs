//! Reads a traced system call off a stopped thread: its arguments when it enters, its result when it returns.

use std::collections::HashMap;
use std::io::IoSliceMut;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use nix::libc;
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::Pid;

use super::registers::Registers;

/// Beyond this many descriptors with an address the oldest knowledge is dropped, so that memory stays bounded.
const KEPT: usize = 10_000;
/// sizeof(struct sockaddr_in6).
const LONGEST: usize = 28;
/// -ERESTARTSYS to -ERESTART_RESTARTBLOCK (include/linux/errno.h): the call was interrupted and starts again by itself.
pub const RESTARTS: std::ops::RangeInclusive<i64> = -516..=-512;

/// What a thread is about to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// connect(2) to an Internet address.
    Connect,
    /// bind(2) to an Internet address.
    Bind,
    /// listen(2).
    Listen,
    /// accept(2) or accept4(2).
    Accept,
    /// shutdown(2).
    Shutdown,
    /// getsockopt(2) of SO_ERROR.
    SoError,
    /// io_uring_setup(2) or io_submit(2): calls made through the ring are not seen.
    Ring,
    /// A call that gives bytes to a descriptor.
    Gives,
    /// A call that takes bytes from a descriptor.
    Takes,
    /// splice(2), which does both.
    Splice,
    /// close(2) and whatever else lets go of a descriptor.
    Close,
    /// socket(2).
    Socket,
    /// setsockopt(2) of SO_LINGER.
    Linger,
}

impl Kind {
    /// Whether it is of interest only for the bytes that flow.
    pub fn is_traffic(self) -> bool {
        matches!(self, Self::Gives | Self::Takes | Self::Splice | Self::Close | Self::Socket | Self::Linger)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Bind => "bind",
            Self::Listen => "listen",
            Self::Accept => "accept",
            Self::Shutdown => "shutdown",
            Self::SoError => "so-error",
            Self::Ring => "io_uring_setup",
            Self::Gives => "send",
            Self::Takes => "recv",
            Self::Splice => "splice",
            Self::Close => "close",
            Self::Socket => "socket",
            Self::Linger => "setsockopt",
        }
    }
}

/// A call that has not returned yet.
#[derive(Debug, Clone, Copy)]
pub struct Entered {
    /// Which one.
    pub kind: Kind,
    /// Its number.
    pub number: i64,
    /// Descriptor: of close(2) and its like the one that is let go.
    pub fd: i32,
    /// Address it names.
    pub address: Option<SocketAddr>,
    /// Its arguments.
    pub arguments: [u64; 6],
    /// The socket behind `fd`, where the bytes are to be seen.
    pub socket: Option<u64>,
    /// Another thread does the same to that socket meanwhile, so that the order of their bytes is not known.
    pub contested: bool,
}

/// A call that has returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returned {
    /// As the evidence names it.
    pub name: &'static str,
    /// Descriptor.
    pub fd: i32,
    /// Address it names.
    pub address: Option<SocketAddr>,
    /// 0 or more is success; below zero it is minus the errno.
    pub result: i64,
}

/// Reads the call that `tid` is about to make; `None` when it concerns no Internet address.
pub fn enter(tid: Pid, registers: &Registers) -> Option<Entered> {
    let arguments = registers.arguments;
    let (kind, address) = match registers.number {
        libc::SYS_connect => (Kind::Connect, Some(address(tid, arguments[1], arguments[2] as usize)?)),
        libc::SYS_bind => (Kind::Bind, Some(address(tid, arguments[1], arguments[2] as usize)?)),
        libc::SYS_listen => (Kind::Listen, None),
        libc::SYS_accept | libc::SYS_accept4 => (Kind::Accept, None),
        libc::SYS_shutdown => (Kind::Shutdown, None),
        libc::SYS_getsockopt => (Kind::SoError, None),
        libc::SYS_io_uring_setup | libc::SYS_io_submit => (Kind::Ring, None),
        number => (traffic(number)?, None),
    };
    let replaces = kind == Kind::Close && !matches!(registers.number, libc::SYS_close | libc::SYS_close_range);
    let fd = arguments[usize::from(replaces)] as i32;
    Some(Entered { kind, number: registers.number, fd, address, arguments, socket: None, contested: false })
}

fn traffic(number: i64) -> Option<Kind> {
    Some(match number {
        libc::SYS_write
        | libc::SYS_writev
        | libc::SYS_pwritev2
        | libc::SYS_sendto
        | libc::SYS_sendmsg
        | libc::SYS_sendmmsg
        | libc::SYS_sendfile => Kind::Gives,
        libc::SYS_read
        | libc::SYS_readv
        | libc::SYS_preadv2
        | libc::SYS_recvfrom
        | libc::SYS_recvmsg
        | libc::SYS_recvmmsg => Kind::Takes,
        libc::SYS_splice => Kind::Splice,
        libc::SYS_close | libc::SYS_close_range | libc::SYS_dup3 => Kind::Close,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_dup2 => Kind::Close,
        libc::SYS_socket => Kind::Socket,
        libc::SYS_setsockopt => Kind::Linger,
        _ => return None,
    })
}

/// What is known of descriptors: where they are bound, and which connection they are waiting for.
#[derive(Debug, Default)]
pub struct Names {
    bound: HashMap<(i32, i32), SocketAddr>,
    dialling: HashMap<(i32, i32), SocketAddr>,
}

impl Names {
    /// Reads the result of a call of process `pid`; `None` when there is nothing to tell: it starts again by itself, it
    /// found nobody to accept, or it asked for the error of a socket that was not connecting.
    pub fn leave(&mut self, tid: Pid, pid: i32, entered: &Entered, result: i64) -> Option<Returned> {
        if RESTARTS.contains(&result) {
            return None;
        }
        if entered.kind.is_traffic() {
            return None;
        }
        let key = (pid, entered.fd);
        let (address, result) = match entered.kind {
            Kind::Connect => {
                let address = entered.address?;
                if result == -i64::from(libc::EINPROGRESS) {
                    keep(&mut self.dialling, key, address);
                }
                (Some(address), result)
            }
            Kind::Bind => {
                let address = entered.address?;
                if result == 0 {
                    keep(&mut self.bound, key, address);
                }
                (Some(address), result)
            }
            Kind::Listen => (self.bound.get(&key).copied(), result),
            Kind::Accept if result == -i64::from(libc::EAGAIN) => return None,
            Kind::Accept if result >= 0 => (peer(tid, entered), result),
            Kind::SoError if result == 0 => {
                let address = self.dialling.remove(&key)?;
                (Some(address), -i64::from(word(tid, entered.arguments[3])?))
            }
            Kind::SoError => return None,
            _ => (None, result),
        };
        Some(Returned { name: entered.kind.name(), fd: entered.fd, address, result })
    }

    /// Forgets a process that has ended.
    pub fn forget(&mut self, pid: i32) {
        self.bound.retain(|(owner, _), _| *owner != pid);
        self.dialling.retain(|(owner, _), _| *owner != pid);
    }
}

fn keep(map: &mut HashMap<(i32, i32), SocketAddr>, key: (i32, i32), address: SocketAddr) {
    if map.len() >= KEPT {
        map.clear();
    }
    map.insert(key, address);
}

/// The address that accept(2) wrote, if it was asked for.
pub fn peer(tid: Pid, entered: &Entered) -> Option<SocketAddr> {
    let length = word(tid, entered.arguments[2])?;
    address(tid, entered.arguments[1], usize::try_from(length).ok()?)
}

/// An int in the thread's memory.
pub fn word(tid: Pid, at: u64) -> Option<i32> {
    let mut bytes = [0; 4];
    read(tid, at, &mut bytes).then(|| i32::from_ne_bytes(bytes))
}

/// The Internet address in the thread's memory.
pub fn address(tid: Pid, at: u64, length: usize) -> Option<SocketAddr> {
    let mut bytes = [0; LONGEST];
    let bytes = &mut bytes[..length.min(LONGEST)];
    if !read(tid, at, bytes) {
        return None;
    }
    parse(bytes)
}

/// Memory of a thread that may not be read (it dropped privileges, or the pointer is wild) is no failure.
pub fn read(tid: Pid, at: u64, into: &mut [u8]) -> bool {
    let wanted = into.len();
    let from = RemoteIoVec { base: at as usize, len: wanted };
    at != 0 && process_vm_readv(tid, &mut [IoSliceMut::new(into)], &[from]) == Ok(wanted)
}

/// struct sockaddr_in (ip(7)) or sockaddr_in6 (ipv6(7)); an IPv4 address in IPv6 clothes (`::ffff:127.0.0.1`) is undressed.
fn parse(bytes: &[u8]) -> Option<SocketAddr> {
    let family = i32::from(u16::from_ne_bytes(bytes.get(..2)?.try_into().ok()?));
    let port = u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?);
    let ip: IpAddr = match family {
        libc::AF_INET => Ipv4Addr::from(<[u8; 4]>::try_from(bytes.get(4..8)?).ok()?).into(),
        libc::AF_INET6 => Ipv6Addr::from(<[u8; 16]>::try_from(bytes.get(8..24)?).ok()?).into(),
        _ => return None,
    };
    Some(SocketAddr::new(ip.to_canonical(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v4(port: u16) -> Vec<u8> {
        let family = (libc::AF_INET as u16).to_ne_bytes();
        [&family[..], &port.to_be_bytes(), &[127, 0, 0, 1], &[0; 8]].concat()
    }

    #[test]
    fn addresses_of_both_families_are_read_and_mapped_ones_are_undressed() {
        assert_eq!(parse(&v4(12435)), Some(SocketAddr::from(([127, 0, 0, 1], 12435))));
        let family = (libc::AF_INET6 as u16).to_ne_bytes();
        let v6 = |ip: Ipv6Addr| [&family[..], &7_u16.to_be_bytes(), &[0; 4], &ip.octets(), &[0; 4]].concat();
        assert_eq!(parse(&v6(Ipv6Addr::LOCALHOST)), Some(SocketAddr::from((Ipv6Addr::LOCALHOST, 7))));
        let mapped = Ipv4Addr::LOCALHOST.to_ipv6_mapped();
        assert_eq!(parse(&v6(mapped)), Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 7))));
    }

    #[test]
    fn a_path_and_a_stump_are_no_addresses() {
        assert_eq!(parse(b"\x01\x00/run/nscd/socket"), None);
        assert_eq!(parse(&v4(1)[..6]), None);
        assert_eq!(parse(b""), None);
    }

    fn entered(kind: Kind, address: Option<SocketAddr>) -> Entered {
        Entered { kind, number: 0, fd: 5, address, arguments: [0; 6], socket: None, contested: false }
    }

    #[test]
    fn a_call_that_starts_again_by_itself_has_no_result_yet() {
        let mut names = Names::default();
        let dial = entered(Kind::Connect, Some(SocketAddr::from(([127, 0, 0, 1], 7))));
        assert_eq!(names.leave(Pid::this(), 1, &dial, -512), None);
        assert_eq!(names.leave(Pid::this(), 1, &dial, -111).unwrap().result, -111);
    }

    #[test]
    fn a_listener_bears_the_address_it_was_bound_to_until_its_process_ends() {
        let mut names = Names::default();
        let address = SocketAddr::from(([127, 0, 0, 1], 7));
        let told = |names: &mut Names, kind, address| names.leave(Pid::this(), 1, &entered(kind, address), 0).unwrap();
        told(&mut names, Kind::Bind, Some(address));
        assert_eq!(told(&mut names, Kind::Listen, None).address, Some(address));
        names.forget(1);
        assert_eq!(told(&mut names, Kind::Listen, None).address, None);
    }

    #[test]
    fn nobody_to_accept_is_not_worth_telling() {
        let accept = entered(Kind::Accept, None);
        assert_eq!(Names::default().leave(Pid::this(), 1, &accept, -11), None);
        assert_eq!(Names::default().leave(Pid::this(), 1, &accept, -24).unwrap().result, -24);
    }
}
