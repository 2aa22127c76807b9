//! What a recorded, healthy exchange shows of the server's dialect when there are no probes.

use crate::evidence::{Bytes, Reply};

use super::form::{Ending, Fit, fits};

/// What one connection's bytes show, if they allow a single reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// What the server makes of a message.
    pub reply: Reply,
    /// What it ends its answers with.
    pub ending: Ending,
    /// What it said first.
    pub banner: Bytes,
    /// How many messages (lines, the last one perhaps without a terminator) were answered.
    pub messages: usize,
}

/// More messages than this show nothing new.
const ENOUGH: usize = 10_000;

/// Reads the reply off all bytes a client sent on one connection and all it received. `None` if nothing explains them
/// as a complete exchange, or if more than one reading does (a banner or a prefix? a prefix or a suffix?).
#[must_use]
pub fn learn_from_pair(sent: &[u8], received: &[u8]) -> Option<Exchange> {
    let lines: Vec<&[u8]> = sent.split_inclusive(|b| *b == b'\n').take(ENOUGH + 1).collect();
    if lines.is_empty() || lines.len() > ENOUGH {
        return None;
    }
    let mut found = fits(&lines, received);
    if lines.len() > 1 {
        found.extend(fits(&[sent], received));
    }
    let first = found.first()?.clone();
    let reply = first.form.reply()?;
    if !found.iter().all(|fit| says_the_same(fit, &first)) || depends_on_the_moment(&first) {
        return None;
    }
    if lines.len() == 1 && !first.banner.is_empty() {
        return None;
    }
    Some(Exchange { reply, ending: first.form.ending, banner: Bytes(first.banner), messages: lines.len() })
}

fn says_the_same(a: &Fit, b: &Fit) -> bool {
    let words = |fit: &Fit| (fit.banner.clone(), fit.form.prefix.clone(), fit.form.suffix.clone(), fit.form.upper);
    words(a) == words(b)
}

/// Whether the text around the message may be a time or a counter.
fn depends_on_the_moment(fit: &Fit) -> bool {
    fit.form.prefix.iter().chain(&fit.form.suffix).any(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::evidence::Framing;
    use crate::facts::dialect::expected;

    fn reply(sent: &str, received: &str) -> Option<Reply> {
        learn_from_pair(sent.as_bytes(), received.as_bytes()).map(|exchange| exchange.reply)
    }

    #[test]
    fn a_single_exchange_shows_the_reply() {
        assert_eq!(reply("hello", "hello"), Some(Reply::Exact));
        assert_eq!(reply("hello\n", "HELLO\n"), Some(Reply::Uppercase));
        assert_eq!(reply("hello", "Echo : hello"), Some(Reply::Prefix("Echo : ".into())));
        assert_eq!(reply("hello\n", "hello (got it)\n"), Some(Reply::Suffix(" (got it)".into())));
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_not_read() {
        assert_eq!(reply("a", "banana"), None, "where the text is cannot be told");
        assert_eq!(reply("hello\n", "Welcome\nhello\n"), None, "banner or prefix");
        assert_eq!(reply("hello\n", "12:00:01 hello\n"), None, "a time");
        assert_eq!(reply("hello\n", "<hello>\n"), None, "two things at once");
        assert_eq!(reply("", "hello"), None);
        assert_eq!(reply("a\nb\n", "> a\nb\n"), None, "one prefix for two lines: a banner, or a message until EOF");
    }

    #[test]
    fn a_damaged_exchange_is_not_read() {
        assert_eq!(reply("hello\n", "hel"), None);
        assert_eq!(reply("one\ntwo\n", "one\n"), None);
        assert_eq!(reply("hello\n", ""), None);
    }

    #[test]
    fn a_blank_line_among_the_messages_is_survived() {
        assert_eq!(reply("hello\n\nworld\n", "hello\n\nworld\n"), Some(Reply::Exact));
        assert_eq!(reply("\n\n", "\n\n"), None);
        assert_eq!(reply("a\0\n\nb", "x\n"), None);
    }

    #[test]
    fn two_messages_settle_banner_and_ending() {
        let exchange = learn_from_pair(b"one\ntwo\n", b"Hi\n> one\r\n> two\r\n").unwrap();
        assert_eq!(exchange.banner, "Hi\n".into());
        assert_eq!(exchange.reply, Reply::Prefix("> ".into()));
        assert_eq!((exchange.ending, exchange.messages), (Ending::CrLf, 2));
    }

    proptest! {
        #[test]
        fn any_bytes_can_be_read(
            sent in prop::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b'a'), any::<u8>()], 0..12),
            received in prop::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b'a'), any::<u8>()], 0..24),
        ) {
            let _ = learn_from_pair(&sent, &received);
            let _ = learn_from_pair(&sent, &[&received[..], &sent[..]].concat());
        }

        #[test]
        fn what_is_learned_explains_the_exchange(
            prefix in "[A-Z:>]{0,4}", lines in prop::collection::vec("[a-z]{3,9}\n", 1..5),
        ) {
            let reply = if prefix.is_empty() { Reply::Exact } else { Reply::Prefix(prefix.as_str().into()) };
            let sent = lines.concat().into_bytes();
            let received = expected(&reply, Framing::Line, &sent);
            if let Some(exchange) = learn_from_pair(&sent, &received) {
                prop_assert_eq!(expected(&exchange.reply, Framing::Line, &sent), received);
            }
        }
    }
}
