//! Tests that touch no socket and start no program.

mod captures;
mod catalogue;
mod layers;
