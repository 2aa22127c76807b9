//! What becomes of bytes that a program takes for text: the few ways in which they come out wrong. No blame.

use super::{Facts, Talk};
use crate::evidence::{Probe, Reply, Source};

/// One way in which text handling changes bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Mangled {
    /// What was done, as a clause.
    pub how: &'static str,
    /// What comes out.
    pub bytes: Vec<u8>,
}

/// What `bytes` turn into on their way through text that cannot hold them. Nothing for pure ASCII, which every encoding
/// passes.
#[must_use]
pub fn mangled(bytes: &[u8]) -> Vec<Mangled> {
    if bytes.is_ascii() {
        return Vec::new();
    }
    let replaced = String::from_utf8_lossy(bytes).into_owned().into_bytes();
    let widened: Vec<u8> = bytes.iter().flat_map(|byte| char::from(*byte).to_string().into_bytes()).collect();
    let marked = bytes.iter().map(|byte| if byte.is_ascii() { *byte } else { b'?' }).collect();
    let dropped = bytes.utf8_chunks().flat_map(|chunk| chunk.valid().bytes()).collect();
    let ascii_only = bytes.iter().copied().filter(u8::is_ascii).collect();
    let seven = bytes.iter().map(|byte| byte & 0x7f).collect();
    let letters: Vec<u8> =
        String::from_utf8_lossy(bytes).chars().map(|c| if c.is_ascii() { c as u8 } else { b'?' }).collect();
    let all = [
        ("bytes that are no UTF-8 became EF BF BD, the replacement character", replaced),
        ("each byte above 127 was taken for a Latin-1 letter and written as UTF-8, which doubles it", widened),
        ("each byte above 127 became a question mark", marked),
        ("each letter beyond ASCII became a question mark", letters),
        ("bytes that are no UTF-8 were dropped", dropped),
        ("bytes above 127 were dropped", ascii_only),
        ("the highest bit of each byte was cleared", seven),
    ];
    all.into_iter().filter(|(_, out)| out != bytes).map(|(how, bytes)| Mangled { how, bytes }).collect()
}

/// Whether `got` is the text `sent`, with letters of several bytes broken up: a piece that ended inside a letter was
/// decoded by itself, so replacement characters stand where the letter was.
#[must_use]
pub fn letters_were_split(sent: &str, got: &[u8]) -> bool {
    const REPLACEMENT: &[u8] = "\u{fffd}".as_bytes();
    let (mut rest, mut split) = (got, 0);
    for letter in sent.chars() {
        let mut buffer = [0; 4];
        let bytes = letter.encode_utf8(&mut buffer).as_bytes();
        if let Some(later) = rest.strip_prefix(bytes) {
            rest = later;
            continue;
        }
        let mut marks = 0;
        while let Some(later) = rest.strip_prefix(REPLACEMENT).filter(|_| marks < bytes.len()) {
            (rest, marks) = (later, marks + 1);
        }
        if marks == 0 || bytes.len() == 1 {
            return false;
        }
        split += 1;
    }
    split > 0 && rest.trim_ascii_end().is_empty()
}

/// Whether `got` is the text `sent` with a NUL before each byte, or behind each: two bytes to a letter (UTF-16).
#[must_use]
pub fn is_widened(sent: &[u8], got: &[u8]) -> bool {
    let (sent, pairs) = (sent.trim_ascii_end(), || got.chunks_exact(2));
    let wide = |nul: usize| {
        let text: Vec<u8> = pairs().map(|pair| pair[1 - nul]).collect();
        pairs().all(|pair| pair[nul] == 0) && text.trim_ascii_end() == sent
    };
    sent.len() > 1 && !sent.contains(&0) && (wide(0) || wide(1))
}

/// What `got` is, when it is the bytes `sent` in the notation of a programming language: what a program prints for its
/// programmer when it is told to make text of bytes.
#[must_use]
pub fn notation(sent: &[u8], got: &[u8]) -> Option<&'static str> {
    if got.trim_ascii_end() == python_literal(sent).as_bytes() {
        return Some("how Python writes the bytes in a program, `b'…'`");
    }
    let hash = got.trim_ascii_end().strip_prefix(b"[B@")?;
    let is_hash = (1..=8).contains(&hash.len()) && hash.iter().all(u8::is_ascii_hexdigit);
    (is_hash && !sent.starts_with(b"[B@")).then_some("the name that Java gives to an array of bytes, `[B@…`")
}

