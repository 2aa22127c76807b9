//! What a longer examination shows: what a server holds after a series of clients, and whether it still knows a silent one.

use super::Facts;
use super::asked::Departure;
use crate::evidence::{At, Close, Limit, Probe, Role, Sample, Shape, Thread, Wait};

/// A server has so many milliseconds to let go of what it held for its last client.
const TIME_TO_CLEAN_UP_MS: f64 = 100.0;

/// What grows by nearly one with each client of two series, and not for another reason.
const SHARE: f64 = 0.8;
/// A shorter series tells nothing.
const LEAST: usize = 10;

/// What is counted of a server's processes at one look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Holdings {
    descriptors: u64,
    threads: u64,
    zombies: u64,
}

impl Facts<'_> {
    /// Departures that only a longer examination shows.
    #[must_use]
    pub fn departures_over_time(&self) -> Vec<Departure> {
        self.growth().into_iter().chain(self.forgotten_while_silent()).collect()
    }

    /// What the server held more of after each of two series of clients, by nearly one for each of them.
    fn growth(&self) -> Option<Departure> {
        let (first, second) = self.two_series()?;
        let samples = &self.evidence.programs.seen().ok()?.samples;
        let began = |series: &[(usize, &Probe)]| series.first().map(|(_, probe)| probe.at);
        let before = self.holdings_at(samples, At::default(), began(&first)?)?;
        let between = self.holdings_at(samples, ended(&first)?, began(&second)?)?;
        let after = self.holdings_at(samples, ended(&second)?, self.frozen())?;
        if !self.rests_for_good(samples) {
            return None;
        }
        let many = first.len().min(second.len());
        let grew = |of: fn(&Holdings) -> u64| {
            let (one, other) = (of(&between).saturating_sub(of(&before)), of(&after).saturating_sub(of(&between)));
            (one.min(other) as f64 >= SHARE * many as f64).then_some(one + other)
        };
        let what = [
            ("descriptors open", grew(|held| held.descriptors)),
            ("threads", grew(|held| held.threads)),
            ("ended children that it has not waited for", grew(|held| held.zombies)),
        ];
        let (what, more) = what.into_iter().find_map(|(what, more)| Some((what, more?)))?;
        let clients = first.len() + second.len();
        Some(Departure {
            what: format!("after {clients} more clients, all gone again, it has {more} more {what}"),
            evidence: [&first, &second].iter().filter_map(|all| Some(format!("probes:{}", all.last()?.0))).collect(),
        })
    }

    /// The answered connections of the first two series, by the order in which they were made.
    fn two_series(&self) -> Option<(Series<'_>, Series<'_>)> {
        let probes = &self.evidence.probes.seen().ok()?.probes;
        let of_series = || probes.iter().enumerate().filter(|(_, probe)| probe.shape == Shape::Series);
        let group = of_series().next()?.1.group;
        let answered = |(_, probe): &(usize, &Probe)| probe.received_total > 0;
        let (first, second): (Vec<_>, Vec<_>) = of_series().filter(answered).partition(|(_, it)| it.group == group);
        (first.len() >= LEAST && second.len() >= LEAST).then_some((first, second))
    }

    /// What the server held at the last look between two moments; the first of them is that of its last client's end.
    fn holdings_at(&self, samples: &[Sample], from: At, until: At) -> Option<Holdings> {
        let rested = |sample: &&Sample| from == At::default() || sample.at.ms_since(from) >= TIME_TO_CLEAN_UP_MS;
        let look = samples.iter().rfind(|sample| sample.at <= until && rested(sample))?;
        let programs = &self.evidence.programs.seen().ok()?.programs;
        let is_servers = |program: usize| programs.get(program).is_some_and(|it| it.role == Role::Server);
        let own: Vec<_> = look.processes.iter().filter(|process| is_servers(process.program)).collect();
        let alive = || own.iter().filter(|process| process.state != 'Z');
        Some(Holdings {
            descriptors: alive().map(|process| process.descriptors.map(u64::from)).sum::<Option<u64>>()?,
            threads: alive().map(|process| process.threads.len() as u64).sum(),
            zombies: own.iter().filter(|process| process.state == 'Z').count() as u64,
        })
    }

    /// Whether at the last look nothing in the server was going to stir by itself: a thread that sleeps, or a timer, may yet
    /// let go of what is held.
    fn rests_for_good(&self, samples: &[Sample]) -> bool {
        let Some(look) = samples.iter().rfind(|sample| sample.at <= self.frozen()) else { return false };
        let Ok(programs) = self.evidence.programs.seen() else { return false };
        let is_servers = |program: usize| programs.programs.get(program).is_some_and(|it| it.role == Role::Server);
        let mut alive = look.processes.iter().filter(|process| is_servers(process.program) && process.state != 'Z');
        let waits = |thread: &Thread| matches!(thread.wait, Wait::Call { limit: Limit::Forever, .. });
        alive.all(|process| process.armed_timers == Some(0) && process.threads.iter().all(waits))
    }

    /// A connection that was answered, then silent while others were served, and then answered no more although open.
    fn forgotten_while_silent(&self) -> Option<Departure> {
        let probes = &self.evidence.probes.seen().ok()?.probes;
        let usual =
            probes.iter().filter(|probe| probe.shape == Shape::Series).map(|probe| probe.received_total).max()?;
        let (index, _) = probes.iter().enumerate().find(|(_, probe)| {
            let asked_twice = probe.shape == Shape::Lingering && probe.sent.len() == 2;
            asked_twice && probe.received_total > 0 && probe.received_total <= usual && probe.close == Close::Open
        })?;
        Some(Departure {
            what: "a connection that was silent while others were served gets no answer any more".to_owned(),
            evidence: vec![format!("probes:{index}")],
        })
    }
}

