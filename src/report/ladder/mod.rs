//! The ladder: client on the left, server on the right, time running down, and between them what really happened.
//! Drawn from packets; without packets, from what the socket table and the programs told.

mod events;
mod traffic;

use unicode_width::UnicodeWidthStr;

use crate::diagnosis::Diagnosis;
use crate::evidence::{Evidence, Occasion, Program, Role};

use self::events::{Event, Shown, What};
use super::cite::{self, Telling};
use super::escape;
use super::sheet::Sheet;
use super::style::{Ink, Style};

/// Columns of the time before the left life line, blank included.
const TIME: usize = 11;
/// The widest space between the two life lines: longer arrows are harder to follow.
const SPAN: usize = 72;
/// Rows at the beginning and at the end that are kept when there are too many.
const FIRST: usize = 10;
const LAST: usize = 8;
/// A silence of this many milliseconds gets a row of its own.
const SILENCE: f64 = 100.0;

/// Draws the ladder on `sheet`; `false` when there is nothing to draw. One that is steady has the conversation that decided
/// and no times.
pub fn draw(sheet: &mut Sheet, evidence: &Evidence, diagnosis: &Diagnosis, telling: Telling) -> bool {
    let shown = events::gather(evidence, diagnosis, telling);
    if shown.events.is_empty() {
        return false;
    }
    let rows = elided(&shown);
    let rows = if telling == Telling::Exact { with_pauses(rows) } else { rows };
    let canvas = Canvas::new(sheet.style, sheet.width, telling);
    canvas.header(sheet, evidence);
    for event in &rows {
        sheet.put(&canvas.row(event));
    }
    for line in &shown.legend {
        sheet.para(2, Ink::Dim, line);
    }
    true
}

/// Leaves out the middle when there are too many rows, but never a row that a finding refers to.
fn elided(shown: &Shown) -> Vec<Event> {
    let all = &shown.events;
    if all.len() <= FIRST + LAST + 2 {
        return all.clone();
    }
    let mut rows: Vec<Event> = vec![];
    let mut cited = 0;
    for (n, event) in all.iter().enumerate() {
        cited += usize::from(event.cited);
        if n < FIRST || n + LAST >= all.len() || (event.cited && cited <= LAST) {
            rows.push(event.clone());
            continue;
        }
        match rows.last_mut() {
            Some(Event { what: What::Elided, packets, events, until, .. }) => {
                *packets += event.packets;
                *events += 1;
                *until = event.until;
            }
            _ => rows.push(Event { what: What::Elided, events: 1, ..event.clone() }),
        }
    }
    rows
}

/// Puts a row wherever nothing happened for a while.
fn with_pauses(events: Vec<Event>) -> Vec<Event> {
    let mut rows: Vec<Event> = vec![];
    for event in events {
        let before = rows.iter().rev().map(|row| row.until).max();
        let silent = before.map_or(0.0, |before| event.at.ms_since(before));
        if silent >= SILENCE && !matches!(event.what, What::Elided | What::Silence(_)) {
            let at = before.unwrap_or_default();
            rows.push(Event::new(at, What::Pause(format!("{}, nothing", cite::time(silent)))));
        }
        rows.push(event);
    }
    rows
}

/// Where things go on a line.
struct Canvas {
    style: Style,
    /// Columns between the two life lines.
    span: usize,
    /// Columns of the time, if there is one.
    time: usize,
}

impl Canvas {
    fn new(style: Style, width: usize, telling: Telling) -> Self {
        let time = if telling == Telling::Exact { TIME } else { 0 };
        Self { style, span: (width - time - 4).min(SPAN), time }
    }

    /// The names over the life lines, and under them what plays each part.
    fn header(&self, sheet: &mut Sheet, evidence: &Evidence) {
        let margin = " ".repeat(self.time + 2);
        let gap = " ".repeat(self.span.saturating_sub("client".len() + "server".len()) + 2);
        let (client, server) = (self.style.paint(Ink::Client, "client"), self.style.paint(Ink::Server, "server"));
        sheet.put(&format!("{margin}{client}{gap}{server}"));
        let half = self.span / 2;
        let names = [Role::Client, Role::Server].map(|role| self.style.spell(&player(role, evidence)).into_owned());
        if names.iter().all(String::is_empty) {
            return;
        }
        let [left, right] = names.map(|name| self.style.spell(&escape::clip(&name, half)).into_owned());
        let gap = " ".repeat((self.span + 2).saturating_sub(left.width() + right.width()));
        sheet.put(&format!("{margin}{}", self.style.paint(Ink::Dim, &format!("{left}{gap}{right}"))));
    }

    fn row(&self, event: &Event) -> String {
        let has_time = self.time > 0 && !matches!(event.what, What::Pause(_) | What::Elided);
        let time = if has_time { clock(event.at.ms()) } else { String::new() };
        let glyphs = self.style.glyphs();
        let rail = glyphs.rail.to_string();
        let left = self.style.paint(Ink::Client, &rail);
        let right = self.style.paint(Ink::Server, &rail);
        let time = self.style.paint(Ink::Dim, &format!("{time:>width$}", width = self.time));
        format!("{time}  {left}{}{right}", self.middle(event))
    }

