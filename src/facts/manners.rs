//! Ways in which a server that netdiag asked answers without echoing: unasked, again, once only, or to everybody. No blame.

use std::collections::BTreeSet;

use super::{Facts, Talk};
use crate::evidence::{Gap, Probe, Shape, Stream};

/// A line as long as this does not turn up in two conversations by chance.
const TELLING: usize = 4;

/// Everything one probe said, message by message, without line ends.
fn texts(probe: &Probe) -> impl Iterator<Item = &[u8]> {
    probe.sent.iter().map(|message| message.0.trim_ascii()).filter(|text| !text.is_empty())
}

fn times(text: &[u8], bytes: &[u8]) -> usize {
    bytes.windows(text.len()).filter(|part| part.eq_ignore_ascii_case(text)).count()
}

/// The second of two messages was answered by the first one over again.
fn repeats_the_first(probe: &Probe) -> bool {
    let [first, second] = probe.sent.as_slice() else { return false };
    first != second && probe.received.0 == [first.0.as_slice(), &first.0].concat()
}

impl Facts<'_> {
    /// Whether the server, asked by itself, says something of its own to whoever connects and answers nothing: its protocol
    /// is another one.
    #[must_use]
    pub fn says_its_piece_and_no_more(&self) -> bool {
        self.is_alone() && self.answers_nobody() && self.dialect.as_ref().is_ok_and(|dialect| dialect.banner.is_some())
    }

    /// The probes that show it, if the second message on a connection was answered by the first one over again.
    #[must_use]
    pub fn answers_with_what_came_before(&self) -> Option<Vec<String>> {
        let probes = &self.evidence.probes.seen().ok()?.probes;
        let two = |probe: &Probe| matches!(probe.shape, Shape::TwoLines | Shape::Overlapping) && probe.sent.len() == 2;
        let heard: Vec<(usize, &Probe)> =
            probes.iter().enumerate().filter(|(_, probe)| two(probe) && probe.received_total > 0).collect();
        let always = !heard.is_empty() && heard.iter().all(|(_, probe)| repeats_the_first(probe));
        always.then(|| heard.iter().take(3).map(|(index, _)| format!("probes:{index}")).collect())
    }

    /// The probes that show it, if the first line on a connection was answered and a second one, on a connection that stayed
    /// open, was not, however it was sent.
    #[must_use]
    pub fn answers_one_line_and_stays(&self) -> Option<Vec<String>> {
        let second = self.dialect.as_ref().ok()?.answers_second.as_ref()?;
        (!second.value).then(|| second.evidence())
    }

    /// The probes that show it, if of several connections open at the same time each was sent what it had said itself, once,
    /// and what each of the others had said: as in a chat, where a mixed-up buffer leaves things out and repeats others.
    #[must_use]
    pub fn tells_everybody(&self) -> Option<Vec<String>> {
        let probes = &self.evidence.probes.seen().ok()?.probes;
        let together = |probe: &Probe| probe.shape == Shape::Overlapping && probe.received_total > 0;
        let group = probes.iter().find(|probe| together(probe))?.group;
        let all: Vec<(usize, &Probe)> =
            probes.iter().enumerate().filter(|(_, probe)| together(probe) && probe.group == group).collect();
        let hears = |(index, probe): &(usize, &Probe)| {
            let got = &probe.received.0;
            let own = texts(probe).all(|text| times(text, got) == 1);
            let others = all.iter().filter(|(other, _)| other != index);
            let hears_others = |other: &Probe| {
                let heard: Vec<usize> = texts(other).map(|text| times(text, got)).collect();
                heard.contains(&1) && heard.iter().all(|times| *times <= 1)
            };
            got.len() as u64 == probe.received_total && own && others.into_iter().all(|(_, other)| hears_others(other))
        };
        (all.len() > 1 && all.iter().all(hears))
            .then(|| all.iter().take(3).map(|(index, _)| format!("probes:{index}")).collect())
    }

    /// Whether everybody heard what they had said themselves, as often as they had said it, and some two of them each other:
    /// what one says goes to all who are there.
    pub fn talks_are_shared(&self) -> Result<bool, Gap> {
        let talks: Vec<&Talk> = self.talks()?.iter().filter(|talk| talk.asked_bytes() > Some(0)).collect();
        // How often `one` heard each line that `other` alone had said, beside how often that one had said it.
        let counts = |one: &Talk, other: &Talk| -> Vec<(usize, usize)> {
            let (said, got) = (bytes_of(other.request()), bytes_of(one.response()));
            let strange = lines(other).into_iter().filter(|line| line.len() >= TELLING && !lines(one).contains(line));
            strange.map(|line| (times(line, got), times(line, said))).collect()
        };
        let hears = |one: &Talk, other: &Talk| counts(one, other).iter().any(|(heard, _)| *heard > 0);
        let mixes_up = |one: &&Talk| {
            talks
                .iter()
                .any(|other| one.client != other.client && counts(one, other).iter().any(|(heard, said)| heard > said))
        };
        let each_other =
            |one: &&Talk, other: &&Talk| one.client != other.client && hears(one, other) && hears(other, one);
        Ok(talks.iter().all(|talk| hears_itself(talk))
            && !talks.iter().any(mixes_up)
            && talks.iter().any(|one| talks.iter().any(|other| each_other(one, other))))
    }
}

