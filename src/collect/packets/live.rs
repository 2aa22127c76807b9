//! Live capture: one thread reads the kernel's ring and folds it; everybody else looks at the result at any moment.
//!
//! The ring is read in blocks that the kernel hands over every millisecond. What lies in an open block is invisible until
//! then and lost if the capture is closed, so that the end of a recording is marked by a datagram of our own, and
//! nothing is believed complete before it was seen.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use pcap::{Active, BreakLoop, Error, Precision};

use super::gap;
use super::savefile::{message, unix_ns};
use crate::collect::clock::Clock;
use crate::evidence::{At, Gap, Packets};
use crate::wire::{Conversations, Decoded, Link, decode};

/// Frames on loopback reach 65,549 bytes (segmentation is left to the receiver there).
const SNAPLEN: i32 = 262_144;
/// Holds 16 MB of payload that came faster than it could be read: on loopback each packet takes two places in the ring, going
/// out and coming in. (The filter word `inbound` would save one of them, but libpcap filters the first blocks itself and
/// finds nothing inbound there, so that the first packets would be lost.)
const RING: i32 = 32 << 20;
/// After how long the kernel hands over a block that is not full, in milliseconds.
const BLOCK_MS: i32 = 1;
/// The longest wait for a marker. It takes a millisecond or two; longer means that the machine is stalled, or that the
/// ring was full and dropped it.
const MARKER_DEADLINE: Duration = Duration::from_secs(1);
/// Where no marker can be seen, as long as a block surely takes to be handed over and read.
const SETTLE: Duration = Duration::from_millis(20);
/// After how many packets the kernel is asked again how many it dropped.
const STATS_EVERY: u64 = 4096;

/// A capture in progress. Dropping it ends it.
pub struct Capture {
    device: String,
    shared: Arc<Shared>,
    marker: Option<Marker>,
    stop: BreakLoop,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    conversations: Conversations,
    /// Packets folded so far; markers are not counted.
    count: u64,
    /// The newest marker that was read.
    marked: u64,
    dropped: u64,
    /// Why the reading thread ended by itself.
    failure: Option<String>,
    ended: bool,
}

/// A socket that sends datagrams to itself, to show how far the capture has been read.
#[derive(Debug)]
struct Marker {
    socket: UdpSocket,
    address: SocketAddr,
    sent: Mutex<u64>,
}

impl Capture {
    /// Begins to capture on `device` (`lo`, `any`) what matches `filter` (see `man pcap-filter`). No packet that is sent
    /// after this returned can be missed.
    ///
    /// # Errors
    /// A [`Gap`] with its remedy when the capture may not or cannot be opened.
    pub fn open(device: &str, filter: Option<&str>, clock: Clock) -> Result<Self, Gap> {
        let marker = matches!(device, "lo" | "any").then(Marker::new).transpose();
        let marker = marker.map_err(|error| gap(device, &format!("no UDP socket on loopback: {error}")))?;
        let port = marker.as_ref().map(|marker| marker.address.port());
        let mut handle = arm(device, filter, port).map_err(|error| gap(device, &message(&error)))?;
        let number = handle.get_datalink().0;
        let link = Link::from_number(number)
            .ok_or_else(|| gap(device, &format!("its link layer {number} is not one netdiag reads")))?;
        let shared = Arc::new(Shared { state: Mutex::new(State::new()), changed: Condvar::new() });
        let stop = handle.breakloop_handle();
        let reader = Reader { handle, link, clock, shared: Arc::clone(&shared), marker: port };
        let thread = std::thread::Builder::new().name("packets".to_owned()).spawn(move || reader.run());
        thread.map_err(|error| gap(device, &format!("no thread to read with: {error}")))?;
        Ok(Self { device: device.to_owned(), shared, marker, stop })
    }

    /// Tells that a server listens on `port`; see [`Conversations::listens_on`].
    pub fn listens_on(&self, port: u16) {
        self.shared.lock().conversations.listens_on(port);
    }

    /// The datagram socket of this capture itself.
    #[must_use]
    pub fn own(&self) -> Option<SocketAddr> {
        self.marker.as_ref().map(|marker| marker.address)
    }

