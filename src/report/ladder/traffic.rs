//! Captured conversations as rows: the handshake as one, a run of payload as one, bare acknowledgements as none.

use std::fmt::Write as _;
use std::net::SocketAddr;

use crate::evidence::{
    Conversation, Evidence, Note, Occasion, Packets, Port, Role, Segment, Stream, Transport, Unreachable,
};

use super::super::cite::{self, Telling};
use super::super::escape;
use super::super::style::Ink;
use super::events::{Event, Shown, What};

/// How many conversations are drawn.
const DRAWN: usize = 3;
/// Columns for quoted payload; the ladder cuts further where it is narrower.
const EXCERPT: usize = 28;

/// Adds the rows of the decisive conversations; `false` when there is none to draw.
pub fn draw(shown: &mut Shown, evidence: &Evidence, cited: &[u64], telling: Telling) -> bool {
    let Ok(packets) = evidence.packets.seen() else { return false };
    let candidates = candidates(packets, evidence);
    let mut chosen: Vec<usize> = candidates.clone();
    // Who was captured first is chance, so where nobody is cited what was said decides.
    chosen.sort_by_cached_key(|index| {
        let conversation = &packets.conversations[*index];
        let said = (telling == Telling::Steady).then(|| conversation.sent.head.0.clone());
        (rank(packets, conversation, cited), said)
    });
    chosen.truncate(if telling == Telling::Exact { DRAWN } else { 1 });
    chosen.sort_unstable();
    let tagged = chosen.len() > 1;
    for index in &chosen {
        let conversation = &packets.conversations[*index];
        let closed = packets.unreachable.iter().any(|icmp| icmp.port_closed() && concerns(icmp, conversation));
        let dead = conversation.transport == Transport::Udp && closed && conversation.received.total == 0;
        let mut strip = Strip { rows: vec![], cited, dead, telling, run: None };
        strip.conversation(conversation);
        strip.unreachable(packets, conversation);
        if tagged {
            let tag = format!("#{} ", index + 1);
            strip.rows.iter_mut().for_each(|row| prefix(row, &tag));
            let (dialler, listener) = (conversation.dialler, conversation.listener);
            shown.legend.push(format!("#{} is {dialler} → {listener}", index + 1));
        }
        shown.events.append(&mut strip.rows);
    }
    let more = candidates.len() - chosen.len() + packets.conversations_omitted as usize;
    if more > 0 && !chosen.is_empty() && telling == Telling::Exact {
        let what = if more == 1 { "connection is" } else { "connections are" };
        shown.legend.push(format!("… {more} more {what} not drawn"));
    }
    !chosen.is_empty()
}

/// Conversations of the recording itself, by index: netdiag's own probes only where they are all there is.
fn candidates(packets: &Packets, evidence: &Evidence) -> Vec<usize> {
    let probes: Vec<SocketAddr> = match evidence.probes.seen() {
        Ok(probes) if evidence.setting.occasion == Occasion::Pair => {
            probes.probes.iter().filter_map(|probe| probe.from).collect()
        }
        _ => vec![],
    };
    let is_ours = |conversation: &Conversation| {
        probes.contains(&conversation.dialler) && conversation.began >= evidence.setting.ended_at
    };
    let all = packets.conversations.iter().enumerate();
    all.filter(|(_, conversation)| !is_ours(conversation)).map(|(index, _)| index).collect()
}

/// Sort key: the earlier a conversation is cited the better; uncited ones keep their order behind.
fn rank(packets: &Packets, conversation: &Conversation, cited: &[u64]) -> usize {
    let complaint =
        |number: &u64| packets.unreachable.iter().any(|icmp| icmp.number == *number && concerns(icmp, conversation));
    let holds = |number: &u64| conversation.segments.iter().any(|segment| segment.number == *number);
    cited.iter().position(|number| holds(number) || complaint(number)).unwrap_or(usize::MAX)
}

fn concerns(icmp: &Unreachable, conversation: &Conversation) -> bool {
    let ends = (conversation.dialler, conversation.listener);
    icmp.transport == conversation.transport
        && ((icmp.sender, icmp.target) == ends || (icmp.target, icmp.sender) == ends)
}

fn prefix(row: &mut Event, tag: &str) {
    if let What::Arrow { label, .. } | What::Both(label) | What::Note { label, .. } = &mut row.what {
        label.insert_str(0, tag);
    }
}

/// The rows of one conversation.
struct Strip<'a> {
    rows: Vec<Event>,
    /// Packets the findings refer to.
    cited: &'a [u64],
    /// UDP: nobody was at the dialled address, ever.
    dead: bool,
    telling: Telling,
    /// The run of payload that is the last row.
    run: Option<Run>,
}

/// A run of payload in one direction.
struct Run {
    first: Segment,
    segments: u64,
}

