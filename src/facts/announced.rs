//! Messages that say beforehand how long they are, read off the pair's own exchange. No blame.

use super::{Facts, Talk};

/// A reply that announced more than it brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announced {
    /// How many bytes it said would follow.
    pub promised: usize,
    /// How many followed.
    pub came: usize,
}

/// How a length stands before a message.
#[derive(Debug, Clone, Copy)]
enum Header {
    /// Decimal digits in a line of their own.
    Digits,
    /// A number of this many bytes, the most significant first.
    Big(usize),
    /// The same, the least significant first.
    Little(usize),
}

const HEADERS: [Header; 6] =
    [Header::Digits, Header::Big(4), Header::Little(4), Header::Big(2), Header::Little(2), Header::Big(1)];

/// A stream cut by its headers.
struct Cut<'b> {
    whole: Vec<&'b [u8]>,
    /// What the last header announced, and what follows it, if that is less.
    broken: Option<(usize, &'b [u8])>,
}

impl Header {
    /// The length announced at the beginning of `bytes`, and what follows the header.
    fn read(self, bytes: &[u8]) -> Option<(usize, &[u8])> {
        match self {
            Self::Digits => {
                let end = bytes.iter().position(|byte| *byte == b'\n')?;
                let length = std::str::from_utf8(bytes[..end].trim_ascii()).ok()?.parse().ok()?;
                Some((length, &bytes[end + 1..]))
            }
            Self::Big(size) | Self::Little(size) => {
                let (number, rest) = bytes.split_at_checked(size)?;
                let add = |sum: usize, byte: &u8| sum << 8 | usize::from(*byte);
                let little = matches!(self, Self::Little(_));
                let length = if little { number.iter().rev().fold(0, add) } else { number.iter().fold(0, add) };
                Some((length, rest))
            }
        }
    }

    /// `None` where `bytes` cannot be read in this way.
    fn cut(self, mut bytes: &[u8]) -> Option<Cut<'_>> {
        let mut whole = Vec::new();
        while !bytes.is_empty() {
            let (length, rest) = self.read(bytes)?;
            let Some((body, later)) = rest.split_at_checked(length) else {
                return Some(Cut { whole, broken: Some((length, rest)) });
            };
            whole.push(body);
            bytes = later;
        }
        Some(Cut { whole, broken: None })
    }
}

/// The request is made of whole messages, each with its length before it; the reply begins as these do, and its last message
/// announces as many bytes as were sent, and brings the first of them only.
fn compare(asked: &[u8], got: &[u8], header: Header) -> Option<Announced> {
    // A shorter text might fit by chance.
    const TELLING: usize = 2;
    let asked = header.cut(asked).filter(|asked| asked.broken.is_none())?;
    let got = header.cut(got)?;
    let (promised, body) = got.broken?;
    let answered = asked.whole.get(got.whole.len())?;
    let alike = got.whole.iter().zip(&asked.whole).all(|(one, other)| one.len() == other.len());
    let begins = body.len() < answered.len() && answered[..body.len()].eq_ignore_ascii_case(body);
    (alike && begins && promised == answered.len() && promised >= TELLING)
        .then_some(Announced { promised, came: body.len() })
}

impl Facts<'_> {
    /// What the last reply of `talk` announced and did not bring, when the client's messages say in the same way how long they
    /// are.
    #[must_use]
    pub fn less_than_announced(&self, talk: &Talk) -> Option<Announced> {
        let whole = |stream: &crate::evidence::Stream| stream.is_whole().then(|| stream.head.0.clone());
        let (asked, got) = (whole(talk.request().ok()?)?, whole(talk.response().ok()?)?);
        HEADERS.into_iter().find_map(|header| compare(&asked, &got, header))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(asked: &[u8], got: &[u8]) -> Option<(usize, usize)> {
        let all = HEADERS.into_iter().find_map(|header| compare(asked, got, header));
        all.map(|announced| (announced.promised, announced.came))
    }

    #[test]
    fn a_reply_brings_less_than_it_announces() {
        assert_eq!(found(b"5\nlemon", b"5\nlemo"), Some((5, 4)));
        assert_eq!(found(b"5\r\nlemon4\r\nlime", b"5\r\nLEMON4\r\nLI"), Some((4, 2)));
        assert_eq!(found(b"\0\0\0\x05lemon", b"\0\0\0\x05lem"), Some((5, 3)));
        assert_eq!(found(b"\x05\0lemon", b"\x05\0"), Some((5, 0)));
    }

    #[test]
    fn whole_replies_and_texts_without_lengths_announce_nothing() {
        assert_eq!(found(b"5\nlemon", b"5\nlemon"), None);
        assert_eq!(found(b"5\nlemon", b"4\nlemo"), None);
        assert_eq!(found(b"5\nlemon", b"5\nlime"), None);
        assert_eq!(found(b"hello\n", b"hel"), None);
        assert_eq!(found(b"\0\0\0\x05lem", b"\0\0\0\x05le"), None, "the request itself is short");
    }
}
