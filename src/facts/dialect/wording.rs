//! What the server makes of a message, agreed upon by all its answers.

use crate::evidence::Shape;

use super::form::{Ending, Form, fits, split_terminator};
use super::reading::{Reading, Readings};
use super::{Dialect, Learned};

/// What a server puts around a message when no [`crate::evidence::Reply`] can say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decoration {
    /// The same text before and after every message, or one side and upper case.
    Around {
        /// Text before.
        before: Vec<u8>,
        /// Text after.
        after: Vec<u8>,
        /// Whether the message comes in upper case too.
        upper: bool,
    },
    /// The text around the message holds digits: a time or a counter that may be different next time.
    Numbered {
        /// Text before.
        before: Vec<u8>,
        /// Text after.
        after: Vec<u8>,
    },
    /// The message is in every answer, and what stands around it differs from one to the next.
    Varying,
}

/// The readings of all plain greetings that were answered.
pub(super) struct Wording {
    /// Greetings and the forms that explain their answers (none, if nothing does).
    explained: Vec<(usize, Vec<Form>)>,
    /// The form all answers share; its ending is settled among the greetings that had a terminator.
    pub form: Option<Form>,
    /// Greetings the form rests on.
    pub rests_on: Vec<usize>,
    /// Whether every answer holds the text of its message.
    pub always_held: bool,
}

/// How many greetings are looked at: a hundred alike show no more than the first of them.
const ENOUGH: usize = 24;

pub(super) fn read(readings: &Readings) -> Wording {
    let whole_head = readings.a_banner_would_have_shown();
    let voters = voters(readings);
    let explained: Vec<(usize, Vec<Form>)> = voters.iter().map(|r| (r.index, forms(r, whole_head))).collect();
    let always_held = !voters.is_empty() && voters.iter().all(|r| r.holds_each_once());
    let mut wording = Wording { explained, form: None, rests_on: Vec::new(), always_held };
    if let Some(form) = wording.shared_form() {
        wording.rests_on = voters.iter().map(|r| r.index).collect();
        let others = readings.of(Shape::CrLfLine).filter(|r| r.answered_before_half_close());
        let ending = shared_ending(&voters.into_iter().chain(others).collect::<Vec<_>>(), &form);
        wording.form = Some(Form { ending, ..form });
    }
    wording
}

/// The greetings whose answers settle the form: those closest to what every server is made for. Servers may treat a
/// lone CR or a last line without its end in odd ways, which then say nothing about ordinary messages.
fn voters<'a>(readings: &'a Readings<'a>) -> Vec<&'a Reading<'a>> {
    use Shape::{Chunk, CrLfLine, Datagram, Line, LineHalfClose, Overlapping, OwnClient, TwoLines};
    let prompt = |shapes: &'static [Shape]| {
        readings
            .all
            .iter()
            .filter(move |r| shapes.contains(&r.probe.shape) && r.answered_before_half_close() && r.is_short())
    };
    let ordinary: Vec<&Reading> = prompt(&[Line, TwoLines, Chunk, Overlapping, Datagram]).take(ENOUGH).collect();
    if !ordinary.is_empty() {
        return ordinary;
    }
    let crlf: Vec<&Reading> = prompt(&[CrLfLine]).collect();
    if !crlf.is_empty() {
        return crlf;
    }
    let whole = |r: &&Reading| r.sent.ends_with(b"\n") || r.probe.shape == OwnClient;
    let at_eof: Vec<&Reading> = readings
        .all
        .iter()
        .filter(|r| matches!(r.probe.shape, Line | LineHalfClose | Overlapping | OwnClient) && r.answered())
        .filter(whole)
        .take(ENOUGH)
        .collect();
    if !at_eof.is_empty() {
        return at_eof;
    }
    readings.all.iter().filter(|r| r.is_plain() && r.answered() && r.is_short()).take(ENOUGH).collect()
}

