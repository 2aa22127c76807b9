//! Reference server and client against each other and against bare sockets, on real loopback.

use std::future::Future;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::evidence::{Framing, Lifetime, Reply, Terminator, Transport};

use super::client::{self, Event};
use super::metrics::Metrics;
use super::server;
use super::spec::{ClientFault, ClientSpec, ServerFault, ServerSpec, Workers};

/// Far more than anything here takes; only a failing test waits for it.
const LONG: Duration = Duration::from_secs(10);

/// A server on a thread of its own.
struct Running {
    addresses: Vec<SocketAddr>,
    metrics: Arc<Metrics>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Running {
    fn start(spec: &ServerSpec) -> Self {
        let server = bound(spec);
        let (addresses, metrics) = (server.addresses().unwrap(), server.metrics());
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let stopped = async {
                let _ = stopped.await;
            };
            block_on(server.serve(stopped)).unwrap();
        });
        Self { addresses, metrics, stop: Some(stop), thread: Some(thread) }
    }

    fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    fn dial(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address()).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream
    }

    fn stop(&mut self) {
        drop(self.stop.take());
        self.thread.take().expect("stopped once").join().unwrap();
    }

    fn await_count(&self, what: impl Fn(super::metrics::Count) -> bool) {
        wait_for("the server to have counted so many", || what(self.metrics.count()));
    }
}

fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < LONG, "waited for {what}");
        std::thread::yield_now();
    }
}

/// A port that was served a moment ago may still be held, by a program that another test is just starting: until its
/// exec it holds a copy of every descriptor.
fn bound(spec: &ServerSpec) -> server::Server {
    let began = Instant::now();
    loop {
        match server::bind(spec) {
            Err(error) if in_use(&error) && began.elapsed() < LONG => std::thread::yield_now(),
            result => return result.unwrap(),
        }
    }
}

fn in_use(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::AddrInUse)
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// An address that refuses connections: the port is reserved while the socket lives, and nobody listens on it. A listener
/// closed a moment ago is not enough, for a program that another test is just starting holds a copy until its exec.
fn refusing() -> (socket2::Socket, SocketAddr) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, address)
}

fn free_port() -> ServerSpec {
    ServerSpec { listen: vec!["127.0.0.1:0".to_owned()], ..ServerSpec::default() }
}

fn faulty(fault: ServerFault) -> Running {
    Running::start(&ServerSpec { faults: vec![fault], ..free_port() })
}

fn dialling(address: SocketAddr) -> ClientSpec {
    ClientSpec { dial: address.to_string(), timeout_ms: Some(LONG.as_millis() as u64), ..ClientSpec::default() }
}

/// What came of a client: `(client, connection, text)` of each reply in order, and each error's text.
type Told = (Vec<(u32, u32, String)>, Vec<String>);

fn play(spec: &ClientSpec) -> Told {
    let told: Arc<Mutex<Told>> = Arc::default();
    let ear = Arc::clone(&told);
    let tell = move |event| match event {
        Event::Reply(reply) => {
            let text = String::from_utf8_lossy(&reply.bytes).into_owned();
            ear.lock().unwrap().0.push((reply.client, reply.connection, text));
        }
        Event::Failed { error, .. } => ear.lock().unwrap().1.push(format!("{error:#}")),
    };
    let failed = block_on(client::run(spec, tell)).unwrap();
    let told = std::mem::take(&mut *told.lock().unwrap());
    assert_eq!(failed as usize, told.1.len());
    told
}

fn error_of(spec: &ClientSpec) -> String {
    let (replies, errors) = play(spec);
    assert_eq!(errors.len(), 1, "{replies:?} {errors:?}");
    errors[0].clone()
}

#[test]
fn every_dialect_is_spoken_by_both_under_every_design() {
    let replies = [Reply::Exact, Reply::Prefix("ECHO: ".into()), Reply::Suffix("!".into()), Reply::Uppercase];
    for workers in [Workers::Async, Workers::Sequential, Workers::Threads, Workers::Pool(2)] {
        for framing in [Framing::Raw, Framing::Line, Framing::UntilEof] {
            for reply in &replies {
                let spec = ServerSpec { workers, framing, reply: reply.clone(), ..free_port() };
                let server = Running::start(&spec);
                let client = ClientSpec {
                    framing,
                    reply: reply.clone(),
                    terminator: Terminator::CrLf,
                    clients: 3,
                    repeat: 2,
                    ..dialling(server.address())
                };
                let (replies, errors) = play(&client);
                assert_eq!((replies.len(), errors), (6, vec![]), "{spec:?}");
            }
        }
    }
}

