//! Grading a class: a directory of submissions goes in, fair marks come out, each explained by a verdict.
//!
//! [`lab`] says what is asked, [`submission`] what was handed in, [`attempt`] carries out one check, [`judge`] turns what was
//! recorded into an outcome, and [`class`] does that for everybody and keeps the [`results`].

pub mod attempt;
pub mod class;
mod demands;
pub mod formats;
pub mod judge;
pub mod lab;
pub mod labs;
mod machine;
pub mod results;
pub mod shard;
mod steady;
pub mod submission;
