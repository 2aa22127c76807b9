//! Which lines of code name a port. A number within a comment or a sentence names nothing.

use super::code;
use crate::evidence::Frame;

/// The lines of `text` that name `port` in code.
pub(super) fn naming<'t>(file: &'t str, text: &'t str, port: u16) -> impl Iterator<Item = Frame> + 't {
    let wanted = port.to_string();
    code(file, text).filter(move |line| names(&line.source, &wanted))
}

/// Whether the number stands in `line` by itself, and not within a sentence.
fn names(line: &str, number: &str) -> bool {
    line.match_indices(number).any(|(at, _)| {
        let belongs = |one: char| one.is_alphanumeric() || one == '_';
        let (before, after) = (&line[..at], &line[at + number.len()..]);
        let begins = !before.ends_with(|one: char| belongs(one) || one == '.');
        let ends = !after.starts_with(belongs)
            && !after.strip_prefix('.').is_some_and(|rest| rest.starts_with(|one: char| one.is_ascii_digit()));
        begins && ends && !is_prose(before, after)
    })
}

/// Whether this is within quotes that hold a sentence.
fn is_prose(before: &str, after: &str) -> bool {
    let mut open: Option<(char, usize)> = None;
    for (at, one) in before.char_indices().filter(|(_, one)| matches!(one, '"' | '\'' | '`')) {
        match open {
            Some((quote, _)) if quote == one => open = None,
            Some(_) => {}
            None => open = Some((one, at)),
        }
    }
    let Some((quote, at)) = open else { return false };
    let rest = after.split(quote).next().unwrap_or_default();
    [&before[at..], rest].iter().any(|part| part.contains(char::is_whitespace))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str, port: u16) -> Vec<u32> {
        naming("a", text, port).map(|frame| frame.line).collect()
    }

    #[test]
    fn a_number_by_itself_is_named_in_code_and_not_in_words_about_it() {
        assert_eq!(
            lines("// port 12346\nserver.listen(12346, () => console.log('listening on 12346 now'))", 12346),
            [2]
        );
        assert_eq!(lines("x = 123465\ny = 112346\nz = 12346.5\nw = _12346\nv = p12346", 12346), [0_u32; 0]);
        assert_eq!(lines("nc -l 127.0.0.1 12346\nPORT='12346'\naddress = \"127.0.0.1:12346\"", 12346), [1, 2, 3]);
        assert_eq!(lines("print(f'server on {host} 12346')", 12346), [0_u32; 0]);
    }
}
