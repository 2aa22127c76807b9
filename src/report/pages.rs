//! The catalogue: one page per fault, embedded at build time. The same files are read on the web, printed by
//! `netdiag explain`, and checked by tests, so their form is fixed: a title, a summary in italics, a list of fields
//! (`Side`, `Symptoms`, `Aliases`), then the sections of [`SECTIONS`].

/// A page of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// The fault's one name.
    pub slug: &'static str,
    /// The page as Markdown.
    pub text: &'static str,
}

/// The sections every page has, in this order.
pub const SECTIONS: [&str; 7] = [
    "What it looks like",
    "How netdiag knows",
    "Why it happens",
    "Example",
    "How to fix it",
    "See it by hand",
    "Sources",
];

/// What a stuck reader sees first; the index is ordered by it.
pub const SYMPTOMS: [&str; 9] = [
    "connection refused",
    "hangs",
    "slow",
    "garbled or incomplete",
    "connection lost",
    "only some clients",
    "works once",
    "a program dies",
    "does not end",
];

macro_rules! pages {
    ($($slug:literal)*) => {
        &[$(Page { slug: $slug, text: include_str!(concat!("../../docs/faults/", $slug, ".md")) }),*]
    };
}

/// Every page, in the order in which things go wrong: reaching the server, being served, the reply, the end.
pub const PAGES: &[Page] = pages! {
    "wrong-port" "server-wrong-port" "no-server" "server-died" "never-listens" "port-in-use" "address-mismatch"
    "transport-mismatch" "connection-refused" "client-before-server" "firewall-reject" "dropped-packets" "never-accepts"
    "suspended-server" "silent-client" "missing-terminator" "server-waits-for-full-buffer" "length-prefix-byte-order"
    "struct-padding" "crlf-versus-lf" "read-to-eof-without-half-close" "connection-abandoned" "unread-request" "missing-reply"
    "swallowed-exception" "utf8-split-across-reads" "line-longer-than-limit" "unterminated-reply"
    "server-one-recv-per-message" "reply-not-flushed" "short-write-ignored" "truncated-reply" "corrupted-reply"
    "unterminated-c-string" "whole-buffer-echo" "binary-through-text" "half-close-dropped" "exit-before-output"
    "one-reply-versus-session" "early-close" "server-closes-with-unread-data" "reset" "client-closes-with-unread-data"
    "slow-reply" "client-gives-up-early" "client-one-recv-per-message" "small-receive-buffer-desync" "one-at-a-time"
    "write-write-deadlock" "receiver-stops-reading" "blocked-loop" "contract-disagreement" "client-failed"
    "server-crashed" "eof-busy-loop" "writable-busy-loop" "close-wait-leak" "accept-fails-emfile" "accept-loop-ended"
    "worker-pool-exhausted" "shared-state-crosstalk" "client-threads-share-socket" "fork-keeps-descriptor"
    "coroutine-never-awaited" "nagle-delayed-ack" "killed-by-sigpipe" "would-block-treated-as-error"
    "closed-socket-in-select" "select-above-1024" "unhandled-socket-error" "port-byte-order"
    "time-wait-without-reuseaddr" "two-listeners-reuseport" "tcp-self-connect" "ephemeral-port-exhaustion"
    "listener-inherited-by-child" "backlog-full" "udp-no-timeout" "udp-too-large" "tls-to-plain-port"
    "udp-reply-from-other-source" "udp-reply-to-wrong-peer" "udp-truncated-by-buffer" "udp-late-reply-taken-for-next"
    "udp-error-kills-server" "shutdown-hangs" "loopback-down" "leak-per-client"
};

impl Page {
    /// One sentence, without its emphasis.
    #[must_use]
    pub fn summary(&self) -> &'static str {
        let line = self.text.lines().find(|line| line.starts_with('*'));
        line.map_or("", |line| line.trim_matches('*'))
    }

    /// Who usually has to change something: `client`, `server`, `both`, `environment`, or several of them.
    #[must_use]
    pub fn sides(&self) -> Vec<&'static str> {
        self.field("Side")
    }

    /// What one sees first, out of [`SYMPTOMS`].
    #[must_use]
    pub fn symptoms(&self) -> Vec<&'static str> {
        self.field("Symptoms")
    }

    /// Other names under which it is known.
    #[must_use]
    pub fn aliases(&self) -> Vec<&'static str> {
        self.field("Aliases")
    }

    fn field(&self, name: &str) -> Vec<&'static str> {
        let head = self.text.split("\n## ").next().unwrap_or_default();
        let value = head.lines().find_map(|line| line.strip_prefix("- ")?.strip_prefix(name)?.strip_prefix(": "));
        value.map_or_else(Vec::new, |value| value.split(", ").collect())
    }
}

