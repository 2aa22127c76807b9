//! Opens the sockets a server listens on, and the faults that come before there is a connection.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs, UdpSocket};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
#[cfg(target_os = "linux")]
use nix::sys::socket::setsockopt;
use socket2::{Domain, Protocol, Socket, Type};

use crate::evidence::{Framing, Transport};

use super::spec::{ServerFault, ServerSpec, Workers};

/// The sockets of a server.
#[derive(Debug)]
pub enum Doors {
    Tcp(Vec<TcpListener>),
    Udp(Vec<UdpSocket>),
}

/// Opens every address of `spec`. The error chain holds the `io::Error`, so that a caller can tell a port in use.
pub fn open(spec: &ServerSpec) -> anyhow::Result<Doors> {
    refuse_nonsense(spec)?;
    for fault in &spec.faults {
        if let ServerFault::ListenLate(ms) = fault {
            std::thread::sleep(Duration::from_millis(*ms));
        }
    }
    let deaf = spec.faults.contains(&ServerFault::DropPackets);
    let mut sockets = Vec::new();
    for address in &spec.listen {
        sockets.extend(open_all(address, spec, deaf)?);
    }
    Ok(match spec.transport {
        Transport::Tcp => Doors::Tcp(sockets.into_iter().map(TcpListener::from).collect()),
        Transport::Udp => Doors::Udp(sockets.into_iter().map(UdpSocket::from).collect()),
    })
}

/// Refuses what cannot be played, rather than play something else.
fn refuse_nonsense(spec: &ServerSpec) -> anyhow::Result<()> {
    ensure!(!spec.listen.is_empty(), "a server needs an address to listen on");
    if spec.transport == Transport::Tcp {
        ensure!(spec.framing != Framing::Datagram, "framing `datagram` needs transport `udp`");
        return Ok(());
    }
    ensure!(
        spec.workers == Workers::Async,
        "workers `{}` are about connections, and UDP has none",
        String::from(spec.workers)
    );
    for fault in &spec.faults {
        if matches!(fault, ServerFault::Reset | ServerFault::DropOnHalfClose) {
            bail!("{fault:?} is about connections, and UDP has none");
        }
    }
    Ok(())
}

/// Opens every address that `address` stands for. A name such as `localhost` may stand for an IPv6 address on a machine
/// without IPv6; that is an error only if nothing else is left.
fn open_all(address: &str, spec: &ServerSpec, deaf: bool) -> anyhow::Result<Vec<Socket>> {
    let found: Vec<SocketAddr> = address
        .to_socket_addrs()
        .with_context(|| format!("{address:?} is not an address to listen on (host:port, such as 127.0.0.1:12345)"))?
        .collect();
    let mut sockets = Vec::new();
    let mut missing = None;
    for mut wanted in with_both_loopbacks(address, found) {
        if let (0, Some(first)) = (wanted.port(), sockets.first()) {
            wanted.set_port(local(first)?.port());
        }
        match open_one(wanted, spec, deaf) {
            Ok(socket) => sockets.push(socket),
            Err(error) if is_missing(&error) => missing = Some((wanted, error)),
            Err(error) => return Err(error).with_context(|| refusal(wanted)),
        }
    }
    match missing {
        Some((wanted, error)) if sockets.is_empty() => Err(error).with_context(|| refusal(wanted)),
        _ => Ok(sockets),
    }
}

/// `localhost` means both loopback addresses (RFC 6761 §6.3), also where the hosts file lists only one of them.
fn with_both_loopbacks(address: &str, mut found: Vec<SocketAddr>) -> Vec<SocketAddr> {
    if let (Some(("localhost", _)), Some(port)) = (address.rsplit_once(':'), found.first().map(SocketAddr::port)) {
        for loopback in [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)] {
            let wanted = SocketAddr::from((loopback, port));
            if !found.contains(&wanted) {
                found.push(wanted);
            }
        }
    }
    found
}

fn refusal(wanted: SocketAddr) -> String {
    format!("cannot listen on {wanted}")
}

fn is_missing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(nix::libc::EAFNOSUPPORT)
}

