//! Tests on real loopback, through the real binary.

mod tracer;
