//! One conversation made by hand: packets in order, and the sockets at both ends when the recording was frozen.

use super::{CLIENT_PID, SERVER, SERVER_PID, addr, ms};
use crate::evidence::{
    At, Bytes, Conversation, Flags, Owner, Port, Role, Segment, Socket, SocketState, Stream, TcpInfo, Transport, Turn,
};

/// A conversation under construction; each step becomes a packet with the next number, a little later than the last.
#[derive(Debug, Clone)]
pub struct Talk {
    pub conversation: Conversation,
    /// Rows of the table at the freeze.
    pub rows: Vec<Socket>,
    next: u64,
    now: f64,
}

/// Time between two steps, in milliseconds.
const STEP: f64 = 0.1;

/// A TCP connection from this port of the loopback address to the usual server, 50 ms after the recording began.
pub fn talk(from: u16) -> Talk {
    dial(from, SERVER).connected(50.0)
}

/// A TCP connection not yet begun.
pub fn dial(from: u16, target: &str) -> Talk {
    Talk::new(Transport::Tcp, &near(from, target), target, 1)
}

/// Datagrams between this port and the usual server, not yet sent.
pub fn datagrams(from: u16) -> Talk {
    Talk::new(Transport::Udp, &near(from, SERVER), SERVER, 1).at(50.0)
}

fn near(port: u16, target: &str) -> String {
    if addr(target).is_ipv6() { format!("[::1]:{port}") } else { format!("127.0.0.1:{port}") }
}

impl Talk {
    pub fn new(transport: Transport, dialler: &str, listener: &str, number: u64) -> Self {
        let conversation = Conversation {
            transport,
            dialler: addr(dialler),
            listener: addr(listener),
            from_start: true,
            began: ms(0.0),
            syns: vec![],
            syn_ack: None,
            refused: None,
            self_connect: false,
            sent: Stream::default(),
            received: Stream::default(),
            segments: vec![],
            segments_omitted: 0,
            segments_head: usize::MAX,
            turns: vec![],
            turns_omitted: 0,
        };
        Self { conversation, rows: vec![], next: number, now: 0.0 }
    }

    /// The next step happens then.
    pub fn at(mut self, at: f64) -> Self {
        self.now = at;
        if self.conversation.segments.is_empty() {
            self.conversation.began = ms(at);
        }
        self
    }

    /// The next step happens so much later.
    pub fn after(mut self, pause: f64) -> Self {
        self.now += pause;
        self
    }

    /// The client sends.
    pub fn asks(self, payload: &str) -> Self {
        let now = self.now;
        self.data(now, Port::Dialler, payload.as_bytes())
    }

    /// The server sends.
    pub fn answers(self, payload: &str) -> Self {
        let now = self.now;
        self.data(now, Port::Listener, payload.as_bytes())
    }

    /// This side ends its direction.
    pub fn closes(self, role: Role) -> Self {
        let now = self.now;
        self.fin(now, crate::facts::talk::port(role))
    }

    /// This side resets.
    pub fn resets(mut self, role: Role) -> Self {
        let (now, from) = (self.now, crate::facts::talk::port(role));
        self.stream(from).rst = Some(ms(now));
        self.segment(now, from, Flags { rst: true, ack: true, ..Flags::default() }, b"");
        self
    }

    /// The client asks, the server echoes.
    pub fn echoes(self, payload: &str) -> Self {
        self.asks(payload).answers(payload)
    }

    /// The whole of a healthy conversation: one echo, then both close, the client first.
    pub fn healthy(self) -> Self {
        self.echoes("hello\n").closes(Role::Client).closes(Role::Server)
    }

    /// Both ends were open and held by their programs, everything read.
    pub fn open(self) -> Self {
        let state = |talk: &Self| match (&talk.conversation.sent.fin, &talk.conversation.received.fin) {
            (None, None) => (SocketState::Established, SocketState::Established),
            (Some(_), None) => (SocketState::CloseWait, SocketState::FinWait2),
            (None, Some(_)) => (SocketState::FinWait2, SocketState::CloseWait),
            (Some(_), Some(_)) => (SocketState::Closed, SocketState::TimeWait),
        };
        let (server, client) = state(&self);
        self.row(Role::Server, server, true).row(Role::Client, client, true)
    }

    /// The kernel had finished the handshake, and no program held the server's end.
    pub fn unaccepted(self) -> Self {
        let waiting = self.conversation.sent.total as u32;
        let state =
            if self.conversation.sent.fin.is_some() { SocketState::CloseWait } else { SocketState::Established };
        let mut talk = self.row(Role::Server, state, false).row(Role::Client, SocketState::Established, true);
        talk.rows[0].recv_queue = Some(waiting);
        talk
    }

    /// Both ends were open; the server's program had left all it was sent unread.
    pub fn unread(self) -> Self {
        let waiting = self.conversation.sent.total as u32;
        let mut talk = self.open();
        talk.rows[0].recv_queue = Some(waiting);
        talk
    }

    /// Changes the row of `role`'s end.
    pub fn end(mut self, role: Role, change: impl FnOnce(&mut Socket)) -> Self {
        change(&mut self.rows[usize::from(role == Role::Client)]);
        self
    }

