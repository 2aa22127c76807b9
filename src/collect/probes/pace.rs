//! How long to wait: learned from the answers seen so far. Decides nothing about the server.

use std::time::Duration;

use crate::evidence::{Probe, Shape};

/// The wait for a server that has not answered anything yet.
pub(super) const GENEROUS: Duration = Duration::from_secs(2);

/// How long a first answer that holds the whole text is given to go on.
pub(super) const TAIL: Duration = Duration::from_millis(60);

/// No answer is awaited longer than this, however slow the server is.
pub(super) const LONGEST: Duration = Duration::from_millis(2500);

/// So many times the slowest answer have to pass before silence says anything; the dialect is read off with a little less.
pub(super) const LATER: u32 = 3;

/// What is known of the server's speed and habits.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    /// The least time an answer is awaited.
    pub floor: Duration,
    /// The slowest answer seen.
    pub latency: Option<Duration>,
    /// The fastest answer seen: on a busy machine this tells the server's own slowness from the machine's.
    pub fastest: Option<Duration>,
    /// How many bytes longer (or shorter) than the message an answer is.
    pub overhead: i64,
    /// How many bytes come before the first answer.
    pub banner: u64,
    /// Whether answers come only after a half-close.
    pub until_eof: bool,
    /// Whether the server hangs up after one answer.
    pub one_shot: bool,
    /// How many connections were seen to be served side by side: no more are made at a time where silence would count.
    pub lanes: usize,
    /// Whether the first answer resembled the message at all.
    pub alike: bool,
    /// Whether lines end in CR LF.
    pub crlf: bool,
    /// Whether the server keeps a connection open although we have half-closed it.
    pub ignores_fin: bool,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            floor: Duration::from_millis(250),
            latency: None,
            fastest: None,
            overhead: 0,
            banner: 0,
            until_eof: false,
            one_shot: false,
            lanes: 1,
            alike: false,
            crlf: false,
            ignores_fin: false,
        }
    }
}

impl Pace {
    /// How long an answer is awaited, and how long the next byte of one.
    pub(super) fn patience(&self) -> Duration {
        let Some(latency) = self.latency else { return LONGEST.min(self.floor * 2) };
        let scaled = (latency * 8).min(latency * 3 + Duration::from_millis(200));
        scaled.max(self.floor).min(LONGEST)
    }

    /// How long the end of the connection is awaited once we have half-closed.
    pub(super) fn farewell(&self) -> Duration {
        match self.latency {
            _ if self.ignores_fin => Duration::from_millis(10),
            Some(_) => self.patience(),
            None => self.floor,
        }
    }

    /// How many bytes answer `messages` of `sent` bytes altogether, as far as can be told.
    pub(super) fn due(&self, sent: usize, messages: u32) -> u64 {
        let overhead = self.overhead.saturating_mul(i64::from(messages));
        (self.banner + sent as u64).saturating_add_signed(overhead).max(1)
    }

    /// The shape in which an ordinary message gets its answer.
    pub(super) fn plain_shape(&self) -> Shape {
        match (self.until_eof, self.crlf) {
            (true, _) => Shape::LineHalfClose,
            (false, true) => Shape::CrLfLine,
            (false, false) => Shape::Line,
        }
    }

    /// A line's terminator.
    pub(super) fn terminator(&self) -> &'static str {
        if self.crlf { "\r\n" } else { "\n" }
    }

    /// Takes note of an answer's time, where it is the server's and not that of our half-close.
    pub(super) fn learn_from(&mut self, probe: &Probe) {
        use Shape::{
            Bulk, ChunkHalfClose, Idler, JoinedLines, Knock, LineHalfClose, Lingering, Overlapping, OwnClient, TwoLines,
        };
        let at_once = matches!(probe.shape, LineHalfClose | ChunkHalfClose);
        let heard = if at_once { probe.received_total } else { probe.before_half_close };
        // One of a crowd that said a single line may have waited for its turn.
        let queued = probe.shape == Overlapping && probe.sent.len() == 1;
        if queued || matches!(probe.shape, Bulk | Idler | Knock | Lingering | OwnClient) || heard <= self.banner {
            return;
        }
        // Where a banner comes first, its time is not the answer's; and the last of two answers is late by itself.
        let banner_first = self.banner > 0 && probe.shape != TwoLines;
        if banner_first && probe.shape == JoinedLines {
            return;
        }
        if let Some(ms) = if banner_first { probe.last_byte_ms } else { probe.first_byte_ms } {
            self.note(Duration::from_secs_f64(ms / 1000.0));
        }
    }

    /// Takes note of an answer that took so long.
    pub(super) fn note(&mut self, taken: Duration) {
        self.latency = Some(self.latency.map_or(taken, |known| known.max(taken)));
        self.fastest = Some(self.fastest.map_or(taken, |known| known.min(taken)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_grows_with_the_servers_slowness_and_is_bounded() {
        let after = |ms| Pace { latency: Some(Duration::from_millis(ms)), ..Pace::default() }.patience().as_millis();
        assert_eq!([after(1), after(100), after(500), after(5000)], [250, 500, 1700, 2500]);
    }

    #[test]
    fn what_is_due_counts_banner_and_overhead() {
        let pace = Pace { overhead: -1, banner: 5, ..Pace::default() };
        assert_eq!(pace.due(20, 2), 23);
        assert_eq!(Pace { overhead: -100, ..Pace::default() }.due(20, 2), 1);
    }
}
