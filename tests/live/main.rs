//! Tests on real loopback, through the real binary.

mod accuracy;
mod actor;
mod real_servers;
mod sandbox;
mod tracer;
