//! WHO DID WHAT WRONG: one rule per file, one table.
