//! Whether a program was seen to wait for input at some time, or to be at work. No blame.

use super::player::IN_ONE_READ;
use super::{Facts, LONG_SILENCE_MS, Player, Talk};
use crate::evidence::{At, Limit, Role, Sample, Thread, Wait};

/// How long a program may take to notice what has come, in nanoseconds.
const NOTICED_NS: u64 = 250_000_000;

/// Whether only somebody else can end this wait, or nothing but the arrival of somebody new is waited for.
fn waits_for_others(wait: &Wait) -> bool {
    matches!(wait, Wait::Call { limit: Limit::Forever, .. }) || waits_for_somebody_new(wait)
}

fn waits_for_somebody_new(wait: &Wait) -> bool {
    matches!(wait, Wait::Call { limit: Limit::Timed, socket: Some((_, None)), .. })
}

impl<'e> Facts<'e> {
    /// Whether every thread of `role` sat in a wait without a time limit, or in one for somebody new, at every look between
    /// two moments; `None` when nobody looked in between.
    #[must_use]
    pub fn only_waited(&self, role: Role, from: At, to: At) -> Option<bool> {
        let programs = self.evidence.programs.seen().ok()?;
        let plays = |index: usize| programs.programs.get(index).is_some_and(|program| program.role == role);
        let looks: Vec<_> = programs.samples.iter().filter(|sample| sample.at > from && sample.at < to).collect();
        let threads = |sample: &'e Sample| {
            let own = sample.processes.iter().filter(|process| plays(process.program));
            own.flat_map(|process| process.threads.iter().map(|thread| (process.pid, thread)))
        };
        let doorkeepers: Vec<(u32, u32)> = looks
            .iter()
            .flat_map(|sample| threads(sample))
            .filter(|(_, thread)| waits_for_somebody_new(&thread.wait))
            .map(|(pid, thread)| (pid, thread.tid))
            .collect();
        // One that returns to its listener now and then is met on its way, too.
        let waits = |(pid, thread): (u32, &Thread)| {
            waits_for_others(&thread.wait) || (thread.wait == Wait::Running && doorkeepers.contains(&(pid, thread.tid)))
        };
        (!looks.is_empty()).then(|| looks.iter().all(|sample| threads(sample).all(waits)))
    }

    /// Whether `player` was seen to wait in a read from a connection or a datagram socket: a socket that does not block would
    /// have come back at once, so an EAGAIN of it says that its time was over (SO_RCVTIMEO).
    #[must_use]
    pub fn was_seen_reading(&self, player: &Player) -> bool {
        let reads = |thread: &Thread| match &thread.wait {
            Wait::Call { name, socket, .. } => socket.is_some() && IN_ONE_READ.contains(&name.as_str()),
            _ => false,
        };
        self.evidence.programs.seen().is_ok_and(|programs| {
            let processes = programs.samples.iter().flat_map(|sample| &sample.processes);
            processes.filter(|process| process.program == player.index).any(|process| process.threads.iter().any(reads))
        })
    }

    /// Whether the client of `talk` was gone when its reply came. A FIN alone may be a half-close: it has left when its
    /// kernel resets what arrives, or its program has ended.
    #[must_use]
    pub fn left_before_the_reply(&self, talk: &Talk) -> bool {
        let Ok(response) = talk.response() else { return false };
        let (Some(left), Some(reply)) = (talk.fin(Role::Client).or(talk.rst(Role::Client)), response.first) else {
            return false;
        };
        // A kernel whose program has closed resets what arrives and acknowledges none of it.
        let reset = talk.rst(Role::Client).is_some_and(|rst| rst >= left) && response.acked < response.total;
        let gone = self.players(Role::Client).is_ok_and(|clients| {
            let ended = |client: &Player| client.program.exit.as_ref().is_some_and(|exit| exit.at < reply);
            !clients.is_empty() && clients.iter().all(ended)
        });
        left < reply && (reset || gone)
    }

    /// Whether the client of `talk` waited for long before it left, and the server, which had its request, sat still all that
    /// time: it was not at work on an answer.
    #[must_use]
    pub fn rested_until_the_client_left(&self, talk: &Talk) -> bool {
        let Ok(Some(asked)) = talk.request().map(|request| request.last) else { return false };
        let Some(left) = talk.ended_by(Role::Client) else { return false };
        // A request takes a moment to be read, and an end a moment to be noticed.
        let (from, to) = (At(asked.0 + NOTICED_NS), At(left.0.saturating_sub(NOTICED_NS)));
        left.ms_since(asked) >= LONG_SILENCE_MS && self.only_waited(Role::Server, from, to) == Some(true)
    }
}
