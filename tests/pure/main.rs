//! Tests that touch no socket and start no program.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test's helper functions fail like the test")]

mod captures;
mod catalogue;
mod layers;
mod less;
mod names;
mod pairs;
mod pieces;
