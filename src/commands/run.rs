//! `netdiag run`: records a user's own server and client, and says which one is at fault.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail, ensure};

use super::Outcome;
use super::command_line::{everybody_started, words};
use super::verdict::{can_save, outcome, save, show};
use crate::cli::{ColorWhen, RunArgs, TraceWhen};
use crate::diagnosis::{Side, examine};
use crate::evidence::{Contract, Ending, Term, Transport};
use crate::facts::Facts;
use crate::recording::{Actor, CallTracing, Place, Plan, cross_examine, record_in_worker, reference_server};
use crate::scenario::{is_address, read_contract};

/// Runs the pair and judges it.
pub fn run(args: &RunArgs, color: ColorWhen) -> anyhow::Result<Outcome> {
    let plan = plan(args)?;
    let place = if args.host || args.against.is_some() { Place::Host } else { Place::Private };
    can_save(args.save.as_deref())?;
    let mut evidence = record_in_worker(&plan, place)?;
    everybody_started(&evidence)?;
    let mut diagnosis = examine(&evidence);
    if diagnosis.leaves_doubt() && args.against.is_none() && evidence.setting.ended != Ending::Interrupted {
        let script = Facts::derive(&evidence).script();
        evidence.swaps = cross_examine(&plan, &diagnosis.contract, script.as_ref(), place)?;
        diagnosis = examine(&evidence);
    }
    if args.thorough && diagnosis.verdict.side == Side::None && !plan.clients.is_empty() && args.server.is_some() {
        let longer = record_in_worker(&alone(&plan), place)?;
        let examined = examine(&longer);
        // A pair that does well says nothing of a hundred clients; what these show is told instead.
        if examined.verdict.side == Side::Server {
            (evidence, diagnosis) = (longer, examined);
        }
    }
    save(args.save.as_deref(), &evidence)?;
    show(&evidence, &diagnosis, args.json, color, args.save.as_deref())?;
    Ok(outcome(&diagnosis))
}

/// The server without its client: netdiag asks it everything itself.
fn alone(plan: &Plan) -> Plan {
    Plan { clients: Vec::new(), calls: CallTracing::Never, interrupt_ms: None, ..plan.clone() }
}

fn plan(args: &RunArgs) -> anyhow::Result<Plan> {
    if let Some(stray) = args.stray.first() {
        bail!(
            "{stray:?} belongs to no option; write each command in quotes: \
             --server 'python3 server.py' --client 'python3 client.py'"
        );
    }
    ensure!(
        args.server.is_some() || args.client.is_some(),
        "nobody is on the stand; give --server CMD, --client CMD or both"
    );
    ensure!(args.patience > 0.0 && args.patience <= 3600.0, "--patience takes seconds, above 0 and up to 3600");
    ensure!(
        args.interrupt.is_none_or(|seconds| seconds > 0.0 && seconds <= 600.0),
        "--interrupt takes seconds, above 0 and up to 600"
    );
    let contract = contract(args)?;
    let server = match (&args.server, &args.against) {
        (Some(command), _) => Some(Actor::Command(words(command, "--server")?)),
        (None, Some(_)) => None,
        (None, None) => Some(Actor::Server(reference_server(&contract))),
    };
    let clients = match &args.client {
        Some(command) => vec![Actor::Command(words(command, "--client")?); args.clients as usize],
        None => Vec::new(),
    };
    Ok(Plan {
        probe: contract.framing.is_none() && args.server.is_some(),
        contract,
        server,
        bystanders: Vec::new(),
        clients,
        patience_ms: (args.patience * 1000.0) as u64,
        console: false,
        console_at: None,
        calls: tracing(args),
        home: None,
        interrupt_ms: args.interrupt.map(|seconds| (seconds * 1000.0) as u64),
        loopback_down: false,
        reject_port: None,
        input: (!args.input.is_empty()).then(|| args.input.iter().flat_map(|line| [line.as_str(), "\n"]).collect()),
        thorough: args.thorough,
    })
}

fn tracing(args: &RunArgs) -> CallTracing {
    match args.trace_calls {
        TraceWhen::Auto => CallTracing::SecondLook,
        TraceWhen::Always => CallTracing::Always,
        TraceWhen::Never => CallTracing::Never,
    }
}

fn contract(args: &RunArgs) -> anyhow::Result<Contract> {
    let mut contract = terms(args.contract.as_deref())?;
    if let Some(address) = args.at.as_ref().or(args.against.as_ref()) {
        contract.address = Some(Term::told(address_of(address)?));
    }
    if args.udp {
        contract.transport = Some(Term::told(Transport::Udp));
    }
    Ok(contract)
}

/// The told terms that a `--contract` file holds, if there is one.
pub(super) fn terms(file: Option<&Path>) -> anyhow::Result<Contract> {
    let Some(path) = file else { return Ok(Contract::default()) };
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    read_contract(&path.display().to_string(), &text)
}

/// `host:port`, with a port that is one.
pub(super) fn address_of(text: &str) -> anyhow::Result<String> {
    is_address(text).map_err(anyhow::Error::msg)?;
    ensure!(
        !text.ends_with(":0"),
        "{text:?} has port 0, which means any free one; write host:port, such as 127.0.0.1:12345"
    );
    Ok(text.to_owned())
}
