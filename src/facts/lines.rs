//! Lines of the programs' source that the evidence points at.

use std::net::SocketAddr;

use super::{Dial, Facts, Player};
use crate::evidence::{Action, Contract, Frame, Role, Stack};

/// The port of the address that `contract` states.
pub(super) fn port_of(contract: &Contract) -> Option<u16> {
    contract.address.as_ref()?.value.rsplit_once(':')?.1.parse().ok()
}

impl Facts<'_> {
    /// The documented port, if an address was told.
    #[must_use]
    pub fn documented_port(&self) -> Option<u16> {
        port_of(&self.evidence.contract)
    }

    /// The documented addresses: one, or both loopback addresses for `localhost` (RFC 6761 §6.3). Other names are not
    /// resolved, so they document a port and no address.
    #[must_use]
    pub fn documented_addresses(&self) -> Vec<SocketAddr> {
        let Some(address) = self.evidence.contract.address.as_ref().map(|term| term.value.as_str()) else {
            return Vec::new();
        };
        if let Ok(exact) = address.parse() {
            return vec![exact];
        }
        match (address.rsplit_once(':'), self.documented_port()) {
            (Some(("localhost", _)), Some(port)) => {
                vec![SocketAddr::from(([127, 0, 0, 1], port)), SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], port))]
            }
            _ => Vec::new(),
        }
    }

    /// Whether `address` has the documented port; true as well when none is documented.
    #[must_use]
    pub fn is_documented(&self, address: SocketAddr) -> bool {
        self.documented_port().is_none_or(|port| port == address.port())
    }

    /// The client's line whose connection attempt `dial` was.
    #[must_use]
    pub fn line_that_dialled(&self, dial: &Dial) -> Option<(Frame, Role)> {
        let raised = self.exceptions(Role::Client).ok()?;
        let port = format!(":{}", dial.target.port());
        let names_port = |address: &Option<String>| address.as_ref().is_some_and(|address| address.ends_with(&port));
        let (_, raised) = raised
            .iter()
            .find(|(_, raised)| names_port(&raised.address))
            .or_else(|| raised.iter().find(|(_, raised)| raised.kind.starts_with("ConnectionRefused")))?;
        Some((raised.frames.last()?.clone(), Role::Client))
    }

    /// The client's line that waits for an answer to what it sent.
    #[must_use]
    pub fn line_that_sent(&self) -> Option<(Frame, Role)> {
        self.line_where_waits(Role::Client)
    }

    /// The user's line at which `role` waited when the recording was frozen: that of a task which is not the program's
    /// main one, else that of a thread.
    #[must_use]
    pub fn line_where_waits(&self, role: Role) -> Option<(Frame, Role)> {
        let stacks = &self.evidence.exceptions.seen().ok()?.stacks;
        let of_role = || stacks.iter().filter(|stack| stack.role == role && !stack.frames.is_empty());
        let serves = |stack: &&Stack| {
            stack
                .frames
                .iter()
                .any(|frame| frame.source.contains("serve_forever") || frame.source.contains("asyncio.run"))
        };
        let stack = of_role()
            .filter(|stack| stack.of.starts_with("task"))
            .find(|stack| !serves(stack))
            .or_else(|| of_role().filter(|stack| !stack.of.ends_with("MainThread")).find(|stack| !serves(stack)))
            .or_else(|| of_role().find(|stack| !serves(stack)))?;
        Some((stack.frames.last()?.clone(), role))
    }

    /// The line of the exception that nothing in `role`'s own code caught; where exceptions cannot be followed, the one
    /// that the program's runtime printed.
    #[must_use]
    pub fn line_of_failure(&self, role: Role) -> Option<(Frame, Role)> {
        let Ok(raised) = self.exceptions(role) else {
            let players = self.players(role).ok()?;
            return Some((players.iter().find_map(Player::trace)?.frame?, role));
        };
        let (_, last) = raised.iter().rev().find(|(_, raised)| raised.action == Action::Uncaught)?;
        Some((last.frames.last()?.clone(), role))
    }
}
