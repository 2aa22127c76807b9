//! What a lab file says: what a submission consists of, what is asked of it, how many points each answer is worth.
//! Reading ends here; whoever holds a [`Lab`] holds one that makes sense.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{bail, ensure};
use serde::Deserialize;

use crate::evidence::{Framing, Role, Transport};
use crate::recording::{Actor, CallTracing, Plan};
use crate::reference::spec::{ClientSpec, ServerSpec};
use crate::report::pages;
use crate::sandbox::Limits;
use crate::scenario::{ContractTable, describe, is_address};

/// A lab.
#[derive(Debug, Clone, PartialEq)]
pub struct Lab {
    /// Its title.
    pub title: String,
    /// What a submission may use.
    pub limits: Limits,
    /// What is asked, in the order of the file.
    pub checks: Vec<Check>,
}

/// A program that a submission must contain.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Part {
    /// Names of its main file, in the order in which they are tried; a `*` stands for any characters, and such a name counts
    /// only if it fits one file alone.
    pub files: Vec<String>,
    /// What starts it, split into words like a shell does; `{file}` is the main file.
    pub command: String,
}

/// One thing that is asked of a submission.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// Its name.
    pub id: String,
    /// Its title for people.
    pub title: String,
    /// The part of the mark it belongs to.
    pub group: Option<String>,
    /// Points there are to get.
    pub points: f64,
    /// Checks that have to pass first.
    pub needs: Vec<String>,
    /// Whether students see its title and points only.
    pub hidden: bool,
    /// Shares of the points, 0 to 1, for a submission whose fault has this name.
    pub partial: BTreeMap<String, f64>,
    /// The part the submission plays.
    pub plays: Role,
    /// Whether its partner was told to misbehave, or is not there at all.
    pub staged: bool,
    /// The submission's program.
    pub program: Part,
    /// How many of the submission's clients run at the same time.
    pub copies: u32,
    /// The recording, without the submission in it.
    pub plan: Plan,
    /// What is to be seen beside the exchange.
    pub expect: Expect,
    /// The reference in the submission's place, where the two are compared.
    pub beside: Option<Actor>,
}

/// What a check demands beside what the verdict decides.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Expect {
    /// The server listens at the documented address; then whatever else it does is left to other checks.
    pub listens: bool,
    /// How every client ends by itself: `zero`, `non-zero` or `any`.
    pub exit: Option<ExitStatus>,
    /// An error is shown: a status other than zero, or a word on standard error, or one of `says`.
    pub shows: bool,
    /// One of these is printed, in any case of letters.
    pub says: Vec<String>,
    /// The server lets go of connections whose client has left.
    pub releases: bool,
    /// The server is a Python program in which asyncio runs.
    pub asyncio: bool,
    /// asyncio's streams serve the clients, with a coroutine as their handler (Python).
    pub streams: bool,
    /// What the handlers of asyncio's streams write is drained (Python).
    pub drains: bool,
    /// The client reads every reply to its end before it closes.
    pub reads: bool,
    /// The server closes the connection of a client that stays and says nothing more, before that leaves.
    pub closes_idle: bool,
    /// Nothing blocks the event loop (Python).
    pub unblocked: bool,
    /// No coroutine is left without an await, and no task's error without a reader (Python).
    pub awaits: bool,
    /// How many times the reference's time half of the replies may take at most.
    pub latency_times: Option<f64>,
    /// How many times the reference's memory a connection may cost at most.
    pub memory_times: Option<f64>,
}

impl Expect {
    /// Whether the same is to be recorded with the reference.
    fn compares(&self) -> bool {
        self.latency_times.is_some() || self.memory_times.is_some()
    }
}

