//! Conversations of the pair that got through, joined with the sockets at both ends.

use std::net::SocketAddr;

use super::reach::{self, Listener};
use super::{asked, datagrams, lines};
use crate::evidence::{
    At, Conversation, Evidence, Gap, Observed, Packets, Port, Role, Socket, SocketState, Sockets, Stream, TcpInfo,
    Transport,
};

/// One conversation between a client and a server.
#[derive(Debug, Clone)]
pub struct Talk<'e> {
    /// TCP or UDP.
    pub transport: Transport,
    /// The end that dialled.
    pub client: SocketAddr,
    /// The end that was dialled.
    pub server: SocketAddr,
    /// When it began, as far as is known.
    pub began: At,
    /// The captured conversation; `None` when no packets could be seen.
    pub conversation: Option<&'e Conversation>,
    /// The client's socket when the recording was frozen; `None` when it was gone or not seen.
    pub client_end: Option<SocketEnd>,
    /// The server's socket when the recording was frozen.
    pub server_end: Option<SocketEnd>,
    /// Why there is no `conversation`.
    pub unseen: Option<Gap>,
}

/// One end's socket at the moment the recording was frozen.
#[derive(Debug, Clone, PartialEq)]
pub struct SocketEnd {
    /// `sockets:S/R`.
    pub reference: String,
    /// TCP state.
    pub state: SocketState,
    /// Bytes that arrived and were not read.
    pub unread: Option<u32>,
    /// Bytes that were written and not acknowledged.
    pub unsent: Option<u32>,
    /// Whether a process holds it; `None` where the system does not tell. A connection nobody holds waits in the accept
    /// queue.
    pub is_held: Option<bool>,
    /// Process ids that hold it.
    pub pids: Vec<u32>,
    /// TCP_INFO.
    pub info: Option<TcpInfo>,
}

