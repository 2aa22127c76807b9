//! The directions that must never occur (docs/architecture.md), read off the sources themselves. Whatever breaks one is
//! named with its file and line.

mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use source::{Kind, Named, Token, paths, tokens, without_tests};

/// Who may name whom. A part names itself and what stands here; `facts::stillness` allows that module only.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("evidence", &[]),
    ("wire", &["evidence"]),
    ("facts", &["evidence"]),
    ("rules", &["diagnosis", "evidence", "facts"]),
    ("verdict", &["diagnosis", "evidence", "facts", "rules"]),
    ("diagnosis", &["evidence", "facts", "rules", "verdict"]),
    // Which line of a program's output says most is the same for a rule and for a row of the ladder.
    ("report", &["diagnosis", "evidence", "facts::trace"]),
    ("reference", &["evidence"]),
    ("scenario", &["evidence", "recording", "reference"]),
    ("sandbox", &["evidence"]),
    ("collect", &["evidence", "sandbox", "wire"]),
    // The proof of a hang reads two samples of evidence and nothing else, while the pair is still there. Whether a second
    // recording, with calls traced, would tell more and tells of the same is read off the recordings.
    (
        "recording",
        &["collect", "evidence", "facts::script", "facts::second_look", "facts::stillness", "reference", "sandbox"],
    ),
    ("grade", &["diagnosis", "evidence", "facts", "recording", "reference", "report", "sandbox", "scenario"]),
    ("cli", &["reference"]),
    (
        "commands",
        &[
            "cli",
            "collect",
            "diagnosis",
            "evidence",
            "facts",
            "grade",
            "recording",
            "reference",
            "report",
            "rules",
            "sandbox",
            "scenario",
        ],
    ),
    ("main", &["cli", "commands"]),
];

/// Data in, data out.
const PURE: &[&str] = &["evidence", "facts", "rules", "verdict", "diagnosis", "wire", "report"];

/// What would make a pure stage look at the world, or at a clock.
const WORLD: &[&str] = &[
    "std::fs",
    "std::io",
    "std::env",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "std::net::TcpStream",
    "std::net::TcpListener",
    "std::net::UdpSocket",
    "std::os",
    "tokio",
    "tokio_stream",
    "tonic",
    "console_api",
    "console_subscriber",
    "pcap",
    "netstat2",
    "nix",
    "rustix",
    "socket2",
    "procfs",
    "netlink_sys",
    "netlink_packet_sock_diag",
    "signal_hook",
    "tempfile",
    "terminal_size",
    "indicatif",
];

/// What collectors share; neither looks at anything.
const SHARED_BY_COLLECTORS: &[&str] = &["clock", "printable"];

/// A module's name says what it is about; these say that nobody knew.
const NAMELESS: &[&str] = &["util", "utils", "common", "helper", "helpers", "misc", "manager"];

const PRINTING: &[&str] = &["print", "println", "eprint", "eprintln", "dbg"];
const UNFINISHED: &[&str] = &["todo", "unimplemented"];

const LONGEST_FILE: usize = 500;

/// Path in the repository → text.
type Sources = BTreeMap<String, String>;

fn read(directory: &str) -> Sources {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Sources::new();
    let mut open = vec![root.join(directory)];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                open.push(entry);
            } else if entry.extension().is_some_and(|ending| ending == "rs") {
                let name = entry.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
                found.insert(name, fs::read_to_string(&entry).unwrap());
            }
        }
    }
    found
}

/// One file of `src`, test code left out.
struct File<'s> {
    module: Vec<String>,
    tokens: Vec<Token>,
    named: Vec<Named>,
    lines: usize,
    text: &'s str,
}

impl File<'_> {
    /// The top-level module; `main` and `lib` stand for the two roots.
    fn part(&self) -> &str {
        self.module.first().map_or("lib", String::as_str)
    }

    fn is_pure(&self) -> bool {
        PURE.contains(&self.part())
    }

    fn places<'f>(&'f self, wanted: impl Fn(&Named) -> bool + 'f) -> impl Iterator<Item = (usize, String)> + 'f {
        self.named.iter().filter(move |named| wanted(named)).map(|named| (named.line, named.path.join("::")))
    }

    fn macros<'f>(&'f self, names: &'f [&str]) -> impl Iterator<Item = (usize, &'f str)> + 'f {
        self.tokens.windows(2).filter_map(|pair| {
            let is_macro = pair[0].kind == Kind::Name && pair[1].text == "!" && names.contains(&pair[0].text.as_str());
            is_macro.then_some((pair[0].line, pair[0].text.as_str()))
        })
    }
}

