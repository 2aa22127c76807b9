//! Errors that a program in machine code tells of itself: an assertion that failed, and what the sanitizers of gcc and
//! clang report. Reads lines and nothing else.

use super::{Found, found, frame};
use crate::evidence::Frame;

/// An error of any of these kinds.
pub(super) fn any(lines: &[&str], at: usize) -> Option<Found> {
    assertion(lines[at])
        .or_else(|| undefined(lines[at]))
        .map(|(words, frame)| found(words, Some(frame), at + 1))
        .or_else(|| address(lines, at))
}

/// `PROGRAM: FILE:LINE: FUNCTION: Assertion …` (assert(3)).
fn assertion(text: &str) -> Option<(&str, Frame)> {
    let (place, message) = text.split_once(": Assertion ")?;
    let (place, function) = place.rsplit_once(": ")?;
    let (file, line) = place.rsplit_once(": ").map_or(place, |(_, place)| place).rsplit_once(':')?;
    let words = &text[text.len() - message.len() - "Assertion ".len()..];
    Some((words, frame(file, line, function)?))
}

/// `FILE:LINE:COLUMN: runtime error: MESSAGE` (-fsanitize=undefined).
fn undefined(text: &str) -> Option<(&str, Frame)> {
    let (place, message) = text.split_once(": runtime error: ")?;
    let (place, _column) = place.rsplit_once(':')?;
    let (file, line) = place.rsplit_once(':')?;
    Some((message, frame(file, line, "")?))
}

/// `==PID==ERROR: AddressSanitizer: WHAT on address …`, and stacks: first where it happened (-fsanitize=address).
fn address(lines: &[&str], at: usize) -> Option<Found> {
    let (_, what) = lines[at].split_once("==ERROR: ")?;
    let words = what.split(" on ").next().filter(|words| words.contains("Sanitizer: "))?;
    let stack = lines[at + 1..].iter().skip_while(|line| !is_spot(line)).take_while(|line| is_spot(line));
    let own = |frame: &Frame| !frame.file.starts_with("../") && !frame.file.starts_with("/usr/");
    Some(found(words, stack.filter_map(|line| place(line)).find(own), lines.len()))
}

/// Whether the line is a frame: `    #N 0xADDRESS in FUNCTION …`.
fn is_spot(line: &str) -> bool {
    line.trim_start().starts_with('#') && line.contains(" in ")
}

/// The place of a frame where it is known: `… in FUNCTION FILE:LINE:COLUMN`, the column not always.
fn place(line: &str) -> Option<Frame> {
    let (_, text) = line.split_once(" in ")?;
    let (function, place) = text.rsplit_once(' ')?;
    let (file, last) = place.rsplit_once(':')?;
    let with_column = file.rsplit_once(':').and_then(|(file, line)| frame(file, line, function));
    with_column.or_else(|| frame(file, last, function))
}