type Series<'e> = Vec<(usize, &'e Probe)>;

/// When the last connection of a series had its answer, at the latest.
fn ended(series: &[(usize, &Probe)]) -> Option<At> {
    let (_, last) = series.last()?;
    Some(At(last.at.0 + (last.last_byte_ms.unwrap_or_default() * 1e6) as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Observed, Occasion};
    use crate::facts::staged::{Stage, ms, pair, probe, process};

    /// Two series of twenty, at 1 s and 2 s, and the server's descriptors, threads and zombies before, between and after.
    fn endured(held: [(u32, usize, usize); 3]) -> Stage {
        let one = |group: u32, n: u32| Probe {
            shape: Shape::Series,
            at: ms(f64::from(group * 1000 + n * 10)),
            group,
            ..probe("hello\n", "hello\n")
        };
        let probes = (1..=2).flat_map(|group| (0..20).map(move |n| one(group, n))).collect();
        let mut stage = pair().probed(probes).frozen(3000.0);
        stage.0.setting.occasion = Occasion::LiveServer;
        if let Observed::Seen(programs) = &mut stage.0.programs {
            programs.samples = held
                .iter()
                .zip([900.0, 1900.0, 2900.0])
                .map(|((descriptors, threads, zombies), at)| {
                    let mut server = process(0, "epoll_wait", Limit::Forever);
                    server.descriptors = Some(*descriptors);
                    server.threads = vec![server.threads[0].clone(); *threads];
                    let mut ended = process(0, "exit", Limit::Forever);
                    (ended.state, ended.threads) = ('Z', Vec::new());
                    let processes = std::iter::once(server).chain(std::iter::repeat_n(ended, *zombies)).collect();
                    Sample { at: ms(at), processes }
                })
                .collect();
        }
        stage
    }

    fn told(stage: &Stage) -> Vec<String> {
        stage.facts().departures_over_time().into_iter().map(|departure| departure.what).collect()
    }

    #[test]
    fn what_a_sleeping_thread_may_yet_let_go_is_no_leak() {
        let mut stage = endured([(5, 1, 0), (25, 21, 0), (45, 41, 0)]);
        assert!(!told(&stage).is_empty());
        let last = stage.programs().samples.last_mut().unwrap();
        last.processes[0].threads[7] = process(0, "clock_nanosleep", Limit::Timed).threads[0].clone();
        assert!(told(&stage).is_empty(), "{:?}", told(&stage));
        last_timer(&mut stage);
        assert!(told(&stage).is_empty());
    }

    /// No thread sleeps at the last look, and a timer is set.
    fn last_timer(stage: &mut Stage) {
        let last = stage.programs().samples.last_mut().unwrap();
        last.processes[0].threads.truncate(7);
        last.processes[0].armed_timers = Some(1);
    }

    #[test]
    fn what_grows_with_every_client_is_told() {
        let descriptors = endured([(5, 1, 0), (25, 1, 0), (45, 1, 0)]);
        assert_eq!(told(&descriptors), ["after 40 more clients, all gone again, it has 40 more descriptors open"]);
        let threads = endured([(5, 1, 0), (5, 21, 0), (5, 41, 0)]);
        assert_eq!(told(&threads), ["after 40 more clients, all gone again, it has 40 more threads"]);
        let zombies = endured([(5, 1, 2), (5, 1, 22), (5, 1, 42)]);
        assert!(told(&zombies)[0].contains("40 more ended children"), "{:?}", told(&zombies));
    }

    #[test]
    fn a_pool_that_fills_or_something_that_is_kept_once_is_no_leak() {
        for held in [
            [(5, 1, 0), (25, 9, 0), (25, 9, 0)],
            [(5, 1, 0), (6, 2, 1), (7, 3, 1)],
            [(45, 1, 0), (25, 1, 0), (5, 1, 0)],
        ] {
            assert_eq!(told(&endured(held)), [""; 0]);
        }
    }

    #[test]
    fn a_look_that_came_too_early_tells_nothing() {
        let mut stage = endured([(5, 1, 0), (25, 1, 0), (45, 1, 0)]);
        if let Observed::Seen(programs) = &mut stage.0.programs {
            programs.samples[1].at = ms(1195.0);
        }
        assert_eq!(told(&stage), [""; 0]);
        assert_eq!(told(&endured([(5, 1, 0), (25, 1, 0), (45, 1, 0)]).unseen("programs")), [""; 0]);
    }

    #[test]
    fn a_silent_connection_has_to_be_answered_when_it_speaks_again() {
        let linger = |received: &str, close| {
            let mut stage = endured([(5, 1, 0); 3]);
            let mut silent = Probe { shape: Shape::Lingering, close, ..probe("hello\n", received) };
            silent.sent.push("again\n".into());
            if let Observed::Seen(seen) = &mut stage.0.probes {
                seen.probes.push(silent);
            }
            told(&stage).len()
        };
        assert_eq!(linger("hello\n", Close::Open), 1);
        assert_eq!(linger("hello\nagain\n", Close::Open), 0);
        assert_eq!(linger("hello\n", Close::Fin), 0, "a server may end what is silent for long");
    }
}
