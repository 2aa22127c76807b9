//! Grading a class: a directory of submissions goes in, fair marks come out, each explained by a verdict.

pub mod formats;
pub mod results;
