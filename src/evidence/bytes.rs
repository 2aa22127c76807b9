//! Captured bytes, readable in a saved file: printable ASCII as it is, everything else escaped.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes of a program under test. Serialised as an escaped string (`\n`, `\\`, `\x1b`), so that an evidence file can be
/// read by people and can never disturb a terminal.
#[derive(Clone, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct Bytes(pub Vec<u8>);

/// Marks of punctuation beyond ASCII that compilers and people put into messages.
const MARKS: &str = "‘’‚“”„«»‹›–—…·•→×✗✓";

impl Bytes {
    /// The escaped form: pure printable ASCII on one line.
    #[must_use]
    pub fn escaped(&self) -> String {
        self.0.escape_ascii().to_string()
    }

    /// As a line of text to be read by people: printable ASCII, and letters, digits and the usual marks of any script (in
    /// UTF-8), as they are; the rest escaped.
    #[must_use]
    pub fn readable(&self) -> String {
        let mut text = String::with_capacity(self.0.len());
        let escape = |text: &mut String, bytes: &[u8]| text.push_str(&bytes.escape_ascii().to_string());
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                if c == ' ' || c.is_ascii_graphic() || !c.is_ascii() && (c.is_alphanumeric() || MARKS.contains(c)) {
                    text.push(c);
                } else {
                    escape(&mut text, c.encode_utf8(&mut [0; 4]).as_bytes());
                }
            }
            escape(&mut text, chunk.invalid());
        }
        text
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl From<&str> for Bytes {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.escaped())
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        unescape(&text).map(Self).ok_or_else(|| serde::de::Error::custom(format!("bad escape in {text:?}")))
    }
}

/// The inverse of [`<[u8]>::escape_ascii`]; text that is not escaped stands for its UTF-8 bytes.
fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        out.push(match rest.next()? {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'0' => 0,
            b'x' => {
                let high = char::from(rest.next()?).to_digit(16)?;
                let low = char::from(rest.next()?).to_digit(16)?;
                (high * 16 + low) as u8
            }
            other @ (b'\\' | b'\'' | b'"') => other,
            _ => return None,
        });
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives_a_round_trip() {
        let all = Bytes((0..=255).collect());
        let json = serde_json::to_string(&all).unwrap();
        assert!(json.bytes().all(|b| (0x20..0x7f).contains(&b)));
        assert_eq!(serde_json::from_str::<Bytes>(&json).unwrap(), all);
    }

    #[test]
    fn what_people_write_is_readable_and_what_moves_a_cursor_is_spelled_out() {
        let readable = |bytes: &[u8]| Bytes::from(bytes).readable();
        assert_eq!(readable("expected ‘;’ – \"groß\" 漢\\".as_bytes()), "expected ‘;’ – \"groß\" 漢\\");
        assert_eq!(readable(b"\x1b[2J\xff\n"), "\\x1b[2J\\xff\\n");
        assert_eq!(readable("\u{202e}".as_bytes()), "\\xe2\\x80\\xae");
    }

    #[test]
    fn a_broken_escape_is_refused() {
        for bad in [r#""\\q""#, r#""\\x1""#, r#""\\""#] {
            assert!(serde_json::from_str::<Bytes>(bad).is_err(), "{bad}");
        }
    }
}
