//! Weighing a raw echo: what was sent may have been cut into chunks anywhere, and every chunk was answered by itself.

use std::collections::BTreeSet;

use super::compare::{Comparison, compare};
use super::form::{Ending, Form};

/// Where one reading of the stream stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    /// This many bytes of the text before a chunk have come, for the chunk that begins at this offset of what was sent.
    Before(usize, usize),
    /// Inside a chunk; the next byte due is at this offset of what was sent, and whether any of the chunk has come yet.
    Body(usize, bool),
    /// This many bytes of what follows a chunk have come; the chunk ended in this line end; the next one begins here.
    After(usize, LineEnd, usize),
}

/// The line end of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum LineEnd {
    None,
    Lf,
    CrLf,
}

impl LineEnd {
    const ALL: [Self; 3] = [Self::None, Self::Lf, Self::CrLf];

    fn bytes(self) -> &'static [u8] {
        match self {
            Self::None => b"",
            Self::Lf => b"\n",
            Self::CrLf => b"\r\n",
        }
    }
}

/// How `got` differs from the answers to `sent` under the most favourable cutting.
pub(super) fn weigh(form: &Form, sent: &[u8], got: &[u8]) -> Comparison {
    if form.prefix.is_empty() && form.suffix.is_empty() && form.ending == Ending::Kept {
        return if form.upper { compare(&sent.to_ascii_uppercase(), got) } else { compare(sent, got) };
    }
    if sent.is_empty() {
        return compare(&[], got);
    }
    let readings = Readings { form, sent };
    let mut states = readings.closure([State::Before(0, 0)]);
    for (at, byte) in got.iter().enumerate() {
        let complete = states.iter().any(|state| readings.is_complete(*state));
        let next: Vec<State> = states.iter().filter_map(|state| readings.step(*state, *byte)).collect();
        if next.is_empty() {
            return if complete { Comparison::Surplus { at } } else { Comparison::Differs { at } };
        }
        states = readings.closure(next);
    }
    match states.iter().any(|state| readings.is_complete(*state)) {
        true => Comparison::Exact,
        false if got.is_empty() => Comparison::Nothing,
        false => Comparison::Truncated { at: got.len() },
    }
}

struct Readings<'a> {
    form: &'a Form,
    sent: &'a [u8],
}

impl Readings<'_> {
    /// Where `state` goes when `byte` comes.
    fn step(&self, state: State, byte: u8) -> Option<State> {
        match state {
            State::Before(k, at) => (*self.form.prefix.get(k)? == byte).then_some(State::Before(k + 1, at)),
            State::Body(at, _) => {
                let due = *self.sent.get(at)?;
                let due = if self.form.upper { due.to_ascii_uppercase() } else { due };
                (due == byte).then_some(State::Body(at + 1, true))
            }
            State::After(k, end, at) => {
                let due = self.form.suffix.iter().chain(self.form.ending.after(end.bytes())).nth(k)?;
                (*due == byte).then_some(State::After(k + 1, end, at))
            }
        }
    }

    /// All states that can be reached from `states` without a byte.
    fn closure(&self, states: impl IntoIterator<Item = State>) -> BTreeSet<State> {
        let mut open: Vec<State> = states.into_iter().collect();
        let mut seen = BTreeSet::new();
        while let Some(state) = open.pop() {
            if seen.insert(state) {
                self.without_a_byte(state, &mut open);
            }
        }
        seen
    }

    fn without_a_byte(&self, state: State, open: &mut Vec<State>) {
        match state {
            State::Before(k, at) if k == self.form.prefix.len() => open.push(State::Body(at, false)),
            State::Body(at, begun) => {
                let rest = &self.sent[at..];
                let ends = LineEnd::ALL.into_iter().filter(|end| rest.starts_with(end.bytes()));
                let ends = ends.filter(|end| begun || *end != LineEnd::None);
                open.extend(ends.map(|end| State::After(0, end, at + end.bytes().len())));
            }
            State::After(_, _, at) if self.chunk_is_paid(state) && at < self.sent.len() => {
                open.push(State::Before(0, at));
            }
            State::Before(..) | State::After(..) => {}
        }
    }

    fn chunk_is_paid(&self, state: State) -> bool {
        let State::After(k, end, _) = state else { return false };
        k == self.form.suffix.len() + self.form.ending.after(end.bytes()).len()
    }

    fn is_complete(&self, state: State) -> bool {
        matches!(state, State::After(_, _, at) if at == self.sent.len()) && self.chunk_is_paid(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(prefix: &str, suffix: &str, ending: Ending) -> Form {
        Form { prefix: prefix.into(), suffix: suffix.into(), upper: false, ending }
    }

    #[test]
    fn a_prefix_may_come_once_per_chunk() {
        let echo = form("Echo : ", "", Ending::Kept);
        assert_eq!(weigh(&echo, b"ab\ncd\n", b"Echo : ab\ncd\n"), Comparison::Exact);
        assert_eq!(weigh(&echo, b"ab\ncd\n", b"Echo : ab\nEcho : cd\n"), Comparison::Exact);
        assert_eq!(weigh(&echo, b"ab\ncd\n", b"ab\ncd\n"), Comparison::Differs { at: 0 });
        assert_eq!(weigh(&echo, b"ab\n", b"Echo : a"), Comparison::Truncated { at: 8 });
        assert_eq!(weigh(&echo, b"ab\n", b"Echo : ab\nx"), Comparison::Surplus { at: 10 });
        assert_eq!(weigh(&echo, b"ab\n", b""), Comparison::Nothing);
    }

    #[test]
    fn a_prefix_that_looks_like_the_message_confuses_nothing() {
        let echo = form("aa", "", Ending::Kept);
        assert_eq!(weigh(&echo, b"aaa", b"aaaaa"), Comparison::Exact);
        assert_eq!(weigh(&echo, b"aaa", b"aaaaaa"), Comparison::Truncated { at: 6 }, "two chunks, one byte missing");
        assert_eq!(weigh(&echo, b"aaa", b"aaaaaaa"), Comparison::Exact, "two chunks");
    }

    #[test]
    fn a_server_that_strips_may_do_so_in_each_chunk() {
        let strip = form("", "", Ending::Dropped);
        for got in [&b"abcd"[..], b"ab\ncd"] {
            assert_eq!(weigh(&strip, b"ab\ncd\n", got), Comparison::Exact, "{got:?}");
        }
        assert_eq!(weigh(&strip, b"ab\n", b"a"), Comparison::Truncated { at: 1 });
        let println = form("", "", Ending::Lf);
        assert_eq!(weigh(&println, b"abcd", b"ab\ncd\n"), Comparison::Exact);
        assert_eq!(weigh(&println, b"ab\r\n", b"ab\n"), Comparison::Exact);
        assert_eq!(weigh(&form("", "!", Ending::Kept), b"ab\n", b"ab!\n"), Comparison::Exact);
    }
}
