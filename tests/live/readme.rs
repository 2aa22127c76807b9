//! README.md and the pages under docs/ say what really happens: every `console` block is run and its output compared, every
//! other command in them is one that exists. NETDIAG_BLESS=1 writes what happens now into the pages.
//!
//! Compared is what does not change from run to run: times, process ids, ports that the system chose, and the white space
//! that depends on their length are left out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Parser;
use netdiag::cli::Cli;

use crate::stand::{NETDIAG, Run, netdiag, turn};

fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut pages: Vec<PathBuf> = docs.filter(|page| page.extension().is_some_and(|ending| ending == "md")).collect();
    pages.push(root.join("README.md"));
    pages.sort();
    pages
}

/// A piece of a page: prose, or a fenced block with its info string.
enum Piece<'p> {
    Prose(&'p str),
    Block { info: &'p str, body: &'p str },
}

fn pieces(page: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let mut rest = page;
    while let Some((prose, after)) = rest.split_once("```") {
        let (info, after) = after.split_once('\n').unwrap();
        let (body, after) = after.split_once("```").unwrap_or_else(|| panic!("the block {info:?} is never closed"));
        found.extend([Piece::Prose(prose), Piece::Block { info, body }]);
        rest = after;
    }
    found.push(Piece::Prose(rest));
    found
}

/// The commands of a console block, each with the output that stands under it.
fn commands(body: &str) -> Vec<(&str, String)> {
    let mut found: Vec<(&str, String)> = Vec::new();
    for line in body.lines() {
        match (line.strip_prefix("$ "), found.last_mut()) {
            (Some(command), _) => found.push((command, String::new())),
            (None, Some((_, output))) => output.extend([line, "\n"]),
            (None, None) => panic!("a console block begins with a command, not with {line:?}"),
        }
    }
    found
}

/// What the command prints in `directory`, with netdiag on the PATH.
fn play(command: &str, directory: &Path) -> String {
    let beside = Path::new(NETDIAG).parent().unwrap().display();
    let script = format!("PATH={beside}:$PATH; export PATH; {command}");
    let ended = Run::start(&["env", "COLUMNS=100", "NO_COLOR=1", "sh", "-c"], Path::new(&script), &[], directory).end();
    assert_ne!(ended.code(), 2, "{command}: {ended:?}");
    assert_eq!(ended.stderr, "", "{command}");
    ended.stdout
}

/// What is the same in every run.
fn lasting(output: &str) -> String {
    // A pause is drawn where there is nothing to see, which depends on how busy the machine is.
    let lines = output.lines().filter(|line| !line.trim_end_matches([' ', '│']).ends_with("ms, nothing"));
    let words: Vec<String> =
        lines.flat_map(|line| line.split([' ', '─'])).filter(|w| !w.is_empty()).map(port).collect();
    let mut lasting = Vec::new();
    for (index, word) in words.iter().enumerate() {
        let before = index.checked_sub(1).map_or("", |before| words[before].as_str());
        let after = words.get(index + 1).map_or("", String::as_str);
        let is_time = is_unit(after) && word.parse::<f64>().is_ok();
        let is_times_unit = is_unit(word) && before.parse::<f64>().is_ok();
        let is_pid = before.ends_with("pid");
        lasting.push(if is_time || is_times_unit || is_pid { "N" } else { word });
    }
    lasting.join(" ")
}

fn is_unit(word: &str) -> bool {
    ["ms", "s"].contains(&word.trim_end_matches([':', ',', '.']))
}

/// Ports from 32768 up are the system's choice (ip_local_port_range, ip(7)).
fn port(word: &str) -> String {
    let Some((host, rest)) = word.rsplit_once(':') else { return word.to_owned() };
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    match rest[..digits].parse::<u32>() {
        Ok(port) if port >= 32_768 => format!("{host}:PORT{}", &rest[digits..]),
        _ => word.to_owned(),
    }
}

/// Plays every console block of a page in one directory, in which the page's programs lie. Returns the page as it should be,
/// and what differs.
fn rehearse(page: &str) -> (String, Vec<String>) {
    let directory = tempfile::tempdir().unwrap();
    let (mut now, mut differences) = (String::new(), Vec::new());
    for piece in pieces(page) {
        let (info, body) = match piece {
            Piece::Prose(text) => {
                now += text;
                continue;
            }
            Piece::Block { info, body } => (info, body),
        };
        // "python server.py": a program, and the file it is kept in.
        if let Some((_, file)) = info.split_once(' ') {
            fs::write(directory.path().join(file), body).unwrap();
        }
        now.extend(["```", info, "\n"]);
        if info == "console" {
            for (command, before) in commands(body) {
                let output = play(command, directory.path());
                if lasting(&output) == lasting(&before) {
                    now.extend(["$ ", command, "\n", &before]);
                } else {
                    differences.push(format!("$ {command}\n{output}"));
                    now.extend(["$ ", command, "\n", &output]);
                }
            }
        } else {
            now += body;
        }
        now += "```";
    }
    (now, differences)
}

