//! What a server of a given dialect owes for given bytes, and how that differs from what came.
//!
//! Works on whole streams, never on segments: how TCP cut them says nothing.

use crate::evidence::{Bytes, Contract, Framing, Reply};

use super::form::{Ending, Form, split_terminator};
use super::raw;

/// The part of a dialect that settles which bytes answer which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// Where one message ends.
    pub framing: Framing,
    /// What the server makes of it.
    pub reply: Reply,
    /// What the server ends its replies with.
    pub ending: Ending,
    /// What the server says before anything was asked.
    pub banner: Bytes,
}

impl Terms {
    /// A dialect without a banner that keeps the terminator as it came.
    #[must_use]
    pub fn new(framing: Framing, reply: Reply) -> Self {
        Self { framing, reply, ending: Ending::Kept, banner: Bytes::default() }
    }

    /// The terms a contract states, if it states both framing and reply.
    #[must_use]
    pub fn of(contract: &Contract) -> Option<Self> {
        Some(Self::new(contract.framing.as_ref()?.value, contract.reply.as_ref()?.value.clone()))
    }
}

/// How what came differs from what was due. Offsets count from the first byte that came, banner included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// All that was due came, and nothing else.
    Exact,
    /// All that was due came, and nothing is due for the last message because it is not complete.
    Pending,
    /// Something was due, and nothing came.
    Nothing,
    /// What came is right as far as it goes, and it stops here.
    Truncated {
        /// How many bytes came.
        at: usize,
    },
    /// Here comes a byte that is not the one that was due.
    Differs {
        /// Offset of that byte.
        at: usize,
    },
    /// All that was due came, and then more.
    Surplus {
        /// Offset of the first byte too many.
        at: usize,
    },
}

impl Comparison {
    /// Whether the server paid all it owed, no more and no less.
    #[must_use]
    pub fn is_right(self) -> bool {
        matches!(self, Self::Exact | Self::Pending)
    }

    /// The same with its offset moved by `by` bytes.
    fn shifted(self, by: usize) -> Self {
        match self {
            Self::Truncated { at } => Self::Truncated { at: at + by },
            Self::Differs { at } => Self::Differs { at: at + by },
            Self::Surplus { at } => Self::Surplus { at: at + by },
            other => other,
        }
    }
}

/// What a server that keeps terminators would answer to `sent`: to the complete lines of it, or (other framings) to all
/// of it as one message.
#[must_use]
pub fn expected(reply: &Reply, framing: Framing, sent: &[u8]) -> Vec<u8> {
    let form = Form::of(reply, Ending::Kept);
    match framing {
        Framing::Line => answers(&form, complete_lines(sent)),
        Framing::Raw | Framing::UntilEof | Framing::Datagram if sent.is_empty() => Vec::new(),
        Framing::Raw | Framing::UntilEof | Framing::Datagram => form.answer(sent),
    }
}

/// How `got` differs from `expected`. Never [`Comparison::Pending`]: two streams alone cannot tell that.
#[must_use]
pub fn compare(expected: &[u8], got: &[u8]) -> Comparison {
    let same = expected.iter().zip(got).take_while(|(a, b)| a == b).count();
    match (same == expected.len(), same == got.len()) {
        (true, true) => Comparison::Exact,
        (true, false) => Comparison::Surplus { at: same },
        (false, true) if got.is_empty() => Comparison::Nothing,
        (false, true) => Comparison::Truncated { at: same },
        (false, false) => Comparison::Differs { at: same },
    }
}

/// How `got`, a server's whole stream, differs from what it owes for `sent`, a client's whole stream.
///
/// `half_closed` says whether the client has shut its direction down. With raw framing any cutting of `sent` into
/// chunks is allowed. A last line without a terminator may be answered or not once the client has half-closed.
#[must_use]
pub fn weigh(terms: &Terms, sent: &[u8], half_closed: bool, got: &[u8]) -> Comparison {
    weigh_form(&Form::of(&terms.reply, terms.ending), &terms.banner.0, terms.framing, sent, half_closed, got)
}

/// [`weigh`] for any form, also those no [`Reply`] can name.
pub(super) fn weigh_form(
    form: &Form,
    banner: &[u8],
    framing: Framing,
    sent: &[u8],
    half_closed: bool,
    got: &[u8],
) -> Comparison {
    let (body, offset) = match got.strip_prefix(banner) {
        Some(body) => (body, banner.len()),
        None if banner.starts_with(got) => (&got[got.len()..], got.len()),
        None => (got, 0),
    };
    let comparison = match framing {
        Framing::Line => weigh_lines(form, sent, half_closed, body),
        Framing::Raw => raw::weigh(form, sent, body),
        Framing::UntilEof if !half_closed => compare_pending(body, sent.is_empty()),
        Framing::UntilEof | Framing::Datagram if sent.is_empty() => compare(&[], body),
        Framing::UntilEof | Framing::Datagram => compare(&form.answer(sent), body),
    };
    comparison.shifted(offset)
}