/// `repr(bytes)` of Python: <https://docs.python.org/3/library/stdtypes.html#bytes-objects>.
fn python_literal(bytes: &[u8]) -> String {
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') { '"' } else { '\'' };
    let body: String = bytes
        .iter()
        .map(|byte| match byte {
            b'\n' => "\\n".to_owned(),
            b'\r' => "\\r".to_owned(),
            b'\t' => "\\t".to_owned(),
            b'\\' => "\\\\".to_owned(),
            b'\'' if quote == '\'' => "\\'".to_owned(),
            b' '..=b'~' => char::from(*byte).to_string(),
            other => format!("\\x{other:02x}"),
        })
        .collect();
    format!("b{quote}{body}{quote}")
}

/// Whether `got` is the text `sent`, in words of whatever kind, with a NUL behind it. A NUL anywhere else is of a protocol's
/// own, a length before the reply for one.
fn is_padded(sent: &[u8], got: &[u8]) -> bool {
    let text = sent.trim_ascii();
    let rest = got.strip_suffix(b"\0").filter(|rest| !rest.contains(&0));
    !text.is_empty() && rest.is_some_and(|rest| rest.windows(text.len()).any(|part| part == text))
}

impl Facts<'_> {
    /// The notation in which the server answered every plain message of netdiag's, where no reply was told, and the probes
    /// that show it.
    #[must_use]
    pub fn answers_in_notation(&self) -> Option<(&'static str, Vec<String>)> {
        if self.contract.reply.as_ref().is_some_and(|term| term.source == Source::Told) {
            return None;
        }
        let heard = self.plain_answers()?;
        let of = |probe: &Probe| notation(&probe.sent.first()?.0, &probe.received.0);
        let what = of(heard.first()?.1)?;
        heard.iter().all(|(_, probe)| of(probe) == Some(what)).then(|| (what, super::asked::references(&heard)))
    }

    /// Whether text came back with a NUL behind it that is no part of the reply, as far as one was told or learned.
    #[must_use]
    pub fn adds_a_nul(&self) -> bool {
        let may_hold_one = match self.contract.reply.as_ref().map(|term| (&term.value, term.source)) {
            Some((Reply::Prefix(text) | Reply::Suffix(text), Source::Told)) => text.0.contains(&0),
            Some((_, source)) => source == Source::Learned,
            None => false,
        };
        let to_a_probe = || {
            let probes = self.evidence.probes.seen().map(|seen| seen.probes.iter()).unwrap_or_default();
            probes.into_iter().any(|probe| is_padded(&probe.said(), &probe.received.0))
        };
        let to_a_client = || {
            let talks = self.talks().map(<[Talk]>::iter).unwrap_or_default();
            talks.filter_map(|talk| talk.conversation).any(|talk| is_padded(&talk.sent.head.0, &talk.received.head.0))
        };
        !may_hold_one && (to_a_probe() || to_a_client())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ascii_passes_every_encoding() {
        assert!(mangled(b"plain text\n").is_empty());
    }

    #[test]
    fn each_way_comes_out_differently() {
        let out = mangled(b"\x89PNG\xff");
        let has = |bytes: &[u8]| out.iter().any(|way| way.bytes == bytes);
        assert!(has("\u{fffd}PNG\u{fffd}".as_bytes()));
        assert!(has("\u{89}PNG\u{ff}".as_bytes()));
        assert!(has(b"?PNG?"));
        assert!(has(b"PNG"));
        assert!(has(b"\x09PNG\x7f"));
    }

    #[test]
    fn two_bytes_to_a_letter_are_recognised_in_either_order() {
        assert!(is_widened(b"hi\n", b"\0h\0i\0\n"));
        assert!(is_widened(b"hi\n", b"h\0i\0"));
        assert!(!is_widened(b"hi\n", b"hi\n\0\0\0"));
        assert!(!is_widened(b"\0h\0i", b"\0h\0i"));
        assert!(!is_widened(b"\n", b"\0\n"));
    }

    #[test]
    fn valid_utf8_is_not_replaced() {
        assert!(mangled("ä".as_bytes()).iter().all(|way| !way.how.contains("EF BF BD")));
    }

    #[test]
    fn a_split_letter_leaves_replacement_characters_where_it_was() {
        assert!(letters_were_split("aäb", "a\u{fffd}\u{fffd}b".as_bytes()));
        assert!(letters_were_split("aäb\n", "a\u{fffd}b\n".as_bytes()));
        assert!(!letters_were_split("aäb", "aäb".as_bytes()));
        assert!(!letters_were_split("aäb", "ab".as_bytes()));
        assert!(!letters_were_split("aäb", "\u{fffd}äb".as_bytes()));
    }
}
