//! Turns what was recorded of one check into its outcome, and says why, for the student.
//!
//! A submission loses points only where the verdict names its own side, or where what was demanded was certainly not there.
//! Whatever is open stays open: it goes to a person.

use std::net::{SocketAddr, ToSocketAddrs};

use super::demands::{Demand, demands, exits, is_running, own};
use super::lab::Check;
use super::results::{Outcome, Verdict};
use super::steady::told;
use crate::diagnosis::{Confidence, Diagnosis, Side};
use crate::evidence::{Conversation, Evidence, Exit, How, Role, Socket, SocketState, Transport};
use crate::report::cite;

/// What came of a check.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// How it ended.
    pub outcome: Outcome,
    /// The share of its points, 0 to 1.
    pub share: f64,
    /// For the student.
    pub feedback: String,
    /// For a person who has to look, if one has to.
    pub review: Option<String>,
    /// The diagnosis behind it.
    pub verdict: Option<Verdict>,
    /// It costs points, and rests on a time limit or on less than proof: on a busy machine another recording may differ.
    pub in_doubt: bool,
}

/// Judges one recording, `beside` the same one with the reference in the submission's place where the check compares them.
#[must_use]
pub fn judge(check: &Check, evidence: &Evidence, diagnosis: &Diagnosis, beside: Option<&Evidence>) -> Judged {
    let verdict = Some(told(check, evidence, diagnosis));
    if let Some(what) = &evidence.exceeded {
        return unmet(format!("The {} was ended, because {what}.", check.plays), verdict);
    }
    let own = side(check.plays);
    if check.expect.listens {
        return listening(check, evidence, diagnosis, verdict);
    }
    match diagnosis.verdict.side {
        Side::None => demanded(check, evidence, beside, verdict),
        found if found == own => failed(check, evidence, diagnosis, verdict),
        found if check.staged && (found == side(check.plays.partner()) || found == Side::Environment) => {
            demanded(check, evidence, beside, verdict)
        }
        found => open(check, evidence, found, verdict),
    }
}

fn side(role: Role) -> Side {
    match role {
        Role::Server => Side::Server,
        Role::Client => Side::Client,
    }
}

fn passed(verdict: Option<Verdict>) -> Judged {
    Judged {
        outcome: Outcome::Passed,
        share: 1.0,
        feedback: "As asked.".to_owned(),
        review: None,
        verdict,
        in_doubt: false,
    }
}

fn unmet(feedback: String, verdict: Option<Verdict>) -> Judged {
    Judged { outcome: Outcome::Failed, share: 0.0, feedback, review: None, verdict, in_doubt: false }
}

/// A demand that was not met, if it was not.
fn lost(demand: Demand, mut verdict: Option<Verdict>) -> Option<Judged> {
    match demand {
        Demand::Met | Demand::Open(_) => None,
        Demand::Unmet(what) => Some(unmet(what, verdict)),
        Demand::Exceeded { what, measured } => {
            if let Some(verdict) = &mut verdict {
                verdict.times.push(measured);
            }
            Some(Judged { in_doubt: true, ..unmet(what, verdict) })
        }
    }
}

fn undecided(check: &Check, why: &str, verdict: Option<Verdict>) -> Judged {
    Judged {
        outcome: Outcome::Undecided,
        share: 1.0,
        feedback: format!("Not decided yet; a person will look at it. {why}"),
        review: Some(format!("{}: {why}", check.id)),
        verdict,
        in_doubt: false,
    }
}

/// The verdict blames the submission.
fn failed(check: &Check, evidence: &Evidence, diagnosis: &Diagnosis, verdict: Option<Verdict>) -> Judged {
    let share = diagnosis.verdict.fault.as_ref().and_then(|fault| check.partial.get(fault)).copied().unwrap_or(0.0);
    let feedback = verdict.as_ref().map(Verdict::advice).unwrap_or_default();
    let outcome = if share > 0.0 { Outcome::Partly } else { Outcome::Failed };
    let had_too_long = evidence.farewell.as_ref().is_some_and(|farewell| farewell.exit.is_none());
    let in_doubt = had_too_long || diagnosis.verdict.confidence != Confidence::Proven;
    Judged { outcome, share, feedback, review: None, verdict, in_doubt }
}

/// The exchange is as it should be, or fails through the partner that was told to: what else is demanded decides.
fn demanded(check: &Check, evidence: &Evidence, beside: Option<&Evidence>, verdict: Option<Verdict>) -> Judged {
    let mut why_open = None;
    for demand in demands(check, evidence, beside) {
        if let Demand::Open(why) = &demand {
            why_open = Some(why.clone());
        }
        if let Some(judged) = lost(demand, verdict.clone()) {
            return judged;
        }
    }
    match why_open {
        Some(why) => undecided(check, &why, verdict),
        None => passed(verdict),
    }
}