    /// What stands between the life lines; exactly `span` columns.
    fn middle(&self, event: &Event) -> String {
        match &event.what {
            What::Arrow { from, label, ink, lands } => self.arrow(*from, label, *ink, *lands),
            What::Both(label) => self.both(label),
            What::Note { of, label, ink } => self.note(*of, label, *ink),
            What::Pause(label) => self.centred(&format!("{} {label}", self.style.glyphs().pause), Ink::Dim),
            What::Silence(label) => self.centred(&format!("{} {label}", self.style.glyphs().pause), Ink::Bad),
            What::Elided => {
                let what = if event.packets > 0 {
                    format!("… {} packets …", event.packets)
                } else {
                    format!("… {} more events …", event.events)
                };
                self.centred(&what, Ink::Dim)
            }
        }
    }

    fn fit(&self, label: &str, columns: usize) -> String {
        let spelled = self.style.spell(label).into_owned();
        if spelled.width() <= columns {
            return spelled;
        }
        let room = if self.style.unicode { columns } else { columns.saturating_sub(2) };
        self.style.spell(&escape::clip(&spelled, room)).into_owned()
    }

    fn arrow(&self, from: Role, label: &str, ink: Ink, lands: bool) -> String {
        let glyphs = self.style.glyphs();
        let ends = if lands { 0 } else { 3 };
        let label = self.fit(label, self.span - ends - 7);
        let shaft = self.span - ends - label.width() - 5;
        let dashes: String = std::iter::repeat_n(glyphs.dash, shaft).collect();
        let dash = glyphs.dash;
        let color = match (lands, from) {
            (false, _) => Ink::Bad,
            (true, Role::Client) => Ink::Client,
            (true, Role::Server) => Ink::Server,
        };
        let stop = if lands { String::new() } else { self.style.paint(Ink::Bad, &format!(" {} ", glyphs.lost)) };
        let label = self.style.paint(ink, &label);
        match from {
            Role::Client => {
                let lead = self.style.paint(color, &format!("{dash}{dash}"));
                let shaft = self.style.paint(color, &format!("{dashes}{}", glyphs.right));
                format!("{lead} {label} {shaft}{stop}")
            }
            Role::Server => {
                let lead = self.style.paint(color, &format!("{}{dash}", glyphs.left));
                let shaft = self.style.paint(color, &format!("{dashes}{dash}"));
                format!("{lead} {label} {shaft}{stop}")
            }
        }
    }

    fn both(&self, label: &str) -> String {
        let glyphs = self.style.glyphs();
        let label = self.fit(label, self.span - 7);
        let dashes: String = std::iter::repeat_n(glyphs.dash, self.span - label.width() - 5).collect();
        let lead = self.style.paint(Ink::Dim, &format!("{}{}", glyphs.left, glyphs.dash));
        let shaft = self.style.paint(Ink::Dim, &format!("{dashes}{}", glyphs.right));
        format!("{lead} {label} {shaft}")
    }

    fn note(&self, of: Role, label: &str, ink: Ink) -> String {
        let label = self.fit(label, self.span - 4);
        let blank = " ".repeat(self.span - label.width() - 3);
        let label = self.style.paint(ink, &label);
        match of {
            Role::Client => format!("   {label}{blank}"),
            Role::Server => format!("{blank}  {label} "),
        }
    }

    fn centred(&self, label: &str, ink: Ink) -> String {
        let label = self.fit(label, self.span - 2);
        let before = (self.span - label.width()) / 2;
        let after = self.span - label.width() - before;
        format!("{}{}{}", " ".repeat(before), self.style.paint(ink, &label), " ".repeat(after))
    }
}

/// A moment on the ladder: always with the same digits, so that they stand in a column.
fn clock(ms: f64) -> String {
    if ms < 99_999.95 { format!("{ms:.1} ms") } else { format!("{:.1} s", ms / 1000.0) }
}

/// What plays a part, for the line under its name.
fn player(role: Role, evidence: &Evidence) -> String {
    let programs = evidence.programs.seen().map(|seen| seen.programs.as_slice()).unwrap_or_default();
    let playing: Vec<_> = programs.iter().filter(|program| program.role == role).collect();
    match playing.as_slice() {
        [] if role == Role::Client && evidence.setting.occasion == Occasion::LiveServer => {
            "netdiag's probes".to_owned()
        }
        [] => String::new(),
        [one] if one.reference => "netdiag's reference".to_owned(),
        [one] => command(one),
        [one, ..] => format!("{} × {}", playing.len(), command(one)),
    }
}

/// A program that was found, not started, has the whole path of its interpreter in front, and there is no room for that.
fn command(program: &Program) -> String {
    let mut words = program.command.clone();
    if let (false, Some(first)) = (program.started_by_us, words.first_mut())
        && let Some((_, name)) = first.rsplit_once('/')
    {
        *first = name.to_owned();
    }
    escape::line(&words.join(" "))
}

#[cfg(test)]
mod tests;
