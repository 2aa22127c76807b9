//! Bytes and texts of a program under test, made safe to show. Nothing a program prints or sends reaches a terminal in
//! any other way: control characters, escape sequences, invisible and direction-changing characters are spelled out.

use std::fmt::Write as _;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// A text on one line: whatever could move the cursor, hide or reorder characters is spelled out (`\n`, `\x1b`,
/// `\u{202e}`). Backslashes stay as they are, so that escaping twice changes nothing.
#[must_use]
pub fn line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        push(&mut out, c);
    }
    out
}

/// Bytes on one line, at most about `limit` columns, then how many bytes were left out: `abc… (+123 bytes)`. Valid
/// printable UTF-8 is kept, other bytes become `\xNN`, and a backslash is doubled so that nothing is ambiguous.
#[must_use]
pub fn bytes(bytes: &[u8], limit: usize) -> String {
    let (text, left) = cut(bytes, bytes.len() as u64, limit);
    if left == 0 { text } else { format!("{text}… (+{left} bytes)") }
}

/// Bytes in double quotes, at most about `limit` columns, of which `total` existed: `"hello\n"`, or `"hell…"` when there
/// was more than is shown.
#[must_use]
pub fn quoted(bytes: &[u8], total: u64, limit: usize) -> String {
    let (text, left) = cut(bytes, total, limit.saturating_sub(3));
    if left == 0 { format!("\"{text}\"") } else { format!("\"{text}…\"") }
}

/// A text that is already safe, cut to `columns` with an ellipsis.
#[must_use]
pub fn clip(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > columns {
            break;
        }
        out.push(c);
    }
    out.push('…');
    out
}

/// The longest escaped beginning of `bytes` within `limit` columns, and how many of `total` bytes it leaves out.
fn cut(bytes: &[u8], total: u64, limit: usize) -> (String, u64) {
    let mut out = String::new();
    let mut columns = 0;
    let mut shown = 0;
    for (piece, len) in pieces(bytes) {
        columns += piece.width();
        if columns > limit {
            break;
        }
        out.push_str(&piece);
        shown += len as u64;
    }
    (out, total.saturating_sub(shown))
}

/// Each character (or invalid byte) in its escaped form, with the number of bytes it stands for.
fn pieces(bytes: &[u8]) -> impl Iterator<Item = (String, usize)> + '_ {
    bytes.utf8_chunks().flat_map(|chunk| {
        let valid = chunk.valid().chars().map(|c| {
            let mut piece = String::new();
            match c {
                '\\' | '"' => piece.extend(['\\', c]),
                _ => push(&mut piece, c),
            }
            (piece, c.len_utf8())
        });
        valid.chain(chunk.invalid().iter().map(|byte| (format!("\\x{byte:02x}"), 1)))
    })
}

fn push(out: &mut String, c: char) {
    match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\0'..='\x7f' if c.is_control() => _ = write!(out, "\\x{:02x}", c as u32),
        _ if is_treacherous(c) => _ = write!(out, "\\u{{{:x}}}", c as u32),
        _ => out.push(c),
    }
}

/// Control, format, invisible and separator characters of Unicode (general categories Cc, Cf, Zl, Zp, the variation
/// selectors and the blank fillers): what a terminal may obey, reorder or not show.
fn is_treacherous(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}'
            | '\u{8e2}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}'
            | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_safe(text: &str) -> bool {
        !text.chars().any(is_treacherous)
    }

    #[test]
    fn a_terminal_escape_is_spelled_out() {
        assert_eq!(bytes(b"\x1b[2J\x07", 80), "\\x1b[2J\\x07");
        assert_eq!(line("a\u{9b}31mb"), "a\\u{9b}31mb");
    }

    #[test]
    fn a_direction_change_is_spelled_out() {
        assert_eq!(line("abc\u{202e}def\u{200b}"), "abc\\u{202e}def\\u{200b}");
    }

    #[test]
    fn readable_text_of_any_language_is_kept() {
        assert_eq!(bytes("grüß 你好 🦀".as_bytes(), 80), "grüß 你好 🦀");
    }

    #[test]
    fn invalid_utf8_is_shown_byte_by_byte() {
        assert_eq!(bytes(b"a\xff\xc3(", 80), "a\\xff\\xc3(");
    }

    #[test]
    fn what_is_left_out_is_counted() {
        assert_eq!(bytes(&[b'a'; 133], 10), "aaaaaaaaaa… (+123 bytes)");
        assert_eq!(quoted(b"hello\n", 6, 40), "\"hello\\n\"");
        assert_eq!(quoted(b"hello", 6000, 40), "\"hello…\"");
        assert_eq!(clip("a long text", 7), "a long…");
    }

    #[test]
    fn a_quote_cannot_end_the_quotation_early() {
        assert_eq!(quoted(b"a\"\\n", 4, 40), "\"a\\\"\\\\n\"");
    }

    proptest! {
        #[test]
        fn no_byte_string_yields_a_control_character(input: Vec<u8>, limit in 0usize..100) {
            prop_assert!(is_safe(&bytes(&input, limit)));
            let quoted = quoted(&input, input.len() as u64, limit.max(3));
            prop_assert!(is_safe(&quoted));
            prop_assert!(quoted.width() <= limit.max(3));
        }

        #[test]
        fn no_text_yields_a_control_character_and_escaping_twice_changes_nothing(input: String) {
            let once = line(&input);
            prop_assert!(is_safe(&once));
            prop_assert_eq!(line(&once), once.clone());
        }

        #[test]
        fn every_single_character_is_safe(c: char) {
            prop_assert!(is_safe(&line(&c.to_string())));
        }
    }
}
