//! WHAT IT MEANS, without blame: readings of the evidence, and the only vocabulary that rules may use.
//!
//! Pure. A reading that rests on a source nobody looked at is an `Err(Gap)`, so that `?` in a rule becomes the third
//! answer, "cannot tell".

mod announced;
pub mod asked;
mod claims;
pub mod company;
pub mod complaint;
pub mod contract;
mod crash;
pub mod datagrams;
pub mod dialect;
mod endurance;
pub mod exchange;
pub mod failure;
pub mod held;
mod idling;
pub mod leavings;
pub mod left_over;
mod lines;
mod looks;
mod manners;
pub mod player;
mod pressure;
mod printed;
pub mod reach;
mod rounds;
pub mod script;
pub mod second_look;
pub mod spinning;
#[cfg(test)]
pub(crate) mod staged;
pub mod stillness;
mod symptoms;
pub mod talk;
pub mod textual;
pub mod trace;

pub use announced::Announced;
pub use complaint::Complaint;
pub use endurance::{Growth, Kept};
pub use exchange::{Echo, Exchange};
pub use looks::Look;
pub use player::{Ended, Player};
pub use printed::CutLine;
pub use reach::{Dial, Listener, Outcome};
pub use rounds::Round;
pub use symptoms::{Symptom, Symptoms};
pub use talk::{SocketEnd, Talk};

use std::net::SocketAddr;

use crate::evidence::{
    At, Contract, Ending, Evidence, Exceptions, Gap, Observed, Raised, Reach, Role, SocketCall, Tasks, Transport,
};
use dialect::Dialect;

/// Without a proof, a silence this long at the end of a recording counts as final, in milliseconds. On loopback a reply
/// that nobody delays takes less than one.
const LONG_SILENCE_MS: f64 = 1000.0;

/// The looks at packets, sockets and threads are not made at the same instant; a wait counts only after this long.
const SETTLED_MS: f64 = 20.0;

/// All readings of one recording.
#[derive(Debug)]
pub struct Facts<'e> {
    /// What they are read from.
    pub evidence: &'e Evidence,
    /// Terms as told, else learned, else assumed.
    pub contract: Contract,
    /// What the probes showed of the server.
    pub dialect: Result<Dialect, Gap>,
    listeners: Result<Vec<Listener>, Gap>,
    dials: Result<Vec<Dial>, Gap>,
    talks: Result<Vec<Talk<'e>>, Gap>,
}

impl<'e> Facts<'e> {
    /// Reads `evidence`.
    #[must_use]
    pub fn derive(evidence: &'e Evidence) -> Self {
        let dialect = evidence.probes.seen().map(dialect::learn);
        let listeners = reach::listeners(evidence);
        let talks = talk::talks(evidence);
        let contract = contract::resolve(evidence, dialect.as_ref().ok(), talks.as_deref().unwrap_or_default());
        let dials = reach::dials(evidence);
        Self { evidence, contract, dialect, listeners, dials, talks }
    }

    /// Sockets that wait for connections or datagrams, each at the last moment it was seen.
    pub fn listeners(&self) -> Result<&[Listener], Gap> {
        self.listeners.as_deref().map_err(Clone::clone)
    }

    /// Listeners that belong to the server on the stand.
    pub fn server_listeners(&self) -> Result<Vec<&Listener>, Gap> {
        Ok(self.listeners()?.iter().filter(|listener| listener.role == Some(Role::Server)).collect())
    }

    /// Whether `listener` was still there when the recording was frozen.
    #[must_use]
    pub fn listens_to_the_end(&self, listener: &Listener) -> bool {
        let Ok(sockets) = self.evidence.sockets.seen() else { return false };
        let last = sockets.snapshots.iter().rfind(|snapshot| snapshot.at <= self.frozen());
        last.is_some_and(|last| last.at <= listener.last_seen)
    }

