//! Where a recording runs: a private network, tied to whoever asked for it; and what of that this machine allows.
//!
//! Nothing here looks at the programs on the stand, and nothing here judges.

mod namespace;
mod survey;
mod ties;

pub use namespace::{Refusal, Step, enter_private_network};
pub use survey::{Closed, RungState, best, survey, try_namespace};
pub use ties::{Interruption, end_orphans_of, inherit_orphans, interrupt, tie_to_parent};
