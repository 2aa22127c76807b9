//! `udp-truncated-by-buffer`: a receive buffer is smaller than the datagram, and the kernel throws the rest away.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Role, Transport};
use crate::facts::{Echo, Facts, Player, Talk};

pub(super) static RULE: Rule = Rule {
    name: "udp-truncated-by-buffer",
    symptoms: &[Symptom::Garbled],
    sides: &[Side::Server, Side::Client],
    shown_by: "the length of the datagram beside that of what came back",
    seen_in: &[Look::Contents],
    over: Some(Transport::Udp),
    explains: &["truncated-reply", "corrupted-reply", "missing-reply", "client-gives-up-early", "client-failed"],
    check,
};

const FIX: &str = "Receive into a buffer of 65535 bytes, the largest datagram there is; what does not fit is lost for good.";

fn check(facts: &Facts) -> Ruling {
    if let Some(shrunk) = facts.shrinks() {
        let is_assumed = facts.contract.reply_is_assumed();
        let what = format!(
            "Of a datagram of {} bytes only the first {} came back, as many as an earlier and shorter one had: the server \
             receives into what that one left of its room.",
            shrunk.asked, shrunk.came
        );
        return finding(&RULE, Side::Server, if is_assumed { Confidence::Likely } else { Confidence::Proven }, what)
            .because(shrunk.evidence)
            .at(facts.only_line(Role::Server, |text| &text.receives))
            .fix("Give each receive the whole buffer again: `packet.setLength(buffer.length)`, or a new packet; the full size, not \
                  the last message's.")
            .fires();
    }
    if let Some((asked, came, probes)) = facts.cuts_small_datagrams().filter(|_| facts.is_alone()) {
        let statement = format!(
            "Of netdiag's datagram of {asked} bytes only the first {came} came back, the size of the buffer into which the \
             server receives, by all signs."
        );
        return finding(&RULE, Side::Server, Confidence::Likely, statement)
            .because(probes)
            .at(facts.only_line(Role::Server, |text| &text.receives))
            .fix(FIX)
            .fires();
    }
    let exchanges = facts.exchanges()?;
    let datagrams = || exchanges.iter().filter(|(talk, _)| talk.transport == Transport::Udp);
    if let Some((talk, cut)) = datagrams().find_map(|(talk, _)| Some((talk, cut(talk)?))) {
        return finding(
            &RULE,
            Side::Server,
            // That the server cuts is certain where its reply is known; that a buffer does it is what fits.
            if cut.how_often > 1 || !facts.contract.reply_is_assumed() { Confidence::Proven } else { Confidence::Likely },
            format!(
                "A datagram of {} bytes came back with its first {} bytes: the size of the buffer into which the server \
                 receives, by all signs.",
                cut.asked, cut.size
            ),
        )
        .because(talk.references())
        .at(facts.only_line(Role::Server, |text| &text.receives))
        .fix(FIX)
        .fires();
    }
    let clients = facts.players(Role::Client)?;
    let short = datagrams().filter(|(_, exchange)| exchange.echo == Echo::Right).find_map(|(talk, _)| {
        let reply = &talk.response().ok()?.head.0;
        let kept = |client: &Player| printed(client, reply).or_else(|| named(facts, reply.len()));
        let client = clients.iter().find(|client| client.failed() && kept(client).is_some())?;
        Some((talk, client, kept(client)?, reply.len()))
    });
    let Some((talk, client, size, whole)) = short else { return Ok(Call::Silent) };
    finding(
        &RULE,
        Side::Client,
        Confidence::Likely,
        format!(
            "The reply of {whole} bytes is whole on the wire, and the client has only its first {size}: the size of the \
             buffer into which it receives, by all signs."
        ),
    )
    .because(talk.references())
    .because([client.reference()])
    .at(facts.only_line(Role::Client, |text| &text.receives).or_else(|| facts.line_of_failure(Role::Client)))
    .fix(FIX)
    .fires()
}

/// What a receive buffer left of the requests.
struct Cut {
    /// Its size.
    size: usize,
    /// The length of a request that did not fit.
    asked: usize,
    /// How many different lengths of requests were cut to it.
    how_often: usize,
}

/// The size to which longer requests were cut, and shorter ones were not; one that is no usual size of a buffer takes two
/// requests of different lengths, since a server may cut replies in many ways.
fn cut(talk: &Talk) -> Option<Cut> {
    let pairs = talk.datagram_pairs();
    let is_cut = |(asked, got): &&(&[u8], &[u8])| got.len() < asked.len() && !got.is_empty() && asked.starts_with(got);
    let (asked, got) = pairs.iter().find(is_cut)?;
    let size = got.len();
    let fits = |(asked, got): &(&[u8], &[u8])| {
        if asked.len() > size { got.len() == size && asked.starts_with(got) } else { asked.trim_ascii_end() == got.trim_ascii_end() }
    };
    let mut lengths: Vec<usize> = pairs.iter().map(|(asked, _)| asked.len()).filter(|length| *length > size).collect();
    lengths.sort_unstable();
    lengths.dedup();
    (pairs.iter().all(fits) && (lengths.len() > 1 || is_usual(size)))
        .then_some(Cut { size, asked: asked.len(), how_often: lengths.len() })
}

/// Sizes that people give to buffers.
fn is_usual(size: usize) -> bool {
    (size >= 16 && (size.is_power_of_two() || (size + 1).is_power_of_two())) || (size >= 100 && size.is_multiple_of(100))
}

