//! Reports as HTML in one file each: nothing is fetched and nothing runs. The class's report has its figures, a table of
//! marks and a page for each submission; a student's has that one page.
//!
//! Every text passes through maud, which escapes it. Anchors are numbers, so that no name can pose as another.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::tally;
use super::told::{Finding, Item, Sheet, count, number, title};
use crate::grade::results::Outcome;

const STYLE: &str = include_str!("report.css");

/// Even if something slipped through, a browser would neither run nor fetch it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// The report on a class, for its teacher.
#[must_use]
pub fn class(lab: &str, rules: &str, sheets: &[Sheet]) -> String {
    let content = html! {
        header {
            h1 { bdi { (title(lab)) } }
            p.note { (count(sheets.len(), "submission")) " · graded by netdiag, rules " code { (title(rules)) } }
            @for clause in tally::not_isolated(sheets) { p.note { "Not isolated: " (clause) } }
        }
        (figures(sheets))
        (people(sheets))
        (marks(sheets))
        @for (index, sheet) in sheets.iter().enumerate() { (submission(index, sheet)) }
    };
    page(&title(lab), &content)
}

/// The report on one submission, as its author may see it.
#[must_use]
pub fn student(lab: &str, sheet: &Sheet) -> String {
    let content = html! {
        header { h1 { bdi { (title(lab)) } } }
        (submission(0, sheet))
    };
    page(&title(lab), &content)
}

fn page(title: &str, content: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { main { (content) } }
        }
    };
    page.into_string()
}

fn figures(sheets: &[Sheet]) -> Markup {
    let full = sheets.iter().filter(|sheet| sheet.out_of > 0.0 && sheet.points >= sheet.out_of).count();
    let open = sheets.iter().filter(|sheet| sheet.needs_a_person()).count();
    html! {
        dl.figures {
            @if let Some((mean, median)) = tally::averages(sheets) {
                div { dt { "mean" } dd { (number(mean)) } }
                div { dt { "median" } dd { (number(median)) } }
            }
            div { dt { "full marks" } dd { (full) } }
            div { dt { "to look at" } dd { (open) } }
        }
        div.charts { (spread(sheets)) (faults(sheets)) }
    }
}

fn spread(sheets: &[Sheet]) -> Markup {
    let bins = tally::spread(sheets);
    let most = bins.iter().copied().max().unwrap_or(0).max(1);
    html! {
        section.chart {
            h2 { "How the marks are spread" }
            ol.columns {
                @for (index, bin) in bins.iter().enumerate() {
                    li {
                        span.amount { @if *bin > 0 { (bin) } }
                        span.column style=(format!("height:{}%", bin * 100 / most)) {}
                        span.label { ((index + 1) * 10) }
                    }
                }
            }
            p.note { "Submissions with up to so many percent of the points." }
        }
    }
}

fn faults(sheets: &[Sheet]) -> Markup {
    let faults = tally::faults(sheets);
    let most = faults.first().map_or(1, |(_, submissions)| *submissions);
    html! {
        section.chart {
            h2 { "What went wrong" }
            @if faults.is_empty() { p.note { "No fault was found." } }
            ol.bars {
                @for (fault, submissions) in &faults {
                    li {
                        code { (fault) }
                        span.track { span.bar style=(format!("width:{}%", submissions * 100 / most)) {} }
                        span.amount { (submissions) }
                    }
                }
            }
            @if !faults.is_empty() {
                p.note { "Submissions in which a fault was found. " code { "netdiag explain NAME" } " tells its story." }
            }
        }
    }
}

fn people(sheets: &[Sheet]) -> Markup {
    let open: Vec<(usize, &Sheet)> = sheets.iter().enumerate().filter(|(_, sheet)| sheet.needs_a_person()).collect();
    html! {
        @if !open.is_empty() {
            section.people {
                h2 { "A person has to look" }
                p.note { "These marks are not final. No points are lost until somebody has looked." }
                ul {
                    @for (index, sheet) in open {
                        li {
                            a href=(format!("#s{index}")) { bdi { (sheet.name) } }
                            @for item in sheet.checks.iter().filter(|item| !item.counted()) {
                                span.reason { (item.title) ": " (item.ending()) }
                            }
                            @for sentence in &sheet.review { span.reason { (sentence) } }
                        }
                    }
                }
            }
        }
    }
}

