//! What a longer examination shows: what a server holds after a series of clients, and whether it still knows a silent one.

use super::asked::Departure;
use super::{Facts, Talk};
use crate::evidence::{At, Close, Limit, Probe, Role, Sample, Shape, Thread, Wait};

/// A server has so many milliseconds to let go of what it held for its last client.
const TIME_TO_CLEAN_UP_MS: f64 = 100.0;

/// What grows by nearly one with each client of two series, and not for another reason.
const SHARE: f64 = 0.8;
/// A shorter series tells nothing of a server that is to be accused; in a pair that did well it is merely told.
const LEAST: usize = 10;
const LEAST_TO_TELL: usize = 6;

/// What is counted of a server's processes at one look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Holdings {
    descriptors: u64,
    threads: u64,
    zombies: u64,
}

/// Something of which a server holds one more for nearly every client that has come and gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Growth {
    /// What it is, in the plural.
    pub what: Kept,
    /// How many more there are.
    pub more: u64,
    /// For how many clients.
    pub clients: usize,
    /// The looks before, between and after, and the last client of either series.
    pub evidence: Vec<String>,
}

/// What may grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// Files, sockets and pipes that are open, while the threads do not grow in number.
    Descriptors,
    /// Threads, of one or several processes.
    Threads,
    /// Children that have ended and that nobody has waited for.
    Zombies,
}

/// A client that came, was answered, and left.
#[derive(Debug, Clone)]
struct Visit {
    began: At,
    ended: At,
    reference: String,
}

