//! `server-died`: the server ended before it ever listened.

use super::{Call, Rule, Ruling, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::Role;
use crate::facts::{Dial, Ended, Facts, Outcome};

pub(super) static RULE: Rule =
    Rule { name: "server-died", explains: &["connection-refused", "no-server", "client-failed"], check };

fn check(facts: &Facts) -> Ruling {
    let Some(server) = facts.player(Role::Server)? else { return Ok(Call::Silent) };
    if facts.evidence.setting.server_ready.is_some() {
        return Ok(Call::Silent);
    }
    let how = match server.ended {
        Ended::Running => return Ok(Call::Silent),
        Ended::NeverStarted => format!(
            "could not be started: {}",
            server.program.spawn_error.as_deref().unwrap_or("the system gave no reason")
        ),
        Ended::Exited(status) => format!("exited with status {status} before it listened"),
        Ended::Killed(signal) => format!("was ended by signal {signal} before it listened"),
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
    let words = server.last_words().map(|words| format!(" Its last words: {}", words.escaped())).unwrap_or_default();
    finding(&RULE, Side::Server, Confidence::Proven, format!("The server {how}.{words}"))
        .because([server.reference()])
        .fix("Start the server by itself and mend what it complains about; it has to stay alive and listen.")
        .fires()
}
