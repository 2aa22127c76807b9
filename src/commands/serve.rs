//! `netdiag serve`: the reference server as a tool.

use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::cli::{FramingArg, ServeArgs};
use crate::evidence::{Framing, Lifetime, Reply, Transport};
use crate::reference::console;
use crate::reference::metrics::Metrics;
use crate::reference::server::{self, Server};
use crate::reference::spec::{ServerSpec, Workers};

use super::Outcome;

/// Serves until Ctrl-C or SIGTERM.
pub fn run(args: &ServeArgs) -> anyhow::Result<Outcome> {
    let spec = spec(args)?;
    raise_descriptor_limit();
    if let Some(address) = args.console {
        open_console(address)?;
    }
    let runtime = runtime(spec.workers)?;
    let server = server::bind(&spec).map_err(advise)?;
    announce(&server)?;
    let metrics = server.metrics();
    let outcome = runtime.block_on(serve(server, Arc::clone(&metrics), args.quiet));
    // Connections that outlived the drain are cut here rather than waited for.
    runtime.shutdown_background();
    if !args.quiet {
        show(&metrics, live());
        let _ = writeln!(io::stderr());
    }
    outcome?;
    Ok(Outcome::Fine)
}

/// Prints where a server listens: the line scripts wait for.
pub(super) fn announce(server: &Server) -> anyhow::Result<()> {
    let mut out = io::stdout();
    for address in server.addresses()? {
        // Nobody may be reading any more, which is no reason not to serve.
        let _ = writeln!(out, "listening on {address}");
    }
    let _ = out.flush();
    Ok(())
}

fn spec(args: &ServeArgs) -> anyhow::Result<ServerSpec> {
    let (framing, lifetime) = framing(args.framing, args.udp);
    Ok(ServerSpec {
        listen: args.listen.clone(),
        transport: if args.udp { Transport::Udp } else { Transport::Tcp },
        framing,
        reply: reply(args.prefix.as_deref(), args.suffix.as_deref(), args.uppercase),
        lifetime,
        workers: args.workers,
        idle_timeout_ms: limit(args.idle_timeout.unwrap_or_default(), "--idle-timeout")?,
        backlog: args.backlog,
        faults: Vec::new(),
    })
}

/// The framing that was typed, and how many messages a connection carries under it.
pub(super) fn framing(typed: FramingArg, udp: bool) -> (Framing, Lifetime) {
    if udp {
        return (Framing::Datagram, Lifetime::Session);
    }
    match typed {
        FramingArg::Raw => (Framing::Raw, Lifetime::Session),
        FramingArg::Line => (Framing::Line, Lifetime::Session),
        FramingArg::OneLine => (Framing::Line, Lifetime::OneShot),
        FramingArg::UntilEof => (Framing::UntilEof, Lifetime::OneShot),
    }
}

/// The reply that was typed; clap lets at most one of the three through.
pub(super) fn reply(prefix: Option<&str>, suffix: Option<&str>, uppercase: bool) -> Reply {
    match (prefix, suffix) {
        (Some(prefix), _) => Reply::Prefix(prefix.into()),
        (None, Some(suffix)) => Reply::Suffix(suffix.into()),
        (None, None) if uppercase => Reply::Uppercase,
        (None, None) => Reply::Exact,
    }
}

/// Seconds as typed, in milliseconds; anything above zero is at least one.
pub(super) fn milliseconds(seconds: f64, flag: &str) -> anyhow::Result<u64> {
    ensure!(
        seconds.is_finite() && (0.0..=1e9).contains(&seconds),
        "{flag} takes a number of seconds from 0, not {seconds}"
    );
    Ok((seconds * 1000.0).ceil() as u64)
}

/// A time limit as typed, in milliseconds; 0 seconds is no limit.
pub(super) fn limit(seconds: f64, flag: &str) -> anyhow::Result<Option<u64>> {
    Ok(Some(milliseconds(seconds, flag)?).filter(|limit| *limit > 0))
}

/// Ten thousand connections need ten thousand descriptors; a limit that cannot be raised is met when it is met.
pub(super) fn raise_descriptor_limit() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

fn open_console(address: SocketAddr) -> anyhow::Result<()> {
    let mut err = io::stderr();
    if !console::POSSIBLE {
        let _ = writeln!(err, "netdiag: no console: this build cannot show its tasks; {}", console::REMEDY);
        return Ok(());
    }
    let address = console::open_tcp(address)
        .with_context(|| "is another program's console there? `--console 127.0.0.1:0` takes a free port")?;
    let _ = writeln!(err, "tokio-console http://{address}");
    Ok(())
}

fn runtime(workers: Workers) -> io::Result<tokio::runtime::Runtime> {
    match workers {
        Workers::Async => tokio::runtime::Builder::new_multi_thread().enable_all().build(),
        // The threads that serve are the server's own; this one waits for signals.
        Workers::Sequential | Workers::Threads | Workers::Pool(_) => {
            tokio::runtime::Builder::new_current_thread().enable_all().build()
        }
    }
}

/// Says what to do about an address that cannot be had.
fn advise(error: anyhow::Error) -> anyhow::Error {
    let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
    let advice = match kind {
        Some(io::ErrorKind::AddrInUse) => {
            "the port is in use: another program listens there. `netdiag sockets --listening` shows which one; \
             end it, or take another port with --listen (port 0 takes a free one)"
        }
        Some(io::ErrorKind::PermissionDenied) => {
            "ports below 1024 are reserved for the administrator; take a higher one with --listen"
        }
        Some(io::ErrorKind::AddrNotAvailable) => {
            "no network interface of this machine has that address; 127.0.0.1 always exists, 0.0.0.0 stands for all"
        }
        _ => return error,
    };
    anyhow::anyhow!("{error:#}\n{advice}")
}

/// Serves with the metrics line on, until a signal has come and the drain is over; a second signal ends the drain.
async fn serve(server: Server, metrics: Arc<Metrics>, quiet: bool) -> anyhow::Result<()> {
    let (stop, stopped) = oneshot::channel();
    let (hurry, hurried) = oneshot::channel();
    let mut interrupts = signal(SignalKind::interrupt())?;
    let mut terms = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        let mut steps = vec![hurry, stop];
        while let Some(next) = steps.pop() {
            tokio::select! { _ = interrupts.recv() => (), _ = terms.recv() => () }
            let _ = next.send(());
        }
    });
    if !quiet && live() {
        tokio::spawn(refresh(metrics));
    }
    tokio::select! {
        ended = server.serve(async { let _ = stopped.await; }) => ended,
        _ = hurried => Ok(()),
    }
}

/// Whether the metrics line can be rewritten in place.
fn live() -> bool {
    io::stderr().is_terminal()
}

async fn refresh(metrics: Arc<Metrics>) {
    let mut second = tokio::time::interval(Duration::from_secs(1));
    loop {
        second.tick().await;
        show(&metrics, true);
    }
}

fn show(metrics: &Metrics, in_place: bool) {
    let line = metrics.count();
    let mut err = io::stderr().lock();
    let _ = if in_place { write!(err, "\r{line}\x1b[K") } else { write!(err, "{line}") };
    let _ = err.flush();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_become_milliseconds_and_nonsense_is_refused() {
        assert_eq!(milliseconds(1.5, "--x").unwrap(), 1500);
        assert_eq!(milliseconds(0.0001, "--x").unwrap(), 1);
        assert_eq!(milliseconds(0.0, "--x").unwrap(), 0);
        for bad in [-1.0, f64::NAN, f64::INFINITY, 1e12] {
            assert!(milliseconds(bad, "--x").is_err(), "{bad}");
        }
    }
}
