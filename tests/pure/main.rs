//! Tests that touch no socket and start no program.

mod captures;
mod layers;
