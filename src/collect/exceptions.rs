//! What the runtimes' tracers report.
