//! What a program that nobody trusts may use.

use serde::{Deserialize, Serialize};

/// Limits for the programs of one recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Limits {
    /// Processes and threads (RLIMIT_NPROC, or pids.max of a cgroup).
    pub processes: u64,
    /// Memory that one process may write to (RLIMIT_DATA), and that all may use together, in MiB.
    pub memory_mib: u64,
    /// Open descriptors of one process (RLIMIT_NOFILE).
    pub files: u64,
    /// The longest file, in MiB (RLIMIT_FSIZE).
    pub file_mib: u64,
    /// Processor time of one process, in seconds (RLIMIT_CPU).
    pub cpu_seconds: u64,
    /// What one recording may take in all, in seconds.
    pub seconds: u64,
}

impl Limits {
    /// What is said of whoever wanted more processes, as a clause.
    #[must_use]
    pub fn exceeded_processes(&self) -> String {
        format!("more than {} processes and threads were to run at the same time", self.processes)
    }

    /// What is said of whoever wanted more memory, as a clause.
    #[must_use]
    pub fn exceeded_memory(&self) -> String {
        format!("its processes used more than {} MiB of memory together", self.memory_mib)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { processes: 256, memory_mib: 2048, files: 1024, file_mib: 16, cpu_seconds: 20, seconds: 60 }
    }
}
