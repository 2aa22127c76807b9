//! What may still come once the clients have ended: the last packets, a late reply, the end of a server that is leaving.
//! It only waits; what was seen is frozen by its caller.

use std::time::{Duration, Instant};

use super::freeze::waiting;
use super::pair::{Recorder, STEP};
use crate::evidence::{Ending, Port, Role, Socket, Transport, Wait};

/// How long the last packets of a finished pair may take.
const SETTLE: Duration = Duration::from_millis(200);
/// How long a reply that comes after its client has left is waited for.
const LATE_REPLY: Duration = Duration::from_secs(3);
/// How long a server that has let go of its listener may take to end: an interpreter closes its sockets before it exits.
const LEAVING: Duration = Duration::from_secs(2);

impl Recorder<'_> {
    /// Waits until nothing more is to be expected of a pair whose clients have ended.
    pub(super) fn settle(&mut self, ended: Ending) {
        if ended != Ending::ClientsEnded {
            return;
        }
        let began = Instant::now();
        self.last = None;
        self.still = 0;
        loop {
            let members = self.stage.members();
            let rows = self.tables.look(&members, &self.ports);
            let lives = members.values().any(|(_, role)| *role == Role::Server);
            let leaves = lives && self.server_ready.is_some() && waiting(&rows).next().is_none();
            let owes = self.owes_a_reply();
            if began.elapsed() > allowance(owes, leaves) || self.interruption.requested() {
                return;
            }
            let rests = self.is_quiet() && server_has_closed(&rows) && self.server_waits(&rows);
            if self.is_still(&rows) || (rests && !owes && !leaves) {
                return;
            }
            self.stage.pause(STEP);
        }
    }

    /// Whether a request was sent whose server has neither answered nor closed.
    fn owes_a_reply(&self) -> bool {
        let Some(packets) = self.traffic.view() else { return false };
        self.server_ready.is_some()
            && packets.conversations.iter().any(|conversation| {
                let answer = conversation.stream(Port::Listener);
                conversation.sent.total > 0
                    && answer.total == 0
                    && answer.fin.is_none()
                    && answer.rst.is_none()
                    && conversation.refused.is_none()
            })
    }

    /// Whether every thread of the server waits: one that has just lost a connection may be about to end, or has ended and
    /// nobody has heard of it.
    fn server_waits(&mut self, rows: &[Socket]) -> bool {
        let mut sample = self.stage.glance(rows);
        self.leave_tracers_out(&mut sample);
        let members = self.stage.members();
        let is_server = |pid: u32| members.get(&pid).is_some_and(|(_, role)| *role == Role::Server);
        let mut threads = sample.processes.iter().filter(|one| is_server(one.pid)).flat_map(|one| &one.threads);
        threads.all(|thread| thread.wait != Wait::Running) && !self.stage.has_unheard_end(&sample)
    }
}

fn allowance(owes_a_reply: bool, leaves: bool) -> Duration {
    match (owes_a_reply, leaves) {
        (true, _) => LATE_REPLY,
        (false, true) => LEAVING,
        (false, false) => SETTLE,
    }
}

/// Whether the server has let go of every connection, which is its last word to a client that has left.
fn server_has_closed(rows: &[Socket]) -> bool {
    !rows.iter().any(|row| {
        row.remote.is_some()
            && row.transport == Transport::Tcp
            && row.owners.iter().any(|owner| owner.role == Some(Role::Server))
    })
}
