//! Children: start, watch, end.
