//! Names that programs under test give themselves, made fit for any output. It drops nothing: what cannot be shown is
//! escaped.

/// A name in printable characters on one line, cut to `limit` characters before escaping. A program can call itself
/// anything, escape sequences and direction-changing characters included.
pub fn printable(name: &[u8], limit: usize) -> String {
    String::from_utf8_lossy(name).chars().take(limit).fold(String::new(), |mut out, c| {
        match c {
            '\'' | '"' | '\\' => out.push(c),
            // `escape_debug` also escapes the characters that are invisible or change the writing direction.
            other => out.extend(other.escape_debug()),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_would_disturb_a_terminal_is_escaped() {
        assert_eq!(printable(b"echo \x1b[31m\n", 99), r"echo \u{1b}[31m\n");
        assert_eq!(printable("a\u{202e}b\u{9b}".as_bytes(), 99), r"a\u{202e}b\u{9b}");
        assert_eq!(printable(b"\xff", 99), "\u{fffd}");
    }

    #[test]
    fn a_harmless_name_stays_as_it_is_up_to_the_limit() {
        assert_eq!(printable("caf\u{e9}'s \"\\".as_bytes(), 99), "caf\u{e9}'s \"\\");
        assert_eq!(printable(b"abcdef", 3), "abc");
    }
}