/// How much of the reply the client printed, when that is its beginning, of the size of a buffer, and not the whole.
fn printed(client: &Player, reply: &[u8]) -> Option<usize> {
    const TELLING: usize = 16;
    let output = &client.program.stdout.as_ref()?.head.0;
    let start = reply.get(..TELLING)?;
    let at = output.windows(TELLING).position(|part| part == start)?;
    let same = output[at..].iter().zip(reply).take_while(|(a, b)| a == b).count();
    (same < reply.len() && is_usual(same)).then_some(same)
}

/// The size that the only line of the client which receives asks for, when that is less than the reply.
fn named(facts: &Facts, reply: usize) -> Option<usize> {
    const SMALLEST: usize = 16;
    let (line, _) = facts.only_line(Role::Client, |text| &text.receives)?;
    let words = line.source.split(|one: char| !(one.is_alphanumeric() || one == '_'));
    let largest = words.filter_map(|word| word.parse().ok()).max()?;
    (SMALLEST..reply).contains(&largest).then_some(largest)
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::{How, Output, Role};
    use crate::facts::staged::{Stage, datagrams, frame, pair};

    fn text(length: usize) -> String {
        ('a'..='z').cycle().take(length).collect()
    }

    /// Requests of these lengths, each answered with so many of its bytes.
    fn answered(lengths: &[(usize, usize)]) -> Stage {
        let talk = lengths.iter().fold(datagrams(40001), |talk, (asked, got)| talk.asks(&text(*asked)).answers(&text(*got)));
        pair().udp().talk(talk.open()).exits(Role::Client, 80.0, How::Code(1))
    }

    #[test]
    fn the_servers_buffer_cuts_what_is_longer() {
        let once = answered(&[(3000, 1024)]);
        let known = once.fires("udp-truncated-by-buffer");
        assert_eq!((known.side, known.confidence), (Side::Server, Confidence::Proven));
        assert_eq!(once.untold().udp().fires("udp-truncated-by-buffer").confidence, Confidence::Likely);
        let twice = answered(&[(10, 10), (3000, 700), (2000, 700)]).fires("udp-truncated-by-buffer");
        assert_eq!((twice.side, twice.confidence), (Side::Server, Confidence::Proven));
        let verdict = answered(&[(3000, 1024), (2000, 1024)]).verdict();
        assert_eq!((verdict.side, verdict.fault.as_deref()), (Side::Server, Some("udp-truncated-by-buffer")));
    }

    #[test]
    fn room_that_shrinks_with_each_shorter_datagram_cuts_the_longer_ones() {
        let stage = answered(&[(20, 20), (5, 5), (25, 5), (3, 3), (9, 3)]);
        let found = stage.fires("udp-truncated-by-buffer");
        assert_eq!((found.side, found.confidence), (Side::Server, Confidence::Proven));
        assert!(found.statement.contains("shorter one"), "{}", found.statement);
        assert_eq!(answered(&[(5, 5), (25, 5)]).verdict().side, Side::Server);
        answered(&[(5, 5), (25, 5), (9, 9)]).silent("udp-truncated-by-buffer");
        answered(&[(5, 5), (3, 3)]).silent("udp-truncated-by-buffer");
    }

    #[test]
    fn other_ways_to_cut_a_reply_are_not_this_one() {
        answered(&[(3000, 2997)]).silent("udp-truncated-by-buffer");
        answered(&[(3000, 1024), (2000, 976)]).silent("udp-truncated-by-buffer");
        answered(&[(3000, 1024), (2000, 2000)]).silent("udp-truncated-by-buffer");
        assert_eq!(answered(&[(3000, 2997)]).verdict().fault.as_deref(), Some("truncated-reply"));
    }

    #[test]
    fn a_whole_reply_may_be_cut_by_the_clients_own_buffer() {
        let printing = |length: usize| {
            let stdout = text(length);
            let output = Output { total: length as u64, head: stdout.as_str().into(), ..Output::default() };
            answered(&[(3000, 3000)]).program(Role::Client, |client| client.stdout = Some(output.clone()))
        };
        let found = printing(1024).fires("udp-truncated-by-buffer");
        assert_eq!((found.side, found.confidence), (Side::Client, Confidence::Likely));
        assert_eq!(printing(1024).verdict().side, Side::Client);
        printing(3000).silent("udp-truncated-by-buffer");
        printing(1025).silent("udp-truncated-by-buffer");
    }

    #[test]
    fn the_clients_only_line_that_receives_may_name_a_size_too_small() {
        let receives = |source: &str| {
            let line = Some(frame("client.c", 7, "", source));
            answered(&[(3000, 3000)]).program(Role::Client, |client| client.text.receives = line.clone())
        };
        let found = receives("reply = c.recvfrom(1000)[0]").fires("udp-truncated-by-buffer");
        assert_eq!((found.side, found.confidence), (Side::Client, Confidence::Likely));
        assert_eq!(receives("reply = c.recvfrom(1000)[0]").verdict().fault.as_deref(), Some("udp-truncated-by-buffer"));
        for enough in ["c.recvfrom(4096)", "recvfrom(fd, buf512, sizeof buf512, 0, NULL, NULL)", "recv(fd, b, N, 8)"] {
            receives(enough).silent("udp-truncated-by-buffer");
        }
        let content = receives("c.recvfrom(1000)").exits(Role::Client, 80.0, How::Code(0));
        content.silent("udp-truncated-by-buffer");
    }

    #[test]
    fn whole_replies_are_whole() {
        let stage = pair().udp().talk(datagrams(40001).echoes(&text(3000)));
        stage.silent("udp-truncated-by-buffer");
        assert_eq!(stage.verdict().side, Side::None);
    }

    #[test]
    fn cannot_tell_without_packets() {
        let stage = answered(&[(3000, 1024)]).unseen("packets").unseen("sockets");
        assert_eq!(stage.cannot_tell("udp-truncated-by-buffer"), "packets");
    }
}
