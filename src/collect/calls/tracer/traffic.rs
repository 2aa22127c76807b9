//! The calls that carry bytes: which sockets they concern, and what they say of the conversations.

use std::collections::{BTreeSet, HashMap};
use std::net::{Ipv4Addr, SocketAddr};

use nix::libc;
use nix::unistd::Pid;

use super::{Step, Tracer, now};
use crate::collect::calls::entered::{Entered, Kind, RESTARTS, peer, word};
use crate::collect::calls::line::Word;
use crate::collect::calls::moved::{self, Moved};
use crate::collect::calls::place::{self, Place};
use crate::evidence::{At, Transport};
use crate::wire::Rebuilt;

/// How much later than the last word about it, in nanoseconds, it is told again that bytes flow.
const NEWS: u64 = 1_000_000;
/// How many sockets are remembered.
const KNOWN: usize = 50_000;

/// What the calls that carry bytes have shown.
#[derive(Debug)]
pub struct Traffic {
    zero_unix_ns: u64,
    rebuilt: Rebuilt,
    /// Sockets by number; `None`: not of the Internet's families.
    known: HashMap<u64, Option<Place>>,
    told: Option<(At, bool)>,
    /// Why some bytes were not seen.
    blind: Option<String>,
}

impl Traffic {
    pub(super) fn new(zero_unix_ns: u64) -> Self {
        Self { zero_unix_ns, rebuilt: Rebuilt::default(), known: HashMap::new(), told: None, blind: None }
    }

    fn now(&self) -> At {
        At(now().saturating_sub(self.zero_unix_ns))
    }

    /// The call with the socket it concerns; `None` when it concerns none, so that its end need not be seen.
    pub(super) fn enter(&mut self, tid: i32, pid: i32, entered: Entered) -> Option<Entered> {
        if matches!(entered.kind, Kind::Socket | Kind::Ring) || entered.number == libc::SYS_close_range {
            return Some(entered);
        }
        let fd = match entered.kind {
            Kind::Splice => return self.splice(tid, pid, entered),
            _ => entered.fd,
        };
        let socket = self.socket(tid, fd);
        let entered = Entered { socket, ..entered };
        match entered.kind {
            Kind::Close => entered.socket.filter(|socket| self.rebuilt.follows(*socket)).map(|_| entered),
            kind if kind.is_traffic() => self.place(pid, fd, entered.socket?).map(|_| entered),
            _ => Some(entered),
        }
    }

    /// Both ends of a splice(2) may be sockets; then it is told of the one that is followed.
    fn splice(&mut self, tid: i32, pid: i32, entered: Entered) -> Option<Entered> {
        let ends = [(0, Kind::Takes), (2, Kind::Gives)];
        ends.into_iter().find_map(|(argument, kind)| {
            let fd = entered.arguments[argument] as i32;
            let socket = self.socket(tid, fd)?;
            self.place(pid, fd, socket)?;
            Some(Entered { kind, fd, socket: Some(socket), ..entered })
        })
    }

