//! The scripts of the ordinary probes: what is said on one connection, and what is waited for in between.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::watch;

use crate::evidence::{Probe, Shape};

use super::pace::Pace;
use super::talk::{Enough, Setting, Talk, Wait};

/// The pause inside a split line: far longer than loopback needs, so that the halves arrive as two segments.
const PAUSE: Duration = Duration::from_millis(25);

/// How long a connection on which nothing is said is left for a banner.
const BANNER: Duration = Duration::from_millis(40);

/// One step of a script.
#[derive(Debug, Clone)]
enum Step {
    /// Write this.
    Say(Vec<u8>),
    /// Wait for so many messages of so many bytes altogether to be answered.
    Hear { bytes: usize, messages: u32 },
    /// Take in what comes for so long.
    Pause(Duration),
    /// Shut our direction down.
    HalfClose,
}

/// What is said on one connection.
#[derive(Debug, Clone)]
pub(super) struct Script {
    pub shape: Shape,
    steps: Vec<Step>,
    /// The least time the answer is awaited.
    at_least: Duration,
    /// Becomes true when waiting for an answer has lost its sense.
    hurry: Option<watch::Receiver<bool>>,
}

impl Script {
    /// The same, but it stops waiting when told so.
    pub(super) fn hurried(self, hurry: watch::Receiver<bool>) -> Self {
        Self { hurry: Some(hurry), ..self }
    }

    fn new(shape: Shape, steps: Vec<Step>) -> Self {
        Self { shape, steps, at_least: Duration::ZERO, hurry: None }
    }

    /// The same, with an answer awaited for at least `time`: for probes whose silence would weigh heavily.
    pub(super) fn patiently(self, time: Duration) -> Self {
        Self { at_least: time, ..self }
    }

    /// Connects, says nothing, and leaves.
    pub(super) fn knock() -> Self {
        Self::new(Shape::Knock, vec![Step::Pause(BANNER)])
    }

    /// Says `message`, which counts as so many messages, and waits for the answer.
    pub(super) fn ask(pace: &Pace, shape: Shape, message: &[u8], messages: u32) -> Self {
        let mut steps = vec![Step::Say(message.to_vec())];
        let at_once = matches!(shape, Shape::LineHalfClose | Shape::ChunkHalfClose);
        if at_once || (pace.until_eof && shape != Shape::Chunk && shape != Shape::Line) {
            steps.push(Step::HalfClose);
        }
        steps.push(Step::Hear { bytes: message.len(), messages });
        Self::new(shape, steps)
    }

    /// Says `message` and waits for the answer without ending our side, even if answers came only after that so far.
    pub(super) fn wait(pace: &Pace, shape: Shape, message: &[u8], messages: u32) -> Self {
        Self::ask(&Pace { until_eof: false, ..pace.clone() }, shape, message, messages)
    }

    /// Says one line in two writes.
    pub(super) fn split(pace: &Pace, line: &[u8]) -> Self {
        let (one, other) = line.split_at(line.len() / 2);
        let mut steps = vec![Step::Say(one.to_vec()), Step::Pause(PAUSE), Step::Say(other.to_vec())];
        if pace.until_eof {
            steps.push(Step::HalfClose);
        }
        steps.push(Step::Hear { bytes: line.len(), messages: 1 });
        Self::new(Shape::SplitLine, steps)
    }

    /// Goes through the script on a connection of its own.
    pub(super) async fn perform(self, setting: Setting, pace: Pace, target: SocketAddr, group: u32) -> Probe {
        let mut talk = Talk::dial(&setting, self.shape, target, group).await;
        for step in self.steps {
            match step {
                Step::Say(bytes) => talk.say(&bytes).await,
                Step::Hear { bytes, messages } => {
                    let enough = Enough::Bytes(pace.due(bytes, messages));
                    let wait = Wait::patient(pace.patience().max(self.at_least), enough);
                    talk.listen(&Wait { hurry: self.hurry.clone(), ..wait }).await;
                }
                Step::Pause(time) => {
                    let begun = tokio::time::Instant::now();
                    while talk.is_open() && begun.elapsed() < time {
                        let left = time.saturating_sub(begun.elapsed());
                        let wait = Wait::patient(left, Enough::Bytes(u64::MAX));
                        talk.listen(&Wait { whole: true, ..wait }).await;
                    }
                }
                Step::HalfClose => talk.half_close().await,
            }
        }
        talk.part(pace.farewell()).await
    }
}

/// A line with every byte value but CR and LF.
pub(super) fn binary_line(terminator: &str) -> Vec<u8> {
    let bytes = (0..=255u8).filter(|byte| !matches!(byte, b'\r' | b'\n'));
    bytes.chain(terminator.bytes()).collect()
}

/// Length of a line of [`bulk`].
const BULK_LINE: usize = 64;

/// About `size` bytes of numbered lines.
pub(super) fn bulk(size: usize, terminator: &str) -> (Vec<u8>, u32) {
    let lines = (size / BULK_LINE) as u32;
    let width = BULK_LINE - terminator.len();
    let text = (0..lines).flat_map(|number| {
        let line = format!("netdiag bulk line {number:06} {:.<width$}", "");
        format!("{}{terminator}", &line[..width]).into_bytes()
    });
    (text.collect(), lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bulk_is_made_of_whole_lines_of_one_length() {
        for terminator in ["\n", "\r\n"] {
            let (bytes, lines) = bulk(6400, terminator);
            assert_eq!((bytes.len(), lines), (6400, 100));
            assert!(
                bytes.split_inclusive(|b| *b == b'\n').all(|line| line.len() == 64 && line.starts_with(b"netdiag"))
            );
        }
    }

    #[test]
    fn the_binary_line_is_one_line() {
        let line = binary_line("\n");
        assert_eq!(line.len(), 255);
        assert_eq!(line.iter().position(|b| *b == b'\n'), Some(254));
    }
}
