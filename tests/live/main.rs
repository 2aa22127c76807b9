//! Tests on real loopback, through the real binary.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test's helper functions fail like the test")]
#![allow(clippy::print_stderr, reason = "a test that saw less than it wanted says so")]

mod accuracy;
mod actor;
mod bad_input;
mod calls;
mod check;
mod crashes;
mod echo_servers;
mod grade;
mod grade_same;
mod limits;
mod on_request;
mod ports;
mod quiz;
mod readme;
mod real_servers;
mod sandbox;
mod scenarios;
mod silence;
mod stand;
mod tracer;
mod unruly;