    /// Whether `listener` is the server's as far as can be told: it belongs to the one on the stand, or to somebody unknown,
    /// or there is none on the stand and anybody may play it.
    #[must_use]
    pub fn may_be_servers(&self, listener: &Listener) -> bool {
        let nobody_plays_it = self.player(Role::Server).is_ok_and(|server| server.is_none());
        listener.role == Some(Role::Server)
            || (listener.role.is_none() && (listener.owners.is_empty() || nobody_plays_it))
    }

    /// Every attempt of a client to reach somebody.
    pub fn dials(&self) -> Result<&[Dial], Gap> {
        self.dials.as_deref().map_err(Clone::clone)
    }

    /// The first refused attempt that mattered. One that was made again at the same port with success did not; nor did
    /// one at a place where nobody of the pair ever got through, when every client got through elsewhere: a name's other
    /// address, or an errand of the client's own.
    pub fn refused_dial(&self) -> Result<Option<&Dial>, Gap> {
        self.dial_that_failed(Outcome::Refused)
    }

    /// The first attempt that mattered, in the same sense, and that a rule forbids.
    pub fn forbidden_dial(&self) -> Result<Option<&Dial>, Gap> {
        self.dial_that_failed(Outcome::Prohibited)
    }

    fn dial_that_failed(&self, how: Outcome) -> Result<Option<&Dial>, Gap> {
        let dials = self.dials()?;
        let through: Vec<&Dial> = dials.iter().filter(|dial| dial.outcome == Outcome::Established).collect();
        let clients = self.players(Role::Client).map_or(1, |clients| clients.len().max(1));
        let all_got_through = through.len() >= clients;
        Ok(dials.iter().find(|dial| {
            let made_again = |other: &&Dial| other.target.port() == dial.target.port() && other.at >= dial.at;
            let elsewhere = all_got_through && !through.iter().any(|other| other.target == dial.target);
            dial.outcome == how && !through.iter().any(made_again) && !elsewhere
        }))
    }

    /// Whether program number `program` was seen to be told of this refusal by the result of a call of its own.
    #[must_use]
    pub fn was_told_of_refusal(&self, program: usize, dial: &Dial) -> bool {
        let Ok(calls) = self.evidence.calls.seen() else { return false };
        let of_program = |reference: &String| {
            let index: usize = reference.strip_prefix("calls:")?.parse().ok()?;
            Some(calls.calls.get(index)?.program == program)
        };
        dial.outcome == Outcome::Refused && dial.evidence.iter().any(|reference| of_program(reference) == Some(true))
    }

    /// Calls of the server that were to give a socket its address, or to listen there, and failed.
    pub fn failed_binds(&self) -> impl Iterator<Item = (usize, &'e SocketCall)> {
        let evidence: &'e Evidence = self.evidence;
        let calls = match &evidence.calls {
            Observed::Seen(calls) => calls.calls.as_slice(),
            Observed::NotObserved(_) => &[],
        };
        calls.iter().enumerate().filter(|(_, call)| {
            call.role == Role::Server && call.result < 0 && matches!(call.name.as_str(), "bind" | "listen")
        })
    }

    /// Conversations that got through, as far as they were seen.
    pub fn talks(&self) -> Result<&[Talk<'e>], Gap> {
        self.talks.as_deref().map_err(Clone::clone)
    }

    /// The talks with what was owed and what came back in each.
    pub fn exchanges(&self) -> Result<Vec<(&Talk<'e>, Exchange)>, Gap> {
        let dialect = self.dialect.as_ref().ok();
        let mut exchanges = Vec::new();
        for talk in self.talks()? {
            let exchange = exchange::read(talk, &self.contract, dialect)?;
            let waits_for_more = self.still_waiting() && talk.is_open() && talk.fin(Role::Client).is_none();
            // A reply without the request's line end may be this server's way; to a client that still waits it is not.
            let damaged = matches!(exchange.echo, Echo::Short { .. } | Echo::Differs { .. });
            let echo = match exchange.echo {
                Echo::Right if waits_for_more && exchange::lacks_line_end(talk) => Echo::Unterminated,
                // Which of the two line ends comes back is nobody's concern as long as no client stumbles over it.
                _ if damaged && self.clients_left_content() && exchange::changed_line_ends(talk, &self.contract) => {
                    Echo::Right
                }
                echo => echo,
            };
            exchanges.push((talk, Exchange { echo, ..exchange }));
        }
        exchange::find_strangers_text(&mut exchanges);
        Ok(exchanges)
    }

