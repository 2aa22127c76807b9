//! Commands that show the same without netdiag. Only those that fit the case; a learner keeps these for life.

use crate::diagnosis::{Diagnosis, Side};
use crate::evidence::{Evidence, Occasion, Program, Role, Transport};

/// A command and what it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// What to type.
    pub line: String,
    /// What one sees then.
    pub shows: &'static str,
}

/// The commands for this case, most telling first.
#[must_use]
pub fn commands(evidence: &Evidence, diagnosis: &Diagnosis) -> Vec<Command> {
    let mut all = vec![];
    let udp = transport(evidence, diagnosis) == Transport::Udp;
    if let Some(ports) = ports(evidence, diagnosis) {
        let lo = if evidence.setting.os == "macos" { "lo0" } else { "lo" };
        let filter = ports.iter().map(|port| format!("port {port}")).collect::<Vec<_>>().join(" or ");
        let filter = if ports.len() > 1 { format!("'{filter}'") } else { filter };
        all.push(command(format!("sudo tcpdump -i {lo} -A {filter}"), "every packet with its text, as it flies"));
        let list = ports.iter().map(u16::to_string).collect::<Vec<_>>().join(",");
        let protocol = if udp { "UDP" } else { "TCP" };
        all.push(command(format!("lsof -n -P -i {protocol}:{list}"), "which program holds which end"));
        all.push(command(format!("netdiag sockets --port {}", ports[0]), "the same, with unread bytes"));
    }
    for role in suspects(diagnosis) {
        all.extend(only(role, evidence).and_then(|program| step(program, evidence)));
    }
    if evidence.tasks.seen().is_ok_and(|tasks| tasks.tasks.iter().any(|task| task.runtime == "tokio")) {
        all.push(command("tokio-console".to_owned(), "the server's tasks, live"));
    }
    all
}

fn command(line: String, shows: &'static str) -> Command {
    Command { line, shows }
}

/// The programs worth stepping through: those that have to change.
fn suspects(diagnosis: &Diagnosis) -> Vec<Role> {
    match diagnosis.verdict.side {
        Side::Client => vec![Role::Client],
        Side::Server => vec![Role::Server],
        Side::Both | Side::Unknown => vec![Role::Server, Role::Client],
        Side::Environment | Side::None => vec![],
    }
}

/// How to watch one program at work.
fn step(program: &Program, evidence: &Evidence) -> Option<Command> {
    if program.reference || evidence.setting.occasion != Occasion::Pair {
        return None;
    }
    let (first, rest) = program.command.split_first()?;
    let name = first.rsplit('/').next().unwrap_or(first);
    if name.starts_with("python") && rest.first().is_some_and(|script| !script.starts_with('-')) {
        let words = [&[first.clone(), "-m".to_owned(), "trace".to_owned(), "-t".to_owned()], rest].concat();
        return Some(command(shell_words::join(words), "each line as Python runs it"));
    }
    let line = format!("strace -f -e trace=network {}", shell_words::join(&program.command));
    (evidence.setting.os == "linux").then(|| command(line, "each socket call with its result"))
}

fn transport(evidence: &Evidence, diagnosis: &Diagnosis) -> Transport {
    let told = diagnosis.contract.transport.as_ref().map(|term| term.value);
    let seen = || Some(evidence.packets.seen().ok()?.conversations.first()?.transport);
    told.or_else(seen).unwrap_or(Transport::Tcp)
}

/// The agreed port, then the one that was really dialled if it is another.
fn ports(evidence: &Evidence, diagnosis: &Diagnosis) -> Option<Vec<u16>> {
    let agreed = diagnosis.contract.address.as_ref().and_then(|term| term.value.rsplit_once(':')?.1.parse().ok());
    let dialled = evidence.packets.seen().ok().and_then(|packets| Some(packets.conversations.first()?.listener.port()));
    let mut ports: Vec<u16> = agreed.into_iter().chain(dialled).collect();
    ports.dedup();
    (!ports.is_empty()).then_some(ports)
}

/// The program that plays `role`, if just one does.
fn only(role: Role, evidence: &Evidence) -> Option<&Program> {
    let programs = evidence.programs.seen().ok()?;
    let mut playing = programs.programs.iter().filter(|program| program.role == role);
    playing.next().filter(|_| playing.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn lines(evidence: &Evidence, diagnosis: &Diagnosis) -> Vec<String> {
        commands(evidence, diagnosis).into_iter().map(|command| command.line).collect()
    }

    #[test]
    fn the_dialled_and_the_agreed_port_are_both_watched() {
        let (evidence, diagnosis) = sample::refused();
        assert_eq!(
            lines(&evidence, &diagnosis),
            [
                "sudo tcpdump -i lo -A 'port 12345 or port 12435'",
                "lsof -n -P -i TCP:12345,12435",
                "netdiag sockets --port 12345",
                "python3 -m trace -t client.py hello",
            ]
        );
    }

    #[test]
    fn a_program_that_is_not_python_is_watched_by_its_calls() {
        let (mut evidence, diagnosis) = sample::missing_reply();
        let crate::evidence::Observed::Seen(programs) = &mut evidence.programs else { unreachable!() };
        programs.programs[0].command = vec!["./my server".to_owned()];
        assert!(lines(&evidence, &diagnosis).contains(&"strace -f -e trace=network './my server'".to_owned()));
        evidence.setting.os = "macos".to_owned();
        let on_macos = lines(&evidence, &diagnosis);
        assert!(
            on_macos[0].starts_with("sudo tcpdump -i lo0 ") && on_macos.iter().all(|line| !line.contains("strace"))
        );
    }

    #[test]
    fn udp_is_watched_as_udp() {
        let (evidence, mut diagnosis) = sample::missing_reply();
        diagnosis.contract.transport = Some(crate::evidence::Term::told(Transport::Udp));
        assert!(lines(&evidence, &diagnosis).contains(&"lsof -n -P -i UDP:12345".to_owned()));
    }
}
