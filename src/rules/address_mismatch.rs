//! `address-mismatch`: the port is right, the host part is not: ::1 against 127.0.0.1, or another loopback address.

use std::net::SocketAddr;

use super::{Call, Look, Rule, Ruling, Symptom, finding};
use crate::diagnosis::{Confidence, Side};
use crate::evidence::Source;
use crate::facts::{Facts, Listener};

pub(super) static RULE: Rule = Rule {
    name: "address-mismatch",
    symptoms: &[Symptom::Refused],
    sides: &[Side::Both, Side::Server, Side::Client],
    shown_by: "the address at which the server listens, beside the one that is dialled",
    seen_in: &[Look::Failures, Look::Sockets],
    over: None,
    explains: &["connection-refused", "contract-disagreement", "client-failed"],
    check,
};

fn check(facts: &Facts) -> Ruling {
    if facts.is_alone() {
        return of_a_server_alone(facts);
    }
    let Some(dial) = facts.refused_dial()? else { return Ok(Call::Silent) };
    let listeners = facts.listeners()?;
    let same_port: Vec<&Listener> = listeners
        .iter()
        .filter(|l| l.transport == dial.transport && l.local.port() == dial.target.port() && l.last_seen >= dial.at)
        .filter(|l| facts.may_be_servers(l))
        .collect();
    let Some(listener) = same_port.first() else { return Ok(Call::Silent) };
    if same_port.iter().any(|listener| listener.covers(dial.transport, dial.target)) {
        return super::ruled_out(format!("a listener covers {}", dial.target));
    }
    let documented = facts.documented_addresses();
    let server_follows = documented.iter().any(|address| listener.covers(dial.transport, *address));
    let client_follows = documented.contains(&dial.target);
    let (side, why) = match (client_follows, server_follows) {
        (false, true) => (Side::Client, "The documentation names the server's address."),
        (true, false) => (Side::Server, "The documentation names the address that the client dialled."),
        _ => (Side::Both, "No documented address decides which of the two departs from it."),
    };
    let fix = match side {
        Side::Client => format!("Dial {}, or try every address that the name resolves to.", listener.local),
        Side::Server => format!("Listen on {} (or on every address of the machine).", dial.target),
        _ => format!("Agree on one address: dial {}, or listen on {} too.", listener.local, dial.target),
    };
    finding(
        &RULE,
        side,
        Confidence::Proven,
        format!("The client dialled {}, the server listens on {}: same port, another address. {why}", dial.target, listener.local),
    )
    .because(dial.evidence.clone())
    .because([listener.reference.clone()])
    .at(if side == Side::Client { facts.line_that_dialled(dial) } else { facts.line_that_bound(listener) })
    .fix(fix)
    .fires()
}

/// A server that was started by itself with its address told, and listens on that port at another address only.
fn of_a_server_alone(facts: &Facts) -> Ruling {
    let is_told = facts.evidence.contract.address.as_ref().is_some_and(|term| term.source == Source::Told);
    let documented = facts.documented_addresses();
    let listeners: Vec<_> = facts.server_listeners()?.into_iter().filter(|one| one.transport == facts.transport()).collect();
    let covered = |address: &SocketAddr| listeners.iter().any(|one| one.covers(one.transport, *address));
    if !is_told || documented.iter().any(|address| address.ip().is_unspecified() || covered(address)) {
        return Ok(Call::Silent);
    }
    let same_port = |one: &&&Listener| documented.iter().any(|address| address.port() == one.local.port());
    let (Some(address), Some(listener)) = (documented.first(), listeners.iter().find(same_port)) else {
        return Ok(Call::Silent);
    };
    let what = format!("The documented address is {address}; the server listens on {}: same port, another address.", listener.local);
    finding(&RULE, Side::Server, Confidence::Likely, what)
        .because([listener.reference.clone()])
        .at(facts.line_that_bound(listener))
        .fix(format!("Listen on {address} (or on every address of the machine)."))
        .fires()
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::Side;
    use crate::evidence::{Occasion, Term};
    use crate::facts::staged::{SERVER, Stage, dial, pair, stranger, talk};

    fn told(stage: Stage, address: &str) -> Stage {
        stage.contract(|terms| terms.address = Some(Term::told(address.to_owned())))
    }

    fn met(client: &str, server: &str) -> Stage {
        pair().listens(server).talk(dial(40001, client).syn(50.0).refused(50.1))
    }

    #[test]
    fn the_side_that_left_the_documented_address_is_named() {
        assert_eq!(met("[::1]:12345", SERVER).fires("address-mismatch").side, Side::Client);
        assert_eq!(met(SERVER, "[::1]:12345").fires("address-mismatch").side, Side::Server);
        assert_eq!(met(SERVER, "127.0.1.1:12345").fires("address-mismatch").side, Side::Server);
    }

    #[test]
    fn a_server_by_itself_is_held_to_the_address_it_was_told() {
        let alone = |address: &str, listens: &str| {
            let mut stage = told(pair().client_gone().without_listener().listens(listens), address);
            stage.0.setting.occasion = Occasion::LiveServer;
            stage
        };
        assert_eq!(alone(SERVER, "127.0.0.2:12345").fires("address-mismatch").side, Side::Server);
        for (address, listens) in [(SERVER, SERVER), (SERVER, "0.0.0.0:12345"), ("localhost:12345", "[::1]:12345"), ("0.0.0.0:12345", SERVER)] {
            alone(address, listens).silent("address-mismatch");
        }
    }

    #[test]
    fn a_name_that_is_both_addresses_decides_nothing() {
        assert_eq!(told(met("[::1]:12345", SERVER), "localhost:12345").fires("address-mismatch").side, Side::Both);
        assert_eq!(told(met("[::1]:12345", SERVER), "echo.lab:12345").fires("address-mismatch").side, Side::Both);
    }

    #[test]
    fn who_documents_every_address_means_the_client_by_version() {
        let stage = told(met("[::1]:12345", "0.0.0.0:12345"), "0.0.0.0:12345");
        assert_eq!(stage.fires("address-mismatch").side, Side::Client);
    }

    #[test]
    fn a_listener_on_every_address_covers_this_one() {
        assert!(met(SERVER, "0.0.0.0:12345").excludes("address-mismatch").contains("covers"));
        assert!(met(SERVER, "[::]:12345").excludes("address-mismatch").contains("covers"));
    }

    #[test]
    fn an_ipv6_only_listener_does_not_cover_ipv4() {
        let mut stage = met(SERVER, "[::]:12345");
        stage.snapshots().iter_mut().for_each(|snapshot| snapshot.sockets[0].v6only = Some(true));
        assert_eq!(stage.fires("address-mismatch").side, Side::Server);
    }

    #[test]
    fn a_strangers_address_is_not_the_servers() {
        let stage = pair().without_listener().row(stranger("[::1]:12345"));
        stage.talk(dial(40001, SERVER).syn(50.0).refused(50.1)).silent("address-mismatch");
    }

    #[test]
    fn a_client_that_fell_back_is_not_accused() {
        let stage = pair().talk(dial(40001, "[::1]:12345").syn(50.0).refused(50.1)).talk(talk(40002).healthy());
        stage.silent("address-mismatch");
        assert_eq!(stage.verdict().side, Side::None);
    }

    #[test]
    fn cannot_tell_what_it_did_not_see() {
        for source in ["packets", "sockets"] {
            assert_eq!(met("[::1]:12345", SERVER).unseen(source).cannot_tell("address-mismatch"), source);
        }
    }
}