fn bytes_of(stream: Result<&Stream, Gap>) -> &[u8] {
    stream.map(|stream| stream.head.0.as_slice()).unwrap_or_default()
}

fn lines<'t>(talk: &'t Talk) -> BTreeSet<&'t [u8]> {
    bytes_of(talk.request())
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty())
        .collect()
}

fn hears_itself(talk: &Talk) -> bool {
    let (Ok(asked), Ok(got)) = (talk.request(), talk.response()) else { return false };
    let as_often = |line: &[u8]| times(line, &got.head.0) == times(line, &asked.head.0);
    asked.is_whole() && got.is_whole() && lines(talk).into_iter().all(as_often)
}

#[cfg(test)]
mod tests {
    use crate::evidence::{Occasion, Probe, Shape};
    use crate::facts::staged::{Stage, pair, probe};

    /// Two messages of each of three clients at the same time, each with its answer.
    fn crowd(answer: impl Fn(u32) -> String) -> Stage {
        let member = |n: u32| {
            let mut member = probe("", &answer(n));
            member.sent = vec![said(n).as_str().into(), said(n + 10).as_str().into()];
            Probe { shape: Shape::Overlapping, group: 4, ..member }
        };
        let mut stage = pair().untold().client_gone().probed((1..=3).map(member).collect());
        stage.0.setting.occasion = Occasion::LiveServer;
        stage
    }

    fn said(n: u32) -> String {
        format!("netdiag probe {n} says hello {n}\n")
    }

    fn all(numbers: impl IntoIterator<Item = u32>) -> String {
        numbers.into_iter().map(said).collect()
    }

    #[test]
    fn a_chat_tells_everybody_and_a_shared_buffer_does_not() {
        let chat = crowd(|n| all([1, 2, 3, 11, 12, 13].into_iter().filter(|said| *said >= n)));
        assert!(chat.facts().tells_everybody().is_some(), "who comes later has not heard what was said before");
        assert!(crowd(|n| all([n, n + 10])).facts().tells_everybody().is_none());
        let grows = crowd(|n| all((1..=n).chain(1..=3).chain(11..=10 + n)));
        assert!(grows.facts().tells_everybody().is_none());
        assert!(crowd(|_| all([3, 13])).facts().tells_everybody().is_none());
    }

    #[test]
    fn what_came_before_comes_again() {
        assert!(crowd(|n| all([n, n])).facts().answers_with_what_came_before().is_some());
        assert!(crowd(|n| all([n, n + 10])).facts().answers_with_what_came_before().is_none());
        assert!(crowd(|_| "ok\nok\n".to_owned()).facts().answers_with_what_came_before().is_none());
    }
}
