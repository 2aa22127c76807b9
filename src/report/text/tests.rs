use proptest::prelude::*;
use unicode_width::UnicodeWidthStr as _;

use super::super::sample;
use super::*;
use crate::evidence::{Bytes, Output};

const REFUSED: &str = include_str!("../snapshots/refused.txt");
const MISSING_REPLY: &str = include_str!("../snapshots/missing-reply.txt");
const HEALTHY: &str = include_str!("../snapshots/healthy.txt");
const UNKNOWN: &str = include_str!("../snapshots/unknown.txt");
const NARROW: &str = include_str!("../snapshots/refused-narrow-ascii.txt");

#[track_caller]
fn assert_page(seen: &str, wanted: &str) {
    assert!(seen == wanted, "the page has changed to:\n{seen}");
}

#[test]
fn a_refused_client_is_shown_who_where_why_and_how() {
    let (evidence, diagnosis) = sample::refused();
    assert_page(&page(&evidence, &diagnosis, &Style::PLAIN, &Extras::default()), REFUSED);
}

#[test]
fn a_missing_reply_is_shown_with_its_proof() {
    let (evidence, diagnosis) = sample::missing_reply();
    assert_page(&page(&evidence, &diagnosis, &Style::PLAIN, &Extras::default()), MISSING_REPLY);
}

#[test]
fn a_healthy_pair_is_shown_what_was_right() {
    let (evidence, diagnosis) = sample::healthy();
    assert_page(&page(&evidence, &diagnosis, &Style::PLAIN, &Extras::default()), HEALTHY);
}

#[test]
fn an_open_question_is_shown_what_would_settle_it() {
    let (evidence, diagnosis) = sample::unknown();
    assert_page(&page(&evidence, &diagnosis, &Style::PLAIN, &Extras::default()), UNKNOWN);
}

#[test]
fn of_many_candidates_the_first_are_told_and_the_rest_counted() {
    let (evidence, mut diagnosis) = sample::unknown();
    let last = diagnosis.verdict.candidates[2].clone();
    diagnosis.verdict.candidates.extend(std::iter::repeat_n(last, TOLD));
    let page = page(&evidence, &diagnosis, &Style::PLAIN, &Extras::default());
    assert!(
        page.contains("\n  Less likely, and yet 3 others are not excluded; --json names all, the likeliest first.\n"),
        "{page}"
    );
    assert_eq!(page.matches("shown by").count(), TOLD);
}

#[test]
fn a_suspect_without_company_is_not_told_twice() {
    let (evidence, mut diagnosis) = sample::unknown();
    diagnosis.verdict.candidates.truncate(1);
    diagnosis.verdict.fault = Some("dropped-packets".to_owned());
    let page = page(&evidence, &diagnosis, &Style::PLAIN, &Extras::default());
    assert!(!page.contains("What it may be"), "{page}");
}

#[test]
fn a_narrow_ascii_terminal_gets_the_same_page() {
    let (evidence, diagnosis) = sample::refused();
    let extras = Extras { width: 60, saved: Some("my evidence.json".to_owned()) };
    assert_page(&page(&evidence, &diagnosis, &Style::ASCII, &extras), NARROW);
}

#[test]
fn colour_adds_nothing_but_colour() {
    let (evidence, diagnosis) = sample::refused();
    let painted = page(&evidence, &diagnosis, &Style { color: true, unicode: true }, &Extras::default());
    let mut plain = String::new();
    for (n, piece) in painted.split('\x1b').enumerate() {
        plain += if n == 0 { piece } else { piece.split_once('m').unwrap().1 };
    }
    assert!(painted.contains('\x1b'));
    assert_eq!(plain, REFUSED);
}

#[test]
fn a_live_server_is_shown_what_was_tried_and_what_it_speaks() {
    let (mut evidence, mut diagnosis) = sample::healthy();
    evidence.setting.occasion = Occasion::LiveServer;
    let probe = sample::probe("hi\n", "ECHO: hi\n");
    let overlapping = crate::evidence::Probe { group: 1, ..probe.clone() };
    let probes = vec![probe, overlapping.clone(), overlapping];
    evidence.probes = crate::evidence::Observed::Seen(crate::evidence::Probes { probes });
    diagnosis.contract.reply = Some(crate::evidence::Term::learned(crate::evidence::Reply::Prefix("ECHO: ".into())));
    diagnosis.verdict.summary = "The server answers every probe as an echo should.".to_owned();
    assert_page(
        &page(&evidence, &diagnosis, &Style::PLAIN, &Extras::default()),
        r#"✓ No fault (proven)

  The server answers every probe as an echo should.

What netdiag tried
  • sends "hi\n" (3 bytes) and gets back "ECHO: hi\n" (9 bytes) after 0.40 ms
  • sends "hi\n" (3 bytes) and gets back "ECHO: hi\n" (9 bytes) after 0.40 ms (2 at the same time)

What the server speaks
  told     127.0.0.1:12345
  learned  a message is a line · the reply is "ECHO: " and the message · many messages per
           connection
  assumed  tcp

Recorded in 55.0 ms, packets from a private network.
"#,
    );
}

#[test]
fn every_side_has_its_headline() {
    for (side, wanted) in [
        (Side::Client, "The client is at fault: x (likely)"),
        (Side::Server, "The server is at fault: x (likely)"),
        (Side::Both, "Client and server both need a change: x (likely)"),
        (Side::Environment, "Neither program is at fault, but what is around them: x (likely)"),
        (Side::None, "No fault (likely)"),
        (Side::Unknown, "Cannot tell who is at fault: x (likely)"),
    ] {
        assert_eq!(headline(&sample::diagnosis(side, Some("x"), Confidence::Likely, "")), wanted);
    }
    let mut apart = sample::diagnosis(Side::Both, Some("x"), Confidence::Proven, "");
    apart.findings.push(sample::finding("x", Side::Both, Part::Cause, "", &[], ""));
    assert_eq!(headline(&apart), "Client and server disagree: x (proven)", "one of them has to give way, not both");
    assert_eq!(
        headline(&sample::diagnosis(Side::Unknown, None, Confidence::Possible, "")),
        "Cannot tell who is at fault yet"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn nothing_a_program_says_disturbs_the_terminal_or_the_width(
        said in proptest::collection::vec(any::<u8>(), 0..200), text: String, width in 0usize..200, unicode: bool,
    ) {
        let (mut evidence, mut diagnosis) = sample::refused();
        if let crate::evidence::Observed::Seen(programs) = &mut evidence.programs {
            let output = Output { total: said.len() as u64, head: Bytes(said.clone()), first: Some(sample::ms(90.0)), ..Output::default() };
            programs.programs[0].stderr = Some(output);
            programs.programs[0].command = vec![text.clone()];
        }
        if let crate::evidence::Observed::Seen(exceptions) = &mut evidence.exceptions {
            exceptions.raised[0].message.clone_from(&text);
        }
        diagnosis.verdict.summary.clone_from(&text);
        diagnosis.findings[0].statement.clone_from(&text);
        diagnosis.findings[0].location = Some(sample::frame(&text, 1, &text, &text));
        diagnosis.ruled_out[0].fault.clone_from(&text);
        let extras = Extras { width, saved: None };
        let page = page(&evidence, &diagnosis, &Style { color: false, unicode }, &extras);
        for line in page.lines() {
            prop_assert!(!line.chars().any(char::is_control), "{line:?}");
            prop_assert!(unicode || line.is_ascii());
            let is_command = line.starts_with("    ") || line.starts_with("  sudo");
            prop_assert!(is_command || line.width() <= 100, "{line:?}");
        }
    }
}
