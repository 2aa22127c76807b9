//! Lines of the programs' source that the evidence points at.

use std::net::SocketAddr;

use super::trace::{Trace, is_of_source};
use super::{Dial, Facts, Listener};
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
        let mention = self.text_of(role)?.mentions.iter().find(|mention| mention.port == port)?;
        Some((mention.location.clone(), role))
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

    /// The server's line that was seen to bind the documented port, whether anything came of it or not.
    #[must_use]
    pub fn line_seen_to_bind(&self) -> Option<(Frame, Role)> {
        Some((self.line_addressing(Role::Server, "bind", self.documented_port()?)?, Role::Server))
    }

    /// Where the server should have answered: where it waits instead while its client waits too, else the line that sends,
    /// else the one that reads the request.
    #[must_use]
    pub fn line_that_should_answer(&self) -> Option<(Frame, Role)> {
        let waits = self.line_of_the_hang(Role::Server);
        waits
            .or_else(|| self.only_line(Role::Server, |text| &text.sends))
            .or_else(|| self.only_line(Role::Server, |text| &text.receives))
    }

    /// The only line of `role`'s program that does something, where its text is at hand: `|text| &text.sends`.
    #[must_use]
    pub fn only_line(&self, role: Role, which: impl Fn(&Text) -> &Option<Frame>) -> Option<(Frame, Role)> {
        Some((which(self.text_of(role)?).clone()?, role))
    }

    fn text_of(&self, role: Role) -> Option<&Text> {
        let programs = &self.evidence.programs.seen().ok()?.programs;
        programs.iter().find(|program| program.role == role).map(|program| &program.text)
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

    /// The line at which `role`'s machine code failed, or that of the exception that nothing in its own code caught; where
    /// exceptions cannot be followed, the one that the program's runtime printed. What is wrong in the source is printed
    /// before anything can be followed.
    #[must_use]
    pub fn line_of_failure(&self, role: Role) -> Option<(Frame, Role)> {
        if let Some(line) = self.crash(role).and_then(|crash| crash.line.clone()) {
            return Some((line, role));
        }
        let printed = |counts: fn(&Trace) -> bool| {
            let players = self.players(role).ok()?;
            Some((players.iter().find_map(|player| player.trace().filter(counts))?.frame?, role))
        };
        let Ok(raised) = self.exceptions(role) else { return printed(|_| true) };
        let uncaught = raised.iter().rev().find(|(_, raised)| raised.action == Action::Uncaught);
        let Some((_, last)) = uncaught else { return printed(Trace::is_last) };
        // An import is followed to the line that asks for the module, and what is wrong stands in the module.
        let printed = if is_of_source(&last.kind) { printed(Trace::is_last) } else { None };
        printed.or_else(|| Some((last.frames.last()?.clone(), role)))
    }
}