    fn socket(&mut self, tid: i32, fd: i32) -> Option<u64> {
        match place::socket(tid, fd) {
            Ok(socket) => socket,
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                self.blind.get_or_insert_with(|| {
                    "a program hides its descriptors, as one that changed its user does".to_owned()
                });
                None
            }
            Err(_) => None,
        }
    }

    fn place(&mut self, pid: i32, fd: i32, socket: u64) -> Option<Place> {
        if let Some(place) = self.known.get(&socket) {
            return *place;
        }
        let place = place::place(pid, fd, socket);
        self.keep(socket, place);
        place
    }

    /// The socket may have got addresses since. Tables do not show one that has none, or has lost them: it is what it was.
    fn look_again(&mut self, pid: i32, fd: i32, socket: u64) -> Option<Place> {
        let before = self.known.get(&socket).copied().flatten();
        let place = place::place(pid, fd, socket).or(before);
        self.keep(socket, place);
        place
    }

    fn keep(&mut self, socket: u64, place: Option<Place>) {
        if self.known.len() >= KNOWN {
            self.known.clear();
        }
        self.known.insert(socket, place);
    }

    /// Follows a call that has returned; the sockets that may be gone since, if any.
    fn leave(&mut self, tid: i32, pid: i32, entered: &Entered, result: i64) -> Vec<u64> {
        let at = self.now();
        if RESTARTS.contains(&result) {
            return Vec::new();
        }
        match (entered.kind, entered.socket) {
            (Kind::Close, Some(socket)) => return vec![socket],
            (Kind::Close, None) => return self.rebuilt.followed().collect(),
            (Kind::Socket, _) => self.made(tid, entered, result),
            (Kind::Accept, Some(_)) if result >= 0 => self.accepted(at, tid, pid, entered, result as i32),
            (Kind::Connect, Some(socket)) => self.connected(at, pid, entered, socket, result),
            (Kind::Bind, Some(socket)) if result == 0 => {
                self.look_again(pid, entered.fd, socket);
            }
            (Kind::SoError, Some(socket)) if result == 0 => match word(Pid::from_raw(tid), entered.arguments[3]) {
                Some(0) => self.rebuilt.connected(at, socket),
                Some(error) => self.failed(at, socket, -i64::from(error), false),
                None => {}
            },
            (Kind::Shutdown, Some(socket)) if result == 0 => {
                let how = entered.arguments[1] as i32;
                self.rebuilt.shut(at, socket, how != libc::SHUT_WR, how != libc::SHUT_RD);
            }
            (Kind::Linger, Some(socket)) if result == 0 => {
                let linger = [0, 4].map(|offset| word(Pid::from_raw(tid), entered.arguments[3] + offset));
                let abrupt = matches!(linger, [Some(on), Some(0)] if on != 0);
                self.rebuilt.lingers(socket, abrupt);
            }
            (Kind::Gives | Kind::Takes, Some(socket)) if result >= 0 => {
                self.moved(at, tid, pid, entered, socket, result);
            }
            (Kind::Gives, Some(socket)) => self.failed(at, socket, result, true),
            (Kind::Takes, Some(socket)) => self.failed(at, socket, result, false),
            _ => {}
        }
        Vec::new()
    }

    fn made(&mut self, tid: i32, entered: &Entered, result: i64) {
        if result < 0 {
            return;
        }
        let of_the_internet = matches!(entered.arguments[0] as i32, libc::AF_INET | libc::AF_INET6);
        let transport = match entered.arguments[1] as i32 & 0xf {
            libc::SOCK_STREAM => Some(Transport::Tcp),
            libc::SOCK_DGRAM => Some(Transport::Udp),
            _ => None,
        };
        let place =
            transport.filter(|_| of_the_internet).map(|transport| Place { transport, local: None, remote: None });
        if let Some(socket) = self.socket(tid, result as i32) {
            self.keep(socket, place);
        }
    }

    fn accepted(&mut self, at: At, tid: i32, pid: i32, entered: &Entered, fd: i32) {
        let Some(socket) = self.socket(tid, fd) else { return };
        let listener = entered.socket.and_then(|listener| self.place(pid, entered.fd, listener));
        if listener.is_none_or(|listener| listener.transport != Transport::Tcp) {
            return;
        }
        // One that was reset meanwhile is connected to nobody; the call may have named its peer.
        let place = self.place(pid, fd, socket);
        let remote = place.and_then(|place| place.remote).or_else(|| peer(Pid::from_raw(tid), entered));
        let local = place.and_then(|place| place.local).or(listener.and_then(|listener| listener.local));
        match (local, remote) {
            (Some(local), Some(remote)) => {
                self.rebuilt.accepted(at, socket, place::towards(local, remote), remote);
            }
            _ => self.lose_sight(),
        }
    }

    /// A connection may be missing from now on, and nothing may be concluded from its silence.
    fn lose_sight(&mut self) {
        self.blind.get_or_insert_with(|| "the addresses of a connection could not be found".to_owned());
    }

    fn connected(&mut self, at: At, pid: i32, entered: &Entered, socket: u64, result: i64) {
        let errors = |list: &[i32]| list.iter().any(|errno| result == -i64::from(*errno));
        let Some(target) = entered.address else { return };
        // Nothing was sent at all.
        let unsent =
            [libc::ENETUNREACH, libc::EADDRNOTAVAIL, libc::EALREADY, libc::EACCES, libc::EPERM, libc::EAFNOSUPPORT];
        if errors(&unsent)
            || errors(&[libc::EBADF, libc::ENOTSOCK, libc::EINVAL, libc::EFAULT, libc::EINTR, libc::EAGAIN])
        {
            return;
        }
        let Some(place) = self.look_again(pid, entered.fd, socket) else { return self.lose_sight() };
        if place.transport == Transport::Udp {
            return;
        }
        let remote = place.remote.unwrap_or(target);
        let local = place.local.unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        self.rebuilt.dials(at, socket, place::towards(local, remote), remote);
        if result == 0 || errors(&[libc::EISCONN]) || (errors(&[libc::EINPROGRESS]) && place.remote.is_some()) {
            self.rebuilt.connected(at, socket);
        } else {
            self.failed(at, socket, result, false);
        }
    }

    /// A call on `socket` failed; `sending`: one that gives bytes.
    fn failed(&mut self, at: At, socket: u64, result: i64, sending: bool) {
        match i32::try_from(-result) {
            Ok(libc::ECONNREFUSED) => match self.known.get(&socket) {
                Some(Some(Place { transport: Transport::Udp, local: Some(local), remote: Some(remote) })) => {
                    self.rebuilt.refused_datagram(at, place::towards(*local, *remote), *remote);
                }
                _ => self.rebuilt.refused(at, socket),
            },
            Ok(libc::ECONNRESET) => self.rebuilt.was_reset(at, socket),
            Ok(libc::EPIPE) if sending => self.rebuilt.cannot_send(at, socket),
            _ => {}
        }
    }

    fn moved(&mut self, at: At, tid: i32, pid: i32, entered: &Entered, socket: u64, result: i64) {
        let (tid, number, arguments) = (Pid::from_raw(tid), entered.number, &entered.arguments);
        let takes = entered.kind == Kind::Takes;
        if moved::takes_nothing(number, arguments) {
            return;
        }
        let Some(place) = self.place(pid, entered.fd, socket) else { return };
        if place.transport == Transport::Udp {
            for moved in moved::read(tid, number, arguments, result as u64) {
                self.datagram(at, pid, entered, socket, &moved);
            }
            return;
        }
        if takes && result == 0 {
            if !moved::asks_for_nothing(tid, number, arguments) {
                self.rebuilt.read_end(at, socket);
            }
            return;
        }
        for Moved { bytes, len, .. } in moved::read(tid, number, arguments, result as u64) {
            let bytes = bytes.as_deref().filter(|_| !entered.contested);
            if takes {
                self.rebuilt.received(at, socket, bytes, len);
            } else {
                self.rebuilt.sent(at, socket, bytes, len);
            }
        }
    }

    fn datagram(&mut self, at: At, pid: i32, entered: &Entered, socket: u64, moved: &Moved) {
        // A socket gets its address with its first datagram at the latest.
        if self.known.get(&socket).is_some_and(|place| place.is_some_and(|place| place.local.is_none())) {
            self.look_again(pid, entered.fd, socket);
        }
        let Some(Place { local: Some(local), remote, .. }) = self.place(pid, entered.fd, socket) else { return };
        let bytes = moved.bytes.as_deref().unwrap_or_default();
        let len = moved.len as u32;
        let named = moved.peer.or(remote);
        if entered.kind == Kind::Takes {
            let Some(source) = named.or_else(|| self.rebuilt.awaits(local)) else { return };
            self.rebuilt.received_datagram(at, (source, place::towards(local, source)), bytes, len);
        } else if let Some(target) = named {
            let target = place::towards(target, target);
            let ends = (place::towards(local, target), target);
            let answered = self.rebuilt.was_answered(target, ends.0);
            let nobody = target.ip().is_loopback() && !answered && !place::takes_datagrams(target.port());
            self.rebuilt.sent_datagram(at, ends, bytes, len, nobody);
        }
    }
}

