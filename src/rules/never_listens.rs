//! `never-listens`: the server's program lives on and owns no listening socket.

use super::{Call, Rule, Ruling, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::{Action, Role};
use crate::facts::Facts;

pub(super) static RULE: Rule = Rule {
    name: "never-listens",
    explains: &["connection-refused", "swallowed-exception", "client-before-server", "client-failed"],
    check,
};

fn check(facts: &Facts) -> Ruling {
    let Some(server) = facts.player(Role::Server)? else { return Ok(Call::Silent) };
    if !server.is_running() || facts.evidence.setting.server_ready.is_some() {
        return Ok(Call::Silent);
    }
    if !facts.server_listeners()?.is_empty() {
        return super::ruled_out("the server listens");
    }
    if server.is_stopped() {
        return super::ruled_out("the server is stopped");
    }
    let waits = server.waits_for_ever();
    let swallowed = facts.exceptions(Role::Server).ok().and_then(|raised| {
        raised.into_iter().rev().find(|(_, raised)| raised.action != Action::Uncaught && raised.errno.is_some())
    });
    let error = swallowed.as_ref().map_or_else(String::new, |(_, raised)| {
        format!(" It met {} on the way and went on.", raised.kind)
    });
    finding(
        &RULE,
        Side::Server,
        if waits { Confidence::Proven } else { Confidence::Likely },
        format!("The server's program runs, but no socket of it listens, for TCP or UDP: nobody can reach it.{error}"),
    )
    .because([server.reference()])
    .because(swallowed.as_ref().map(|(index, _)| format!("exceptions:{index}")))
    .at(swallowed.and_then(|(_, raised)| Some((raised.frames.last()?.clone(), Role::Server))))
    .fix("Let an error of bind or listen end the program, and call listen before waiting for anything else.")
    .fires()
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::Side;
    use crate::evidence::Role;
    use crate::facts::staged::{SERVER, Stage, dial, pair, talk};

    fn refused() -> Stage {
        pair().without_listener().talk(dial(40001, SERVER).syn(50.0).refused(50.1))
    }

    #[test]
    fn a_program_that_lives_and_listens_nowhere_is_the_servers_fault() {
        assert_eq!(refused().fires("never-listens").side, Side::Server);
        assert_eq!(refused().verdict().fault.as_deref(), Some("never-listens"));
    }

    #[test]
    fn a_server_that_listens_is_not_accused() {
        pair().talk(talk(40001).healthy()).silent("never-listens");
    }

    #[test]
    fn a_stopped_server_may_have_been_about_to_listen() {
        refused().stopped(Role::Server).excludes("never-listens");
    }

    #[test]
    fn cannot_tell_without_the_socket_table() {
        assert_eq!(refused().unseen("sockets").cannot_tell("never-listens"), "sockets");
    }
}
