//! `netdiag scenario --hold`: keeps the staged pair alive on the host's loopback, for looking at it with other tools.

use super::{Outcome, terminal};
use crate::recording::{self, Held};
use crate::sandbox::Interruption;
use crate::scenario::Scenario;

/// Starts the pair, says how to look at it, and waits for Ctrl-C.
pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let interruption = Interruption::listen()?;
    recording::hold(&scenario.plan, &|| interruption.requested(), |held| terminal::show(&page(scenario, held)))?;
    Ok(Outcome::Fine)
}

fn page(scenario: &Scenario, held: &Held) -> String {
    format!("{}: {}\n\n{}\nCtrl-C ends both.\n", scenario.name, scenario.summary, whereabouts(scenario, held))
}

/// Who is there, and how to look at them; not a word about what is wrong.
pub(super) fn whereabouts(scenario: &Scenario, held: &Held) -> String {
    let mut lines = Vec::new();
    for (transport, address) in &held.listening {
        lines.push(format!(
            "The server (pid {}) listens on {transport} {address}.",
            held.server_pid.unwrap_or_default()
        ));
    }
    match held.server_pid {
        Some(_) if held.listening.is_empty() => lines.push("The server runs and listens nowhere.".to_owned()),
        None if scenario.plan.server.is_some() => lines.push("The server has ended already.".to_owned()),
        None => lines.push("Nobody plays the server.".to_owned()),
        Some(_) => {}
    }
    let pids: Vec<String> = held.client_pids.iter().map(ToString::to_string).collect();
    lines.push(format!("The client (pid {}) is started again two seconds after it ends.", pids.join(", ")));
    lines.extend([String::new(), "Try in another terminal:".to_owned()]);
    lines.extend(suggestions(scenario, held).into_iter().map(|(command, what)| format!("  {command:<58}  {what}")));
    lines.join("\n") + "\n"
}

fn suggestions(scenario: &Scenario, held: &Held) -> Vec<(String, &'static str)> {
    let documented = scenario.plan.contract.address.as_ref().and_then(|term| term.value.rsplit_once(':'));
    let mut ports: Vec<String> = held.listening.iter().map(|(_, address)| address.port().to_string()).collect();
    ports.extend(documented.map(|(_, port)| port.to_owned()));
    ports.sort();
    ports.dedup();
    let filter = ports.iter().map(|port| format!("port {port}")).collect::<Vec<_>>().join(" or ");
    let mut commands = vec![
        (format!("sudo tcpdump -i lo -A '{filter}'"), "every packet with its text"),
        (format!("lsof -n -P -i :{}", ports.join(",")), "which program holds which end"),
    ];
    for port in &ports {
        commands.push((format!("netdiag sockets --port {port}"), "the same, with unread bytes"));
    }
    for (transport, address) in &held.listening {
        let udp = if *transport == crate::evidence::Transport::Udp { " --udp" } else { "" };
        commands.push((format!("netdiag check {address}{udp}"), "ask the server"));
    }
    if let Some(path) = &held.console {
        commands.push((format!("tokio-console file://localhost{}", path.display()), "the server's tasks, live"));
        commands.push((format!("netdiag tasks {}", path.display()), "the same, as a list"));
    }
    commands
}
