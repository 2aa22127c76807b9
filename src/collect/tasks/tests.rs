use super::*;
use std::net::{SocketAddr, TcpListener};

const PATIENCE: Duration = Duration::from_secs(5);

fn gap(console: &str, patience: Duration) -> Gap {
    read(console, None, &Clock::start(), patience).unwrap_err()
}

#[test]
fn nobody_listening_is_a_gap_that_says_how_to_serve_a_console() {
    // Bound, so that nobody else gets the port, and not listening.
    let reserved = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    reserved.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let closed = reserved.local_addr().unwrap().as_socket().unwrap();
    let gap = gap(&format!("http://{closed}"), PATIENCE);
    assert!(gap.why.contains("refused"), "{}", gap.why);
    assert!(gap.remedy.contains("tokio_unstable") && gap.remedy.contains("console_subscriber::init()"));
}

#[test]
fn a_missing_unix_socket_is_a_gap() {
    let gap = gap("/nonexistent/console.sock", PATIENCE);
    assert!(gap.why.contains("No such file"), "{}", gap.why);
}

#[test]
fn what_is_not_an_address_is_a_gap_at_once() {
    let gap = gap("http://[::1", PATIENCE);
    assert!(gap.why.contains("is not the address of a console"), "{}", gap.why);
}

#[test]
fn a_server_that_speaks_something_else_is_not_a_console() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    // An echo server: what comes back is our own greeting.
    let echo = std::thread::spawn(move || {
        let (mut from, _) = server.accept().unwrap();
        let mut to = from.try_clone().unwrap();
        std::io::copy(&mut from, &mut to).ok();
    });
    let gap = gap(&address.to_string(), PATIENCE);
    assert!(gap.why.contains("is not a tokio console"), "{}", gap.why);
    echo.join().unwrap();
}

#[test]
fn a_server_that_never_answers_costs_the_patience_and_no_more() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let gap = gap(&server.local_addr().unwrap().to_string(), Duration::from_millis(50));
    assert!(gap.why.contains("within 50 ms"), "{}", gap.why);
}

/// A console served by this very process, and tasks of every kind to read through it.
#[cfg(tokio_unstable)]
mod live {
    use std::sync::{LazyLock, mpsc};
    use std::time::Instant;

    use console_subscriber::{ConsoleLayer, ServerParts};
    use tonic::transport::server::TcpIncoming;
    use tracing::Dispatch;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;
    use crate::evidence::{Lint, Task, TaskState};

    /// With a single subscriber in the process, tracing asks the calling thread's own whether a callsite is wanted. A
    /// thread that has none would then switch it off for all; a second subscriber makes tracing ask every one.
    static SECOND: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(tracing_subscriber::registry()));

    /// Serves a console on a free port with a long publishing interval, so that a reader who trusted the first answer
    /// would miss everything new. `stage` runs as the main future of a runtime that is watched.
    fn serve(stage: impl Future<Output = ()> + Send + 'static) -> String {
        let (layer, server) = ConsoleLayer::builder().publish_interval(Duration::from_secs(60)).build();
        let ServerParts { instrument_server, aggregator, .. } = server.into_parts();
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                tell.send(listener.local_addr().unwrap()).unwrap();
                tokio::spawn(aggregator.run());
                let service = tonic::transport::Server::builder().add_service(instrument_server);
                service.serve_with_incoming(TcpIncoming::from(listener)).await.ok();
            });
        });
        LazyLock::force(&SECOND);
        std::thread::spawn(move || {
            let _watched = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
            tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(stage);
        });
        format!("http://{}", told.recv_timeout(PATIENCE).unwrap())
    }

    /// Reads until every named task is there and `ready` holds of it.
    fn read_until(console: &str, name: &str, ready: impl Fn(&Task) -> bool) -> Task {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let tasks = read(console, Some(Role::Server), &Clock::start(), PATIENCE).unwrap();
            let found = tasks.tasks.into_iter().find(|task| task.name.as_deref() == Some(name));
            if let Some(task) = found.filter(|task| ready(task)) {
                return task;
            }
            assert!(Instant::now() < deadline, "{name} never got there");
        }
    }

    #[track_caller]
    fn spawn(name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        tokio::task::Builder::new().name(name).spawn(task).unwrap();
    }

    #[test]
    fn a_waiting_task_and_one_that_waits_for_nothing_are_told_apart() {
        let line = line!() + 4;
        let console = serve(async {
            let (_never_sent, message) = tokio::sync::oneshot::channel::<()>();
            spawn("waits", async { message.await.unwrap_or(()) });
            spawn("lost", std::future::pending());
            tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_secs(3600)));
            std::future::pending::<()>().await;
        });
        let waits = read_until(&console, "waits", |task| task.state == TaskState::Idle);
        assert_eq!((waits.wakers, waits.lints, waits.polls), (Some(1), vec![], 1));
        assert!(!waits.blocking && !waits.boxed && waits.size.is_some() && waits.polling_ms.is_none());
        let lost = read_until(&console, "lost", |task| task.state == TaskState::Idle);
        assert_eq!((lost.wakers, lost.lints), (Some(0), vec![Lint::LostWaker]));
        let place = lost.location.unwrap();
        assert!(place.file.ends_with("tests.rs") && place.line == line, "{place:?}");

        let all = read(&console, None, &Clock::start(), PATIENCE).unwrap();
        let blocking: Vec<&Task> = all.tasks.iter().filter(|task| task.blocking).collect();
        assert!(matches!(blocking[..], [Task { wakers: None, .. }]), "{blocking:?}");
        // The main future waits for ever as well, but the runtime does not report its wakers.
        assert!(all.tasks.iter().all(|task| task.name.as_deref() == Some("lost") || task.lints.is_empty()));
        assert_eq!(all.dropped, 0);
    }

    #[test]
    fn tasks_that_run_without_end_are_seen_to_be_polled_and_to_wake_themselves() {
        let console = serve(async {
            spawn("yields", async {
                loop {
                    tokio::task::yield_now().await;
                }
            });
            spawn(
                "wakes",
                std::future::poll_fn(|context| {
                    context.waker().wake_by_ref();
                    std::task::Poll::Pending
                }),
            );
            std::future::pending::<()>().await;
        });
        let first = read_until(&console, "yields", |task| task.polls > 0);
        let later = read_until(&console, "yields", |task| task.polls > first.polls);
        // tokio wakes a task that yields after its poll has ended, which is not a wake by itself.
        assert_eq!((later.self_wakes, later.lints), (0, vec![]));
        let wakes = read_until(&console, "wakes", |task| task.polls > 1);
        assert_eq!((wakes.lints, wakes.role), (vec![Lint::SelfWakes], Some(Role::Server)));
    }

    #[test]
    fn a_task_that_blocks_its_thread_runs_in_one_poll_without_end() {
        let console = serve(async {
            spawn("blocks", async { std::thread::sleep(Duration::from_secs(3600)) });
            spawn("starves", async {});
            std::future::pending::<()>().await;
        });
        let blocks = read_until(&console, "blocks", |task| task.polling_ms > Some(1000.0));
        assert_eq!((blocks.state, blocks.lints, blocks.polls), (TaskState::Running, vec![Lint::NeverYielded], 1));
        let starves = read_until(&console, "starves", |_| true);
        assert_eq!((starves.state, starves.lints), (TaskState::Scheduled, vec![]));
    }

    #[test]
    fn a_name_that_would_disturb_a_terminal_is_escaped() {
        let console = serve(async {
            spawn("\x1b[2J", std::future::pending());
            std::future::pending::<()>().await;
        });
        read_until(&console, r"\u{1b}[2J", |_| true);
    }
}