/// The page called `name`, or known by that alias.
#[must_use]
pub fn find(name: &str) -> Option<&'static Page> {
    PAGES.iter().find(|page| page.slug == name).or_else(|| PAGES.iter().find(|page| page.aliases().contains(&name)))
}

/// The page whose name or alias is most like `name`.
#[must_use]
pub fn nearest(name: &str) -> &'static Page {
    let likeness = |page: &Page| {
        let names = std::iter::once(page.slug).chain(page.aliases());
        names.map(|other| strsim::normalized_damerau_levenshtein(name, other)).fold(0.0, f64::max)
    };
    PAGES.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b))).unwrap_or(&PAGES[0])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_page_has_its_title_summary_fields_and_sections_in_order() {
        for page in PAGES {
            let slug = page.slug;
            assert!(page.text.starts_with(&format!("# {slug}\n\n*")), "{slug}: title and summary");
            assert!(page.summary().ends_with('.') && page.summary().len() > 30, "{slug}: summary");
            let sections: Vec<_> = page.text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
            assert_eq!(sections, SECTIONS, "{slug}");
            assert!(!page.sides().is_empty(), "{slug}: side");
            assert!(
                page.sides().iter().all(|side| ["client", "server", "both", "environment"].contains(side)),
                "{slug}"
            );
            assert!(!page.symptoms().is_empty(), "{slug}: symptoms");
            assert!(page.symptoms().iter().all(|symptom| SYMPTOMS.contains(symptom)), "{slug}: symptoms");
        }
    }

    #[test]
    fn every_page_teaches_with_a_wrong_and_a_right_version() {
        for page in PAGES {
            for language in ["```python", "```rust"] {
                assert_eq!(page.text.matches(language).count(), 1, "{}: {language}", page.slug);
            }
            for word in ["wrong:", "right:"] {
                let marks = page.text.lines().filter(|line| {
                    let line = line.trim_start();
                    line.starts_with(&format!("# {word}")) || line.starts_with(&format!("// {word}"))
                });
                assert_eq!(marks.count(), 2, "{}: {word}", page.slug);
            }
        }
    }

    #[test]
    fn no_line_of_a_page_is_too_long_to_read() {
        for page in PAGES {
            for line in page.text.lines() {
                assert!(line.chars().count() <= 120 || line.starts_with("- Aliases"), "{}: {line}", page.slug);
            }
            let lines = page.text.lines().count();
            assert!((30..=85).contains(&lines), "{} has {lines} lines", page.slug);
        }
    }

    #[test]
    fn names_and_aliases_are_unique() {
        let mut names = BTreeSet::new();
        for page in PAGES {
            assert!(names.insert(page.slug), "{}", page.slug);
            for alias in page.aliases() {
                assert!(names.insert(alias), "{alias}");
            }
        }
    }

    #[test]
    fn a_page_is_found_by_its_name_an_alias_or_a_slip_of_the_pen() {
        assert_eq!(find("wrong-port").unwrap().slug, "wrong-port");
        assert_eq!(find("client-wrong-port").unwrap().slug, "wrong-port");
        assert!(find("wrong-prot").is_none());
        assert_eq!(nearest("wrong-prot").slug, "wrong-port");
        assert_eq!(nearest("misssing_reply").slug, "missing-reply");
    }

    #[test]
    fn the_index_lists_every_page_under_each_of_its_symptoms() {
        let index = include_str!("../../docs/faults/README.md");
        let mut listed = BTreeSet::new();
        let mut symptom = "";
        for line in index.lines() {
            if let Some(heading) = line.strip_prefix("## ") {
                symptom = heading;
            }
            if let Some((slug, _)) = line.strip_prefix("- [").and_then(|rest| rest.split_once(']')) {
                assert!(line.contains(&format!("({slug}.md)")), "{line}");
                listed.insert((symptom.to_lowercase(), slug.to_owned()));
            }
        }
        let wanted =
            PAGES.iter().flat_map(|page| page.symptoms().into_iter().map(|s| (s.to_owned(), page.slug.to_owned())));
        assert_eq!(listed, wanted.collect());
    }
}
