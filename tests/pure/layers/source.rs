//! Reads Rust sources as the layer test needs them: names, paths and macros with their lines, test code left out.
//! It is no parser; it knows strings, comments, braces, `use` trees and `#[cfg(test)]`, which is enough to see who
//! names whom.

use std::collections::BTreeSet;

/// One word or sign of a source, with the line it stands on.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    pub line: usize,
    pub text: String,
    pub kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Name,
    Literal,
    Sign,
}

/// A path as written, resolved against the module it stands in: `crate::` is left off, so `crate::facts::Facts` and
/// `super::facts::Facts` both read `facts::Facts`. Paths of other crates keep their crate's name.
#[derive(Debug, Clone, PartialEq)]
pub struct Named {
    pub line: usize,
    pub path: Vec<String>,
    /// Whether it begins inside this crate.
    pub ours: bool,
}

/// Splits a source into tokens; comments and lifetimes vanish.
pub fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let (mut at, mut line, mut found) = (0, 1, Vec::new());
    while at < chars.len() {
        let (end, kind) = match chars[at] {
            c if c.is_whitespace() => (at + 1, None),
            '/' if chars.get(at + 1) == Some(&'/') => (end_of_line(&chars, at), None),
            '/' if chars.get(at + 1) == Some(&'*') => (end_of_comment(&chars, at), None),
            '"' => (end_of_string(&chars, at), Some(Kind::Literal)),
            '\'' => match end_of_char(&chars, at) {
                Some(end) => (end, Some(Kind::Literal)),
                None => (end_of_name(&chars, at + 1), None),
            },
            'r' | 'b' | 'c' if begins_string(&chars, at) => (end_of_prefixed(&chars, at), Some(Kind::Literal)),
            c if c.is_alphabetic() || c == '_' => (end_of_name(&chars, at), Some(Kind::Name)),
            c if c.is_ascii_digit() => (end_of_name(&chars, at), Some(Kind::Literal)),
            _ => (at + 1, Some(Kind::Sign)),
        };
        let piece = &chars[at..end.min(chars.len())];
        if let Some(kind) = kind {
            found.push(Token { line, text: piece.iter().collect(), kind });
        }
        line += piece.iter().filter(|c| **c == '\n').count();
        at = end;
    }
    found
}

fn end_of_line(chars: &[char], from: usize) -> usize {
    chars[from..].iter().position(|c| *c == '\n').map_or(chars.len(), |length| from + length)
}

fn end_of_comment(chars: &[char], from: usize) -> usize {
    let (mut at, mut depth) = (from + 2, 1);
    while at < chars.len() && depth > 0 {
        match (chars[at], chars.get(at + 1)) {
            ('*', Some('/')) => (at, depth) = (at + 2, depth - 1),
            ('/', Some('*')) => (at, depth) = (at + 2, depth + 1),
            _ => at += 1,
        }
    }
    at
}

