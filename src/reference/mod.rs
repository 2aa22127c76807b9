//! The reference echo server and client, and the ways in which they can be told to misbehave.
//!
//! They know protocols and faults; they know nothing of rules, evidence files or verdicts. Nothing here prints: what
//! there is to say goes back to the caller.
//!
//! - [`spec`]: what a part is told to be.  [`dialect`]: the echo protocols, pure.
//! - [`session`]: a server's side of one connection, pure: bytes in, [`session::Step`]s out, faults included.
//! - [`server`]: binds and serves, driving sessions by tasks ([`tcp`], [`udp`]) or by threads ([`workers`]).
//! - [`client`]: dials and compares; [`exchange`] is its side of one connection.
//! - [`metrics`]: what a server counts.  [`console`]: lets tokio-console attach.

pub mod client;
pub mod console;
pub mod dialect;
pub mod exchange;
pub mod metrics;
pub mod server;
pub mod session;
pub mod spec;

mod closing;
mod listen;
mod manners;
mod tcp;
mod udp;
mod workers;

#[cfg(test)]
mod tests;

use std::future::Future;

use tokio::task::JoinHandle;

/// Starts a task that tokio-console shows under `name`.
fn spawn_named<F>(name: &str, future: F) -> std::io::Result<JoinHandle<F::Output>>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    #[cfg(tokio_unstable)]
    return tokio::task::Builder::new().name(name).spawn(future);
    #[cfg(not(tokio_unstable))]
    {
        let _ = name;
        Ok(tokio::spawn(future))
    }
}
