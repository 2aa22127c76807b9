//! Staged faults: what a scenario file says, and how it becomes a [`Plan`].
//!
//! A scenario knows faults and actors. It knows no rule: the two meet as strings in `[expect]`.

mod catalogue;
mod contract;

pub use catalogue::{find, names, nearest};
pub use contract::{ContractTable, is_address};

use serde::Deserialize;

use crate::evidence::{Contract, Role};
use crate::recording::{Actor, CallTracing, Plan};
use crate::reference::spec::{ClientSpec, ServerSpec};

/// A scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Its name: the file's, without the ending.
    pub name: String,
    /// One sentence on what is staged.
    pub summary: String,
    /// What to record.
    pub plan: Plan,
    /// What the diagnosis should say; a user's own file may leave it out.
    pub expect: Option<Expect>,
}

/// What the diagnosis should say.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Expect {
    /// `client`, `server`, `both`, `environment`, `none` or `unknown`.
    pub side: String,
    /// The fault's name; left out when there is none.
    #[serde(default)]
    pub fault: Option<String>,
    /// Names, sources and confidence that a machine with less to look at may fall back to are not failures; a wrong
    /// side always is. This lists sources without which `unknown` is the right answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// Faults that have to be found beside the verdict: contributing ones, which no verdict is named after.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
}

/// A scenario file, as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    summary: String,
    #[serde(default)]
    contract: ContractTable,
    server: Option<ServerSpec>,
    server_program: Option<Program>,
    client: Option<ClientSpec>,
    client_program: Option<Program>,
    #[serde(default)]
    more_clients: Vec<ClientSpec>,
    #[serde(default)]
    bystanders: Vec<ServerSpec>,
    #[serde(default)]
    bystander_programs: Vec<Program>,
    #[serde(default = "usual_patience")]
    patience_ms: u64,
    #[serde(default)]
    console: bool,
    /// Whether the server is probed once the pair was recorded.
    #[serde(default)]
    probe: bool,
    /// How long the server may take to end when it is interrupted, once the pair was recorded; it is not without this.
    interrupt_ms: Option<u64>,
    /// Whether the loopback interface of the private network is down.
    #[serde(default)]
    loopback_down: bool,
    /// The port that the packet filter of the private network refuses.
    reject_port: Option<u16>,
    expect: Option<Expect>,
}

/// A program of the user's own in a scenario.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Program {
    /// The words of its command.
    #[serde(default)]
    command: Vec<String>,
    /// Or a Python program's text.
    python: Option<String>,
}

fn usual_patience() -> u64 {
    5_000
}

/// Reads a scenario from the text of its file. Errors name the line and column.
pub fn parse(name: &str, text: &str) -> anyhow::Result<Scenario> {
    let file: File = toml::from_str(text).map_err(|error| anyhow::anyhow!("{name}: {}", describe(&error, text)))?;
    addresses_are_sound(&file).map_err(|why| anyhow::anyhow!("{name}: {why}"))?;
    let server = actor(Role::Server, file.server.map(Actor::Server), file.server_program)
        .map_err(|why| anyhow::anyhow!("{name}: {why}"))?;
    let client = actor(Role::Client, file.client.map(Actor::Client), file.client_program)
        .map_err(|why| anyhow::anyhow!("{name}: {why}"))?;
    let bystanders =
        bystanders(file.bystanders, file.bystander_programs).map_err(|why| anyhow::anyhow!("{name}: {why}"))?;
    let clients: Vec<Actor> = client.into_iter().chain(file.more_clients.into_iter().map(Actor::Client)).collect();
    anyhow::ensure!(
        server.is_some() || !clients.is_empty(),
        "{name}: nobody is on the stand; add a [server] or a [client] table"
    );
    Ok(Scenario {
        name: name.to_owned(),
        summary: file.summary,
        plan: Plan {
            contract: file.contract.told(),
            server,
            bystanders,
            clients,
            patience_ms: file.patience_ms,
            probe: file.probe,
            console: file.console,
            console_at: None,
            calls: CallTracing::InsteadOfPackets,
            home: None,
            interrupt_ms: file.interrupt_ms,
            loopback_down: file.loopback_down,
            reject_port: file.reject_port,
            input: None,
            thorough: false,
        },
        expect: file.expect,
    })
}

