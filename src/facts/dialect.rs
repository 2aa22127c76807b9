//! Which dialect a server speaks, read off netdiag's probes of it (or off a recorded exchange). No blame.
//!
//! Every conclusion is an [`Option`]: it is there only when the probes really show it, and it names the probes it rests
//! on. Silence proves nothing unless the wait was long against the slowest answer this server was seen to give.

mod compare;
mod conduct;
mod form;
mod framing;
mod likeness;
mod pair;
mod raw;
mod reading;
#[cfg(test)]
mod tests;
mod wording;

pub use compare::{Comparison, Terms, compare, expected, weigh};
pub use conduct::{Binary, Bulk, Datagrams, Places};
pub use form::Ending;
pub use pair::{Exchange, learn_from_pair};
pub use wording::Decoration;

use crate::evidence::{Bytes, Framing, Lifetime, Probes, Reply};

use reading::Readings;

/// A conclusion and the probes it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Learned<T> {
    /// What was concluded.
    pub value: T,
    /// Indexes into [`Probes::probes`]; of many alike only the first few.
    pub probes: Vec<usize>,
}

/// A reader follows a handful of references, not a hundred.
const MOST_REFERENCES: usize = 8;

impl<T> Learned<T> {
    fn new(value: T, probes: impl Into<Vec<usize>>) -> Self {
        let mut probes = probes.into();
        probes.truncate(MOST_REFERENCES);
        Self { value, probes }
    }

    /// References into the evidence: `probes:3`.
    #[must_use]
    pub fn evidence(&self) -> Vec<String> {
        self.probes.iter().map(|index| format!("probes:{index}")).collect()
    }
}

/// What the probes show of a server.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Dialect {
    /// Whether anything ever came back for what was sent.
    pub answers: Option<Learned<bool>>,
    /// Whether its answers are made of what was sent. `false` means: it speaks, but it is not an echo server.
    pub echoes: Option<Learned<bool>>,
    /// What it says before anything is asked.
    pub banner: Option<Learned<Bytes>>,
    /// Where one message ends.
    pub framing: Option<Learned<Framing>>,
    /// It answers only when this many bytes have come together (the likeliest size).
    pub blocks: Option<Learned<u32>>,
    /// How many bytes it answered before the end of input when it was sent many, although short messages are answered only
    /// after that end: what it says lies in a buffer until that is full or closed, or it reads until one is full.
    pub hoards: Option<Learned<u64>>,
    /// What it makes of a message. Absent when its answers fit no such form: see `decoration`.
    pub reply: Option<Learned<Reply>>,
    /// What it puts around the message, when no [`Reply`] can say it.
    pub decoration: Option<Learned<Decoration>>,
    /// What it ends its answers with.
    pub ending: Option<Learned<Ending>>,
    /// Whether a line feed alone ends a line.
    pub accepts_lf: Option<Learned<bool>>,
    /// Whether CR LF ends a line.
    pub accepts_crlf: Option<Learned<bool>>,
    /// Whether CR LF comes back as CR LF.
    pub keeps_crlf: Option<Learned<bool>>,
    /// One message per connection, or many.
    pub lifetime: Option<Learned<Lifetime>>,
    /// Whether a second line on the same connection is answered. `false` with a connection that stays open is a server
    /// that neither answers nor hangs up.
    pub answers_second: Option<Learned<bool>>,
    /// Whether a complete message is still answered when the client half-closes at once.
    pub answers_half_close: Option<Learned<bool>>,
    /// Whether text without a line end is answered when the client half-closes.
    pub answers_partial_at_eof: Option<Learned<bool>>,
    /// Whether two lines in a single write are both answered.
    pub answers_joined: Option<Learned<bool>>,
    /// Whether a line in two writes is answered as one.
    pub answers_split: Option<Learned<bool>>,
    /// How many connections it was seen to serve at the same time.
    pub places: Option<Learned<Places>>,
    /// The first connection of a crowd that was refused, reset or left unanswered. Services that limit clients or
    /// connections per second do that on purpose.
    pub turned_away: Option<usize>,
    /// Whether a connection got what another one had sent.
    pub crosstalk: Option<Learned<bool>>,
    /// What becomes of bytes that are not text.
    pub binary: Option<Learned<Binary>>,
    /// Whether many bytes come back whole.
    pub bulk: Option<Learned<Bulk>>,
    /// Whether it still serves after a client sent half a line and reset.
    pub survives_rude: Option<Learned<bool>>,
    /// Which sizes of datagrams come back whole.
    pub datagrams: Option<Learned<Datagrams>>,
    /// Median time to the first byte of an answer, in milliseconds.
    pub latency_ms: Option<Learned<f64>>,
    /// Longest time to the first byte of an answer, in milliseconds.
    pub slowest_ms: Option<Learned<f64>>,
    /// The first probe that was refused at an address where an earlier one had got through: the listener is gone (a
    /// program that serves one connection in its life, or one that died).
    pub gone: Option<usize>,
}

impl Dialect {
    /// What settles which bytes answer which; `None` while framing or reply is unknown.
    #[must_use]
    pub fn terms(&self) -> Option<Terms> {
        Some(Terms {
            framing: self.framing.as_ref()?.value,
            reply: self.reply.as_ref()?.value.clone(),
            ending: self.ending.as_ref().map_or(Ending::Kept, |ending| ending.value),
            banner: self.banner.as_ref().map(|banner| banner.value.clone()).unwrap_or_default(),
        })
    }
}

/// Reads the dialect off the probes of one server.
#[must_use]
pub fn learn(probes: &Probes) -> Dialect {
    let mut dialect =
        Dialect { gone: reading::gone(probes), turned_away: reading::turned_away(probes), ..Dialect::default() };
    let mut readings = Readings::new(probes);
    dialect.banner = readings.find_banner();
    (dialect.latency_ms, dialect.slowest_ms) = readings.latencies();
    dialect.answers = readings.answers();
    let wording = wording::read(&readings);
    dialect.echoes = likeness::echoes(&readings, &wording);
    if dialect.echoes.as_ref().is_some_and(|echoes| echoes.value) {
        framing::read(&readings, &mut dialect);
        wording.settle(&readings, &mut dialect);
        conduct::read(&readings, &wording, &mut dialect);
    }
    dialect
}