fn module_of(file: &str) -> Vec<String> {
    let inner = file.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
    if inner == "lib" { Vec::new() } else { inner.split('/').map(str::to_owned).collect() }
}

/// What has to be known of the whole crate to judge one file.
struct Plan {
    /// The top-level modules.
    parts: BTreeSet<String>,
    rules: BTreeSet<String>,
    /// Modules in files of their own that exist for tests only.
    tests: BTreeSet<Vec<String>>,
}

fn plan(sources: &Sources) -> Plan {
    let modules: Vec<Vec<String>> = sources.keys().map(|name| module_of(name)).collect();
    let rules = modules.iter().filter(|module| module.first().is_some_and(|part| part == "rules"));
    Plan {
        rules: rules.filter_map(|module| module.get(1).cloned()).collect(),
        tests: sources.iter().flat_map(|(name, text)| test_modules(name, text)).collect(),
        parts: modules.into_iter().filter_map(|module| module.into_iter().next()).collect(),
    }
}

fn test_modules(name: &str, text: &str) -> Vec<Vec<String>> {
    if !text.contains("cfg(test)") {
        return Vec::new();
    }
    let tests = without_tests(&tokens(text)).test_modules;
    tests.into_iter().map(|test| [module_of(name), vec![test]].concat()).collect()
}

/// Every violation, as `file:line: what is wrong`.
fn violations(sources: &Sources) -> Vec<String> {
    let plan = plan(sources);
    sources.iter().flat_map(|(name, text)| judge(name, text, &plan)).collect()
}

fn judge(name: &str, text: &str, plan: &Plan) -> Vec<String> {
    let module = module_of(name);
    if (1..=module.len()).any(|length| plan.tests.contains(&module[..length])) {
        return Vec::new();
    }
    let kept = without_tests(&tokens(text));
    let file = File {
        named: paths(&kept.tokens, &module),
        module,
        tokens: kept.tokens,
        lines: text.lines().count() - kept.lines_left_out,
        text,
    };
    let mut wrong = Vec::new();
    names_only_what_it_may(&file, &plan.parts, &mut wrong);
    keeps_apart(&file, &plan.rules, &mut wrong);
    stays_pure(&file, &mut wrong);
    leaves_the_terminal_alone(&file, &mut wrong);
    is_in_shape(&file, &mut wrong);
    wrong.into_iter().map(|(line, what)| format!("{name}:{line}: {what}")).collect()
}

type Wrong = Vec<(usize, String)>;

fn begins(path: &[String], with: &str) -> bool {
    with.split("::").enumerate().all(|(index, word)| path.get(index).is_some_and(|own| own == word))
}

fn names_only_what_it_may(file: &File, parts: &BTreeSet<String>, wrong: &mut Wrong) {
    let part = file.part();
    if part == "lib" {
        return;
    }
    let Some((_, allowed)) = MAY_NAME.iter().find(|(name, _)| *name == part) else {
        return wrong.push((1, format!("the new part `{part}` needs a row in the table of tests/pure/layers.rs")));
    };
    let strays = file.places(|named| {
        let whole = named.ours && named.path.first().is_some_and(|first| parts.contains(first));
        whole && named.path[0] != part && !allowed.iter().any(|allowed| begins(&named.path, allowed))
    });
    wrong.extend(strays.map(|(line, path)| (line, format!("`{part}` must not name `{path}`"))));
}

fn keeps_apart(file: &File, rules: &BTreeSet<String>, wrong: &mut Wrong) {
    let Some(own) = file.module.get(1) else { return };
    let part = file.part();
    let others = |named: &Named| {
        let other = named.path.get(1).filter(|name| *name != own);
        named.ours
            && named.path.first().is_some_and(|first| first == part)
            && other.is_some_and(|name| match part {
                "rules" => rules.contains(name),
                "collect" => !SHARED_BY_COLLECTORS.contains(&name.as_str()),
                _ => false,
            })
    };
    let what = if part == "rules" { "a rule must not name another" } else { "a collector must not call another" };
    wrong.extend(file.places(others).map(|(line, path)| (line, format!("{what}: `{path}`"))));
}

