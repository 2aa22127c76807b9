//! A program's own text: the scripts that its command names, and the source beside a compiled program. Tells the lines
//! that name a port, send, receive or take clients in, where there is just one that does.
//!
//! It reads files and runs nothing. Whether a line is wrong, or is ever reached, is not said here.

mod deeds;
mod parts;
mod ports;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use self::deeds::Deed;
use crate::evidence::{Frame, Mention, Program, Text};

/// A longer text was not written by hand.
const LARGEST: u64 = 1 << 20;
/// How many files of one command are read.
const FILES: usize = 8;
/// Endings of the sources that are compiled to a program of the same name.
const COMPILED: [&str; 8] = ["c", "cc", "cpp", "cxx", "rs", "go", "zig", "java"];
/// What a line of nothing but comment begins with, in one language or another.
const COMMENTS: [&str; 8] = ["#", "//", "/*", "*", "--", ";", "%", "\"\"\""];

/// What the program's text tells about `ports` and about its talk.
#[must_use]
pub fn read(program: &Program, ports: &BTreeSet<u16>) -> Text {
    let cwd = PathBuf::from(program.cwd.as_deref().unwrap_or("."));
    let texts: Vec<(String, String)> = files(&program.command, &cwd);
    let mention = |port: &u16| {
        let lines = texts.iter().flat_map(|(file, text)| ports::naming(file, text, *port));
        only(lines).map(|location| Mention { port: *port, location })
    };
    let doing = |deed| only(texts.iter().flat_map(move |(file, text)| deeds::doing(file, text, deed)));
    Text {
        mentions: ports.iter().filter_map(mention).collect(),
        sends: doing(Deed::Sends),
        receives: doing(Deed::Receives),
        accepts: doing(Deed::Accepts),
        sets_port: doing(Deed::SetsPort),
        packs: doing(Deed::Packs),
        decodes: doing(Deed::Decodes),
        closes: doing(Deed::Closes),
        pauses: doing(Deed::Pauses),
        forks: doing(Deed::Forks),
        leaves: doing(Deed::Leaves),
        limits: doing(Deed::Limits),
        binds: doing(Deed::Binds),
        listens: doing(Deed::Listens),
    }
}

/// The only one of the lines.
fn only(mut lines: impl Iterator<Item = Frame>) -> Option<Frame> {
    lines.next().filter(|_| lines.next().is_none())
}

/// The lines of code in `text`.
fn code<'t>(file: &'t str, text: &'t str) -> impl Iterator<Item = Frame> + 't {
    text.lines().zip(1..).filter_map(move |(line, number)| {
        let source = line.trim();
        let is_code = !COMMENTS.iter().any(|mark| source.starts_with(mark));
        let source = source.chars().take(200).collect();
        is_code.then(|| Frame { file: file.to_owned(), line: number, function: String::new(), source })
    })
}

/// The texts that the command names, and those that these say they are made of, by the name a reader knows them by.
fn files(command: &[String], cwd: &Path) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let add = |found: &mut Vec<(String, String)>, name: &str| {
        let known = found.len() >= FILES || found.iter().any(|(known, _)| *known == shown(name, cwd));
        let text = if known { None } else { text(&cwd.join(name)) };
        found.extend(text.map(|text| (shown(name, cwd), text)));
    };
    let modules = command.iter().zip(command.iter().skip(1)).filter(|(option, _)| *option == "-m");
    let modules = modules.flat_map(|(_, module)| {
        let path = module.replace('.', "/");
        [format!("{path}.py"), format!("{path}/__main__.py")]
    });
    for name in command.iter().flat_map(|word| candidates(word, cwd)).chain(modules) {
        add(&mut found, &name);
    }
    let mut next = 0;
    while let Some((name, text)) = found.get(next) {
        let beside = Path::new(name).parent().unwrap_or(Path::new("")).to_path_buf();
        let parts = parts::named(name, text);
        for part in parts {
            add(&mut found, &beside.join(&part).to_string_lossy());
            add(&mut found, &part);
        }
        next += 1;
    }
    found
}

/// The name of a file as seen from the working directory.
fn shown(name: &str, cwd: &Path) -> String {
    let path = Path::new(name);
    let path = path.strip_prefix(cwd).or_else(|_| path.strip_prefix(".")).unwrap_or(path);
    path.to_string_lossy().into_owned()
}