    /// Whether what had not come in `talk` by the end would not come later either. It would not when `role`, whose turn it
    /// was, waits without a time limit, or when it was silent for long; a recording that the user broke off shows neither.
    pub fn is_final(&self, talk: &Talk, role: Role) -> Result<(), Gap> {
        let silent = self.frozen().ms_since(talk.last_heard(self.frozen()));
        let waits = self.player(role).ok().flatten().is_some_and(|player| player.waits_for_ever());
        let why = match self.evidence.setting.ended {
            Ending::HangProven | Ending::Idle => return Ok(()),
            Ending::Interrupted => "the recording was interrupted".to_owned(),
            Ending::CutShort => "the capture breaks off".to_owned(),
            _ if silent >= if waits { SETTLED_MS } else { LONG_SILENCE_MS } => return Ok(()),
            _ => format!("the recording ended {silent:.0} ms after the last byte"),
        };
        Err(Gap::new(
            "programs",
            format!("{why}, while the {role} could still act"),
            "record again, and let it run longer (`--patience`)",
        ))
    }

    /// Whether a thread of the server fell asleep for a time once the last request of `talk` had come, and still slept at the
    /// end: it may answer when it wakes.
    #[must_use]
    pub fn server_sleeps_over(&self, talk: &Talk) -> bool {
        let Ok(asked) = talk.request().map(|request| request.last.unwrap_or(talk.began)) else { return false };
        let Ok(programs) = self.evidence.programs.seen() else { return false };
        let server = self.player(Role::Server).ok().flatten();
        server.is_some_and(|server| server.sleeps_since(asked, &programs.samples))
    }

    /// Whether the server was seen to wait for more bytes of `talk`: it has read all that had come.
    #[must_use]
    pub fn is_reading_again(&self, talk: &Talk) -> bool {
        let server = self.player(Role::Server).ok().flatten();
        server.is_some_and(|server| server.waits_for_more(talk.server, talk.client))
    }

    /// Whether a source shows that bytes came by which were not captured; then what is missing proves nothing.
    pub fn capture_is_whole(&self) -> Result<(), Gap> {
        match self.evidence.packets.seen() {
            Ok(packets) if packets.dropped > 0 => {
                Err(Gap::new("packets", "the capture itself lost packets", "record again on a quieter machine"))
            }
            _ => Ok(()),
        }
    }

    /// Whether the packets themselves were captured. Where conversations were rebuilt from socket calls, a repetition is not
    /// known at all, and a reset may be inferred from what a kernel does.
    #[must_use]
    pub fn saw_the_wire(&self) -> bool {
        self.evidence.packets.seen().is_ok_and(|packets| packets.rebuilt.is_none())
    }