fn stays_pure(file: &File, wrong: &mut Wrong) {
    let named_clap = file.places(|named| !named.ours && named.path[0].starts_with("clap"));
    if !["cli", "commands", "main"].contains(&file.part()) {
        wrong.extend(named_clap.map(|(line, path)| (line, format!("clap ends at `cli`: `{path}`"))));
    }
    if !file.is_pure() {
        return;
    }
    let worldly = file.places(|named| !named.ours && WORLD.iter().any(|world| begins(&named.path, world)));
    wrong.extend(worldly.map(|(line, path)| (line, format!("a pure stage must not touch the world: `{path}`"))));
    let waits = file.tokens.iter().filter(|token| token.kind == Kind::Name && token.text == "async");
    wrong.extend(waits.map(|token| (token.line, "a pure stage waits for nothing: `async`".to_owned())));
}

fn leaves_the_terminal_alone(file: &File, wrong: &mut Wrong) {
    if file.part() != "commands" {
        let printed = file.macros(PRINTING).map(|(line, name)| (line, format!("only `commands` print: `{name}!`")));
        wrong.extend(printed);
        let streams = file.places(|named| match named.path.as_slice() {
            [.., before, last] => before == "io" && ["stdout", "stderr"].contains(&last.as_str()),
            _ => false,
        });
        wrong.extend(streams.map(|(line, path)| (line, format!("only `commands` print: `{path}`"))));
    }
    if file.part() != "main" {
        let exits = file.places(|named| named.path.ends_with(&["process".to_owned(), "exit".to_owned()]));
        wrong.extend(exits.map(|(line, path)| (line, format!("only `main` exits: `{path}`"))));
    }
}

fn is_in_shape(file: &File, wrong: &mut Wrong) {
    if !file.text.starts_with("//! ") {
        wrong.push((1, "the file must begin with a `//!` header that says what it is for".to_owned()));
    }
    if let Some(name) = file.module.iter().find(|name| NAMELESS.contains(&name.as_str())) {
        wrong.push((1, format!("`{name}` says nothing; name the module for what it is about")));
    }
    if file.lines > LONGEST_FILE {
        wrong.push((LONGEST_FILE, format!("{} lines without tests; the longest file has {LONGEST_FILE}", file.lines)));
    }
    let unfinished = file.macros(UNFINISHED).map(|(line, name)| (line, format!("unfinished: `{name}!`")));
    wrong.extend(unfinished);
}

/// `#[ignore]` hides a test that should be mended; this looks at test code too.
fn ignored_tests(sources: &Sources) -> Vec<String> {
    let mut found = Vec::new();
    for (name, text) in sources {
        let tokens = tokens(text);
        for (index, token) in tokens.iter().enumerate() {
            let in_attribute = index >= 2 && tokens[index - 1].text == "[" && tokens[index - 2].text == "#";
            if in_attribute && token.kind == Kind::Name && token.text == "ignore" {
                found.push(format!("{name}:{}: a test must not be ignored", token.line));
            }
        }
    }
    found
}