impl Tracer {
    /// Follows a call that has returned, if the bytes are followed.
    pub(super) fn follow_bytes(&mut self, tid: i32, pid: i32, entered: &Entered, result: i64) {
        let Some(traffic) = &mut self.traffic else { return };
        let perhaps_gone = traffic.leave(tid, pid, entered, result);
        self.close_unheld(&perhaps_gone);
    }

    /// A thread has entered a call. Threads that move bytes through one socket at the same time are taken by the kernel in
    /// an order that their returns need not show; then only the other end knows it.
    pub(super) fn note_rivals(&mut self, tid: i32) {
        let entered = self.tracees.get(&tid).and_then(|tracee| tracee.entered);
        let Some(Entered { kind: kind @ (Kind::Gives | Kind::Takes), socket: Some(socket), .. }) = entered else {
            return;
        };
        let calls = self.tracees.values_mut().filter_map(|tracee| tracee.entered.as_mut());
        let mut rivals: Vec<&mut Entered> =
            calls.filter(|call| call.kind == kind && call.socket == Some(socket)).collect();
        if rivals.len() > 1 {
            for rival in &mut rivals {
                rival.contested = true;
            }
        }
    }

    /// A process has ended, or become another program.
    pub(super) fn let_go(&mut self) {
        let followed: Vec<u64> = self.traffic.iter().flat_map(|traffic| traffic.rebuilt.followed()).collect();
        self.close_unheld(&followed);
    }

