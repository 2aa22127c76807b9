//! Which further files belong to a program, by what its text says: the modules it imports, the settings it reads, the
//! programs that a shell script starts. It names files and opens none.

use std::path::Path;

use super::code;

/// Endings of files that hold settings, or declarations.
const SETTINGS: [&str; 11] = ["conf", "cfg", "ini", "json", "toml", "env", "properties", "yaml", "yml", "h", "hpp"];
/// What a word is made of that may be the name of a file.
const MARKS: [char; 4] = ['_', '.', '/', '-'];

/// The files that `text`, itself the file `name`, may be made of: paths as they would be written in its directory.
pub(super) fn named(name: &str, text: &str) -> Vec<String> {
    let ending = Path::new(name).extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let first = text.lines().next().unwrap_or_default();
    let is_shell = ending == "sh" || first.starts_with("#!") && first.trim_end().ends_with("sh");
    let lines = code(name, text).map(|line| line.source);
    lines.flat_map(|line| in_line(&line, ending, is_shell)).collect()
}

fn in_line(line: &str, ending: &str, is_shell: bool) -> Vec<String> {
    let mut found = Vec::new();
    match ending {
        "py" => found.extend(imported(line)),
        "js" | "mjs" | "cjs" => found.extend(required(line)),
        _ => {}
    }
    let words = line.split(|one: char| !one.is_alphanumeric() && !MARKS.contains(&one));
    let is_setting = |word: &&str| {
        let ending = Path::new(word).extension().and_then(|ending| ending.to_str());
        ending.is_some_and(|ending| SETTINGS.contains(&ending)) && !word.starts_with('.')
    };
    found.extend(words.filter(|word| is_shell && word.len() > 1 || is_setting(word)).map(str::to_owned));
    found
}

/// `import a.b`, `from a import b` and `from . import b` (Python).
fn imported(line: &str) -> Vec<String> {
    let path = |module: &str| format!("{}.py", module.trim_start_matches('.').replace('.', "/"));
    let names = |list: &str| {
        let each = list.split(',').filter_map(|one| one.split_whitespace().next());
        each.map(path).collect::<Vec<_>>()
    };
    if let Some(list) = line.strip_prefix("import ") {
        return names(list);
    }
    let Some((module, list)) = line.strip_prefix("from ").and_then(|rest| rest.split_once(" import ")) else {
        return Vec::new();
    };
    if module.chars().all(|one| one == '.') { names(list) } else { vec![path(module.trim())] }
}

/// `require('./a')` and `import … from './a.mjs'` (JavaScript).
fn required(line: &str) -> Option<String> {
    let rest = line.split_once("require(").or_else(|| line.split_once(" from ")).map(|(_, rest)| rest)?;
    let name = rest.split(['\'', '"']).nth(1).filter(|name| name.starts_with('.'))?;
    Some(if Path::new(name).extension().is_some() { name.to_owned() } else { format!("{name}.js") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_named_by_who_imports_it() {
        assert_eq!(
            named("a/main.py", "from . import options, log\nfrom .net import Session\nimport service\n"),
            ["options.py", "log.py", "net.py", "service.py"]
        );
        assert_eq!(named("app.js", "const c = require('./config');\nconst n = require('net');\n"), ["./config.js"]);
    }

    #[test]
    fn settings_are_named_in_any_language_and_programs_in_a_shell_script() {
        assert_eq!(named("client.tcl", "set f [open settings.conf]\n"), ["settings.conf"]);
        assert!(named("run", "#!/bin/bash\nexec python3 srv.py\n").contains(&"srv.py".to_owned()));
        assert_eq!(named("server.py", "print('try client.py')\n# see notes.conf\n"), [""; 0]);
    }
}
