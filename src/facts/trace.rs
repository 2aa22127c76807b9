//! What a program's own runtime printed about its failure: the error, and the line of the program it came from. Text that
//! a program wrote proves nothing; it is where to look.

mod native;
mod one_line;
mod source;
mod stacks;

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
}

/// The last trace in what was kept of standard error. `cwd` is what paths are made relative to.
#[must_use]
pub fn last(stderr: &Output, cwd: Option<&str>) -> Option<Trace> {
    let kept = if stderr.tail.is_empty() { &stderr.head.0 } else { &stderr.tail.0 };
    let text = String::from_utf8_lossy(kept);
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    let (end, mut found) = (0..lines.len()).rev().find_map(|at| {
        let of_source = source::first(&lines, at);
        let trace = of_source.or_else(|| stacks::python(&lines, at)).or_else(|| stacks::stack(&lines, at));
        let trace = trace.or_else(|| stacks::go(&lines, at)).or_else(|| stacks::rust(&lines, at));
        trace.or_else(|| native::any(&lines, at)).or_else(|| one_line::any(&lines, at))
    })?;
    found.rest = lines[end.min(lines.len())..].iter().filter(|line| !is_postscript(line)).count();
    if let (Some(frame), Some(cwd)) = (&mut found.frame, cwd)
        && let Some(inside) = frame.file.strip_prefix(cwd).and_then(|path| path.strip_prefix('/'))
    {
        frame.file = inside.to_owned();
    }
    Some(found)
}

/// Whether an exception of this kind (Python) is about the source, of which nothing ran then.
pub(super) fn is_of_source(kind: &str) -> bool {
    ["SyntaxError", "IndentationError", "TabError"].contains(&kind)
}

/// What runtimes print behind a trace.
fn is_postscript(line: &str) -> bool {
    const STARTS: [&str; 7] =
        ["Node.js v", "note: ", "exit status ", "\t... ", "stack backtrace:", "Execution of ", "BEGIN failed"];
    STARTS.iter().any(|start| line.starts_with(start))
}

