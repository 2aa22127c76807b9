//! Which socket a descriptor of a stopped thread is, and between which addresses it is.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use procfs::FromReadSI;
use procfs::net::{TcpNetEntries, UdpNetEntries};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};
use socket2::{Domain, SockRef, Type};

use crate::evidence::Transport;

/// A socket of the Internet's families.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// TCP or UDP.
    pub transport: Transport,
    /// Its own address; `None` while it has none.
    pub local: Option<SocketAddr>,
    /// Whom it is connected to.
    pub remote: Option<SocketAddr>,
}

/// The number of the socket behind descriptor `fd` of thread `tid`; `None` when it is no socket.
pub fn socket(tid: i32, fd: i32) -> io::Result<Option<u64>> {
    match fs::read_link(format!("/proc/{tid}/fd/{fd}")) {
        Ok(link) => Ok(number(&link.to_string_lossy())),
        // A descriptor that is not open; the call will say so itself.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Sockets that the process holds, by number.
pub fn sockets(pid: i32) -> impl Iterator<Item = u64> {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    descriptors.filter_map(|descriptor| number(&fs::read_link(descriptor.path()).ok()?.to_string_lossy()))
}

fn number(link: &str) -> Option<u64> {
    link.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

/// What is known of a socket of process `pid`; `None` when it is of another family, or cannot be made out.
pub fn place(pid: i32, fd: i32, socket: u64) -> Option<Place> {
    match borrowed(pid, fd) {
        Ok(place) => place,
        // Older kernels, and some container profiles, do not let descriptors be borrowed.
        Err(_) => tabled(socket),
    }
}

/// Asks the socket itself through a copy of the descriptor, which is gone again before the program goes on.
fn borrowed(pid: i32, fd: i32) -> rustix::io::Result<Option<Place>> {
    let pid = Pid::from_raw(pid).ok_or(rustix::io::Errno::SRCH)?;
    let process = pidfd_open(pid, PidfdFlags::empty())?;
    let copy = pidfd_getfd(process, fd, PidfdGetfdFlags::empty())?;
    let socket = SockRef::from(&copy);
    let address = |address: socket2::SockAddr| address.as_socket().map(undressed);
    let of_the_internet = matches!(socket.domain(), Ok(Domain::IPV4 | Domain::IPV6));
    let transport = match socket.r#type() {
        Ok(Type::STREAM) if of_the_internet => Transport::Tcp,
        Ok(Type::DGRAM) if of_the_internet => Transport::Udp,
        _ => return Ok(None),
    };
    let local = socket.local_addr().ok().and_then(address).filter(|local| local.port() != 0);
    Ok(Some(Place { transport, local, remote: socket.peer_addr().ok().and_then(address) }))
}

/// Looks for the socket in the tables of the network namespace.
fn tabled(socket: u64) -> Option<Place> {
    let tcp = ["tcp", "tcp6"].into_iter().flat_map(tcp).find(|row| row.inode == socket).map(|row| Place {
        transport: Transport::Tcp,
        local: Some(undressed(row.local_address)),
        remote: Some(undressed(row.remote_address))
            .filter(|remote| remote.port() != 0 && row.state != procfs::net::TcpState::SynSent),
    });
    tcp.or_else(|| {
        ["udp", "udp6"].into_iter().flat_map(udp).find(|row| row.inode == socket).map(|row| Place {
            transport: Transport::Udp,
            local: Some(undressed(row.local_address)),
            remote: Some(undressed(row.remote_address)).filter(|remote| remote.port() != 0),
        })
    })
}

/// Whether some UDP socket of this network namespace has that port.
pub fn takes_datagrams(port: u16) -> bool {
    ["udp", "udp6"].into_iter().flat_map(udp).any(|row| row.local_address.port() == port)
}

fn tcp(table: &str) -> Vec<procfs::net::TcpNetEntry> {
    let path = format!("/proc/thread-self/net/{table}");
    TcpNetEntries::from_file(path, procfs::current_system_info()).map_or_else(|_| Vec::new(), |entries| entries.0)
}

fn udp(table: &str) -> Vec<procfs::net::UdpNetEntry> {
    let path = format!("/proc/thread-self/net/{table}");
    UdpNetEntries::from_file(path, procfs::current_system_info()).map_or_else(|_| Vec::new(), |entries| entries.0)
}

/// An IPv4 address in IPv6 clothes, undressed.
pub fn undressed(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// The address that a socket bound to `local` has towards `peer`, as it would stand in a packet on one machine.
pub fn towards(local: SocketAddr, peer: SocketAddr) -> SocketAddr {
    if !local.ip().is_unspecified() {
        return local;
    }
    let ip = match peer.ip() {
        IpAddr::V4(ip) if ip.is_loopback() || ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, local.port())
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::os::fd::{AsFd, AsRawFd};
    use std::time::{Duration, Instant};

    use super::*;

    fn of(socket: &impl AsFd) -> (u64, Place) {
        let me = std::process::id().cast_signed();
        let fd = socket.as_fd().as_raw_fd();
        let number = super::socket(me, fd).unwrap().unwrap();
        (number, place(me, fd, number).unwrap())
    }

    #[test]
    fn both_ways_tell_the_same_of_a_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (number, place) = of(&client);
        let (local, remote) = (client.local_addr().ok(), client.peer_addr().ok());
        assert_eq!(place, Place { transport: Transport::Tcp, local, remote });
        assert_eq!(tabled(number), Some(place));
        assert!(sockets(std::process::id().cast_signed()).any(|held| held == number));
    }

    #[test]
    fn a_bound_udp_socket_takes_datagrams_until_it_is_closed() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (number, place) = of(&socket);
        assert_eq!((place.transport, place.remote), (Transport::Udp, None));
        assert_eq!(tabled(number), Some(place));
        let port = socket.local_addr().unwrap().port();
        assert!(takes_datagrams(port));
        drop(socket);
        // A program that another test is just starting holds a copy of every descriptor until its exec.
        let deadline = Instant::now() + Duration::from_secs(10);
        while takes_datagrams(port) {
            assert!(Instant::now() < deadline, "port {port} is still taken");
            std::thread::yield_now();
        }
    }

    #[test]
    fn files_and_closed_descriptors_are_no_sockets() {
        let me = std::process::id().cast_signed();
        let file = fs::File::open("/proc/self/status").unwrap();
        assert_eq!(super::socket(me, file.as_raw_fd()).unwrap(), None);
        assert_eq!(super::socket(me, 999_999).unwrap(), None);
    }

    #[test]
    fn a_wildcard_socket_speaks_from_the_address_its_peer_sees() {
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        assert_eq!(towards(at("0.0.0.0:7"), at("127.0.0.1:9")), at("127.0.0.1:7"));
        assert_eq!(towards(at("[::]:7"), at("[::1]:9")), at("[::1]:7"));
        assert_eq!(towards(at("127.0.0.2:7"), at("127.0.0.1:9")), at("127.0.0.2:7"));
    }
}
