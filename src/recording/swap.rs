//! The swap: records each program of a pair again, with a reference partner in the other part.

use super::{Actor, CallTracing, Place, Plan, record_in_worker};
use crate::evidence::{Contract, Framing, Lifetime, Reply, Role, Source, Swap, Term, Transport};
use crate::facts::script::Script;
use crate::reference::spec::{ClientSpec, ServerSpec};

/// Where the reference listens when nothing tells the address.
const USUAL_ADDRESS: &str = "127.0.0.1:12345";

/// Records the client with a reference server, and the server with a reference client, each in a fresh setting. The
/// reference speaks `contract`, the terms as they were told and learned, and says to the server what the pair's own client
/// said, if its `script` is known: a server that fails only with some messages must not be cleared by others.
///
/// # Errors
/// When a recorder fails; nothing follows from that about either program.
pub fn cross_examine(
    plan: &Plan,
    contract: &Contract,
    script: Option<&Script>,
    place: Place,
) -> anyhow::Result<Vec<Swap>> {
    let mut swaps = Vec::new();
    let told = as_told(contract);
    let is_command = |actor: &Actor| matches!(actor, Actor::Command(_));
    if plan.clients.iter().all(is_command) && !plan.clients.is_empty() && plan.server.as_ref().is_some_and(is_command) {
        for kept in [Role::Client, Role::Server] {
            let evidence = record_in_worker(&swapped(plan, &told, script, kept), place)?;
            swaps.push(Swap { kept, evidence: Box::new(evidence) });
        }
    }
    Ok(swaps)
}

fn swapped(plan: &Plan, told: &Contract, script: Option<&Script>, kept: Role) -> Plan {
    let (server, clients) = match kept {
        Role::Client => (Some(Actor::Server(reference_server(told))), plan.clients.clone()),
        Role::Server => (plan.server.clone(), vec![Actor::Client(reference_client(told, script))]),
    };
    let calls = match plan.calls {
        CallTracing::Never => CallTracing::Never,
        _ => CallTracing::InsteadOfPackets,
    };
    Plan { contract: told.clone(), server, clients, probe: false, calls, ..plan.clone() }
}

/// What was told or learned binds the reference's partner too; what was only assumed binds nobody.
fn as_told(contract: &Contract) -> Contract {
    fn keep<T: Clone>(term: Option<&Term<T>>) -> Option<Term<T>> {
        term.filter(|term| term.source != Source::Assumed).map(|term| Term::told(term.value.clone()))
    }
    Contract {
        address: keep(contract.address.as_ref()),
        transport: keep(contract.transport.as_ref()),
        // A server that forgets to flush shows itself as one that reads until EOF; its partner is not bound by that.
        framing: keep(contract.framing.as_ref())
            .filter(|term| term.value != Framing::UntilEof || contract.framing_is_told()),
        reply: keep(contract.reply.as_ref()),
        lifetime: keep(contract.lifetime.as_ref()),
        latency_ms: keep(contract.latency_ms.as_ref()),
        concurrency: keep(contract.concurrency.as_ref()),
    }
}

/// A server by the contract; where that leaves the framing open, one that answers anything at once.
#[must_use]
pub fn reference_server(contract: &Contract) -> ServerSpec {
    let udp = contract.transport.as_ref().is_some_and(|term| term.value == Transport::Udp);
    ServerSpec {
        listen: vec![contract.address.as_ref().map_or_else(|| USUAL_ADDRESS.to_owned(), |term| term.value.clone())],
        transport: if udp { Transport::Udp } else { Transport::Tcp },
        framing: framing(contract, udp, Framing::Raw),
        reply: contract.reply.as_ref().map_or(Reply::Exact, |term| term.value.clone()),
        lifetime: contract.lifetime.as_ref().map_or(Lifetime::Session, |term| term.value),
        ..ServerSpec::default()
    }
}

/// A client by the contract, with the script if there is one; where the contract leaves the framing open, it takes the
/// script's turns for messages, and else sends a line, which most servers understand.
fn reference_client(contract: &Contract, script: Option<&Script>) -> ClientSpec {
    let udp = contract.transport.as_ref().is_some_and(|term| term.value == Transport::Udp);
    let framing = framing(contract, udp, if script.is_some() { Framing::Raw } else { Framing::Line });
    ClientSpec {
        dial: contract.address.as_ref().map_or_else(|| USUAL_ADDRESS.to_owned(), |term| term.value.clone()),
        transport: if udp { Transport::Udp } else { Transport::Tcp },
        framing,
        reply: contract.reply.as_ref().map_or(Reply::Exact, |term| term.value.clone()),
        script: script.map(|script| script.turns.clone()).unwrap_or_default(),
        half_close: framing == Framing::UntilEof || script.is_some_and(|script| script.half_closes),
        ..ClientSpec::default()
    }
}

fn framing(contract: &Contract, udp: bool, otherwise: Framing) -> Framing {
    contract.framing.as_ref().map_or(if udp { Framing::Datagram } else { otherwise }, |term| term.value)
}
