//! What a client that ended with an error says of its echo, beside what the wire shows of it. No blame: what a program
//! claims counts only where it leaves no doubt what is meant.

use super::{Echo, Exchange, Facts, Player, Talk};
use crate::evidence::{Bytes, Output, Role, Source, Transport};

/// Ways to say that what came back is no echo, in lower case.
const DENIALS: &[&str] = &[
    "not echo",
    "n't echo",
    "never echo",
    "no echo",
    "not an echo",
    "failed to echo",
    "fails to echo",
    "wrong echo",
    "bad echo",
    "incorrect echo",
    "unexpected echo",
    "invalid echo",
    "corrupt echo",
    "corrupted echo",
    "echo mismatch",
    "echo differs",
    "echo is different",
    "echo is wrong",
    "echo was wrong",
    "echo wrong",
    "echo incorrect",
    "echo is not",
    "echo not",
    "echo does not match",
    "echo did not match",
    "echo doesn't match",
    "echo didn't match",
    "echo failed",
    "echo test failed",
    "echo !=",
];

/// Words of somebody who misses something else than the message itself, or misses it by some time.
const ELSEWISE: &[&str] = &[
    "upper", "lower", "case", "prefix", "suffix", "revers", "greet", "banner", "welcome", "twice", "late", "slow",
    "time", "within", "second", " ms",
];

/// Words that introduce what was expected.
const EXPECTING: &[&str] = &["expect", "want", "should", "must"];

impl Facts<'_> {
    /// The words with which `client` denies an echo that it got: all it sent came back over TCP as it was owed, it took in
    /// every byte before it closed, and what it says it misses is nothing but that. With the packets that carried it.
    #[must_use]
    pub fn denies_its_echo(&self, client: &Player) -> Option<(Bytes, Vec<String>)> {
        let exchanges = self.exchanges().ok()?;
        let told = self.contract.reply.as_ref().is_some_and(|term| term.source == Source::Told);
        let asked = || exchanges.iter().filter(|(_, exchange)| exchange.echo != Echo::NothingAsked);
        let got_its_echo = |(talk, exchange): &(&Talk, Exchange)| {
            exchange.echo == Echo::Right && (told || is_copy(talk)) && was_taken_in(talk)
        };
        if asked().next().is_none() || !asked().all(got_its_echo) {
            return None;
        }
        let sent: Vec<&[u8]> =
            asked().filter_map(|(talk, _)| talk.request().ok()).flat_map(|said| lines(&said.head.0)).collect();
        let said = client.last_words().or_else(|| last_line(client.program.stdout.as_ref()?))?;
        let seen = asked().flat_map(|(talk, _)| talk.references()).collect();
        denies(&String::from_utf8_lossy(&said.0), &sent, told).then_some((said, seen))
    }
}

fn is_copy(talk: &Talk) -> bool {
    talk.conversation.is_some_and(|talk| {
        talk.sent.is_whole() && talk.sent.total == talk.received.total && talk.sent.head == talk.received.head
    })
}

/// Whether the client had read all of its reply when it closed: a kernel resets a connection that is closed with bytes
/// unread, and sends a FIN for one that is not.
fn was_taken_in(talk: &Talk) -> bool {
    let last = talk.response().ok().and_then(|response| response.last);
    talk.transport == Transport::Tcp
        && talk.rst(Role::Client).is_none()
        && talk.rst(Role::Server).is_none()
        && talk.fin(Role::Client).zip(last).is_some_and(|(left, last)| last < left)
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty())
}

fn last_line(output: &Output) -> Option<Bytes> {
    let kept = if output.tail.is_empty() { &output.head.0 } else { &output.tail.0 };
    lines(kept).last().map(Bytes::from)
}