/// How a program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExitStatus {
    /// With status 0.
    Zero,
    /// With any other one.
    NonZero,
    /// However, but it ends.
    Any,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    title: String,
    server: Option<Part>,
    client: Option<Part>,
    #[serde(default)]
    contract: ContractTable,
    #[serde(default)]
    limits: Limits,
    checks: Vec<CheckTable>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct CheckTable {
    id: String,
    title: String,
    group: Option<String>,
    points: f64,
    #[serde(default)]
    needs: Vec<String>,
    #[serde(default)]
    hidden: bool,
    #[serde(default)]
    partial: BTreeMap<String, f64>,
    /// Terms of the contract that hold for this check in place of the lab's.
    #[serde(default)]
    contract: ContractTable,
    /// The reference client, for a submission that plays the server.
    client: Option<ClientSpec>,
    #[serde(default)]
    more_clients: Vec<ClientSpec>,
    /// The reference server, for a submission that plays the client.
    server: Option<ServerSpec>,
    /// Nobody plays the server.
    #[serde(default)]
    no_server: bool,
    #[serde(default = "one")]
    copies: u32,
    #[serde(default = "usual_patience")]
    patience_ms: u64,
    interrupt_ms: Option<u64>,
    /// The submission's program, in place of the lab's.
    program: Option<Part>,
    #[serde(default)]
    expect: Expect,
}

fn one() -> u32 {
    1
}

fn usual_patience() -> u64 {
    5_000
}

/// Reads a lab from the text of its file.
///
/// # Errors
/// When the text is no lab, with the line and column; when a check cannot be carried out, with its name.
pub fn parse(name: &str, text: &str) -> anyhow::Result<Lab> {
    let wrong = |error: toml::de::Error| anyhow::anyhow!("{name}: {}", describe(&error, text));
    let file: File = toml::from_str(text).map_err(wrong)?;
    // Once more without types: a key that was left out is filled in from the contract, one that was written is not.
    let written: toml::Table = toml::from_str(text).map_err(wrong)?;
    lab(file, &written).map_err(|error| anyhow::anyhow!("{name}: {error:#}"))
}

fn lab(mut file: File, written: &toml::Table) -> anyhow::Result<Lab> {
    ensure!(!file.checks.is_empty(), "a lab needs at least one check");
    let mut checks: Vec<Check> = Vec::new();
    let tables = written.get("checks").and_then(toml::Value::as_array).into_iter().flatten();
    for (table, written) in std::mem::take(&mut file.checks).into_iter().zip(tables) {
        let id = table.id.clone();
        let before: BTreeSet<&str> = checks.iter().map(|check| check.id.as_str()).collect();
        ensure!(!before.contains(id.as_str()), "two checks are called {id:?}");
        if let Some(missing) = table.needs.iter().find(|need| !before.contains(need.as_str())) {
            bail!("check {id:?} needs {missing:?}, which is no check before it");
        }
        let check = check(table, written, &file).map_err(|error| anyhow::anyhow!("check {id:?}: {error:#}"))?;
        checks.push(check);
    }
    Ok(Lab { title: file.title, limits: file.limits, checks })
}