/// Nothing is due yet: anything that comes is too much.
fn compare_pending(got: &[u8], complete: bool) -> Comparison {
    match (got.is_empty(), complete) {
        (false, _) => Comparison::Surplus { at: 0 },
        (true, true) => Comparison::Exact,
        (true, false) => Comparison::Pending,
    }
}

fn weigh_lines(form: &Form, sent: &[u8], half_closed: bool, got: &[u8]) -> Comparison {
    let lines = complete_lines(sent);
    let rest = &sent[lines.len()..];
    let due = answers(form, lines);
    match compare(&due, got) {
        Comparison::Exact if !rest.is_empty() => Comparison::Pending,
        Comparison::Surplus { at } if half_closed && !rest.is_empty() => last_line(form, rest, &got[at..]).shifted(at),
        other => other,
    }
}

/// Weighs the answer to a last line that a half-close ended instead of a terminator. A server that prints lines ends
/// the answer with a terminator of its own, one that copies bytes does not: both are right.
fn last_line(form: &Form, rest: &[u8], got: &[u8]) -> Comparison {
    let plain = form.answer(rest);
    let bare = plain.len() - split_terminator(&plain).1.len();
    let candidates: [&[u8]; 3] = [b"", b"\n", b"\r\n"];
    if candidates.iter().any(|end| got.strip_prefix(&plain[..bare]) == Some(*end)) {
        return Comparison::Exact;
    }
    match compare(&plain, got) {
        Comparison::Nothing => Comparison::Pending,
        other => other,
    }
}

/// All complete lines of `bytes`, as one slice.
fn complete_lines(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    &bytes[..end]
}