    /// What was read so far. It may lag a few milliseconds behind; [`Capture::freeze`] first if that matters.
    #[must_use]
    pub fn view(&self) -> Packets {
        let state = self.shared.lock();
        let mut packets = state.conversations.view();
        packets.device.clone_from(&self.device);
        packets.dropped = state.dropped;
        packets
    }

    /// Whether anything is on its way; see [`Conversations::in_flight`].
    #[must_use]
    pub fn in_flight(&self) -> bool {
        self.shared.lock().conversations.in_flight()
    }

    /// When the newest packet read so far was seen.
    #[must_use]
    pub fn last_packet(&self) -> Option<At> {
        self.shared.lock().conversations.last_packet()
    }

    /// Waits until everything sent before this call was read; the capture goes on. False when that could not be shown
    /// in time: then packets may be missing from the view.
    pub fn freeze(&self) -> bool {
        let Some(marker) = &self.marker else {
            // A wait that always passes in full: nothing can tell when a device without our marker has been read up.
            self.shared.wait(SETTLE, |state| state.ended);
            return !self.shared.lock().ended;
        };
        marker.send().is_some_and(|number| {
            self.shared.wait(MARKER_DEADLINE, |state| state.marked >= number || state.ended);
            self.shared.lock().marked >= number
        })
    }

    /// Why the capture broke off by itself, if it did (the device went down).
    #[must_use]
    pub fn failure(&self) -> Option<Gap> {
        self.shared.lock().failure.as_deref().map(|why| gap(&self.device, why))
    }

    /// Reads everything sent before this call and ends the capture. If that could not be shown in time, at least the
    /// marker was dropped, and is counted as such.
    #[must_use]
    pub fn stop(self) -> Packets {
        let complete = self.freeze();
        let mut packets = self.view();
        if !complete {
            packets.dropped = packets.dropped.max(1);
        }
        packets
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.stop.breakloop();
        // Before 1.10, libpcap looks at that only when the next packet comes.
        self.marker.as_ref().and_then(Marker::send);
        // The thread ends at once and closes the capture. Nobody waits for that: the kernel takes some 20 ms to be sure
        // that no processor still fills the ring.
    }
}

impl std::fmt::Debug for Capture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Capture").field("device", &self.device).field("shared", &self.shared).finish_non_exhaustive()
    }
}

/// Opens and arms a capture; when this returns, every matching packet is recorded.
fn arm(device: &str, filter: Option<&str>, marker: Option<u16>) -> Result<pcap::Capture<Active>, Error> {
    let mut handle = pcap::Capture::from_device(device)?
        .immediate_mode(false)
        .timeout(BLOCK_MS)
        .snaplen(SNAPLEN)
        .buffer_size(RING)
        .precision(Precision::Nano)
        .open()?;
    // The programs under test are started while the capture is open and must not inherit it.
    fcntl(&handle, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).map_err(|errno| Error::IoError(errno_kind(errno)))?;
    match (filter.map(str::trim).filter(|text| !text.is_empty()), marker) {
        (Some(filter), Some(port)) => handle.filter(&format!("({filter}) or (udp port {port})"), true)?,
        (Some(filter), None) => handle.filter(filter, true)?,
        (None, _) => {}
    }
    Ok(handle)
}

fn errno_kind(errno: nix::errno::Errno) -> std::io::ErrorKind {
    std::io::Error::from(errno).kind()
}