fn check(table: CheckTable, written: &toml::Value, file: &File) -> anyhow::Result<Check> {
    ensure!(table.points >= 0.0 && table.points.is_finite(), "points are a number from 0");
    ensure!(table.partial.values().all(|share| (0.0..=1.0).contains(share)), "shares in `partial` go from 0 to 1");
    let names_nothing = |name: &&String| pages::find(name).is_none_or(|page| page.slug != name.as_str());
    if let Some(name) = table.partial.keys().find(names_nothing) {
        bail!("no fault is called {name:?} (`partial`); did you mean {:?}?", pages::nearest(name).slug);
    }
    let terms = table.contract.or(&file.contract);
    let address = terms.address.clone().ok_or_else(|| anyhow::anyhow!("no [contract] names the address"))?;
    let listens = table.server.iter().flat_map(|server| &server.listen);
    let dials = table.client.iter().chain(&table.more_clients).map(|client| &client.dial);
    for address in listens.chain(dials).chain([&address]) {
        is_address(address).map_err(anyhow::Error::msg)?;
    }
    let plays = match (&table.client, &table.server, table.no_server) {
        (Some(_), None, false) => Role::Server,
        (None, Some(_), false) | (None, None, true) => Role::Client,
        _ => bail!("it needs one of [checks.client], [checks.server] and no-server = true"),
    };
    ensure!(plays == Role::Server || table.interrupt_ms.is_none(), "only a server is interrupted (`interrupt-ms`)");
    let common = if plays == Role::Server { &file.server } else { &file.client };
    let Some(program) = table.program.or_else(|| common.clone()) else {
        bail!("submissions play the {plays}, and there is no [{plays}] table");
    };
    program.is_sound()?;
    let given = |key: &str, inner: &str| written.get(key).and_then(|table| table.get(inner)).is_some();
    ensure!(plays == Role::Server || !table.expect.compares(), "only a server is compared with the reference");
    let beside =
        table.expect.compares().then(|| Actor::Server(fill_server(ServerSpec::default(), &terms, &address, |_| false)));
    let staged = table.no_server || table.server.as_ref().is_some_and(|server| !server.faults.is_empty());
    let server =
        table.server.map(|spec| Actor::Server(fill_server(spec, &terms, &address, |key| given("server", key))));
    let more = written.get("more-clients").and_then(toml::Value::as_array).cloned().unwrap_or_default();
    let more = table.more_clients.into_iter().zip(more);
    let clients = table
        .client
        .map(|spec| fill_client(spec, &terms, &address, |key| given("client", key)))
        .into_iter()
        .chain(more.map(|(spec, written)| fill_client(spec, &terms, &address, |key| written.get(key).is_some())))
        .map(Actor::Client)
        .collect();
    Ok(Check {
        id: table.id,
        title: table.title,
        group: table.group,
        points: table.points,
        needs: table.needs,
        hidden: table.hidden,
        partial: table.partial,
        plays,
        program,
        staged,
        copies: table.copies.max(1),
        expect: table.expect,
        beside,
        plan: Plan {
            contract: terms.told(),
            server,
            bystanders: Vec::new(),
            clients,
            patience_ms: table.patience_ms,
            probe: false,
            console: false,
            console_at: None,
            calls: if plays == Role::Client { CallTracing::SecondLook } else { CallTracing::InsteadOfPackets },
            home: None,
            interrupt_ms: table.interrupt_ms,
            loopback_down: false,
            reject_port: None,
            input: None,
            thorough: false,
        },
    })
}

fn framing(terms: &ContractTable) -> Framing {
    let datagram = terms.transport == Some(Transport::Udp);
    terms.framing.unwrap_or(if datagram { Framing::Datagram } else { Framing::Line })
}

fn fill_client(mut spec: ClientSpec, terms: &ContractTable, address: &str, given: impl Fn(&str) -> bool) -> ClientSpec {
    if !given("dial") {
        address.clone_into(&mut spec.dial);
    }
    if !given("transport") {
        spec.transport = terms.transport.unwrap_or(spec.transport);
    }
    if !given("framing") {
        spec.framing = framing(terms);
    }
    if let (false, Some(reply)) = (given("reply"), &terms.reply) {
        spec.reply = reply.clone();
    }
    spec
}

fn fill_server(mut spec: ServerSpec, terms: &ContractTable, address: &str, given: impl Fn(&str) -> bool) -> ServerSpec {
    if !given("listen") {
        spec.listen = vec![address.to_owned()];
    }
    if !given("transport") {
        spec.transport = terms.transport.unwrap_or(spec.transport);
    }
    if !given("framing") {
        spec.framing = framing(terms);
    }
    if let (false, Some(reply)) = (given("reply"), &terms.reply) {
        spec.reply = reply.clone();
    }
    if !given("lifetime") {
        spec.lifetime = terms.lifetime.unwrap_or(spec.lifetime);
    }
    spec
}

impl Part {
    fn is_sound(&self) -> anyhow::Result<()> {
        ensure!(!self.files.is_empty(), "`files` names no file");
        ensure!(self.words("x").is_ok_and(|words| !words.is_empty()), "{:?} is not a command", self.command);
        Ok(())
    }

    /// The words of the command, with `file` in its place.
    ///
    /// # Errors
    /// When a quote is not closed.
    pub fn words(&self, file: &str) -> anyhow::Result<Vec<String>> {
        Ok(shell_words::split(&self.command)?.into_iter().map(|word| word.replace("{file}", file)).collect())
    }
}

