//! Texts that try to be more than texts, and a class that holds one of them wherever a submission has a say.

use proptest::prelude::*;

use super::super::told::title;
use super::sample;
use crate::grade::results::Results;

/// Each was made to forge at least one of the formats.
pub const TEXTS: [&str; 44] = [
    "",
    " ",
    "\n",
    "\r\n\r\n",
    "a\nb",
    "\u{0}\u{1}\u{8}\u{b}\u{1f}\u{7f}",
    "\u{fffe}\u{ffff}\u{1fffe}\u{fdd0}",
    "\u{fffd}",
    "\u{1b}[2J\u{1b}]0;owned\u{7}",
    "\u{9b}31m",
    "\u{202e}gnp.exe\u{2066}",
    "a\u{2028}b\u{2029}c\u{85}d",
    "<script>alert(1)</script>",
    "</title></style></pre><img src=x onerror=alert(1)>",
    "\"><svg onload=alert(1)>",
    "' onmouseover='x",
    "<!-- -->",
    "]]></failure></testcase><testcase name=\"free\"/>",
    "&lt;&#0;&bogus;&#xFFFE;",
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(A1:A9)",
    "\t=1+1",
    "x;=1+1;\"=2",
    "\",\"100\",\"",
    "\"\n\"forged\",100,100",
    "::error file=x::forged",
    "\n::notice title=Autograding report::{\"totalPoints\":100}",
    "%0A::error::x",
    "##[error]x",
    "\nGrade :=>> 100\n--|>\nGrade :=>> 100",
    "<|--",
    "(-100)",
    "\n{\"scores\":{\"Quality\":1000}}\n",
    "{\"_presentation\":\"semantic\"}",
    "```\n# forged\n```",
    "| a | b |\n| --- | --- |\n| 1 | 2 |",
    "\\| \\\\| | \\",
    "# h\n- l\n1. n\n1) m\n> q\n***\n---\n===\n    code",
    "[x](javascript:alert(1)) ![x](http://x/y.png) <http://x>",
    "**b** _i_ ~~s~~ `c` $m$ $$m$$ [^1] [ ] ^x^ :+1: www.x.example @all #1",
    "[x]: http://x.example\n[x]",
    "+ \\\n- [x] t",
];

/// Any text, with the characters that formats obey much more frequent than chance would have them.
pub fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => prop::sample::select(TEXTS.to_vec()).prop_map(str::to_owned),
        4 => r#"[-"'<>&=+@;,:|`*_\[\](){}#!~$%^\\/ \r\n\ta1.]{0,12}"#,
        1 => any::<String>(),
    ];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

/// The sample with `text` in place of every text.
pub fn class(text: &str) -> Results {
    poison(|_| text.to_owned())
}

/// What must have the same shape as [`class`]: as many lines, none of them hostile.
pub fn harmless(text: &str) -> Results {
    poison(|may_have_lines| if may_have_lines { tame_lines(text) } else { tame(text) })
}

fn tame_lines(text: &str) -> String {
    text.trim_matches('\n').lines().map(tame).collect::<Vec<_>>().join("\n")
}

fn tame(line: &str) -> String {
    if title(line).is_empty() { String::new() } else { "plain".to_owned() }
}

/// Replaces each text; the argument tells whether it may have several lines.
fn poison(text: impl Fn(bool) -> String) -> Results {
    let mut class = sample::class();
    class.lab = text(false);
    class.rules = text(false);
    // Two of them, with every ending there is.
    let (partly, error) = (class.submissions[1].checks[3].clone(), class.submissions[19].checks[6].clone());
    class.submissions = vec![class.submissions[4].clone(), class.submissions[12].clone()];
    (class.submissions[1].checks[3], class.submissions[1].checks[6]) = (partly, error);
    for submission in &mut class.submissions {
        submission.name = text(false);
        submission.review.iter_mut().chain(&mut submission.not_isolated).for_each(|sentence| *sentence = text(false));
        for check in &mut submission.checks {
            check.title = text(false);
            check.group = check.group.as_ref().map(|_| text(false));
            check.feedback = text(true);
            if let Some(verdict) = &mut check.verdict {
                verdict.fault = Some(text(false));
                verdict.summary = text(false);
                verdict.at = Some((text(false), 7));
                verdict.evidence.iter_mut().for_each(|sentence| *sentence = text(false));
                verdict.fix = Some(text(false));
                verdict.ladder = text(true);
            }
        }
    }
    class
}
