//! Pure: captured bytes to segments to conversations, as a stream, in bounded memory.
//!
//! [`decode`] reads one frame; [`Conversations`] folds frames into [`crate::evidence::Packets`] as they come, whether from
//! a live capture or from a file. Nothing here judges: a retransmission is noted, not explained.
//! [`Rebuilt`] makes the same of socket calls, where no packets may be captured.
//! It must never read a clock, a file or a socket, and no bytes whatever may make it panic.

mod conversations;
mod decode;
mod duplicates;
mod flow;
mod kept;
mod log;
mod rebuilt;
mod side;
mod tcp;
mod udp;

pub use conversations::{Conversations, LIMIT};
pub use decode::{Complaint, Datagram, Decoded, Link, Tcp, Undecodable, decode};
pub use log::{TURNS_HEAD, TURNS_TAIL};
pub use rebuilt::Rebuilt;
