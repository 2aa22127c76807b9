//! Lines of the programs' source that the evidence points at.

use std::net::SocketAddr;

use super::trace::Trace;
use super::{Dial, Facts, Listener, Player};
use crate::evidence::{Action, Contract, Frame, Role, Stack, Text};

/// The port of the address that `contract` states.
pub(super) fn port_of(contract: &Contract) -> Option<u16> {
    port_in(&contract.address.as_ref()?.value)
}

/// The port of `host:port`.
pub(super) fn port_in(address: &str) -> Option<u16> {
    address.rsplit_once(':')?.1.parse().ok()
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
        let port = dial.target.port();
        let line = self.line_of_refusal(port).or_else(|| self.line_addressing(Role::Client, "connect", port));
        line.map(|line| (line, Role::Client)).or_else(|| self.line_naming(Role::Client, port))
    }

    /// The server's line that bound the socket of `listener`.
    #[must_use]
    pub fn line_that_bound(&self, listener: &Listener) -> Option<(Frame, Role)> {
        let port = listener.local.port();
        let line = self.line_addressing(Role::Server, "bind", port);
        line.map(|line| (line, Role::Server)).or_else(|| self.line_naming(Role::Server, port))
    }

    /// The line to change where the client dialled a wrong port: the one that names the number, wherever it is used.
    #[must_use]
    pub fn line_of_dialled_port(&self, dial: &Dial) -> Option<(Frame, Role)> {
        self.line_naming(Role::Client, dial.target.port()).or_else(|| self.line_that_dialled(dial))
    }

    /// The same for a server on a wrong port.
    #[must_use]
    pub fn line_of_bound_port(&self, listener: &Listener) -> Option<(Frame, Role)> {
        self.line_naming(Role::Server, listener.local.port()).or_else(|| self.line_that_bound(listener))
    }

    /// The only line in the text of `role`'s program that names `port`.
    #[must_use]
    pub fn line_naming(&self, role: Role, port: u16) -> Option<(Frame, Role)> {
        self.line_in_text(role, |text| {
            let mut mentions = text.mentions.iter();
            mentions.find(|mention| mention.port == port).map(|mention| mention.location.clone())
        })
    }

    /// The line at which the client's attempt to reach `port` failed.
    fn line_of_refusal(&self, port: u16) -> Option<Frame> {
        let raised = self.exceptions(Role::Client).ok()?;
        let names_port = |address: &Option<String>| address.as_deref().and_then(port_in) == Some(port);
        let (_, raised) = raised
            .iter()
            .find(|(_, raised)| names_port(&raised.address))
            .or_else(|| raised.iter().find(|(_, raised)| raised.kind.starts_with("ConnectionRefused")))?;
        raised.frames.last().cloned()
    }

    /// The line of `role` that named `port` to `call`; for a bind that left the choice to the system, the only one of the
    /// program.
    fn line_addressing(&self, role: Role, call: &str, port: u16) -> Option<Frame> {
        let addressed = &self.evidence.exceptions.seen().ok()?.addressed;
        let of_call = || addressed.iter().filter(|one| one.role == role && one.call == call);
        let exact = of_call().find(|one| port_in(&one.address) == Some(port));
        let mut chosen = of_call().filter(|one| port_in(&one.address) == Some(0));
        let any = chosen.next().filter(|_| chosen.next().is_none());
        Some(exact.or(any)?.location.clone())
    }

    /// The only line of `role`'s program that sends, where its text is at hand.
    #[must_use]
    pub fn line_that_sends(&self, role: Role) -> Option<(Frame, Role)> {
        self.line_in_text(role, |text| text.sends.clone())
    }

    /// The same of the line that receives.
    #[must_use]
    pub fn line_that_receives(&self, role: Role) -> Option<(Frame, Role)> {
        self.line_in_text(role, |text| text.receives.clone())
    }

    /// The only line of the server that takes its clients in, where its text is at hand.
    #[must_use]
    pub fn line_that_accepts(&self) -> Option<(Frame, Role)> {
        self.line_in_text(Role::Server, |text| text.accepts.clone())
    }

    /// The only line of `role`'s program that writes the port into an address.
    #[must_use]
    pub fn line_that_sets_port(&self, role: Role) -> Option<(Frame, Role)> {
        self.line_in_text(role, |text| text.sets_port.clone())
    }

    /// The server's line that bound the documented port, whether anything came of it or not.
    #[must_use]
    pub fn line_that_binds(&self) -> Option<(Frame, Role)> {
        Some((self.line_addressing(Role::Server, "bind", self.documented_port()?)?, Role::Server))
    }

    /// The only line of `role`'s program that puts a number into bytes.
    #[must_use]
    pub fn line_that_packs(&self, role: Role) -> Option<(Frame, Role)> {
        self.line_in_text(role, |text| text.packs.clone())
    }

    /// The only line of `role`'s program that makes text of bytes.
    #[must_use]
    pub fn line_that_decodes(&self, role: Role) -> Option<(Frame, Role)> {
        self.line_in_text(role, |text| text.decodes.clone())
    }

    /// Where the server should have answered: where it waits instead while its client waits too, else the line that sends,
    /// else the one that reads the request.
    #[must_use]
    pub fn line_that_should_answer(&self) -> Option<(Frame, Role)> {
        let waits = self.line_of_the_hang(Role::Server);
        waits.or_else(|| self.line_that_sends(Role::Server)).or_else(|| self.line_that_receives(Role::Server))
    }

    fn line_in_text(&self, role: Role, which: impl Fn(&Text) -> Option<Frame>) -> Option<(Frame, Role)> {
        let programs = &self.evidence.programs.seen().ok()?.programs;
        let program = programs.iter().find(|program| program.role == role)?;
        Some((which(&program.text)?, role))
    }

    /// The line at which `role` waits, while a client is still waiting; later it may be anywhere.
    #[must_use]
    pub fn line_of_the_hang(&self, role: Role) -> Option<(Frame, Role)> {
        self.line_where_waits(role).filter(|_| self.still_waiting())
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
        let Some((_, last)) = raised.iter().rev().find(|(_, raised)| raised.action == Action::Uncaught) else {
            // No interpreter traces a text that it cannot read; it prints the place.
            let players = self.players(role).ok()?;
            return Some((players.iter().filter_map(Player::trace).find(Trace::is_of_the_text)?.frame?, role));
        };
        Some((last.frames.last()?.clone(), role))
    }
}
