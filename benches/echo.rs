//! What the reference server costs beside a bare tokio echo, measured in the same run: echoes per second, and resident
//! memory for each of many idle connections.
//!
//! Both servers run as processes of their own, in turns, under the same load. Only the ratios mean something on another
//! machine, and nothing is asserted.
#![allow(clippy::print_stdout, reason = "the table is the result")]

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// How long one load lasts, and how many loads each server carries.
const LOAD: Duration = Duration::from_millis(700);
const ROUNDS: usize = 7;
const MESSAGE: &[u8] = b"thirty-one bytes and a line end\n";
const IDLE: usize = 10_000;
const BARE: &str = "bare-server";

fn main() -> Result<()> {
    if std::env::args().nth(1).as_deref() == Some(BARE) {
        return bare_server();
    }
    raise_descriptor_limit()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    println!("{:<44}{:>12}{:>12}{:>8}", "", "bare tokio", "netdiag", "ratio");
    for framing in ["raw", "line"] {
        for connections in [1, 64] {
            let medians = throughput(&runtime, framing, connections)?;
            row(&format!("echoes/s, {framing}, {connections} connections"), medians);
        }
    }
    let idle = IDLE.min(descriptors()?.saturating_sub(200));
    let bare = memory(&runtime, &Server::bare()?, idle)?;
    let ours = memory(&runtime, &Server::ours("line")?, idle)?;
    row(&format!("bytes resident per connection, {idle} idle"), [bare, ours, ours / bare]);
    Ok(())
}

fn row(what: &str, [bare, ours, ratio]: [f64; 3]) {
    println!("{what:<44}{bare:>12.0}{ours:>12.0}{ratio:>8.2}");
}

/// A server in a process of its own; dropping it ends it.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn ours(framing: &str) -> Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_netdiag"));
        command.args(["serve", "--quiet", "--listen", "127.0.0.1:0", "--framing", framing]);
        Self::start(command)
    }

    fn bare() -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(BARE);
        Self::start(command)
    }

    fn start(mut command: Command) -> Result<Self> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut line)?;
        }
        let address = line.trim().trim_start_matches("listening on ").parse();
        Ok(Self { child, address: address.with_context(|| format!("the server said {line:?}"))? })
    }

    #[cfg(target_os = "linux")]
    fn resident_bytes(&self) -> Result<f64> {
        let status = procfs::process::Process::new(i32::try_from(self.child.id())?)?.status()?;
        Ok(status.vmrss.context("the kernel tells no VmRSS")? as f64 * 1024.0)
    }

    #[cfg(not(target_os = "linux"))]
    fn resident_bytes(&self) -> Result<f64> {
        anyhow::bail!("resident memory is read from /proc, which needs Linux")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What anybody would write with tokio: the yardstick.
fn bare_server() -> Result<()> {
    raise_descriptor_limit()?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("listening on {}", listener.local_addr()?);
        std::io::stdout().flush()?;
        loop {
            let (mut stream, _) = listener.accept().await?;
            tokio::spawn(async move {
                let mut buffer = vec![0; 1024];
                while let Ok(got @ 1..) = stream.read(&mut buffer).await {
                    if stream.write_all(&buffer[..got]).await.is_err() {
                        break;
                    }
                }
            });
        }
    })
}

/// Echoes per second of the bare server and of ours, loaded in turns, and the ratio: medians each, since the machine may
/// have other work. The ratio is that of neighbouring turns.
fn throughput(runtime: &tokio::runtime::Runtime, framing: &str, connections: usize) -> Result<[f64; 3]> {
    let (bare, ours) = (Server::bare()?, Server::ours(framing)?);
    let mut turns = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        let one = runtime.block_on(load(bare.address, connections))?;
        let other = runtime.block_on(load(ours.address, connections))?;
        for (list, value) in turns.iter_mut().zip([one, other, other / one]) {
            list.push(value);
        }
    }
    Ok(turns.map(|mut list| {
        list.sort_by(f64::total_cmp);
        list[ROUNDS / 2]
    }))
}

/// Echoes per second over this many connections, each with one message under way.
async fn load(address: SocketAddr, connections: usize) -> Result<f64> {
    let over = Arc::new(AtomicBool::new(false));
    let echoes = Arc::new(AtomicU64::new(0));
    let mut clients = Vec::new();
    for _ in 0..connections {
        let (over, echoes) = (Arc::clone(&over), Arc::clone(&echoes));
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        clients.push(tokio::spawn(async move {
            let mut mine = 0;
            while !over.load(Ordering::Relaxed) {
                echo(&mut stream).await?;
                mine += 1;
            }
            echoes.fetch_add(mine, Ordering::Relaxed);
            std::io::Result::Ok(())
        }));
    }
    let began = Instant::now();
    tokio::time::sleep(LOAD).await;
    over.store(true, Ordering::Relaxed);
    let lasted = began.elapsed();
    for client in clients {
        client.await??;
    }
    Ok(echoes.load(Ordering::Relaxed) as f64 / lasted.as_secs_f64())
}

async fn echo(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(MESSAGE).await?;
    stream.read_exact(&mut [0; MESSAGE.len()]).await?;
    Ok(())
}

/// Resident bytes that each of `idle` connections adds, once each has spoken and fallen silent.
fn memory(runtime: &tokio::runtime::Runtime, server: &Server, idle: usize) -> Result<f64> {
    runtime.block_on(async {
        // Threads, their buffers and the runtime's own tables are there before the first look.
        load(server.address, 16).await?;
        let before = server.resident_bytes()?;
        let mut streams = Vec::with_capacity(idle);
        for n in 0..idle {
            let mut stream = dial(server.address, n).await?;
            echo(&mut stream).await?;
            streams.push(stream);
        }
        Ok((server.resident_bytes()? - before) / idle as f64)
    })
}

/// Dials from one of several loopback addresses, since each has only so many free ports.
async fn dial(address: SocketAddr, n: usize) -> Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if cfg!(target_os = "linux") {
        let last = u8::try_from(1 + n / 2000)?;
        socket.bind(([127, 0, 0, last], 0).into())?;
    }
    socket.connect(address).await.with_context(|| format!("connection {n}"))
}

fn raise_descriptor_limit() -> Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok(setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?)
}

fn descriptors() -> Result<usize> {
    Ok(usize::try_from(getrlimit(Resource::RLIMIT_NOFILE)?.0)?)
}
