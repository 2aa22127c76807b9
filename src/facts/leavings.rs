//! What netdiag's own questions show of a server's buffers, where no client is on the stand: what is left in them, what does
//! not fit into them, and how long the quickest answer took. No blame.

use super::Facts;
use super::dialect::Comparison;
use crate::evidence::{Probe, Shape};

/// Something about the answers to netdiag's own questions, and the probes that show it.
#[derive(Debug, Clone, PartialEq)]
pub struct Leaving {
    /// What was said.
    pub asked: Vec<u8>,
    /// What came behind it.
    pub rest: Vec<u8>,
    /// `probes:N`.
    pub evidence: Vec<String>,
}

/// Fewer NULs may be the end of a string, or a number.
const PADDING: usize = 4;
/// A shorter rest may be there by chance.
const TELLING: usize = 8;
/// Every host takes datagrams of this size (RFC 1122 §3.3.2, without the headers).
const ANY_HOST_TAKES: u32 = 512;

impl Facts<'_> {
    /// Short messages of different lengths whose answers were filled up with NULs to one and the same length: a record that
    /// was meant to have that length would not have been answered before it was complete.
    #[must_use]
    pub fn padded_answers(&self) -> Option<Leaving> {
        let padded: Vec<(usize, &Probe)> = self
            .single_messages()
            .into_iter()
            .filter(|(_, probe)| {
                let rest = probe.received.0.strip_prefix(probe.sent[0].0.as_slice()).unwrap_or_default();
                rest.len() >= PADDING && rest.iter().all(|byte| *byte == 0) && !probe.sent[0].0.contains(&0)
            })
            .collect();
        let (_, first) = *padded.first()?;
        let same = |probe: &Probe| probe.received_total == first.received_total;
        let differs = |probe: &Probe| probe.sent_total != first.sent_total;
        (padded.iter().all(|(_, probe)| same(probe)) && padded.iter().any(|(_, probe)| differs(probe))).then(|| {
            Leaving {
                asked: first.sent[0].0.clone(),
                rest: first.received.0[first.sent[0].len()..].to_vec(),
                evidence: references(&padded),
            }
        })
    }

    /// A message that came back with text behind it which had only been said before, in another conversation, and is no
    /// answer to anything in this one.
    #[must_use]
    pub fn answer_with_older_text(&self) -> Option<Leaving> {
        let probes = &self.evidence.probes.seen().ok()?.probes;
        self.single_messages().into_iter().find_map(|(index, probe)| {
            let said = &probe.sent[0].0;
            let rest = [said.as_slice(), said.trim_ascii_end()]
                .into_iter()
                .find_map(|said| probe.received.0.strip_prefix(said))?;
            let older = Some(rest.trim_ascii()).filter(|older| older.len() >= TELLING)?;
            let holds = |other: &Probe| other.said().windows(older.len()).any(|part| part == older);
            let before = probes[..index].iter().rposition(holds)?;
            (!holds(probe)).then(|| Leaving {
                asked: said.clone(),
                rest: rest.to_vec(),
                evidence: vec![format!("probes:{before}"), format!("probes:{index}")],
            })
        })
    }

    /// The size of the smallest datagram that came back cut, how much of it came, and the probes: only where the cut is so
    /// short that no host has to send less.
    #[must_use]
    pub fn cuts_small_datagrams(&self) -> Option<(u32, u32, Vec<String>)> {
        let datagrams = self.dialect.as_ref().ok()?.datagrams.as_ref()?;
        let (asked, came) = datagrams.value.cut?;
        (came < ANY_HOST_TAKES).then(|| (asked, came, datagrams.evidence()))
    }

    /// Only the first of two lines that came in one write was answered; the probes that show it.
    #[must_use]
    pub fn answers_first_of_joined(&self) -> Option<Vec<String>> {
        let probes = &self.evidence.probes.seen().ok()?.probes;
        let joined = self.dialect.as_ref().ok()?.answers_joined.as_ref().filter(|learned| !learned.value)?;
        // It answers no second line at all: how the two were sent does not matter.
        if self.answers_one_line_and_stays().is_some() {
            return None;
        }
        let first_alone = |index: &usize| {
            probes.get(*index).is_some_and(|probe| {
                let said = probe.said();
                let first = said.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
                super::dialect::compare(&said, &probe.received.0) == Comparison::Truncated { at: first.len() }
            })
        };
        (!joined.probes.is_empty() && joined.probes.iter().all(first_alone)).then(|| joined.evidence())
    }

    /// How long the quickest answer to a short message took, in milliseconds, and the probe that got it.
    #[must_use]
    pub fn quickest_answer_ms(&self) -> Option<(f64, String)> {
        let timed = self.single_messages().into_iter().filter(|(_, probe)| probe.before_half_close > 0);
        let answers = timed.filter_map(|(index, probe)| Some((probe.first_byte_ms?, format!("probes:{index}"))));
        answers.min_by(|one, other| one.0.total_cmp(&other.0))
    }

    /// The probes that said one short message by itself and were answered.
    fn single_messages(&self) -> Vec<(usize, &Probe)> {
        use Shape::{Chunk, ChunkHalfClose, CrLfLine, Datagram, Line, LineHalfClose};
        let probes = self.evidence.probes.seen().map(|seen| seen.probes.as_slice()).unwrap_or_default();
        let is_single = |probe: &Probe| {
            matches!(probe.shape, Chunk | ChunkHalfClose | CrLfLine | Datagram | Line | LineHalfClose)
                && probe.sent.len() == 1
                && probe.received_total > 0
        };
        probes.iter().enumerate().filter(|(_, probe)| is_single(probe)).collect()
    }
}

