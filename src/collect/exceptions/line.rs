//! One line of a tracer, and the ledger the lines are entered in. Bounded whatever a program sends.

use std::collections::HashMap;

use serde::Deserialize;

use super::Part;
use crate::evidence::{Action, Addressed, At, Exceptions, Frame, Neglected, Raised, Served, Stack, Stall, Tracer};

/// How much of each kind is kept: of one program, so that no program can crowd out another.
const RAISED: usize = 250;
const NEGLECTED: usize = 100;
const STALLS: usize = 100;
const ADDRESSED: usize = 100;
const SERVED: usize = 20;
const STACKS: usize = 400;
/// Traced processes of one program.
const TRACERS: usize = 32;

/// What a tracer says on one line.
#[derive(Debug, Deserialize)]
#[serde(tag = "e", rename_all = "lowercase")]
pub enum Line {
    /// The first line of every connection.
    Hello { pid: u32, part: String, way: String, interpreter: String, asyncio: bool },
    /// The tracer's own thread.
    Thread { tid: u32 },
    /// asyncio was imported: from now on there may be a loop to watch.
    Asyncio,
    /// An exception.
    Raised(RaisedLine),
    /// A coroutine or a result nobody looked after.
    Neglected { t: u64, what: String, name: String, exception: Option<String>, location: Option<Frame> },
    /// A blocked event loop, said again with the same number while it lasts.
    Stall { t: u64, id: u64, ms: f64, location: Frame },
    /// A line that binds or dials.
    Addressed { t: u64, call: String, address: String, location: Frame },
    /// A handler of streams, whose first client came.
    Served { t: u64, handler: Frame, coroutine: bool, undrained: Option<Frame> },
    /// The stack of one thread or task.
    Stack { of: String, frames: Vec<Frame>, within: String },
    /// All stacks were sent.
    Stacks,
    /// How much the tracer left out.
    Omitted { n: u64 },
}

/// The fields of an exception.
#[derive(Debug, Deserialize)]
pub struct RaisedLine {
    t: u64,
    kind: String,
    message: String,
    errno: Option<i32>,
    frames: Vec<Frame>,
    address: Option<String>,
    caught: Option<Frame>,
    action: Action,
}

/// Who said a line.
#[derive(Debug, Clone, Copy)]
pub struct Speaker {
    pub part: Part,
    pub pid: u32,
}

/// Everything said so far.
#[derive(Debug, Default)]
pub struct Ledger {
    seen: Exceptions,
    /// Whose process each stack is of, beside `seen.stacks`.
    stack_pids: Vec<u32>,
    /// Where the stall with this process and number stands.
    stalls: HashMap<(u32, u64), usize>,
}

impl Ledger {
    /// Counts something that was not kept.
    pub fn omit(&mut self, count: u64) {
        self.seen.omitted = self.seen.omitted.saturating_add(count);
    }

    /// Enters a process; a second hello of the same one (after a fork or an exec) replaces the first.
    pub fn enter(&mut self, speaker: Speaker, way: &str, interpreter: &str) {
        let Speaker { part, pid } = speaker;
        let tracer = Tracer {
            role: part.role,
            program: part.program,
            pid,
            interpreter: clip(interpreter, 60),
            way: clip(way, 20),
        };
        if let Some(known) = self.seen.tracers.iter_mut().find(|known| known.pid == pid) {
            *known = tracer;
        } else if count(&self.seen.tracers, |one| one.program == part.program && one.role == part.role) < TRACERS {
            self.seen.tracers.push(tracer);
        } else {
            self.omit(1);
        }
    }

