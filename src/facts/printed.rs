//! What the client showed of its reply. No blame: a program may print what it likes.

use super::{Facts, Player, Talk};
use crate::evidence::{Output, Role};

/// A reply of which a client printed the beginning of a line and not the rest of it.
#[derive(Debug, Clone, PartialEq)]
pub struct CutLine {
    /// The part that was printed.
    pub shown: Vec<u8>,
    /// The rest of the line, which was not, at least not in one piece.
    pub left: Vec<u8>,
    /// Whether the rest was printed in pieces of the same size: one who reads piece by piece may print so.
    pub in_pieces: bool,
}

/// A shorter text may well come up by chance.
const TELLING: usize = 6;

impl Facts<'_> {
    /// How many lines the client that printed most has written on its standard output.
    #[must_use]
    pub fn lines_printed(&self) -> usize {
        let lines = |client: &Player| {
            let output = client.program.stdout.as_ref();
            output
                .map_or(0, |output| output.head.0.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count())
        };
        self.players(Role::Client).unwrap_or_default().iter().map(lines).max().unwrap_or_default()
    }

    /// Whether a client printed `text`.
    #[must_use]
    pub fn client_printed(&self, text: &[u8]) -> bool {
        let clients = self.players(Role::Client).unwrap_or_default();
        !text.is_empty() && clients.iter().flat_map(outputs).any(|out| out.windows(text.len()).any(|part| part == text))
    }

    /// The first line of the reply in `talk` that a client printed in part only: it may not have read the rest.
    #[must_use]
    pub fn line_printed_in_part(&self, talk: &Talk) -> Option<CutLine> {
        let response = talk.response().ok()?;
        let lines = response.head.0.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
        let printed = |text: &[u8]| self.client_printed(text);
        lines.filter(|line| line.len() > TELLING).find_map(|line| {
            let shown = (TELLING..=line.len()).take_while(|&length| printed(&line[..length])).last()?;
            let left = &line[shown..];
            // Its end was printed, so it was read: one who prints piece by piece reads on.
            let read = left.is_empty() || printed(&left[left.len().saturating_sub(TELLING)..]);
            let in_pieces = left.chunks(shown).all(printed);
            (!read).then(|| CutLine { shown: line[..shown].to_vec(), left: left.to_vec(), in_pieces })
        })
    }
}

/// Everything that is kept of what a client wrote, on both streams.
fn outputs<'e>(client: &Player<'e>) -> Vec<&'e [u8]> {
    let kept = |output: &'e Option<Output>| output.iter().flat_map(|output| [output.head.0.as_slice(), &output.tail.0]);
    kept(&client.program.stdout).chain(kept(&client.program.stderr)).collect()
}
