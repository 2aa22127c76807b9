//! Where a recording runs: a private network, tied to whoever asked for it; and what of that this machine allows.
//!
//! Nothing here looks at the programs on the stand, and nothing here judges.

mod cgroup;
#[cfg_attr(not(target_os = "linux"), path = "elsewhere.rs")]
pub mod confine;
mod enclosure;
mod filter;
mod guard;
mod limits;
mod namespace;
mod survey;
mod ties;

pub use cgroup::Delegation;
pub use enclosure::Enclosure;
pub use filter::reject_port;
pub use guard::Guard;
pub use limits::Limits;
pub use namespace::{Refusal, Step, enter_private_network, take_loopback_down};
pub use survey::{Closed, RungState, best, private_network, survey, try_namespace};
pub use ties::{Interruption, end_orphans_of, inherit_orphans, interrupt, leave_terminal_and_reap, tie_to_parent};
