//! Staged faults: scenarios/*.toml and their catalogue.
