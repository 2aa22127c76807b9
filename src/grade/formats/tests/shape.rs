//! What a reader of each format makes of a file, without the texts: elements, fields, cells, commands, points.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use scraper::{Html, Node};
use serde_json::Value;

/// The shape of the file called `name`, read as that format's consumer reads it.
pub fn of(name: &str, text: &str) -> Vec<String> {
    let (_, name) = name.rsplit_once('/').unwrap_or(("", name));
    match name.rsplit_once('.').unwrap() {
        (_, "html") => html(text),
        (_, "md") => markdown(text),
        (_, "csv") => table(text),
        (_, "xml") => xml(text),
        (_, "json") => vec![without_texts(serde_json::from_str(text).unwrap()).to_string()],
        ("annotations", _) => text.lines().map(command).collect(),
        ("autolab", _) => autolab(text),
        ("vpl", _) => vpl(text),
        _ => panic!("no reader for {name}"),
    }
}

fn html(text: &str) -> Vec<String> {
    let document = Html::parse_document(text);
    let nodes = document.tree.nodes().filter_map(|node| match node.value() {
        Node::Element(element) => {
            let mut attributes: Vec<String> = element.attrs().map(|(name, value)| format!("{name}={value}")).collect();
            attributes.sort();
            Some(format!("{} in {} {attributes:?}", element.name(), node.ancestors().count()))
        }
        Node::Comment(comment) => Some(format!("comment {comment:?}")),
        _ => None,
    });
    nodes.collect()
}

/// Texts follow one another in pieces, so they are left out, and so is the content of code. In a table only the first
/// column holds texts of a submission: the others are kept, or a cell too many would push out the points unseen.
fn markdown(text: &str) -> Vec<String> {
    let mut column = 0;
    let events = Parser::new_ext(text, Options::all()).filter_map(|event| match event {
        Event::Text(text) => (column > 1).then(|| text.into_string()),
        Event::Code(_) => Some("code".to_owned()),
        other => {
            match other {
                Event::Start(Tag::TableCell) => column += 1,
                Event::End(TagEnd::TableRow | TagEnd::TableHead | TagEnd::Table) => column = 0,
                _ => {}
            }
            Some(format!("{other:?}"))
        }
    });
    events.collect()
}

fn table(text: &str) -> Vec<String> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    let rows = reader.records().map(|row| {
        // The texts are the name, the faults and what is to be reviewed; all columns must be there.
        let row = row.unwrap();
        let cells = row.iter().enumerate().filter(|(column, _)| ![0, 4, 6].contains(column));
        format!("{} cells {:?}", row.len(), cells.map(|(_, cell)| cell).collect::<Vec<_>>())
    });
    rows.collect()
}

fn xml(text: &str) -> Vec<String> {
    let read = quick_junit::Report::deserialize_from_str(text).unwrap();
    let document = roxmltree::Document::parse(text).unwrap();
    let elements = document.descendants().filter(roxmltree::Node::is_element).map(|node| {
        let attributes: Vec<String> = node
            .attributes()
            .map(|attribute| match attribute.name() {
                // Texts of the submission; a property's name is ours.
                "name" | "classname" | "type" if node.tag_name().name() != "property" => attribute.name().to_owned(),
                name => format!("{name}={}", attribute.value()),
            })
            .collect();
        format!("{} {attributes:?}", node.tag_name().name())
    });
    elements.chain([format!("{} {} {}", read.tests, read.failures, read.errors)]).collect()
}

fn without_texts(value: Value) -> Value {
    match value {
        Value::String(_) => "text".into(),
        Value::Array(values) => values.into_iter().map(without_texts).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, without_texts(value))).collect(),
        other => other,
    }
}

/// Read as the runner does: `::name key=value,key=value::data`, and nothing but commands.
fn command(line: &str) -> String {
    let (head, data) = line.strip_prefix("::").and_then(|line| line.split_once("::")).expect(line);
    let (name, properties) = head.split_once(' ').expect(line);
    let keys: Vec<&str> = properties.split(',').map(|property| property.split_once('=').expect(line).0).collect();
    assert!(!data.contains(['\r', '\n']));
    format!("{name} {keys:?}")
}

/// The last line is the scores; no other line is JSON.
fn autolab(text: &str) -> Vec<String> {
    let (last, feedback) =
        text.lines().collect::<Vec<_>>().split_last().map(|(last, rest)| (*last, rest.to_vec())).unwrap();
    assert!(feedback.iter().all(|line| serde_json::from_str::<Value>(line).is_err()), "{text}");
    let read: Value = serde_json::from_str(last).unwrap();
    let scores: Vec<&Value> = read["scores"].as_object().unwrap().values().collect();
    vec![feedback.len().to_string(), format!("{scores:?} {:?}", read.as_object().unwrap().keys())]
}

/// One block of comments, then at most one grade; the marks of the format are nowhere else, whatever version reads it.
fn vpl(text: &str) -> Vec<String> {
    for mark in ["<|--", "--|>"] {
        assert_eq!(text.matches(mark).count(), 1, "{text}");
    }
    assert_eq!(text.matches(":=>>").count(), usize::from(text.contains("\nGrade :=>> ")), "{text}");
    let (block, grade) = text.strip_prefix("<|--\n").and_then(|rest| rest.split_once("--|>\n")).expect(text);
    let kinds: String = block.lines().map(|line| line.chars().next().unwrap()).collect();
    vec![kinds, grade.to_owned()]
}
