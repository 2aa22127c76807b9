//! JUnit XML: a suite for each submission, a case for each check. There is no standard; this keeps to what Jenkins' schema
//! of it allows, which other readers (GitLab, Azure, CodeGrade, Artemis) take as well.

use std::io::Write;

use anyhow::Context as _;
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::told::{Item, Sheet, number};
use crate::grade::results::Outcome;

/// The file. A failure speaks against the program under test, an error against netdiag or the machine, and what was not
/// carried out or not decided is skipped.
///
/// # Errors
/// When the writer of XML fails, which memory never makes it do.
pub fn suites(lab: &str, sheets: &[Sheet]) -> anyhow::Result<String> {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let items: Vec<&Item> = sheets.iter().flat_map(|sheet| &sheet.checks).collect();
    let root = writer
        .create_element("testsuites")
        .with_attribute(("name", super::told::title(lab).as_str()))
        .with_attribute(("tests", items.len().to_string().as_str()))
        .with_attribute(("failures", how_many(items.iter().copied(), "failure").as_str()))
        .with_attribute(("errors", how_many(items.iter().copied(), "error").as_str()));
    if sheets.is_empty() {
        root.write_empty()?;
    } else {
        root.write_inner_content(|writer| sheets.iter().try_for_each(|sheet| suite(writer, sheet)))?;
    }
    let text = String::from_utf8(writer.into_inner()).context("the XML is no UTF-8")?;
    Ok(text + "\n")
}

fn suite<W: Write>(writer: &mut Writer<W>, sheet: &Sheet) -> std::io::Result<()> {
    let number_of = |kind| how_many(sheet.checks.iter(), kind);
    writer
        .create_element("testsuite")
        .with_attribute(("name", sheet.name.as_str()))
        .with_attribute(("tests", sheet.checks.len().to_string().as_str()))
        .with_attribute(("failures", number_of("failure").as_str()))
        .with_attribute(("errors", number_of("error").as_str()))
        .with_attribute(("skipped", number_of("skipped").as_str()))
        .with_attribute(("time", seconds(sheet.seconds).as_str()))
        .write_inner_content(|writer| {
            writer.create_element("properties").write_inner_content(|writer| {
                property(writer, "points", &number(sheet.points))?;
                property(writer, "out-of", &number(sheet.out_of))
            })?;
            sheet.checks.iter().try_for_each(|item| case(writer, sheet, item))
        })?;
    Ok(())
}

fn property<W: Write>(writer: &mut Writer<W>, name: &str, value: &str) -> std::io::Result<()> {
    writer.create_element("property").with_attribute(("name", name)).with_attribute(("value", value)).write_empty()?;
    Ok(())
}

fn case<W: Write>(writer: &mut Writer<W>, sheet: &Sheet, item: &Item) -> std::io::Result<()> {
    let element = writer
        .create_element("testcase")
        .with_attribute(("name", item.title.as_str()))
        .with_attribute(("classname", sheet.name.as_str()))
        .with_attribute(("time", seconds(item.seconds).as_str()));
    let Some(kind) = kind_of(item.outcome) else {
        element.write_empty()?;
        return Ok(());
    };
    let message = format!("{}: {}", item.ending(), item.marks());
    let fault = item.finding.as_ref().and_then(|finding| finding.fault.as_deref());
    element.write_inner_content(|writer| {
        writer
            .create_element(kind)
            .with_attribute(("message", message.as_str()))
            .with_attribute(("type", fault.unwrap_or(item.ending())))
            .write_text_content(BytesText::new(&item.lines().join("\n")))?;
        Ok(())
    })?;
    Ok(())
}

/// The child that says how a case ended; a passed case has none.
fn kind_of(outcome: Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Passed => None,
        Outcome::Partly | Outcome::Failed => Some("failure"),
        Outcome::Error => Some("error"),
        Outcome::Skipped | Outcome::Undecided => Some("skipped"),
    }
}

fn how_many<'i>(items: impl Iterator<Item = &'i Item>, kind: &str) -> String {
    items.filter(|item| kind_of(item.outcome) == Some(kind)).count().to_string()
}

fn seconds(value: f64) -> String {
    format!("{value:.3}")
}
