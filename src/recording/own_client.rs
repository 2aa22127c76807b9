//! A last question to a server that serves one connection in its life: it was put by the pair's own client. When netdiag
//! ends that client, its stream ends, and the server answers then or never. Nothing is sent here; it is only watched.

use std::time::{Duration, Instant};

use super::pair::{Frozen, Recorder, STEP};
use crate::evidence::{At, Bytes, Close, Conversation, Ending, Observed, Port, Probe, Probes, Reach, Shape, Transport};

/// How long the server is given to react to the end of the stream.
const PATIENCE: Duration = Duration::from_millis(800);

impl Recorder<'_> {
    /// Puts in front of `probes` what the server made of its client's end, if none of them reached it. Must follow upon
    /// the client's end, and comes to nothing where somebody had answered before.
    pub(super) fn with_own_client(&mut self, frozen: &Frozen, probes: Observed<Probes>) -> Observed<Probes> {
        let Observed::Seen(mut probes) = probes else { return probes };
        if !probes.probes.iter().any(Probe::was_heard)
            && let Some(probe) = self.own_client(frozen)
        {
            probes.probes.insert(0, probe);
        }
        Observed::Seen(probes)
    }

    pub(super) fn own_client(&mut self, frozen: &Frozen) -> Option<Probe> {
        let asked = unanswered(frozen)?;
        let began = Instant::now();
        loop {
            let packets = self.traffic.view()?;
            let now = packets.conversations.iter().find(|one| is_same(one, asked))?;
            let (answer, over) = (now.stream(Port::Listener), began.elapsed() > PATIENCE);
            let ended_by_us = now.sent.fin.filter(|_| now.sent.total == asked.sent.total);
            let reacted = answer.total > 0 || answer.fin.is_some() || answer.rst.is_some();
            match ended_by_us {
                Some(fin) if reacted => return Some(probe(now, fin)),
                // One that has not reacted by now may yet do so: nothing was learned.
                _ if over => return None,
                _ => self.stage.pause(STEP),
            }
        }
    }
}

/// The one conversation of a pair that stands still over its first reply.
fn unanswered(frozen: &Frozen) -> Option<&Conversation> {
    let [one] = &frozen.packets.seen().ok()?.conversations[..] else { return None };
    let stands = matches!(frozen.ended, Ending::HangProven | Ending::Idle | Ending::DeadlinePassed);
    let kept_whole = one.sent.total > 0 && one.sent.total == one.sent.head.0.len() as u64;
    let ended = [&one.sent, &one.received].into_iter().any(|stream| stream.fin.is_some() || stream.rst.is_some());
    (stands && one.transport == Transport::Tcp && kept_whole && one.received.total == 0 && !ended).then_some(one)
}

fn is_same(one: &Conversation, other: &Conversation) -> bool {
    (one.dialler, one.listener, one.began) == (other.dialler, other.listener, other.began)
}

fn probe(conversation: &Conversation, fin: At) -> Probe {
    let answer = conversation.stream(Port::Listener);
    let since = |at: Option<At>| at.map(|at| at.ms_since(fin));
    Probe {
        shape: Shape::OwnClient,
        target: conversation.listener,
        transport: conversation.transport,
        at: fin,
        // The connection is not ours.
        from: None,
        reach: Reach::Connected,
        sent: vec![Bytes::from(conversation.sent.head.0.as_slice())],
        sent_total: conversation.sent.total,
        received: answer.head.clone(),
        received_total: answer.total,
        first_byte_ms: since(answer.first),
        last_byte_ms: since(answer.last),
        before_half_close: 0,
        half_closed: true,
        close: match (answer.fin, answer.rst) {
            (_, Some(_)) => Close::Reset,
            (Some(_), None) => Close::Fin,
            (None, None) => Close::Open,
        },
        patience_ms: PATIENCE.as_millis() as u64,
        at_rest: false,
        group: 0,
    }
}