impl Facts<'_> {
    /// What the server held more of after each of two series of clients, by nearly one for each of them, when it was at rest
    /// again.
    #[must_use]
    pub fn grows_with_each_client(&self) -> Option<Growth> {
        let (first, second) = self.two_series()?;
        let samples = &self.evidence.programs.seen().ok()?.samples;
        let ended = |series: &[Visit]| series.iter().map(|visit| visit.ended).max();
        let (from, until) = (first.first()?.began, second.first()?.began);
        let looks = [
            self.holdings_at(samples, At::default(), from)?,
            self.holdings_at(samples, ended(&first)?, until)?,
            self.holdings_at(samples, ended(&second)?, self.frozen())?,
        ];
        if !self.rests_for_good(samples) {
            return None;
        }
        let [before, between, after] = looks.map(|(_, held)| held);
        let grew = |of: fn(&Holdings) -> u64| {
            let (one, other) = (of(&between).saturating_sub(of(&before)), of(&after).saturating_sub(of(&between)));
            let by = |series: &[Visit], more: u64| more as f64 >= SHARE * series.len() as f64;
            (by(&first, one) && by(&second, other)).then_some(one + other)
        };
        // A worker that is kept for the next client has descriptors of its own.
        let (what, more) = [
            (Kept::Threads, grew(|held| held.threads)),
            (Kept::Descriptors, grew(|held| held.descriptors)),
            (Kept::Zombies, grew(|held| held.zombies)),
        ]
        .into_iter()
        .find_map(|(what, more)| Some((what, more?)))?;
        let last = [&first, &second].map(|series| series.last().map(|visit| visit.reference.clone()));
        let looks = looks.map(|(number, _)| format!("programs:held/{number}"));
        let evidence = looks.into_iter().chain(last.into_iter().flatten()).collect();
        Some(Growth { what, more, clients: self.visits_since(from), evidence })
    }

    /// Clients that were answered one after the other, in two series with a pause between them in which the server could let
    /// go of everything: netdiag's own, or the pair's.
    fn two_series(&self) -> Option<(Vec<Visit>, Vec<Visit>)> {
        let of_series = |visit: &(Shape, u32, Visit)| visit.0 == Shape::Series;
        let probed = self.probed_visits();
        let (first, second): (Vec<Visit>, Vec<Visit>) = if let Some((_, group, _)) =
            probed.iter().find(|it| of_series(it))
        {
            let group = *group;
            let (first, second): (Vec<_>, Vec<_>) = probed.into_iter().filter(of_series).partition(|it| it.1 == group);
            let visits = |all: Vec<(Shape, u32, Visit)>| all.into_iter().map(|(_, _, visit)| visit).collect();
            (visits(first), visits(second))
        } else {
            let mut visits = self.client_visits();
            visits.sort_by_key(|visit| visit.began);
            let pause = |at: &usize| visits[*at].began.ms_since(visits[*at - 1].ended);
            let longest = (1..visits.len()).max_by(|a, b| pause(a).total_cmp(&pause(b)))?;
            let second = visits.split_off(longest);
            (visits, second)
        };
        let least = if self.is_alone() { LEAST } else { LEAST_TO_TELL };
        (first.len() >= least && second.len() >= least).then_some((first, second))
    }

    /// netdiag's own connections that were answered.
    fn probed_visits(&self) -> Vec<(Shape, u32, Visit)> {
        let probes = self.evidence.probes.seen().map(|seen| seen.probes.as_slice()).unwrap_or_default();
        let answered = probes.iter().enumerate().filter(|(_, probe)| probe.received_total > 0);
        let ended = |probe: &Probe| At(probe.at.0 + (probe.last_byte_ms.unwrap_or_default() * 1e6) as u64);
        answered
            .map(|(index, probe)| {
                let visit = Visit { began: probe.at, ended: ended(probe), reference: format!("probes:{index}") };
                (probe.shape, probe.group, visit)
            })
            .collect()
    }

    /// The conversations of the pair's clients that both sides have ended.
    fn client_visits(&self) -> Vec<Visit> {
        let talks = self.talks().unwrap_or_default().iter();
        let visit = |talk: &Talk| {
            let ended = talk.ended_by(Role::Client)?.max(talk.ended_by(Role::Server)?);
            Some(Visit { began: talk.began, ended, reference: talk.references().pop()? })
        };
        talks.filter_map(visit).collect()
    }

    /// How many have come since.
    fn visits_since(&self, from: At) -> usize {
        let probed = self.probed_visits().into_iter().map(|(_, _, visit)| visit);
        probed.chain(self.client_visits()).filter(|visit| visit.began >= from).count()
    }

    /// What the server held at the last look between two moments; the first of them is that of its last client's end.
    fn holdings_at(&self, samples: &[Sample], from: At, until: At) -> Option<(usize, Holdings)> {
        let rested = |sample: &&Sample| from == At::default() || sample.at.ms_since(from) >= TIME_TO_CLEAN_UP_MS;
        let (number, look) = samples.iter().enumerate().rfind(|(_, sample)| sample.at <= until && rested(sample))?;
        let programs = &self.evidence.programs.seen().ok()?.programs;
        let is_servers = |program: usize| programs.get(program).is_some_and(|it| it.role == Role::Server);
        let own: Vec<_> = look.processes.iter().filter(|process| is_servers(process.program)).collect();
        let alive = || own.iter().filter(|process| process.state != 'Z');
        let held = Holdings {
            descriptors: alive().map(|process| process.descriptors.map(u64::from)).sum::<Option<u64>>()?,
            threads: alive().map(|process| process.threads.len() as u64).sum(),
            zombies: own.iter().filter(|process| process.state == 'Z').count() as u64,
        };
        Some((number, held))
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
    #[must_use]
    pub fn forgotten_while_silent(&self) -> Option<Departure> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Observed, Occasion};
    use crate::facts::staged::{Stage, ms, pair, probe, process, talk};

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

    fn told(stage: &Stage) -> Option<(Kept, u64)> {
        stage.facts().grows_with_each_client().map(|growth| (growth.what, growth.more))
    }

    #[test]
    fn what_a_sleeping_thread_may_yet_let_go_is_no_leak() {
        let mut stage = endured([(5, 1, 0), (25, 21, 0), (45, 41, 0)]);
        assert!(told(&stage).is_some());
        let last = stage.programs().samples.last_mut().unwrap();
        last.processes[0].threads[7] = process(0, "clock_nanosleep", Limit::Timed).threads[0].clone();
        assert_eq!(told(&stage), None);
        last_timer(&mut stage);
        assert_eq!(told(&stage), None);
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
        assert_eq!(told(&descriptors), Some((Kept::Descriptors, 40)));
        assert_eq!(told(&endured([(5, 1, 0), (5, 21, 0), (5, 41, 0)])), Some((Kept::Threads, 40)));
        assert_eq!(told(&endured([(5, 1, 2), (5, 1, 22), (5, 1, 42)])), Some((Kept::Zombies, 40)));
        let workers = endured([(5, 1, 0), (25, 21, 0), (45, 41, 0)]);
        assert_eq!(told(&workers), Some((Kept::Threads, 40)), "each has a descriptor of its own");
        let looks = descriptors.facts().grows_with_each_client().unwrap().evidence;
        assert_eq!(looks[..3], ["programs:held/0", "programs:held/1", "programs:held/2"]);
    }

    /// The same of a pair whose clients came in two crowds, in the tenths of a second after 1 s and 2 s.
    fn visited(held: [(u32, usize, usize); 3], apart: f64) -> Stage {
        let mut stage = endured(held).unseen("probes");
        stage.0.setting.occasion = Occasion::Pair;
        for n in 0..20_u16 {
            let at = if n < 10 { 1000.0 } else { 1000.0 + apart } + f64::from(n % 10) * 5.0;
            let mut visit = talk(40_001 + n).at(at).echoes("hello\n").closes(Role::Client).closes(Role::Server);
            visit.conversation.began = ms(at);
            stage = stage.talk(visit);
        }
        stage
    }

    #[test]
    fn the_pairs_own_clients_make_two_series_where_they_pause() {
        assert_eq!(told(&visited([(5, 1, 0), (15, 1, 0), (25, 1, 0)], 1000.0)), Some((Kept::Descriptors, 20)));
        assert_eq!(told(&visited([(5, 1, 0), (15, 1, 0), (25, 1, 0)], 60.0)), None, "nobody looked in between");
        assert_eq!(told(&visited([(5, 1, 0), (15, 1, 0), (15, 1, 0)], 1000.0)), None);
    }

    #[test]
    fn a_pool_that_fills_or_something_that_is_kept_once_is_no_leak() {
        for held in [
            [(5, 1, 0), (25, 9, 0), (25, 9, 0)],
            [(5, 1, 0), (6, 2, 1), (7, 3, 1)],
            [(45, 1, 0), (25, 1, 0), (5, 1, 0)],
        ] {
            assert_eq!(told(&endured(held)), None);
        }
    }

    #[test]
    fn a_look_that_came_too_early_tells_nothing() {
        let mut stage = endured([(5, 1, 0), (25, 1, 0), (45, 1, 0)]);
        if let Observed::Seen(programs) = &mut stage.0.programs {
            programs.samples[1].at = ms(1195.0);
        }
        assert_eq!(told(&stage), None);
        assert_eq!(told(&endured([(5, 1, 0), (25, 1, 0), (45, 1, 0)]).unseen("programs")), None);
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
            stage.facts().forgotten_while_silent().is_some()
        };
        assert!(linger("hello\n", Close::Open));
        assert!(!linger("hello\nagain\n", Close::Open));
        assert!(!linger("hello\n", Close::Fin), "a server may end what is silent for long");
    }
}