#[test]
fn nothing_points_the_wrong_way() {
    let found = violations(&read("src"));
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn no_test_is_ignored() {
    let found = ignored_tests(&[read("src"), read("tests"), read("benches")].into_iter().flatten().collect());
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

/// File, what is appended to it, what the test must then say.
const PLANTED: &[(&str, &str, &str)] = &[
    ("src/evidence/mod.rs", "use crate::facts::Facts;", "`evidence` must not name `facts::Facts`"),
    ("src/facts/mod.rs", "use crate::{collect::sockets, evidence::At};", "`facts` must not name `collect::sockets`"),
    ("src/rules/mod.rs", "fn f() { crate::recording::record(); }", "`rules` must not name `recording::record`"),
    ("src/rules/reset.rs", "use super::no_server;", "a rule must not name another: `rules::no_server`"),
    ("src/collect/clock.rs", "use crate::verdict;", "`collect` must not name `verdict`"),
    (
        "src/collect/packets.rs",
        "use super::sockets::look;",
        "a collector must not call another: `collect::sockets::look`",
    ),
    ("src/recording/mod.rs", "use crate::facts::{stillness, Facts};", "`recording` must not name `facts::Facts`"),
    ("src/scenario/mod.rs", "use crate::rules::RULES;", "`scenario` must not name `rules::RULES`"),
    ("src/reference/mod.rs", "use crate::rules;", "`reference` must not name `rules`"),
    ("src/report/mod.rs", "use crate::rules::RULES;", "`report` must not name `rules::RULES`"),
    ("src/wire/mod.rs", "use std::{fmt, fs::File};", "a pure stage must not touch the world: `std::fs::File`"),
    ("src/verdict/mod.rs", "use std::time::Instant;", "a pure stage must not touch the world: `std::time::Instant`"),
    ("src/diagnosis.rs", "fn f() { tokio::spawn(g()); }", "a pure stage must not touch the world: `tokio::spawn`"),
    ("src/facts/mod.rs", "async fn f() {}", "a pure stage waits for nothing: `async`"),
    ("src/recording/mod.rs", "fn f() { println!(\"x\"); }", "only `commands` print: `println!`"),
    ("src/report/mod.rs", "fn f() { std::io::stderr(); }", "only `commands` print: `std::io::stderr`"),
    ("src/commands/mod.rs", "fn f() { std::process::exit(1); }", "only `main` exits: `std::process::exit`"),
    ("src/sandbox/mod.rs", "use clap::Args;", "clap ends at `cli`: `clap::Args`"),
    ("src/sandbox/mod.rs", "fn f() { todo!() }", "unfinished: `todo!`"),
];

#[test]
fn a_planted_violation_is_named_with_its_file_and_line() {
    let sources = read("src");
    let plan = plan(&sources);
    for (file, planted, what) in PLANTED {
        let sound = sources.get(*file).unwrap_or_else(|| panic!("{file} has moved; plant elsewhere"));
        let text = format!("{sound}\n{planted}\n");
        let expected = format!("{file}:{}: {what}", text.lines().count());
        let found = judge(file, &text, &plan);
        assert!(found.contains(&expected), "{planted:?} should have given\n{expected}\nand gave\n{}", found.join("\n"));
    }
}

#[test]
fn a_planted_file_is_judged_too() {
    let plan = plan(&read("src"));
    let says = |file: &str, text: &str, what: &str| {
        let found = judge(file, text, &plan);
        assert!(found.iter().any(|found| found.contains(what)), "{what:?} is not in {found:?}");
    };
    let header = "//! Something.\n";
    says("src/facts/util.rs", header, "src/facts/util.rs:1: `util`");
    says("src/facts/x.rs", "// no header\n", "src/facts/x.rs:1: the file must begin");
    says("src/novelty.rs", header, "the new part `novelty`");
    says("src/facts/x.rs", &(header.to_owned() + &"const X: () = ();\n".repeat(LONGEST_FILE)), "501 lines");
}

#[test]
fn test_code_strings_and_comments_may_say_anything() {
    let innocent = "
        //! Never use crate::collect here, nor println!
        /* crate::rules /* nested */ std::fs */
        const A: &str = \"crate::collect::sockets \\\" println!()\";
        const B: &str = r#\"use std::fs; \"quoted\" \"#;
        const C: char = '\"';
        fn f<'a>(x: &'a str) -> &'a str { x }
        #[cfg(test)]
        #[allow(dead_code)]
        mod tests { use std::fs; fn f() { println!(\"{}\", '}'); } }
        #[cfg(test)]
        use crate::collect::sockets;
        #[cfg(test)]
        mod sample;
    ";
    let mut sources = read("src");
    let text = sources["src/facts/mod.rs"].clone() + innocent;
    sources.insert("src/facts/mod.rs".to_owned(), text.clone());
    let plan = plan(&sources);
    assert_eq!(judge("src/facts/mod.rs", &text, &plan), [""; 0]);
    assert_eq!(judge("src/facts/sample.rs", "use std::fs;\n", &plan), [""; 0]);
}

#[test]
fn an_ignored_test_is_named_even_in_test_code() {
    // The word is put together here, or this very file would be named.
    let text = format!("#[cfg(test)]\nmod tests {{\n    #[test]\n    #[{}]\n    fn f() {{}}\n}}\n", "ignore");
    let found = ignored_tests(&Sources::from([("tests/x.rs".to_owned(), text)]));
    assert_eq!(found, ["tests/x.rs:4: a test must not be ignored"]);
}
