//! The recorder's ear: keeps what the tracer tells, within bounds, and knows who is stopped by a signal.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::line::{ASKS, CLOSES, Call, Crash, Word};
use super::source;
use crate::collect::clock::Clock;
use crate::evidence::{self, At, Calls, Packets, Role, Sample, SocketCall, Wait};

/// Stops that are kept; a program that stops and goes on more often is told as running.
const STOPS: usize = 10_000;
/// Crashes that are kept; a server whose every child crashes does so in the same place.
const CRASHES: usize = 8;
/// How long the tracer may take to tell what it has seen, and how often it is looked for.
const ANSWER: Duration = Duration::from_secs(5);
const ANSWER_STEP: Duration = Duration::from_micros(300);
/// How long one look at all threads may take, in nanoseconds: a stop this much younger than the sample may be in it.
const LOOK: u64 = 20_000_000;

/// Listens to a tracer on a thread of its own.
#[derive(Debug)]
pub struct Hearing {
    line: UnixStream,
    told: Arc<Mutex<Told>>,
    thread: Option<JoinHandle<()>>,
}

/// What was told so far.
#[derive(Debug, Default, Clone)]
pub struct Told {
    calls: Vec<(At, Call)>,
    crashes: Vec<(At, Crash)>,
    /// By program: `None` when it is traced, else why not.
    programs: BTreeMap<usize, Option<String>>,
    missing: Vec<(usize, String)>,
    stops: Vec<Stopped>,
    blind: Option<String>,
    disturbed: Option<String>,
    /// How many calls were not told; told at the end.
    omitted: Option<u64>,
    /// When bytes last flowed, and whether a dial waits for its answer.
    lively: Option<(At, bool)>,
    view: Option<Packets>,
}

#[derive(Debug, Clone, Copy)]
struct Stopped {
    tid: u32,
    from: At,
    to: Option<At>,
}

impl Hearing {
    /// Listens at `line` until the tracer ends.
    pub fn start(line: UnixStream, clock: Clock) -> std::io::Result<Self> {
        let told = Arc::<Mutex<Told>>::default();
        let (theirs, into) = (line.try_clone()?, Arc::clone(&told));
        let thread = std::thread::Builder::new().name("netdiag-calls".to_owned()).spawn(move || {
            for text in BufReader::new(theirs).lines() {
                let Some(word) = text.ok().and_then(|text| serde_json::from_str(&text).ok()) else { return };
                lock(&into).take(word, &clock);
            }
        })?;
        Ok(Self { line, told, thread: Some(thread) })
    }

    /// See [`super::Tracer::correct`].
    pub fn correct(&self, sample: &mut Sample) {
        lock(&self.told).correct(sample);
    }

    /// Tells the tracer that whatever happens to the programs from now on is our doing.
    pub fn announce_end(&self) {
        // A tracer that is gone needs no telling.
        let _ = (&self.line).write_all(&[CLOSES]);
    }

    /// When bytes last flowed, and whether a dial waits for its answer; `None` before there were any.
    pub fn lively(&self) -> Option<(At, bool)> {
        lock(&self.told).lively
    }

    /// The conversations up to now, or why there are none. `programs` were started through the shim.
    pub fn view(&self, mut programs: impl Iterator<Item = usize>) -> Result<Packets, String> {
        let asked = (&self.line).write_all(&[ASKS]);
        let deadline = Instant::now() + ANSWER;
        loop {
            let mut told = lock(&self.told);
            if let Some(why) = told.blind.clone().or_else(|| told.disturbed.clone()) {
                return Err(why);
            }
            if let Some(view) = told.view.take() {
                return programs.find_map(|program| told.obstacle(program)).map_or(Ok(view), Err);
            }
            drop(told);
            if asked.is_err() || Instant::now() > deadline {
                return Err("the tracer did not answer".to_owned());
            }
            std::thread::sleep(ANSWER_STEP);
        }
    }

    /// Tells the tracer to end, and returns everything it said.
    pub fn finish(&mut self) -> Told {
        // A tracer that is gone has closed its end already.
        let _ = self.line.shutdown(Shutdown::Write);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        std::mem::take(&mut *lock(&self.told))
    }
}

