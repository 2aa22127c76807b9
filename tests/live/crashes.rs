//! Programs that their own machine code ends: where that was, by function and line.
#![cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test ends where it cannot go on")]

use std::path::Path;

use super::calls::{calls, is_there, run, traced, words};

const CRASHES: &str = r#"
#include <assert.h>
#include <string.h>
static void (*missing)(int);
static int zero;
static void copy(char *to, const char *from) {
    strcpy(to, from);
}
static int divide(int by) {
    return 7 / by;
}
static void give_up(int must) {
    assert(must);
}
static void call(void) {
    missing(1);
}
int main(int argc, char **argv) {
    switch (argv[1][0]) {
    case 'c': copy(0, "a text"); break;
    case 'd': return divide(zero);
    case 'a': give_up(zero); break;
    case 'n': call(); break;
    }
    return argc > 9;
}
"#;

#[test]
fn where_machine_code_fails_is_seen_by_function_and_with_debug_data_by_line() {
    assert!(is_there("cc"), "this test needs a C compiler");
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("crash.c"), CRASHES).unwrap();
    for (flag, has_lines) in [("-g", true), ("-g0", false)] {
        assert!(run(&words(&["cc", "-w", flag, "-O0", "-o", "crash", "crash.c"]), dir.path()).status.success());
        for (how, function, line) in [("c", "copy", 7), ("d", "divide", 10), ("a", "give_up", 13), ("n", "call", 16)] {
            // There a division by zero is zero.
            if how == "d" && cfg!(target_arch = "aarch64") {
                continue;
            }
            let (_, heard) = traced(&["./crash", how], dir.path());
            let [crash] = calls(&heard).crashes.as_slice() else { panic!("{flag} {how}: {heard:?}") };
            assert_eq!(crash.functions[..2], [function.to_owned(), "main".to_owned()], "{flag} {how}");
            let told = crash.line.as_ref().map(|told| (told.line, told.function.as_str()));
            assert_eq!(told, has_lines.then_some((line, function)), "{flag} {how}");
            assert!(crash.line.as_ref().is_none_or(|told| told.file.ends_with("/crash.c") && !told.source.is_empty()));
        }
    }
}

#[test]
fn a_signal_that_somebody_sends_or_the_program_handles_is_no_crash() {
    for text in [
        "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)",
        "import os, signal\nsignal.signal(signal.SIGFPE, lambda *_: None)\nos.kill(os.getpid(), signal.SIGFPE)",
    ] {
        let (_, heard) = traced(&["python3", "-c", text], Path::new("/"));
        assert!(calls(&heard).crashes.is_empty(), "{heard:?}");
    }
}
