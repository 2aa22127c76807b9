//! Tests on real loopback, through the real binary.

mod accuracy;
mod actor;
mod bad_input;
mod calls;
mod real_servers;
mod sandbox;
mod scenarios;
mod stand;
mod tracer;
