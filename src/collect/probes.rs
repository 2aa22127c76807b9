//! netdiag's own connections to a server.
