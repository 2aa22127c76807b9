//! tokio tasks of a running program, read once through the console interface that `console-subscriber` serves.
//!
//! It asks and leaves: it never pauses the program's instrumentation, and it never waits longer than it was told. The
//! lints are tokio-console's own, a reading of the numbers that every user of tokio-console would see.

mod lints;
mod rows;

use std::error::Error;
use std::time::Duration;

use console_api::instrument::instrument_client::InstrumentClient;
use console_api::instrument::{InstrumentRequest, Update};
use tonic::transport::{Channel, Endpoint};

use super::clock::Clock;
use super::printable::printable;
use crate::evidence::{Gap, Role, Tasks};

/// Reads the tasks of the program whose console is at `console`: `http://host:port`, `host:port`, or the path of a Unix
/// socket (also as `unix:PATH` or, as tokio-console writes it, `file://localhost/PATH`).
///
/// Blocks for at most `patience`; some milliseconds are usual. Must not be called from within a tokio runtime.
///
/// # Errors
/// A [`Gap`] when nobody answers there, or somebody who does not speak the console's protocol.
pub fn read(console: &str, role: Option<Role>, clock: &Clock, patience: Duration) -> Result<Tasks, Gap> {
    let endpoint = endpoint(console)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        Gap::new("tasks", format!("no runtime for the console client: {error}"), "free some descriptors or threads")
    })?;
    let looks = runtime.block_on(async { tokio::time::timeout(patience, look(&endpoint)).await });
    // Dropping the runtime could wait for a name lookup that hangs.
    runtime.shutdown_background();
    let looks = looks.unwrap_or(Err(Trouble::Silent(patience))).map_err(|trouble| trouble.gap(console))?;
    Ok(tasks(&looks, role, clock))
}

/// What three looks in a row say.
fn tasks(looks: &[Update; 3], role: Option<Role>, clock: &Clock) -> Tasks {
    let [_, earlier, later] = looks;
    let mut rows = rows::rows(later, role, clock.now());
    lints::apply(&mut rows, &rows::rows(earlier, role, clock.now()));
    let dropped = looks.iter().filter_map(|look| look.task_update.as_ref()).map(|update| update.dropped_events).sum();
    Tasks { tasks: rows.into_iter().map(|row| row.task).collect(), dropped }
}

/// Asks for the full state three times. The first answer may be as old as the program's publishing interval; having
/// given it, the console takes in what has happened since. The other two are compared, because the numbers of one answer
/// are read one after the other while the tasks go on.
async fn look(endpoint: &Endpoint) -> Result<[Update; 3], Trouble> {
    let channel = endpoint.connect().await.map_err(|error| Trouble::Unreachable(reasons(&error)))?;
    let mut client = InstrumentClient::new(channel);
    Ok([full_state(&mut client).await?, full_state(&mut client).await?, full_state(&mut client).await?])
}

async fn full_state(client: &mut InstrumentClient<Channel>) -> Result<Update, Trouble> {
    let unspoken = |status: tonic::Status| Trouble::NotAConsole(printable(status.message().as_bytes(), 200));
    let mut updates = client.watch_updates(InstrumentRequest {}).await.map_err(unspoken)?.into_inner();
    let first = updates.message().await.map_err(unspoken)?;
    first.ok_or_else(|| Trouble::NotAConsole("it ended the stream at once".to_owned()))
}

/// What kept us from reading.
enum Trouble {
    Unreachable(String),
    NotAConsole(String),
    Silent(Duration),
}

const BUILD: &str = "build the program with RUSTFLAGS=\"--cfg tokio_unstable\", call console_subscriber::init() first \
                     thing in main, and give the address it serves (http://127.0.0.1:6669 unless it was changed)";

impl Trouble {
    fn gap(self, console: &str) -> Gap {
        let why = match self {
            Self::Unreachable(reason) => format!("no tokio console can be reached at {console}: {reason}"),
            Self::NotAConsole(reason) => format!("what answers at {console} is not a tokio console: {reason}"),
            Self::Silent(patience) => {
                format!("no tokio console answered at {console} within {} ms", patience.as_millis())
            }
        };
        Gap::new("tasks", why, BUILD)
    }
}

/// The address as tonic wants it.
fn endpoint(console: &str) -> Result<Endpoint, Gap> {
    let uri = if let Some(path) = console.strip_prefix("file://localhost") {
        format!("unix:{path}")
    } else if console.starts_with(['/', '.']) {
        format!("unix:{console}")
    } else if console.starts_with("unix:") || console.contains("://") {
        console.to_owned()
    } else {
        format!("http://{console}")
    };
    Endpoint::from_shared(uri).map_err(|error| {
        let why = format!("{console:?} is not the address of a console: {}", reasons(&error));
        Gap::new("tasks", why, "give http://HOST:PORT, or the path of a Unix socket")
    })
}

/// The error and what caused it, innermost last. tonic's outermost sentence is always "transport error".
fn reasons(error: &dyn Error) -> String {
    let mut chain = Vec::new();
    let mut next = error.source();
    while let Some(reason) = next {
        chain.push(reason.to_string());
        next = reason.source();
    }
    // hyper repeats its cause in its own sentence; the innermost one says it plainest.
    chain.pop().unwrap_or_else(|| error.to_string())
}

#[cfg(test)]
mod tests;
