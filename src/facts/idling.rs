//! Whether a program was seen to wait for input at some time, or to be at work. No blame.

use super::Facts;
use crate::evidence::{At, Limit, Role, Wait};

impl Facts<'_> {
    /// Whether every thread of `role` sat in a wait without a time limit at every look between two moments; `None` when
    /// nobody looked in between.
    #[must_use]
    pub fn only_waited(&self, role: Role, from: At, to: At) -> Option<bool> {
        let programs = self.evidence.programs.seen().ok()?;
        let plays = |index: usize| programs.programs.get(index).is_some_and(|program| program.role == role);
        let looks = programs.samples.iter().filter(|sample| sample.at > from && sample.at < to);
        let waits = looks.map(|sample| {
            let own = sample.processes.iter().filter(|process| plays(process.program));
            own.flat_map(|process| &process.threads)
                .all(|thread| matches!(thread.wait, Wait::Call { limit: Limit::Forever, .. }))
        });
        waits.reduce(|all, waits| all && waits)
    }
}