#[test]
fn datagrams_are_echoed_each_by_itself() {
    let spec = ServerSpec { transport: Transport::Udp, reply: Reply::Prefix("E".into()), ..free_port() };
    let server = Running::start(&spec);
    let client = ClientSpec {
        transport: Transport::Udp,
        reply: spec.reply.clone(),
        clients: 2,
        repeat: 3,
        ..dialling(server.address())
    };
    let (replies, errors) = play(&client);
    assert_eq!((replies.len(), errors), (6, vec![]));
    assert_eq!(server.metrics.count().requests, 6);
}

#[test]
fn both_families_are_served_at_once() {
    let first = Running::start(&ServerSpec { workers: Workers::Sequential, ..free_port() });
    let port = first.address().port();
    drop(first.dial());
    let mut first = first;
    first.stop();
    let listen = vec![format!("127.0.0.1:{port}"), format!("[::1]:{port}")];
    for workers in [Workers::Async, Workers::Sequential, Workers::Pool(2)] {
        let mut server = Running::start(&ServerSpec { listen: listen.clone(), workers, ..ServerSpec::default() });
        for address in server.addresses.clone() {
            assert_eq!(play(&dialling(address)).0.len(), 1, "{workers:?} {address}");
        }
        server.stop();
    }
}

#[test]
fn one_after_the_other_leaves_the_second_client_waiting() {
    let server = Running::start(&ServerSpec { workers: Workers::Sequential, ..free_port() });
    let (mut first, mut second) = (server.dial(), server.dial());
    second.write_all(b"second\n").unwrap();
    first.write_all(b"first\n").unwrap();
    let mut reply = [0; 6];
    first.read_exact(&mut reply).unwrap();
    assert_eq!(server.metrics.count().accepted, 1, "the second connection waits in the accept queue");
    second.set_nonblocking(true).unwrap();
    assert!(second.read(&mut [0]).is_err());
    drop(first);
    second.set_nonblocking(false).unwrap();
    let mut reply = [0; 7];
    second.read_exact(&mut reply).unwrap();
    assert_eq!(&reply, b"second\n");
}

#[test]
fn a_pool_serves_as_many_as_it_has_threads() {
    let server = Running::start(&ServerSpec { workers: Workers::Pool(2), ..free_port() });
    let mut streams = [server.dial(), server.dial(), server.dial()];
    for stream in &mut streams[..2] {
        stream.write_all(b"x\n").unwrap();
        stream.read_exact(&mut [0; 2]).unwrap();
    }
    assert_eq!(server.metrics.count().accepted, 2);
    let [first, _, mut third] = streams;
    drop(first);
    third.write_all(b"x\n").unwrap();
    third.read_exact(&mut [0; 2]).unwrap();
}

#[test]
fn the_three_approaches_show_in_the_connection_numbers() {
    let server = Running::start(&free_port());
    let connections = |one_by_one, redial| {
        let spec = ClientSpec { clients: 3, repeat: 2, one_by_one, redial, ..dialling(server.address()) };
        play(&spec).0.into_iter().map(|(_, connection, _)| connection).collect::<Vec<_>>()
    };
    assert_eq!(connections(true, false), [1, 1, 2, 2, 3, 3]);
    assert_eq!(connections(true, true), [1, 2, 3, 4, 5, 6]);
    let mut together = connections(false, false);
    together.sort_unstable();
    assert_eq!(together, [1, 1, 2, 2, 3, 3]);
}

#[test]
fn idle_connections_are_closed_and_busy_ones_are_not() {
    for workers in [Workers::Async, Workers::Threads] {
        let server = Running::start(&ServerSpec { workers, idle_timeout_ms: Some(100), ..free_port() });
        let mut stream = server.dial();
        stream.write_all(b"x\n").unwrap();
        stream.read_exact(&mut [0; 2]).unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap(), 0, "{workers:?}");
    }
}

#[test]
fn a_server_that_is_told_to_stop_answers_what_it_has_read_and_closes_the_rest() {
    let delay = vec![ServerFault::DelayReply(200)];
    for workers in [Workers::Async, Workers::Threads] {
        let mut server = Running::start(&ServerSpec { workers, faults: delay.clone(), ..free_port() });
        let (mut busy, mut idle) = (server.dial(), server.dial());
        busy.write_all(b"x\n").unwrap();
        server.await_count(|count| count.requests == 1 && count.accepted == 2);
        let began = Instant::now();
        server.stop();
        assert!(began.elapsed() < server::DRAIN, "{workers:?}");
        let mut reply = Vec::new();
        busy.read_to_end(&mut reply).unwrap();
        assert_eq!(reply, b"x\n", "{workers:?}");
        assert_eq!(idle.read(&mut [0]).unwrap(), 0);
        assert_eq!(server.metrics.count().open, 0);
        wait_for("the port to be closed", || TcpStream::connect(server.address()).is_err());
    }
}