impl<'e> Talk<'e> {
    /// The captured conversation.
    pub fn conversation(&self) -> Result<&'e Conversation, Gap> {
        self.conversation.ok_or_else(|| {
            self.unseen.clone().unwrap_or_else(|| {
                Gap::new("packets", "this conversation was not captured", "run `netdiag doctor` to see how to capture")
            })
        })
    }

    /// What the client sent.
    pub fn request(&self) -> Result<&'e Stream, Gap> {
        Ok(&self.conversation()?.sent)
    }

    /// What the server sent.
    pub fn response(&self) -> Result<&'e Stream, Gap> {
        Ok(&self.conversation()?.received)
    }

    /// How many bytes the client sent, from packets or else from the server's socket.
    #[must_use]
    pub fn asked_bytes(&self) -> Option<u64> {
        match self.conversation {
            Some(conversation) => Some(conversation.sent.total),
            None => self.server_end.as_ref()?.info.map(|info| info.bytes_received),
        }
    }

    /// How many bytes the server sent, from packets or else from the client's socket.
    #[must_use]
    pub fn replied_bytes(&self) -> Option<u64> {
        match self.conversation {
            Some(conversation) => Some(conversation.received.total),
            None => self.client_end.as_ref()?.info.map(|info| info.bytes_received),
        }
    }

    /// Whether the connection was still open, for payload in at least one direction, when the recording was frozen.
    #[must_use]
    pub fn is_open(&self) -> bool {
        let lives = |end: &Option<SocketEnd>| {
            end.as_ref().is_some_and(|end| {
                matches!(
                    end.state,
                    SocketState::Established
                        | SocketState::CloseWait
                        | SocketState::FinWait2
                        | SocketState::Unconnected
                )
            })
        };
        if self.client_end.is_none() && self.server_end.is_none() {
            return self.conversation.is_some_and(|conversation| {
                let over = |stream: &Stream| stream.fin.is_some() || stream.rst.is_some();
                conversation.transport == Transport::Tcp && !over(&conversation.sent) && !over(&conversation.received)
            });
        }
        lives(&self.client_end) || lives(&self.server_end)
    }

    /// Whether the client has closed its side and no program of it holds the connection: it did not only half-close.
    #[must_use]
    pub fn client_has_left(&self) -> bool {
        let held = self.client_end.as_ref().is_some_and(|end| end.is_held != Some(false));
        !held && self.ended_by(Role::Client).is_some()
    }

    /// Whether the server's program accepted the connection; `None` when its socket was not seen.
    #[must_use]
    pub fn was_accepted(&self) -> Option<bool> {
        if self.conversation.is_some_and(|conversation| conversation.received.total > 0) {
            return Some(true);
        }
        let end = self.server_end.as_ref()?;
        match end.state {
            // Nobody's, and open: it waits in the accept queue. Later states without a holder were closed by theirs.
            SocketState::Established | SocketState::CloseWait | SocketState::Unconnected => end.is_held,
            _ => end.is_held.filter(|held| *held),
        }
    }

    /// Whether the server's program read all that arrived; `None` when its socket was not seen.
    #[must_use]
    pub fn was_read(&self) -> Option<bool> {
        self.server_end.as_ref()?.unread.map(|unread| unread == 0)
    }

    /// When `role` closed its direction by FIN.
    #[must_use]
    pub fn fin(&self, role: Role) -> Option<At> {
        self.conversation.and_then(|conversation| conversation.stream(port(role)).fin)
    }

    /// When `role` reset the connection.
    #[must_use]
    pub fn rst(&self, role: Role) -> Option<At> {
        self.conversation.and_then(|conversation| conversation.stream(port(role)).rst)
    }

    /// When `role` ended the connection, by FIN or RST.
    #[must_use]
    pub fn ended_by(&self, role: Role) -> Option<At> {
        [self.fin(role), self.rst(role)].into_iter().flatten().min()
    }

    /// The longest time between the end of a request and the beginning of the reply that followed it, in milliseconds.
    #[must_use]
    pub fn slowest_reply_ms(&self) -> Option<f64> {
        let turns = &self.conversation?.turns;
        let mut answered = 0;
        let mut slowest: Option<f64> = None;
        for (index, turn) in turns.iter().enumerate() {
            if turn.from == Port::Dialler {
                continue;
            }
            // Where turns were left out, the one before is not the one that was answered.
            let follows_at_once = turn.offset == answered;
            answered = turn.offset + turn.len;
            let request = index.checked_sub(1).map(|before| turns[before]).filter(|_| follows_at_once);
            if let Some(request) = request.filter(|request| request.from == Port::Dialler) {
                let ms = turn.first.ms_since(request.last);
                slowest = Some(slowest.map_or(ms, |known| known.max(ms)));
            }
        }
        slowest
    }

    /// The last moment at which a byte of payload was seen to pass, in either direction; the beginning if none did.
    #[must_use]
    pub fn last_heard(&self, frozen: At) -> At {
        let captured = self.conversation.map(|conversation| {
            [conversation.sent.last, conversation.received.last].into_iter().flatten().max().unwrap_or(self.began)
        });
        captured.unwrap_or_else(|| {
            let ends = [&self.server_end, &self.client_end].into_iter().flatten();
            let received = ends.filter_map(|end| end.info).filter(|info| info.bytes_received > 0);
            let ago = received.map(|info| u64::from(info.last_data_recv_ms) * 1_000_000).min();
            ago.map_or(self.began, |ago| At(frozen.0.saturating_sub(ago)))
        })
    }

    /// Whether the client leaves unread what the server sent, and the server has more to send: then it is the client that
    /// keeps the reply back.
    #[must_use]
    pub fn client_holds_up(&self) -> bool {
        let more_to_send = self.server_end.as_ref().is_some_and(|end| end.unsent.unwrap_or_default() > 0);
        let unread = self.client_end.as_ref().is_some_and(|end| end.unread.unwrap_or_default() > 0);
        let shut = self.conversation.is_some_and(|conversation| conversation.sent.zero_window.is_some());
        shut || (more_to_send && unread)
    }

    /// References to the last packets of `role` that carried payload, and to the sockets.
    #[must_use]
    pub fn references(&self) -> Vec<String> {
        let mut references = Vec::new();
        if let Some(conversation) = self.conversation {
            for side in [Port::Dialler, Port::Listener] {
                let last = conversation.segments.iter().rev().find(|segment| segment.from == side && segment.len > 0);
                references.extend(last.map(|segment| format!("packets:{}", segment.number)));
            }
        }
        references.extend(self.server_end.iter().chain(&self.client_end).map(|end| end.reference.clone()));
        references
    }

    /// References to the packets with which `role` ended the connection.
    #[must_use]
    pub fn closing_references(&self, role: Role) -> Vec<String> {
        let Some(conversation) = self.conversation else { return Vec::new() };
        conversation
            .segments
            .iter()
            .filter(|segment| segment.from == port(role) && (segment.flags.fin || segment.flags.rst))
            .take(1)
            .map(|segment| format!("packets:{}", segment.number))
            .collect()
    }
}

