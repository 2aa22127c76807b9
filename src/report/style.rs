//! How things look: colours by meaning, and what to draw with where only ASCII can be shown. Whoever builds a [`Style`]
//! looked at the terminal; nothing here does.

use std::borrow::Cow;

use owo_colors::OwoColorize as _;

/// What the terminal can show. Colour never carries meaning alone: every word is there without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Whether colours may be used.
    pub color: bool,
    /// Whether characters beyond ASCII can be shown.
    pub unicode: bool,
}

/// What a colour means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    /// Nothing in particular.
    Plain,
    /// The client's.
    Client,
    /// The server's.
    Server,
    /// What went wrong.
    Bad,
    /// What went right.
    Good,
    /// Of second importance.
    Dim,
    /// A heading.
    Strong,
}

/// What lines and arrows are drawn with; each is one column wide.
#[derive(Debug, Clone, Copy)]
pub struct Glyphs {
    /// Life line of a program.
    pub rail: char,
    /// Shaft of an arrow.
    pub dash: char,
    /// Head of an arrow to the right.
    pub right: char,
    /// Head of an arrow to the left.
    pub left: char,
    /// Where a packet ends that reaches nobody.
    pub lost: char,
    /// Time passes.
    pub pause: char,
    /// An item of a list.
    pub bullet: char,
}

impl Style {
    /// No colours, all characters.
    pub const PLAIN: Self = Self { color: false, unicode: true };
    /// No colours, ASCII only.
    pub const ASCII: Self = Self { color: false, unicode: false };

    /// `text` in the colour of `ink`.
    #[must_use]
    pub fn paint(self, ink: Ink, text: &str) -> String {
        if !self.color || text.is_empty() {
            return text.to_owned();
        }
        match ink {
            Ink::Plain => text.to_owned(),
            Ink::Client => text.cyan().to_string(),
            Ink::Server => text.magenta().to_string(),
            Ink::Bad => text.red().bold().to_string(),
            Ink::Good => text.green().bold().to_string(),
            Ink::Dim => text.dimmed().to_string(),
            Ink::Strong => text.bold().to_string(),
        }
    }

    /// What to draw with.
    #[must_use]
    pub fn glyphs(self) -> Glyphs {
        if self.unicode {
            Glyphs { rail: '│', dash: '─', right: '▶', left: '◀', lost: '✗', pause: '⋮', bullet: '•' }
        } else {
            Glyphs { rail: '|', dash: '-', right: '>', left: '<', lost: 'X', pause: ':', bullet: '*' }
        }
    }

    /// `text` in the characters that can be shown. To be applied before anything is measured or wrapped.
    #[must_use]
    pub fn spell(self, text: &str) -> Cow<'_, str> {
        if self.unicode || text.is_ascii() {
            return Cow::Borrowed(text);
        }
        Cow::Owned(text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
            match c {
                '…' => out.push_str("..."),
                '→' => out.push_str("->"),
                '←' => out.push_str("<-"),
                '⇔' | '↔' => out.push_str("<->"),
                '–' | '—' | '─' => out.push('-'),
                '·' | '•' => out.push('*'),
                '×' => out.push('x'),
                '│' => out.push('|'),
                '“' | '”' => out.push('"'),
                '‘' | '’' => out.push('\''),
                '\0'..='\x7f' => out.push(c),
                _ => out.extend(c.escape_unicode()),
            }
            out
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_colour_nothing_is_added() {
        assert_eq!(Style::PLAIN.paint(Ink::Bad, "refused"), "refused");
    }

    #[test]
    fn with_colour_the_text_is_still_there() {
        let style = Style { color: true, unicode: true };
        for ink in [Ink::Client, Ink::Server, Ink::Bad, Ink::Good, Ink::Dim, Ink::Strong] {
            let painted = style.paint(ink, "refused");
            assert!(painted.contains("refused") && painted.starts_with("\x1b["), "{painted:?}");
        }
    }

    #[test]
    fn ascii_spelling_has_no_other_characters() {
        assert_eq!(Style::ASCII.spell("a → b … é"), "a -> b ... \\u{e9}");
        assert_eq!(Style::PLAIN.spell("a → b"), "a → b");
    }
}