#[test]
fn a_megabyte_goes_through_a_client_that_reads_while_it_writes() {
    for framing in [Framing::Raw, Framing::Line, Framing::UntilEof] {
        let server = Running::start(&ServerSpec { framing, ..free_port() });
        let message = "x".repeat(8 << 20);
        let (replies, errors) = play(&ClientSpec { framing, message, ..dialling(server.address()) });
        assert_eq!((replies.len(), errors), (1, vec![]));
    }
}

#[test]
fn a_split_reply_is_still_a_right_reply() {
    let server = faulty(ServerFault::SplitReply(1));
    assert_eq!(play(&dialling(server.address())).0.len(), 1);
}

#[test]
fn each_failure_is_told_for_what_it_is() {
    let (_reserved, free) = refusing();
    let refused = error_of(&dialling(free));
    assert_eq!(refused, format!("connection refused: nobody listens on {free}"));
    let udp = error_of(&ClientSpec { transport: Transport::Udp, ..dialling(free) });
    assert_eq!(udp, format!("connection refused: nobody listens on {free}"));

    let wrong = error_of(&dialling(faulty(ServerFault::FlipByte).address()));
    assert_eq!(wrong, "reply differs at byte 2: expected \"hello\\n\" got \"he#lo\\n\"");
    let cut = error_of(&dialling(faulty(ServerFault::CutReply(1)).address()));
    assert_eq!(cut, "reply differs at byte 4: expected \"hello\\n\" got \"hell\\n\"");
    let closed = error_of(&dialling(faulty(ServerFault::CloseEarly).address()));
    assert_eq!(closed, "connection closed by the server before any reply");
    let reset = error_of(&dialling(faulty(ServerFault::Reset).address()));
    assert_eq!(reset, "connection reset by the server before any reply");
    let dropped = faulty(ServerFault::DropOnHalfClose);
    let dropped = error_of(&ClientSpec { half_close: true, ..dialling(dropped.address()) });
    assert_eq!(dropped, "connection closed by the server before any reply");
}

#[test]
fn silence_is_told_with_what_had_come_by_then() {
    let soon = |server: &Running| ClientSpec { timeout_ms: Some(150), ..dialling(server.address()) };
    for fault in
        [ServerFault::DropReply, ServerFault::NeverRead, ServerFault::NeverAccept, ServerFault::DelayReply(9000)]
    {
        let mut server = faulty(fault.clone());
        assert_eq!(error_of(&soon(&server)), "no reply within 0.15 s", "{fault:?}");
        if fault == ServerFault::NeverAccept {
            server.stop();
        }
    }
    let unterminated = faulty(ServerFault::StripTerminator);
    // On a busy machine the five bytes take their time; then the client gets more of it.
    let patient = |ms: u32| error_of(&ClientSpec { timeout_ms: Some(u64::from(ms)), ..soon(&unterminated) });
    let told =
        [150, 1500, 9000].into_iter().map(|ms| (ms, patient(ms))).find(|(_, error)| !error.starts_with("no reply"));
    let (ms, error) = told.expect("the five bytes come at last");
    let seconds = f64::from(ms) / 1000.0;
    assert_eq!(error, format!("the reply did not end within {seconds} s: 5 bytes came, and no line feed"));
}

#[test]
fn a_blocked_loop_holds_up_every_connection() {
    let server = faulty(ServerFault::BlockLoop(300));
    let (mut first, mut second) = (server.dial(), server.dial());
    first.write_all(b"slow\n").unwrap();
    server.await_count(|count| count.requests == 1);
    second.write_all(b"x\n").unwrap();
    second.read_exact(&mut [0; 2]).unwrap();
    first.set_nonblocking(true).unwrap();
    first.read_exact(&mut [0; 5]).expect("the second reply cannot come before the first one is through");
}

/// Five delays of two seconds one after the other would take ten.
#[test]
fn a_delayed_reply_holds_up_nobody_else() {
    let server = faulty(ServerFault::DelayReply(2000));
    let began = Instant::now();
    let (replies, _) = play(&ClientSpec { clients: 5, ..dialling(server.address()) });
    assert_eq!(replies.len(), 5);
    assert!(began.elapsed() < Duration::from_secs(10), "delays must overlap");
}

