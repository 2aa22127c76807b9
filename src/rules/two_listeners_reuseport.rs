//! `two-listeners-reuseport`: a program outside the pair shares the server's port and takes part of what is meant for it.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Bytes, Role, Transport};
use crate::facts::{Facts, Listener, SocketEnd, Talk};

pub(super) static RULE: Rule = Rule {
    name: "two-listeners-reuseport",
    symptoms: &[Symptom::SomeClients, Symptom::WorksOnce, Symptom::Garbled, Symptom::Hangs],
    sides: &[Side::Environment],
    shown_by: "how many programs wait at the same port",
    seen_in: &[Look::Sockets, Look::Owners],
    over: None,
    explains: &[
        "never-accepts",
        "unread-request",
        "missing-reply",
        "slow-reply",
        "unterminated-reply",
        "truncated-reply",
        "corrupted-reply",
        "half-close-dropped",
        "one-at-a-time",
        "early-close",
        "reset",
        "client-gives-up-early",
        "client-failed",
    ],
    check,
};

fn check(facts: &Facts) -> Ruling {
    let Some((ours, theirs)) = sharers(facts)? else { return Ok(Call::Silent) };
    if facts.all_went_well() {
        return super::ruled_out("every request met the server on the stand, or was answered as if it had");
    }
    if facts.talks()?.iter().all(|talk| is_our_own(talk, ours)) {
        return super::ruled_out("the server on the stand holds every connection itself");
    }
    let holder = theirs.owners.first().map_or(0, |owner| owner.pid);
    let taken = facts.talks()?.iter().find(|talk| is_held_by(talk, holder, theirs));
    let name = theirs.owners.first().map(|owner| Bytes::from(owner.name.as_str()).escaped()).unwrap_or_default();
    let (unit, option) = match theirs.transport {
        Transport::Tcp => ("connection", "SO_REUSEPORT"),
        Transport::Udp => ("datagram", "SO_REUSEADDR or SO_REUSEPORT"),
    };
    let whom = match taken {
        Some(talk) => format!("That program got the {unit} of {}.", talk.client),
        None => format!("Each {unit} goes to one of the two."),
    };
    finding(
        &RULE,
        Side::Environment,
        if taken.is_some() { Confidence::Proven } else { Confidence::Likely },
        format!(
            "{name} (pid {holder}) waits on {} beside the server, which waits on {}: {option} let both have the port. {whom}",
            theirs.local, ours.local
        ),
    )
    .because([ours.reference.clone(), theirs.reference.clone()])
    .because(taken.map(Talk::references).unwrap_or_default())
    .fix(format!("End that program, often an older copy of the server; and leave out {option}, so that a second copy fails to start."))
    .fires()
}

/// The server's listener, and that of a known program outside the pair, both waiting at the freeze for what goes to the
/// same address. Several processes of one server may well share a port.
fn sharers<'f>(facts: &'f Facts) -> Result<Option<(&'f Listener, &'f Listener)>, crate::evidence::Gap> {
    let listeners = facts.listeners()?;
    let ours = |listener: &&Listener| {
        listener.role == Some(Role::Server)
            && listener.transport == facts.transport()
            && facts.is_documented(listener.local)
    };
    Ok(listeners.iter().filter(ours).find_map(|ours| {
        let theirs = listeners.iter().find(|theirs| {
            theirs.role.is_none()
                && !theirs.owners.is_empty()
                && theirs.last_seen == ours.last_seen
                && (ours.covers(theirs.transport, theirs.local) || theirs.covers(ours.transport, ours.local))
        })?;
        Some((ours, theirs))
    }))
}

/// Whether the end that was dialled is the other program's: a connection that it holds; for UDP, its socket is the one
/// at exactly the address that was asked, or the one with something unread.
fn is_held_by(talk: &Talk, holder: u32, theirs: &Listener) -> bool {
    let Some(end) = &talk.server_end else { return false };
    match talk.transport {
        Transport::Tcp => end.pids.contains(&holder),
        Transport::Udp => {
            talk.server == theirs.local
                && talk.replied_bytes() == Some(0)
                && (end.reference != theirs.reference || end.pids.contains(&holder))
        }
    }
}