    /// Enters what a known speaker said; `at` turns its wall-clock nanoseconds into the recording's time.
    pub fn note(&mut self, speaker: Speaker, line: Line, at: impl Fn(u64) -> At) {
        match line {
            Line::Raised(raised) => self.note_raised(speaker, raised, at),
            Line::Neglected { t, what, name, exception, location } => {
                let Part { role, program } = speaker.part;
                let kept = count(&self.seen.neglected, |one| one.program == program && one.role == role);
                if kept >= NEGLECTED || !matches!(what.as_str(), "never-awaited" | "never-retrieved") {
                    return self.omit(1);
                }
                let exception = exception.map(|text| clip(&text, 400));
                let (name, location) = (clip(&name, 200), location.as_ref().map(shorten));
                self.seen.neglected.push(Neglected { at: at(t), role, program, what, name, exception, location });
            }
            Line::Stall { t, id, ms, location } => self.note_stall(speaker, id, ms, at(t), &location),
            Line::Addressed { t, call, address, location } => {
                let Part { role, program } = speaker.part;
                let kept = count(&self.seen.addressed, |one| one.program == program && one.role == role);
                if kept >= ADDRESSED || !matches!(call.as_str(), "bind" | "connect") {
                    return self.omit(1);
                }
                let (address, location) = (clip(&address, 120), shorten(&location));
                self.seen.addressed.push(Addressed { at: at(t), role, program, call, address, location });
            }
            Line::Served { t, handler, coroutine, undrained } => {
                let Part { role, program } = speaker.part;
                if count(&self.seen.served, |one| one.program == program && one.role == role) >= SERVED {
                    return self.omit(1);
                }
                let (handler, undrained) = (shorten(&handler), undrained.as_ref().map(shorten));
                self.seen.served.push(Served { at: at(t), role, program, handler, coroutine, undrained });
            }
            Line::Stack { of, frames, within } => self.note_stack(speaker, &of, &frames, &within),
            Line::Omitted { n } => self.omit(n),
            Line::Hello { .. } | Line::Thread { .. } | Line::Asyncio | Line::Stacks => {}
        }
    }

    fn note_raised(&mut self, speaker: Speaker, line: RaisedLine, at: impl Fn(u64) -> At) {
        let Speaker { part: Part { role, program }, pid } = speaker;
        let kept = count(&self.seen.raised, |one| one.program == program && one.role == role);
        if kept >= RAISED || line.frames.is_empty() {
            return self.omit(1);
        }
        self.seen.raised.push(Raised {
            at: at(line.t),
            role,
            program,
            pid,
            kind: clip(&line.kind, 100),
            message: clip(&line.message, 300),
            errno: line.errno,
            frames: line.frames.iter().take(30).map(shorten).collect(),
            address: line.address.map(|text| clip(&text, 120)),
            caught: line.caught.as_ref().map(shorten),
            action: line.action,
        });
    }

    fn note_stall(&mut self, speaker: Speaker, id: u64, ms: f64, at: At, location: &Frame) {
        let Speaker { part: Part { role, program }, pid } = speaker;
        if let Some(known) = self.stalls.get(&(pid, id)).and_then(|&index| self.seen.stalls.get_mut(index)) {
            known.ms = known.ms.max(ms);
        } else if count(&self.seen.stalls, |one| one.program == program && one.role == role) < STALLS {
            self.stalls.insert((pid, id), self.seen.stalls.len());
            self.seen.stalls.push(Stall { at, role, program, ms, location: shorten(location) });
        } else {
            self.omit(1);
        }
    }

    fn note_stack(&mut self, speaker: Speaker, of: &str, frames: &[Frame], within: &str) {
        let Speaker { part: Part { role, program }, pid } = speaker;
        if count(&self.seen.stacks, |one| one.program == program && one.role == role) >= STACKS {
            return self.omit(1);
        }
        let frames = frames.iter().take(50).map(shorten).collect();
        self.seen.stacks.push(Stack { role, program, of: clip(of, 200), frames, within: clip(within, 200) });
        self.stack_pids.push(pid);
    }

    /// Forgets the stacks of a process that is asked for them anew.
    pub fn forget_stacks(&mut self, pid: u32) {
        let mut pids = self.stack_pids.iter();
        self.seen.stacks.retain(|_| pids.next() != Some(&pid));
        self.stack_pids.retain(|&known| known != pid);
    }

    /// All of it, in time order.
    pub fn close(mut self) -> Exceptions {
        self.seen.raised.sort_by_key(|raised| raised.at);
        self.seen.neglected.sort_by_key(|neglected| neglected.at);
        self.seen.stalls.sort_by_key(|stall| stall.at);
        self.seen.addressed.sort_by_key(|addressed| addressed.at);
        self.seen.served.sort_by_key(|served| served.at);
        self.seen
    }
}