/// Whether `words` say that there was no right echo of the lines in `sent`, and expect nothing but these. Where the reply was
/// told, "reply" means the same.
fn denies(words: &str, sent: &[&[u8]], told: bool) -> bool {
    let mut low = words.to_lowercase();
    if told {
        low = ["reply", "response", "answer"].iter().fold(low, |text, noun| text.replace(noun, "echo"));
    }
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| low.contains(phrase));
    let sent: Vec<&str> = sent.iter().filter_map(|line| std::str::from_utf8(line).ok()).collect();
    let named = |text: &str| sent.iter().map(|line| text.matches(line).count()).max().unwrap_or_default();
    let in_any_case = sent.iter().map(|line| low.matches(&line.to_lowercase()).count()).max().unwrap_or_default();
    let names_nothing_else = in_any_case == named(words) && quoted(words).iter().all(|text| sent.contains(text));
    // Expected this, got the same with its line end: both stand in quotes.
    let quotes = quoted(words);
    let same_twice = quotes.len() == 2 && quotes[0] == quotes[1] && sent.contains(&quotes[0]);
    let denied = says(DENIALS) || says(EXPECTING) && same_twice;
    denied && !says(ELSEWISE) && names_nothing_else && (!says(EXPECTING) || named(words) >= 2)
}

/// What stands in quotes in `words`, without the line ends written out at its end. An apostrophe within a word is none.
fn quoted(words: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(begin) = words[from..].find(['\'', '"']).map(|at| from + at) {
        let quote = &words[begin..=begin];
        // `b'…'` is how Python and Rust show bytes.
        let before = words[..begin].trim_end_matches('b');
        from = begin + 1;
        if !before.ends_with(char::is_alphanumeric)
            && let Some(end) = words[from..].find(quote)
        {
            found.push(words[from..from + end].trim_end_matches("\\n").trim_end_matches("\\r"));
            from += end + 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{denies, quoted};

    fn untold(words: &str) -> bool {
        denies(words, &[b"hello"], false)
    }

    #[test]
    fn an_echo_is_denied_in_many_words() {
        for words in [
            "FAIL: server does not echo",
            "the server doesn't echo",
            "Echo mismatch!",
            "wrong echo: b'hello\\n'",
            "echo mismatch: expected 'hello\\n', got b'hello\\n'",
            "ECHO FAILED",
            "error: \"hello\" was not echoed",
        ] {
            assert!(untold(words), "{words}");
        }
    }

    #[test]
    fn whoever_expects_what_it_got_but_for_the_line_end_denies_its_echo() {
        assert!(untold(r"AssertionError: expected 'hello', got 'hello\n'"));
        assert!(untold(r#"error: want "hello", got "hello\r\n""#));
        for words in [
            r"sent 'hello', got 'hello\n'",
            r"expected 'HELLO', got 'hello\n'",
            r"expected 'Echo: hello' and got 'hello\n'",
        ] {
            assert!(!untold(words), "{words}");
        }
    }

    #[test]
    fn whoever_expects_something_else_or_sooner_denies_no_echo() {
        for words in [
            "2 replies, 0 matches",
            "echo: needle not found",
            "echo mismatch: expected HELLO, got hello",
            "echo mismatch: 'HELLO' != 'hello'",
            "wrong echo: Hello / hello",
            "server does not echo in upper case",
            "no echo within 10 ms",
            "echo failed: timed out",
            "wrong reply",
            "server sent no greeting before its echo is not there",
            "bad echo 'world'",
            "a server must not echo an empty line",
        ] {
            assert!(!untold(words), "{words}");
        }
    }

    #[test]
    fn where_a_reply_was_told_it_may_be_called_so() {
        assert!(denies("wrong reply: 'hello'", &[b"hello"], true));
        assert!(!denies("unexpected reply: 'HELLO'", &[b"hello"], true));
        assert!(!denies("2 replies, 0 matches", &[b"hello"], true));
    }

    #[test]
    fn quotes_are_told_from_apostrophes() {
        assert_eq!(quoted("doesn't echo 'a b' or b\"c\\r\\n\""), ["a b", "c"]);
        assert_eq!(quoted("it isn't"), [""; 0]);
    }
}
