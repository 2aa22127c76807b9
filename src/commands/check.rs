//! `netdiag check`: examines a server that is already running, whoever wrote it.

use std::net::ToSocketAddrs;

use anyhow::Context;

use super::Outcome;
use super::run::{address_of, terms};
use super::verdict::{can_save, outcome, save, show};
use crate::cli::{CheckArgs, ColorWhen};
use crate::diagnosis::examine;
use crate::evidence::{Contract, Term, Transport};
use crate::recording::{CallTracing, Place, Plan, record_in_worker};

/// Asks the server, looks at it meanwhile, and says what it is and whether something is wrong with it.
pub fn run(args: &CheckArgs, color: ColorWhen) -> anyhow::Result<Outcome> {
    let address = address_of(&args.addr)?;
    address
        .to_socket_addrs()
        .with_context(|| format!("{address} cannot be resolved; write host:port, such as 127.0.0.1:12345"))?;
    let told = terms(args.contract.as_deref())?;
    let plan = Plan {
        contract: Contract {
            address: Some(Term::told(address)),
            transport: args.udp.then_some(Term::told(Transport::Udp)).or(told.transport),
            ..told
        },
        server: None,
        bystanders: Vec::new(),
        clients: Vec::new(),
        patience_ms: 0,
        probe: true,
        console: false,
        console_at: args.console.clone(),
        calls: CallTracing::Never,
        home: None,
        interrupt_ms: None,
        loopback_down: false,
        reject_port: None,
        input: None,
        thorough: args.thorough,
    };
    can_save(args.save.as_deref())?;
    let evidence = record_in_worker(&plan, Place::Host)?;
    save(args.save.as_deref(), &evidence)?;
    let diagnosis = examine(&evidence);
    show(&evidence, &diagnosis, args.json, color, args.save.as_deref())?;
    Ok(outcome(&diagnosis))
}