/// The file that a word may name: itself, or the source that it was compiled from and that has not changed since.
fn candidates(word: &str, cwd: &Path) -> Vec<String> {
    let path = cwd.join(word);
    let Ok(about) = path.metadata() else {
        return if is_class(word) { vec![format!("{word}.java")] } else { Vec::new() };
    };
    let is_source = |name: &String| {
        let changed = cwd.join(name).metadata().and_then(|source| source.modified());
        changed.ok().zip(about.modified().ok()).is_some_and(|(source, program)| source <= program)
    };
    let stem = word.strip_suffix(".jar").unwrap_or(word);
    // A compiler may have been told to put the program elsewhere.
    let here = Path::new(stem).file_name().map(|name| name.to_string_lossy().into_owned());
    let stems = [Some(stem.to_owned()), here].into_iter().flatten();
    let sources = stems.flat_map(|stem| COMPILED.map(|ending| format!("{stem}.{ending}"))).filter(is_source);
    [word.to_owned()].into_iter().chain(sources).collect()
}

/// Whether the word may be what `java` is told to run.
fn is_class(word: &str) -> bool {
    word.starts_with(char::is_uppercase) && word.chars().all(|one| one.is_alphanumeric() || one == '_')
}

/// The whole text of a file, if it is one.
fn text(path: &Path) -> Option<String> {
    // Without this, a FIFO that took the file's place would be waited for.
    let nonblocking = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = File::options().read(true).custom_flags(nonblocking).open(path).ok()?;
    let about = file.metadata().ok()?;
    if !about.is_file() || about.len() > LARGEST {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(LARGEST).read_to_end(&mut bytes).ok()?;
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Role;

    fn program(dir: &Path, command: &str) -> Program {
        let cwd = Some(dir.to_string_lossy().into_owned());
        Program { cwd, ..crate::facts::staged::program(Role::Server, command, None) }
    }

    fn found(program: &Program) -> Vec<(u16, String, u32)> {
        let place = |one: Mention| (one.port, one.location.file, one.location.line);
        read(program, &BTreeSet::from([12345, 12346])).mentions.into_iter().map(place).collect()
    }

    #[test]
    fn the_only_line_of_all_texts_is_told_and_one_of_two_is_not() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("server.js"), "const a = 12345\nlisten(12346)\n").unwrap();
        std::fs::write(dir.path().join("hook.js"), "connect(12345)\n").unwrap();
        let one = program(dir.path(), "node server.js");
        assert_eq!(found(&one), [(12345, "server.js".to_owned(), 1), (12346, "server.js".to_owned(), 2)]);
        let two = program(dir.path(), "node -r hook.js server.js");
        assert_eq!(found(&two), [(12346, "server.js".to_owned(), 2)]);
    }

    #[test]
    fn a_program_of_several_files_is_read_in_all_of_them() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("echod")).unwrap();
        std::fs::write(dir.path().join("echod/main.py"), "from . import options\nserve(options.PORT)\n").unwrap();
        std::fs::write(dir.path().join("echod/options.py"), "import os\nPORT = 12346\n").unwrap();
        let module = program(dir.path(), "python3 -m echod.main");
        assert_eq!(found(&module), [(12346, "echod/options.py".to_owned(), 2)]);
        std::fs::write(dir.path().join("start.sh"), "#!/bin/sh\nexec python3 -m echod.main\n").unwrap();
        std::fs::write(dir.path().join("a.pl"), "my $conf = 'echo.conf';\n").unwrap();
        std::fs::write(dir.path().join("echo.conf"), "# port 12345\nport = 12345\n").unwrap();
        assert_eq!(found(&program(dir.path(), "perl a.pl")), [(12345, "echo.conf".to_owned(), 2)]);
    }

    #[test]
    fn a_source_stands_beside_what_it_was_compiled_to_unless_it_is_younger() {
        let dir = tempfile::tempdir().unwrap();
        let (source, binary) = (dir.path().join("server.c"), dir.path().join("server"));
        std::fs::write(&source, "int main(void) { return serve(htons(12346)); }\n").unwrap();
        std::fs::write(&binary, b"\x7fELF\0\0").unwrap();
        assert_eq!(found(&program(dir.path(), "./server")), [(12346, "server.c".to_owned(), 1)]);
        let old = std::time::SystemTime::now() - std::time::Duration::from_secs(60);
        File::options().write(true).open(&binary).unwrap().set_modified(old).unwrap();
        assert_eq!(found(&program(dir.path(), "./server")), []);
        let elsewhere = tempfile::tempdir().unwrap();
        std::fs::write(elsewhere.path().join("server"), b"\x7fELF\0\0").unwrap();
        let built = elsewhere.path().join("server");
        assert_eq!(found(&program(dir.path(), &built.to_string_lossy())), [(12346, "server.c".to_owned(), 1)]);
        std::fs::write(dir.path().join("Server.java"), "new ServerSocket(12346);\n").unwrap();
        assert_eq!(found(&program(dir.path(), "java Server")), [(12346, "Server.java".to_owned(), 1)]);
    }

    #[test]
    fn what_is_no_text_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        nix::unistd::mkfifo(&dir.path().join("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        std::fs::write(dir.path().join("data"), b"12346\0").unwrap();
        assert_eq!(found(&program(dir.path(), "cat fifo data /dev/zero . missing")), []);
    }
}
