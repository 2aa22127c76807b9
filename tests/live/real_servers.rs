//! The probes and the dialect read off them, against servers that were not written for netdiag.
//!
//! Each server takes a free port, is found listening by looking at the kernel's table, and gets every probe.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "clippy's own exception for tests does not reach helpers")]

use std::net::SocketAddr;
use std::process::Command;

use crate::echo_servers::{Server, program, xinetd};
use crate::ports::{ClosedPort, free_port};
use netdiag::collect::clock::Clock;
use netdiag::collect::probes::{Depth, Examiner};
use netdiag::evidence::{Framing, Lifetime, Probe, Probes, Reply, Shape, Transport};
use netdiag::facts::dialect::{Binary, Datagrams, Dialect, Ending, Learned, Places, learn, weigh};

impl Server {
    fn examine(&self, transport: Transport, depth: Depth) -> (Probes, Dialect) {
        let mut examiner = Examiner::new(Clock::start(), vec![self.address], transport);
        let probes = examiner.examine(depth).unwrap();
        let dialect = learn(&probes);
        (probes, dialect)
    }

    /// The same on a machine that lets the server answer at its own speed: where one answer took far longer than the others, a
    /// processor was taken away in the middle, much is rightly left open, and it is examined again.
    fn examine_calmly(&self, transport: Transport, depth: Depth) -> (Probes, Dialect) {
        const STALL: f64 = 20.0;
        let is_stalled = |probes: &Probes, dialect: &Dialect| {
            let usual = value(dialect.latency_ms.as_ref()).unwrap_or_default().max(2.0);
            // Beside an idle client one may have to wait, and so may the last of a crowd.
            let idle = |group| probes.probes.iter().any(|probe| probe.shape == Shape::Idler && probe.group == group);
            let queued = |probe: &Probe| probe.shape == Shape::Overlapping && probe.sent.len() == 1;
            let mut answered = probes.probes.iter().filter(|probe| !idle(probe.group) && !queued(probe));
            answered.any(|probe| probe.first_byte_ms.is_some_and(|ms| ms > STALL * usual))
        };
        for _ in 0..4 {
            let (probes, dialect) = self.examine(transport, depth);
            if !is_stalled(&probes, &dialect) {
                return (probes, dialect);
            }
        }
        self.examine(transport, depth)
    }
}

fn value<T: Clone>(learned: Option<&Learned<T>>) -> Option<T> {
    learned.map(|learned| learned.value.clone())
}

/// Sizes of the bulk probes.
const SOME: u64 = 64 << 10;
const MUCH: u64 = 1 << 20;

/// What a healthy echo server is expected to speak.
struct Expected {
    framing: Framing,
    reply: Reply,
    lifetime: Lifetime,
    binary: Binary,
    one_at_a_time: bool,
    answers_half_close: bool,
    limits_crowds: bool,
    /// How many bytes in one go it carries for certain.
    carries: u64,
}

impl Expected {
    fn session(framing: Framing) -> Self {
        let (reply, lifetime, binary) = (Reply::Exact, Lifetime::Session, Binary::Clean);
        Self {
            framing,
            reply,
            lifetime,
            binary,
            one_at_a_time: false,
            answers_half_close: true,
            limits_crowds: false,
            carries: MUCH,
        }
    }

    fn text_session() -> Self {
        Self { binary: Binary::TextOnly, ..Self::session(Framing::Line) }
    }

