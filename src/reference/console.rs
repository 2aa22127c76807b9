//! Lets tokio-console (and `netdiag tasks`) look at the tasks of this process.
//!
//! One tracing layer and one thread with a runtime of its own, so that it answers even while the observed runtime is
//! blocked, and so that its own tasks are not among the observed ones. It logs nothing anywhere.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use console_subscriber::{ConsoleLayer, Server};
use tokio_stream::wrappers::UnixListenerStream;
use tonic::transport::server::TcpIncoming;
use tracing::Metadata;
use tracing::subscriber::NoSubscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::FilterFn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Whether this build can be looked at: tokio reports its tasks only when compiled for it.
pub const POSSIBLE: bool = cfg!(tokio_unstable);

/// What to do about a build that cannot.
pub const REMEDY: &str =
    "rebuild with RUSTFLAGS=\"--cfg tokio_unstable\" (inside netdiag's source tree cargo sets it by itself)";

/// Serves the console on a TCP address and returns the real one. Call it before the runtime to observe is made.
///
/// Fails when the address is taken, when tracing was already set up in this process, or when not [`POSSIBLE`].
pub fn open_tcp(address: SocketAddr) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind(address).with_context(|| format!("cannot serve the console on {address}"))?;
    let address = listener.local_addr()?;
    listener.set_nonblocking(true)?;
    start(Door::Tcp(listener))?;
    Ok(address)
}

/// Serves the console on a Unix socket, which also reaches out of a network namespace; a stale socket is replaced.
pub fn open_unix(path: &Path) -> anyhow::Result<()> {
    remove_stale(path)?;
    let listener =
        UnixListener::bind(path).with_context(|| format!("cannot serve the console on {}", path.display()))?;
    listener.set_nonblocking(true)?;
    start(Door::Unix(listener, path.to_owned()))
}

enum Door {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
}

/// Removes a socket that nobody answers on any more; leaves every other kind of file alone.
fn remove_stale(path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::FileTypeExt;
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    if is_socket && std::os::unix::net::UnixStream::connect(path).is_err() {
        std::fs::remove_file(path).with_context(|| format!("cannot remove the stale socket {}", path.display()))?;
    }
    Ok(())
}

fn start(door: Door) -> anyhow::Result<()> {
    ensure!(POSSIBLE, "this build cannot show its tasks: {REMEDY}");
    let (layer, server) = ConsoleLayer::builder()
        // Histograms up to the default of a second cost 50 KB for each finished task; these cost 8 KB.
        .poll_duration_histogram_max(Duration::from_micros(10))
        .scheduled_duration_histogram_max(Duration::from_micros(10))
        .publish_interval(Duration::from_millis(200))
        .retention(Duration::from_secs(60))
        .build();
    let layer = layer.with_filter(FilterFn::new(concerns_console as fn(&Metadata<'_>) -> bool));
    tracing_subscriber::registry().with(layer).try_init().context("tracing is already set up in this process")?;
    std::thread::Builder::new()
        .name("console".to_owned())
        .spawn(move || {
            let _unobserved = tracing::subscriber::set_default(NoSubscriber::default());
            // Nobody to tell: the console is an extra, and the part goes on without it.
            let _ = serve(door, server);
        })
        .context("cannot start the console's thread")?;
    Ok(())
}

fn serve(door: Door, server: Server) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async move {
        let parts = server.into_parts();
        let aggregator = tokio::spawn(parts.aggregator.run());
        let router = tonic::transport::Server::builder().add_service(parts.instrument_server);
        let outcome = match door {
            Door::Tcp(listener) => {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                router.serve_with_incoming(TcpIncoming::from(listener)).await
            }
            Door::Unix(listener, path) => {
                let listener = tokio::net::UnixListener::from_std(listener)?;
                let ended = router.serve_with_incoming(UnixListenerStream::new(listener)).await;
                let _ = std::fs::remove_file(path);
                ended
            }
        };
        aggregator.abort();
        Ok(outcome?)
    })
}

/// What the console reads: tokio's own events and the spans of its runtime.
fn concerns_console(metadata: &Metadata<'_>) -> bool {
    let runtime = if metadata.is_event() {
        metadata.target().starts_with("runtime")
    } else {
        metadata.name().starts_with("runtime.")
    };
    runtime || metadata.target().starts_with("tokio")
}