fn answers(form: &Form, lines: &[u8]) -> Vec<u8> {
    lines.split_inclusive(|b| *b == b'\n').flat_map(|line| form.answer(line)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(reply: Reply) -> Terms {
        Terms::new(Framing::Line, reply)
    }

    #[test]
    fn an_incomplete_last_line_owes_nothing_yet() {
        let terms = line(Reply::Exact);
        assert_eq!(weigh(&terms, b"a\nb", false, b"a\n"), Comparison::Pending);
        assert_eq!(weigh(&terms, b"a\nb", false, b"a\nb"), Comparison::Surplus { at: 2 });
        assert_eq!(weigh(&terms, b"hello", false, b""), Comparison::Pending);
    }

    #[test]
    fn a_half_close_lets_the_last_line_be_answered_or_not() {
        let terms = line(Reply::Prefix("E: ".into()));
        for got in [&b""[..], b"E: x", b"E: x\n", b"E: x\r\n"] {
            assert!(weigh(&terms, b"x", true, got).is_right(), "{got:?}");
        }
        assert_eq!(weigh(&terms, b"x", true, b"E: y"), Comparison::Differs { at: 3 });
        assert_eq!(weigh(&terms, b"x", true, b"E:"), Comparison::Truncated { at: 2 });
    }

    #[test]
    fn every_kind_of_departure_has_its_name_and_place() {
        let terms = line(Reply::Suffix("!".into()));
        assert_eq!(weigh(&terms, b"ab\n", false, b"ab!\n"), Comparison::Exact);
        assert_eq!(weigh(&terms, b"ab\n", false, b""), Comparison::Nothing);
        assert_eq!(weigh(&terms, b"ab\n", false, b"ab!"), Comparison::Truncated { at: 3 });
        assert_eq!(weigh(&terms, b"ab\n", false, b"ab?\n"), Comparison::Differs { at: 2 });
        assert_eq!(weigh(&terms, b"ab\n", false, b"ab!\nab!\n"), Comparison::Surplus { at: 4 });
    }

    #[test]
    fn a_banner_is_not_a_reply() {
        let terms = Terms { banner: "Welcome\n".into(), ..line(Reply::Exact) };
        assert_eq!(weigh(&terms, b"a\n", false, b"Welcome\na\n"), Comparison::Exact);
        assert_eq!(weigh(&terms, b"a\n", false, b"Welcome\n"), Comparison::Nothing);
        assert_eq!(weigh(&terms, b"a\n", false, b"Welcome\nb\n"), Comparison::Differs { at: 8 });
        assert_eq!(weigh(&terms, b"a\n", false, b"Welc"), Comparison::Nothing);
    }

    #[test]
    fn a_terminator_the_server_sets_itself_is_part_of_its_dialect() {
        let stripped = Terms { ending: Ending::Dropped, ..line(Reply::Uppercase) };
        assert_eq!(weigh(&stripped, b"a\nb\r\n", false, b"AB"), Comparison::Exact);
        let crlf = Terms { ending: Ending::CrLf, ..line(Reply::Exact) };
        assert_eq!(weigh(&crlf, b"a\n", false, b"a\r\n"), Comparison::Exact);
        assert_eq!(weigh(&line(Reply::Exact), b"a\n", false, b"a\r\n"), Comparison::Differs { at: 1 });
    }

    #[test]
    fn until_eof_owes_nothing_before_the_half_close() {
        let terms = Terms::new(Framing::UntilEof, Reply::Prefix("> ".into()));
        assert_eq!(weigh(&terms, b"a\nb", false, b""), Comparison::Pending);
        assert_eq!(weigh(&terms, b"a\nb", true, b""), Comparison::Nothing);
        assert_eq!(weigh(&terms, b"a\nb", true, b"> a\nb"), Comparison::Exact);
    }

    fn replies() -> impl Strategy<Value = Reply> {
        prop_oneof![
            Just(Reply::Exact),
            Just(Reply::Uppercase),
            "[ -~]{1,9}".prop_map(|text| Reply::Prefix(text.as_str().into())),
            "[ -~]{1,9}".prop_map(|text| Reply::Suffix(text.as_str().into())),
        ]
    }

    proptest! {
        #[test]
        fn what_is_expected_is_right(reply in replies(), lines in prop::collection::vec("[ -~]{0,20}(\r)?\n", 0..6)) {
            let sent = lines.concat().into_bytes();
            let due = expected(&reply, Framing::Line, &sent);
            prop_assert_eq!(weigh(&line(reply), &sent, false, &due), Comparison::Exact);
        }

        #[test]
        fn nothing_but_the_due_bytes_is_exact(reply in replies(), sent in "([ -~]{1,9}\n){1,4}", cut in 0usize..40) {
            let due = expected(&reply, Framing::Line, sent.as_bytes());
            let terms = line(reply);
            let cut = cut % due.len();
            let short = weigh(&terms, sent.as_bytes(), false, &due[..cut]);
            prop_assert_eq!(short, if cut == 0 { Comparison::Nothing } else { Comparison::Truncated { at: cut } });
            let mut flipped = due.clone();
            flipped[cut] ^= 0x80;
            prop_assert_eq!(weigh(&terms, sent.as_bytes(), false, &flipped), Comparison::Differs { at: cut });
            let longer = [&due[..], b"x"].concat();
            prop_assert_eq!(weigh(&terms, sent.as_bytes(), false, &longer), Comparison::Surplus { at: due.len() });
        }

        #[test]
        fn compare_is_exact_only_for_equal_streams(a in prop::collection::vec(any::<u8>(), 0..50), b in prop::collection::vec(any::<u8>(), 0..50)) {
            prop_assert_eq!(compare(&a, &b) == Comparison::Exact, a == b);
            prop_assert_eq!(compare(&a, &a), Comparison::Exact);
        }

        #[test]
        fn raw_framing_allows_every_cutting(reply in replies(), chunks in prop::collection::vec("[ -~]{1,20}", 1..6)) {
            let got: Vec<u8> = chunks.iter().flat_map(|c| expected(&reply, Framing::Raw, c.as_bytes())).collect();
            let sent = chunks.concat().into_bytes();
            prop_assert_eq!(weigh(&Terms::new(Framing::Raw, reply), &sent, false, &got), Comparison::Exact);
        }

        #[test]
        fn any_bytes_can_be_weighed(
            reply in replies(),
            framing in prop_oneof![Just(Framing::Raw), Just(Framing::Line), Just(Framing::UntilEof), Just(Framing::Datagram)],
            sent in prop::collection::vec(any::<u8>(), 0..60),
            got in prop::collection::vec(any::<u8>(), 0..60),
            half_closed: bool,
        ) {
            let place = match weigh(&Terms::new(framing, reply), &sent, half_closed, &got) {
                Comparison::Truncated { at } | Comparison::Differs { at } | Comparison::Surplus { at } => at,
                _ => 0,
            };
            prop_assert!(place <= got.len());
        }
    }
}
