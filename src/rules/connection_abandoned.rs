//! `connection-abandoned`: the server has answered and looks after the connection no more, and yet it does not end it.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Gap, Role, Source, Transport};
use crate::facts::{Echo, Facts, Player, Talk};

pub(super) static RULE: Rule = Rule {
    name: "connection-abandoned",
    symptoms: &[Symptom::Hangs],
    sides: &[Side::Server],
    shown_by: "what each thread of the processes that hold the connection waits for",
    seen_in: &[Look::Contents, Look::Owners, Look::Waits],
    over: Some(Transport::Tcp),
    explains: &["read-to-eof-without-half-close", "close-wait-leak", "client-gives-up-early", "client-failed"],
    check,
};

fn check(facts: &Facts) -> Ruling {
    if !facts.still_waiting() {
        return Ok(Call::Silent);
    }
    let exchanges = facts.exchanges()?;
    let is_left = |talk: &Talk| {
        talk.transport == Transport::Tcp
            && talk.is_open()
            && talk.ended_by(Role::Server).is_none()
            && talk.rst(Role::Client).is_none()
            && talk.client_end.is_some()
    };
    let answered = exchanges.iter().find(|(talk, exchange)| exchange.echo == Echo::Right && exchange.got > 0 && is_left(talk));
    let Some((talk, _)) = answered else { return Ok(Call::Silent) };
    let Some(end) = talk.server_end.as_ref().filter(|end| !end.pids.is_empty()) else { return Ok(Call::Silent) };
    if end.unread.unwrap_or_default() > 0 {
        return super::ruled_out("the client has sent more, which lies unread");
    }
    let servers = facts.players(Role::Server)?;
    match servers.iter().find_map(|server| server.has_left_alone(&end.pids, talk.server, talk.client)) {
        Some(true) => {}
        Some(false) => return super::ruled_out("the server still looks after the connection, or may do so"),
        None => return Err(unseen()),
    }
    if !facts.players(Role::Client)?.iter().any(Player::may_be_reading) {
        return super::ruled_out("the client waits for something else than the end of its connection");
    }
    facts.is_final(talk, Role::Server)?;
    let told = facts.contract.lifetime.as_ref().is_some_and(|term| term.source == Source::Told);
    finding(
        &RULE,
        Side::Server,
        if facts.hang_proven() && told { Confidence::Proven } else { Confidence::Likely },
        format!(
            "The server has answered {} and waits for other clients: nobody in it reads this connection any more, and \
             nobody ends it, so the client waits for the end in vain.",
            talk.client
        ),
    )
    .because(talk.references())
    .at(facts.line_where_waits(Role::Server).or_else(|| facts.only_line(Role::Server, |text| &text.accepts)))
    .fix(
        "Close the connection once its last reply is out (`with conn:`, `finally: conn.close()`), and after fork also in the \
         process that does not serve it; or go on reading from it until the client has closed.",
    )
    .fires()
}

fn unseen() -> Gap {
    Gap::new(
        "programs",
        "what the threads of the server wait for was not seen",
        "let netdiag start the server, or run it as the user who runs the server",
    )
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::{Lifetime, Limit, Role, Term, Wait};
    use crate::facts::staged::{Stage, Talk, addr, pair, talk};

    /// The server's only thread waits in `call` at a socket with this peer.
    fn served(talk: Talk, call: &str, peer: Option<SocketAddr>) -> Stage {
        let mut stage = pair().talk(talk).waits(Role::Server, call, Limit::Forever).hangs();
        for process in stage.server_processes() {
            for thread in &mut process.threads {
                let Wait::Call { socket, .. } = &mut thread.wait else { unreachable!("it waits") };
                *socket = Some((addr("127.0.0.1:12345"), peer));
            }
        }
        stage
    }

    fn open() -> Talk {
        talk(40001).echoes("hello\n").open()
    }

    #[test]
    fn the_server_takes_the_next_client_and_forgets_this_one() {
        let stage = served(open(), "accept4", None);
        let found = stage.fires("connection-abandoned");
        assert_eq!((found.side, found.confidence), (Side::Server, Confidence::Likely));
        assert_eq!(stage.verdict().fault.as_deref(), Some("connection-abandoned"));
        let told = stage.contract(|terms| terms.lifetime = Some(Term::told(Lifetime::OneShot)));
        assert_eq!(told.fires("connection-abandoned").confidence, Confidence::Proven);
    }

    #[test]
    fn a_server_that_reads_on_has_not_forgotten_its_client() {
        let reads = served(open(), "recvfrom", Some(addr("127.0.0.1:40001")));
        assert!(reads.excludes("connection-abandoned").contains("still looks after"));
        let several = pair().talk(open()).waits(Role::Server, "epoll_wait", Limit::Forever).hangs();
        assert!(several.excludes("connection-abandoned").contains("may do so"));
    }

    #[test]
    fn before_the_reply_other_faults_are_told() {
        served(talk(40001).asks("hello\n").open(), "accept4", None).silent("connection-abandoned");
    }

    #[test]
    fn a_request_that_lies_unread_is_another_fault() {
        let more = served(talk(40001).echoes("hello\n").asks("more\n").open().unread(), "accept4", None);
        assert!(!matches!(more.ruling("connection-abandoned"), Ok(crate::rules::Call::Fires(_))));
    }

    #[test]
    fn cannot_tell_without_the_programs() {
        assert_eq!(served(open(), "accept4", None).unseen("programs").cannot_tell("connection-abandoned"), "programs");
    }
}