fn open_one(address: SocketAddr, spec: &ServerSpec, deaf: bool) -> io::Result<Socket> {
    let (kind, protocol) = match spec.transport {
        Transport::Tcp => (Type::STREAM, Protocol::TCP),
        Transport::Udp => (Type::DGRAM, Protocol::UDP),
    };
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    if address.is_ipv6() {
        // Both families can then be listened to side by side, on every system alike.
        socket.set_only_v6(true)?;
    }
    if deaf {
        discard_everything(&socket, address)?;
    }
    if spec.transport == Transport::Tcp {
        // Connections of an earlier run in TIME_WAIT do not stand in the way. For UDP it would allow two servers at once.
        socket.set_reuse_address(true)?;
    }
    socket.bind(&address.into())?;
    if spec.transport == Transport::Tcp {
        socket.listen(i32::try_from(spec.backlog).unwrap_or(i32::MAX))?;
    }
    Ok(socket)
}

/// The address a socket is bound to.
fn local(socket: &Socket) -> io::Result<SocketAddr> {
    socket.local_addr()?.as_socket().ok_or_else(|| io::Error::other("an internet socket without an internet address"))
}

/// Has the kernel discard, without an answer, whatever arrives with a hop limit below 255 (RFC 5082; ip(7), ipv6(7)).
/// Ordinary packets start with 64, so none gets through. Unlike a packet filter this needs no privilege.
#[cfg(target_os = "linux")]
fn discard_everything(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    const ONLY_UNFORWARDED: i32 = 255;
    match address {
        SocketAddr::V4(_) => setsockopt(socket, hops::MinimumTtl, &ONLY_UNFORWARDED)?,
        SocketAddr::V6(_) => setsockopt(socket, hops::MinimumHops, &ONLY_UNFORWARDED)?,
    }
    Ok(())
}

/// Socket options that nix does not name yet.
#[cfg(target_os = "linux")]
mod hops {
    use nix::{libc, setsockopt_impl, sockopt_impl};

    sockopt_impl!(MinimumTtl, SetOnly, libc::IPPROTO_IP, libc::IP_MINTTL, i32);
    sockopt_impl!(MinimumHops, SetOnly, libc::IPPROTO_IPV6, libc::IPV6_MINHOPCOUNT, i32);
}

#[cfg(not(target_os = "linux"))]
fn discard_everything(_: &Socket, _: SocketAddr) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "dropping packets at a socket needs Linux"))
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    fn spec(listen: &[&str]) -> ServerSpec {
        ServerSpec { listen: listen.iter().map(ToString::to_string).collect(), ..ServerSpec::default() }
    }

    fn tcp(doors: Doors) -> Vec<TcpListener> {
        match doors {
            Doors::Tcp(listeners) => listeners,
            Doors::Udp(_) => panic!("asked for TCP"),
        }
    }

    #[test]
    fn both_families_share_a_port() {
        let first = tcp(open(&spec(&["127.0.0.1:0"])).unwrap());
        let port = first[0].local_addr().unwrap().port();
        let both = open(&spec(&[&format!("[::1]:{port}")]));
        assert!(both.is_ok(), "{both:?}");
    }

    #[test]
    fn localhost_is_both_loopback_addresses_whatever_the_hosts_file_says() {
        let listeners = tcp(open(&spec(&["localhost:0"])).unwrap());
        assert!(listeners.iter().any(|one| one.local_addr().unwrap().is_ipv4()));
        assert!(
            TcpListener::bind("[::1]:0").is_err() || listeners.iter().any(|one| one.local_addr().unwrap().is_ipv6())
        );
    }

    #[test]
    fn a_port_in_use_can_be_told_by_its_kind() {
        let first = tcp(open(&spec(&["127.0.0.1:0"])).unwrap());
        let taken = first[0].local_addr().unwrap().to_string();
        let error = open(&spec(&[&taken])).unwrap_err();
        assert!(error.to_string().contains(&taken));
        let cause = error.downcast_ref::<io::Error>().expect("the cause is kept");
        assert_eq!(cause.kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn connections_are_not_a_matter_of_udp() {
        let udp = ServerSpec { transport: Transport::Udp, ..spec(&["127.0.0.1:0"]) };
        assert!(open(&ServerSpec { workers: Workers::Threads, ..udp.clone() }).is_err());
        assert!(open(&ServerSpec { faults: vec![ServerFault::Reset], ..udp.clone() }).is_err());
        assert!(open(&udp).is_ok());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_server_that_drops_packets_leaves_a_syn_unanswered() {
        let deaf = ServerSpec { faults: vec![ServerFault::DropPackets], ..spec(&["127.0.0.1:0"]) };
        let listeners = tcp(open(&deaf).unwrap());
        let address = listeners[0].local_addr().unwrap();
        let error = TcpStream::connect_timeout(&address, Duration::from_millis(150)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