impl Lab {
    /// Points there are to get.
    #[must_use]
    pub fn points(&self) -> f64 {
        self.checks.iter().map(|check| check.points).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAB: &str = r#"
title = "t"
[server]
files = ["server.py"]
command = "python3 {file} --x 'a b'"
[client]
files = ["client.py"]
command = "python3 {file}"
[contract]
address = "127.0.0.1:9999"
reply = { prefix = "ECHO: " }
[[checks]]
id = "echo"
title = "e"
points = 3
[checks.client]
clients = 2
[[checks]]
id = "late"
title = "l"
points = 1
needs = ["echo"]
expect = { exit = "any" }
[checks.server]
listen = ["127.0.0.1:7"]
faults = ["drop-reply"]
"#;

    fn refused(change: impl Fn(&str) -> String) -> String {
        parse("mine", &change(LAB)).unwrap_err().to_string()
    }

    #[test]
    fn the_contract_fills_in_what_the_reference_was_not_told() {
        let lab = parse("mine", LAB).unwrap();
        let Actor::Client(client) = &lab.checks[0].plan.clients[0] else { panic!() };
        assert_eq!((client.dial.as_str(), client.clients), ("127.0.0.1:9999", 2));
        assert_eq!(client.reply, crate::evidence::Reply::Prefix("ECHO: ".into()));
        let Some(Actor::Server(server)) = &lab.checks[1].plan.server else { panic!() };
        assert_eq!(server.listen, ["127.0.0.1:7"]);
        assert_eq!((lab.checks[0].plays, lab.checks[0].staged), (Role::Server, false));
        assert_eq!((lab.checks[1].plays, lab.checks[1].staged), (Role::Client, true));
        assert!((lab.points() - 4.0).abs() < f64::EPSILON);
    }

    #[test]
    fn the_file_takes_its_place_in_the_command() {
        let lab = parse("mine", LAB).unwrap();
        let words = lab.checks[0].program.words("a b.py").unwrap();
        assert_eq!(words, ["python3", "a b.py", "--x", "a b"]);
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line() {
        let error = refused(|lab| lab.replace("clients = 2", "cleints = 2"));
        assert!(error.contains("mine: line 17, column 1") && error.contains("cleints"), "{error}");
        let error = refused(|lab| lab.replace("title = \"e\"", "titel = \"e\""));
        assert!(error.contains("line 14, column 1"), "{error}");
    }

    #[test]
    fn what_cannot_be_carried_out_is_refused_by_the_name_of_its_check() {
        let error = refused(|lab| lab.replace("needs = [\"echo\"]", "needs = [\"ecko\"]"));
        assert!(error.contains("\"late\" needs \"ecko\""), "{error}");
        let error = refused(|lab| lab.replace("id = \"late\"", "id = \"echo\"").replace("needs = [\"echo\"]", ""));
        assert!(error.contains("two checks"), "{error}");
        let error =
            refused(|lab| lab.replace("[checks.server]\nlisten = [\"127.0.0.1:7\"]\nfaults = [\"drop-reply\"]", ""));
        assert!(error.contains("\"late\": it needs one of"), "{error}");
        let error = refused(|lab| lab.replace("address = \"127.0.0.1:9999\"", ""));
        assert!(error.contains("names the address"), "{error}");
        let error = refused(|lab| lab.replace("[client]\nfiles = [\"client.py\"]\ncommand = \"python3 {file}\"", ""));
        assert!(error.contains("no [client] table"), "{error}");
        let error = refused(|lab| lab.replace("points = 3", "points = -3"));
        assert!(error.contains("points"), "{error}");
    }

    #[test]
    fn a_slip_of_the_pen_that_would_cost_a_whole_class_its_points_is_refused() {
        let error = refused(|lab| lab.replace("points = 3", "points = 3\npartial = { unterminated-replay = 0.5 }"));
        assert!(error.contains("\"echo\": no fault is called \"unterminated-replay\""), "{error}");
        assert!(error.contains("did you mean \"unterminated-reply\"?"), "{error}");
        for (right, wrong) in [("\"127.0.0.1:9999\"", "\"9999\""), ("\"127.0.0.1:7\"", "\"127.0.0.1\"")] {
            let error = refused(|lab| lab.replace(right, wrong));
            assert!(error.contains("is not an address; write host:port"), "{error}");
        }
    }
}
