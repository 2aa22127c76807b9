//! HOW TO SAY IT. Decides nothing.
