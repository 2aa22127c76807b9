//! Packets, socket table rows and probes in words.

use super::super::escape;
use super::{EXCERPT, Telling, list_few, size, time};
use crate::evidence::{
    At, Bytes, Close, Conversation, Evidence, Note, Packets, Port, Probe, Reach, Segment, Snapshot, Socket, SocketState,
};

pub fn packet(number: u64, evidence: &Evidence, telling: Telling) -> Option<String> {
    let packets = evidence.packets.seen().ok()?;
    if let Some(icmp) = packets.unreachable.iter().find(|icmp| icmp.number == number) {
        let what = if icmp.port_closed() { "no socket has that port" } else { "a rule forbids it" };
        let words = if packets.rebuilt.is_some() {
            format!("a datagram to {} found nobody ({what})", icmp.target)
        } else {
            format!("ICMP unreachable for {} ({what})", icmp.target)
        };
        return Some(seen(number, icmp.at, packets, telling) + &words);
    }
    packets.conversations.iter().find_map(|conversation| {
        let segment = conversation.segments.iter().find(|segment| segment.number == number)?;
        Some(seen(number, segment.at, packets, telling) + &segment_words(conversation, segment, telling))
    })
}

/// Where it was seen and when, unless that is left to chance.
fn seen(number: u64, at: At, packets: &Packets, telling: Telling) -> String {
    match telling {
        Telling::Steady => String::new(),
        Telling::Exact if packets.rebuilt.is_some() => format!("socket calls at {}: ", time(at.ms())),
        Telling::Exact => format!("packet {number} at {}: ", time(at.ms())),
    }
}

fn segment_words(conversation: &Conversation, segment: &Segment, telling: Telling) -> String {
    let (from, to, target) = match segment.from {
        Port::Dialler => ("the client", "the server", conversation.listener),
        Port::Listener => ("the server", "the client", conversation.dialler),
    };
    let flags = segment.flags;
    if flags.syn && !flags.ack {
        return format!("{from} dials {target} (SYN)");
    }
    if flags.rst && conversation.syn_ack.is_none() {
        return format!("{} refuses (RST): nobody listens there", conversation.listener);
    }
    let is_exact = telling == Telling::Exact;
    let again = if is_exact && segment.note == Some(Note::Retransmission) { " again" } else { "" };
    // Whether an end is reset or closed first depends on what is still on its way.
    let resets = flags.rst || (flags.fin && !is_exact && conversation.stream(segment.from).rst.is_some());
    if segment.len > 0 {
        let text = escape::quoted(&segment.excerpt.0, u64::from(segment.len), EXCERPT);
        return format!("{from} sends{again} {text} ({})", size(u64::from(segment.len)));
    }
    match flags {
        _ if flags.syn => format!("{from}'s kernel accepts the connection (SYN-ACK)"),
        _ if resets => format!("{from} resets the connection (RST)"),
        _ if flags.fin => format!("{from} has nothing more to send (FIN)"),
        _ if segment.note == Some(Note::ZeroWindow) => {
            format!("{from} has no room for more (window 0)")
        }
        _ => format!("{from} acknowledges what {to} sent (ACK)"),
    }
}

pub fn snapshot(snapshot: &Snapshot, telling: Telling) -> String {
    let down = if snapshot.loopback_up == Some(false) { "the loopback interface is down; " } else { "" };
    let rows = list_few(snapshot.sockets.iter().map(|socket| row(socket, telling)));
    format!("{down}socket table{}: {rows}", telling.when(snapshot.at))
}

pub fn row(socket: &Socket, telling: Telling) -> String {
    let holder = match socket.owners.first() {
        Some(owner) => match owner.role {
            Some(role) => format!("the {role}{}", telling.pid(owner.pid)),
            None => format!("{}{}", owner.name, telling.pid(owner.pid)),
        },
        None if socket.owners_known => "no process".to_owned(),
        None => "a process netdiag may not look at".to_owned(),
    };
    let queued = socket.recv_queue.unwrap_or(0);
    if socket.state == SocketState::Listen {
        let waiting = match queued {
            0 => String::new(),
            1 => ", 1 connection waits for accept".to_owned(),
            n => format!(", {n} connections wait for accept"),
        };
        return format!("{holder} listens on {}{waiting}", socket.local);
    }
    let peer = socket.remote.map_or_else(String::new, |remote| format!(" ↔ {remote}"));
    let unread = if queued > 0 { format!(", {} unread", size(u64::from(queued))) } else { String::new() };
    format!("{holder} holds {}{peer} ({}{unread})", socket.local, state(socket.state))
}

fn state(state: SocketState) -> &'static str {
    match state {
        SocketState::Listen => "LISTEN",
        SocketState::SynSent => "SYN-SENT",
        SocketState::SynReceived => "SYN-RECV",
        SocketState::Established => "ESTABLISHED",
        SocketState::FinWait1 => "FIN-WAIT-1",
        SocketState::FinWait2 => "FIN-WAIT-2",
        SocketState::CloseWait => "CLOSE-WAIT",
        SocketState::Closing => "CLOSING",
        SocketState::LastAck => "LAST-ACK",
        SocketState::TimeWait => "TIME-WAIT",
        SocketState::Closed => "CLOSED",
        SocketState::Unconnected => "UDP, unconnected",
    }
}

/// A probe and what came of it.
#[must_use]
pub fn probe(probe: &Probe, telling: Telling) -> String {
    let Some(reach) = reach(probe) else {
        return format!("netdiag {} and {}", sent(probe), answer(probe, telling));
    };
    format!("netdiag's probe of {} {reach}", probe.target)
}

fn reach(probe: &Probe) -> Option<&'static str> {
    match probe.reach {
        Reach::Connected => None,
        Reach::Refused => Some("is refused"),
        Reach::Unanswered => Some("gets no answer"),
        Reach::Local => Some("is refused by this machine's own kernel"),
    }
}

fn sent(probe: &Probe) -> String {
    let total: usize = probe.sent.iter().map(Bytes::len).sum();
    if total == 0 {
        return format!("connects to {}, sends nothing", probe.target);
    }
    let all: Vec<u8> = probe.sent.iter().flat_map(|write| &write.0).copied().take(256).collect();
    let closing = if probe.half_closed { ", half-closes" } else { "" };
    format!("sends {} ({}){closing}", escape::quoted(&all, total as u64, EXCERPT), size(total as u64))
}

/// What a probe got back, as a predicate.
#[must_use]
pub fn answer(probe: &Probe, telling: Telling) -> String {
    let end = match probe.close {
        Close::Fin => ", then the server closes",
        Close::Reset => ", then the server resets the connection",
        Close::Open | Close::None => "",
    };
    if probe.received_total == 0 && probe.at_rest {
        return format!("gets nothing back: the server has read all of it and waits for more{end}");
    }
    if probe.received_total == 0 && probe.patience_ms == 0 {
        return format!("waits for nothing{end}");
    }
    if probe.received_total == 0 {
        return format!("gets nothing back within {}{end}", time(probe.patience_ms as f64));
    }
    let first = probe.first_byte_ms.filter(|_| telling == Telling::Exact);
    let after = first.map_or_else(String::new, |ms| format!(" after {}", time(ms)));
    let same = probe.received.0 == probe.sent.iter().flat_map(|write| write.0.clone()).collect::<Vec<_>>();
    let what = if same {
        "the same".to_owned()
    } else {
        format!("{} ({})", escape::quoted(&probe.received.0, probe.received_total, EXCERPT), size(probe.received_total))
    };
    format!("gets back {what}{after}{end}")
}
