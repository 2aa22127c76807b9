//! How long a program's main thread could have run and was given no processor: on a busy machine a loop that comes back late
//! has not blocked. It measures; what follows from it is said where stalls are noted.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How far back is remembered. A stall that has lasted longer is one on any machine.
const REMEMBERED: usize = 200;

/// The time one process had to wait for a processor, as read every now and then.
#[derive(Debug, Default)]
pub struct Starved {
    read: VecDeque<(Instant, Duration)>,
}

impl Starved {
    /// Reads the kernel's count once more.
    pub fn look(&mut self, pid: u32) {
        if let Some(waited) = waited(pid) {
            self.note(Instant::now(), waited);
        }
    }

    fn note(&mut self, at: Instant, waited: Duration) {
        if self.read.len() >= REMEMBERED {
            self.read.pop_front();
        }
        self.read.push_back((at, waited));
    }

    /// How much of the last `ms` milliseconds the process waited for a processor, in milliseconds; never too little by more
    /// than what passed before the first reading.
    pub fn of_the_last(&self, ms: f64) -> f64 {
        let Some((now, waited)) = self.read.back() else { return 0.0 };
        let is_before = |at: &Instant| now.duration_since(*at).as_secs_f64() * 1e3 >= ms;
        let before = self.read.iter().rev().find(|(at, _)| is_before(at)).or(self.read.front());
        before.map_or(0.0, |(_, before)| waited.saturating_sub(*before).as_secs_f64() * 1e3)
    }
}

/// The second number of /proc/PID/schedstat, in nanoseconds (Documentation/scheduler/sched-stats.rst of the kernel): how long
/// the first thread, in which event loops usually run, sat in the queue of a processor. `None` where it is not counted.
#[cfg(target_os = "linux")]
fn waited(pid: u32) -> Option<Duration> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/schedstat")).ok()?;
    text.split_whitespace().nth(1)?.parse().ok().map(Duration::from_nanos)
}

#[cfg(not(target_os = "linux"))]
fn waited(_: u32) -> Option<Duration> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_waited_within_the_time_counts() {
        let ms = Duration::from_millis;
        let (began, mut starved) = (Instant::now(), Starved::default());
        assert!(starved.of_the_last(100.0).abs() < f64::EPSILON, "nothing is known");
        for (at, waited) in [(0, 0), (50, 40), (100, 40), (150, 45), (200, 75)] {
            starved.note(began + ms(at), ms(waited));
        }
        for (last, waited) in [(50.0, 30.0), (60.0, 35.0), (100.0, 35.0), (200.0, 75.0), (9000.0, 75.0)] {
            assert!((starved.of_the_last(last) - waited).abs() < 0.01, "{last}: {}", starved.of_the_last(last));
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_system_counts_what_a_process_waits() {
        assert!(waited(std::process::id()).is_some() && waited(u32::MAX).is_none());
    }
}