fn marks(sheets: &[Sheet]) -> Markup {
    let mut columns: Vec<&Item> = Vec::new();
    for item in sheets.iter().flat_map(|sheet| &sheet.checks) {
        if !columns.iter().any(|known| known.id == item.id) {
            columns.push(item);
        }
    }
    html! {
        section {
            h2 { "Marks" }
            div.scroll {
                table.marks {
                    thead {
                        tr {
                            th scope="col" { "Submission" }
                            th.total scope="col" { "Points" }
                            @for item in &columns {
                                th.check scope="col" {
                                    span { (item.title) @if item.hidden { small { " hidden" } } }
                                }
                            }
                        }
                    }
                    tbody { @for (index, sheet) in sheets.iter().enumerate() { (row(index, sheet, &columns)) } }
                }
            }
            (legend())
        }
    }
}

fn row(index: usize, sheet: &Sheet, columns: &[&Item]) -> Markup {
    let width = tally::share(sheet).map_or(0.0, |share| share * 100.0);
    html! {
        tr {
            th scope="row" { a href=(format!("#s{index}")) { bdi { (sheet.name) } } }
            td.total {
                b { (number(sheet.points)) } span.of { " / " (number(sheet.out_of)) }
                span.track { span.bar style=(format!("width:{width:.0}%")) {} }
            }
            @for column in columns {
                @match sheet.checks.iter().find(|item| item.id == column.id) {
                    Some(item) => td class=(class_of(item.outcome)) title=(item.ending()) {
                        span.sign { (sign(item.outcome)) }
                        @if item.counted() { (number(item.points)) }
                    },
                    None => td {},
                }
            }
        }
    }
}

fn legend() -> Markup {
    let endings = [
        (Outcome::Passed, "passed"),
        (Outcome::Partly, "partly passed"),
        (Outcome::Failed, "failed"),
        (Outcome::Skipped, "not carried out: a check it builds on did not pass"),
        (Outcome::Undecided, "a person has to look"),
        (Outcome::Error, "netdiag or the machine failed"),
    ];
    html! {
        ul.legend {
            @for (outcome, words) in endings {
                li class=(class_of(outcome)) { span.sign { (sign(outcome)) } (words) }
            }
        }
    }
}

fn submission(index: usize, sheet: &Sheet) -> Markup {
    html! {
        section.submission id=(format!("s{index}")) {
            div.heading {
                h2 { bdi { (sheet.name) } }
                p.mark { b { (number(sheet.points)) } " of " (number(sheet.out_of)) " points" @if sheet.needs_a_person() { ", not final" } }
            }
            @for sentence in &sheet.review { p.review { (sentence) } }
            ol.checks { @for item in &sheet.checks { (check(item)) } }
        }
    }
}

fn check(item: &Item) -> Markup {
    html! {
        li class=(class_of(item.outcome)) {
            div.line {
                span.sign { (sign(item.outcome)) }
                h3 {
                    (item.title)
                    @if let Some(group) = &item.group { small { (group) } }
                    @if item.hidden { small.hidden { "hidden" } }
                }
                span.points { @if item.outcome != Outcome::Passed { (item.ending()) " · " } (item.marks()) }
            }
            @if item.outcome != Outcome::Passed {
                div.details {
                    @if let Some(remark) = item.remark() { p { (remark) } }
                    @for line in &item.feedback { p { (line) } }
                    @if !item.times.is_empty() {
                        p.note {
                            "Measured: "
                            @for (index, measured) in item.times.iter().enumerate() {
                                @if index > 0 { ", " }
                                time { (measured) }
                            }
                        }
                    }
                    @if let Some(finding) = &item.finding { (verdict(finding)) }
                }
            }
        }
    }
}

fn verdict(finding: &Finding) -> Markup {
    html! {
        div.verdict {
            p.blame { (finding.blame) }
            p { (finding.summary) }
            dl {
                @if let Some(place) = finding.place() { dt { "Where" } dd { code { (place) } } }
                @if !finding.evidence.is_empty() {
                    dt { "How we know" }
                    dd { ul { @for sentence in &finding.evidence { li { (sentence) } } } }
                }
                @if let Some(fix) = &finding.fix { dt { "How to fix it" } dd { (fix) } }
                @if let Some(command) = finding.explained() { dt { "The whole story" } dd { code { (command) } } }
            }
            @if !finding.ladder.is_empty() {
                div.scroll tabindex="0" { pre { (finding.ladder.join("\n")) } }
            }
        }
    }
}

/// Colour never tells alone: each ending has its sign.
fn sign(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "✓",
        Outcome::Partly => "◐",
        Outcome::Failed => "✗",
        Outcome::Skipped => "–",
        Outcome::Undecided => "?",
        Outcome::Error => "!",
    }
}

fn class_of(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Partly => "partly",
        Outcome::Failed => "failed",
        Outcome::Skipped => "skipped",
        Outcome::Undecided | Outcome::Error => "open",
    }
}
