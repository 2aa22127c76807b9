//! Where a program's own text names a port: the scripts that its command names, and the source beside a compiled program.
//!
//! It reads files and runs nothing. Whether a line is wrong is not said here; a port that several lines name, or only a
//! comment or a sentence, is named nowhere in particular.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::evidence::{Frame, Mention, Program};

/// A longer text was not written by hand.
const LARGEST: u64 = 1 << 20;
/// How many files of one command are read.
const FILES: usize = 8;
/// Endings of the sources that are compiled to a program of the same name.
const COMPILED: [&str; 8] = ["c", "cc", "cpp", "cxx", "rs", "go", "zig", "java"];
/// What a line of nothing but comment begins with, in one language or another.
const COMMENTS: [&str; 8] = ["#", "//", "/*", "*", "--", ";", "%", "\"\"\""];

/// The single line of the program's text that names each of `ports`.
#[must_use]
pub fn mentions(program: &Program, ports: &BTreeSet<u16>) -> Vec<Mention> {
    let cwd = PathBuf::from(program.cwd.as_deref().unwrap_or("."));
    let texts: Vec<(String, String)> = files(&program.command, &cwd).into_iter().take(FILES).collect();
    let only = |port: u16| {
        let mut lines = texts.iter().flat_map(|(file, text)| naming(file, text, port));
        lines.next().filter(|_| lines.next().is_none()).map(|location| Mention { port, location })
    };
    ports.iter().filter_map(|port| only(*port)).collect()
}

/// The texts that the command names, by the name a reader knows them by.
fn files(command: &[String], cwd: &Path) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for word in command {
        for name in candidates(word, cwd) {
            let known = found.iter().any(|(known, _)| *known == shown(&name, cwd));
            let text = if known { None } else { text(&cwd.join(&name)) };
            found.extend(text.map(|text| (shown(&name, cwd), text)));
        }
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
    let sources = COMPILED.iter().map(|ending| format!("{stem}.{ending}")).filter(is_source);
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

/// The lines of `text` that name `port` in code.
fn naming<'t>(file: &'t str, text: &'t str, port: u16) -> impl Iterator<Item = Frame> + 't {
    let wanted = port.to_string();
    text.lines().zip(1..).filter_map(move |(line, number)| {
        let source = line.trim();
        let is_shebang = number == 1 && source.starts_with("#!");
        if is_shebang || COMMENTS.iter().any(|mark| source.starts_with(mark)) || !names(source, &wanted) {
            return None;
        }
        let source = source.chars().take(200).collect();
        Some(Frame { file: file.to_owned(), line: number, function: String::new(), source })
    })
}

/// Whether the number stands in `line` by itself, and not within a sentence.
fn names(line: &str, number: &str) -> bool {
    line.match_indices(number).any(|(at, _)| {
        let belongs = |one: char| one.is_alphanumeric() || one == '_';
        let (before, after) = (&line[..at], &line[at + number.len()..]);
        let begins = !before.ends_with(|one: char| belongs(one) || one == '.');
        let ends = !after.starts_with(belongs)
            && !after.strip_prefix('.').is_some_and(|rest| rest.starts_with(|one: char| one.is_ascii_digit()));
        begins && ends && !is_prose(before, after)
    })
}

/// Whether this is within quotes that hold a sentence.
fn is_prose(before: &str, after: &str) -> bool {
    let mut open: Option<(char, usize)> = None;
    for (at, one) in before.char_indices().filter(|(_, one)| matches!(one, '"' | '\'' | '`')) {
        match open {
            Some((quote, _)) if quote == one => open = None,
            Some(_) => {}
            None => open = Some((one, at)),
        }
    }
    let Some((quote, at)) = open else { return false };
    let rest = after.split(quote).next().unwrap_or_default();
    [&before[at..], rest].iter().any(|part| part.contains(char::is_whitespace))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Role;

    fn lines(text: &str, port: u16) -> Vec<u32> {
        naming("a", text, port).map(|frame| frame.line).collect()
    }

    #[test]
    fn a_number_by_itself_is_named_in_code_and_not_in_words_about_it() {
        assert_eq!(
            lines("// port 12346\nserver.listen(12346, () => console.log('listening on 12346 now'))", 12346),
            [2]
        );
        assert_eq!(lines("x = 123465\ny = 112346\nz = 12346.5\nw = _12346\nv = p12346", 12346), [0_u32; 0]);
        assert_eq!(lines("nc -l 127.0.0.1 12346\nPORT='12346'\naddress = \"127.0.0.1:12346\"", 12346), [1, 2, 3]);
        assert_eq!(lines("print(f'server on {host} 12346')", 12346), [0_u32; 0]);
    }

    fn program(dir: &Path, command: &str) -> Program {
        let cwd = Some(dir.to_string_lossy().into_owned());
        Program { cwd, ..crate::facts::staged::program(Role::Server, command, None) }
    }

    fn found(program: &Program) -> Vec<(u16, String, u32)> {
        let place = |one: Mention| (one.port, one.location.file, one.location.line);
        mentions(program, &BTreeSet::from([12345, 12346])).into_iter().map(place).collect()
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
    fn a_source_stands_beside_what_it_was_compiled_to_unless_it_is_younger() {
        let dir = tempfile::tempdir().unwrap();
        let (source, binary) = (dir.path().join("server.c"), dir.path().join("server"));
        std::fs::write(&source, "int main(void) { return serve(htons(12346)); }\n").unwrap();
        std::fs::write(&binary, b"\x7fELF\0\0").unwrap();
        assert_eq!(found(&program(dir.path(), "./server")), [(12346, "server.c".to_owned(), 1)]);
        let old = std::time::SystemTime::now() - std::time::Duration::from_secs(60);
        File::options().write(true).open(&binary).unwrap().set_modified(old).unwrap();
        assert_eq!(found(&program(dir.path(), "./server")), []);
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
