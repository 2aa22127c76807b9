//! HOW TO SAY IT: evidence and diagnosis become a page for people or an object for programs. Pure, and decides nothing:
//! which side, which fault and which evidence count was settled before anything here is called.
//!
//! - [`text`] writes the page for a terminal, with its [`ladder`] and the commands to see the same by hand.
//! - [`json`] writes `netdiag/report/v1`.
//! - [`pages`] and [`explain`] hold the catalogue of faults, one page each, embedded at build time.
//! - [`escape`] is the only way for bytes of a program under test to reach a terminal.

mod by_hand;
pub mod cite;
pub mod escape;
pub mod explain;
pub mod json;
pub mod ladder;
pub mod pages;
pub mod sheet;
pub mod style;
pub mod text;

#[cfg(test)]
mod sample;