fn count<T>(list: &[T], belongs: impl Fn(&T) -> bool) -> usize {
    list.iter().filter(|one| belongs(one)).count()
}

fn shorten(frame: &Frame) -> Frame {
    Frame {
        file: clip(&frame.file, 400),
        line: frame.line,
        function: clip(&frame.function, 100),
        source: clip(&frame.source, 200),
    }
}

fn clip(text: &str, characters: usize) -> String {
    text.chars().take(characters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Role;

    const CLIENT: Speaker = Speaker { part: Part { role: Role::Client, program: 1 }, pid: 7 };
    const SERVER: Speaker = Speaker { part: Part { role: Role::Server, program: 0 }, pid: 8 };
    const REFUSED: &str = r#"{"e":"raised","t":5,"kind":"ConnectionRefusedError","message":"no","errno":111,
        "frames":[{"file":"c.py","line":4,"function":"talk","source":"x"}],"address":"127.0.0.1:12435",
        "caught":{"file":"c.py","line":9,"function":"main","source":"except Exception:"},"action":"silent"}"#;

    fn line(text: &str) -> Line {
        serde_json::from_str(text).unwrap()
    }

    fn stack(of: &str) -> Line {
        line(&format!(r#"{{"e":"stack","of":"{of}","frames":[],"within":""}}"#))
    }

    #[test]
    fn an_exception_keeps_its_place_its_address_and_its_fate() {
        let mut ledger = Ledger::default();
        ledger.note(CLIENT, line(REFUSED), At);
        let seen = ledger.close();
        let raised = &seen.raised[0];
        assert_eq!((raised.role, raised.program, raised.pid, raised.at), (Role::Client, 1, 7, At(5)));
        assert_eq!((raised.errno, raised.action), (Some(111), Action::Silent));
        assert_eq!(raised.address.as_deref(), Some("127.0.0.1:12435"));
        assert_eq!(raised.caught.as_ref().map(|frame| frame.line), Some(9));
    }

    #[test]
    fn a_flood_by_one_program_leaves_room_for_the_other() {
        let mut ledger = Ledger::default();
        for _ in 0..1000 {
            ledger.note(CLIENT, line(REFUSED), At);
        }
        ledger.note(SERVER, line(REFUSED), At);
        let seen = ledger.close();
        assert_eq!(seen.omitted, 1000 - RAISED as u64);
        assert_eq!(count(&seen.raised, |raised| raised.role == Role::Server), 1);
    }

    #[test]
    fn an_exception_without_a_frame_is_no_evidence() {
        let mut ledger = Ledger::default();
        ledger.note(
            CLIENT,
            line(&REFUSED.replace(r#"{"file":"c.py","line":4,"function":"talk","source":"x"}"#, "")),
            At,
        );
        let seen = ledger.close();
        assert_eq!((seen.raised.len(), seen.omitted), (0, 1));
    }

    #[test]
    fn a_stall_that_lasts_stays_one_entry_and_grows() {
        let mut ledger = Ledger::default();
        for ms in ["200.5", "401.0"] {
            let text = format!(r#"{{"e":"stall","t":1,"id":1,"ms":{ms},"location":{{"file":"s.py","line":3}}}}"#);
            ledger.note(SERVER, line(&text), At);
        }
        let seen = ledger.close();
        assert_eq!(seen.stalls.len(), 1);
        assert!((seen.stalls[0].ms - 401.0).abs() < f64::EPSILON);
    }

    #[test]
    fn asking_again_replaces_the_stacks_of_that_process_only() {
        let mut ledger = Ledger::default();
        ledger.note(CLIENT, stack("old"), At);
        ledger.note(SERVER, stack("other"), At);
        ledger.forget_stacks(CLIENT.pid);
        ledger.note(CLIENT, stack("new"), At);
        let names: Vec<_> = ledger.close().stacks.into_iter().map(|stack| stack.of).collect();
        assert_eq!(names, ["other", "new"]);
    }

    #[test]
    fn long_texts_are_cut() {
        let mut ledger = Ledger::default();
        ledger.note(CLIENT, line(&REFUSED.replace(r#""no""#, &format!("\"{}\"", "é".repeat(5000)))), At);
        assert_eq!(ledger.close().raised[0].message.chars().count(), 300);
    }
}