    /// The program that plays `role`; `Ok(None)` when nobody on the stand does.
    pub fn player(&self, role: Role) -> Result<Option<Player<'e>>, Gap> {
        Ok(self.players(role)?.into_iter().next())
    }

    /// All programs that play `role`.
    pub fn players(&self, role: Role) -> Result<Vec<Player<'e>>, Gap> {
        let evidence: &'e Evidence = self.evidence;
        match &evidence.programs {
            Observed::Seen(programs) => Ok(player::players(programs, role, evidence.setting.ended_at)),
            Observed::NotObserved(gap) => Err(gap.clone()),
        }
    }

    /// Exceptions of the programs that play `role`. A gap when none of them was traced.
    pub fn exceptions(&self, role: Role) -> Result<Vec<(usize, &'e Raised)>, Gap> {
        let evidence: &'e Evidence = self.evidence;
        let exceptions: &'e Exceptions = match &evidence.exceptions {
            Observed::Seen(exceptions) => exceptions,
            Observed::NotObserved(gap) => return Err(gap.clone()),
        };
        if !exceptions.tracers.iter().any(|tracer| tracer.role == role) {
            return Err(Gap::new(
                "exceptions",
                format!("the {role} is not a program whose exceptions netdiag can follow"),
                "read its own log, or run it under its language's tracer",
            ));
        }
        Ok(exceptions.raised.iter().enumerate().filter(|(_, raised)| raised.role == role).collect())
    }

    /// Asynchronous tasks.
    pub fn tasks(&self) -> Result<&'e Tasks, Gap> {
        let evidence: &'e Evidence = self.evidence;
        match &evidence.tasks {
            Observed::Seen(tasks) => Ok(tasks),
            Observed::NotObserved(gap) => Err(gap.clone()),
        }
    }

    /// When the recording was frozen.
    #[must_use]
    pub fn frozen(&self) -> At {
        self.evidence.setting.ended_at
    }

    /// Whether something was still going on when the recording stopped, so that an absence may be a matter of time.
    #[must_use]
    pub fn still_waiting(&self) -> bool {
        matches!(
            self.evidence.setting.ended,
            Ending::HangProven | Ending::Idle | Ending::DeadlinePassed | Ending::Interrupted
        )
    }

    /// Whether it was proven that nothing can ever move again.
    #[must_use]
    pub fn hang_proven(&self) -> bool {
        self.evidence.setting.ended == Ending::HangProven
    }

    /// Whether every client ended content, with every exchange right.
    #[must_use]
    pub fn all_went_well(&self) -> bool {
        let right = |exchanges: Vec<(&Talk<'e>, Exchange)>| {
            exchanges.iter().any(|(_, exchange)| exchange.echo == Echo::Right)
                && exchanges.iter().all(|(_, exchange)| matches!(exchange.echo, Echo::Right | Echo::NothingAsked))
        };
        !self.still_waiting() && !self.a_client_failed() && self.exchanges().is_ok_and(right)
    }

    /// Whether connections were dropped because the server's accept queue was full; `None` where that is not counted.
    #[must_use]
    pub fn accept_queue_overflowed(&self) -> Option<bool> {
        let snapshots = &self.evidence.sockets.seen().ok()?.snapshots;
        let counted = |snapshot: &crate::evidence::Snapshot| snapshot.counters.map(|counters| counters.listen_drops);
        let frozen = snapshots.iter().rfind(|snapshot| snapshot.at <= self.frozen())?;
        Some(counted(frozen)? > counted(snapshots.first()?)?)
    }

    /// Whether the server's program ended by itself with an error.
    #[must_use]
    pub fn server_ended_badly(&self) -> bool {
        self.player(Role::Server).ok().flatten().is_some_and(|server| server.failed())
    }

    /// Whether some client's program ended by itself with an error.
    #[must_use]
    pub fn a_client_failed(&self) -> bool {
        self.players(Role::Client).is_ok_and(|clients| clients.iter().any(Player::failed))
    }

    /// Whether every client has ended by itself and well.
    #[must_use]
    pub fn clients_left_content(&self) -> bool {
        self.players(Role::Client)
            .is_ok_and(|clients| !clients.is_empty() && clients.iter().all(|client| client.ended == Ended::Exited(0)))
    }

    /// Whether a client of somebody's own met netdiag's own server.
    #[must_use]
    pub fn met_a_reference_server(&self) -> bool {
        let plays = |role, reference| {
            self.players(role).is_ok_and(|players| players.iter().any(|player| player.program.reference == reference))
        };
        plays(Role::Server, true) && plays(Role::Client, false)
    }

    /// For a live server: the address every probe was refused at.
    #[must_use]
    pub fn knocked_in_vain(&self) -> Option<(SocketAddr, Vec<String>)> {
        let probes = &self.evidence.probes.seen().ok()?.probes;
        let first = probes.first()?;
        probes
            .iter()
            .all(|probe| probe.reach == Reach::Refused)
            .then(|| (first.target, (0..probes.len().min(2)).map(|index| format!("probes:{index}")).collect()))
    }

    /// TCP or UDP, as the contract has it.
    #[must_use]
    pub fn transport(&self) -> Transport {
        self.contract.transport.as_ref().map_or(Transport::Tcp, |term| term.value)
    }
}
