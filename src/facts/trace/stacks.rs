//! Errors of a running program, as runtimes print them: with the calls that led there. Reads lines and nothing else.

use super::{Found, found, frame, is_caret, is_postscript};
use crate::evidence::Frame;

/// `Traceback (most recent call last):`, frames, and the error in the first line that is not indented (Python).
pub(super) fn python(lines: &[&str], at: usize) -> Option<Found> {
    if !lines[at].starts_with("Traceback (most recent call last)") {
        return None;
    }
    let body = &lines[at + 1..];
    let length = body.iter().position(|line| !line.starts_with(' ')).unwrap_or(body.len());
    let place = |line: &str| {
        let (file, rest) = line.trim_start().strip_prefix("File \"")?.split_once("\", line ")?;
        let (number, function) = rest.split_once(", in ").unwrap_or((rest, ""));
        frame(file, number, function)
    };
    let read = |line: usize| {
        let source = body.get(line + 1).filter(|line| line.starts_with(' ') && place(line).is_none());
        Some(Frame { source: source.map(|source| source.trim().to_owned()).unwrap_or_default(), ..place(body[line])? })
    };
    let own = |frame: &Frame| !frame.file.contains("/lib/python") && !frame.file.starts_with('<');
    let innermost = (0..length).filter_map(read).rfind(own);
    Some(found(body.get(length)?, innermost, at + length + 2))
}

/// An error, then `at FUNCTION (FILE:LINE:COLUMN)` (JavaScript) or `at FUNCTION(FILE:LINE)` (Java), the innermost first.
/// The cause of an error in Java comes behind it, with frames of its own.
pub(super) fn stack(lines: &[&str], at: usize) -> Option<Found> {
    let is_frame = |line: &&str| line.starts_with([' ', '\t']) && line.trim_start().starts_with("at ");
    if is_frame(&lines[at]) || !lines.get(at + 1).is_some_and(is_frame) || lines[at].starts_with([' ', '\t']) {
        return None;
    }
    let length = lines[at + 1..].iter().position(|line| !is_frame(line)).unwrap_or(lines.len() - at - 1);
    let mut frames =
        lines[at + 1..=at + length].iter().filter_map(|line| place(line.trim_start().strip_prefix("at ")?));
    let heading = heading(&lines[..at]);
    let innermost = frames.next().map(|frame| {
        let same = heading.as_ref().filter(|heading| (&heading.file, heading.line) == (&frame.file, frame.line));
        Frame { source: same.map(|heading| heading.source.clone()).unwrap_or_default(), ..frame }
    });
    let end = at + length;
    // Node prints an error's fields in braces behind its frames.
    let fields = lines[end].ends_with(" {").then(|| lines[end..].iter().position(|line| *line == "}")).flatten();
    Some(found(lines[at], innermost.or(heading), end + fields.unwrap_or(0) + 1))
}

/// `FILE:LINE`, the line itself and a caret below it: what Node prints above an error, and all there is to say where where
/// the source itself is wrong.
fn heading(above: &[&str]) -> Option<Frame> {
    let [.., place, source, caret] = above else { return None };
    let (file, line) = place.rsplit_once(':')?;
    let file = file.strip_prefix("file://").unwrap_or(file);
    let frame = frame(file, line, "").filter(|_| is_caret(caret) && !file.starts_with("node:"))?;
    Some(Frame { source: source.trim().to_owned(), ..frame })
}

/// A frame of such a stack, if it is the program's own.
fn place(text: &str) -> Option<Frame> {
    let text = text.strip_suffix(" {").unwrap_or(text);
    let (function, place) = match text.strip_suffix(')').and_then(|text| text.rsplit_once('(')) {
        Some((function, place)) => (function.trim_end(), place),
        None => ("", text),
    };
    let of_the_runtime = ["java.", "javax.", "jdk.", "sun."].iter().any(|package| function.starts_with(package));
    if of_the_runtime || place.starts_with("node:") || place.contains("/node_modules/") {
        return None;
    }
    let (before, last) = place.rsplit_once(':')?;
    let with_column = before.rsplit_once(':').and_then(|(file, line)| frame(file, line, function));
    with_column.or_else(|| frame(before, last, function))
}

/// `panic: …`, then a goroutine's frames: a function, and behind a tab its `FILE:LINE +0xOFFSET` (Go).
pub(super) fn go(lines: &[&str], at: usize) -> Option<Found> {
    if !lines[at].starts_with("panic: ") {
        return None;
    }
    let read = |line: &&str| {
        let (file, rest) = line.strip_prefix('\t')?.rsplit_once(".go:")?;
        let of_the_runtime = file.contains("/go/src/") || file.contains("/lib/go");
        frame(&format!("{file}.go"), rest.split(' ').next()?, "").filter(|_| !of_the_runtime)
    };
    Some(found(lines[at], lines[at..].iter().find_map(read), lines.len()))
}

/// `thread 'NAME' panicked at FILE:LINE:COLUMN:` and the message in the next line (Rust since 1.73).
pub(super) fn rust(lines: &[&str], at: usize) -> Option<Found> {
    let (_, place) = lines[at].strip_prefix("thread '")?.split_once(" panicked at ")?;
    let mut parts = place.trim_end_matches(':').rsplitn(3, ':');
    let (_, line, file) = (parts.next()?, parts.next()?, parts.next()?);
    let behind = lines.iter().skip(at + 2).take_while(|line| is_of_a_panic(line)).count();
    Some(found(lines.get(at + 1).copied().unwrap_or(lines[at]), frame(file, line, ""), at + 2 + behind))
}

/// What may stand behind a panic's first line of words: the two sides of an assertion, and a backtrace if it was asked for.
fn is_of_a_panic(line: &str) -> bool {
    let text = line.trim_start();
    let indented = text.len() < line.len();
    let numbered = text.split_once(": ").is_some_and(|(number, _)| number.bytes().all(|byte| byte.is_ascii_digit()));
    is_postscript(line)
        || indented && (numbered || ["left: ", "right: ", "at "].iter().any(|start| text.starts_with(start)))
}
