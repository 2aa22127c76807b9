//! `port-in-use`: another program holds the port that the server wanted.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Bytes, Gap, Role, SocketCall};
use crate::facts::{Facts, Listener, Player};

pub(super) static RULE: Rule = Rule {
    name: "port-in-use",
    symptoms: &[Symptom::Dies, Symptom::Hangs, Symptom::Garbled],
    sides: &[Side::Environment],
    shown_by: "which program holds the port",
    seen_in: &[Look::Sockets, Look::Owners, Look::Address],
    over: None,
    explains: &[
        "server-died",
        "connection-refused",
        "missing-reply",
        "corrupted-reply",
        "unread-request",
        "never-accepts",
        "early-close",
        "client-failed",
    ],
    check,
};

/// As the result of a call.
const EADDRINUSE: i64 = -98;

fn check(facts: &Facts) -> Ruling {
    let Some(server) = facts.player(Role::Server)? else { return Ok(Call::Silent) };
    if !facts.server_listeners()?.is_empty() {
        return Ok(Call::Silent);
    }
    let complains = facts.says_port_is_taken(&server);
    let Some(wanted) = wanted_port(facts, &server) else {
        return if complains { facts.looked(Look::Address).map(|()| Call::Silent) } else { Ok(Call::Silent) };
    };
    let Some(squatter) = squatter(facts, wanted)? else {
        return if complains {
            super::ruled_out("nobody else was seen to hold the port")
        } else {
            Ok(Call::Silent)
        };
    };
    let taken = |call: &&SocketCall| {
        call.result == EADDRINUSE && call.address.is_some_and(|wanted| wanted.port() == squatter.local.port())
    };
    let failed = facts.failed_binds().find(|(_, call)| taken(call)).map(|(index, _)| format!("calls:{index}"));
    let proven = failed.is_some() || complains;
    // Whoever had it and was not looked at in time may have been the server, which binds twice.
    let may_be_itself = !proven || !facts.listens_to_the_end(squatter);
    if squatter.owners.is_empty() && may_be_itself {
        return Err(Gap::new(
            "sockets",
            format!("who holds {} could not be seen, so it may be the server itself", squatter.local),
            "run netdiag as the user whose programs you look at, or with sudo",
        ));
    }
    let holder = squatter.owners.first().map_or_else(
        || "a program of another user".to_owned(),
        |owner| format!("{} (pid {})", Bytes::from(owner.name.as_str()).escaped(), owner.pid),
    );
    finding(
        &RULE,
        Side::Environment,
        if proven { Confidence::Proven } else { Confidence::Likely },
        format!("{} was already taken by {holder}, so the server could not bind it.", squatter.local),
    )
    .because([squatter.reference.clone(), server.reference()])
    .because(failed)
    .fix("End that program (or wait for it), then start the server again.")
    .fires()
}

/// The documented port; where none is, the one that the server found taken, or that a client dialled.
fn wanted_port(facts: &Facts, server: &Player) -> Option<u16> {
    let dialled = || facts.dials().ok()?.first().map(|dial| dial.target.port());
    facts.documented_port().or_else(|| Some(facts.port_found_taken(server)?.0)).or_else(dialled)
}

/// Who, not on the stand, holds that port.
fn squatter<'f>(facts: &'f Facts, wanted: u16) -> Result<Option<&'f Listener>, Gap> {
    Ok(facts.listeners()?.iter().find(|listener| {
        listener.role.is_none() && listener.transport == facts.transport() && listener.local.port() == wanted
    }))
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::{How, Role};
    use crate::facts::staged::{SERVER, Stage, dial, pair, stranger};

    fn taken() -> Stage {
        pair().without_listener().row(stranger(SERVER)).exits(Role::Server, 20.0, How::Code(1))
    }

    #[test]
    fn somebody_else_has_the_port() {
        let stage = taken().complains(Role::Server, "OSError: [Errno 98] Address already in use\n");
        let found = stage.fires("port-in-use");
        assert_eq!((found.side, found.confidence), (Side::Environment, Confidence::Proven));
        assert!(found.statement.contains("squatter"));
        assert_eq!(stage.verdict().fault.as_deref(), Some("port-in-use"));
    }

    #[test]
    fn a_server_that_lives_on_in_silence_is_told_likely() {
        let stage = pair().without_listener().row(stranger(SERVER));
        assert_eq!(stage.fires("port-in-use").confidence, Confidence::Likely);
    }

    #[test]
    fn a_socket_of_unknown_owner_may_be_the_servers_own() {
        let mut hidden = stranger(SERVER);
        hidden.owners.clear();
        hidden.owners_known = false;
        let stage = pair().without_listener().row(hidden);
        assert_eq!(stage.cannot_tell("port-in-use"), "sockets");
        let stage = stage.complains(Role::Server, "Error: listen EADDRINUSE\n");
        assert_eq!(stage.fires("port-in-use").confidence, Confidence::Proven);
    }

    #[test]
    fn a_socket_of_unknown_owner_that_went_with_the_server_may_be_its_own() {
        let mut hidden = stranger(SERVER);
        hidden.owners.clear();
        hidden.owners_known = false;
        let mut stage = pair().without_listener().row(hidden).complains(Role::Server, "Error: listen EADDRINUSE\n");
        let crate::evidence::Observed::Seen(sockets) = &mut stage.0.sockets else { panic!("no sockets") };
        let mut later = sockets.snapshots.last().unwrap().clone();
        later.sockets.clear();
        sockets.snapshots.last_mut().unwrap().at.0 -= 1;
        sockets.snapshots.push(later);
        assert_eq!(stage.cannot_tell("port-in-use"), "sockets");
    }

    #[test]
    fn a_port_that_only_time_wait_holds_is_nobodys() {
        let stage = pair().without_listener().complains(Role::Server, "Address already in use\n");
        assert!(stage.excludes("port-in-use").contains("nobody else"));
    }

    #[test]
    fn a_stranger_at_another_port_is_no_reason() {
        pair().without_listener().row(stranger("127.0.0.1:5432")).silent("port-in-use");
        pair().row(stranger("127.0.0.1:5432")).silent("port-in-use");
    }

    #[test]
    fn cannot_tell_without_sockets_or_programs() {
        for source in ["sockets", "programs"] {
            assert_eq!(taken().unseen(source).cannot_tell("port-in-use"), source);
        }
        taken().talk(dial(40001, SERVER).connected(50.0)).unseen("packets").fires("port-in-use");
    }
}
