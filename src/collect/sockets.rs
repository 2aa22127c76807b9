//! The socket table with owners and queues.
