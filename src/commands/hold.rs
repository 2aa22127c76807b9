//! `netdiag scenario --hold`: keeps the staged pair alive on the host's loopback, for looking at it with other tools.

use super::Outcome;
use crate::scenario::Scenario;

/// Starts the pair, says how to look at it, and waits for Ctrl-C.
pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let _ = scenario;
    anyhow::bail!("not built yet")
}