/// Whether a line does nothing but point at the one above it.
fn is_caret(line: &str) -> bool {
    !line.is_empty() && line.bytes().all(|byte| b" \t^~".contains(&byte))
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
    fn languages_that_name_the_place_in_one_line() {
        told("Can't locate method \"x\" at server.pl line 12.\n", "Can't locate method \"x\"", ("server.pl", 12));
        told("lost at a.pl line 7, <STDIN> line 3.\n", "lost", ("a.pl", 7));
        told("s.rb:5:in `serve': undefined (NameError)\n", "undefined (NameError)", ("s.rb", 5));
        told("run.sh: line 2: nosuch: command not found\n", "nosuch: command not found", ("run.sh", 2));
        told("/home/me/lab/run.sh: 2: exec: ./srv: not found\n", "exec: ./srv: not found", ("run.sh", 2));
        assert_eq!(read("bash: line 1: nosuch: command not found\n").unwrap().1, None, "a command has no file");
        told("lua5.4: s.lua:3: no value\n", "no value", ("s.lua", 3));
        told(
            "PHP Parse error:  syntax error, unexpected '}' in s.php on line 3\n",
            "syntax error, unexpected '}'",
            ("s.php", 3),
        );
        told("PHP Fatal error:  Uncaught Error: boom in /home/me/lab/s.php:5\n", "Uncaught Error: boom", ("s.php", 5));
        let tcl = "wrong # args\n    while executing\n\"socket -server foo\"\n    (file \"s.tcl\" line 2)\n";
        told(tcl, "wrong # args", ("s.tcl", 2));
    }

    #[test]
    fn programs_in_machine_code_that_watch_themselves_name_the_place() {
        let failed = "srv: /home/me/lab/s.c:15: give_up: Assertion `must' failed.\n";
        told(failed, "Assertion `must' failed.", ("s.c", 15));
        told("s.c:12:14: runtime error: division by zero\n", "division by zero", ("s.c", 12));
        let address = "=================================================================\n\
                       ==7==ERROR: AddressSanitizer: heap-buffer-overflow on address 0x602000000014 at pc 0x7f78\n\
                       WRITE of size 10 at 0x602000000014 thread T0\n    \
                       #0 0x7f78 in __interceptor_memcpy ../../../../src/libsanitizer/interceptors.inc:827\n    \
                       #1 0x55ab in main /home/me/lab/s.c:6:2\n    #2 0x7f78 in _start (/home/me/lab/srv+0x10d0)\n\n\
                       allocated by thread T0 here:\n    #0 0x7f78 in make /home/me/lab/s.c:99\n";
        told(address, "AddressSanitizer: heap-buffer-overflow", ("s.c", 6));
    }

    #[test]
    fn the_first_complaint_about_the_source_is_the_one_to_read() {
        let gcc = "s.c: In function 'main':\ns.c:4:2: error: expected ';' before 'return'\n    4 |  return x;\n      |  ^~~~~~\n\
                   s.c:9:1: error: expected '}'\n    9 |  y\n";
        told(gcc, "expected ';' before 'return'", ("s.c", 4));
        let javac = "Srv.java:3: error: incompatible types\n  int x = \"s\";\n          ^\n1 error\nerror: compilation failed\n";
        told(javac, "incompatible types", ("Srv.java", 3));
        let rustc = "error[E0308]: mismatched types\n --> m.rs:2:15\n  |\n2 |  let x: i32 = \"a\";\n\
                     error: aborting due to 1 previous error\nFor more information try `rustc --explain E0308`.\n";
        told(rustc, "mismatched types", ("m.rs", 2));
        told(
            "# command-line-arguments\n./m.go:5:2: undefined: x\n./m.go:7:2: undefined: y\n",
            "undefined: x",
            ("./m.go", 5),
        );
        let link = "/usr/bin/ld: /tmp/cc1.o: in function `main':\ns.c:12: undefined reference to `serve'\n\
                    collect2: error: ld returned 1 exit status\n";
        told(link, "undefined reference to `serve'", ("s.c", 12));
        let python = "  File \"/home/me/lab/s.py\", line 2\n    def f(:\n          ^\nSyntaxError: invalid syntax\n";
        told(python, "SyntaxError: invalid syntax", ("s.py", 2));
        let imported = format!(
            "Traceback (most recent call last):\n  File \"main.py\", line 1, in <module>\n    import s\n{python}"
        );
        told(&imported, "SyntaxError: invalid syntax", ("s.py", 2));
        let node = "/home/me/lab/s.js:3\n s.write(d)\n          ^\n\nSyntaxError: missing )\n    at wrapSafe \
                    (node:internal/modules/cjs/loader:1464:18)\n\nNode.js v20.20.2\n";
        told(node, "SyntaxError: missing )", ("s.js", 3));
        let perl = "syntax error at s.pl line 3, near \"= ;\"\nExecution of s.pl aborted due to compilation errors.\n";
        told(perl, "syntax error", ("s.pl", 3));
        let missing = "Can't locate Foo.pm in @INC (you may need to install it) at s.pl line 2.\n\
                       BEGIN failed--compilation aborted at s.pl line 2.\n";
        told(missing, "Can't locate Foo.pm in @INC (you may need to install it)", ("s.pl", 2));
    }

    #[test]
    fn the_line_itself_is_taken_from_where_it_was_printed() {
        let source =
            |text: &str| last(&Output { head: text.into(), ..Output::default() }, None).unwrap().frame.unwrap().source;
        assert_eq!(source("s.c:4:2: error: no\n    4 |  return x;\n      |  ^~~~~~\n"), "return x;");
        assert_eq!(source("S.java:3: error: no\n  int x = \"s\";\n          ^\n1 error\n"), "int x = \"s\";");
        assert_eq!(source("error: no\n --> m.rs:2:15\n  |\n2 |  let x = y;\n  |   ^ no\n"), "let x = y;");
        assert_eq!(source("  File \"s.py\", line 2\n    def f(:\n          ^\nSyntaxError: no\n"), "def f(:");
        let python =
            "Traceback (most recent call last):\n  File \"s.py\", line 4, in f\n    d[1]\n    ~^^^\nKeyError: 1\n";
        assert_eq!(source(python), "d[1]");
        let node = "/lab/s.js:6\n    a.push(b);\n      ^\n\nTypeError: no\n    at f (/lab/s.js:6:7)\n";
        assert_eq!(source(node), "a.push(b);");
        let elsewhere = "/lab/s.js:6\n    throw e;\n    ^\n\nTypeError: no\n    at f (/lab/t.js:9:7)\n";
        assert_eq!(source(elsewhere), "");
    }

    #[test]
    fn a_frame_of_the_runtime_is_nobodys_line_even_with_the_errors_fields_behind_it() {
        let taken = "Error: listen EADDRINUSE: address already in use 127.0.0.1:12345\n    at Server.setupListenHandle [as _listen2] \
                     (node:net:1908:16)\n    at process.processTicksAndRejections (node:internal/process/task_queues:82:21) {\n  \
                     code: 'EADDRINUSE',\n  port: 12345\n}\n";
        let (words, place, is_last) = read(taken).unwrap();
        assert!(words.starts_with("Error: listen EADDRINUSE") && place.is_none(), "{words} {place:?}");
        assert!(is_last, "the fields are of the error");
    }

    #[test]
    fn words_behind_a_trace_are_the_programs_last_ones() {
        let went_on =
            "Traceback (most recent call last):\n  File \"s.py\", line 4, in f\n    x\nKeyError: 1\nstill serving\n";
        assert_eq!(read(went_on).map(|(_, _, last)| last), Some(false));
    }

    #[test]
    fn other_text_is_no_trace() {
        for text in [
            "",
            "listening at 127.0.0.1 port 12345\n",
            "    at home\n",
            "error: it broke\n",
            "waiting at the line\n",
            "port: 5: free\n",
            "12:30:01: error: gone\n",
            "host.net:80: error: gone\n",
            "make: *** [Makefile:3: server] Error 1\n",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
