//! What a program's own runtime printed about its failure: the error, and the line of the program it came from. Text that
//! a program wrote proves nothing; it is where to look.

use crate::evidence::{Bytes, Frame, Output};

/// An error as a runtime prints it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// The error itself, one line.
    pub words: Bytes,
    /// The innermost line of the program's own source, if one was named.
    pub frame: Option<Frame>,
    /// How many lines follow that do not belong to it.
    rest: usize,
}

impl Trace {
    /// Whether it is the last thing that was printed.
    #[must_use]
    pub fn is_last(&self) -> bool {
        self.rest == 0
    }

    /// Whether the program's text could not be read at all, so that nothing of it ran.
    #[must_use]
    pub fn is_of_the_text(&self) -> bool {
        is_of_a_text(&String::from_utf8_lossy(&self.words.0))
    }
}

/// The last trace in what was kept of standard error. `cwd` is what paths are made relative to.
#[must_use]
pub fn last(stderr: &Output, cwd: Option<&str>) -> Option<Trace> {
    let kept = if stderr.tail.is_empty() { &stderr.head.0 } else { &stderr.tail.0 };
    let text = String::from_utf8_lossy(kept);
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    let (end, mut found) = (0..lines.len()).rev().find_map(|at| {
        let trace = python(&lines, at)
            .or_else(|| unreadable(&lines, at))
            .or_else(|| stack(&lines, at))
            .or_else(|| go(&lines, at));
        trace.or_else(|| rust(&lines, at)).or_else(|| one_line(&lines, at))
    })?;
    found.rest = lines[end.min(lines.len())..].iter().filter(|line| !is_postscript(line)).count();
    if let (Some(frame), Some(cwd)) = (&mut found.frame, cwd)
        && let Some(inside) = frame.file.strip_prefix(cwd).and_then(|path| path.strip_prefix('/'))
    {
        frame.file = inside.to_owned();
    }
    Some(found)
}

fn is_of_a_text(words: &str) -> bool {
    ["SyntaxError:", "IndentationError:", "TabError:"].iter().any(|kind| words.starts_with(kind))
}

/// What runtimes print behind a trace.
fn is_postscript(line: &str) -> bool {
    ["Node.js v", "note: ", "exit status ", "\t... ", "stack backtrace:"].iter().any(|start| line.starts_with(start))
}

/// A trace, and the number of the line behind it.
type Found = (usize, Trace);

fn found(words: &str, frame: Option<Frame>, end: usize) -> Found {
    (end, Trace { words: Bytes::from(words.trim()), frame, rest: 0 })
}

fn frame(file: &str, line: &str, function: &str) -> Option<Frame> {
    let line = line.parse().ok().filter(|line| *line > 0)?;
    Some(Frame { file: file.to_owned(), line, function: function.to_owned(), source: String::new() })
}

/// `Traceback (most recent call last):`, frames, and the error in the first line that is not indented (Python).
fn python(lines: &[&str], at: usize) -> Option<Found> {
    if !lines[at].starts_with("Traceback (most recent call last)") {
        return None;
    }
    let body = &lines[at + 1..];
    let length = body.iter().position(|line| !line.starts_with(' ')).unwrap_or(body.len());
    let own = |frame: &Frame| !frame.file.contains("/lib/python") && !frame.file.starts_with('<');
    let innermost = body[..length].iter().filter_map(|line| python_frame(line)).rfind(own);
    Some(found(body.get(length)?, innermost, at + length + 2))
}

fn python_frame(line: &str) -> Option<Frame> {
    let (file, rest) = line.trim_start().strip_prefix("File \"")?.split_once("\", line ")?;
    let (number, function) = rest.split_once(", in ").unwrap_or((rest, ""));
    frame(file, number, function)
}

/// A text that is no program: its place, the line itself, a caret, and `SyntaxError:` or a kind of it (Python, Node).
fn unreadable(lines: &[&str], at: usize) -> Option<Found> {
    let in_node = || lines[at].rsplit_once(':').and_then(|(file, line)| frame(file, line, ""));
    let frame = python_frame(lines[at]).or_else(in_node).filter(|frame| frame.function.is_empty())?;
    let words = (at + 1..lines.len().min(at + 5)).find(|&number| is_of_a_text(lines[number]))?;
    let behind = lines[words + 1..].iter().take_while(|line| line.trim_start().starts_with("at ")).count();
    Some(found(lines[words], Some(frame), words + 1 + behind))
}

