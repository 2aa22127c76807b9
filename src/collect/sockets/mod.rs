//! The socket table: who listens, who is connected, who owns what, and how much lies unread.
//!
//! It answers for the network namespace of the calling *thread*. It never judges, and it never takes "may not look" for
//! "there is nothing": a table that cannot be read is a [`Gap`], an owner that cannot be seen is an unknown owner.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
use linux as system;

#[cfg(any(not(target_os = "linux"), test))]
mod portable;
#[cfg(not(target_os = "linux"))]
use portable as system;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;

use crate::evidence::{Counters, Gap, Role, Socket};

/// Whether this system tells Recv-Q, Send-Q and TCP_INFO.
pub const HAS_QUEUES: bool = system::HAS_QUEUES;

/// Whose sockets get their owners filled in. The rows are all rows of the namespace in either case.
#[derive(Debug, Clone, Copy)]
pub enum Scope<'a> {
    /// Those of every process we may look at; costs a walk over all of /proc.
    Everything,
    /// Those of these processes (process id → index of its program, the part it plays); cheap enough for every
    /// millisecond.
    Processes(&'a BTreeMap<u32, (usize, Role)>),
}

/// Which rows are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rows {
    /// Every row.
    All,
    /// Those that wait for somebody: TCP listeners and all UDP sockets. Others may be among them.
    Waiting,
}

/// Looks at the table once.
///
/// The queues are tidied so that they count payload only: the kernel's numbers include a FIN or SYN where one is queued.
/// For UDP `recv_queue` is the memory the unread datagrams take, headers and all; zero means nothing is unread.
///
/// `own` is a datagram socket of netdiag itself, bound to an address of IPv4, which is left out.
///
/// # Errors
/// A [`Gap`] when neither sock_diag nor /proc/net (elsewhere: the system's own table) can be read.
pub fn look(scope: Scope<'_>, own: Option<SocketAddr>) -> Result<Vec<Socket>, Gap> {
    system::look(scope, Rows::All, own)
}

/// As [`look`], for the rows that wait for somebody, of which a table of many connections is asked cheaply; the rest may be
/// missing.
///
/// # Errors
/// As [`look`].
pub fn look_for_waiting(scope: Scope<'_>, own: Option<SocketAddr>) -> Result<Vec<Socket>, Gap> {
    system::look(scope, Rows::Waiting, own)
}

/// Whether nobody in the thread's network namespace has a socket but netdiag its `own`; false where the system does not say.
#[must_use]
pub fn are_none(own: Option<SocketAddr>) -> bool {
    system::are_none(own)
}

/// The accept-queue counters of the thread's network namespace; `None` where the system does not tell them.
#[must_use]
pub fn counters() -> Option<Counters> {
    system::counters()
}

/// Whether the loopback interface of the thread's network namespace is up; `None` when it cannot be asked.
#[must_use]
pub fn loopback_up() -> Option<bool> {
    let mut loopback = getifaddrs().ok()?.filter(|interface| interface.flags.contains(InterfaceFlags::IFF_LOOPBACK));
    loopback.next().map(|interface| interface.flags.contains(InterfaceFlags::IFF_UP))
}

/// An address as the programs see it: an IPv4 peer of a dual-stack socket is an IPv4 peer, whatever socket holds it.
/// The wildcard `::` is not an IPv4 address and stays what it is.
fn address(ip: IpAddr, port: u16, interface: u32) -> SocketAddr {
    match ip.to_canonical() {
        // A link-local address means nothing without its interface (RFC 4007); others have no scope.
        IpAddr::V6(ip) if ip.is_unicast_link_local() => SocketAddrV6::new(ip, port, 0, interface).into(),
        ip => SocketAddr::new(ip, port),
    }
}

/// The peer, if there is one: the kernel writes "none" as the wildcard with port 0.
fn peer(ip: IpAddr, port: u16, interface: u32) -> Option<SocketAddr> {
    (port != 0 || !ip.is_unspecified()).then(|| address(ip, port, interface))
}

#[cfg(test)]
mod tests;
