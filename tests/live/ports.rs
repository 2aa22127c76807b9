//! Ports for tests: one that refuses, and one that a program which cannot take any free one may have.
//!
//! Closing a listener is not enough for either: a program that another test is just starting holds a copy of every
//! descriptor until its exec.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::time::{Duration, Instant};

use netdiag::evidence::Transport;

/// Far longer than a program takes from its fork to its exec.
const LONG: Duration = Duration::from_secs(30);

/// A TCP port of 127.0.0.1 that nobody listens on and nobody else can bind, as long as this lives.
pub struct ClosedPort(socket2::Socket);

impl ClosedPort {
    pub fn reserve() -> Self {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        Self(socket)
    }

    pub fn number(&self) -> u16 {
        self.0.local_addr().unwrap().as_socket().unwrap().port()
    }
}

/// A port that nobody holds any more.
pub fn free_port(transport: Transport) -> u16 {
    let port = match transport {
        Transport::Tcp => TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port(),
        Transport::Udp => UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port(),
    };
    let deadline = Instant::now() + LONG;
    while held(transport, port) {
        assert!(Instant::now() < deadline, "port {port} is never given back");
        std::thread::yield_now();
    }
    port
}

/// Whether the kernel's table (proc(5), `/proc/net/tcp`) has the port in its column of local addresses.
fn held(transport: Transport, port: u16) -> bool {
    let ending = format!(":{port:04X}");
    let table = std::fs::read_to_string(format!("/proc/net/{transport}")).unwrap();
    table.lines().any(|row| row.split_whitespace().nth(1).is_some_and(|local| local.ends_with(&ending)))
}
