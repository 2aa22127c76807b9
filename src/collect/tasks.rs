//! tokio tasks through the console interface.
