//! `client-closes-with-unread-data`: the client closed before it had read everything, and the server meets the reset.

use super::{Call, Look, Rule, Ruling, Symptom, Transport, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::Role;
use crate::facts::{Echo, Facts, Talk};

pub(super) static RULE: Rule = Rule {
    name: "client-closes-with-unread-data",
    symptoms: &[Symptom::Lost],
    sides: &[Side::Client],
    shown_by: "what lay unread in the client's socket when it closed",
    seen_in: &[Look::Contents],
    over: Some(Transport::Tcp),
    explains: &[],
    check,
};

/// How runtimes put it that the peer has reset the connection.
const COMPLAINTS: &[&str] =
    &["onnection reset", "ConnectionReset", "ECONNRESET", "roken pipe", "BrokenPipe", "EPIPE", "forcibly closed"];

fn check(facts: &Facts) -> Ruling {
    let exchanges = facts.exchanges()?;
    let left = exchanges.iter().find(|(talk, exchange)| {
        matches!(exchange.echo, Echo::Right | Echo::Short { .. }) && exchange.got > 0 && left_something(talk, facts)
    });
    let Some((talk, _)) = left else { return Ok(Call::Silent) };
    let Some(reference) = server_complaint(facts) else {
        return super::ruled_out("the client left bytes unread, and the server took no notice of the reset");
    };
    // Never the reason for a failure: the reply was sent. It explains what the server's log says.
    finding(
        &RULE,
        Side::Client,
        Confidence::Likely,
        "The client closed its connection with bytes of the reply unread; its kernel answered with a reset (RST), and that is \
         the error in the server's log.",
    )
    .because(talk.closing_references(Role::Client))
    .because([reference])
    .at(facts.only_line(Role::Client, |text| &text.closes))
    .fix("Read the reply to its end before closing. The server only has to survive such a reset.")
    .contributing(true)
    .fires()
}

/// A reset alone may be meant so (SO_LINGER 0). Bytes were left when a part of the reply was never acknowledged, or the
/// client showed a part of it only.
fn left_something(talk: &Talk, facts: &Facts) -> bool {
    let Ok(response) = talk.response() else { return false };
    let in_part = || facts.line_printed_in_part(talk).is_some_and(|line| !line.in_pieces);
    talk.rst(Role::Client).is_some()
        && talk.ended_by(Role::Server).is_none_or(|server| talk.ended_by(Role::Client) < Some(server))
        && (response.acked < response.total || in_part())
}

fn server_complaint(facts: &Facts) -> Option<String> {
    let says = |text: &str| COMPLAINTS.iter().any(|words| text.contains(words));
    if let Ok(raised) = facts.exceptions(Role::Server)
        && let Some((index, _)) = raised.iter().find(|(_, raised)| says(&raised.kind) || says(&raised.message))
    {
        return Some(format!("exceptions:{index}"));
    }
    let server = facts.player(Role::Server).ok().flatten()?;
    server.last_words().is_some_and(|words| says(&words.escaped())).then(|| server.reference())
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Part, Side};
    use crate::evidence::{Output, Role};
    use crate::facts::staged::{Stage, pair, talk};

    const NAME: &str = "client-closes-with-unread-data";
    const LONG: &str = "The quick brown fox jumps over the lazy dog\n";

    fn left(printed: &str) -> Stage {
        let output = Output { total: printed.len() as u64, head: printed.into(), ..Output::default() };
        let stage = pair().talk(talk(40001).echoes(LONG).resets(Role::Client));
        stage.program(Role::Client, |client| client.stdout = Some(output.clone()))
    }

    fn logged(stage: Stage) -> Stage {
        stage.complains(Role::Server, "ConnectionResetError: [Errno 104] Connection reset by peer\n")
    }

    #[test]
    fn the_servers_log_shows_what_the_client_left() {
        let found = logged(left("reply: The quick brown \n")).fires(NAME);
        assert_eq!((found.side, found.role), (Side::Client, Part::Contributing));
        let diagnosis = logged(left("reply: The quick brown \n")).diagnosis();
        let own = diagnosis.findings.iter().find(|finding| finding.fault == NAME).map(|finding| finding.role);
        assert_eq!(own, Some(Part::Consequence), "of what made the client leave");
    }

    #[test]
    fn a_reset_on_purpose_has_left_nothing() {
        logged(left(LONG)).silent(NAME);
        assert_eq!(logged(left(LONG)).verdict().side, Side::None);
    }

    #[test]
    fn a_server_that_took_no_notice_has_nothing_to_explain() {
        assert!(left("reply: The quick brown \n").excludes(NAME).contains("no notice"));
    }

    #[test]
    fn cannot_tell_what_it_did_not_see() {
        let stage = logged(left("reply: The quick brown \n"));
        assert_eq!(stage.unseen("packets").unseen("sockets").cannot_tell(NAME), "packets");
    }
}
