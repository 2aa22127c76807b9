//! `netdiag man`: one manual page for netdiag and one for each of its subcommands.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::CommandFactory as _;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use super::{Outcome, terminal};
use crate::cli::{Cli, ManArgs};

/// Writes the pages and says where they are.
pub fn run(args: &ManArgs) -> anyhow::Result<Outcome> {
    fs::create_dir_all(&args.dir).with_context(|| format!("making {}", args.dir.display()))?;
    let mut said = String::new();
    for path in write(&args.dir)? {
        let _ = writeln!(said, "{}", path.display());
    }
    terminal::show(&said)?;
    Ok(Outcome::Fine)
}

fn write(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    // Building fills in the subcommands' full names ("netdiag-scenario") and the options they share.
    let mut netdiag = Cli::command().disable_help_subcommand(true);
    netdiag.build();
    let subcommands = netdiag.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
    let mut paths = Vec::new();
    for command in std::iter::once(netdiag.clone()).chain(subcommands) {
        let (name, text) = page(command)?;
        let path = dir.join(name);
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        paths.push(path);
    }
    Ok(paths)
}

/// A page's file name and text. clap_mangen leaves out what `--help` shows first: the examples.
fn page(command: clap::Command) -> anyhow::Result<(String, Vec<u8>)> {
    let examples = command.get_before_help().map(ToString::to_string);
    let man = Man::new(command).source(concat!("netdiag ", env!("CARGO_PKG_VERSION"))).manual("netdiag");
    let mut text = Vec::new();
    man.render(&mut text)?;
    if let Some(examples) = examples {
        let mut section = Roff::new();
        section.control("SH", ["EXAMPLES"]).control("nf", []);
        for line in examples.lines().filter(|line| *line != "Examples:") {
            section.text([roman(line)]);
        }
        section.control("fi", []);
        section.to_writer(&mut text)?;
    }
    Ok((man.get_filename(), text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_page_for_netdiag_and_each_subcommand_one_can_see() {
        let dir = tempfile::tempdir().unwrap();
        let paths = write(dir.path()).unwrap();
        let names: Vec<_> = paths.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
        assert!(names.contains(&"netdiag.1") && names.contains(&"netdiag-scenario.1"), "{names:?}");
        assert!(names.iter().all(|name| !name.contains("__") && !name.contains("help")), "{names:?}");
        let sockets = fs::read_to_string(dir.path().join("netdiag-sockets.1")).unwrap();
        for part in [".TH netdiag-sockets 1", ".SH EXAMPLES", "\\-\\-port 12345", "\\-\\-listening"] {
            assert!(sockets.contains(part), "{part}\n{sockets}");
        }
        let netdiag = fs::read_to_string(dir.path().join("netdiag.1")).unwrap();
        assert!(!netdiag.contains("actor") && !netdiag.contains("try\\-namespace"), "{netdiag}");
    }
}
