//! Hand-made probes for every careful case.
