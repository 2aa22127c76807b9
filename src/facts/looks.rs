//! Whether somebody looked where a fault would show. What was not looked at is not known to be absent.

use super::{Dial, Facts, Outcome};
use crate::evidence::{Gap, Role, Transport};

/// A place where a fault shows: a source, or the part of one that not every system or user is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Look {
    /// What was said over the connections.
    Contents,
    /// Who was dialled, and what came of it.
    Dials,
    /// The same, for faults that let nobody through: where everybody got through there is nothing more to look at.
    Failures,
    /// The table of sockets.
    Sockets,
    /// Bytes that lie unread or unsent, and connections that wait.
    Queues,
    /// Which program holds which socket.
    Owners,
    /// What the programs' threads wait for.
    Waits,
    /// How the programs ended.
    Ends,
    /// What the programs printed.
    Output,
    /// Exceptions that were raised inside.
    Exceptions,
    /// Where the two are to meet.
    Address,
    /// Where a message ends and what is owed for it.
    Agreement,
}

impl Facts<'_> {
    /// Nothing when somebody looked there, else what stood in the way.
    pub fn looked(&self, look: Look) -> Result<(), Gap> {
        let evidence = self.evidence;
        match look {
            Look::Contents => evidence.packets.seen().map(drop),
            Look::Dials | Look::Failures => self.dials().map(drop),
            Look::Sockets => evidence.sockets.seen().map(drop),
            Look::Queues => self.saw_queues(),
            Look::Owners => self.saw_owners(),
            Look::Waits => self.saw_waits(),
            Look::Ends => evidence.programs.seen().map(drop),
            Look::Output => self.saw_output(),
            Look::Exceptions => evidence.exceptions.seen().map(drop),
            Look::Address => self.knows_the_address(),
            Look::Agreement => self.knows_the_agreement(),
        }
    }

    /// Whether every attempt that was seen to reach somebody did.
    #[must_use]
    pub fn everybody_got_through(&self) -> bool {
        let through =
            |dials: &[Dial]| !dials.is_empty() && dials.iter().all(|dial| dial.outcome == Outcome::Established);
        self.dials().is_ok_and(through)
    }

    fn saw_queues(&self) -> Result<(), Gap> {
        if self.evidence.sockets.seen()?.has_queues {
            return Ok(());
        }
        Err(Gap::new(
            "sockets",
            "this system's table of sockets does not show what lies unread in them",
            "look at Recv-Q and Send-Q by hand while it hangs (`netstat -an`, `ss -tan`)",
        ))
    }

    fn knows_the_address(&self) -> Result<(), Gap> {
        self.documented_port().map(drop).ok_or_else(|| {
            Gap::new(
                "contract",
                "nothing tells where the two are to meet",
                "tell netdiag the address that was agreed on: --at HOST:PORT",
            )
        })
    }

    fn knows_the_agreement(&self) -> Result<(), Gap> {
        if self.contract.framing.is_some() && !self.contract.reply_is_assumed() {
            return Ok(());
        }
        Err(Gap::new(
            "contract",
            "nothing tells where a message ends and what the reply to it is",
            "tell netdiag the terms, such as framing = \"line\" and reply = \"exact\": --contract FILE (docs/contract.md)",
        ))
    }

    /// The server's own sockets count: whose the others are does not matter.
    fn saw_owners(&self) -> Result<(), Gap> {
        let listeners = self.listeners()?;
        let nameless = |listener: &&super::Listener| listener.owners.is_empty() && !listener.owners_known;
        if !listeners.iter().any(|listener| nameless(&listener)) {
            return Ok(());
        }
        Err(Gap::new(
            "sockets",
            "whose the listening sockets are was not to be seen",
            "run netdiag as the user who runs the server, or with sudo",
        ))
    }

    fn saw_waits(&self) -> Result<(), Gap> {
        let programs = self.evidence.programs.seen()?;
        if !programs.samples.is_empty() {
            return Ok(());
        }
        Err(Gap::new(
            "programs",
            "what the programs' threads do was not looked at",
            "record again, with both programs started by netdiag",
        ))
    }

    fn saw_output(&self) -> Result<(), Gap> {
        let programs = &self.evidence.programs.seen()?.programs;
        if programs.iter().all(|program| program.stdout.is_some() && program.stderr.is_some()) {
            return Ok(());
        }
        Err(Gap::new(
            "programs",
            "what the programs print was not to be seen",
            "read what they print, or let netdiag start them",
        ))
    }

    /// The transport that everybody who was seen speaks: told, or that of every conversation, dial and server's socket.
    #[must_use]
    pub fn seen_transport(&self) -> Option<Transport> {
        if let Some(told) = &self.evidence.contract.transport {
            return Some(told.value);
        }
        let talks = self.talks().unwrap_or_default().iter().map(|talk| talk.transport);
        let dials = self.dials().unwrap_or_default().iter().map(|dial| dial.transport);
        let listeners = self.listeners().unwrap_or_default().iter();
        let waiting = listeners.filter(|one| one.role == Some(Role::Server)).map(|one| one.transport);
        let mut seen = talks.chain(dials).chain(waiting);
        let first = seen.next()?;
        seen.all(|other| other == first).then_some(first)
    }
}
