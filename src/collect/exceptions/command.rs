//! Which word of a command line is the Python script. Reads words only.

use std::path::Path;

/// The index of the script in a command that is `python [OPTION…] SCRIPT [ARGUMENT…]`, also behind `env`; `None` for
/// any other command and for `-c`, `-m`, standard input and options that end at once (`--version`).
pub fn script(command: &[String]) -> Option<usize> {
    let mut index = interpreter(command)? + 1;
    loop {
        let word = command.get(index)?.as_str();
        if !word.starts_with('-') {
            return Some(index);
        }
        index += match word {
            "-W" | "-X" | "--check-hash-based-pycs" => 2,
            _ if word.starts_with("-W") || word.starts_with("-X") => 1,
            _ if word.len() > 1 && word[1..].bytes().all(|letter| b"bBdEiIOPqRsStuv".contains(&letter)) => 1,
            _ => return None,
        };
    }
}

/// The index of the word that names a Python interpreter, if that is what the command starts.
pub fn interpreter(command: &[String]) -> Option<usize> {
    let mut index = 0;
    if base(command.first()?) == "env" {
        index = 1;
        loop {
            let word = command.get(index)?.as_str();
            index += match word {
                "-i" | "-" | "--ignore-environment" | "--" => 1,
                "-u" | "-C" => 2,
                _ if word.starts_with('-') => return None,
                _ if word.contains('=') => 1,
                _ => break,
            };
        }
    }
    is_python(base(command.get(index)?)).then_some(index)
}

fn base(word: &str) -> &str {
    Path::new(word).file_name().and_then(|name| name.to_str()).unwrap_or(word)
}

/// `python`, `python3`, `python3.12`, `python3.13t`; not `python2`, which the tracer could not run in.
fn is_python(name: &str) -> bool {
    let Some(version) = name.strip_prefix("python") else { return false };
    let version = version.strip_suffix('t').unwrap_or(version);
    match version.strip_prefix('3') {
        None => version.is_empty(),
        Some("") => true,
        Some(minor) => minor
            .strip_prefix('.')
            .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: &str) -> Option<usize> {
        script(&line.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn finds_the_script_behind_every_kind_of_option() {
        for (line, index) in [
            ("python3 server.py", 1),
            ("python server.py -u", 1),
            ("/usr/bin/python3.11 -u -X dev -Wignore -W error s.py a", 6 + 1),
            ("env python3 s.py", 2),
            ("/usr/bin/env -i A=1 python3 -I s.py", 5),
            ("python3.13t -uB s.py", 2),
            ("python3 --check-hash-based-pycs never s.py", 3),
        ] {
            assert_eq!(at(line), Some(index), "{line}");
        }
    }

    #[test]
    fn leaves_every_other_command_alone() {
        for line in [
            "python3",
            "python3 -c pass",
            "python3 -uc pass",
            "python3 -m http.server",
            "python3 --version",
            "python3 - x",
            "python3 -x s.py",
            "python2 s.py",
            "python2.7 s.py",
            "pythonic s.py",
            "node s.js",
            "./server.py",
            "env",
            "env -S python3 s.py",
            "sh -c python3",
            "",
        ] {
            assert_eq!(at(line), None, "{line}");
        }
    }
}