/// Whether the connection is seen to be the server's own, whoever else waits on its port.
fn is_our_own(talk: &Talk, ours: &Listener) -> bool {
    let holds = |end: &SocketEnd| ours.owners.iter().any(|owner| end.pids.contains(&owner.pid));
    talk.transport == Transport::Tcp && talk.server_end.as_ref().is_some_and(holds)
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::{Owner, Role, Socket};
    use crate::facts::staged::{SERVER, Stage, datagrams, listener, pair, stranger, talk};

    fn strangers(address: &str) -> Socket {
        stranger(address)
    }

    /// The other program took the connection, read the request and says nothing.
    fn taken() -> Stage {
        let other = Owner { pid: 77, name: "squatter".to_owned(), role: None, program: None };
        let held = talk(40001).asks("hello\n").open().end(Role::Server, |row| row.owners = vec![other]);
        pair().row(strangers(SERVER)).talk(held).hangs()
    }

    #[test]
    fn somebody_else_took_the_connection() {
        let found = taken().fires("two-listeners-reuseport");
        assert_eq!((found.side, found.confidence), (Side::Environment, Confidence::Proven));
        assert!(found.statement.contains("squatter (pid 77)"), "{}", found.statement);
        let verdict = taken().verdict();
        assert_eq!((verdict.side, verdict.fault.as_deref()), (Side::Environment, Some("two-listeners-reuseport")));
    }

    #[test]
    fn who_took_it_may_be_unknown() {
        let stage = pair().row(strangers(SERVER)).talk(talk(40001).asks("hello\n").closes(Role::Server));
        assert_eq!(stage.fires("two-listeners-reuseport").confidence, Confidence::Likely);
        assert_eq!(stage.verdict().side, Side::Environment);
    }

    #[test]
    fn a_server_that_holds_the_connection_itself_has_a_fault_of_its_own() {
        let stage = pair().row(strangers(SERVER)).talk(talk(40001).asks("hello\n").open()).hangs();
        stage.excludes("two-listeners-reuseport");
        assert_eq!(stage.verdict().side, Side::Server);
    }

    #[test]
    fn datagrams_go_to_the_socket_with_the_exact_address() {
        let mut theirs = strangers(SERVER);
        theirs.transport = crate::evidence::Transport::Udp;
        theirs.state = crate::evidence::SocketState::Unconnected;
        let stage = pair().listens("0.0.0.0:12345").udp().talk(datagrams(40001).asks("hello")).row(theirs).hangs();
        assert_eq!(stage.fires("two-listeners-reuseport").side, Side::Environment);
        assert_eq!(stage.verdict().side, Side::Environment);
    }

    #[test]
    fn as_long_as_everybody_is_answered_nothing_is_wrong() {
        let stage = pair().row(strangers(SERVER)).talk(talk(40001).healthy());
        stage.excludes("two-listeners-reuseport");
        assert_eq!(stage.verdict().side, Side::None);
    }

    #[test]
    fn processes_of_one_server_share_a_port_on_purpose() {
        let mut second = listener(SERVER);
        second.owners[0].pid += 1;
        let unanswered = talk(40001).asks("hello\n").open();
        pair().row(second).talk(unanswered.clone()).hangs().silent("two-listeners-reuseport");
        let unknown = Socket { owners: vec![], owners_known: false, ..strangers(SERVER) };
        pair().row(unknown).talk(unanswered).hangs().silent("two-listeners-reuseport");
    }

    #[test]
    fn a_stranger_at_another_port_or_address_takes_nothing() {
        for elsewhere in ["127.0.0.1:5432", "127.0.0.2:12345"] {
            let stage = pair().row(strangers(elsewhere)).talk(talk(40001).asks("hello\n").open()).hangs();
            stage.silent("two-listeners-reuseport");
        }
    }

    #[test]
    fn cannot_tell_without_sockets() {
        assert_eq!(taken().unseen("sockets").cannot_tell("two-listeners-reuseport"), "sockets");
    }
}
