//! Tests on real loopback, through the real binary.

mod actor;
mod sandbox;
mod real_servers;
