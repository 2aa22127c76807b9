//! Errors that name their place in a line of their own. Reads lines and nothing else.

use super::{Found, found, frame};
use crate::evidence::Frame;

/// An error with its place, in whichever language prints it in one line, or in a line behind.
pub(super) fn any(lines: &[&str], at: usize) -> Option<Found> {
    let text = lines[at];
    let (message, frame) = perl(text)
        .or_else(|| ruby(text))
        .or_else(|| shell(text))
        .or_else(|| lua(text))
        .or_else(|| php(text))
        .or_else(|| tcl(&lines[..=at]))?;
    Some(found(message, frame, at + 1))
}

/// The error, and its place where that is a file.
type Told<'t> = Option<(&'t str, Option<Frame>)>;

/// `MESSAGE at FILE line N.`; Perl adds how far it has read its input, or what stands near.
fn perl(text: &str) -> Told<'_> {
    let text = text.split_once(", <").or_else(|| text.split_once(", near ")).map_or(text, |(before, _)| before);
    let (message, place) = text.rsplit_once(" at ")?;
    let (file, number) = place.rsplit_once(" line ")?;
    let frame = frame(file, number.trim_end_matches('.'), "").filter(|frame| !frame.file.contains(' '))?;
    // What could not be compiled, and why, stands in the line above.
    (!message.starts_with("BEGIN failed")).then_some((message, Some(frame)))
}

/// `FILE:N:in FUNCTION: MESSAGE`
fn ruby(text: &str) -> Told<'_> {
    let (place, rest) = text.split_once(":in ")?;
    let (file, number) = place.rsplit_once(':')?;
    let (function, message) = rest.split_once(": ")?;
    let frame = frame(file, number, function.trim_matches(['`', '\'']))?;
    (!file.contains(' ')).then_some((message, Some(frame)))
}

/// How the messages of shells end for which a script ends, or goes on without what it needs.
const SHELL: [&str; 6] = [
    "not found",
    "No such file or directory",
    "Permission denied",
    "Is a directory",
    "Bad substitution",
    "bad substitution",
];

/// `FILE: line N: MESSAGE` (bash) and `FILE: N: MESSAGE` (dash). A command given with `-c` has no file.
fn shell(text: &str) -> Told<'_> {
    let (file, rest) = text.split_once(": ")?;
    let rest = rest.strip_prefix("line ").unwrap_or(rest);
    let (number, message) = rest.split_once(": ")?;
    let is_known = SHELL.iter().any(|end| message.ends_with(end)) || message.to_lowercase().contains("syntax error");
    let frame = frame(file, number, "").filter(|_| is_known && !file.contains(' '))?;
    let is_file = file.contains(['.', '/']) && !file.ends_with("/sh") && !file.ends_with("/bash");
    Some((message, Some(frame).filter(|_| is_file)))
}

/// `lua: FILE:N: MESSAGE`
fn lua(text: &str) -> Told<'_> {
    let (program, rest) = text.split_once(": ")?;
    let (place, message) = rest.split_once(": ")?;
    let (file, number) = place.rsplit_once(':')?;
    let frame = frame(file, number, "").filter(|_| program.starts_with("lua") && !file.contains(' '))?;
    Some((message, Some(frame)))
}

/// `PHP Fatal error:  MESSAGE in FILE:N`, and ` on line N` for the number.
fn php(text: &str) -> Told<'_> {
    let (kind, rest) = text.split_once(" error: ")?;
    let (message, place) = rest.trim_start().rsplit_once(" in ")?;
    let (file, number) = place.rsplit_once(" on line ").or_else(|| place.rsplit_once(':'))?;
    let frame = frame(file, number, "").filter(|_| kind.starts_with("PHP ") && !file.contains(' '))?;
    Some((message, Some(frame)))
}

/// `(file "FILE" line N)`, the last line of a trace that begins with the message (Tcl).
fn tcl<'l>(lines: &[&'l str]) -> Told<'l> {
    let (last, above) = lines.split_last()?;
    let (file, number) = last.trim().strip_prefix("(file \"")?.strip_suffix(')')?.split_once("\" line ")?;
    let begins = above.iter().rposition(|line| line.trim() == "while executing")?;
    let message = above.get(begins.checked_sub(1)?)?;
    Some((message, Some(frame(file, number, "")?)))
}
