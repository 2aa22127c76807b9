//! The client's side of one connection: dial, send, read exactly what the framing promises, compare.
//!
//! A reply may come in any number of segments. Without a time limit no timer is armed: a client that waits can be seen
//! to wait for ever.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use crate::evidence::{Framing, Transport};

use super::dialect::readable;

/// How much more than the expected reply is kept before reading stops.
const SURPLUS: usize = 64 << 10;

/// A connected socket.
#[derive(Debug)]
pub enum Connection {
    /// A TCP connection, and what was received after the last reply.
    Tcp(TcpStream, Vec<u8>),
    /// A UDP socket with a peer.
    Udp(UdpSocket),
}

/// One message and what belongs to it.
#[derive(Debug, Clone, Copy)]
pub struct Errand<'a> {
    /// The bytes to send; `None` sends nothing at all, not even an empty datagram.
    pub request: Option<&'a [u8]>,
    /// The bytes that must come back.
    pub expected: &'a [u8],
    /// What ends the reply.
    pub until: Until,
    /// Whether to half-close once the request was sent.
    pub half_close: bool,
    /// The longest wait for the whole reply.
    pub limit: Option<Duration>,
}

/// What ends a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// A line feed.
    Line,
    /// As many bytes as expected.
    Length,
    /// The server's end of the connection.
    Eof,
}

impl Until {
    /// What ends a reply under `framing`.
    #[must_use]
    pub fn of(framing: Framing) -> Self {
        match framing {
            Framing::Line => Self::Line,
            Framing::Raw | Framing::Datagram => Self::Length,
            Framing::UntilEof => Self::Eof,
        }
    }

    /// What ends the replies to one turn of a script, which may hold several messages.
    #[must_use]
    pub fn of_script(framing: Framing) -> Self {
        if framing == Framing::UntilEof { Self::Eof } else { Self::Length }
    }
}

/// Connects to the first of `addresses` that answers.
pub async fn dial(
    transport: Transport,
    addresses: &[SocketAddr],
    limit: Option<Duration>,
    retry: Duration,
) -> anyhow::Result<Connection> {
    let began = std::time::Instant::now();
    loop {
        let mut refusals = Vec::new();
        let mut refused = true;
        for address in addresses {
            match within(limit, connect(transport, *address)).await {
                Some(Ok(connection)) => return Ok(connection),
                Some(Err(error)) => {
                    refused &= error.kind() == io::ErrorKind::ConnectionRefused;
                    refusals.push(why_not_connected(*address, &error));
                }
                None => {
                    refused = false;
                    refusals.push(format!("{address} neither accepted nor refused within {}", seconds(limit)));
                }
            }
        }
        if !refused || began.elapsed() >= retry {
            bail!(refusals.join("; "));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn why_not_connected(address: SocketAddr, error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::ConnectionRefused {
        format!("connection refused: nobody listens on {address}")
    } else {
        format!("cannot connect to {address}: {error}")
    }
}

async fn connect(transport: Transport, address: SocketAddr) -> io::Result<Connection> {
    match transport {
        Transport::Tcp => {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Ok(Connection::Tcp(stream, Vec::new()))
        }
        Transport::Udp => {
            let any: SocketAddr = if address.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
            let socket = UdpSocket::bind(any).await?;
            socket.connect(address).await?;
            Ok(Connection::Udp(socket))
        }
    }
}

impl Connection {
    /// This end's address.
    pub fn local(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Tcp(stream, _) => stream.local_addr(),
            Self::Udp(socket) => socket.local_addr(),
        }
    }

    /// Sends the request, reads the reply and compares it; returns the reply.
    pub async fn run(&mut self, errand: Errand<'_>) -> anyhow::Result<Vec<u8>> {
        let reply = match self {
            Self::Tcp(stream, received) => {
                let Some(done) = within(errand.limit, over_tcp(stream, received, errand)).await else {
                    bail!(too_late(received.len(), errand));
                };
                done?;
                let end = end_of_reply(received, errand, 0).unwrap_or(received.len());
                received.drain(..end).collect()
            }
            Self::Udp(socket) => {
                let Some(reply) = within(errand.limit, over_udp(socket, errand)).await else {
                    bail!(too_late(0, errand));
                };
                reply?
            }
        };
        compare(&reply, errand.expected)?;
        Ok(reply)
    }

    /// Sends the request and waits until something has come back, without reading it.
    pub async fn ask_only(&mut self, errand: Errand<'_>) -> anyhow::Result<()> {
        let asked = async {
            match self {
                Self::Tcp(stream, _) => {
                    stream.write_all(errand.request.unwrap_or_default()).await?;
                    stream.readable().await
                }
                Self::Udp(socket) => {
                    socket.send(errand.request.unwrap_or_default()).await?;
                    socket.readable().await
                }
            }
        };
        match within(errand.limit, asked).await {
            Some(asked) => asked.context("the exchange failed"),
            None => bail!(too_late(0, errand)),
        }
    }

    /// Waits for the server's end of the connection.
    pub async fn wait_for_eof(&mut self, limit: Option<Duration>) -> anyhow::Result<()> {
        let Self::Tcp(stream, received) = self else { return Ok(()) };
        let drained = async {
            let mut scratch = vec![0; 4096];
            loop {
                match stream.read(&mut scratch).await {
                    Ok(0) => return Ok(()),
                    Ok(more) if received.len() < SURPLUS => received.extend_from_slice(&scratch[..more]),
                    Ok(_) => (),
                    Err(error) => return Err(error),
                }
            }
        };
        match within(limit, drained).await {
            Some(ended) => ended.context("while waiting for the end of the reply")?,
            None => bail!("the server did not close within {}", seconds(limit)),
        }
        if !received.is_empty() {
            bail!("{} bytes came after the reply: {:?}", received.len(), readable(excerpt(received, 0)));
        }
        Ok(())
    }

    /// Makes closing send RST instead of FIN.
    pub fn reset_on_close(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream, _) => SockRef::from(stream).set_linger(Some(Duration::ZERO)),
            Self::Udp(_) => Ok(()),
        }
    }
}

