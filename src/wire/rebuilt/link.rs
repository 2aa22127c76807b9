//! A connection as its two ends' calls show it, and what has been told of it already.

use std::net::SocketAddr;

use crate::evidence::Port;

/// One TCP connection, or the attempt at one.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub(super) dialler: SocketAddr,
    pub(super) listener: SocketAddr,
    pub(super) state: State,
    pub(super) dialling: End,
    pub(super) listening: End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Dialling,
    Open,
    Refused,
}

/// One end of a connection.
#[derive(Debug, Clone, Default)]
pub(super) struct End {
    pub(super) socket: Option<u64>,
    /// Bytes its program handed over.
    pub(super) sent: u64,
    /// Bytes its program took.
    pub(super) got: u64,
    /// Bytes it sent that have been folded in.
    pub(super) told: u64,
    /// Whether it sent bytes that could not be read.
    pub(super) unread_bytes: bool,
    pub(super) fin: bool,
    pub(super) rst: bool,
    /// Its program said that it will read no more: then an end that it reads says nothing.
    pub(super) deaf: bool,
    /// Nobody holds it any more.
    pub(super) closed: bool,
    /// SO_LINGER with a time of zero.
    pub(super) abrupt: bool,
}

impl Link {
    pub(super) fn end(&self, port: Port) -> &End {
        match port {
            Port::Dialler => &self.dialling,
            Port::Listener => &self.listening,
        }
    }

    pub(super) fn end_mut(&mut self, port: Port) -> &mut End {
        match port {
            Port::Dialler => &mut self.dialling,
            Port::Listener => &mut self.listening,
        }
    }

    pub(super) fn address(&self, port: Port) -> SocketAddr {
        match port {
            Port::Dialler => self.dialler,
            Port::Listener => self.listener,
        }
    }

    pub(super) fn is_to_itself(&self) -> bool {
        self.dialler == self.listener
    }

    pub(super) fn is_reset(&self) -> bool {
        self.dialling.rst || self.listening.rst
    }
}