fn references(probes: &[(usize, &Probe)]) -> Vec<String> {
    probes.iter().take(3).map(|(index, _)| format!("probes:{index}")).collect()
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::Side;
    use crate::evidence::{Occasion, Probe, Shape, Term};
    use crate::facts::staged::{Stage, pair, probe};

    fn asked(probes: Vec<Probe>) -> Stage {
        let grouped = probes.into_iter().zip(100..).map(|(probe, group)| Probe { group, at_rest: true, ..probe });
        let mut stage = pair().untold().client_gone().probed(grouped.collect());
        stage.0.setting.occasion = Occasion::LiveServer;
        stage
    }

    fn padded(text: &str, to: usize) -> Probe {
        probe(text, &format!("{text}{}", "\0".repeat(to - text.len())))
    }

    #[test]
    fn a_server_that_writes_its_whole_buffer_is_told_by_itself() {
        let stage = asked(vec![padded("netdiag probe 1\n", 512), padded("netdiag probe 10\n", 512)]);
        assert_eq!(stage.fires("whole-buffer-echo").side, Side::Server);
        assert_eq!(stage.verdict().fault.as_deref(), Some("whole-buffer-echo"));
        let by_message = asked(vec![padded("netdiag probe 1\n", 24), padded("netdiag probe 10\n", 32)]);
        by_message.silent("whole-buffer-echo");
    }

    #[test]
    fn a_server_whose_buffer_still_holds_older_text_is_told_by_itself() {
        let long = probe("netdiag probe 1 says hello 1\n", "netdiag probe 1 says hello 1\n");
        let short = probe("netdiag\n", "netdiag\nbe 1 says hello 1\n");
        let stage = asked(vec![long.clone(), short.clone()]);
        assert_eq!(stage.fires("unterminated-c-string").side, Side::Server);
        asked(vec![short, long.clone()]).silent("unterminated-c-string");
        asked(vec![long.clone(), long]).silent("unterminated-c-string");
    }

    #[test]
    fn a_promise_is_held_against_the_quickest_answer() {
        let slow = |ms| Probe { first_byte_ms: Some(ms), ..probe("hello\n", "hello\n") };
        let promised = |probes| asked(probes).contract(|terms| terms.latency_ms = Some(Term::told(500)));
        assert_eq!(promised(vec![slow(2000.0), slow(2010.0)]).fires("slow-reply").side, Side::Server);
        promised(vec![slow(2000.0), slow(3.0)]).excludes("slow-reply");
        asked(vec![slow(2000.0)]).silent("slow-reply");
    }

    #[test]
    fn of_two_lines_in_one_write_only_the_first_was_answered() {
        let two = "netdiag probe 5 says hello 5\nnetdiag probe 6 says hello 6\n";
        let joined = |answer: &str| Probe { shape: Shape::JoinedLines, ..probe(two, answer) };
        let parts = ["netdiag probe 1 says hello 1\n", "netdiag probe 2 says hello 2\n"];
        let session = Probe {
            shape: Shape::TwoLines,
            sent: parts.map(Into::into).to_vec(),
            ..probe(&parts.concat(), &parts.concat())
        };
        let plain = || probe("netdiag probe 3 says hello 3\n", "netdiag probe 3 says hello 3\n");
        let chunk = || Probe { shape: Shape::Chunk, half_closed: true, ..probe("netdiag probe 4 says hello 4", "") };
        let of = |answer: &str| asked(vec![session.clone(), chunk(), plain(), joined(answer)]);
        assert_eq!(of("netdiag probe 5 says hello 5\n").fires("server-one-recv-per-message").side, Side::Server);
        of(two).silent("server-one-recv-per-message");
    }
}
