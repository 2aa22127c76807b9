//! A page being written: headings, paragraphs wrapped to the terminal, hanging items. Every text put on it is made safe
//! and spelled in the characters the terminal can show.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::escape;
use super::style::{Ink, Style};

/// The narrowest page.
pub const NARROWEST: usize = 60;
/// The width where nobody says otherwise, and the widest: longer lines are hard to read.
pub const WIDEST: usize = 100;

/// A page being written.
#[derive(Debug)]
pub struct Sheet {
    /// How it looks.
    pub style: Style,
    /// Columns, from [`NARROWEST`] to [`WIDEST`].
    pub width: usize,
    text: String,
}

impl Sheet {
    /// An empty page for a terminal of `width` columns.
    #[must_use]
    pub fn new(style: Style, width: usize) -> Self {
        Self { style, width: width.clamp(NARROWEST, WIDEST), text: String::new() }
    }

    /// An empty line, unless there is one already or the page is empty.
    pub fn blank(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    /// A heading with space above it.
    pub fn heading(&mut self, text: &str) {
        self.blank();
        self.para(0, Ink::Strong, text);
    }

    /// A paragraph, indented.
    pub fn para(&mut self, indent: usize, ink: Ink, text: &str) {
        self.item(&" ".repeat(indent), ink, text);
    }

    /// A paragraph whose first line begins with `mark`; the others are indented as far.
    pub fn item(&mut self, mark: &str, ink: Ink, text: &str) {
        let mark = self.style.spell(mark).into_owned();
        let indent = mark.width();
        let text = escape::line(text);
        let lines = wrap(&self.style.spell(&text), self.width.saturating_sub(indent).max(20));
        for (n, line) in lines.iter().enumerate() {
            let lead = if n == 0 { mark.clone() } else { " ".repeat(indent) };
            self.put(&format!("{lead}{}", self.style.paint(ink, line)));
        }
    }

    /// A list item with a bullet.
    pub fn bullet(&mut self, text: &str) {
        let mark = format!("  {} ", self.style.glyphs().bullet);
        self.item(&mark, Ink::Plain, text);
    }

    /// One line that must not be wrapped, such as code: made safe, and cut at the page's edge if `clip` says so.
    pub fn verbatim(&mut self, indent: usize, ink: Ink, text: &str, clip: bool) {
        let safe = escape::line(text);
        let columns = if clip { self.width.saturating_sub(indent) } else { usize::MAX };
        let cut = escape::clip(&safe, columns);
        self.put(&format!("{}{}", " ".repeat(indent), self.style.paint(ink, &self.style.spell(&cut))));
    }

    /// A line that is safe and laid out already.
    pub fn put(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    /// The page.
    #[must_use]
    pub fn finish(self) -> String {
        self.text
    }
}

/// Breaks `text` at blanks into lines of at most `width` columns; a word that is wider is broken inside.
#[must_use]
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![];
    let mut line = String::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        if !line.is_empty() && line.width() + 1 + word.width() > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        for c in word.chars() {
            if line.width() + c.width().unwrap_or(0) > width {
                lines.push(std::mem::take(&mut line));
            }
            line.push(c);
        }
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_break_at_blanks_and_hang_under_their_mark() {
        let mut sheet = Sheet::new(Style::PLAIN, 60);
        sheet.bullet("one two three four five six seven eight nine ten eleven twelve thirteen");
        assert_eq!(
            sheet.finish(),
            "  • one two three four five six seven eight nine ten eleven\n    twelve thirteen\n"
        );
    }

    #[test]
    fn a_page_never_has_two_empty_lines_in_a_row() {
        let mut sheet = Sheet::new(Style::PLAIN, 60);
        sheet.blank();
        sheet.heading("A");
        sheet.blank();
        sheet.heading("B");
        assert_eq!(sheet.finish(), "A\n\nB\n");
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_allowed(text: String, width in 20usize..80) {
            for line in wrap(&escape::line(&text), width) {
                prop_assert!(line.width() <= width, "{line:?}");
            }
        }
    }
}