    fn hold(&self, probes: &Probes, dialect: &Dialect) {
        let seen = || format!("{dialect:#?}\n{}", serde_json::to_string_pretty(probes).unwrap());
        assert_eq!(value(dialect.echoes.as_ref()), Some(true), "{}", seen());
        assert_eq!(value(dialect.framing.as_ref()), Some(self.framing), "{}", seen());
        assert_eq!(value(dialect.reply.as_ref()), Some(self.reply.clone()), "{}", seen());
        assert_eq!(value(dialect.lifetime.as_ref()), Some(self.lifetime), "{}", seen());
        assert_eq!(value(dialect.binary.as_ref()), Some(self.binary), "{}", seen());
        self.find_no_fault(dialect, &seen);
        if self.lifetime == Lifetime::Session {
            let bulk = value(dialect.bulk.as_ref()).unwrap_or_else(|| panic!("{}", seen()));
            assert_eq!(bulk.broken.filter(|(least, _)| *least <= self.carries), None, "{}", seen());
            assert!(bulk.whole.is_some_and(|most| most >= self.carries), "{}", seen());
        }
        self.pay_what_is_due(probes, dialect, &seen);
    }

    fn find_no_fault(&self, dialect: &Dialect, seen: &dyn Fn() -> String) {
        assert_eq!(dialect.gone, None, "{}", seen());
        assert_eq!(value(dialect.survives_rude.as_ref()), Some(true), "{}", seen());
        assert_ne!(value(dialect.crosstalk.as_ref()), Some(true), "{}", seen());
        assert_ne!(value(dialect.answers_split.as_ref()), Some(false), "{}", seen());
        assert_ne!(value(dialect.answers_joined.as_ref()), Some(false), "{}", seen());
        assert_eq!(value(dialect.answers_half_close.as_ref()), Some(self.answers_half_close), "{}", seen());
        assert_eq!(dialect.decoration, None, "{}", seen());
        assert_eq!(dialect.blocks, None, "{}", seen());
        match value(dialect.places.as_ref()) {
            Some(Places::One) => assert!(self.one_at_a_time, "{}", seen()),
            Some(Places::AtLeast(n)) => assert!(n >= 2 && !self.one_at_a_time, "{}", seen()),
            Some(Places::Exactly(_)) | None => panic!("{}", seen()),
        }
    }

    fn pay_what_is_due(&self, probes: &Probes, dialect: &Dialect, seen: &dyn Fn() -> String) {
        use Shape::{ChunkHalfClose, Line, LineHalfClose, Overlapping};
        let terms = dialect.terms().unwrap_or_else(|| panic!("{}", seen()));
        for (index, probe) in probes.probes.iter().enumerate() {
            if Some(index) == dialect.turned_away && self.limits_crowds {
                continue;
            }
            let at_once = matches!(probe.shape, LineHalfClose | ChunkHalfClose);
            if matches!(probe.shape, Line | Overlapping) || (at_once && self.answers_half_close) {
                let sent: Vec<u8> = probe.sent.iter().flat_map(|part| part.0.clone()).collect();
                let comparison = weigh(&terms, &sent, probe.half_closed, &probe.received.0);
                assert!(comparison.is_right(), "probe {index}: {comparison:?} {}", seen());
            }
        }
    }
}

/// Starts a TCP server, gives it every probe, and compares.
fn healthy(package: &str, words: &[&str], expected: &Expected) -> Dialect {
    let server = Server::start(package, words, Transport::Tcp);
    let (probes, dialect) = server.examine_calmly(Transport::Tcp, Depth::Full);
    expected.hold(&probes, &dialect);
    short_examination_agrees(&server, &dialect);
    dialect
}

fn short_examination_agrees(server: &Server, full: &Dialect) {
    let (probes, short) = server.examine_calmly(Transport::Tcp, Depth::Dialect);
    let seen = || format!("{short:#?} {probes:#?}");
    assert_eq!(value(short.framing.as_ref()), value(full.framing.as_ref()), "{}", seen());
    assert_eq!(value(short.reply.as_ref()), value(full.reply.as_ref()), "{}", seen());
    assert_eq!(value(short.lifetime.as_ref()), value(full.lifetime.as_ref()), "{}", seen());
    assert_eq!(value(short.ending.as_ref()), value(full.ending.as_ref()), "{}", seen());
    assert_eq!(value(short.banner.as_ref()), value(full.banner.as_ref()), "{}", seen());
}

