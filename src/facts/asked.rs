//! What became of netdiag's own questions to a server: the readings that stand in for a client's exchanges.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use super::Facts;
use super::dialect::{Binary, Bulk, Comparison, Dialect, Learned, Places};
use crate::evidence::{
    At, Close, Evidence, Gap, Lifetime, Occasion, Probe, Reach, Shape, Socket, SocketState, Term, Transport,
};

/// C, Java, Perl, Python and Go write what nobody flushes in multiples of this.
const LIBRARY_BUFFER: u64 = 4096;

/// What the probe said first, and how many bytes of its beginning were the answer to it: at least one, and not all. Where two
/// things were said, the rest of the answer must be the beginning of the second.
fn cut_short(probe: &Probe) -> Option<(&[u8], usize)> {
    let said = probe.sent.first()?.0.as_slice();
    let answer = probe.received.0.as_slice();
    let length = said.iter().zip(answer).take_while(|(a, b)| a == b).count();
    let rest = &answer[length..];
    let second = probe.sent.get(1).map(|bytes| bytes.0.as_slice()).unwrap_or_default();
    (length > 0 && length < said.trim_ascii_end().len() && second.starts_with(rest)).then_some((said, length))
}

/// One short message of text, however it ends.
fn is_plain(probe: &Probe) -> bool {
    use Shape::{Chunk, ChunkHalfClose, CrLfLine, Line, LineHalfClose};
    matches!(probe.shape, Chunk | ChunkHalfClose | CrLfLine | Line | LineHalfClose) && probe.sent.len() == 1
}

/// The first of these probes.
pub(super) fn references(probes: &[(usize, &Probe)]) -> Vec<String> {
    probes.iter().take(3).map(|(index, _)| format!("probes:{index}")).collect()
}

/// The few bytes that came back behind the whole of what was said, if the probe itself had said no NUL.
fn behind_the_echo(probe: &Probe) -> Option<&[u8]> {
    const FEW: usize = 8;
    let said = &probe.sent.first()?.0;
    let rest = probe.received.0.strip_prefix(said.as_slice())?;
    (!said.contains(&0) && (1..=FEW).contains(&rest.len())).then_some(rest)
}

/// How many bytes the server cut from the end of each thing this probe said, if it came to an end and nothing else changed.
fn lost_at_the_end(probe: &Probe) -> Option<usize> {
    let said: Vec<&[u8]> = probe.sent.iter().map(|part| part.0.as_slice()).collect();
    let sent: usize = said.iter().map(|part| part.len()).sum();
    let lost = sent.checked_sub(probe.received_total as usize)?.checked_div(said.len())?;
    let kept: Option<Vec<&[u8]>> = said.iter().map(|part| part.get(..part.len().checked_sub(lost)?)).collect();
    let ended = probe.at_rest || matches!(probe.close, Close::Fin | Close::Reset);
    (lost > 0 && ended && kept?.concat() == probe.received.0).then_some(lost)
}

/// How a server that answers nothing treats its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Muteness {
    /// No process ever held the server's end.
    NotAccepted,
    /// Held, and what was sent lay unread.
    Unread,
    /// Read, and the connection stayed open.
    Open,
    /// Closed by FIN without a byte.
    Closed,
    /// Reset without a byte.
    Reset,
}

/// A departure that probes show of a server which otherwise echoes.
#[derive(Debug, Clone, PartialEq)]
pub struct Departure {
    /// What was seen, as a clause.
    pub what: String,
    /// The probes that show it.
    pub evidence: Vec<String>,
}

/// Whether `dialler` is netdiag's own end of a probe: what it did says nothing about any client.
pub(super) fn is_probes(evidence: &Evidence, dialler: SocketAddr) -> bool {
    evidence.probes.seen().is_ok_and(|probes| probes.probes.iter().any(|probe| probe.from == Some(dialler)))
}