/// The blocks show what is seen where packets can be captured without root, as on most machines.
fn uses_a_private_network() -> bool {
    netdiag(&["doctor", "--json"]).json()["uses"]["run"] == "namespace"
}

#[test]
fn what_the_pages_show_is_what_happens() {
    if !uses_a_private_network() {
        return eprintln!("reduced: the pages show packets, and this machine has no private network");
    }
    let _turn = turn();
    for file in pages() {
        let page = fs::read_to_string(&file).unwrap();
        if !page.contains("```console") {
            continue;
        }
        let (now, differences) = rehearse(&page);
        if std::env::var_os("NETDIAG_BLESS").is_some() {
            fs::write(&file, now).unwrap();
        } else {
            assert!(
                differences.is_empty(),
                "{} shows something else than what happens; NETDIAG_BLESS=1 writes this into it:\n{}",
                file.display(),
                differences.join("\n")
            );
        }
    }
}

#[test]
fn every_command_in_the_pages_exists() {
    let makefile = include_str!("../../Makefile");
    let mut seen = 0;
    for file in pages() {
        let page = fs::read_to_string(&file).unwrap();
        let shell = pieces(&page).into_iter().filter_map(|piece| match piece {
            Piece::Block { info: "sh", body } => Some(body),
            _ => None,
        });
        for line in shell.flat_map(str::lines) {
            let command = line.split(" # ").next().unwrap_or_default().trim();
            if let Some(target) = command.strip_prefix("make ") {
                assert!(
                    makefile.contains(&format!("\n{}:", target.trim())),
                    "{}: no such target: {line}",
                    file.display()
                );
            } else if command.starts_with("netdiag ") {
                let words = shell_words::split(command.split(" > ").next().unwrap()).unwrap();
                let parsed = Cli::try_parse_from(words);
                assert!(parsed.is_ok(), "{}: {line}\n{}", file.display(), parsed.unwrap_err());
            } else {
                continue;
            }
            seen += 1;
        }
    }
    assert!(seen > 10, "only {seen} commands were found");
}

#[test]
fn every_make_target_in_the_help_exists_and_is_explained() {
    let root = env!("CARGO_MANIFEST_DIR");
    let help = Command::new("make").args(["-s", "-C", root]).stdin(Stdio::null()).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    for target in ["setup", "demo", "test", "accuracy", "bench", "install"] {
        let line = help.lines().find(|line| line.trim_start().starts_with(&format!("make {target} ")));
        assert!(line.is_some_and(|line| line.len() > 30), "make does not explain {target}:\n{help}");
        let plan = Command::new("make").args(["-n", "-C", root, target]).stdin(Stdio::null()).output().unwrap();
        assert!(plan.status.success(), "make -n {target}: {plan:?}");
    }
}

#[test]
fn every_link_between_the_pages_leads_somewhere() {
    for file in pages() {
        let page = fs::read_to_string(&file).unwrap();
        for link in page.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = link.split('#').next().unwrap();
            let leads = link.starts_with("http") || path.is_empty() || file.parent().unwrap().join(path).exists();
            assert!(leads, "{} links to {link}", file.display());
        }
    }
}

#[test]
fn what_changes_from_run_to_run_is_not_compared() {
    let once = "  77.0 ms  │── SYN to 127.0.0.1:12435 ────▶ ✗ │\n │   ⋮ 325 ms, nothing   │\n (pid 12) 127.0.0.1:40000, at 950 ms: x";
    let again = " 177.04 ms │── SYN to 127.0.0.1:12435 ──▶ ✗ │\n (pid\n 4711) 127.0.0.1:59999, at 1.2 s: x";
    assert_eq!(lasting(once), lasting(again));
    for other in ["SYN to 127.0.0.1:12436", "RST to 127.0.0.1:12435"] {
        assert_ne!(lasting(once), lasting(&once.replace("SYN to 127.0.0.1:12435", other)));
    }
    assert_ne!(lasting("12 bytes"), lasting("13 bytes"));
}
