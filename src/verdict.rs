//! WHICH SIDE: keeps root causes, drops their consequences.
