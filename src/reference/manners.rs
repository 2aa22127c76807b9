//! How a server answers: its [`ServerSpec`], faults included, folded once into what every message asks about.
//!
//! Each fault is one arm here; what it does is one arm in [`super::session`] or one branch where sockets are handled.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::evidence::{Framing, Lifetime, Reply, Transport};

use super::spec::{ServerFault, ServerSpec};

/// The pause behind the first piece of a split reply: long enough that whoever takes it for the whole has left, on a busy
/// machine too, before the next one comes.
pub const AFTER_FIRST_PIECE: Duration = Duration::from_millis(60);

/// The pause behind each further piece: in all a reply of a few lines must not take longer than an ordinary client waits.
pub const BETWEEN_PIECES: Duration = Duration::from_millis(5);

/// How long a server that drops its reply on a half-close looks out for one: loopback needs microseconds.
pub const LOOKOUT: Duration = Duration::from_millis(50);

/// How a server answers.
#[derive(Debug)]
pub struct Manners {
    pub framing: Framing,
    pub reply: Reply,
    pub one_shot: bool,
    pub never_accept: bool,
    pub never_read: bool,
    pub drop_reply: bool,
    pub strip_terminator: bool,
    pub cut: usize,
    pub flip: bool,
    pub close_early: bool,
    pub reset: bool,
    pub delay: Option<Duration>,
    pub block: Option<Duration>,
    pub drop_on_half_close: bool,
    pub split: Option<usize>,
    /// Whether the server still has to stop itself; the first message anywhere takes it.
    suspend: AtomicBool,
}

impl Manners {
    /// Folds a spec.
    pub fn of(spec: &ServerSpec) -> Self {
        let mut manners = Self {
            // Over UDP a message is a datagram, whatever ends one elsewhere.
            framing: if spec.transport == Transport::Udp { Framing::Datagram } else { spec.framing },
            reply: spec.reply.clone(),
            one_shot: spec.lifetime == Lifetime::OneShot,
            never_accept: false,
            never_read: false,
            drop_reply: false,
            strip_terminator: false,
            cut: 0,
            flip: false,
            close_early: false,
            reset: false,
            delay: None,
            block: None,
            drop_on_half_close: false,
            split: None,
            suspend: AtomicBool::new(false),
        };
        for fault in &spec.faults {
            manners.learn(fault);
        }
        manners
    }

    fn learn(&mut self, fault: &ServerFault) {
        match fault {
            // These three happen before there is a connection: see `listen`.
            ServerFault::DieAtStart(_) | ServerFault::DropPackets | ServerFault::ListenLate(_) => (),
            ServerFault::NeverAccept => self.never_accept = true,
            ServerFault::NeverRead => self.never_read = true,
            ServerFault::DropReply => self.drop_reply = true,
            ServerFault::StripTerminator => self.strip_terminator = true,
            ServerFault::CutReply(bytes) => self.cut = *bytes as usize,
            ServerFault::FlipByte => self.flip = true,
            ServerFault::CloseEarly => self.close_early = true,
            ServerFault::Reset => self.reset = true,
            ServerFault::DelayReply(ms) => self.delay = Some(Duration::from_millis(*ms)),
            ServerFault::BlockLoop(ms) => self.block = Some(Duration::from_millis(*ms)),
            ServerFault::DropOnHalfClose => self.drop_on_half_close = true,
            ServerFault::Suspend => *self.suspend.get_mut() = true,
            ServerFault::SplitReply(bytes) => self.split = Some((*bytes as usize).max(1)),
        }
    }

    /// Whether the server must stop itself now; true at most once.
    pub fn take_suspend(&self) -> bool {
        self.suspend.load(Ordering::Relaxed) && self.suspend.swap(false, Ordering::Relaxed)
    }
}
