//! `client-threads-share-socket`: two threads of the client read from one connection, and each may get the other's reply.

use std::net::SocketAddr;

use super::{Call, Look, Rule, Ruling, Symptom, Transport, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Role, Sample, Wait};
use crate::facts::{Echo, Facts};

pub(super) static RULE: Rule = Rule {
    name: "client-threads-share-socket",
    symptoms: &[Symptom::Hangs, Symptom::Garbled],
    sides: &[Side::Client],
    shown_by: "how many threads of the client read from one connection",
    seen_in: &[Look::Contents, Look::Waits],
    over: Some(Transport::Tcp),
    explains: &["read-to-eof-without-half-close", "client-failed", "client-gives-up-early"],
    check,
};

fn check(facts: &Facts) -> Ruling {
    let programs = facts.evidence.programs.seen()?;
    let shared = programs.samples.iter().filter(|sample| sample.at <= facts.frozen()).find_map(|sample| {
        facts.players(Role::Client).ok()?.iter().find_map(|client| Some((client.index, two_readers(sample, client.index)?)))
    });
    let Some((program, (local, peer))) = shared else { return Ok(Call::Silent) };
    let exchanges = facts.exchanges()?;
    let is_right = |echo: &Echo| *echo == Echo::Right;
    let Some((talk, exchange)) = exchanges.iter().find(|(talk, _)| (talk.client, talk.server) == (local, peer)) else {
        return Ok(Call::Silent);
    };
    let right = is_right(&exchange.echo);
    let answered = if right { " All that was asked on it was answered rightly and in order." } else { "" };
    finding(
        &RULE,
        Side::Client,
        if right { Confidence::Proven } else { Confidence::Likely },
        format!(
            "Several threads of the client wait for bytes on the same connection, {local}: whichever wakes first takes them, \
             whosever reply they are.{answered}"
        ),
    )
    .because([format!("programs:{program}")])
    .because(talk.references())
    .at(facts.only_line(Role::Client, |text| &text.sends))
    .contributing(!right || facts.all_went_well())
    .fix("Give each thread a connection of its own, or let a single thread read and hand out the replies.")
    .fires()
}

/// The connection that two threads of the program wait on for bytes.
fn two_readers(sample: &Sample, program: usize) -> Option<(SocketAddr, SocketAddr)> {
    const READING: [&str; 5] = ["read", "readv", "recvfrom", "recvmsg", "recvmmsg"];
    let mut seen: Vec<(SocketAddr, SocketAddr)> = Vec::new();
    for process in sample.processes.iter().filter(|process| process.program == program) {
        for thread in &process.threads {
            let Wait::Call { name, socket: Some((local, Some(peer))), .. } = &thread.wait else { continue };
            if !READING.contains(&name.as_str()) {
                continue;
            }
            if seen.contains(&(*local, *peer)) {
                return Some((*local, *peer));
            }
            seen.push((*local, *peer));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Part, Side};
    use crate::evidence::{Limit, Observed, Thread, Wait};
    use crate::facts::staged::{SERVER, Stage, addr, pair, talk};

    /// Threads of the client that read from these ports of it.
    fn readers(mut stage: Stage, ports: &[u16]) -> Stage {
        let Observed::Seen(programs) = &mut stage.0.programs else { unreachable!("it is seen") };
        let client = programs.samples[0].processes.iter_mut().find(|process| process.program == 1).unwrap();
        let one = client.threads[0].clone();
        let reads = |port: &u16| Wait::Call {
            name: "recvfrom".to_owned(),
            limit: Limit::Forever,
            fd: Some(3),
            socket: Some((addr(&format!("127.0.0.1:{port}")), Some(addr(SERVER)))),
            file: None,
        };
        client.threads = ports.iter().map(|port| Thread { wait: reads(port), ..one.clone() }).collect();
        stage
    }

    fn waiting() -> Stage {
        pair().talk(talk(40001).echoes("one\n").echoes("two\n").open()).hangs()
    }

    #[test]
    fn two_threads_wait_on_one_connection() {
        let stage = readers(waiting(), &[40001, 40001]);
        let found = stage.fires("client-threads-share-socket");
        assert_eq!((found.side, found.confidence, found.role), (Side::Client, Confidence::Proven, Part::Cause));
        assert_eq!(stage.verdict().side, Side::Client);
    }

    #[test]
    fn a_thread_per_connection_is_as_it_should_be() {
        let stage = waiting().talk(talk(40002).echoes("two\n").open());
        readers(stage, &[40001, 40002]).silent("client-threads-share-socket");
        readers(waiting(), &[40001]).silent("client-threads-share-socket");
    }

    #[test]
    fn where_the_reply_is_missing_the_server_is_looked_at_first() {
        let stage = readers(pair().talk(talk(40001).asks("one\n").open()).hangs(), &[40001, 40001]);
        assert_eq!(stage.fires("client-threads-share-socket").role, Part::Contributing);
        assert_eq!(stage.verdict().side, Side::Server);
    }

    #[test]
    fn cannot_tell_without_programs() {
        assert_eq!(waiting().unseen("programs").cannot_tell("client-threads-share-socket"), "programs");
    }
}