fn end_of_string(chars: &[char], quote: usize) -> usize {
    let mut at = quote + 1;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

/// `'a'` and `'\n'` are characters; `'a` alone is a lifetime.
fn end_of_char(chars: &[char], quote: usize) -> Option<usize> {
    if chars.get(quote + 1) == Some(&'\\') {
        let rest = chars.get(quote + 3..)?;
        return rest.iter().position(|c| *c == '\'').map(|length| quote + 3 + length + 1);
    }
    (chars.get(quote + 2) == Some(&'\'')).then_some(quote + 3)
}

fn end_of_name(chars: &[char], from: usize) -> usize {
    let length = chars[from..].iter().position(|c| !(c.is_alphanumeric() || *c == '_'));
    length.map_or(chars.len(), |length| from + length)
}

/// Whether `r"`, `r#"`, `b"`, `br#"`, `c"` … stands here.
fn begins_string(chars: &[char], at: usize) -> bool {
    let prefix = chars[at..].iter().take_while(|c| matches!(c, 'r' | 'b' | 'c')).count();
    let hashes = chars[at + prefix..].iter().take_while(|c| **c == '#').count();
    prefix <= 2 && chars.get(at + prefix + hashes) == Some(&'"')
}

fn end_of_prefixed(chars: &[char], at: usize) -> usize {
    let prefix = chars[at..].iter().take_while(|c| matches!(c, 'r' | 'b' | 'c')).count();
    let hashes = chars[at + prefix..].iter().take_while(|c| **c == '#').count();
    let quote = at + prefix + hashes;
    if !chars[at..at + prefix].contains(&'r') {
        return end_of_string(chars, quote);
    }
    let closes = |end: &usize| chars[*end] == '"' && chars[*end + 1..].iter().take(hashes).all(|c| *c == '#');
    (quote + 1..chars.len()).find(closes).map_or(chars.len(), |end| end + 1 + hashes)
}

/// What `#[cfg(test)]` covers.
pub struct WithoutTests {
    pub tokens: Vec<Token>,
    /// Modules in files of their own that exist for tests only.
    pub test_modules: BTreeSet<String>,
    /// How many lines were left out.
    pub lines_left_out: usize,
}

/// Leaves out every item under `#[cfg(test)]`.
pub fn without_tests(all: &[Token]) -> WithoutTests {
    let mut kept = WithoutTests { tokens: Vec::new(), test_modules: BTreeSet::new(), lines_left_out: 0 };
    let mut at = 0;
    while at < all.len() {
        let Some(attribute) = attribute_end(all, at) else {
            kept.tokens.push(all[at].clone());
            at += 1;
            continue;
        };
        let words: Vec<&str> = all[at..attribute].iter().map(|token| token.text.as_str()).collect();
        if words.contains(&"cfg") && words.contains(&"test") && !words.contains(&"not") {
            let end = end_of_item(all, attribute);
            if let Some(name) = file_module(&all[attribute..end]) {
                kept.test_modules.insert(name);
            }
            kept.lines_left_out += all.get(end - 1).map_or(0, |last| last.line + 1 - all[at].line);
            at = end;
        } else {
            kept.tokens.extend_from_slice(&all[at..attribute]);
            at = attribute;
        }
    }
    kept
}

/// Where the attribute that begins at `at` is over, if one does.
fn attribute_end(all: &[Token], at: usize) -> Option<usize> {
    let open = match (all.get(at)?.text.as_str(), all.get(at + 1)?.text.as_str()) {
        ("#", "[") => at + 1,
        ("#", "!") if all.get(at + 2)?.text == "[" => at + 2,
        _ => return None,
    };
    closing(all, open)
}

/// One past the bracket that closes the one at `open`.
fn closing(all: &[Token], open: usize) -> Option<usize> {
    let mut depth = 0_i32;
    for (index, token) in all.iter().enumerate().skip(open) {
        match (token.kind, token.text.as_str()) {
            (Kind::Sign, "(" | "[" | "{") => depth += 1,
            (Kind::Sign, ")" | "]" | "}") => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(index + 1);
        }
    }
    None
}

fn end_of_item(all: &[Token], from: usize) -> usize {
    let mut at = from;
    while at < all.len() {
        match (all[at].kind, all[at].text.as_str()) {
            (Kind::Sign, ";") => return at + 1,
            (Kind::Sign, "{") => return closing(all, at).unwrap_or(all.len()),
            (Kind::Sign, "(" | "[") => at = closing(all, at).unwrap_or(all.len()),
            _ => at += 1,
        }
    }
    at
}

fn file_module(item: &[Token]) -> Option<String> {
    let keyword = item.iter().position(|token| token.kind == Kind::Name && token.text == "mod")?;
    (item.get(keyword + 2)?.text == ";").then(|| item[keyword + 1].text.clone())
}

/// Every path in `tokens`, which is the body of `module`; `use` trees are taken apart.
pub fn paths(tokens: &[Token], module: &[String]) -> Vec<Named> {
    let mut found = Vec::new();
    let mut here = module.to_vec();
    // Depths at which an inline module closes.
    let (mut depth, mut inline) = (0, Vec::new());
    let mut at = 0;
    while at < tokens.len() {
        let token = &tokens[at];
        match (token.kind, token.text.as_str()) {
            (Kind::Sign, "{") => depth += 1,
            (Kind::Sign, "}") => {
                depth -= 1;
                if inline.last() == Some(&depth) {
                    inline.pop();
                    here.pop();
                }
            }
            (Kind::Name, "mod") if tokens.get(at + 2).is_some_and(|next| next.text == "{") => {
                inline.push(depth);
                here.push(tokens[at + 1].text.clone());
                at += 1;
            }
            (Kind::Name, _) => {
                at = tree(tokens, at, &[], &mut |line, path| found.push(resolve(line, path, &here)));
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// Reads the path or `use` tree that begins at `at`; returns where it is over.
fn tree(tokens: &[Token], mut at: usize, prefix: &[String], found: &mut dyn FnMut(usize, Vec<String>)) -> usize {
    let line = tokens[at].line;
    let mut path = prefix.to_vec();
    loop {
        path.push(tokens[at].text.clone());
        let sign = |ahead: usize, text: &str| tokens.get(at + ahead).is_some_and(|token| token.text == text);
        if !(sign(1, ":") && sign(2, ":")) {
            found(line, path);
            return at + 1;
        }
        match tokens.get(at + 3) {
            Some(next) if next.kind == Kind::Name => at += 3,
            Some(next) if next.text == "{" => return group(tokens, at + 3, &path, found),
            _ => {
                found(line, path);
                return at + 3;
            }
        }
    }
}

fn group(tokens: &[Token], open: usize, prefix: &[String], found: &mut dyn FnMut(usize, Vec<String>)) -> usize {
    let mut at = open + 1;
    while at < tokens.len() && tokens[at].text != "}" {
        at = match tokens[at].kind {
            Kind::Name if tokens[at].text == "as" => at + 2,
            Kind::Name => tree(tokens, at, prefix, found),
            _ => at + 1,
        };
    }
    at + 1
}

fn resolve(line: usize, mut path: Vec<String>, here: &[String]) -> Named {
    let mut base = match path[0].as_str() {
        "crate" | "netdiag" | "$crate" => Vec::new(),
        "self" | "super" => here.to_vec(),
        _ => return Named { line, path, ours: false },
    };
    while let Some(first) = path.first().cloned() {
        match first.as_str() {
            "crate" | "netdiag" | "$crate" | "self" => {}
            "super" => drop(base.pop()),
            _ => break,
        }
        path.remove(0);
    }
    base.extend(path);
    Named { line, path: base, ours: true }
}