/// The end of a conversation that `role` holds.
#[must_use]
pub fn port(role: Role) -> Port {
    match role {
        Role::Client => Port::Dialler,
        Role::Server => Port::Listener,
    }
}

/// Conversations that got through, from packets; without packets, from the socket table.
pub(super) fn talks(evidence: &Evidence) -> Result<Vec<Talk<'_>>, Gap> {
    let frozen = Frozen::at_the_end(evidence);
    let ports = ports(evidence);
    match (&evidence.packets, &evidence.sockets) {
        (Observed::Seen(packets), _) => Ok(packets
            .conversations
            .iter()
            .filter(|conversation| {
                got_through(conversation, packets) && !datagrams::answers_another(conversation, packets)
            })
            .filter(|conversation| concerns_the_pair(conversation, evidence, &ports))
            .map(|conversation| captured(conversation, &frozen))
            .collect()),
        (Observed::NotObserved(gap), Observed::Seen(sockets)) => {
            // A look at the table may miss a connection, however long it was open.
            Some(tabled(sockets, &frozen, gap)).filter(|talks| !talks.is_empty()).ok_or_else(|| gap.clone())
        }
        (Observed::NotObserved(gap), Observed::NotObserved(_)) => Err(gap.clone()),
    }
}

fn got_through(conversation: &Conversation, packets: &Packets) -> bool {
    let refused = || {
        packets.unreachable.iter().any(|complaint| {
            (complaint.transport, complaint.sender, complaint.target)
                == (conversation.transport, conversation.dialler, conversation.listener)
        })
    };
    !conversation.self_connect
        && match conversation.transport {
            Transport::Tcp => conversation.syn_ack.is_some() || !conversation.from_start,
            Transport::Udp => conversation.received.total > 0 || !refused(),
        }
}

/// Programs talk to others too: resolvers, databases, their own helpers. What the pair says to each other goes to the
/// documented port, or else to a socket of the server.
fn concerns_the_pair(conversation: &Conversation, evidence: &Evidence, ports: &Ports) -> bool {
    if asked::is_probes(evidence, conversation.dialler)
        || reach::is_servers_own(conversation, evidence)
        || reach::is_name_lookup(conversation, evidence)
    {
        return false;
    }
    let Some((tcp, udp)) = ports else { return true };
    let relevant = if conversation.transport == Transport::Tcp { tcp } else { udp };
    relevant.is_empty() || relevant.contains(&conversation.listener.port())
}

/// The ports at which the pair meets, by TCP and by UDP; none when nobody knows who listens.
type Ports = Option<(Vec<u16>, Vec<u16>)>;

