//! The page for people. One function per section, in the order a stuck reader needs them: who, what, where, how we know,
//! what happened, how to fix it, what else, what was ruled out, what could not be seen, how to see it by hand.

mod source;
mod spoken;

use unicode_width::UnicodeWidthStr as _;

use crate::diagnosis::{Candidate, Confidence, Diagnosis, Finding, Part, Side};
use crate::evidence::{Evidence, Frame, Occasion, Role, Rung};

use super::sheet::{Sheet, WIDEST};
use super::style::{Ink, Style};
use super::{by_hand, cite, escape, ladder, pages};

/// How many pieces of evidence are told for one cause.
const CITED: usize = 4;
/// How many candidates are told with what would show them.
const TOLD: usize = 6;
/// Columns of the widest name in a table.
const NAME: usize = 32;

/// What the page needs to know beside the evidence and the diagnosis.
#[derive(Debug, Clone)]
pub struct Extras {
    /// Columns of the terminal.
    pub width: usize,
    /// Where the evidence was kept, if it was.
    pub saved: Option<String>,
}

impl Default for Extras {
    fn default() -> Self {
        Self { width: WIDEST, saved: None }
    }
}

/// The whole page, ending in a line feed.
#[must_use]
pub fn page(evidence: &Evidence, diagnosis: &Diagnosis, style: &Style, extras: &Extras) -> String {
    let mut sheet = Sheet::new(*style, extras.width);
    verdict(&mut sheet, diagnosis);
    place(&mut sheet, diagnosis);
    knowledge(&mut sheet, evidence, diagnosis);
    spoken::exchange(&mut sheet, evidence, diagnosis);
    spoken::tries(&mut sheet, evidence);
    happened(&mut sheet, evidence, diagnosis);
    candidates(&mut sheet, diagnosis);
    settle(&mut sheet, diagnosis);
    fix(&mut sheet, diagnosis);
    others(&mut sheet, diagnosis);
    cross(&mut sheet, diagnosis);
    ruled_out(&mut sheet, diagnosis);
    spoken::contract(&mut sheet, evidence, &diagnosis.contract);
    gaps(&mut sheet, diagnosis);
    commands(&mut sheet, evidence, diagnosis);
    footer(&mut sheet, evidence, diagnosis, extras);
    sheet.finish()
}

/// The headline by itself: "The client is at fault: wrong-port (proven)".
#[must_use]
pub fn headline(diagnosis: &Diagnosis) -> String {
    let verdict = &diagnosis.verdict;
    let sure = confidence(verdict.confidence);
    let who = match verdict.side {
        Side::None => return format!("No fault ({sure})"),
        Side::Unknown => "Cannot tell who is at fault",
        Side::Client => "The client is at fault",
        Side::Server => "The server is at fault",
        // One of the two has to give way, and nothing says which.
        Side::Both if causes(diagnosis).any(|cause| cause.side == Side::Both) => "Client and server disagree",
        Side::Both => "Client and server both need a change",
        Side::Environment => "Neither program is at fault, but what is around them",
    };
    match &verdict.fault {
        Some(fault) => format!("{who}: {fault} ({sure})"),
        None if verdict.side == Side::Unknown => format!("{who} yet"),
        None => format!("{who} ({sure})"),
    }
}

fn confidence(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::Possible => "possible",
        Confidence::Likely => "likely",
        Confidence::Proven => "proven",
    }
}

fn side(side: Side) -> &'static str {
    match side {
        Side::Client => "client",
        Side::Server => "server",
        Side::Both => "both",
        Side::Environment => "environment",
        Side::None => "nobody",
        Side::Unknown => "unknown",
    }
}

fn verdict(sheet: &mut Sheet, diagnosis: &Diagnosis) {
    let (mark, ink) = match diagnosis.verdict.side {
        Side::None => ("✓ ", Ink::Good),
        Side::Unknown => ("? ", Ink::Strong),
        _ => ("✗ ", Ink::Bad),
    };
    let mark = if sheet.style.unicode { mark } else { "" };
    let headline = headline(diagnosis);
    sheet.item("", ink, &format!("{mark}{headline}"));
    sheet.blank();
    sheet.para(2, Ink::Plain, &diagnosis.verdict.summary);
    let summary = &diagnosis.verdict.summary;
    for cause in causes(diagnosis).filter(|cause| !summary.contains(cause.statement.trim_end_matches('.'))) {
        sheet.para(2, Ink::Plain, &cause.statement);
    }
}

fn causes(diagnosis: &Diagnosis) -> impl Iterator<Item = &Finding> {
    diagnosis.findings.iter().filter(|finding| finding.role == Part::Cause)
}

