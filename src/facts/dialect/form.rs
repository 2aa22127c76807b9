//! What a server makes of a message, read off exchanges: text before it, text after it, its case, its line end.

use crate::evidence::{Bytes, Reply};

/// What a server ends the answer to a line with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ending {
    /// The terminator as it came.
    Kept,
    /// Always a line feed.
    Lf,
    /// Always carriage return, line feed.
    CrLf,
    /// None: the server strips it and does not put one back.
    Dropped,
}

impl Ending {
    /// Every ending, the one to suppose first when several fit.
    pub(super) const ALL: [Self; 4] = [Self::Kept, Self::Lf, Self::CrLf, Self::Dropped];

    /// What follows the answer to a text that was sent with `terminator`.
    pub(super) fn after(self, terminator: &[u8]) -> &[u8] {
        match self {
            Self::Kept => terminator,
            Self::Dropped => b"",
            Self::Lf => b"\n",
            Self::CrLf => b"\r\n",
        }
    }
}

/// What a server makes of a message, in a general form that also covers what no [`Reply`] can name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Form {
    pub prefix: Vec<u8>,
    pub suffix: Vec<u8>,
    pub upper: bool,
    pub ending: Ending,
}

impl Form {
    pub(super) fn of(reply: &Reply, ending: Ending) -> Self {
        let plain = Self { prefix: Vec::new(), suffix: Vec::new(), upper: false, ending };
        match reply {
            Reply::Exact => plain,
            Reply::Prefix(text) => Self { prefix: text.0.clone(), ..plain },
            Reply::Suffix(text) => Self { suffix: text.0.clone(), ..plain },
            Reply::Uppercase => Self { upper: true, ..plain },
        }
    }

    /// The [`Reply`] of this form; `None` when it does two things at once.
    pub(super) fn reply(&self) -> Option<Reply> {
        match (self.prefix.is_empty(), self.suffix.is_empty(), self.upper) {
            (true, true, false) => Some(Reply::Exact),
            (false, true, false) => Some(Reply::Prefix(Bytes(self.prefix.clone()))),
            (true, false, false) => Some(Reply::Suffix(Bytes(self.suffix.clone()))),
            (true, true, true) => Some(Reply::Uppercase),
            _ => None,
        }
    }

    /// The answer to one message, with or without its terminator.
    pub(super) fn answer(&self, message: &[u8]) -> Vec<u8> {
        let (text, terminator) = split_terminator(message);
        let text = if self.upper { text.to_ascii_uppercase() } else { text.to_vec() };
        [&self.prefix, &text, &self.suffix, self.ending.after(terminator)].concat()
    }
}

/// A form and the greeting that came before the first answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fit {
    pub form: Form,
    pub banner: Vec<u8>,
}

/// `message` as its text and its line terminator (empty if it has none).
pub(super) fn split_terminator(message: &[u8]) -> (&[u8], &[u8]) {
    let text = message.strip_suffix(b"\n").map_or(message, |text| text.strip_suffix(b"\r").unwrap_or(text));
    message.split_at(text.len())
}

/// How many bytes of a banner with prefix, and of a suffix, are looked at.
const REACH: usize = 4096;

/// How many places of a text inside an answer are tried.
const PLACES: usize = 12;

/// Every form (with its banner) under which the answers to `messages` are exactly `got`.
///
/// With a single message a banner cannot be told from a prefix except by a line end; then everything up to the last
/// line end before the text counts as banner.
pub(super) fn fits(messages: &[&[u8]], got: &[u8]) -> Vec<Fit> {
    let mut found: Vec<Fit> = Vec::new();
    for upper in [false, true] {
        for fit in fits_in_case(messages, got, upper) {
            if !found.contains(&fit) {
                found.push(fit);
            }
        }
    }
    found
}

fn fits_in_case(messages: &[&[u8]], got: &[u8], upper: bool) -> Vec<Fit> {
    let (Some(first), Some(last)) = (messages.first(), messages.last()) else { return Vec::new() };
    let cased = |message: &[u8]| {
        let text = split_terminator(message).0;
        if upper { text.to_ascii_uppercase() } else { text.to_vec() }
    };
    let (first, last_text) = (cased(first), cased(last));
    let unchanged_by_case = upper && messages.iter().all(|m| cased(m) == split_terminator(m).0);
    if first.is_empty() || last_text.is_empty() || unchanged_by_case {
        return Vec::new();
    }
    let head = &got[..got.len().min(REACH + first.len())];
    let tail_from = got.len().saturating_sub(REACH + last_text.len());
    let mut found = Vec::new();
    for begin in places(head, &first).take(PLACES) {
        for end in places(&got[tail_from..], &last_text).map(|at| tail_from + at + last_text.len()).take(PLACES) {
            let edges = Edges { head: &got[..begin], tail: &got[end..], after_first: &got[begin + first.len()..] };
            found.extend(edges.fits(messages, got, upper));
        }
    }
    found
}