impl Marker {
    fn new() -> std::io::Result<Self> {
        let socket = UdpSocket::bind(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        Ok(Self { socket, address, sent: Mutex::new(0) })
    }

    /// Sends the next marker and says its number; `None` when it could not be sent.
    fn send(&self) -> Option<u64> {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let number = *sent + 1;
        self.socket.send_to(&number.to_be_bytes(), self.address).ok()?;
        *sent = number;
        // Nobody reads the marker itself; only its passing counts.
        let _ = self.socket.recv(&mut [0; 8]);
        Some(number)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `done`, at most for `limit`.
    fn wait(&self, limit: Duration, done: impl Fn(&State) -> bool) {
        let deadline = Instant::now() + limit;
        let mut state = self.lock();
        while !done(&state) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl State {
    fn new() -> Self {
        Self { conversations: Conversations::new(), count: 0, marked: 0, dropped: 0, failure: None, ended: false }
    }

    fn push(&mut self, at: At, link: Link, frame: &[u8], original_len: u32) {
        self.count += 1;
        self.conversations.push(self.count, at, link, frame, original_len);
    }
}

/// The reading thread.
struct Reader {
    handle: pcap::Capture<Active>,
    link: Link,
    clock: Clock,
    shared: Arc<Shared>,
    marker: Option<u16>,
}

impl Reader {
    fn run(mut self) {
        // Also after a panic, so that nobody waits for a thread that is gone.
        let _mark = MarkEnded(Arc::clone(&self.shared));
        let mut until_stats = STATS_EVERY;
        loop {
            let marked = match self.handle.next_packet() {
                Ok(packet) => {
                    let at = self.clock.at_unix_ns(unix_ns(packet.header));
                    let marked = self.marker.and_then(|port| marker_number(self.link, packet.data, port));
                    if marked.is_none() {
                        self.shared.lock().push(at, self.link, packet.data, packet.header.len);
                    }
                    marked
                }
                Err(Error::TimeoutExpired) => continue,
                // What a stopped live capture answers.
                Err(Error::NoMorePackets) => return,
                Err(error) => {
                    self.shared.lock().failure = Some(message(&error));
                    return;
                }
            };
            until_stats -= 1;
            if marked.is_some() || until_stats == 0 {
                until_stats = STATS_EVERY;
                self.report(marked);
            }
        }
    }

    /// Tells how many packets were dropped, and which marker was read.
    fn report(&mut self, marked: Option<u64>) {
        // On loopback the kernel counts each packet twice, going out and coming in, and drops likewise.
        let dropped = self.handle.stats().map(|stats| u64::from(stats.dropped).div_ceil(2));
        let mut state = self.shared.lock();
        if let Ok(dropped) = dropped {
            state.dropped = state.dropped.max(dropped);
        }
        if let Some(number) = marked {
            state.marked = state.marked.max(number);
            drop(state);
            self.shared.changed.notify_all();
        }
    }
}

/// Says on drop that the reading thread is gone.
struct MarkEnded(Arc<Shared>);

impl Drop for MarkEnded {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.ended = true;
        if std::thread::panicking() {
            state.failure = Some("the thread that reads packets broke down; please report this".to_owned());
        }
        drop(state);
        self.0.changed.notify_all();
    }
}

/// The number of our own marker, if this frame is one.
fn marker_number(link: Link, frame: &[u8], port: u16) -> Option<u64> {
    // Link header (14, 16 or 20), IPv4 header, UDP header, eight bytes: nothing longer needs to be decoded here.
    if frame.len() > 56 {
        return None;
    }
    match decode(link, frame, frame.len() as u32) {
        Ok(Decoded::Udp(datagram)) if datagram.source.port() == port && datagram.destination == datagram.source => {
            datagram.payload.try_into().ok().map(u64::from_be_bytes)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Shutdown, TcpListener, TcpStream};

    use super::*;

    /// A capture on loopback, or `None` where it is not permitted: then the gap must say what to do.
    fn capture(filter: &str) -> Option<Capture> {
        match Capture::open("lo", Some(filter), Clock::start()) {
            Ok(capture) => Some(capture),
            Err(gap) => {
                assert_eq!(gap.source, "packets");
                assert!(gap.why.contains("CAP_NET_RAW"), "{gap:?}");
                assert!(gap.remedy.contains("setcap cap_net_raw+ep"), "{gap:?}");
                None
            }
        }
    }

    fn pair(listener: &TcpListener) -> (TcpStream, TcpStream) {
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (client, listener.accept().unwrap().0)
    }

    #[test]
    fn a_conversation_is_seen_whole_from_its_syn_to_its_last_fin() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let Some(capture) = capture(&format!("tcp port {}", listener.local_addr().unwrap().port())) else { return };
        let (mut client, mut server) = pair(&listener);
        client.write_all(b"hello\n").unwrap();
        server.read_exact(&mut [0; 6]).unwrap();
        server.write_all(b"HELLO\n").unwrap();
        client.read_exact(&mut [0; 6]).unwrap();
        // Closing might not be enough: a program that another test is just starting holds a copy until its exec.
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(server.read(&mut [0; 1]).unwrap(), 0);
        server.shutdown(Shutdown::Write).unwrap();
        let packets = capture.stop();
        assert_eq!((packets.device.as_str(), packets.dropped, packets.undecoded), ("lo", 0, 0));
        let [talk] = &packets.conversations[..] else { panic!("{packets:#?}") };
        assert!(talk.from_start && talk.syn_ack.is_some());
        assert_eq!((talk.sent.head.escaped(), talk.received.head.escaped()), ("hello\\n".into(), "HELLO\\n".into()));
        assert_eq!((talk.sent.acked, talk.received.acked), (6, 6));
        assert!(talk.sent.fin < talk.received.fin, "{talk:#?}");
        assert_eq!(talk.segments.iter().map(|segment| segment.number).min(), Some(1), "markers are not numbered");
    }

    #[test]
    fn a_frozen_view_holds_everything_that_was_sent_before() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let Some(capture) = capture(&format!("tcp port {}", listener.local_addr().unwrap().port())) else { return };
        let (mut client, mut server) = pair(&listener);
        for round in 1..=100 {
            client.write_all(b"x").unwrap();
            server.read_exact(&mut [0; 1]).unwrap();
            assert!(capture.freeze());
            assert_eq!(capture.view().conversations[0].sent.total, round);
            assert!(capture.last_packet().is_some());
        }
    }

    #[test]
    fn packets_bear_the_time_of_the_recordings_clock() {
        let clock = Clock::start();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let filter = format!("tcp port {}", listener.local_addr().unwrap().port());
        let Ok(capture) = Capture::open("lo", Some(&filter), clock) else { return };
        let before = clock.now();
        let _ends = pair(&listener);
        let after = clock.now();
        let began = capture.stop().conversations[0].began;
        // The wall clock may be slewed meanwhile, at most by half a millisecond per second.
        assert!(began.0 + 1_000_000 >= before.0 && began.0 <= after.0 + 1_000_000, "{before:?} {began:?} {after:?}");
    }

    #[test]
    fn a_syn_without_an_answer_is_in_flight() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        // Only the way to the server is recorded, as if its answers never came.
        let Some(capture) = capture(&format!("tcp dst port {port}")) else { return };
        assert!(!capture.in_flight());
        let client = TcpStream::connect(("127.0.0.1", port)).unwrap();
        assert!(capture.freeze());
        assert!(capture.in_flight());
        drop(client);
    }

    #[test]
    fn datagrams_are_captured_without_a_filter_too_and_our_own_markers_are_left_out() {
        let Ok(capture) = Capture::open("any", None, Clock::start()) else { return };
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        sender.send_to(b"ping", receiver.local_addr().unwrap()).unwrap();
        let marker = capture.marker.as_ref().unwrap().address;
        assert!(capture.freeze());
        let packets = capture.stop();
        assert!(packets.conversations.iter().all(|talk| talk.dialler != marker));
        let ours = packets.conversations.iter().find(|talk| Ok(talk.dialler) == sender.local_addr().map_err(|_| ()));
        assert_eq!(ours.unwrap().sent.datagrams, [4], "once, although `any` shows it twice");
    }

    #[test]
    fn programs_started_meanwhile_do_not_inherit_the_capture() {
        let Ok(handle) = arm("lo", Some("udp port 9"), None) else { return };
        let flags = fcntl(&handle, FcntlArg::F_GETFD).unwrap();
        assert!(FdFlag::from_bits_truncate(flags).contains(FdFlag::FD_CLOEXEC));
    }

    #[test]
    fn what_cannot_be_captured_is_a_gap_that_says_what_to_do() {
        for (device, filter) in [("nosuchdevice0", None), ("lo", Some("tcp prot 7"))] {
            let gap = Capture::open(device, filter, Clock::start()).unwrap_err();
            assert_eq!(gap.source, "packets");
            assert!(!gap.remedy.is_empty() && !gap.why.is_empty());
        }
    }

    #[test]
    fn a_dropped_capture_ends_its_thread_at_once() {
        let Some(capture) = capture("tcp port 9") else { return };
        let shared = Arc::clone(&capture.shared);
        drop(capture);
        shared.wait(Duration::from_secs(10), |state| state.ended);
        assert!(shared.lock().ended);
    }
}
