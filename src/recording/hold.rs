//! Keeps a pair alive instead of recording it, so that somebody can look at it with other tools.

use std::time::{Duration, Instant};

use anyhow::Context;

use super::freeze::{look_for_waiting, waiting};
use super::parts::Wings;
use super::{Plan, interpreter};
use crate::collect::clock::Clock;
use crate::collect::programs::Stage;
use crate::evidence::{Role, Transport};

/// How long a server may take until it listens.
const STARTUP: Duration = Duration::from_secs(10);
/// Between two looks.
const STEP: Duration = Duration::from_millis(20);
/// A client that has ended is started again after this long, so that there is always something to see.
const AGAIN: Duration = Duration::from_secs(2);

/// What is alive, for whoever wants to look.
#[derive(Debug, Clone)]
pub struct Held {
    /// Addresses the server listens on.
    pub listening: Vec<(Transport, std::net::SocketAddr)>,
    /// The server's process id, if it runs.
    pub server_pid: Option<u32>,
    /// Process ids of the clients.
    pub client_pids: Vec<u32>,
    /// Where the server serves its tasks.
    pub console: Option<std::path::PathBuf>,
}

/// Starts the pair in the present network, calls `show` once it is up, and keeps it up until it `is_over`.
pub fn hold(
    plan: &Plan,
    is_over: &dyn Fn() -> bool,
    show: impl FnOnce(&Held) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    anyhow::ensure!(!plan.changes_network(), super::NotHere);
    let dir = tempfile::Builder::new().prefix("netdiag-").tempdir().context("cannot create a temporary directory")?;
    let wings = Wings {
        dir: dir.path(),
        tracers: None,
        calls: None,
        console: true,
        python: interpreter::python(),
        input: None,
        home: None,
    };
    let mut stage = Stage::new(Clock::start());
    let mut bystanders = Stage::new(Clock::start());
    for (index, bystander) in plan.bystanders.iter().enumerate() {
        bystanders.start(Wings { console: false, ..wings }.prepare(bystander, Role::Server, index)?);
        await_listener(&mut bystanders, is_over);
    }
    let server = plan.server.as_ref().map(|server| wings.prepare(server, Role::Server, 0)).transpose()?;
    let server = server.map(|launch| stage.start(launch));
    let listening = await_listener(&mut stage, is_over);
    let first = usize::from(server.is_some());
    let mut clients = Vec::new();
    for (index, client) in plan.clients.iter().enumerate() {
        let program = stage.start(wings.prepare(client, Role::Client, first + index)?);
        clients.push((client, program, None::<Instant>));
    }
    show(&Held {
        listening,
        server_pid: server.filter(|server| stage.running(*server)).and_then(|server| Some(stage.program(server)?.pid)),
        client_pids: clients.iter().filter_map(|(_, program, _)| Some(stage.program(*program)?.pid)).collect(),
        console: Some(wings.console_path(0)).filter(|path| path.exists()),
    })?;
    while !is_over() {
        stage.pause(STEP);
        for (client, program, ended) in &mut clients {
            if stage.running(*program) {
                continue;
            }
            if ended.get_or_insert_with(Instant::now).elapsed() > AGAIN {
                *program = stage.start(wings.prepare(client, Role::Client, *program)?);
                *ended = None;
            }
        }
    }
    Ok(())
}

fn await_listener(stage: &mut Stage, is_over: &dyn Fn() -> bool) -> Vec<(Transport, std::net::SocketAddr)> {
    let began = Instant::now();
    while began.elapsed() < STARTUP && stage.running(0) && !is_over() {
        let members = stage.members();
        let rows = look_for_waiting(&members);
        let listening: Vec<_> = waiting(&rows).map(|row| (row.transport, row.local)).collect();
        if !listening.is_empty() {
            return listening;
        }
        stage.pause(STEP);
    }
    Vec::new()
}
