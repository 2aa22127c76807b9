//! `time-wait-without-reuseaddr`: nobody holds the port but connections of an earlier run that are long over.

use super::{Call, Look, Rule, Ruling, Symptom, Transport, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Role, SocketState};
use crate::facts::{Facts, Listener};

pub(super) static RULE: Rule = Rule {
    name: "time-wait-without-reuseaddr",
    symptoms: &[Symptom::Dies, Symptom::WorksOnce, Symptom::Refused],
    sides: &[Side::Server],
    shown_by: "connections in TIME_WAIT at the port that the server could not bind",
    seen_in: &[Look::Sockets, Look::Output, Look::Address],
    over: Some(Transport::Tcp),
    explains: &[
        "server-died",
        "server-crashed",
        "never-listens",
        "swallowed-exception",
        "client-before-server",
        "connection-refused",
        "client-failed",
    ],
    check,
};

fn check(facts: &Facts) -> Ruling {
    let Some(server) = facts.player(Role::Server)? else { return Ok(Call::Silent) };
    let Some((port, mut proof)) = facts.port_found_taken(&server) else { return Ok(Call::Silent) };
    let listeners = facts.listeners()?;
    // A server that is started again had a listener of its own before.
    let waits = |listener: &Listener| {
        listener.transport == facts.transport()
            && listener.local.port() == port
            && (listener.role.is_none() || facts.listens_to_the_end(listener))
    };
    if listeners.iter().any(waits) {
        return super::ruled_out(format!("a socket waits on port {port}"));
    }
    let left_over = facts.connections_without_owner(port)?;
    let Some((first, states)) = left_over.split_first() else {
        return super::ruled_out(format!("no connection of an earlier run has port {port} in the table"));
    };
    proof.push(first.0.clone());
    let count = states.len() + 1;
    let what = if count == 1 { "a connection".to_owned() } else { format!("{count} connections") };
    let in_time_wait = left_over.iter().all(|(_, state)| *state == SocketState::TimeWait);
    let state = if in_time_wait { "in TIME_WAIT" } else { "of an earlier run, almost over" };
    finding(
        &RULE,
        Side::Server,
        Confidence::Proven,
        format!(
            "The server could not bind port {port} (address already in use), and no program holds it: only {what} {state} \
             stand{} in the way, which SO_REUSEADDR would have allowed.",
            if count == 1 { "s" } else { "" }
        ),
    )
    .because(proof)
    .because([server.reference()])
    .at(facts.line_of_failure(Role::Server))
    .fix(
        "Set SO_REUSEADDR before bind (socketserver: `allow_reuse_address = True` in the class; asyncio and \
         socket.create_server do it by themselves).",
    )
    .fires()
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::{Action, Calls, How, Observed, Role, Snapshot, Socket, SocketCall, SocketState};
    use crate::facts::staged::{SERVER, Stage, addr, dial, listener, ms, pair, stranger};

    /// The server gave up; this is left of its earlier run.
    fn left_over(state: SocketState) -> Stage {
        let row = Socket { remote: Some(addr("127.0.0.1:40123")), state, owners: vec![], inode: 0, ..listener(SERVER) };
        pair().without_listener().row(row).exits(Role::Server, 20.0, How::Code(1))
    }

    fn complained() -> Stage {
        let stage = left_over(SocketState::TimeWait).talk(dial(40001, SERVER).syn(50.0).refused(50.1));
        stage.complains(Role::Server, "OSError: [Errno 98] Address already in use\n")
    }

    #[test]
    fn only_what_is_over_holds_the_port() {
        let found = complained().fires("time-wait-without-reuseaddr");
        assert_eq!((found.side, found.confidence), (Side::Server, Confidence::Proven));
        let verdict = complained().verdict();
        assert_eq!((verdict.side, verdict.fault.as_deref()), (Side::Server, Some("time-wait-without-reuseaddr")));
        let closing = left_over(SocketState::FinWait2).complains(Role::Server, "EADDRINUSE\n");
        assert!(closing.fires("time-wait-without-reuseaddr").statement.contains("almost over"));
    }

    #[test]
    fn a_server_that_was_started_again_stands_in_its_own_way() {
        let mut stage = complained();
        let first = Snapshot { at: ms(20.0), sockets: vec![listener(SERVER)], counters: None, loopback_up: Some(true) };
        let Observed::Seen(sockets) = &mut stage.0.sockets else { panic!("no sockets") };
        sockets.snapshots.insert(0, first);
        assert_eq!(stage.fires("time-wait-without-reuseaddr").side, Side::Server);
        assert_eq!(stage.verdict().fault.as_deref(), Some("time-wait-without-reuseaddr"));
    }

    #[test]
    fn the_call_or_the_exception_tell_it_as_well_as_words() {
        let call = SocketCall {
            at: ms(15.0),
            role: Role::Server,
            program: 0,
            pid: 4710,
            name: "bind".to_owned(),
            fd: 3,
            address: Some(addr(SERVER)),
            result: -98,
        };
        let mut stage = left_over(SocketState::TimeWait);
        stage.0.calls = Observed::Seen(Calls { calls: vec![call], omitted: 0, crashes: Vec::new() });
        assert!(stage.fires("time-wait-without-reuseaddr").evidence.contains(&"calls:0".to_owned()));
        let raised = left_over(SocketState::TimeWait).raised(Role::Server, 15.0, "OSError", Action::Silent);
        let raised = raised.last_raised(|raised| raised.errno = Some(98));
        assert!(raised.fires("time-wait-without-reuseaddr").evidence.contains(&"exceptions:0".to_owned()));
    }

    #[test]
    fn somebody_who_holds_the_port_is_another_story() {
        let stage = complained().row(stranger(SERVER));
        assert!(stage.excludes("time-wait-without-reuseaddr").contains("waits on port"));
        assert_eq!(stage.verdict().side, Side::Environment);
    }

    #[test]
    fn a_server_that_found_the_port_free_is_not_meant() {
        left_over(SocketState::TimeWait).silent("time-wait-without-reuseaddr");
        let stage = pair().without_listener().complains(Role::Server, "Address already in use\n");
        assert!(stage.excludes("time-wait-without-reuseaddr").contains("no connection"));
    }

    #[test]
    fn a_server_that_got_its_port_after_all_is_not_meant() {
        let stage = pair().complains(Role::Server, "Address already in use, trying again\n");
        assert!(stage.excludes("time-wait-without-reuseaddr").contains("waits on port"));
    }

    #[test]
    fn the_exception_of_bind_does_not_make_the_clients_attempt_the_servers() {
        let raised = complained().raised(Role::Server, 15.0, "OSError", Action::Uncaught);
        let raised = raised.last_raised(|raised| {
            raised.errno = Some(98);
            raised.address = Some(SERVER.to_owned());
        });
        raised.fires("connection-refused");
        assert_eq!(raised.exits(Role::Client, 60.0, How::Code(1)).verdict().side, Side::Server);
    }

    #[test]
    fn cannot_tell_without_sockets_or_programs() {
        for source in ["sockets", "programs"] {
            assert_eq!(complained().unseen(source).cannot_tell("time-wait-without-reuseaddr"), source);
        }
    }
}
