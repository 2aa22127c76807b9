//! Errors in a program's source, as compilers and interpreters print them before anything runs. One mistake makes a compiler
//! complain of many things; the first complaint is the one to read. Reads lines and nothing else.

use super::{Found, found, frame, is_caret, is_of_source};
use crate::evidence::Frame;

/// The first complaint of the compiler whose last one is in line `at`.
pub(super) fn first(lines: &[&str], at: usize) -> Option<Found> {
    complaint(lines, at)?;
    let (line, (message, mut frame)) = (0..=at).find_map(|line| Some((line, complaint(lines, line)?)))?;
    frame.source = excerpt(&lines[line + 1..], frame.line);
    // Behind it stand pieces of the source, more complaints, and their number.
    Some(found(message, Some(frame), lines.len()))
}

/// The line of the source, where it is printed below: with its number and a bar (gcc, rustc), or by itself above a caret.
fn excerpt(below: &[&str], number: u32) -> String {
    let numbered = |line: &&str| {
        let (before, source) = line.split_once('|')?;
        (before.trim().parse() == Ok(number)).then(|| source.trim().to_owned())
    };
    let bare = || match below {
        [source, caret, ..] if is_caret(caret) => Some(source.trim().to_owned()),
        _ => None,
    };
    below.iter().take(3).find_map(numbered).or_else(bare).unwrap_or_default()
}

fn complaint<'l>(lines: &[&'l str], at: usize) -> Option<(&'l str, Frame)> {
    let text = lines[at];
    marked(text).or_else(|| go(&lines[..=at])).or_else(|| rustc(lines, at)).or_else(|| python(lines, at))
}

/// `FILE:LINE: error: MESSAGE`, with a column or without one (gcc, clang, javac), or `undefined reference` (ld).
fn marked(text: &str) -> Option<(&str, Frame)> {
    let (place, message) =
        [": error: ", ": fatal error: "].iter().find_map(|mark| text.split_once(mark)).or_else(|| {
            let (place, message) = text.split_once(": ")?;
            message.starts_with("undefined reference").then_some((place, message))
        })?;
    Some((message, at_place(place)?))
}

/// `FILE.go:LINE:COLUMN: MESSAGE` below the name of a package (Go).
fn go<'l>(lines: &[&'l str]) -> Option<(&'l str, Frame)> {
    let (text, above) = lines.split_last()?;
    let (place, message) = text.split_once(": ")?;
    let is_go = place.contains(".go:") && above.iter().any(|line| line.starts_with("# "));
    Some((message, at_place(place).filter(|_| is_go)?))
}

/// `error[CODE]: MESSAGE`, and ` --> FILE:LINE:COLUMN` in the line behind (Rust).
fn rustc<'l>(lines: &[&'l str], at: usize) -> Option<(&'l str, Frame)> {
    let (mark, message) = lines[at].split_once(": ")?;
    let place = lines.get(at + 1)?.trim_start().strip_prefix("--> ")?;
    Some((message, at_place(place).filter(|_| mark.starts_with("error"))?))
}

/// `File "FILE", line N`, the line, a caret, and the error (Python).
fn python<'l>(lines: &[&'l str], at: usize) -> Option<(&'l str, Frame)> {
    let (file, number) = lines[at].trim_start().strip_prefix("File \"")?.split_once("\", line ")?;
    let error = lines[at + 1..].iter().find(|line| !line.starts_with(' '))?;
    let kind = error.split(':').next()?;
    Some((error, frame(file, number, "").filter(|_| is_of_source(kind))?))
}

/// How the names of files end that are compiled before they run; `12:30:01: error: …` and `host.net:80: error: …` are of
/// a program's log.
const COMPILED: [&str; 14] =
    [".c", ".h", ".cc", ".cpp", ".cxx", ".hpp", ".java", ".kt", ".scala", ".go", ".rs", ".swift", ".zig", ".d"];

/// `FILE:LINE` or `FILE:LINE:COLUMN`.
fn at_place(place: &str) -> Option<Frame> {
    let (before, last) = place.rsplit_once(':')?;
    let with_column = before.rsplit_once(':').and_then(|(file, line)| frame(file, line, ""));
    let is_source =
        |frame: &Frame| !frame.file.contains(' ') && COMPILED.iter().any(|ending| frame.file.ends_with(ending));
    with_column.or_else(|| frame(before, last, "")).filter(is_source)
}