/// An error, then `at FUNCTION (FILE:LINE:COLUMN)` (JavaScript) or `at FUNCTION(FILE:LINE)` (Java), the innermost first.
/// The cause of an error in Java comes behind it, with frames of its own.
fn stack(lines: &[&str], at: usize) -> Option<Found> {
    let is_frame = |line: &&str| line.starts_with([' ', '\t']) && line.trim_start().starts_with("at ");
    if is_frame(&lines[at]) || !lines.get(at + 1).is_some_and(is_frame) || lines[at].starts_with([' ', '\t']) {
        return None;
    }
    let length = lines[at + 1..].iter().position(|line| !is_frame(line)).unwrap_or(lines.len() - at - 1);
    let mut frames =
        lines[at + 1..=at + length].iter().filter_map(|line| place(line.trim_start().strip_prefix("at ")?));
    let own = frames.next();
    // The frames of a text that is no program are all of the runtime; its place stands above the words.
    if own.is_none() && (at.saturating_sub(4)..at).any(|above| unreadable(lines, above).is_some()) {
        return None;
    }
    Some(found(lines[at], own, at + length + 1))
}

/// A frame of such a stack, if it is the program's own.
fn place(text: &str) -> Option<Frame> {
    // Node prints an error's fields in braces behind its frames.
    let text = text.strip_suffix(" {").unwrap_or(text);
    let (function, place) = match text.strip_suffix(')').and_then(|text| text.rsplit_once('(')) {
        Some((function, place)) => (function.trim_end(), place),
        None => ("", text),
    };
    let of_the_runtime = ["java.", "javax.", "jdk.", "sun."].iter().any(|package| function.starts_with(package));
    if of_the_runtime || place.starts_with("node:") || place.contains("/node_modules/") {
        return None;
    }
    let (before, last) = place.rsplit_once(':')?;
    let with_column = before.rsplit_once(':').and_then(|(file, line)| frame(file, line, function));
    with_column.or_else(|| frame(before, last, function))
}

/// `panic: …`, then a goroutine's frames: a function, and behind a tab its `FILE:LINE +0xOFFSET` (Go).
fn go(lines: &[&str], at: usize) -> Option<Found> {
    if !lines[at].starts_with("panic: ") {
        return None;
    }
    let read = |line: &&str| {
        let (file, rest) = line.strip_prefix('\t')?.rsplit_once(".go:")?;
        let of_the_runtime = file.contains("/go/src/") || file.contains("/lib/go");
        frame(&format!("{file}.go"), rest.split(' ').next()?, "").filter(|_| !of_the_runtime)
    };
    Some(found(lines[at], lines[at..].iter().find_map(read), lines.len()))
}

/// `thread 'NAME' panicked at FILE:LINE:COLUMN:` and the message in the next line (Rust since 1.73).
fn rust(lines: &[&str], at: usize) -> Option<Found> {
    let (_, place) = lines[at].strip_prefix("thread '")?.split_once(" panicked at ")?;
    let mut parts = place.trim_end_matches(':').rsplitn(3, ':');
    let (_, line, file) = (parts.next()?, parts.next()?, parts.next()?);
    let behind = lines.iter().skip(at + 2).take_while(|line| is_of_a_panic(line)).count();
    Some(found(lines.get(at + 1).copied().unwrap_or(lines[at]), frame(file, line, ""), at + 2 + behind))
}

/// What may stand behind a panic's first line of words: the two sides of an assertion, and a backtrace if it was asked for.
fn is_of_a_panic(line: &str) -> bool {
    let text = line.trim_start();
    let indented = text.len() < line.len();
    let numbered = text.split_once(": ").is_some_and(|(number, _)| number.bytes().all(|byte| byte.is_ascii_digit()));
    is_postscript(line)
        || indented && (numbered || ["left: ", "right: ", "at "].iter().any(|start| text.starts_with(start)))
}

