//! Whether the machine itself was there while a check was carried out: a virtual one may lose its processors to others for
//! seconds. It looks at the kernel's count (proc_stat(5)) and decides nothing about a submission.

/// More than one part in so many of all processors' time.
const MUCH: u64 = 4;

/// The count at the beginning.
#[derive(Debug, Clone, Copy)]
pub struct Presence(Option<Times>);

/// In ticks, of all processors together.
#[derive(Debug, Clone, Copy)]
struct Times {
    stolen: u64,
    all: u64,
}

impl Presence {
    /// Begins to count.
    pub fn begin() -> Self {
        Self(times())
    }

    /// Whether much of the time since then went to others, as far as the kernel tells.
    pub fn was_broken(self) -> bool {
        self.0.zip(times()).is_some_and(|(from, to)| is_much(from, to))
    }
}

fn is_much(from: Times, to: Times) -> bool {
    let (stolen, all) = (to.stolen.saturating_sub(from.stolen), to.all.saturating_sub(from.all));
    stolen * MUCH > all
}

#[cfg(target_os = "linux")]
fn times() -> Option<Times> {
    use procfs::CurrentSI;
    let total = procfs::KernelStats::current().ok()?.total;
    let stolen = total.steal?;
    let all = total.user + total.nice + total.system + total.idle;
    let rest = [total.iowait, total.irq, total.softirq].into_iter().flatten().sum::<u64>();
    Some(Times { stolen, all: all + rest + stolen })
}

#[cfg(not(target_os = "linux"))]
fn times() -> Option<Times> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_of_the_time_is_much() {
        let from = Times { stolen: 100, all: 1000 };
        assert!(!is_much(from, Times { stolen: 120, all: 1100 }));
        assert!(is_much(from, Times { stolen: 130, all: 1100 }));
        assert!(!is_much(from, from));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_kernel_tells_it_and_more_time_passes_than_is_stolen() {
        let now = times().unwrap();
        assert!(now.all > now.stolen);
    }
}