/// Offsets of `needle` in `bytes`; an empty one (the text of a blank line) is nowhere in particular.
fn places<'a>(bytes: &'a [u8], needle: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    let windows = if needle.is_empty() { [].windows(1) } else { bytes.windows(needle.len()) };
    windows.enumerate().filter(move |(_, window)| *window == needle).map(|(at, _)| at)
}

/// What stands around the texts in an answer.
struct Edges<'a> {
    /// Before the first text: banner and prefix.
    head: &'a [u8],
    /// After the last text: suffix and line end.
    tail: &'a [u8],
    /// All that follows the first text.
    after_first: &'a [u8],
}

impl Edges<'_> {
    fn fits(&self, messages: &[&[u8]], got: &[u8], upper: bool) -> Vec<Fit> {
        let mut found = Vec::new();
        for ending in Ending::ALL {
            let end = ending.after(split_terminator(messages[messages.len() - 1]).1);
            let Some(suffix) = self.tail.strip_suffix(end).filter(|suffix| !suffix.ends_with(b"\n")) else { continue };
            if suffix.ends_with(b"\r") && end.ends_with(b"\n") {
                continue;
            }
            let Some((banner, prefix)) = self.split_head(messages, suffix, ending, upper) else { continue };
            let form = Form { prefix: prefix.to_vec(), suffix: suffix.to_vec(), upper, ending };
            if accounts_for(&form, banner, messages, got) {
                found.push(Fit { form, banner: banner.to_vec() });
            }
        }
        found
    }

    /// The head as banner and prefix. With two messages the prefix is what stands between the end of the first answer
    /// and the second text.
    fn split_head(&self, messages: &[&[u8]], suffix: &[u8], ending: Ending, upper: bool) -> Option<(&[u8], &[u8])> {
        let Some(second) = messages.get(1) else {
            let banner = self.head.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
            return Some(self.head.split_at(banner));
        };
        let second = split_terminator(second).0;
        let second = if upper { second.to_ascii_uppercase() } else { second.to_vec() };
        let rest =
            self.after_first.strip_prefix(suffix)?.strip_prefix(ending.after(split_terminator(messages[0]).1))?;
        let reach = &rest[..rest.len().min(self.head.len() + second.len())];
        let prefix = places(reach, &second).map(|at| &rest[..at]).find(|prefix| self.head.ends_with(prefix))?;
        Some(self.head.split_at(self.head.len() - prefix.len()))
    }
}

fn accounts_for(form: &Form, banner: &[u8], messages: &[&[u8]], got: &[u8]) -> bool {
    let Some(mut rest) = got.strip_prefix(banner) else { return false };
    for message in messages {
        match rest.strip_prefix(form.answer(message).as_slice()) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(messages: &[&str], got: &str) -> Fit {
        let messages: Vec<&[u8]> = messages.iter().map(|m| m.as_bytes()).collect();
        let mut found = fits(&messages, got.as_bytes());
        found.dedup_by(|a, b| a.form.prefix == b.form.prefix && a.form.suffix == b.form.suffix);
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    }

    #[test]
    fn two_messages_tell_a_banner_from_a_prefix() {
        let fit = only(&["one\n", "two\n"], "Hi!\n> one\n> two\n");
        assert_eq!((fit.banner.as_slice(), fit.form.prefix.as_slice()), (&b"Hi!\n"[..], &b"> "[..]));
        let fit = only(&["one\n", "two\n"], "Reply:\none\nReply:\ntwo\n");
        assert_eq!((fit.banner.as_slice(), fit.form.prefix.as_slice()), (&b""[..], &b"Reply:\n"[..]));
    }

    #[test]
    fn both_sides_at_once_fit_but_have_no_reply() {
        let fit = only(&["one\n"], "You said 'one'.\n");
        assert_eq!(fit.form.reply(), None);
        assert_eq!(fit.form.suffix, b"'.");
    }

    #[test]
    fn a_line_end_the_server_chose_is_recognised() {
        assert_eq!(only(&["one\n", "two\n"], "one\r\ntwo\r\n").form.ending, Ending::CrLf);
        assert_eq!(only(&["one\r\n", "two\r\n"], "one\ntwo\n").form.ending, Ending::Lf);
        assert_eq!(only(&["one\n", "two\n"], "onetwo").form.ending, Ending::Dropped);
    }

    #[test]
    fn what_the_form_does_not_explain_does_not_fit() {
        for got in ["", "one\n", "one\ntwo", "one\ntwo\nx", "One\ntwo\n", "1 one\n2 two\n"] {
            assert!(fits(&[b"one\n", b"two\n"], got.as_bytes()).is_empty(), "{got:?}");
        }
    }
}