/// Nobody, both, or a reference that did what it should: nothing that may cost points, unless a program that had to end
/// was seen not to.
fn open(check: &Check, evidence: &Evidence, found: Side, verdict: Option<Verdict>) -> Judged {
    if check.staged
        && check.expect.exit.is_some()
        && own(check, evidence).any(is_running)
        && let Some(judged) = lost(exits(check, evidence), verdict.clone())
    {
        return judged;
    }
    // Its end with an error may be what was asked for; whether it is, the demands say, as long as it was put to it at all.
    if check.staged && found == Side::Unknown && was_put_to_it(evidence) {
        return demanded(check, evidence, None, verdict);
    }
    let said = verdict.as_ref().map(|verdict| verdict.summary.clone()).unwrap_or_default();
    let why = match found {
        Side::Unknown => said,
        Side::Both => format!("Both sides were found at fault. {said}"),
        Side::Environment => format!("Neither side was found at fault, but what is around them. {said}"),
        _ => format!("The reference was found at fault, which was told to behave. {said}"),
    };
    undecided(check, &why, verdict)
}

/// Whether the client came as far as the partner that misbehaves: it asked, or was refused at the documented port.
fn was_put_to_it(evidence: &Evidence) -> bool {
    let address = evidence.contract.address.as_ref().map(|term| term.value.as_str()).unwrap_or_default();
    let port = address.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
    evidence.packets.seen().is_ok_and(|packets| {
        packets.conversations.iter().any(|conversation| {
            Some(conversation.listener.port()) == port
                && (conversation.sent.total > 0 || conversation.refused.is_some())
        })
    })
}

/// Whether the server ended by itself and content before it had answered anybody: whether it was seen to listen for a moment
/// is a matter of luck.
fn left_without_a_word(check: &Check, evidence: &Evidence) -> bool {
    let leaves = |exit: &Exit| !exit.by_us && exit.how == How::Code(0);
    let left = own(check, evidence).any(|program| program.exit.as_ref().is_some_and(leaves));
    let answered = |conversation: &Conversation| conversation.received.total > 0;
    left && !evidence.packets.seen().is_ok_and(|packets| packets.conversations.iter().any(answered))
}

/// Only whether it listens where it should is asked.
fn listening(check: &Check, evidence: &Evidence, diagnosis: &Diagnosis, verdict: Option<Verdict>) -> Judged {
    let sockets = match evidence.sockets.seen() {
        Ok(sockets) => sockets,
        Err(gap) => return undecided(check, &format!("The socket table could not be read: {}.", gap.why), verdict),
    };
    let address = evidence.contract.address.as_ref().map(|term| term.value.clone()).unwrap_or_default();
    if left_without_a_word(check, evidence) {
        return unmet(
            format!(
                "The server ended with status 0 and had answered nobody. It has to listen at {address} until it is stopped.\n\
                 More about it: netdiag explain server-died"
            ),
            None,
        );
    }
    let wanted: Vec<SocketAddr> = address.to_socket_addrs().map(Iterator::collect).unwrap_or_default();
    let transport = evidence.contract.transport.as_ref().map_or(Transport::Tcp, |term| term.value);
    let listens = |row: &Socket| {
        let waits = row.state == SocketState::Listen || (transport == Transport::Udp && row.remote.is_none());
        let reached = wanted.iter().any(|wanted| {
            let ip = row.local.ip();
            row.local.port() == wanted.port() && (ip == wanted.ip() || ip.is_unspecified())
        });
        let is_servers = row.owners.iter().any(|owner| owner.role == Some(Role::Server));
        row.transport == transport && waits && reached && is_servers
    };
    if sockets.snapshots.iter().flat_map(|snapshot| &snapshot.sockets).any(listens) {
        return match demanded(check, evidence, None, verdict) {
            judged if check.expect.asyncio => judged,
            judged => passed(judged.verdict),
        };
    }
    if diagnosis.verdict.side == Side::Server {
        return failed(check, evidence, diagnosis, verdict);
    }
    let ended =
        own(check, evidence).find_map(|program| Some((program, program.exit.as_ref().filter(|exit| !exit.by_us)?)));
    let how = ended.map_or_else(String::new, |(program, exit)| {
        let words = program
            .stderr
            .as_ref()
            .and_then(cite::last_words)
            .map(|words| format!(", saying: {words}"))
            .unwrap_or_default();
        format!(" It {}{words}.", cite::ending(exit.how))
    });
    unmet(format!("The server never listened at {address}.{how}"), verdict)
}

#[cfg(test)]
mod tests;
