//! What the client showed of its reply. No blame: a program may print what it likes.

use super::{Facts, Player, Talk};
use crate::evidence::{Output, Role};

/// A reply of which a client printed the beginning of a line and not the rest of it.
#[derive(Debug, Clone, PartialEq)]
pub struct CutLine {
    /// The part that was printed.
    pub shown: Vec<u8>,
    /// The rest of the line, which was not.
    pub left: Vec<u8>,
}

/// A shorter text may well come up by chance.
const TELLING: usize = 6;

impl Facts<'_> {
    /// The first line of the reply in `talk` that a client printed in part only: it may not have read the rest.
    #[must_use]
    pub fn line_printed_in_part(&self, talk: &Talk) -> Option<CutLine> {
        let response = talk.response().ok()?;
        let lines = response.head.0.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
        let outputs: Vec<&[u8]> = self.players(Role::Client).ok()?.iter().flat_map(outputs).collect();
        let printed = |text: &[u8]| outputs.iter().any(|out| out.windows(text.len()).any(|part| part == text));
        lines.filter(|line| line.len() > TELLING).find_map(|line| {
            let shown = (TELLING..=line.len()).take_while(|&length| printed(&line[..length])).last()?;
            let left = &line[shown..];
            // Printed elsewhere, it was read: one who prints piece by piece reads on.
            let read = left.is_empty() || left.len() >= 2 && printed(left);
            (!read).then(|| CutLine { shown: line[..shown].to_vec(), left: left.to_vec() })
        })
    }
}

/// Everything that is kept of what a client wrote, on both streams.
fn outputs<'e>(client: &Player<'e>) -> Vec<&'e [u8]> {
    let kept = |output: &'e Option<Output>| output.iter().flat_map(|output| [output.head.0.as_slice(), &output.tail.0]);
    kept(&client.program.stdout).chain(kept(&client.program.stderr)).collect()
}
