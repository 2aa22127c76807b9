//! One connection: dial, say, listen, half-close, part. Everything that happens on it goes into its [`Probe`].

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use super::rest::{ARRIVED, Rest};
use crate::collect::clock::Clock;
use crate::evidence::{Bytes, Close, Probe, Reach, Shape, Transport};

/// How much of what is sent, and of what comes, is kept.
pub(super) const KEPT: usize = 64 << 10;

/// A server that sends more than this unasked is not listened to any further.
pub(super) const FLOOD: u64 = 4 << 20;

/// Where the text of a first answer is looked for.
const OPENING: usize = 8 << 10;

/// The wait for a connection: long enough for the kernel's second and third attempt, which a full accept queue needs.
const DIALLING: Duration = Duration::from_millis(3500);

/// How long writing may stand still before what is left is kept back.
const STUCK: Duration = Duration::from_millis(1500);

/// How long a complete answer is given to go on.
const SETTLE: Duration = Duration::from_millis(2);

/// The longest time one answer may take altogether, however steadily it drips.
const LONGEST_ANSWER: Duration = Duration::from_secs(5);

/// What all connections of an examination share.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    clock: Clock,
    pub(super) rest: Rest,
    /// Connections the server would not close. Closing them ourselves could reset them while it is still writing.
    kept_open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Setting {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, rest: Rest::default(), kept_open: Arc::default() }
    }

    /// Closes what the server would not close.
    pub(super) fn let_go(&self) {
        self.kept_open.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// A record of a probe that begins now and has not got anywhere yet.
    pub(super) fn blank(&self, shape: Shape, target: SocketAddr, transport: Transport, group: u32) -> Probe {
        Probe {
            shape,
            target,
            transport,
            at: self.clock.now(),
            from: None,
            reach: Reach::Unanswered,
            sent: Vec::new(),
            sent_total: 0,
            received: Bytes::default(),
            received_total: 0,
            first_byte_ms: None,
            last_byte_ms: None,
            before_half_close: 0,
            half_closed: false,
            close: Close::None,
            patience_ms: 0,
            at_rest: false,
            group,
        }
    }
}

/// When an answer counts as complete, so that no time is lost waiting for more.
#[derive(Debug, Clone)]
pub(super) enum Enough {
    /// When this many bytes have come on this connection.
    Bytes(u64),
    /// When this text has come since the waiting began, in any case, and a line end after it.
    Text(Vec<u8>),
}

/// How to wait for an answer.
#[derive(Debug, Clone)]
pub(super) struct Wait {
    /// How long for the first byte.
    pub first: Duration,
    /// How long for each further byte.
    pub quiet: Duration,
    /// How long once the text is there but no line end.
    pub tail: Duration,
    /// How long once the answer is complete.
    pub settle: Duration,
    /// When it is complete.
    pub enough: Enough,
    /// Becomes true when waiting for a first byte has lost its sense.
    pub hurry: Option<watch::Receiver<bool>>,
    /// Whether the time is kept although the server rests: somebody else waits for it to pass.
    pub whole: bool,
}

impl Wait {
    /// Waits as long for the first as for each further byte.
    pub(super) fn patient(patience: Duration, enough: Enough) -> Self {
        Self { first: patience, quiet: patience, tail: patience, settle: SETTLE, enough, hurry: None, whole: false }
    }
}

/// A connection and its record.
#[derive(Debug)]
pub(super) struct Talk {
    pub probe: Probe,
    stream: Option<TcpStream>,
    setting: Setting,
    last_write: Option<Instant>,
    last_byte: Option<Instant>,
    /// When the server last got something to react to: our connection, bytes, our half-close.
    last_word: Instant,
}

impl Talk {
    /// Dials. What became of it is in `probe.reach`; all other steps do nothing without a connection.
    pub(super) async fn dial(setting: &Setting, shape: Shape, target: SocketAddr, group: u32) -> Self {
        let mut probe = setting.blank(shape, target, Transport::Tcp, group);
        let stream = match timeout(DIALLING, TcpStream::connect(target)).await {
            Ok(Ok(stream)) if is_connected_to_itself(&stream) => {
                probe.reach = Reach::Refused;
                None
            }
            Ok(Ok(stream)) => {
                probe.reach = Reach::Connected;
                probe.close = Close::Open;
                probe.from = stream.local_addr().ok();
                probe.from.into_iter().for_each(|address| setting.rest.asks_from(address));
                // Without it a second write may wait for the acknowledgement of the first; if it fails, it may.
                let _ = stream.set_nodelay(true);
                Some(stream)
            }
            Ok(Err(error)) => {
                probe.reach = reach(&error);
                None
            }
            Err(_) => None,
        };
        let last_word = Instant::now();
        Self { probe, stream, setting: setting.clone(), last_write: None, last_byte: None, last_word }
    }

