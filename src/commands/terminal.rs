//! What the terminal can show, and the way onto it. The only place that looks at colour variables, locale and width.

use std::io::{IsTerminal, Write as _};

use anyhow::Context as _;

use crate::cli::ColorWhen;
use crate::report::style::Style;

/// How to write for standard output as it is now.
#[must_use]
pub fn style(when: ColorWhen) -> Style {
    decide(when, std::io::stdout().is_terminal(), |name| std::env::var(name).ok())
}

/// Columns of the terminal, else of COLUMNS, else 100.
#[must_use]
pub fn width() -> usize {
    let asked = || std::env::var("COLUMNS").ok()?.parse().ok();
    let terminal = terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| usize::from(width.0));
    terminal.or_else(asked).unwrap_or(crate::report::sheet::WIDEST)
}

/// Writes a result to standard output. A reader that has gone away (`| head`) is no error.
pub fn show(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(error).context("writing to standard output")
        }
        _ => Ok(()),
    }
}

/// Writes one JSON object and a line feed to standard output.
pub fn show_json(value: &serde_json::Value) -> anyhow::Result<()> {
    show(&format!("{value:#}\n"))
}

/// `--color` decides; with `auto` NO_COLOR, CLICOLOR_FORCE and TERM are asked in this order (no-color.org,
/// bixense.com/clicolors). Characters beyond ASCII need a UTF-8 locale (locale(7): LC_ALL, LC_CTYPE, LANG).
fn decide(when: ColorWhen, is_terminal: bool, variable: impl Fn(&str) -> Option<String>) -> Style {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    let color = match when {
        ColorWhen::Always => true,
        ColorWhen::Never => false,
        ColorWhen::Auto if set("NO_COLOR").is_some() => false,
        ColorWhen::Auto if set("CLICOLOR_FORCE").is_some_and(|value| value != "0") => true,
        ColorWhen::Auto => is_terminal && set("TERM").is_none_or(|term| term != "dumb"),
    };
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| set(name)).unwrap_or_default().to_lowercase();
    Style { color, unicode: locale.contains("utf-8") || locale.contains("utf8") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(when: ColorWhen, is_terminal: bool, variables: &[(&str, &str)]) -> Style {
        decide(when, is_terminal, |name| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn colour_is_for_terminals_unless_somebody_says_otherwise() {
        let auto = ColorWhen::Auto;
        assert!(with(auto, true, &[]).color);
        assert!(!with(auto, false, &[]).color);
        assert!(!with(auto, true, &[("TERM", "dumb")]).color);
        assert!(!with(auto, true, &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")]).color);
        assert!(with(auto, true, &[("NO_COLOR", "")]).color);
        assert!(with(auto, false, &[("CLICOLOR_FORCE", "1")]).color);
        assert!(!with(auto, false, &[("CLICOLOR_FORCE", "0")]).color);
    }

    #[test]
    fn the_flag_beats_the_variables() {
        assert!(with(ColorWhen::Always, false, &[("NO_COLOR", "1")]).color);
        assert!(!with(ColorWhen::Never, true, &[("CLICOLOR_FORCE", "1")]).color);
    }

    #[test]
    fn characters_follow_the_locale() {
        assert!(with(ColorWhen::Auto, true, &[("LANG", "de_DE.UTF-8")]).unicode);
        assert!(with(ColorWhen::Auto, true, &[("LC_ALL", "C.utf8"), ("LANG", "C")]).unicode);
        assert!(!with(ColorWhen::Auto, true, &[("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")]).unicode);
        assert!(!with(ColorWhen::Auto, true, &[]).unicode);
    }
}