    fn row(mut self, role: Role, state: SocketState, held: bool) -> Self {
        let Conversation { dialler, listener, transport, .. } = self.conversation;
        let (local, remote, received) = match role {
            Role::Server => (listener, dialler, self.conversation.sent.total),
            Role::Client => (dialler, listener, self.conversation.received.total),
        };
        let udp_server = transport == Transport::Udp && role == Role::Server;
        self.rows.push(Socket {
            transport,
            local,
            remote: (!udp_server).then_some(remote),
            state: if udp_server { SocketState::Unconnected } else { state },
            inode: u64::from(held) * u64::from(local.port()),
            uid: Some(1000),
            owners: if held { vec![owner(role)] } else { vec![] },
            owners_known: true,
            recv_queue: Some(0),
            send_queue: Some(0),
            eof_unread: None,
            v6only: None,
            info: Some(TcpInfo { bytes_received: received, ..TcpInfo::default() }),
        });
        self
    }

    fn stream(&mut self, from: Port) -> &mut Stream {
        if from == Port::Dialler { &mut self.conversation.sent } else { &mut self.conversation.received }
    }

    pub fn segment(&mut self, at: f64, from: Port, flags: Flags, payload: &[u8]) -> &mut Segment {
        let offset = self.stream(from).total;
        let udp = self.conversation.transport == Transport::Udp;
        if !payload.is_empty() {
            grow(self.stream(from), ms(at), payload, udp);
            self.turn(at, from, offset, payload.len() as u64);
        }
        self.conversation.segments.push(Segment {
            number: self.next,
            at: ms(at),
            from,
            flags,
            offset,
            ack: 0,
            window: 65_535,
            len: payload.len() as u32,
            excerpt: Bytes(payload.iter().copied().take(Segment::EXCERPT).collect()),
            note: None,
        });
        self.next += 1;
        self.now = at + STEP;
        let last = self.conversation.segments.len() - 1;
        &mut self.conversation.segments[last]
    }

    fn turn(&mut self, at: f64, from: Port, offset: u64, len: u64) {
        match self.conversation.turns.last_mut().filter(|turn| turn.from == from) {
            Some(turn) => {
                turn.len += len;
                turn.segments += 1;
                turn.last = ms(at);
            }
            None => self.conversation.turns.push(Turn { from, offset, len, segments: 1, first: ms(at), last: ms(at) }),
        }
    }

    pub fn syn(mut self, at: f64) -> Self {
        if self.conversation.syns.is_empty() {
            self.conversation.began = ms(at);
        }
        self.conversation.syns.push(ms(at));
        self.segment(at, Port::Dialler, Flags { syn: true, ..Flags::default() }, b"");
        self
    }

    pub fn connected(self, at: f64) -> Self {
        let mut talk = self.syn(at);
        talk.conversation.syn_ack = Some(ms(at));
        talk.segment(at, Port::Listener, Flags { syn: true, ack: true, ..Flags::default() }, b"");
        talk.ack(at, Port::Dialler)
    }

    pub fn refused(mut self, at: f64) -> Self {
        self.conversation.refused = Some(ms(at));
        self.segment(at, Port::Listener, Flags { rst: true, ack: true, ..Flags::default() }, b"");
        self
    }

    pub fn ack(mut self, at: f64, from: Port) -> Self {
        self.segment(at, from, Flags { ack: true, ..Flags::default() }, b"");
        self
    }

    pub fn data(mut self, at: f64, from: Port, payload: &[u8]) -> Self {
        let tcp = self.conversation.transport == Transport::Tcp;
        self.segment(at, from, Flags { ack: tcp, psh: tcp, ..Flags::default() }, payload);
        self
    }

    pub fn fin(mut self, at: f64, from: Port) -> Self {
        self.stream(from).fin = Some(ms(at));
        self.segment(at, from, Flags { fin: true, ack: true, ..Flags::default() }, b"");
        self
    }

    /// Packet numbers begin after `last`; returns the last one used.
    pub(super) fn renumber(&mut self, last: u64) -> u64 {
        for (segment, number) in self.conversation.segments.iter_mut().zip(last + 1..) {
            segment.number = number;
        }
        last + self.conversation.segments.len() as u64
    }
}

/// The process that plays `role`.
pub fn owner(role: Role) -> Owner {
    let (pid, program) = if role == Role::Server { (SERVER_PID, 0) } else { (CLIENT_PID, 1) };
    Owner { pid, name: "python3".to_owned(), role: Some(role), program: Some(program) }
}

/// Adds payload as the capture would keep it.
fn grow(stream: &mut Stream, at: At, payload: &[u8], datagram: bool) {
    const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const FNV_PRIME: u64 = 0x0100_0000_01b3;
    let start = if stream.total == 0 { FNV_OFFSET } else { stream.digest };
    stream.digest = payload.iter().fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME));
    stream.total += payload.len() as u64;
    stream.acked = stream.total;
    let room = Stream::HEAD - stream.head.len();
    stream.head.0.extend(payload.iter().take(room));
    if stream.total > Stream::HEAD as u64 {
        stream.tail.0.extend(payload);
        stream.tail.0.drain(..stream.tail.len().saturating_sub(Stream::TAIL));
    }
    if datagram {
        stream.datagrams.push(payload.len() as u32);
    }
    stream.first = stream.first.or(Some(at));
    stream.last = Some(at);
}