impl Strip<'_> {
    fn conversation(&mut self, conversation: &Conversation) {
        if conversation.self_connect {
            let label = "is connected to itself: its own bytes come back".to_owned();
            let what = What::Note { of: Role::Client, label, ink: Ink::Bad };
            self.rows.push(Event::new(conversation.began, what));
        } else if conversation.transport == Transport::Tcp {
            self.opening(conversation);
        }
        for (index, segment) in conversation.segments.iter().enumerate() {
            if index == conversation.segments_head && conversation.segments_omitted > 0 {
                let row = Event::new(segment.at, What::Elided);
                self.add(Event { packets: conversation.segments_omitted, ..row });
            }
            self.segment(conversation, segment);
        }
        match self.telling {
            Telling::Exact => self.merge_closing(),
            Telling::Steady => self.settle_closing(conversation),
        }
    }

    /// The handshake, or why there was none.
    fn opening(&mut self, conversation: &Conversation) {
        let Some(first) = conversation.syns.first().copied() else {
            if !conversation.from_start {
                let label = "the capture began in the middle of this connection".to_owned();
                self.rows.push(Event::new(conversation.began, What::Pause(label)));
            }
            return;
        };
        let tries = conversation.syns.len();
        let last = conversation.syns.last().copied().unwrap_or(first);
        let dial = |label: String| What::Arrow { from: Role::Client, label, ink: Ink::Plain, lands: false };
        let listener = conversation.listener;
        if conversation.syn_ack.is_some() {
            let slow = if tries > 1 { format!(" (at SYN number {tries})") } else { String::new() };
            let event = Event::new(first, What::Both(format!("connected{slow}")));
            let until = conversation.syn_ack.unwrap_or(first);
            self.push(Event { until, packets: 2 + tries as u64, ..event }, conversation, |segment| segment.flags.syn);
        } else if let Some(refused) = conversation.refused {
            self.push(Event::new(first, dial(format!("SYN to {listener}"))), conversation, |segment| segment.flags.syn);
            let label = "RST: refused, nobody listens there".to_owned();
            let what = What::Arrow { from: Role::Server, label, ink: Ink::Bad, lands: false };
            self.push(Event::new(refused, what), conversation, |segment| segment.flags.rst);
        } else {
            let label = match tries {
                1 => format!("SYN to {listener}, no answer"),
                n => format!("SYN to {listener}, {n} times, no answer"),
            };
            let event = Event { until: last, ..Event::new(first, dial(label)) };
            self.push(event, conversation, |segment| segment.flags.syn);
        }
    }

    /// Adds a row that stands for the segments that `is` picks.
    fn push(&mut self, mut event: Event, conversation: &Conversation, is: impl Fn(&Segment) -> bool) {
        let mut meant = conversation.segments.iter().filter(|segment| is(segment));
        event.cited = meant.any(|segment| self.cited.contains(&segment.number));
        event.packets = event.packets.max(1);
        self.rows.push(event);
    }

    fn segment(&mut self, conversation: &Conversation, segment: &Segment) {
        let flags = segment.flags;
        let refusal = flags.rst && conversation.refused.is_some() && conversation.syn_ack.is_none();
        if flags.syn || refusal || matches!(segment.note, Some(Note::KeepAlive | Note::WindowProbe)) {
            return;
        }
        let udp = conversation.transport == Transport::Udp;
        if segment.len > 0 || udp {
            self.payload(conversation, segment);
        }
        let from = role(segment.from);
        let sign = |label: &str, ink| What::Arrow { from, label: label.to_owned(), ink, lands: true };
        let what = if flags.rst {
            sign("RST: resets the connection", Ink::Bad)
        } else if flags.fin && segment.note != Some(Note::Retransmission) {
            sign("FIN: nothing more to send", Ink::Plain)
        } else if segment.note == Some(Note::ZeroWindow) {
            sign("window 0: no room, it does not read", Ink::Bad)
        } else {
            return;
        };
        let cited = self.cited.contains(&segment.number);
        let same = matches!((&what, self.rows.last()), (What::Arrow { label, from, .. },
            Some(Event { what: What::Arrow { label: last, from: side, .. }, .. })) if label == last && from == side);
        if !same {
            self.add(Event { packets: 1, cited, ..Event::new(segment.at, what) });
        }
    }

    /// Payload: a new row, or more of the run that is the last row.
    fn payload(&mut self, conversation: &Conversation, segment: &Segment) {
        let from = role(segment.from);
        let again = segment.note == Some(Note::Retransmission);
        let cited = self.cited.contains(&segment.number);
        if again && self.telling == Telling::Steady {
            return;
        }
        let udp = conversation.transport == Transport::Udp;
        if let (false, Some(run), Some(row)) = (again || udp, &mut self.run, self.rows.last_mut())
            && run.first.from == segment.from
        {
            run.segments += 1;
            row.until = segment.at;
            row.packets += 1;
            row.cited |= cited;
            let total = (segment.offset + u64::from(segment.len)).saturating_sub(run.first.offset);
            let mut label = quote(conversation, &run.first, total);
            if self.telling == Telling::Exact {
                let _ = write!(label, " in {} segments", run.segments);
            }
            row.what = What::Arrow { from, label, ink: Ink::Strong, lands: true };
            return;
        }
        let total = u64::from(segment.len);
        let label = match (udp, again) {
            (true, _) if total == 0 => "empty datagram".to_owned(),
            (_, true) => format!("{}, sent again", quote(conversation, segment, total)),
            _ => quote(conversation, segment, total),
        };
        let ink = if again { Ink::Bad } else { Ink::Strong };
        let lands = !(self.dead && from == Role::Client);
        self.add(Event { packets: 1, cited, ..Event::new(segment.at, What::Arrow { from, label, ink, lands }) });
        if !again && !udp {
            self.run = Some(Run { first: segment.clone(), segments: 1 });
        }
    }

    /// Adds a row; a run of payload ends with it.
    fn add(&mut self, event: Event) {
        self.run = None;
        self.rows.push(event);
    }

    /// Two FINs with nothing between them are one row.
    fn merge_closing(&mut self) {
        let is_fin = |event: &Event| matches!(&event.what, What::Arrow { label, .. } if label.starts_with("FIN"));
        let [.., first, second] = self.rows.as_slice() else { return };
        if !is_fin(first) || !is_fin(second) {
            return;
        }
        let What::Arrow { from, .. } = first.what else { return };
        let label = format!("closed: FIN from the {from}, then from the {}", from.partner());
        let (at, until, cited) = (first.at, second.at, first.cited || second.cited);
        self.rows.truncate(self.rows.len() - 2);
        self.rows.push(Event { until, packets: 2, cited, ..Event::new(at, What::Both(label)) });
    }

    /// Which end closes first, and what still crosses that on the wire, is chance: the end stands last.
    fn settle_closing(&mut self, conversation: &Conversation) {
        if conversation.transport != Transport::Tcp || conversation.syn_ack.is_none() {
            return;
        }
        let (client, server) = (&conversation.sent, &conversation.received);
        let is_sign = |label: &str| label.starts_with("RST") || label.starts_with("FIN");
        self.rows.retain(|row| !matches!(&row.what, What::Arrow { label, .. } if is_sign(label)));
        let at = conversation.segments.last().map_or(conversation.began, |segment| segment.at);
        let sign = |from: Role, label: &str, ink: Ink| {
            Event::new(at, What::Arrow { from, label: label.to_owned(), ink, lands: true })
        };
        let ends_well = |stream: &Stream| stream.fin.is_some() && stream.rst.is_none();
        if ends_well(client) && ends_well(server) {
            self.rows.push(Event::new(at, What::Both("closed by both".to_owned())));
            return;
        }
        for (from, stream) in [(Role::Client, client), (Role::Server, server)] {
            if stream.rst.is_some() {
                self.rows.push(sign(from, "RST: resets the connection", Ink::Bad));
            } else if stream.fin.is_some() {
                self.rows.push(sign(from, "FIN: nothing more to send", Ink::Plain));
            }
        }
    }

    /// ICMP complaints about this conversation's packets.
    fn unreachable(&mut self, packets: &Packets, conversation: &Conversation) {
        for icmp in packets.unreachable.iter().filter(|icmp| concerns(icmp, conversation)) {
            let what = if icmp.port_closed() { "port unreachable, no socket there" } else { "forbidden by a rule" };
            let from = if icmp.sender == conversation.dialler { Role::Server } else { Role::Client };
            let lands = from == Role::Client;
            let what = What::Arrow { from, label: format!("ICMP: {what}"), ink: Ink::Bad, lands };
            let cited = self.cited.contains(&icmp.number);
            self.rows.push(Event { packets: 1, cited, ..Event::new(icmp.at, what) });
        }
    }
}

fn role(port: Port) -> Role {
    match port {
        Port::Dialler => Role::Client,
        Port::Listener => Role::Server,
    }
}

/// `"hello\n" · 6 bytes`: `total` bytes that begin with `segment`.
fn quote(conversation: &Conversation, segment: &Segment, total: u64) -> String {
    let head = &conversation.stream(segment.from).head.0;
    let start = segment.offset as usize;
    let end = start.saturating_add(total as usize).min(head.len());
    let whole = conversation.transport == Transport::Tcp && end - start.min(end) > segment.excerpt.len();
    let bytes = if whole { &head[start..end] } else { &segment.excerpt.0 };
    format!("{} · {}", escape::quoted(bytes, total, EXCERPT), cite::size(total))
}