/// The lines to change, with a caret under what matters in them.
fn place(sheet: &mut Sheet, diagnosis: &Diagnosis) {
    let mut seen: Vec<&Frame> = vec![];
    for cause in causes(diagnosis) {
        let Some(frame) = cause.location.as_ref().filter(|frame| !seen.contains(frame)) else { continue };
        if seen.is_empty() {
            sheet.heading("Where");
        }
        let whose = cause.location_of.map_or_else(String::new, |role| format!(" (the {role})"));
        sheet.para(2, Ink::Plain, &format!("{}{whose}", cite::place(frame)));
        source::show(sheet, frame, &cause.statement);
        seen.push(frame);
    }
}

fn knowledge(sheet: &mut Sheet, evidence: &Evidence, diagnosis: &Diagnosis) {
    let mut told: Vec<String> = vec![];
    for cause in causes(diagnosis) {
        let words = cause.evidence.iter().filter_map(|reference| cite::words(reference, evidence));
        told.extend(words.take(CITED));
    }
    told.dedup();
    if told.is_empty() {
        return;
    }
    sheet.heading("How we know");
    for line in &told {
        sheet.bullet(line);
    }
}

fn happened(sheet: &mut Sheet, evidence: &Evidence, diagnosis: &Diagnosis) {
    if evidence.setting.occasion == Occasion::LiveServer && diagnosis.verdict.side == Side::None {
        return;
    }
    sheet.heading("What happened");
    if evidence.packets.seen().is_err() {
        sheet.para(2, Ink::Dim, "No packets were captured; this is what sockets and programs told.");
    }
    sheet.blank();
    if !ladder::draw(sheet, evidence, diagnosis, cite::Telling::Exact) {
        sheet.para(2, Ink::Plain, "Nothing that could be drawn: no connection was seen, and no program did anything.");
    }
}

/// What it may be, and what would show each; where it may be nearly anything, the rest by name only.
fn candidates(sheet: &mut Sheet, diagnosis: &Diagnosis) {
    let candidates = &diagnosis.verdict.candidates;
    // A page that has named its one suspect says nothing new here.
    if candidates.is_empty() || candidates.len() == 1 && diagnosis.verdict.fault.is_some() {
        return;
    }
    sheet.heading("What it may be");
    let (told, rest) = candidates.split_at(candidates.len().min(TOLD));
    let texts: Vec<String> = told.iter().map(whose).collect();
    table(sheet, told.iter().zip(&texts).map(|(candidate, text)| (candidate.fault.as_str(), text.as_str())));
    if !rest.is_empty() {
        let others = if rest.len() == 1 { "one other is".to_owned() } else { format!("{} others are", rest.len()) };
        let text = format!("Less likely, and yet {others} not excluded; --json names all, the likeliest first.");
        sheet.para(2, Ink::Plain, &text);
    }
}

fn whose(candidate: &Candidate) -> String {
    let whose = match candidate.side {
        Side::Unknown => "either side",
        Side::Both => "both sides",
        one => side(one),
    };
    format!("{whose}; shown by {}", candidate.shown_by)
}

fn settle(sheet: &mut Sheet, diagnosis: &Diagnosis) {
    if diagnosis.verdict.to_settle.is_empty() {
        return;
    }
    sheet.heading("What would settle it");
    for text in &diagnosis.verdict.to_settle {
        sheet.bullet(text);
    }
}

fn fix(sheet: &mut Sheet, diagnosis: &Diagnosis) {
    let mut fixes: Vec<(&str, Side)> = vec![];
    for cause in causes(diagnosis).filter(|cause| !cause.fix.is_empty()) {
        if !fixes.contains(&(&cause.fix, cause.side)) {
            fixes.push((&cause.fix, cause.side));
        }
    }
    if fixes.is_empty() {
        return;
    }
    sheet.heading("How to fix it");
    if let [(fix, _)] = fixes.as_slice() {
        sheet.para(2, Ink::Plain, fix);
        return;
    }
    for (fix, of) in fixes {
        sheet.bullet(&format!("{}: {fix}", side(of)));
    }
}

/// What follows from the cause, and what hid it or made it worse.
fn others(sheet: &mut Sheet, diagnosis: &Diagnosis) {
    for (part, heading) in [(Part::Contributing, "What made it worse"), (Part::Consequence, "What follows from it")] {
        let findings: Vec<_> = diagnosis.findings.iter().filter(|finding| finding.role == part).collect();
        if findings.is_empty() {
            continue;
        }
        sheet.heading(heading);
        for finding in findings {
            let at = finding.location.as_ref().map_or_else(String::new, |frame| format!(" at {}", cite::place(frame)));
            let fix = if part == Part::Contributing { format!(" {}", finding.fix) } else { String::new() };
            sheet.bullet(&format!("{}{at}: {}{fix}", finding.fault, finding.statement));
        }
    }
}