#[test]
fn socat_with_cat_is_a_raw_echo() {
    let words = ["socat", "TCP-LISTEN:0,bind=127.0.0.1,fork,backlog=50", "EXEC:/bin/cat"];
    healthy("socat", &words, &Expected::session(Framing::Raw));
}

#[test]
fn socat_with_a_shell_script_is_a_text_echo() {
    let script = format!("EXEC:bash {}", program("lines.sh"));
    let words = ["socat", "TCP-LISTEN:0,bind=127.0.0.1,fork,backlog=50", &script];
    healthy("socat", &words, &Expected::text_session());
}

#[test]
fn socat_with_awk_is_a_line_echo() {
    let script = format!("EXEC:mawk -W interactive -f {}", program("lines.awk"));
    let words = ["socat", "TCP-LISTEN:0,bind=127.0.0.1,fork,backlog=50", &script];
    let server = Server::start("socat and mawk", &words, Transport::Tcp);
    let (probes, dialect) = server.examine_calmly(Transport::Tcp, Depth::Full);
    // Which bytes awk takes for text is its own affair, and differs from one awk to the next.
    let binary = value(dialect.binary.as_ref()).unwrap_or(Binary::Fatal);
    assert_ne!(binary, Binary::Fatal);
    Expected { binary, ..Expected::session(Framing::Line) }.hold(&probes, &dialect);
}

#[test]
fn ncat_with_cat_is_a_raw_echo_that_hangs_up_on_a_half_close() {
    let port = free_port(Transport::Tcp).to_string();
    let words = ["ncat", "-l", "-k", "-e", "/bin/cat", "-m", "200", "127.0.0.1", &port];
    // ncat ends its child when it reads the end of the client's stream, whatever the child still has to say.
    // It also reads nothing while its child's pipe is full, and may so block itself on a megabyte.
    let expected = Expected { answers_half_close: false, carries: SOME, ..Expected::session(Framing::Raw) };
    healthy("ncat", &words, &expected);
}

#[test]
fn asyncio_is_a_line_echo() {
    healthy("python3", &["python3", &program("asyncio_line.py"), "0"], &Expected::session(Framing::Line));
}

#[test]
fn a_threaded_server_may_refuse_what_is_not_text() {
    healthy("python3", &["python3", &program("threaded.py"), "0"], &Expected::text_session());
}

#[test]
fn a_select_server_with_a_prefix_is_raw() {
    let expected = Expected { reply: Reply::Prefix("Echo : ".into()), ..Expected::session(Framing::Raw) };
    healthy("python3", &["python3", &program("select_prefix.py"), "0"], &expected);
}

#[test]
fn node_is_a_raw_echo() {
    healthy("nodejs", &["node", &program("echo.js"), "0"], &Expected::session(Framing::Raw));
}

#[test]
fn perl_is_a_line_echo() {
    healthy("perl", &["perl", &program("echo.pl"), "0"], &Expected::session(Framing::Line));
}

#[test]
fn java_answers_lines_of_text() {
    let words = ["java", "-XX:+UseSerialGC", &program("Echo.java"), "0"];
    let dialect = healthy("default-jdk-headless", &words, &Expected::text_session());
    assert_eq!(value(dialect.ending.as_ref()), Some(Ending::Lf), "readLine takes any line end, and this one prints LF");
}

#[test]
fn a_sequential_c_server_serves_one_at_a_time_and_is_no_worse_for_it() {
    let binary = tempfile::NamedTempFile::new().unwrap().into_temp_path();
    let path = binary.to_str().unwrap();
    let compiled = Command::new("gcc").args(["-o", path, &program("sequential.c")]).status();
    assert!(compiled.expect("gcc did not start; install the package gcc").success());
    let expected = Expected { one_at_a_time: true, ..Expected::session(Framing::Raw) };
    healthy("gcc", &[path, "0"], &expected);
}

