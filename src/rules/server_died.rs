//! `server-died`: the server ended before it ever listened.

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Finding, Side};
use crate::evidence::Role;
use crate::facts::{Dial, Ended, Facts, Listener, Outcome};

pub(super) static RULE: Rule = Rule {
    name: "server-died",
    symptoms: &[Symptom::Refused, Symptom::Dies],
    sides: &[Side::Server, Side::Environment],
    shown_by: "how the server's process ended before it listened",
    seen_in: &[Look::Ends],
    over: None,
    explains: &["connection-refused", "no-server", "client-failed"],
    check,
};

fn check(facts: &Facts) -> Ruling {
    let Some(server) = facts.player(Role::Server)? else { return Ok(Call::Silent) };
    if facts.evidence.setting.server_ready.is_some() {
        return Ok(Call::Silent);
    }
    let bound = facts.line_seen_to_bind().filter(|_| server.ended == Ended::Exited(0));
    let how = match server.ended {
        Ended::Running => return Ok(Call::Silent),
        Ended::NeverStarted => format!(
            "could not be started: {}",
            server.program.spawn_error.as_deref().unwrap_or("the system gave no reason")
        ),
        Ended::Exited(_) if bound.is_some() => {
            "named its port to the system and exited with status 0 at once: nothing kept it running".to_owned()
        }
        Ended::Exited(status) => format!("exited with status {status} before it listened"),
        Ended::Killed(signal) => format!("{} before it listened", facts.ended_by(&server, signal)),
    };
    let strangers = |dial: &Dial| {
        facts.listeners().is_ok_and(|all| all.iter().any(|l| l.covers(dial.transport, dial.target) && !facts.may_be_servers(l)))
    };
    let reached = |dial: &Dial| {
        dial.outcome == Outcome::Established && facts.is_documented(dial.target) && !strangers(dial)
    };
    if facts.dials().is_ok_and(|dials| dials.iter().any(reached)) {
        return super::ruled_out("the client reached somebody at the documented address");
    }
    if server.ended != Ended::NeverStarted {
        // Without the socket table nobody could see it listen.
        facts.listeners()?;
    }
    let words = server.last_words().map(|words| format!(" Its last words: {}", words.readable())).unwrap_or_default();
    // Whoever has the port may have no business there; which port it is, nobody said.
    let is_excused = facts.says_port_is_taken(&server) && facts.looked(Look::Address).is_err();
    let sure = if is_excused { Confidence::Possible } else { Confidence::Proven };
    if let Some(there) = listening_client(facts) {
        return swapped(&server.reference(), &format!("The server {how}.{words}"), there).fires();
    }
    finding(&RULE, Side::Server, sure, format!("The server {how}.{words}"))
        .because([server.reference()].into_iter().chain(facts.crash_reference(Role::Server)))
        .at(facts.line_of_failure(Role::Server).or(bound))
        .fix(
            "Start the server by itself and mend what it complains about; it has to stay alive and listen \
             (`await server.serve_forever()`, an accept loop without an end).",
        )
        .fires()
}

/// A client that waits for others where the server should.
fn listening_client<'a>(facts: &'a Facts) -> Option<&'a Listener> {
    let is_clients = |listener: &&Listener| {
        listener.role == Some(Role::Client)
            && facts.documented_port().is_none_or(|port| port == listener.local.port())
    };
    facts.listeners().ok()?.iter().find(is_clients)
}

/// Each was started in the other's place, which is nobody's fault but the command's.
fn swapped(server: &str, ended: &str, there: &Listener) -> Finding {
    let statement = format!(
        "The program that was started as the client listens on {}, as a server does: the two seem to have changed places. \
         {ended}",
        there.local
    );
    finding(&RULE, Side::Unknown, Confidence::Possible, statement)
        .because([server.to_owned(), there.reference.clone()])
        .fix("Start each in its own place: the program that listens is the server, the one that connects is the client.")
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::{Confidence, Side};
    use crate::evidence::{How, Role};
    use crate::facts::staged::{SERVER, dial, listener, owner, pair, stranger, talk};

    #[test]
    fn programs_that_changed_places_are_nobodys_fault() {
        let died = pair().without_listener().exits(Role::Server, 20.0, How::Code(1));
        let mut own = listener(SERVER);
        own.owners = vec![owner(Role::Client)];
        let stage = died.row(own);
        let found = stage.fires("server-died");
        assert_eq!(found.side, Side::Unknown);
        assert!(found.statement.contains("changed places"), "{}", found.statement);
        assert_eq!(stage.verdict().side, Side::Unknown);
    }

    #[test]
    fn the_server_died_before_it_listened() {
        let stage = pair().without_listener().exits(Role::Server, 20.0, How::Code(1)).complains(Role::Server, "Oops\n");
        let found = stage.fires("server-died");
        assert_eq!((found.side, found.confidence), (Side::Server, Confidence::Proven));
        assert!(found.statement.contains("Oops"));
    }

    #[test]
    fn a_text_that_cannot_be_read_is_told_with_its_line_although_nothing_was_raised() {
        let said = "  File \"server.py\", line 2\n    def main()\n              ^\nSyntaxError: expected ':'\n";
        let mut stage = pair().without_listener().exits(Role::Server, 20.0, How::Code(1)).complains(Role::Server, said);
        stage.traced(Role::Server);
        assert_eq!(stage.fires("server-died").location.map(|frame| frame.line), Some(2));
    }

    #[test]
    fn a_server_that_bound_and_ended_content_is_told_where() {
        let ended = |status| {
            let stage = pair().without_listener().exits(Role::Server, 20.0, How::Code(status));
            stage.addressed(Role::Server, "bind", SERVER, 9).fires("server-died")
        };
        assert_eq!(ended(0).location.map(|frame| frame.line), Some(9));
        assert!(ended(0).statement.contains("nothing kept it running"));
        assert!(ended(1).location.is_none() && ended(1).statement.contains("status 1 before it listened"));
    }

    #[test]
    fn the_server_could_not_be_started() {
        let stage = pair().without_listener().program(Role::Server, |server| {
            server.spawn_error = Some("No such file or directory".to_owned());
        });
        assert_eq!(stage.fires("server-died").side, Side::Server);
    }

    #[test]
    fn a_server_that_listened_first_has_not_died_at_its_start() {
        pair().exits(Role::Server, 70.0, How::Code(1)).silent("server-died");
        pair().without_listener().silent("server-died");
    }

    #[test]
    fn a_server_that_detached_itself_and_answers_has_not_died() {
        let stage = pair().without_listener().exits(Role::Server, 20.0, How::Code(0)).talk(talk(40001).healthy());
        assert!(stage.excludes("server-died").contains("reached somebody"));
    }

    #[test]
    fn a_one_shot_server_whose_sockets_nobody_saw_is_not_accused() {
        let stage = pair().without_listener().exits(Role::Server, 80.0, How::Code(0)).unseen("sockets").unseen("packets");
        assert_eq!(stage.cannot_tell("server-died"), "sockets");
        assert_eq!(stage.verdict().side, Side::Unknown);
    }

    #[test]
    fn reaching_a_stranger_is_not_reaching_the_server() {
        let stage = pair().without_listener().row(stranger(SERVER)).exits(Role::Server, 20.0, How::Code(1));
        stage.talk(dial(40001, SERVER).connected(50.0)).fires("server-died");
    }

    #[test]
    fn cannot_tell_without_programs() {
        assert_eq!(pair().unseen("programs").cannot_tell("server-died"), "programs");
    }
}