fn ruled_out(sheet: &mut Sheet, diagnosis: &Diagnosis) {
    if diagnosis.ruled_out.is_empty() {
        return;
    }
    sheet.heading("Ruled out");
    table(sheet, diagnosis.ruled_out.iter().map(|out| (out.fault.as_str(), out.because.as_str())));
}

/// What each program did with netdiag's reference in the other part.
fn cross(sheet: &mut Sheet, diagnosis: &Diagnosis) {
    if diagnosis.cross.is_empty() {
        return;
    }
    sheet.heading("With a reference partner");
    let said: Vec<(&str, String)> = diagnosis
        .cross
        .iter()
        .map(|cross| {
            let pair = if cross.kept == Role::Client { "client × reference" } else { "reference × server" };
            let fault = cross.verdict.fault.as_ref().map(|fault| format!(" ({fault})")).unwrap_or_default();
            let own = if cross.kept == Role::Client { Side::Client } else { Side::Server };
            let said = match cross.verdict.side {
                Side::None => "everything goes right".to_owned(),
                side if side == own => format!("the {} fails here too{fault}", cross.kept),
                _ => format!("not decided{fault}"),
            };
            (pair, said)
        })
        .collect();
    table(sheet, said.iter().map(|(pair, said)| (*pair, said.as_str())));
}

/// Two columns: names, and what is said of them.
fn table<'a>(sheet: &mut Sheet, rows: impl Iterator<Item = (&'a str, &'a str)>) {
    let style = sheet.style;
    let name = |text: &str| escape::clip(&style.spell(&escape::line(text)), NAME);
    let rows: Vec<(String, &str)> = rows.map(|(first, text)| (name(first), text)).collect();
    let widest = rows.iter().map(|(name, _)| name.width()).max().unwrap_or(0);
    for (name, text) in rows {
        let blank = " ".repeat(widest - name.width() + 2);
        sheet.item(&format!("  {name}{blank}"), Ink::Plain, text);
    }
}

fn gaps(sheet: &mut Sheet, diagnosis: &Diagnosis) {
    if diagnosis.gaps.is_empty() {
        return;
    }
    sheet.heading("Could not be looked at");
    let texts: Vec<String> = diagnosis
        .gaps
        .iter()
        .map(|gap| {
            let remedy = if gap.remedy.is_empty() { String::new() } else { format!(" → {}", gap.remedy) };
            format!("{}{remedy}", gap.why)
        })
        .collect();
    table(sheet, diagnosis.gaps.iter().zip(&texts).map(|(gap, text)| (gap.source.as_str(), text.as_str())));
}

fn commands(sheet: &mut Sheet, evidence: &Evidence, diagnosis: &Diagnosis) {
    let commands = by_hand::commands(evidence, diagnosis);
    if commands.is_empty() || diagnosis.verdict.side == Side::None {
        return;
    }
    sheet.heading("See it by hand");
    let columns = commands.iter().map(|command| command.line.len()).max().unwrap_or(0);
    let longest = commands.iter().map(|command| command.shows.len()).max().unwrap_or(0);
    let beside = columns + longest + 5 <= sheet.width;
    for command in commands {
        if beside {
            let line = escape::line(&command.line);
            let shows = sheet.style.paint(Ink::Dim, command.shows);
            let line = sheet.style.spell(&format!("{line:columns$}")).into_owned();
            sheet.put(&format!("  {line}   {shows}"));
        } else {
            sheet.para(2, Ink::Dim, &format!("{}:", command.shows));
            sheet.verbatim(4, Ink::Plain, &command.line, false);
        }
    }
}

fn footer(sheet: &mut Sheet, evidence: &Evidence, diagnosis: &Diagnosis, extras: &Extras) {
    sheet.blank();
    if let Some(page) = diagnosis.verdict.fault.as_deref().and_then(pages::find) {
        sheet.para(0, Ink::Plain, &format!("netdiag explain {} tells the whole story of this fault.", page.slug));
    }
    if let Some(file) = &extras.saved {
        sheet.para(0, Ink::Plain, &format!("Evidence kept: netdiag replay {}", shell_words::quote(file)));
    }
    let setting = &evidence.setting;
    let from = match (setting.occasion, setting.rung) {
        (Occasion::CaptureFile, _) => "from a capture file".to_owned(),
        (_, Rung::Namespace) => "packets from a private network".to_owned(),
        (_, Rung::HostLoopback) => "packets from this machine's loopback".to_owned(),
        (_, Rung::SocketCalls) => "bytes from the programs' socket calls, without packets".to_owned(),
        (_, Rung::NoCapture) => "without packets".to_owned(),
    };
    let after = setting.ended_at.ms_since(setting.clients_started.unwrap_or_default());
    let what = if setting.occasion == Occasion::CaptureFile {
        from
    } else {
        format!("Recorded in {}, {from}.", cite::time(after))
    };
    sheet.para(0, Ink::Dim, &what);
}

#[cfg(test)]
mod tests;
