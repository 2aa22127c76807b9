//! netdiag puts an echo client and an echo server on the stand, records what really happened between them, and says
//! which of the two is at fault, why, and on which line to fix it.
//!
//! The story, in the order it happens:
//!
//! - [`cli`]: what was typed.  [`commands`]: one thin file per subcommand.
//! - [`scenario`] and [`reference`]: what is staged.  [`sandbox`]: where it runs.
//! - [`recording`] with [`collect`] and [`wire`]: what is recorded.
//! - [`evidence`]: what was seen.  [`facts`]: what it means.  [`rules`]: who did what wrong.
//! - [`verdict`]: which side.  [`diagnosis`]: all of that in one pure function.  [`report`]: how it is said.

pub mod cli;
pub mod collect;
pub mod commands;
pub mod diagnosis;
pub mod evidence;
pub mod facts;
pub mod grade;
pub mod recording;
pub mod reference;
pub mod report;
pub mod rules;
pub mod sandbox;
pub mod scenario;
pub mod verdict;
pub mod wire;
