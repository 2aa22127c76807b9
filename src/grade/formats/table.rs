//! Marks as CSV, for a spreadsheet or any platform that takes one: a row for each submission, a column for each check.

use anyhow::Context as _;
use csv::{QuoteStyle, WriterBuilder};

use super::told::{Item, Sheet, number};
use crate::grade::results::Outcome;

/// The table. Points that are open are a word and not a number, so that no sum takes them for lost.
///
/// # Errors
/// When the writer of CSV fails, which memory never makes it do.
pub fn marks(sheets: &[Sheet]) -> anyhow::Result<String> {
    let checks = columns(sheets);
    let mut writer = WriterBuilder::new().quote_style(QuoteStyle::Always).from_writer(Vec::new());
    writer.write_record(header(&checks))?;
    for sheet in sheets {
        writer.write_record(row(sheet, &checks))?;
    }
    let bytes = writer.into_inner().context("cannot end the table of marks")?;
    String::from_utf8(bytes).context("the table of marks is no UTF-8")
}

/// Every check of any submission, in the order in which they are met.
fn columns(sheets: &[Sheet]) -> Vec<&Item> {
    let mut columns: Vec<&Item> = Vec::new();
    for item in sheets.iter().flat_map(|sheet| &sheet.checks) {
        if !columns.iter().any(|known| known.id == item.id) {
            columns.push(item);
        }
    }
    columns
}

fn header(checks: &[&Item]) -> Vec<String> {
    let mut cells: Vec<String> =
        ["submission", "points", "out_of", "to_look_at", "faults", "seconds", "review"].map(str::to_owned).into();
    cells.extend(checks.iter().map(|item| cell(&format!("{}{}", item.id, if item.hidden { " (hidden)" } else { "" }))));
    cells
}

fn row(sheet: &Sheet, checks: &[&Item]) -> Vec<String> {
    let mut faults: Vec<&str> =
        sheet.checks.iter().filter_map(|item| item.finding.as_ref()?.fault.as_deref()).collect();
    faults.sort_unstable();
    faults.dedup();
    let mut cells = vec![
        cell(&sheet.name),
        number(sheet.points),
        number(sheet.out_of),
        if sheet.needs_a_person() { "yes" } else { "" }.to_owned(),
        cell(&faults.join(" ")),
        number(sheet.seconds),
        cell(&sheet.review.join(" ")),
    ];
    let found = |wanted: &Item| sheet.checks.iter().find(|item| item.id == wanted.id);
    cells.extend(checks.iter().map(|wanted| found(wanted).map_or_else(String::new, points)));
    cells
}

fn points(item: &Item) -> String {
    match item.outcome {
        Outcome::Undecided => "look".to_owned(),
        Outcome::Error => "error".to_owned(),
        Outcome::Passed | Outcome::Partly | Outcome::Failed | Outcome::Skipped => number(item.points),
    }
}

/// Spreadsheets calculate a cell that begins like a formula, quoted or not; an apostrophe makes it text. Where the system's
/// separator is a semicolon they cut at these too, so what follows one counts as a beginning.
fn cell(text: &str) -> String {
    let mut out = String::new();
    let mut at_the_beginning = true;
    for c in text.chars() {
        if at_the_beginning && matches!(c, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠') {
            out.push('\'');
        }
        at_the_beginning = c == ';' || (at_the_beginning && (c.is_whitespace() || matches!(c, '"' | '\'')));
        out.push(c);
    }
    out
}