/// Reads a file that holds nothing but the terms of a contract, as `--contract` takes it.
pub fn read_contract(name: &str, text: &str) -> anyhow::Result<Contract> {
    let table: ContractTable =
        toml::from_str(text).map_err(|error| anyhow::anyhow!("{name}: {}", describe(&error, text)))?;
    if let Some(Err(error)) = table.address.as_deref().map(is_address) {
        anyhow::bail!("{name}: address = {error}");
    }
    Ok(table.told())
}

/// A mistyped address would end the reference part, and the verdict would blame it for what the file says.
fn addresses_are_sound(file: &File) -> Result<(), String> {
    let listens = file.server.iter().chain(&file.bystanders).flat_map(|server| &server.listen);
    let dials = file.client.iter().chain(&file.more_clients).map(|client| &client.dial);
    let all = listens.map(|address| ("listen", address)).chain(dials.map(|address| ("dial", address)));
    for (key, address) in all.chain(file.contract.address.iter().map(|address| ("address", address))) {
        is_address(address).map_err(|error| format!("{key} = {error}"))?;
    }
    Ok(())
}

fn actor(role: Role, reference: Option<Actor>, program: Option<Program>) -> Result<Option<Actor>, String> {
    match (reference, program) {
        (Some(_), Some(_)) => Err(format!("[{role}] and [{role}-program] cannot both play the {role}; keep one")),
        (Some(reference), None) => Ok(Some(reference)),
        (None, None) => Ok(None),
        (None, Some(Program { command, python: None })) if !command.is_empty() => Ok(Some(Actor::Command(command))),
        (None, Some(Program { command, python: Some(text) })) if command.is_empty() => Ok(Some(Actor::Python(text))),
        (None, Some(_)) => Err(format!("[{role}-program] needs either `command` or `python`")),
    }
}

fn bystanders(references: Vec<ServerSpec>, programs: Vec<Program>) -> Result<Vec<Actor>, String> {
    let programs = programs.into_iter().map(|program| actor(Role::Server, None, Some(program)));
    references
        .into_iter()
        .map(|spec| Ok(Some(Actor::Server(spec))))
        .chain(programs)
        .filter_map(Result::transpose)
        .collect()
}

/// A parse error with its place in the text; `toml` counts bytes, people count lines.
#[must_use]
pub fn describe(error: &toml::de::Error, text: &str) -> String {
    let Some(span) = error.span() else { return error.message().to_owned() };
    let before = &text[..span.start.min(text.len())];
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    let shown = text.lines().nth(line - 1).unwrap_or_default();
    format!("line {line}, column {column}: {}\n  {line} | {shown}", error.message())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_refused_with_its_line() {
        let error = parse("mine", "summary = \"x\"\n[client]\ndail = \"127.0.0.1:1\"\n").unwrap_err().to_string();
        assert!(error.contains("line 3, column 1") && error.contains("dail"), "{error}");
    }

    #[test]
    fn broken_toml_is_refused_with_its_line() {
        let error = parse("mine", "summary = \"x\"\n[client\n").unwrap_err().to_string();
        assert!(error.contains("line 2"), "{error}");
    }

    #[test]
    fn an_address_without_a_port_that_is_one_is_refused_by_its_key() {
        for (table, key) in
            [("[server]\nlisten = [\"a:b\"]", "listen"), ("[client]\ndial = \"127.0.0.1:70000\"", "dial")]
        {
            let error = parse("mine", &format!("summary = \"x\"\n{table}\n")).unwrap_err().to_string();
            assert!(error.contains(key) && error.contains("host:port"), "{error}");
        }
    }

    #[test]
    fn an_empty_stand_is_refused() {
        assert!(parse("mine", "summary = \"x\"\n").unwrap_err().to_string().contains("nobody is on the stand"));
    }

    #[test]
    fn one_part_cannot_be_played_twice() {
        let text = "summary = \"x\"\n[server]\n[server-program]\ncommand = [\"true\"]\n";
        assert!(parse("mine", text).unwrap_err().to_string().contains("cannot both play the server"));
    }

    #[test]
    fn every_scenario_of_the_catalogue_reads_and_expects_something() {
        for name in names() {
            let scenario = find(name).unwrap().unwrap_or_else(|error| panic!("{error:#}"));
            assert!(scenario.expect.is_some(), "{name} expects nothing");
        }
    }
}