/// Sends and reads at the same time: a request larger than all buffers would otherwise block both sides.
async fn over_tcp(stream: &mut TcpStream, received: &mut Vec<u8>, errand: Errand<'_>) -> anyhow::Result<()> {
    let (mut reader, mut writer) = stream.split();
    let send = async {
        if let Some(request) = errand.request {
            writer.write_all(request).await?;
        }
        if errand.half_close {
            writer.shutdown().await?;
        }
        io::Result::Ok(())
    };
    let mut send = std::pin::pin!(send);
    let mut sending = true;
    let receive = receive(&mut reader, received, errand);
    let mut receive = std::pin::pin!(receive);
    let mut receiving = true;
    // A turn that is owed nothing, or was answered early, is to be said to its end all the same.
    while sending || receiving {
        tokio::select! {
            // Said first, even where the server's end has come already: whether it is said must not be left to chance.
            biased;
            outcome = &mut send, if sending => match outcome {
                Ok(()) => sending = false,
                // The reply, or its absence, says more than a broken pipe; what already came is still readable.
                Err(_) if receiving => return receive.await.map(drop),
                Err(_) => return Ok(()),
            },
            outcome = &mut receive, if receiving => match outcome {
                Ok(true) => receiving = false,
                outcome => return outcome.map(drop),
            },
        }
    }
    Ok(())
}

/// Reads until the reply has ended; false if it has no end, or far too much came.
async fn receive(
    reader: &mut tokio::net::tcp::ReadHalf<'_>,
    received: &mut Vec<u8>,
    errand: Errand<'_>,
) -> anyhow::Result<bool> {
    let mut searched = 0;
    while end_of_reply(received, errand, searched).is_none() {
        searched = received.len();
        if received.len() > errand.expected.len() + SURPLUS {
            return Ok(false);
        }
        match reader.read_buf(received).await {
            Ok(0) if errand.until == Until::Eof => return Ok(false),
            Ok(0) => bail!(cut_short("connection closed by the server", received.len(), errand)),
            Ok(_) => (),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                bail!(cut_short("connection reset by the server", received.len(), errand))
            }
            Err(error) => return Err(anyhow!(error).context(cut_short("reading failed", received.len(), errand))),
        }
    }
    Ok(true)
}

/// Where the reply ends in what was received, if its end is there; the first `searched` bytes hold no line feed.
fn end_of_reply(received: &[u8], errand: Errand<'_>, searched: usize) -> Option<usize> {
    match errand.until {
        Until::Line => received[searched..].iter().position(|byte| *byte == b'\n').map(|at| searched + at + 1),
        Until::Length => (received.len() >= errand.expected.len()).then_some(errand.expected.len()),
        Until::Eof => None,
    }
}

async fn over_udp(socket: &UdpSocket, errand: Errand<'_>) -> anyhow::Result<Vec<u8>> {
    let peer = socket.peer_addr()?;
    let refused = |error: io::Error| anyhow!(why_not_connected(peer, &error));
    if let Some(request) = errand.request {
        socket.send(request).await.map_err(refused)?;
    }
    let mut reply = vec![0; 64 << 10];
    let size = socket.recv(&mut reply).await.map_err(refused)?;
    reply.truncate(size);
    Ok(reply)
}

/// Says where a reply departs from what was expected.
fn compare(got: &[u8], expected: &[u8]) -> anyhow::Result<()> {
    if got == expected {
        return Ok(());
    }
    let at = got.iter().zip(expected).take_while(|(a, b)| a == b).count();
    bail!(
        "reply differs at byte {at}: expected \"{}\" got \"{}\"",
        readable(excerpt(expected, at)),
        readable(excerpt(got, at)),
    )
}

/// A few bytes around a position.
fn excerpt(bytes: &[u8], at: usize) -> &[u8] {
    let from = at.saturating_sub(16).min(bytes.len());
    &bytes[from..bytes.len().min(at + 24)]
}

fn too_late(received: usize, errand: Errand<'_>) -> String {
    let limit = seconds(errand.limit);
    match (received, errand.until) {
        (0, _) => format!("no reply within {limit}"),
        (got, Until::Eof) => {
            format!("the reply did not end within {limit}: {got} bytes came, and the server did not close")
        }
        (got, Until::Line) => format!("the reply did not end within {limit}: {got} bytes came, and no line feed"),
        (got, Until::Length) => {
            format!("the reply was not complete within {limit}: {got} of {} bytes", errand.expected.len())
        }
    }
}

fn cut_short(what: &str, received: usize, errand: Errand<'_>) -> String {
    if received == 0 {
        format!("{what} before any reply")
    } else {
        format!("{what} after {received} of {} reply bytes", errand.expected.len())
    }
}

/// A limit as it was typed.
fn seconds(limit: Option<Duration>) -> String {
    format!("{} s", limit.unwrap_or_default().as_secs_f64())
}

/// Awaits `future` for at most `limit`; without a limit, without a timer.
pub async fn within<F: Future>(limit: Option<Duration>, future: F) -> Option<F::Output> {
    match limit {
        Some(limit) => tokio::time::timeout(limit, future).await.ok(),
        None => Some(future.await),
    }
}