impl Facts<'_> {
    /// Whether the probes are the main evidence: a server by itself, with no client on the stand.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        self.evidence.setting.occasion == Occasion::LiveServer
    }

    /// The dialect, when the server was asked by itself.
    pub fn asked(&self) -> Result<Option<&Dialect>, Gap> {
        if self.is_alone() { self.dialect.as_ref().map(Some).map_err(Clone::clone) } else { Ok(None) }
    }

    /// Whether the server answered none of the probes that reached it, whatever their shape.
    #[must_use]
    pub fn answers_nobody(&self) -> bool {
        self.dialect.as_ref().is_ok_and(|dialect| dialect.answers.as_ref().is_some_and(|answers| !answers.value))
    }

    /// Whether only the pair's own client ever put a question to the server: then its silence was heard in one form alone.
    #[must_use]
    pub fn was_asked_by_its_client_alone(&self) -> bool {
        let probes = self.evidence.probes.seen().map(|probes| &probes.probes);
        probes.is_ok_and(|probes| {
            probes.iter().filter(|probe| probe.was_heard()).all(|probe| probe.shape == Shape::OwnClient)
        })
    }

    /// How a server that answered nobody treated the probes; `None` when it did answer, or they differ.
    pub fn muteness(&self) -> Result<Option<(Muteness, Vec<String>)>, Gap> {
        if !self.is_alone() || !self.answers_nobody() {
            return Ok(None);
        }
        let probes = &self.evidence.probes.seen()?.probes;
        let mut seen: Vec<Muteness> = Vec::new();
        let mut evidence = Vec::new();
        for (index, probe) in probes.iter().enumerate() {
            if probe.reach != Reach::Connected || probe.transport == Transport::Udp || probe.sent_total == 0 {
                continue;
            }
            if self.was_read_in_part(probe) {
                return Ok(None);
            }
            seen.extend(self.treatment(probe));
            evidence.push(format!("probes:{index}"));
        }
        let ended = |probe: &Probe| probe.close == Close::Fin && probe.half_closed && probe.sent_total > 0;
        let ends_in_order = probes.iter().any(ended);
        // Who closes before it has read everything makes its kernel reset: with many bytes that happens to anybody.
        if seen.contains(&Muteness::Closed) || ends_in_order {
            seen.retain(|one| *one != Muteness::Reset);
        }
        // Where it ended other connections at the end of their input, the one that stayed open was merely not done yet.
        if seen.contains(&Muteness::Open) && ends_in_order {
            return Ok(None);
        }
        let first = seen.first().copied();
        evidence.truncate(3);
        Ok(first.filter(|first| seen.iter().all(|other| other == first)).map(|first| (first, evidence)))
    }

    /// Whether the server had read some of what was said and left the rest on a connection that it kept: it may be at work on
    /// that, as one is that takes the first bytes for a length.
    fn was_read_in_part(&self, probe: &Probe) -> bool {
        if !matches!(probe.close, Close::Open | Close::None) {
            return false;
        }
        let unread = self.server_end_of(probe).and_then(|(_, socket)| socket.recv_queue).map(u64::from);
        unread.is_some_and(|unread| (1..probe.sent_total).contains(&unread))
    }

    fn treatment(&self, probe: &Probe) -> Option<Muteness> {
        match probe.close {
            // One that waited for more and was told that none will come may have asked for a form netdiag does not speak.
            Close::Fin if probe.half_closed => return None,
            Close::Fin => return Some(Muteness::Closed),
            Close::Reset => return Some(Muteness::Reset),
            Close::Open | Close::None => {}
        }
        let (_, socket) = self.server_end_of(probe)?;
        match socket.recv_queue {
            _ if socket.inode == 0 => Some(Muteness::NotAccepted),
            Some(unread) if unread > 0 => Some(Muteness::Unread),
            Some(_) => Some(Muteness::Open),
            None => None,
        }
    }

    /// The server's end of a probe's connection, at the last look while it was open.
    fn server_end_of(&self, probe: &Probe) -> Option<(At, &Socket)> {
        let from = probe.from?;
        let sockets = self.evidence.sockets.seen().ok()?;
        sockets
            .rows()
            .filter(|(_, _, socket)| {
                socket.local.port() == probe.target.port()
                    && socket.remote == Some(from)
                    && matches!(socket.state, SocketState::Established | SocketState::CloseWait)
            })
            .map(|(_, at, socket)| (at, socket))
            .last()
    }

    /// The server does not echo what it is sent, although it answers, or says something unasked.
    #[must_use]
    pub fn is_no_echo_server(&self) -> bool {
        self.says_its_piece_and_no_more()
            || self.dialect.as_ref().is_ok_and(|dialect| dialect.echoes.as_ref().is_some_and(|echoes| !echoes.value))
                && !self.echoes_beginnings()
                && self.answers_with_what_came_before().is_none()
    }

    /// Whatever the server was asked, by netdiag and by the clients, its answer was the beginning of that and no more. A
    /// fixed answer would not begin like both.
    #[must_use]
    pub fn echoes_beginnings(&self) -> bool {
        let Ok(probes) = self.evidence.probes.seen() else { return false };
        let heard: Vec<_> = probes.probes.iter().filter(|probe| probe.received_total > 0).collect();
        let cuts: Option<Vec<(&[u8], usize)>> = heard.iter().map(|probe| cut_short(probe)).collect();
        let Some(cuts) = cuts.filter(|cuts| !cuts.is_empty()) else { return false };
        let shortest = cuts.iter().map(|(_, length)| *length).min().unwrap_or_default();
        let Ok(talks) = self.talks() else { return false };
        let streams = talks.iter().filter_map(|talk| Some((talk.request().ok()?, talk.response().ok()?)));
        let mut asked = streams.filter(|(_, response)| response.total > 0).peekable();
        let begins = |request: &[u8], response: &[u8]| {
            let opening = &request[..shortest.min(request.len())];
            response.starts_with(opening) && !cuts.iter().any(|(said, _)| said.starts_with(opening))
        };
        asked.peek().is_some() && asked.all(|(request, response)| begins(&request.head.0, &response.head.0))
    }

    /// The probes that show it, if the server answered every plain message of netdiag's with the beginning of it, and with
    /// more of a longer one: no record of a fixed size, and nothing more was on its way.
    #[must_use]
    pub fn cuts_every_probe(&self) -> Option<Vec<String>> {
        const ENOUGH: usize = 4;
        let heard = self.plain_answers()?;
        let settled = |probe: &Probe| probe.at_rest || matches!(probe.close, Close::Fin | Close::Reset);
        let lengths: Option<Vec<usize>> =
            heard.iter().map(|(_, probe)| Some(cut_short(probe).filter(|_| settled(probe))?.1)).collect();
        let lengths = lengths.filter(|lengths| lengths.len() >= ENOUGH)?;
        lengths.iter().any(|one| *one != lengths[0]).then(|| references(&heard))
    }

    /// The probes that said one short message of text and were answered, with their numbers.
    pub(super) fn plain_answers(&self) -> Option<Vec<(usize, &Probe)>> {
        let probes = &self.evidence.probes.seen().ok()?.probes;
        Some(probes.iter().enumerate().filter(|(_, probe)| is_plain(probe) && probe.received_total > 0).collect())
    }

    /// Whatever netdiag asked came back whole and with a few bytes behind it that nobody had sent: a NUL, or that and what
    /// else lay behind the message in the server's memory. NULs alone may be meant, unless somebody is in trouble with them.
    #[must_use]
    pub fn echoes_with_a_rest(&self) -> Option<Vec<String>> {
        let heard = self.plain_answers()?;
        let rests: Option<Vec<&[u8]>> = heard.iter().map(|(_, probe)| behind_the_echo(probe)).collect();
        let rests = rests.filter(|rests| rests.len() >= 2)?;
        // Text of its own, such as a count, is the server's way of answering.
        let stray = rests.iter().any(|rest| rest.contains(&0));
        let fixed = rests.iter().all(|one| *one == rests[0]);
        (stray && (!fixed || self.a_client_failed() || self.still_waiting())).then(|| references(&heard))
    }

    /// How many bytes were missing at the end of every answer to netdiag's own messages, whatever their length and whether
    /// or not they ended a line, when netdiag had waited for the rest; with the probes that show it. Who leaves out a line's
    /// end has answered text without one whole, and who answers in blocks leaves out a different number each time.
    #[must_use]
    pub fn cut_from_everything(&self) -> Option<(usize, Vec<String>)> {
        use Shape::{Chunk, ChunkHalfClose, CrLfLine, Line, LineHalfClose, TwoLines};
        let probes = &self.evidence.probes.seen().ok()?.probes;
        let plain =
            |probe: &Probe| matches!(probe.shape, Chunk | ChunkHalfClose | CrLfLine | Line | LineHalfClose | TwoLines);
        let heard: Vec<(usize, &Probe)> =
            probes.iter().enumerate().filter(|(_, probe)| plain(probe) && probe.received_total > 0).collect();
        let bare = heard.iter().any(|(_, probe)| matches!(probe.shape, Chunk | ChunkHalfClose));
        let lengths: BTreeSet<usize> =
            heard.iter().flat_map(|(_, probe)| &probe.sent).map(crate::evidence::Bytes::len).collect();
        let lost = lost_at_the_end(heard.first()?.1)?;
        let always = heard.iter().all(|(_, probe)| lost_at_the_end(probe) == Some(lost));
        let evidence = heard.iter().map(|(index, _)| format!("probes:{index}")).take(3).collect();
        (always && bare && lengths.len() > 1).then_some((lost, evidence))
    }

    /// Whether what the server writes lies in a buffer of the size that the libraries of usual languages give one, until that
    /// is full or closed; with the probes that show it.
    #[must_use]
    pub fn keeps_answers_back(&self) -> Option<Vec<String>> {
        let hoards = self.dialect.as_ref().ok()?.hoards.as_ref()?;
        (hoards.value % LIBRARY_BUFFER == 0).then(|| hoards.evidence())
    }

    /// The probes' answers were made of what was sent, and yet fit no form of reply at all.
    #[must_use]
    pub fn echoes_damaged(&self) -> bool {
        self.echoes_beginnings()
            || self.echoes_with_a_rest().is_some()
            || self.answers_with_what_came_before().is_some()
            || self.dialect.as_ref().is_ok_and(|dialect| {
                dialect.echoes.as_ref().is_some_and(|echoes| echoes.value)
                    && dialect.reply.is_none()
                    && dialect.decoration.is_none()
            })
    }

    /// How many clients the server was seen to serve at the same time, when that is limited.
    #[must_use]
    pub fn places(&self) -> Option<u32> {
        match self.dialect.as_ref().ok()?.places.as_ref()?.value {
            Places::One => Some(1),
            Places::Exactly(n) => Some(n),
            Places::AtLeast(_) => None,
        }
    }

    /// Every way in which a server that echoes plain lines departs from what its own dialect promises.
    #[must_use]
    pub fn departures(&self) -> Vec<Departure> {
        let Ok(dialect) = &self.dialect else { return Vec::new() };
        let mut departures = Vec::new();
        // netdiag's longer questions end their lines with LF; to a server that waits for CR LF they are no lines.
        let reads_lf = dialect.accepts_lf.as_ref().is_none_or(|accepts| accepts.value);
        let mut depart =
            |what: &str, evidence: Vec<String>| departures.push(Departure { what: what.to_owned(), evidence });
        if let Some(turned_away) = self.accepted_no_more() {
            depart("after its first connections it accepted no further one", turned_away);
        }
        let first_only = self.answers_one_line_and_stays();
        if let Some(second) = first_only.clone() {
            depart("a second line on the same connection is not answered, and the connection stays open", second);
        }
        if let Some(joined) = dialect.answers_joined.as_ref().filter(|learned| !learned.value)
            && first_only.is_none()
            && reads_lf
            && !self.holds_every_text(joined)
        {
            depart("of two lines in a single write not both are answered", joined.evidence());
        }
        if let Some(split) = dialect.answers_split.as_ref().filter(|learned| !learned.value)
            && reads_lf
            && !self.holds_every_text(split)
        {
            depart("a line that arrives in two pieces is not answered as one", split.evidence());
        }
        if let Some(hoards) = &dialect.hoards {
            depart(
                "what it answers lies in a buffer until that is full or the client ends its side",
                hoards.evidence(),
            );
        }
        // Servers that copy through a pipe (`ncat -e`) choke on much more; 64 KiB is what any program passes.
        if let Some(bulk) = &dialect.bulk
            && let Bulk { whole: None, broken: Some((bytes, how)) } = bulk.value
            && reads_lf
            && self.messages_per_connection().is_none()
        {
            let how = match how {
                Comparison::Truncated { at } => format!("breaks off after {at} bytes"),
                Comparison::Nothing => "gets no answer".to_owned(),
                _ => "comes back changed".to_owned(),
            };
            depart(&format!("a message of {bytes} bytes {how}"), bulk.evidence());
        }
        if let Some(crosstalk) = dialect.crosstalk.as_ref().filter(|learned| learned.value)
            && self.tells_everybody().is_none()
        {
            depart("a connection got what another one had sent", crosstalk.evidence());
        }
        departures.extend(self.forgotten_while_silent());
        departures
    }

    /// Whether the answers to these probes hold the text of every line that was sent, whatever stands around it.
    fn holds_every_text(&self, learned: &Learned<bool>) -> bool {
        let Ok(seen) = self.evidence.probes.seen() else { return false };
        let holds = |probe: &Probe| {
            let said = probe.said();
            let mut texts =
                said.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|text| !text.is_empty()).peekable();
            texts.peek().is_some() && texts.all(|text| probe.received.0.windows(text.len()).any(|part| part == text))
        };
        learned.probes.iter().all(|index| seen.probes.get(*index).is_some_and(holds))
    }

    /// After how many whole lines the server ends every connection, where that is more than one, it had answered those
    /// rightly, and nobody was told that a connection lasts: a protocol may well say so.
    #[must_use]
    pub fn messages_per_connection(&self) -> Option<usize> {
        /// Whole lines of netdiag's happen to fill some buffers too.
        const MANY: usize = 1024;
        let told = self.contract.lifetime.as_ref().is_some_and(|term| *term == Term::told(Lifetime::Session));
        let session = self.contract.lifetime.as_ref().is_some_and(|term| term.value == Lifetime::Session);
        let probes = &self.evidence.probes.seen().ok()?.probes;
        let cut: Vec<usize> = probes
            .iter()
            .filter(|probe| probe.shape == Shape::Bulk && probe.received_total < probe.sent_total)
            .map(|probe| {
                let said = probe.sent.first()?.0.as_slice();
                let whole = probe.received.0.ends_with(b"\n") && said.starts_with(&probe.received.0);
                let ended = matches!(probe.close, Close::Fin | Close::Reset) && probe.received.0.len() < MANY;
                (whole && ended).then(|| probe.received.0.split_inclusive(|byte| *byte == b'\n').count())
            })
            .collect::<Option<_>>()?;
        let first = *cut.first()?;
        (session && !told && first > 1 && cut.iter().all(|count| *count == first)).then_some(first)
    }

    /// The last probes, when the server had answered some before and left all of these in its accept queue.
    #[must_use]
    pub fn accepted_no_more(&self) -> Option<Vec<String>> {
        const SEVERAL: usize = 2;
        let probes = &self.evidence.probes.seen().ok()?.probes;
        let connects = |probe: &Probe| probe.reach == Reach::Connected && probe.transport == Transport::Tcp;
        let last = probes.iter().rposition(|probe| connects(probe) && probe.received_total > 0)?;
        let left: Vec<usize> = (last + 1..probes.len()).filter(|&index| connects(&probes[index])).collect();
        let waits = |&index: &usize| self.server_end_of(&probes[index]).is_some_and(|(_, socket)| socket.inode == 0);
        (left.len() >= SEVERAL && left.iter().all(waits))
            .then(|| left.iter().take(3).map(|index| format!("probes:{index}")).collect())
    }

    /// Whether netdiag's own connection from `dialler` got an answer, or had asked for none: a server that reads what it was
    /// sent as something else, such as a length, may be busy with that for long.
    #[must_use]
    pub fn answered_or_asked_nothing(&self, dialler: SocketAddr) -> bool {
        let probes = self.evidence.probes.seen().map(|seen| seen.probes.as_slice()).unwrap_or_default();
        let its = probes.iter().filter(|probe| probe.from == Some(dialler));
        its.into_iter().any(|probe| probe.received_total > 0 || probe.sent_total == 0)
    }

    /// What ended the server while it was being asked: bytes that are not text, or a client that reset.
    #[must_use]
    pub fn killed_by(&self) -> Option<Departure> {
        let dialect = self.dialect.as_ref().ok()?;
        if let Some(rude) = dialect.survives_rude.as_ref().filter(|learned| !learned.value) {
            let what = "a client that sent half a line and reset the connection".to_owned();
            return Some(Departure { what, evidence: rude.evidence() });
        }
        let binary = dialect.binary.as_ref().filter(|learned| learned.value == Binary::Fatal)?;
        Some(Departure { what: "bytes that are not text".to_owned(), evidence: binary.evidence() })
    }
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::Side;
    use crate::evidence::{Close, Lifetime, Occasion, Probe, Shape, Term};
    use crate::facts::staged::{Stage, pair, probe};

    fn of(shape: Shape, sent: &str, received: &str) -> Probe {
        let before = received.len() as u64;
        Probe {
            shape,
            close: Close::Fin,
            at_rest: true,
            half_closed: true,
            before_half_close: before,
            ..probe(sent, received)
        }
    }

    fn line(n: u32) -> Probe {
        let text = format!("netdiag probe {n} says hello {n}\n");
        of(Shape::Line, &text, &text)
    }

    /// A server by itself that answered plain lines, and then this.
    fn alone(probes: Vec<Probe>) -> Stage {
        let two = ["netdiag probe 1 says hello 1\n", "netdiag probe 2 says hello 2\n"];
        let session = Probe { sent: two.map(Into::into).to_vec(), ..of(Shape::TwoLines, &two.concat(), &two.concat()) };
        let chunk = of(Shape::Chunk, "netdiag probe 9 says hello 9", "");
        let all = [vec![session, chunk, line(3)], probes].concat().into_iter().zip(100..);
        let grouped = all.map(|(probe, group)| Probe { group, ..probe }).collect();
        let mut stage = pair().untold().client_gone().probed(grouped);
        stage.0.setting.occasion = Occasion::LiveServer;
        stage
    }

    #[test]
    fn a_server_that_ends_each_connection_after_some_messages_may_be_meant_to() {
        let lines: Vec<String> = (0..100).map(|n| format!("netdiag bulk line {n:06}\n")).collect();
        let cut = |stage: fn(Stage) -> Stage, at: usize| {
            let bulk = of(Shape::Bulk, &lines.concat(), &lines.concat()[..at]);
            stage(alone(vec![bulk, line(4)])).verdict().side
        };
        let told: fn(Stage) -> Stage =
            |stage| stage.contract(|terms| terms.lifetime = Some(Term::told(Lifetime::Session)));
        let untold: fn(Stage) -> Stage = |stage| stage;
        assert_eq!(cut(untold, 3 * lines[0].len()), Side::None);
        assert_eq!(cut(untold, 3 * lines[0].len() + 5), Side::Server, "in the middle of a line");
        assert_eq!(cut(told, 3 * lines[0].len()), Side::Server, "a session was told");
    }

    #[test]
    fn two_lines_that_both_came_back_were_both_answered_whatever_stands_around_them() {
        let joined = |answer: &str| {
            alone(vec![of(Shape::JoinedLines, "netdiag probe 5 says hello 5\nnetdiag probe 6 says hello 6\n", answer)])
        };
        assert!(!joined("netdiag probe 5 says hello 5\n").facts().departures().is_empty());
        let both = joined("netdiag probe 5 says hello 5\nnetdiag probe 6 says hello 6\n\n> ");
        assert!(both.facts().departures().is_empty(), "{:?}", both.facts().departures());
    }
}
