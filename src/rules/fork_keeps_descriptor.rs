//! `fork-keeps-descriptor`: the process that served has closed, its parent holds the connection too, so no end is sent.

use std::collections::BTreeSet;

use super::{Call, Look, Rule, Ruling, Symptom, Transport, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Gap, Lifetime, Role, Sample, Snapshot, Socket};
use crate::facts::{Echo, Facts, Talk};

pub(super) static RULE: Rule = Rule {
    name: "fork-keeps-descriptor",
    symptoms: &[Symptom::Hangs],
    sides: &[Side::Server],
    shown_by: "which processes hold the connection that one of them has closed",
    seen_in: &[Look::Contents, Look::Owners, Look::Waits],
    over: Some(Transport::Tcp),
    explains: &[
        "connection-abandoned",
        "close-wait-leak",
        "leak-per-client",
        "missing-reply",
        "read-to-eof-without-half-close",
        "client-gives-up-early",
        "client-failed",
    ],
    check,
};

fn check(facts: &Facts) -> Ruling {
    if !facts.still_waiting() {
        return Ok(Call::Silent);
    }
    let exchanges = facts.exchanges()?;
    let one_shot = facts.contract.lifetime.as_ref().is_some_and(|term| term.value == Lifetime::OneShot);
    let waits_for_the_end = exchanges.iter().find(|(talk, exchange)| {
        exchange.echo == Echo::Right
            && exchange.got > 0
            && talk.ended_by(Role::Server).is_none()
            && (one_shot || talk.fin(Role::Client).is_some())
            && talk.client_end.is_some()
            && talk.is_open()
    });
    let Some((talk, _)) = waits_for_the_end else { return Ok(Call::Silent) };
    facts.looked(Look::Waits)?;
    facts.looked(Look::Owners)?;
    let Some((child, parent)) = inherited(facts, talk)? else {
        return super::ruled_out("no process that held the connection left it to its parent");
    };
    facts.is_final(talk, Role::Server)?;
    finding(
        &RULE,
        Side::Server,
        if facts.hang_proven() { Confidence::Proven } else { Confidence::Likely },
        format!(
            "The whole reply was sent, and the server's process that served {} has let go of it. Its parent still holds the \
             same connection, so the kernel sends no FIN, and the client waits for the end.",
            talk.client
        ),
    )
    .because(talk.references())
    .because([child, parent])
    .at(facts.only_line(Role::Server, |text| &text.forks))
    .fix("After fork, close the accepted socket in the parent (and the listener in the child).")
    .fires()
}

/// The rows that show it: the connection was held by a process and its parent; now the parent alone holds it.
fn inherited(facts: &Facts, talk: &Talk) -> Result<Option<(String, String)>, Gap> {
    let Some(end) = &talk.server_end else { return Ok(None) };
    let holders: BTreeSet<u32> = end.pids.iter().copied().collect();
    let samples = &facts.evidence.programs.seen()?.samples;
    for (number, table) in facts.evidence.sockets.seen()?.snapshots.iter().enumerate() {
        let Some((row, owners)) = owners_in(table, talk) else { continue };
        let gone = owners.difference(&holders).find(|gone| {
            parent_of(**gone, samples).is_some_and(|parent| owners.contains(&parent) && holders.contains(&parent))
        });
        if gone.is_some() {
            return Ok(Some((format!("sockets:{number}/{row}"), end.reference.clone())));
        }
    }
    Ok(None)
}

fn owners_in(table: &Snapshot, talk: &Talk) -> Option<(usize, BTreeSet<u32>)> {
    let is_it = |row: &Socket| row.local == talk.server && row.remote == Some(talk.client);
    let row = table.sockets.iter().position(is_it)?;
    Some((row, table.sockets[row].owners.iter().map(|owner| owner.pid).collect()))
}

fn parent_of(pid: u32, samples: &[Sample]) -> Option<u32> {
    samples.iter().flat_map(|sample| &sample.processes).find(|process| process.pid == pid).map(|process| process.ppid)
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::{Limit, Observed, Owner, Role, Sample};
    use crate::facts::staged::{SERVER_PID, Stage, Talk, ms, owner, pair, process, talk};

    const CHILD: u32 = SERVER_PID + 100;

    fn served() -> Talk {
        talk(40001).asks("hello\n").closes(Role::Client).answers("hello\n").open()
    }

    /// A child served the connection and is gone; `keepers` hold it at the end.
    fn forked(talk: Talk, keepers: Vec<Owner>) -> Stage {
        let mut stage = pair().talk(talk).hangs();
        let rows = stage.snapshots()[1].sockets.clone();
        stage.snapshots()[0].sockets = rows;
        for (number, owners) in [vec![owner(Role::Server), child()], keepers].into_iter().enumerate() {
            let rows = &mut stage.snapshots()[number].sockets;
            let accepted = rows.iter_mut().find(|row| row.local.port() == 12345 && row.remote.is_some()).unwrap();
            accepted.owners = owners;
        }
        let Observed::Seen(programs) = &mut stage.0.programs else { unreachable!("it is seen") };
        let mut process = process(0, "recvfrom", Limit::Forever);
        (process.pid, process.ppid) = (CHILD, SERVER_PID);
        programs.samples.insert(0, Sample { at: ms(51.0), processes: vec![process] });
        stage
    }

    fn child() -> Owner {
        Owner { pid: CHILD, ..owner(Role::Server) }
    }

    #[test]
    fn the_parent_keeps_what_its_child_has_closed() {
        let stage = forked(served(), vec![owner(Role::Server)]);
        let found = stage.fires("fork-keeps-descriptor");
        assert_eq!((found.side, found.confidence), (Side::Server, Confidence::Proven));
        assert_eq!(stage.verdict().fault.as_deref(), Some("fork-keeps-descriptor"));
    }

    #[test]
    fn a_child_that_still_serves_closes_later() {
        let stage = forked(served(), vec![owner(Role::Server), child()]);
        assert!(stage.excludes("fork-keeps-descriptor").contains("no process"));
        assert!(forked(served(), vec![child()]).excludes("fork-keeps-descriptor").contains("no process"));
    }

    #[test]
    fn in_a_session_no_end_is_due() {
        forked(talk(40001).echoes("hello\n").open(), vec![owner(Role::Server)]).silent("fork-keeps-descriptor");
    }

    #[test]
    fn cannot_tell_without_the_socket_table() {
        assert_eq!(forked(served(), vec![]).unseen("packets").unseen("sockets").cannot_tell("fork-keeps-descriptor"), "packets");
    }
}
