//! Which end of a connection has stopped reading while its peer still has bytes to send. No blame.

use super::{Facts, Talk};
use crate::evidence::Role;

impl Talk<'_> {
    /// Whether `role` leaves bytes unread while its peer has more to send than fits: its window is shut, and had not opened
    /// again by the end. `None` where neither packets nor queues show it.
    #[must_use]
    pub fn is_clogged(&self, role: Role) -> Option<bool> {
        let (own, peer) = match role {
            Role::Client => (&self.client_end, &self.server_end),
            Role::Server => (&self.server_end, &self.client_end),
        };
        let shut =
            self.conversation.map(|conversation| conversation.stream(super::talk::port(role)).zero_window.is_some());
        let queues = own.as_ref().zip(peer.as_ref()).and_then(|(own, peer)| Some((own.unread?, peer.unsent?)));
        match (queues, shut) {
            (Some((unread, unsent)), _) => Some(unread > 0 && unsent > 0),
            (None, shut) => shut,
        }
    }
}

impl Facts<'_> {
    /// Whether every program that plays `role` is stopped by a signal, so that nothing it leaves undone is its choice.
    #[must_use]
    pub fn is_stopped(&self, role: Role) -> bool {
        let stopped =
            |players: Vec<super::Player>| !players.is_empty() && players.iter().all(super::Player::is_stopped);
        self.players(role).is_ok_and(stopped)
    }
}