#[test]
fn a_pool_of_three_shows_its_size() {
    let server = Server::start("python3", &["python3", &program("pool.py"), "0"], Transport::Tcp);
    let (probes, dialect) = server.examine_calmly(Transport::Tcp, Depth::Full);
    assert_eq!(value(dialect.places.as_ref()), Some(Places::Exactly(3)), "{dialect:#?} {probes:#?}");
    assert_eq!(value(dialect.survives_rude.as_ref()), Some(true), "{dialect:#?} {probes:#?}");
    assert_eq!(value(dialect.binary.as_ref()), Some(Binary::Clean), "{dialect:#?} {probes:#?}");
}

#[test]
fn a_one_shot_server_is_recognised_and_not_blamed() {
    let (reply, lifetime) = (Reply::Uppercase, Lifetime::OneShot);
    let expected = Expected { reply, lifetime, ..Expected::session(Framing::Line) };
    healthy("python3", &["python3", &program("one_shot.py"), "0"], &expected);
}

#[test]
fn a_server_that_reads_until_eof_is_recognised_and_not_blamed() {
    let (reply, lifetime) = (Reply::Prefix("ECHO: ".into()), Lifetime::OneShot);
    let expected = Expected { reply, lifetime, ..Expected::session(Framing::UntilEof) };
    healthy("python3", &["python3", &program("until_eof.py"), "0"], &expected);
}

#[test]
fn a_slow_server_is_slow_and_not_mute() {
    let server = Server::start("python3", &["python3", &program("slow_banner.py"), "0"], Transport::Tcp);
    let (probes, dialect) = server.examine_calmly(Transport::Tcp, Depth::Full);
    let seen = || format!("{dialect:#?} {probes:#?}");
    assert_eq!(value(dialect.reply.as_ref()), Some(Reply::Exact), "{}", seen());
    assert_eq!(value(dialect.ending.as_ref()), Some(Ending::Dropped), "{}", seen());
    assert_eq!(value(dialect.banner.as_ref()), Some("Welcome to the echo server\n".into()), "{}", seen());
    assert_eq!(value(dialect.framing.as_ref()), Some(Framing::Line), "{}", seen());
    assert_eq!(value(dialect.lifetime.as_ref()), Some(Lifetime::Session), "{}", seen());
    assert_eq!(value(dialect.survives_rude.as_ref()), Some(true), "{}", seen());
    assert!(value(dialect.latency_ms.as_ref()).unwrap() >= 450.0, "{}", seen());
}

#[test]
fn a_mute_server_is_mute_and_nothing_else_is_concluded() {
    let server = Server::start("python3", &["python3", &program("mute.py"), "0"], Transport::Tcp);
    let (probes, dialect) = server.examine(Transport::Tcp, Depth::Full);
    let answers = dialect.answers.clone().unwrap_or_else(|| panic!("{probes:#?}"));
    assert!(!answers.value);
    let nothing_else = Dialect { answers: Some(answers), ..Dialect::default() };
    assert_eq!(dialect, nothing_else, "{probes:#?}");
}

#[test]
fn a_program_that_serves_once_in_its_life_is_left_alone_when_it_is_gone() {
    let words = ["socat", "TCP-LISTEN:0,bind=127.0.0.1", "EXEC:/bin/cat"];
    let server = Server::start("socat", &words, Transport::Tcp);
    let (probes, dialect) = server.examine(Transport::Tcp, Depth::Full);
    // Where the first answer is slow to come, two connections are tried at once; both may be refused.
    let gone = dialect.gone.unwrap_or_else(|| panic!("{probes:#?}"));
    let beside =
        |probe: &Probe| probe.reach == netdiag::evidence::Reach::Refused && probe.group == probes.probes[gone].group;
    assert!(probes.probes[gone..].iter().all(beside), "nothing is tried after the refusal {probes:#?}");
    assert_eq!(value(dialect.echoes.as_ref()), Some(true));
    assert_eq!(value(dialect.reply.as_ref()), Some(Reply::Exact));
    assert_eq!(value(dialect.lifetime.as_ref()), Some(Lifetime::Session), "its one connection carries many lines");
    assert_eq!(dialect.survives_rude, None);
}

