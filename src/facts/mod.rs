//! WHAT IT MEANS, without blame: the vocabulary of the rules.

pub mod dialect;
