//! The thread that reads all tracers: one poll loop, bounded in connections, bytes and line length.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::Parts;
use super::line::{Ledger, Line, Speaker};
use super::starved::Starved;
use crate::collect::clock::Clock;
use crate::evidence::{At, Exceptions};

/// Connections at the same time; a forking server's children each have one.
const CONNECTIONS: usize = 256;
/// Bytes of one connection; an honest tracer limits itself far below.
const BYTES: usize = 8 << 20;
/// Bytes of one line.
const LINE: usize = 64 << 10;
/// How often an event loop is looked at.
const TICK: Duration = Duration::from_millis(50);
/// A loop that did not come back for so long is told of, in milliseconds; `BLOCKED_MS` of the tracer.
const BLOCKED_MS: f64 = 200.0;

/// What the owner asks of the reader.
#[derive(Debug)]
pub enum Request {
    /// Ask for stacks; the sender hears when all have answered.
    Stacks(Sender<()>),
    /// Read what is there and end.
    Stop,
}

/// Wakes the reader out of its poll.
#[derive(Debug)]
pub struct Bell(UnixStream);

impl Bell {
    /// The bell, and the end that can be polled.
    pub fn pair() -> std::io::Result<(Self, UnixStream)> {
        let (bell, ringing) = UnixStream::pair()?;
        bell.set_nonblocking(true)?;
        ringing.set_nonblocking(true)?;
        Ok((Self(bell), ringing))
    }

    /// Rings; a bell that is full rings already.
    pub fn ring(&self) {
        let _ = (&self.0).write(b"!");
    }
}

/// One tracer's connection.
#[derive(Debug)]
struct Connection {
    stream: UnixStream,
    speaker: Option<Speaker>,
    buffer: Vec<u8>,
    /// Whether the rest of an overlong line is being skipped.
    skipping: bool,
    bytes: usize,
    asyncio: bool,
    starved: Starved,
    asked: bool,
    over: bool,
}

/// The poll loop's state.
#[derive(Debug)]
pub struct Reader {
    listener: UnixListener,
    ringing: UnixStream,
    inbox: Receiver<Request>,
    clock: Clock,
    parts: Parts,
    own_threads: Arc<Mutex<Vec<(u32, u32)>>>,
    connections: Vec<Connection>,
    ledger: Ledger,
    waiting: Vec<Sender<()>>,
    ticked: Instant,
}