/// Every form that explains this answer: to all messages, or to the first one alone if the server stopped there.
fn forms(reading: &Reading, whole_head: bool) -> Vec<Form> {
    let messages: Vec<&[u8]> = reading.messages.iter().map(Vec::as_slice).collect();
    // What a server says only when its client half-closes is a farewell and no part of the answer.
    let at_once = &reading.got()[..reading.got_before_half_close()];
    let mut found = if at_once.ends_with(b"\n") { fits(&messages, at_once) } else { Vec::new() };
    if found.is_empty() {
        found = fits(&messages, reading.got());
    }
    if found.is_empty() && messages.len() > 1 {
        found = fits(&messages[..1], reading.got());
    }
    // A whole message that ended with the half-close may hold line ends of its own.
    if found.is_empty() && reading.probe.half_closed {
        found = fits(&[&reading.sent], reading.got());
    }
    let joined = found.into_iter().map(|fit| {
        let prefix = if whole_head { [fit.banner, fit.form.prefix].concat() } else { fit.form.prefix };
        Form { prefix, ..fit.form }
    });
    joined.collect()
}

impl Wording {
    /// The form, but for its ending, that explains every answer.
    fn shared_form(&self) -> Option<Form> {
        let (_, candidates) = self.explained.first()?;
        candidates
            .iter()
            .find(|form| self.explained.iter().all(|(_, forms)| forms.iter().any(|f| alike(f, form))))
            .cloned()
    }

    /// Writes reply, decoration and ending into the dialect.
    pub(super) fn settle(&self, readings: &Readings, dialect: &mut Dialect) {
        let Some(form) = &self.form else {
            if self.always_held && self.explained.len() > 1 && dialect.blocks.is_none() {
                let all: Vec<usize> = self.explained.iter().map(|(index, _)| *index).collect();
                dialect.decoration = Some(Learned::new(Decoration::Varying, all));
            }
            return;
        };
        let rests_on = || self.rests_on.clone();
        let around = [form.prefix.as_slice(), form.suffix.as_slice()].concat();
        let (before, after) = (form.prefix.clone(), form.suffix.clone());
        match form.reply() {
            _ if around.iter().any(u8::is_ascii_digit) => {
                dialect.decoration = Some(Learned::new(Decoration::Numbered { before, after }, rests_on()));
            }
            Some(reply) => dialect.reply = Some(Learned::new(reply, rests_on())),
            None => {
                let around = Decoration::Around { before, after, upper: form.upper };
                dialect.decoration = Some(Learned::new(around, rests_on()));
            }
        }
        let terminated: Vec<usize> =
            readings.all.iter().filter(|r| rests(self, r) && r.sent.ends_with(b"\n")).map(|r| r.index).collect();
        if !terminated.is_empty() {
            dialect.ending = Some(Learned::new(form.ending, terminated));
        }
    }
}

fn rests(wording: &Wording, reading: &Reading) -> bool {
    wording.rests_on.contains(&reading.index)
}

fn alike(a: &Form, b: &Form) -> bool {
    (&a.prefix, &a.suffix, a.upper) == (&b.prefix, &b.suffix, b.upper)
}

/// The ending that explains the answers to all terminated messages; those without a terminator decide only if there
/// are no others, because a line server may or may not complete the last line for its client.
fn shared_ending(voters: &[&Reading], form: &Form) -> Ending {
    let explains = |reading: &Reading, ending: Ending| {
        let tail = ending.after(reading.messages.first().map_or(b"", |message| split_terminator(message).1));
        split_terminator(reading.got()).1 == tail
    };
    let by = |terminated: bool| {
        let voters: Vec<&&Reading> = voters.iter().filter(|r| r.sent.ends_with(b"\n") == terminated).collect();
        let fits = |ending: &Ending| voters.iter().all(|r| explains(r, *ending));
        (!voters.is_empty()).then(|| Ending::ALL.into_iter().find(fits)).flatten()
    };
    by(true).or_else(|| by(false)).unwrap_or(form.ending)
}
