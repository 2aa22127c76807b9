//! The line of source to change, with a caret under what matters in it.

use unicode_width::UnicodeWidthStr as _;

use super::super::escape;
use super::super::sheet::Sheet;
use super::super::style::Ink;
use crate::evidence::Frame;

/// Shows the line of `frame` if its text is known; the caret marks what `statement` speaks of.
pub fn show(sheet: &mut Sheet, frame: &Frame, statement: &str) {
    let safe = escape::line(frame.source.trim());
    if safe.is_empty() {
        return;
    }
    let code = sheet.style.spell(&safe).into_owned();
    let number = frame.line.to_string();
    let margin = " ".repeat(number.len());
    let rail = sheet.style.glyphs().rail;
    let room = sheet.width.saturating_sub(number.len() + 7);
    let (code, before, marked) = window(&code, statement, room);
    let code = sheet.style.spell(&code).into_owned();
    sheet.blank();
    let gutter = sheet.style.paint(Ink::Dim, &format!("{number} {rail}"));
    sheet.put(&format!("    {gutter} {code}"));
    let gutter = sheet.style.paint(Ink::Dim, &format!("{margin} {rail}"));
    let caret = sheet.style.paint(Ink::Bad, &"^".repeat(marked));
    sheet.put(&format!("    {gutter} {}{caret}", " ".repeat(before)));
    sheet.blank();
}

/// As much of `code` as fits into `room` columns, always with the marked part; then the columns before the mark and the
/// length of the mark.
fn window(code: &str, statement: &str, room: usize) -> (String, usize, usize) {
    let (start, end) = marked(code, statement);
    if code.width() <= room {
        return (code.to_owned(), code[..start].width(), code[start..end].width());
    }
    // Three columns are kept free at either end for an ellipsis, which is three dots in ASCII.
    let room = room - 3;
    if code[..end].width() <= room {
        return (escape::clip(code, room), code[..start].width(), code[start..end].width());
    }
    if start == 0 {
        let shown = escape::clip(code, room);
        let columns = shown.width();
        return (shown, 0, columns - 1);
    }
    let from = code[..start].char_indices().rev().map(|(at, _)| at).take_while(|at| code[*at..end].width() + 6 <= room);
    let from = from.last().unwrap_or(start);
    let kept = escape::clip(&code[from..], room - 3);
    (format!("...{kept}"), 3 + code[from..start].width(), code[start..end].width().min(room - 6))
}

/// Where the mark begins and ends: a number that the statement names too, else the whole line.
fn marked(code: &str, statement: &str) -> (usize, usize) {
    let named = numbers(statement);
    let found = numbers(code).into_iter().find(|(_, number)| named.iter().any(|(_, other)| other == number));
    found.map_or((0, code.len()), |(at, number)| (at, at + number.len()))
}

/// Whole numbers of at least two digits that are words of their own (12345, but not 127.0.0.1), with where they stand.
fn numbers(text: &str) -> Vec<(usize, &str)> {
    let mut found = vec![];
    let mut at = 0;
    for word in text.split_inclusive(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.'))) {
        let number = word.trim_end_matches(|c: char| !c.is_alphanumeric());
        if number.len() > 1 && number.bytes().all(|byte| byte.is_ascii_digit()) {
            found.push((at, number));
        }
        at += word.len();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_under_the_number_the_statement_names() {
        let code = "open_connection(\"127.0.0.1\", 12435)";
        let (start, end) = marked(code, "The client dials 127.0.0.1:12435.");
        assert_eq!(&code[start..end], "12435");
    }

    #[test]
    fn without_such_a_number_the_whole_line_is_marked() {
        assert_eq!(marked("line = f.readline()", "It never replies."), (0, 19));
    }

    #[test]
    fn a_long_line_is_cut_so_that_the_mark_stays_in_sight() {
        let code = format!("{} 12435 {}", "x".repeat(80), "y".repeat(80));
        let (shown, before, marked) = window(&code, "port 12435", 50);
        assert!(shown.width() <= 50, "{shown}");
        assert_eq!(&shown[before..before + marked], "12435");
    }
}