fn ports(evidence: &Evidence) -> Ports {
    let listeners = reach::listeners(evidence).ok()?;
    let relevant = |transport: Transport| {
        let waits = |listener: &&Listener| listener.role == Some(Role::Server) && listener.transport == transport;
        let ports: Vec<u16> = listeners.iter().filter(waits).map(|listener| listener.local.port()).collect();
        match lines::port_of(&evidence.contract) {
            Some(documented) if ports.is_empty() || ports.contains(&documented) => vec![documented],
            _ => ports,
        }
    };
    Some((relevant(Transport::Tcp), relevant(Transport::Udp)))
}

fn captured<'e>(conversation: &'e Conversation, frozen: &Frozen) -> Talk<'e> {
    Talk {
        transport: conversation.transport,
        client: conversation.dialler,
        server: conversation.listener,
        began: conversation.began,
        conversation: Some(conversation),
        client_end: frozen.end(conversation.transport, conversation.dialler, conversation.listener),
        server_end: frozen.end(conversation.transport, conversation.listener, conversation.dialler),
        unseen: None,
    }
}

/// The table knows connections by their two ends only; the client's program, or else the dialled port, tells which is which.
fn tabled<'e>(sockets: &Sockets, frozen: &Frozen, gap: &Gap) -> Vec<Talk<'e>> {
    let mut talks: Vec<Talk<'e>> = Vec::new();
    for (_, at, socket) in sockets.rows() {
        let Some(peer) = socket.remote else { continue };
        let by_client = socket.owners.iter().any(|owner| owner.role == Some(Role::Client));
        let through = !matches!(socket.state, SocketState::SynSent | SocketState::SynReceived | SocketState::Closed);
        let known = talks.iter().any(|talk| talk.client == socket.local && talk.server == peer);
        if !by_client || !through || known || socket.transport == Transport::Udp {
            continue;
        }
        talks.push(Talk {
            transport: socket.transport,
            client: socket.local,
            server: peer,
            began: at,
            conversation: None,
            client_end: frozen.end(socket.transport, socket.local, peer),
            server_end: frozen.end(socket.transport, peer, socket.local),
            unseen: Some(gap.clone()),
        });
    }
    talks
}

/// The last table at or before the freeze.
struct Frozen<'e> {
    rows: Vec<(String, &'e Socket)>,
    /// Whether rows have inodes; where they have queues they do.
    has_inodes: bool,
}

impl<'e> Frozen<'e> {
    fn at_the_end(evidence: &'e Evidence) -> Self {
        let Ok(sockets) = evidence.sockets.seen() else {
            return Self { rows: Vec::new(), has_inodes: false };
        };
        let frozen = sockets.snapshots.iter().rposition(|snapshot| snapshot.at <= evidence.setting.ended_at);
        let rows = frozen.map(|number| {
            let rows = sockets.snapshots[number].sockets.iter().enumerate();
            rows.map(|(row, socket)| (format!("sockets:{number}/{row}"), socket)).collect()
        });
        Self { rows: rows.unwrap_or_default(), has_inodes: sockets.has_queues }
    }

    fn end(&self, transport: Transport, local: SocketAddr, peer: SocketAddr) -> Option<SocketEnd> {
        let connected = |socket: &Socket| socket.local == local && socket.remote == Some(peer);
        let waits_there = |socket: &Socket| {
            transport == Transport::Udp && socket.remote.is_none() && socket.local.port() == local.port()
        };
        let of = |test: &dyn Fn(&Socket) -> bool| {
            self.rows.iter().find(|(_, socket)| socket.transport == transport && test(socket))
        };
        let (reference, socket) = of(&connected).or_else(|| of(&waits_there))?;
        Some(SocketEnd {
            reference: reference.clone(),
            state: socket.state,
            unread: socket.recv_queue,
            unsent: socket.send_queue,
            is_held: if self.has_inodes {
                Some(socket.inode != 0)
            } else {
                (!socket.owners.is_empty()).then_some(true)
            },
            pids: socket.owners.iter().map(|owner| owner.pid).collect(),
            info: socket.info,
        })
    }
}

#[cfg(test)]
mod tests;