/// `MESSAGE at FILE line N.` (Perl) and `FILE:N:in FUNCTION: MESSAGE` (Ruby).
fn one_line(lines: &[&str], at: usize) -> Option<Found> {
    let text = lines[at];
    let perl = || {
        // Perl adds how far it has read its input.
        let text = text.split_once(", <").map_or(text, |(before, _)| before);
        let (message, place) = text.rsplit_once(" at ")?;
        let (file, number) = place.rsplit_once(" line ")?;
        Some((message, frame(file, number.trim_end_matches('.'), "").filter(|frame| !frame.file.contains(' '))?))
    };
    let ruby = || {
        let (place, rest) = text.split_once(":in ")?;
        let (file, number) = place.rsplit_once(':')?;
        let (function, message) = rest.split_once(": ")?;
        Some((message, frame(file, number, function.trim_matches(['`', '\''])).filter(|_| !file.contains(' '))?))
    };
    let (message, frame) = perl().or_else(ruby)?;
    Some(found(message, Some(frame), at + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words, file, line, and whether nothing came after it.
    type Read = (String, Option<(String, u32)>, bool);

    fn read(text: &str) -> Option<Read> {
        let stderr = Output { head: text.into(), ..Output::default() };
        let trace = last(&stderr, Some("/home/me/lab"))?;
        let place = trace.frame.as_ref().map(|frame| (frame.file.clone(), frame.line));
        Some((String::from_utf8_lossy(&trace.words.0).into_owned(), place, trace.is_last()))
    }

    fn told(text: &str, words: &str, (file, line): (&str, u32)) {
        assert_eq!(read(text), Some((words.to_owned(), Some((file.to_owned(), line)), true)));
    }

    #[test]
    fn each_runtime_names_its_error_and_its_line() {
        let node = "/home/me/lab/server.js:6\n    rooms[room].push(socket);\n                ^\n\nTypeError: no push\n    \
                    at Socket.<anonymous> (/home/me/lab/server.js:6:17)\n    at Socket.emit (node:events:524:28)\n\nNode.js v20.20.2\n";
        told(node, "TypeError: no push", ("server.js", 6));
        let java = "Exception in thread \"main\" java.lang.NullPointerException: null\n\
                    \tat java.base/java.util.Objects.requireNonNull(Objects.java:233)\n\tat Server.main(Server.java:12)\n";
        told(java, "Exception in thread \"main\" java.lang.NullPointerException: null", ("Server.java", 12));
        let caused = "Exception in thread \"T\" java.lang.RuntimeException: bad\n\tat T.handle(T.java:3)\n\
                      Caused by: java.io.IOException: gone\n\tat T.read(T.java:9)\n\t... 3 more\n";
        told(caused, "Caused by: java.io.IOException: gone", ("T.java", 9));
        let python = "Traceback (most recent call last):\n  File \"/home/me/lab/s.py\", line 4, in <module>\n    main()\n  \
                      File \"/usr/lib/python3.11/socket.py\", line 9, in bind\n    x\nOSError: [Errno 98] in use\n";
        told(python, "OSError: [Errno 98] in use", ("s.py", 4));
        let unreadable =
            "  File \"/home/me/lab/s.py\", line 2\n    def main()\n              ^\nSyntaxError: expected ':'\n";
        told(unreadable, "SyntaxError: expected ':'", ("s.py", 2));
        let unreadable = "/home/me/lab/s.js:1\nconst x = ;\n          ^\n\nSyntaxError: Unexpected token ';'\n    \
                          at wrapSafe (node:internal/modules/cjs/loader:1464:18)\n    \
                          at node:internal/main/run_main_module:28:49\n\nNode.js v20.20.2\n";
        told(unreadable, "SyntaxError: Unexpected token ';'", ("s.js", 1));
        told("Can't locate method \"x\" at server.pl line 12.\n", "Can't locate method \"x\"", ("server.pl", 12));
        told("lost at a.pl line 7, <STDIN> line 3.\n", "lost", ("a.pl", 7));
        told("s.rb:5:in `serve': undefined (NameError)\n", "undefined (NameError)", ("s.rb", 5));
        let go =
            "panic: boom\n\ngoroutine 1 [running]:\nmain.serve(...)\n\t/home/me/lab/main.go:10 +0x1d\nexit status 2\n";
        told(go, "panic: boom", ("main.go", 10));
        let rust = "thread 'main' (77) panicked at src/main.rs:4:5:\nno such line\nnote: run with `RUST_BACKTRACE=1`\n";
        told(rust, "no such line", ("src/main.rs", 4));
        let asserted = "thread 'main' (77) panicked at c.rs:9:5:\nassertion `left == right` failed\n  left: \"a\"\n right: \"b\"\n\
                        stack backtrace:\n   0: rust_begin_unwind\n             at /rustc/library/panicking.rs:1:2\n   1: c::main\n\
                        note: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace.\n";
        told(asserted, "assertion `left == right` failed", ("c.rs", 9));
    }

    #[test]
    fn a_frame_of_the_runtime_is_nobodys_line_even_with_the_errors_fields_behind_it() {
        let taken = "Error: listen EADDRINUSE: address already in use 127.0.0.1:12345\n    at Server.setupListenHandle [as _listen2] \
                     (node:net:1908:16)\n    at process.processTicksAndRejections (node:internal/process/task_queues:82:21) {\n  \
                     code: 'EADDRINUSE',\n  port: 12345\n}\n";
        let (words, place, _) = read(taken).unwrap();
        assert!(words.starts_with("Error: listen EADDRINUSE") && place.is_none(), "{words} {place:?}");
    }

    #[test]
    fn words_behind_a_trace_are_the_programs_last_ones() {
        let went_on =
            "Traceback (most recent call last):\n  File \"s.py\", line 4, in f\n    x\nKeyError: 1\nstill serving\n";
        assert_eq!(read(went_on).map(|(_, _, last)| last), Some(false));
    }

    #[test]
    fn other_text_is_no_trace() {
        for text in
            ["", "listening at 127.0.0.1 port 12345\n", "    at home\n", "error: it broke\n", "waiting at the line\n"]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