impl Reader {
    pub fn new(
        listener: UnixListener,
        ringing: UnixStream,
        inbox: Receiver<Request>,
        clock: Clock,
        parts: Parts,
        own_threads: Arc<Mutex<Vec<(u32, u32)>>>,
    ) -> std::io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self {
            listener,
            ringing,
            inbox,
            clock,
            parts,
            own_threads,
            connections: Vec::new(),
            ledger: Ledger::default(),
            waiting: Vec::new(),
            ticked: Instant::now(),
        })
    }

    /// Reads until told to stop.
    pub fn run(mut self) -> Exceptions {
        loop {
            self.wait();
            // The bell before the requests, so that whoever rings from here on is heard in the next turn; the requests
            // before the connections, because a stop must find everything that was sent before it.
            let _ = (&self.ringing).read(&mut [0; 64]);
            let mut stop = false;
            while let Ok(request) = self.inbox.try_recv() {
                match request {
                    Request::Stacks(answered) => self.ask(answered),
                    Request::Stop => stop = true,
                }
            }
            self.accept();
            while self.read_all() && stop {}
            if stop {
                return self.ledger.close();
            }
            self.connections.retain(|connection| !connection.over);
            if self.connections.iter().all(|connection| !connection.asked) {
                for answered in self.waiting.drain(..) {
                    let _ = answered.send(());
                }
            }
            self.tick();
        }
    }

    /// Waits for something to read, or for the next tick while there is an event loop to watch.
    fn wait(&mut self) {
        let watched = self.connections.iter().any(|connection| connection.asyncio);
        let rest = TICK.saturating_sub(self.ticked.elapsed()).as_millis();
        let limit = if watched { PollTimeout::from(rest as u8) } else { PollTimeout::NONE };
        let mut fds = vec![
            PollFd::new(self.listener.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.ringing.as_fd(), PollFlags::POLLIN),
        ];
        fds.extend(self.connections.iter().map(|one| PollFd::new(one.stream.as_fd(), PollFlags::POLLIN)));
        let _ = poll(&mut fds, limit);
    }

    fn accept(&mut self) {
        while let Ok((stream, _)) = self.listener.accept() {
            if self.connections.len() >= CONNECTIONS || stream.set_nonblocking(true).is_err() {
                self.ledger.omit(1);
                continue;
            }
            self.connections.push(Connection {
                stream,
                speaker: None,
                buffer: Vec::new(),
                skipping: false,
                bytes: 0,
                asyncio: false,
                starved: Starved::default(),
                asked: false,
                over: false,
            });
        }
    }

    /// Reads from every connection once; whether anything came.
    fn read_all(&mut self) -> bool {
        let mut any = false;
        let mut connections = std::mem::take(&mut self.connections);
        for connection in connections.iter_mut().filter(|connection| !connection.over) {
            any |= self.read(connection);
        }
        self.connections = connections;
        any
    }

    fn read(&mut self, connection: &mut Connection) -> bool {
        let mut chunk = [0; 16 << 10];
        match connection.stream.read(&mut chunk) {
            Ok(0) => connection.over = true,
            Ok(count) => {
                connection.bytes += count;
                if connection.bytes > BYTES {
                    self.ledger.omit(1);
                    connection.over = true;
                } else {
                    self.split(connection, &chunk[..count]);
                }
                return true;
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => connection.over = true,
        }
        connection.asked &= !connection.over;
        false
    }

    fn split(&mut self, connection: &mut Connection, chunk: &[u8]) {
        for piece in chunk.split_inclusive(|&byte| byte == b'\n') {
            if connection.skipping || connection.buffer.len() + piece.len() > LINE {
                self.ledger.omit(u64::from(!connection.skipping));
                connection.buffer.clear();
                connection.skipping = !piece.ends_with(b"\n");
                continue;
            }
            connection.buffer.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                let line = std::mem::take(&mut connection.buffer);
                self.hear(connection, &line);
            }
        }
    }

    fn hear(&mut self, connection: &mut Connection, line: &[u8]) {
        let Ok(line) = serde_json::from_slice::<Line>(line) else {
            return self.ledger.omit(1);
        };
        let Some(speaker) = connection.speaker else {
            return self.greet(connection, line);
        };
        match line {
            Line::Thread { tid } => {
                let mut own = self.own_threads.lock().unwrap_or_else(PoisonError::into_inner);
                own.retain(|&(pid, _)| pid != speaker.pid);
                if own.len() < 4 * CONNECTIONS {
                    own.push((speaker.pid, tid));
                }
            }
            Line::Asyncio => connection.asyncio = true,
            Line::Stacks => connection.asked = false,
            Line::Stall { t, id, ms, location } => {
                // What it waited for a processor is the machine's doing.
                connection.starved.look(speaker.pid);
                let ms = ms - connection.starved.of_the_last(ms);
                if ms >= BLOCKED_MS {
                    self.note(speaker, Line::Stall { t, id, ms, location });
                }
            }
            other => self.note(speaker, other),
        }
    }

    fn note(&mut self, speaker: Speaker, line: Line) {
        let (clock, now) = (self.clock, self.clock.now());
        // A program may say any time; it cannot have seen the future.
        let at = |t: u64| -> At { clock.at_unix_ns(u128::from(t)).min(now) };
        self.ledger.note(speaker, line, at);
    }

    /// The first line must be a hello with the name of a part we prepared.
    fn greet(&mut self, connection: &mut Connection, line: Line) {
        let Line::Hello { pid, part, way, interpreter, asyncio } = line else {
            connection.over = true;
            return self.ledger.omit(1);
        };
        let known = self.parts.lock().unwrap_or_else(PoisonError::into_inner).get(&part).copied();
        let Some(part) = known else {
            connection.over = true;
            return self.ledger.omit(1);
        };
        let speaker = Speaker { part, pid: peer_pid(&connection.stream).unwrap_or(pid) };
        connection.speaker = Some(speaker);
        connection.asyncio = asyncio;
        self.ledger.enter(speaker, &way, &interpreter);
    }

    /// Asks all tracers for stacks, once more those that are still answering.
    fn ask(&mut self, answered: Sender<()>) {
        for connection in &mut self.connections {
            let Some(speaker) = connection.speaker else { continue };
            if !connection.asked && say(&connection.stream, b"dump\n") {
                connection.asked = true;
                self.ledger.forget_stacks(speaker.pid);
            }
        }
        self.waiting.push(answered);
    }

    fn tick(&mut self) {
        if self.ticked.elapsed() < TICK {
            return;
        }
        self.ticked = Instant::now();
        for connection in self.connections.iter_mut().filter(|connection| connection.asyncio) {
            if let Some(speaker) = connection.speaker {
                connection.starved.look(speaker.pid);
            }
            say(&connection.stream, b"tick\n");
        }
    }
}

/// Whether the request went out; a tracer that does not read gets none.
fn say(mut stream: &UnixStream, request: &[u8]) -> bool {
    matches!(stream.write(request), Ok(count) if count == request.len())
}

/// The process at the other end, as the kernel knows it (SO_PEERCRED, unix(7)).
#[cfg(target_os = "linux")]
fn peer_pid(stream: &UnixStream) -> Option<u32> {
    use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
    getsockopt(stream, PeerCredentials).ok().and_then(|peer| u32::try_from(peer.pid()).ok())
}

#[cfg(not(target_os = "linux"))]
fn peer_pid(_stream: &UnixStream) -> Option<u32> {
    None
}
