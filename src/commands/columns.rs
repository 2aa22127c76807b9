//! Aligned columns for the listing commands: a heading, rows, two blanks between the columns. Cells are made safe here,
//! whatever they hold; nothing is cut, so that a long listing can be searched.

use unicode_width::UnicodeWidthStr;

use crate::report::escape;
use crate::report::style::{Ink, Style};

/// One cell: its text and what it means.
#[derive(Debug, Clone)]
pub struct Cell {
    text: String,
    ink: Ink,
}

impl Cell {
    /// A cell in the colour of its meaning.
    pub fn new(ink: Ink, text: impl AsRef<str>) -> Self {
        Self { text: escape::line(text.as_ref()), ink }
    }

    /// A cell that means nothing in particular.
    pub fn plain(text: impl AsRef<str>) -> Self {
        Self::new(Ink::Plain, text)
    }
}

/// On which side of its column a text stands: words to the left, numbers to the right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// Lays the rows out under their headings, with a line feed after each.
pub fn lay_out<const N: usize>(headings: [(&str, Side); N], rows: &[[Cell; N]], style: Style) -> String {
    let sides = headings.map(|(_, side)| side);
    let heading = headings.map(|(text, _)| Cell::new(Ink::Strong, style.spell(text)));
    let rows: Vec<[Cell; N]> = std::iter::once(heading)
        .chain(
            rows.iter().map(|row| row.clone().map(|cell| Cell { text: style.spell(&cell.text).into_owned(), ..cell })),
        )
        .collect();
    let widths: [usize; N] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].text.width()).max().unwrap_or(0));
    rows.iter().fold(String::new(), |mut out, row| {
        let cells: Vec<String> = (0..N).map(|column| pad(&row[column], widths[column], sides[column], style)).collect();
        out.push_str(cells.join("  ").trim_end());
        out.push('\n');
        out
    })
}

fn pad(cell: &Cell, width: usize, side: Side, style: Style) -> String {
    // Blanks are added outside the colour, so that trailing ones can be trimmed.
    let blanks = " ".repeat(width.saturating_sub(cell.text.width()));
    let text = style.paint(cell.ink, &cell.text);
    match side {
        Side::Left => text + &blanks,
        Side::Right => blanks + &text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADINGS: [(&str, Side); 2] = [("NAME", Side::Left), ("POLLS", Side::Right)];

    #[test]
    fn words_stand_to_the_left_and_numbers_to_the_right_without_trailing_blanks() {
        let rows = [["caf\u{e9}", "7"], ["\u{6f22}\u{5b57}", "123456"]].map(|row| row.map(Cell::plain));
        let text = "NAME   POLLS\ncaf\u{e9}       7\n\u{6f22}\u{5b57}  123456\n";
        assert_eq!(lay_out(HEADINGS, &rows, Style::PLAIN), text);
    }

    #[test]
    fn a_cell_cannot_break_out_of_its_row() {
        let rows = [["a\nb\x1b[2J", "1"].map(Cell::plain)];
        let text = lay_out(HEADINGS, &rows, Style::PLAIN);
        assert_eq!(text.lines().count(), 2);
        assert!(!text.contains('\x1b'));
    }

    #[test]
    fn colours_do_not_move_the_columns() {
        let rows = [["bad", "1"], ["longer", "2"]].map(|row| row.map(|text| Cell::new(Ink::Bad, text)));
        let painted = lay_out(HEADINGS, &rows, Style { color: true, unicode: true });
        let plain = painted.replace("\x1b[31m", "").replace("\x1b[1m", "").replace("\x1b[0m", "");
        let plain = plain.replace("\x1b[39m", "").replace("\x1b[31;1m", "");
        assert_eq!(plain, lay_out(HEADINGS, &rows, Style::PLAIN));
    }
}
