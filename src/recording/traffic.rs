//! What passes between the programs, from the best rung of the ladder that is open: packets, or else the socket calls that
//! carried the bytes.

use std::net::SocketAddr;

use crate::collect::calls::Tracer;
use crate::collect::packets::Capture;
use crate::evidence::{At, Conversation, Gap, Packets, Rung, Transport};

/// Where the traffic of one recording is seen.
pub(super) enum Traffic<'p> {
    /// Packets are captured.
    Captured(Capture),
    /// Socket calls are traced, because of this gap.
    Called {
        /// Who traces them.
        tracer: &'p Tracer,
        /// Why packets are not captured.
        gap: Gap,
        /// Whether the server is one of the traced programs.
        server: bool,
    },
    /// It is not seen.
    Unseen(Gap),
}

impl<'p> Traffic<'p> {
    /// Packets if they can be captured, else the calls if the tracer follows bytes. `server`: netdiag starts the server too.
    pub(super) fn new(capture: Result<Capture, Gap>, tracer: Option<&'p Tracer>, server: bool) -> Self {
        match (capture, tracer.filter(|tracer| tracer.follows_bytes())) {
            (Ok(capture), _) => Self::Captured(capture),
            (Err(gap), Some(tracer)) => Self::Called { tracer, gap, server },
            (Err(gap), None) => Self::Unseen(gap),
        }
    }

    /// Tells that a server listens on `port`.
    pub(super) fn listens_on(&self, port: u16) {
        if let Self::Captured(capture) = self {
            capture.listens_on(port);
        }
    }

    /// The datagram socket that marks how far packets have been read.
    pub(super) fn own(&self) -> Option<SocketAddr> {
        match self {
            Self::Captured(capture) => capture.own(),
            Self::Called { .. } | Self::Unseen(_) => None,
        }
    }

    /// When something last passed.
    pub(super) fn last_packet(&self) -> Option<At> {
        match self {
            Self::Captured(capture) => capture.last_packet(),
            Self::Called { tracer, .. } => tracer.lively().map(|(at, _)| at),
            Self::Unseen(_) => None,
        }
    }

    /// Whether something is on its way, as far as that is seen.
    pub(super) fn in_flight(&self) -> bool {
        match self {
            Self::Captured(capture) => capture.in_flight(),
            Self::Called { tracer, .. } => tracer.lively().is_some_and(|(_, in_flight)| in_flight),
            Self::Unseen(_) => false,
        }
    }

    /// What has passed so far; it may lag a few milliseconds behind.
    pub(super) fn view(&self) -> Option<Packets> {
        match self {
            Self::Captured(capture) => Some(capture.view()),
            Self::Called { tracer, .. } => tracer.conversations().ok(),
            Self::Unseen(_) => None,
        }
    }

    /// All that has passed up to this call.
    pub(super) fn freeze(&self) -> Result<Packets, Gap> {
        match self {
            Self::Captured(capture) => {
                let complete = capture.freeze();
                match capture.failure() {
                    Some(gap) if !complete => Err(gap),
                    _ => Ok(capture.view()),
                }
            }
            Self::Called { tracer, gap, server } => {
                let mut packets = tracer.conversations().map_err(|why| unless_traced(gap, &why))?;
                // Who was there before is not traced: only of a client that reached nobody is everything known.
                let stranger = packets.conversations.iter().find(|one| !server && reached_somebody(one, &packets));
                if let Some(stranger) = stranger {
                    return Err(unless_traced(
                        gap,
                        &format!("whoever answers at {} was not traced", stranger.listener),
                    ));
                }
                packets.rebuilt = Some(instead_of_packets(gap));
                Ok(packets)
            }
            Self::Unseen(gap) => Err(gap.clone()),
        }
    }

    /// The rung that was used; `private`: in a network of our own.
    pub(super) fn rung(&self, private: bool, seen: bool) -> Rung {
        match self {
            Self::Captured(_) if private => Rung::Namespace,
            Self::Captured(_) => Rung::HostLoopback,
            Self::Called { .. } if seen => Rung::SocketCalls,
            _ => Rung::NoCapture,
        }
    }
}

fn reached_somebody(conversation: &Conversation, packets: &Packets) -> bool {
    let refused = || packets.unreachable.iter().any(|complaint| complaint.target == conversation.listener);
    conversation.syn_ack.is_some() || (conversation.transport == Transport::Udp && !refused())
}

/// The gap, with what was done about it.
fn instead_of_packets(gap: &Gap) -> Gap {
    let why = format!("{}; what was sent and received was read from the programs' socket calls instead", gap.why);
    Gap { why, ..gap.clone() }
}

/// The gap, with the reason why calls could not stand in for packets.
fn unless_traced(gap: &Gap, why: &str) -> Gap {
    Gap { why: format!("{}, and its socket calls did not show the bytes instead: {why}", gap.why), ..gap.clone() }
}