fn lock(told: &Mutex<Told>) -> std::sync::MutexGuard<'_, Told> {
    told.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Told {
    fn take(&mut self, word: Word, clock: &Clock) {
        let at = |ns: u64| clock.at_unix_ns(u128::from(ns));
        match word {
            Word::Traced { program } => drop(self.programs.insert(program, None)),
            Word::Bare { program, why } => drop(self.programs.insert(program, Some(why))),
            Word::Missing { program, why } => {
                self.programs.insert(program, None);
                self.missing.push((program, why));
            }
            Word::Call(call) => self.calls.push((at(call.at), call)),
            Word::Crash(crash) if self.crashes.len() < CRASHES => self.crashes.push((at(crash.at), crash)),
            Word::Stopped { tid, at: from } if self.stops.len() < STOPS => {
                self.stops.push(Stopped { tid, from: at(from), to: None });
            }
            Word::Crash(_) | Word::Stopped { .. } => {}
            Word::Resumed { tid, at: to } => {
                if let Some(stop) = self.stops.iter_mut().rev().find(|stop| stop.tid == tid) {
                    stop.to.get_or_insert(at(to));
                }
            }
            Word::Lively { at, in_flight } => self.lively = Some((at, in_flight)),
            Word::View(packets) => self.view = Some(*packets),
            Word::Blind { why } => drop(self.blind.get_or_insert(why)),
            Word::Disturbed { why } => drop(self.disturbed.get_or_insert(why)),
            Word::Bye { omitted } => self.omitted = Some(omitted),
        }
    }

    fn correct(&self, sample: &mut Sample) {
        let at = sample.at;
        for process in &mut sample.processes {
            if process.state == 't' {
                process.state = if self.is_stopped(process.pid, at) { 'T' } else { 'R' };
            }
            for thread in process.threads.iter_mut().filter(|thread| thread.state == 't') {
                if self.is_stopped(thread.tid, at) {
                    thread.state = 'T';
                } else {
                    thread.state = 'R';
                    thread.wait = Wait::Running;
                }
            }
        }
    }

    fn is_stopped(&self, tid: u32, at: At) -> bool {
        let looked = At(at.0 + LOOK);
        self.stops.iter().any(|stop| stop.tid == tid && stop.from <= looked && stop.to.is_none_or(|to| to >= at))
    }

    /// The calls, by the role each program plays.
    pub fn calls(&self, role: impl Fn(usize) -> Option<Role>) -> Calls {
        let call = |(at, call): &(At, Call)| {
            Some(SocketCall {
                at: *at,
                role: role(call.program)?,
                program: call.program,
                pid: call.pid,
                name: call.name.clone(),
                fd: call.fd,
                address: call.address,
                result: call.result,
            })
        };
        let mut sources = source::Sources::default();
        let crash = |(at, crash): &(At, Crash)| {
            let (functions, line) = sources.read(&crash.stack);
            Some(evidence::Crash {
                at: *at,
                role: role(crash.program)?,
                program: crash.program,
                pid: crash.pid,
                signal: crash.signal,
                functions,
                line,
            })
        };
        Calls {
            calls: self.calls.iter().filter_map(call).collect(),
            omitted: self.omitted.unwrap_or_default(),
            crashes: self.crashes.iter().filter_map(crash).collect(),
        }
    }

    /// Why a program that was started through the shim was not traced.
    pub fn obstacle(&self, program: usize) -> Option<String> {
        match self.programs.get(&program) {
            Some(known) => known.clone(),
            None => Some("it never became the program".to_owned()),
        }
    }

    /// Programs that could not be started.
    pub fn missing(&self) -> Vec<(usize, String)> {
        self.missing.clone()
    }

    /// Why some calls were not seen.
    pub fn blind(&self) -> Option<String> {
        self.blind.clone()
    }

    /// Why the recording is worth nothing.
    pub fn disturbed(&self) -> Option<String> {
        let gone = || self.omitted.is_none().then(|| "the tracer ended too early".to_owned());
        self.disturbed.clone().or_else(gone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Process, Thread};

    fn sample(at: u64, state: char) -> Sample {
        let thread = Thread { tid: 7, state, wait: Wait::Stopped, switches: Some(1) };
        let process = Process {
            program: 0,
            pid: 7,
            ppid: 1,
            name: "x".to_owned(),
            state,
            descriptors: None,
            descriptor_limit: None,
            cpu_ms: 0,
            kernel_ms: 0,
            rss_kib: 0,
            threads: vec![thread],
            armed_timers: Some(0),
        };
        Sample { at: At(at), processes: vec![process] }
    }

    fn corrected(told: &Told, at: u64, state: char) -> (char, Wait) {
        let mut sample = sample(at, state);
        told.correct(&mut sample);
        let process = &sample.processes[0];
        assert_eq!(process.state, process.threads[0].state);
        (process.state, process.threads[0].wait.clone())
    }

    #[test]
    fn a_thread_that_stops_for_the_tracer_runs_and_one_held_for_a_signal_is_stopped() {
        let mut told = Told::default();
        assert_eq!(corrected(&told, 1000, 't'), ('R', Wait::Running));
        told.stops.push(Stopped { tid: 7, from: At(500_000_000), to: Some(At(900_000_000)) });
        assert_eq!(corrected(&told, 100_000_000, 't'), ('R', Wait::Running));
        assert_eq!(corrected(&told, 700_000_000, 't'), ('T', Wait::Stopped));
        assert_eq!(corrected(&told, 950_000_000, 't'), ('R', Wait::Running));
    }

    #[test]
    fn other_states_are_left_alone() {
        assert_eq!(corrected(&Told::default(), 1000, 'S'), ('S', Wait::Stopped));
    }

    #[test]
    fn a_tracer_that_says_no_goodbye_has_disturbed_its_programs() {
        let clock = Clock::start();
        let mut told = Told::default();
        assert!(told.disturbed().is_some());
        told.take(Word::Bye { omitted: 3 }, &clock);
        assert_eq!(told.disturbed(), None);
        assert_eq!(told.calls(|_| None).omitted, 3);
    }

    #[test]
    fn a_program_nobody_spoke_of_was_not_traced() {
        let clock = Clock::start();
        let mut told = Told::default();
        told.take(Word::Traced { program: 0 }, &clock);
        told.take(Word::Bare { program: 1, why: "refused".to_owned() }, &clock);
        assert_eq!(told.obstacle(0), None);
        assert_eq!(told.obstacle(1).as_deref(), Some("refused"));
        assert!(told.obstacle(2).is_some());
    }
}
