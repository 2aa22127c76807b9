//! Captured bytes, readable in a saved file: printable ASCII as it is, everything else escaped.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes of a program under test. Serialised as an escaped string (`\n`, `\\`, `\x1b`), so that an evidence file can be
/// read by people and can never disturb a terminal.
#[derive(Clone, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct Bytes(pub Vec<u8>);

impl Bytes {
    /// The escaped form: pure printable ASCII on one line.
    #[must_use]
    pub fn escaped(&self) -> String {
        self.0.escape_ascii().to_string()
    }

    /// As a line of text to be read by people: printable ASCII as it is, quotes and backslashes included, letters of all
    /// languages and their quotes too, the rest escaped.
    #[must_use]
    pub fn readable(&self) -> String {
        let as_it_is = |c: char| c == ' ' || c.is_ascii_graphic() || c.is_alphanumeric() || "‘’“”„«»–—…".contains(c);
        let mut out = String::new();
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                if as_it_is(c) {
                    out.push(c);
                } else {
                    out.push_str(&c.to_string().as_bytes().escape_ascii().to_string());
                }
            }
            out.push_str(&chunk.invalid().escape_ascii().to_string());
        }
        out
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
    fn people_read_letters_of_every_language_and_nothing_that_hides_or_moves_text() {
        let readable = |text: &str| Bytes::from(text.as_bytes()).readable();
        assert_eq!(readable("can't open 'Übung 1/日本': ‘x’ \\ \"é\""), "can't open 'Übung 1/日本': ‘x’ \\ \"é\"");
        assert_eq!(readable("a\u{1b}[2J\u{202e}\u{200b}\tb"), r"a\x1b[2J\xe2\x80\xae\xe2\x80\x8b\tb");
        assert_eq!(Bytes(b"\xc3(\xff".to_vec()).readable(), r"\xc3(\xff");
    }

    #[test]
    fn a_broken_escape_is_refused() {
        for bad in [r#""\\q""#, r#""\\x1""#, r#""\\""#] {
            assert!(serde_json::from_str::<Bytes>(bad).is_err(), "{bad}");
        }
    }
}