#[test]
fn a_tokio_server_is_a_raw_echo() {
    let (tell, told) = std::sync::mpsc::channel();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            let serve = async {
                loop {
                    let (mut stream, _) = listener.accept().await.unwrap();
                    tokio::spawn(async move {
                        let (mut reader, mut writer) = stream.split();
                        tokio::io::copy(&mut reader, &mut writer).await
                    });
                }
            };
            tokio::select! { () = serve => {}, _ = stopped => {} }
        });
    });
    let address = told.recv().unwrap();
    let probes = Examiner::new(Clock::start(), vec![address], Transport::Tcp).examine(Depth::Full).unwrap();
    Expected::session(Framing::Raw).hold(&probes, &learn(&probes));
    let _ = stop.send(());
    thread.join().unwrap();
}

#[test]
fn nobody_listening_is_a_refusal_at_every_address() {
    let reserved = ClosedPort::reserve();
    let port = reserved.number();
    let targets: Vec<SocketAddr> = vec![([127, 0, 0, 1], port).into(), (std::net::Ipv6Addr::LOCALHOST, port).into()];
    for transport in [Transport::Tcp, Transport::Udp] {
        let probes = Examiner::new(Clock::start(), targets.clone(), transport).examine(Depth::Full).unwrap();
        assert_eq!(probes.probes.len(), 2, "{probes:#?}");
        assert!(probes.probes.iter().all(|probe| probe.reach != netdiag::evidence::Reach::Connected));
        assert_eq!(learn(&probes), Dialect::default());
    }
}

fn udp_echo(server: &Server) -> Datagrams {
    let (probes, dialect) = server.examine_calmly(Transport::Udp, Depth::Full);
    let seen = || format!("{dialect:#?} {probes:#?}");
    assert_eq!(value(dialect.echoes.as_ref()), Some(true), "{}", seen());
    assert_eq!(value(dialect.framing.as_ref()), Some(Framing::Datagram), "{}", seen());
    assert_eq!(value(dialect.reply.as_ref()), Some(Reply::Exact), "{}", seen());
    assert_eq!(value(dialect.binary.as_ref()), Some(Binary::Clean), "{}", seen());
    assert_eq!(value(dialect.survives_rude.as_ref()), Some(true), "{}", seen());
    assert_eq!(dialect.gone, None, "{}", seen());
    let datagrams = value(dialect.datagrams.as_ref()).unwrap_or_else(|| panic!("{}", seen()));
    assert_eq!(datagrams.unanswered, None, "{}", seen());
    datagrams
}

#[test]
fn socat_echoes_datagrams() {
    let words = ["socat", "-b", "65536", "UDP-RECVFROM:0,bind=127.0.0.1,fork", "EXEC:/bin/cat"];
    let datagrams = udp_echo(&Server::start("socat", &words, Transport::Udp));
    assert_eq!((datagrams.whole, datagrams.cut), (8192, None));
}

#[test]
fn the_echo_service_of_xinetd_is_a_raw_echo_even_where_it_limits_the_rate_of_connections() {
    let server = xinetd(Transport::Tcp);
    let (probes, dialect) = server.examine(Transport::Tcp, Depth::Full);
    // Unless told otherwise xinetd turns the service off for ten seconds after fifty connections within one.
    Expected { limits_crowds: true, ..Expected::session(Framing::Raw) }.hold(&probes, &dialect);
}

#[test]
fn the_echo_service_of_xinetd_echoes_datagrams() {
    let datagrams = udp_echo(&xinetd(Transport::Udp));
    assert_eq!((datagrams.whole, datagrams.cut), (2048, Some((4096, 2048))), "the size of its buffer");
}