    /// Of these sockets, those that no process holds any more are closed: a fork and a dup share what they hold.
    fn close_unheld(&mut self, perhaps: &[u64]) {
        let Some(traffic) = self.traffic.as_mut().filter(|_| !perhaps.is_empty()) else { return };
        let mut gone: BTreeSet<u64> = perhaps.iter().copied().collect();
        let pids: BTreeSet<i32> = self.tracees.values().map(|tracee| tracee.pid).collect();
        for pid in pids {
            for held in place::sockets(pid) {
                gone.remove(&held);
                if gone.is_empty() {
                    return;
                }
            }
        }
        let at = traffic.now();
        for socket in gone {
            traffic.rebuilt.closed(at, socket);
            traffic.known.remove(&socket);
        }
    }

    /// Answers the recorder with the conversations up to now. Dials that have not returned belong to them.
    pub(super) fn show(&mut self) -> Step {
        let Some(traffic) = &mut self.traffic else { return Ok(()) };
        let at = traffic.now();
        for tracee in self.tracees.values() {
            if let Some(entered @ Entered { kind: Kind::Connect, socket: Some(socket), .. }) = &tracee.entered {
                traffic.connected(at, tracee.pid, entered, *socket, -i64::from(libc::EINPROGRESS));
            }
        }
        let view = traffic.rebuilt.view();
        self.tell(&Word::View(Box::new(view)))
    }

    /// Tells now and then that bytes flow, and at once whether a dial waits for its answer.
    pub(super) fn tell_liveliness(&mut self) -> Step {
        let Some(traffic) = &mut self.traffic else { return Ok(()) };
        if let Some(why) = traffic.blind.take() {
            return self.tell(&Word::Blind { why });
        }
        let Some(at) = traffic.rebuilt.last_packet() else { return Ok(()) };
        let in_flight = traffic.rebuilt.in_flight();
        let is_news = traffic.told.is_none_or(|(told, flew)| at.0 > told.0 + NEWS || flew != in_flight);
        if !is_news {
            return Ok(());
        }
        traffic.told = Some((at, in_flight));
        self.tell(&Word::Lively { at, in_flight })
    }
}
