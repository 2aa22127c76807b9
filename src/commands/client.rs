//! `netdiag client`: the reference client as a tool.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::cli::ClientArgs;
use crate::evidence::{Terminator, Transport};
use crate::reference::client::{self, Event, Reply};
use crate::reference::dialect::{readable, split_terminator};
use crate::reference::spec::{ClientFault, ClientSpec};

use super::Outcome;
use super::serve::{framing, limit, milliseconds, raise_descriptor_limit, reply};

/// How many failures are told one by one; a thousand clients mostly fail alike.
const TOLD: u32 = 10;

/// Sends what was asked for and prints the replies.
pub fn run(args: &ClientArgs) -> anyhow::Result<Outcome> {
    let spec = spec(args)?;
    raise_descriptor_limit();
    play(&spec, args.quiet)
}

/// Plays a client; errors go to standard error unless the spec swallows them.
///
/// One thread with one runtime: what the client waits for can be seen from outside.
pub(super) fn play(spec: &ClientSpec, quiet: bool) -> anyhow::Result<Outcome> {
    let swallow = spec.faults.contains(&ClientFault::SwallowErrors);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let told = AtomicU32::new(0);
    let several = spec.clients > 1;
    let outcome = runtime.block_on(client::run(spec, move |event| match event {
        Event::Reply(reply) => say(&reply, quiet),
        Event::Failed { .. } if swallow => (),
        Event::Failed { client, error } => {
            if told.fetch_add(1, Ordering::Relaxed) < TOLD {
                let who = if several { format!("client {client}: ") } else { String::new() };
                let _ = writeln!(io::stderr(), "netdiag: {who}{error:#}");
            }
        }
    }));
    match outcome {
        _ if swallow => Ok(Outcome::Fine),
        Ok(0) => Ok(Outcome::Fine),
        Ok(failed) => {
            if failed > TOLD {
                let _ =
                    writeln!(io::stderr(), "netdiag: … and {} more of {} clients failed", failed - TOLD, spec.clients);
            }
            Ok(Outcome::Fault)
        }
        Err(error) => Err(error),
    }
}

fn say(reply: &Reply, quiet: bool) {
    let (text, _) = split_terminator(&reply.bytes);
    let text = readable(text);
    let mut out = io::stdout().lock();
    // A reader that went away is no failure of the exchange.
    let _ = if quiet {
        writeln!(out, "{text}")
    } else {
        let Reply { number, client, connection, local, .. } = reply;
        writeln!(out, "#{number} client {client} conn {connection} {local}  {text}")
    };
}

fn spec(args: &ClientArgs) -> anyhow::Result<ClientSpec> {
    let (framing, _) = framing(args.framing, args.udp);
    Ok(ClientSpec {
        message_bytes: 0,
        script: Vec::new(),
        dial: args.dial.clone(),
        transport: if args.udp { Transport::Udp } else { Transport::Tcp },
        framing,
        terminator: if args.crlf { Terminator::CrLf } else { Terminator::Lf },
        reply: reply(args.prefix.as_deref(), args.suffix.as_deref(), args.uppercase),
        message: args.message.clone(),
        clients: args.clients,
        repeat: args.repeat,
        one_by_one: args.one_by_one,
        redial: args.redial,
        half_close: args.half_close,
        timeout_ms: limit(args.timeout, "--timeout")?,
        retry_ms: milliseconds(args.retry, "--retry")?,
        pause_ms: 0,
        linger_ms: 0,
        faults: Vec::new(),
    })
}