#[test]
fn a_client_retries_while_it_is_refused() {
    let late = ServerSpec { faults: vec![ServerFault::ListenLate(200)], ..free_port() };
    // The server takes the port over: both allow the address to be used again, and only one of them listens.
    let (_reserved, port) = refusing();
    let late = ServerSpec { listen: vec![port.to_string()], ..late };
    let starting = std::thread::spawn(move || Running::start(&late));
    let (replies, errors) = play(&ClientSpec { retry_ms: LONG.as_millis() as u64, ..dialling(port) });
    assert_eq!((replies.len(), errors), (1, vec![]));
    drop(starting.join());
}

#[test]
fn each_way_of_a_client_to_misbehave_is_seen_by_the_server() {
    let server = Running::start(&free_port());
    let soon = |fault| ClientSpec { faults: vec![fault], timeout_ms: Some(150), ..dialling(server.address()) };
    assert_eq!(error_of(&soon(ClientFault::OmitTerminator)), "no reply within 0.15 s");
    assert_eq!(error_of(&soon(ClientFault::SayNothing)), "no reply within 0.15 s");
    let (replies, errors) = play(&soon(ClientFault::ResetAtEnd));
    assert_eq!((replies.len(), errors), (1, vec![]));
    assert_eq!(error_of(&soon(ClientFault::WaitForEof)), "the server did not close within 0.15 s");
    let (replies, errors) = play(&soon(ClientFault::CloseUnread));
    assert_eq!((replies.len(), errors), (0, vec![]));

    let silent = faulty(ServerFault::DropReply);
    let leaving =
        ClientSpec { faults: vec![ClientFault::GiveUpAfter(50)], timeout_ms: None, ..dialling(silent.address()) };
    assert_eq!(error_of(&leaving), "gave up after 50 ms");
}

#[test]
fn closing_unread_and_resetting_at_the_end_send_a_reset() {
    for fault in [ClientFault::CloseUnread, ClientFault::ResetAtEnd] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let spec = ClientSpec { faults: vec![fault], ..dialling(listener.local_addr().unwrap()) };
        let client = std::thread::spawn(move || play(&spec));
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream.read_exact(&mut [0; 6]).unwrap();
        stream.write_all(b"hello\n").unwrap();
        let error = stream.read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{fault:?}");
        assert_eq!(client.join().unwrap().1, Vec::<String>::new());
    }
}

#[test]
fn a_reply_in_any_number_of_segments_is_one_reply() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let spec = ClientSpec { repeat: 2, ..dialling(listener.local_addr().unwrap()) };
    let client = std::thread::spawn(move || play(&spec));
    let (mut stream, _) = listener.accept().unwrap();
    stream.set_nodelay(true).unwrap();
    stream.read_exact(&mut [0; 6]).unwrap();
    for byte in b"hello\n" {
        stream.write_all(&[*byte]).unwrap();
    }
    stream.read_exact(&mut [0; 6]).unwrap();
    stream.write_all(b"hello\n").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.join().unwrap().0.len(), 2);
}

#[test]
fn a_udp_server_that_closes_early_refuses_what_follows() {
    let spec = ServerSpec { transport: Transport::Udp, faults: vec![ServerFault::CloseEarly], ..free_port() };
    let server = Running::start(&spec);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(server.address()).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let began = Instant::now();
    // The first datagram is read; the port is closed some time after.
    loop {
        let refused = socket.send(b"x").and_then(|_| socket.recv(&mut [0])).unwrap_err();
        if refused.kind() == std::io::ErrorKind::ConnectionRefused {
            break;
        }
        assert!(began.elapsed() < LONG);
    }
}

#[test]
fn one_shot_ends_the_connection_after_its_reply() {
    let server = Running::start(&ServerSpec { lifetime: Lifetime::OneShot, ..free_port() });
    let mut stream = server.dial();
    stream.write_all(b"a\n").unwrap();
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap();
    assert_eq!(all, b"a\n");
}

#[test]
fn a_turn_that_is_owed_nothing_yet_is_said_all_the_same() {
    let server = Running::start(&ServerSpec { framing: Framing::Line, ..free_port() });
    let script = ["fo", "ur\n", "fi", "ve\nsi", "x\n"].map(Into::into).to_vec();
    let spec = ClientSpec {
        script,
        framing: Framing::Line,
        repeat: 5,
        half_close: true,
        clients: 20,
        ..dialling(server.address())
    };
    let (replies, errors) = play(&spec);
    let said: String = replies.iter().filter(|(client, ..)| *client == 1).map(|(.., text)| text.as_str()).collect();
    assert_eq!((said.as_str(), errors), ("four\nfive\nsix\n", vec![]));
}