    /// Whether the connection stands and the server has not ended it.
    pub(super) fn is_open(&self) -> bool {
        self.stream.is_some() && self.probe.close == Close::Open
    }

    /// Whether anything has come.
    pub(super) fn heard(&self) -> u64 {
        self.probe.received_total
    }

    /// Time from the last write to now.
    pub(super) fn since_write(&self) -> Duration {
        self.last_write.map(|at| at.elapsed()).unwrap_or_default()
    }

    /// Writes `bytes` and takes in whatever comes meanwhile, so that neither side can block the other.
    pub(super) async fn say(&mut self, bytes: &[u8]) {
        let mut left = bytes;
        while !left.is_empty() && self.is_open() {
            let Some(stream) = &self.stream else { break };
            let interest = Interest::READABLE | Interest::WRITABLE;
            let Ok(Ok(ready)) = timeout(STUCK, stream.ready(interest)).await else { break };
            if ready.is_readable() {
                self.take_in();
            }
            let Some(stream) = self.stream.as_ref().filter(|_| ready.is_writable()) else { continue };
            match stream.try_write(left) {
                Ok(written) => left = &left[written..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => {
                    self.take_in();
                    if self.probe.close == Close::Open {
                        self.probe.close = Close::Reset;
                    }
                }
            }
        }
        self.note_sent(&bytes[..bytes.len() - left.len()]);
    }

    fn note_sent(&mut self, bytes: &[u8]) {
        let kept: usize = self.probe.sent.iter().map(Bytes::len).sum();
        self.probe.sent_total += bytes.len() as u64;
        self.probe.sent.push(Bytes::from(&bytes[..bytes.len().min(KEPT - kept.min(KEPT))]));
        self.last_word = Instant::now();
        self.last_write = Some(self.last_word);
        self.probe.at_rest = false;
        // The times of an answer count from the last write; what came during a long write came at once.
        self.probe.last_byte_ms = None;
        self.probe.first_byte_ms = (bytes.len() > KEPT / 8 && self.heard() > 0).then_some(0.0);
    }

    /// Waits for an answer as `wait` says, or until the server ends the connection, or is known to rest.
    pub(super) async fn listen(&mut self, wait: &Wait) {
        let begun = Instant::now();
        let before = self.heard();
        let mut hurry = wait.hurry.clone();
        self.probe.patience_ms = self.probe.patience_ms.max(wait.first.as_millis() as u64);
        while self.is_open() && begun.elapsed() < LONGEST_ANSWER && self.heard() < FLOOD {
            let complete = self.is_complete(&wait.enough, before);
            let quiet_since = self.last_byte.unwrap_or(begun).max(begun);
            let silent = self.heard() == before && complete.is_none();
            let deadline = match complete {
                Some(true) => quiet_since + wait.settle,
                Some(false) => quiet_since + wait.tail,
                None if silent => begun + wait.first,
                None => quiet_since + wait.quiet,
            };
            let Some(stream) = &self.stream else { break };
            let word = self.last_byte.map_or(self.last_word, |byte| byte.max(self.last_word));
            tokio::select! {
                biased;
                ready = timeout_at(deadline, stream.readable()) => match ready {
                    Ok(Ok(())) => self.take_in(),
                    _ => break,
                },
                () = told(&mut hurry), if silent => {
                    self.probe.patience_ms = begun.elapsed().as_millis() as u64;
                    break;
                }
                () = self.setting.rest.after(word.into_std()), if !wait.whole => {
                    if timeout(ARRIVED, stream.readable()).await.is_ok() {
                        self.take_in();
                    } else {
                        self.note_rest(begun);
                        break;
                    }
                }
            }
        }
    }

    /// The server rests. After our half-close that tells nothing of the time before it, unless it has said nothing at all.
    fn note_rest(&mut self, begun: Instant) {
        if !self.probe.half_closed || self.heard() == 0 {
            self.probe.at_rest = true;
            self.probe.patience_ms = begun.elapsed().as_millis() as u64;
        }
    }

    /// Whether what has come is a whole answer: `Some(false)` when it may be, or may lack its end.
    fn is_complete(&self, enough: &Enough, before: u64) -> Option<bool> {
        match enough {
            Enough::Bytes(due) => (self.heard() >= *due).then_some(true),
            Enough::Text(text) => resemblance(self.probe.received.0.get(before as usize..)?, text),
        }
    }

    /// Reads what is there without waiting.
    fn take_in(&mut self) {
        let Some(stream) = &self.stream else { return };
        let mut buffer = [0u8; 16 << 10];
        loop {
            match stream.try_read(&mut buffer) {
                Ok(0) => {
                    self.probe.close = Close::Fin;
                    return;
                }
                Ok(count) => absorb(&mut self.probe, &mut self.last_byte, self.last_write, &buffer[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => {
                    self.probe.close = Close::Reset;
                    return;
                }
            }
            if self.probe.received_total > FLOOD {
                return;
            }
        }
    }

    /// Shuts our direction down.
    pub(super) async fn half_close(&mut self) {
        if !self.is_open() || self.probe.half_closed {
            return;
        }
        if let Some(stream) = &mut self.stream {
            self.probe.before_half_close = self.probe.received_total;
            self.probe.half_closed = stream.shutdown().await.is_ok();
            self.last_word = Instant::now();
        }
    }

    /// Ends politely: half-close, take in the rest until the server ends too, close.
    pub(super) async fn part(mut self, farewell: Duration) -> Probe {
        self.half_close().await;
        if self.is_open() {
            let patience = self.probe.patience_ms;
            self.listen(&Wait::patient(farewell, Enough::Bytes(u64::MAX))).await;
            self.probe.patience_ms = patience.max(if patience == 0 { farewell.as_millis() as u64 } else { 0 });
        }
        if !self.probe.half_closed {
            self.probe.before_half_close = self.probe.received_total;
        }
        if self.is_open() {
            let mut kept_open = self.setting.kept_open.lock().unwrap_or_else(PoisonError::into_inner);
            kept_open.extend(self.stream.take());
        }
        self.probe
    }

    /// Ends rudely: the kernel sends RST instead of FIN.
    pub(super) fn reset(mut self) -> Probe {
        self.probe.before_half_close = self.probe.received_total;
        if let Some(stream) = self.stream.take() {
            // If the option cannot be set, the connection ends with FIN: less rude, and nothing depends on it.
            let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
        }
        self.probe
    }
}

/// Adds `bytes` to the record.
fn absorb(probe: &mut Probe, last_byte: &mut Option<Instant>, last_write: Option<Instant>, bytes: &[u8]) {
    let now = Instant::now();
    *last_byte = Some(now);
    probe.received_total += bytes.len() as u64;
    let room = KEPT - probe.received.len();
    probe.received.0.extend_from_slice(&bytes[..bytes.len().min(room)]);
    if let Some(last_write) = last_write {
        let ms = ms(now.duration_since(last_write));
        probe.first_byte_ms.get_or_insert(ms);
        probe.last_byte_ms = Some(ms);
    }
}

/// Whether `got` holds `text` and ends in a line end after it; `Some(false)` if it holds a third of it from either end:
/// a damaged answer, or half of one, is an answer too.
pub(super) fn resemblance(got: &[u8], text: &[u8]) -> Option<bool> {
    let got = &got[..got.len().min(OPENING)];
    let place = |part: &[u8]| got.windows(part.len().max(1)).position(|window| window.eq_ignore_ascii_case(part));
    if let Some(at) = place(text) {
        return Some(got[at + text.len()..].ends_with(b"\n"));
    }
    let third = text.len() / 3;
    place(&text[..third]).or_else(|| place(&text[text.len() - third..])).map(|_| false)
}

/// Milliseconds, to the microsecond: what is finer than that is noise.
pub(super) fn ms(time: Duration) -> f64 {
    time.as_micros() as f64 / 1000.0
}

/// Completes when `hurry` becomes true, or never.
async fn told(hurry: &mut Option<watch::Receiver<bool>>) {
    if let Some(hurry) = hurry
        && hurry.wait_for(|now| *now).await.is_ok()
    {
        return;
    }
    std::future::pending::<()>().await;
}

/// With no listener on a port from the ephemeral range, the kernel may one day dial from that very port and connect the
/// socket to itself (RFC 9293 simultaneous open).
fn is_connected_to_itself(stream: &TcpStream) -> bool {
    stream.local_addr().is_ok_and(|local| stream.peer_addr().is_ok_and(|peer| local == peer))
}

/// Which way an attempt to connect, or to send a datagram, failed.
pub(super) fn reach(error: &std::io::Error) -> Reach {
    match error.kind() {
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset => Reach::Refused,
        ErrorKind::TimedOut => Reach::Unanswered,
        _ => Reach::Local,
    }
}
