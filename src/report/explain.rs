//! Pages of the catalogue for a terminal, and as JSON. Reads just the Markdown those pages use: headings, paragraphs,
//! lists and fenced code.

use serde_json::{Value, json};

use super::pages::{PAGES, Page, SYMPTOMS};
use super::sheet::Sheet;
use super::style::{Ink, Style};

/// The schema of both objects made here.
const SCHEMA: &str = "netdiag/faults/v1";

/// All faults with their summaries, by what one sees first.
#[must_use]
pub fn list(style: Style, width: usize) -> String {
    let mut sheet = Sheet::new(style, width);
    let names = PAGES.iter().map(|page| page.slug.len()).max().unwrap_or(0);
    for symptom in SYMPTOMS {
        sheet.heading(&capitalised(symptom));
        for page in PAGES.iter().filter(|page| page.symptoms().contains(&symptom)) {
            sheet.item(&format!("  {:names$}  ", page.slug), Ink::Plain, page.summary());
        }
    }
    sheet.blank();
    sheet.para(0, Ink::Dim, "netdiag explain NAME tells more about one of them.");
    sheet.finish()
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// One page, its Markdown rendered lightly.
#[must_use]
pub fn page(page: &Page, style: Style, width: usize) -> String {
    let mut sheet = Sheet::new(style, width);
    let mut paragraph = Paragraph::default();
    let mut code = false;
    for line in page.text.lines() {
        if line.starts_with("```") {
            paragraph.flush(&mut sheet);
            sheet.blank();
            code = !code;
        } else if code {
            if line.is_empty() {
                sheet.blank();
            } else {
                sheet.verbatim(4, Ink::Plain, line, false);
            }
        } else if let Some(title) = line.strip_prefix("## ").or_else(|| line.strip_prefix("# ")) {
            paragraph.flush(&mut sheet);
            sheet.heading(title);
        } else if line.is_empty() {
            paragraph.flush(&mut sheet);
            sheet.blank();
        } else {
            paragraph.line(&mut sheet, line);
        }
    }
    paragraph.flush(&mut sheet);
    sheet.finish()
}

/// Lines of Markdown that belong together.
#[derive(Default)]
struct Paragraph {
    text: String,
    is_item: bool,
}

impl Paragraph {
    fn line(&mut self, sheet: &mut Sheet, line: &str) {
        let item = line.strip_prefix("- ");
        if item.is_some() {
            self.flush(sheet);
            self.is_item = true;
        }
        if !self.text.is_empty() {
            self.text.push(' ');
        }
        self.text.push_str(item.unwrap_or(line).trim());
    }

    fn flush(&mut self, sheet: &mut Sheet) {
        let text = std::mem::take(&mut self.text);
        let plain = text.trim_matches('*');
        match (plain.is_empty(), std::mem::take(&mut self.is_item)) {
            (true, _) => {}
            (false, true) => sheet.bullet(plain),
            (false, false) => sheet.para(2, Ink::Plain, plain),
        }
    }
}

/// All faults, without their texts.
#[must_use]
pub fn list_json() -> Value {
    json!({ "schema": SCHEMA, "faults": PAGES.iter().map(fields).collect::<Vec<_>>() })
}

/// One fault with its page.
#[must_use]
pub fn page_json(page: &Page) -> Value {
    let mut value = json!({ "schema": SCHEMA });
    if let (Some(all), Value::Object(fields)) = (value.as_object_mut(), fields(page)) {
        all.extend(fields);
    }
    value["page"] = page.text.into();
    value
}

fn fields(page: &Page) -> Value {
    json!({
        "fault": page.slug,
        "summary": page.summary(),
        "side": page.sides(),
        "symptoms": page.symptoms(),
        "aliases": page.aliases(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::pages;
    use super::*;

    #[test]
    fn the_list_names_every_fault_under_a_symptom() {
        let list = list(Style::PLAIN, 100);
        assert!(list.starts_with("Connection refused\n  wrong-port  "), "{list}");
        assert!(PAGES.iter().all(|page| list.contains(page.slug)));
    }

    #[test]
    fn a_page_keeps_its_code_and_loses_its_markup() {
        let text = page(pages::find("wrong-port").unwrap(), Style::PLAIN, 80);
        assert!(text.starts_with("wrong-port\n\n  The "), "{text}");
        assert!(text.contains("\nHow to fix it\n"));
        assert!(!text.contains("```") && !text.contains("\n##"));
    }

    #[test]
    fn every_page_can_be_shown_in_ascii() {
        for one in PAGES {
            assert!(page(one, Style::ASCII, 80).is_ascii(), "{}", one.slug);
        }
    }

    #[test]
    fn the_objects_name_their_schema() {
        assert_eq!(list_json()["faults"].as_array().unwrap().len(), PAGES.len());
        let one = page_json(pages::find("reset").unwrap());
        assert_eq!((one["schema"].as_str(), one["fault"].as_str()), (Some(SCHEMA), Some("reset")));
    }
}
