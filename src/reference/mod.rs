//! The reference echo server and client, and the ways in which they can be told to misbehave.
//!
//! They know protocols and faults; they know nothing of rules, evidence files or verdicts.

pub mod spec;
