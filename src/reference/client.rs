//! The reference client, or several alike: who dials when, and with what.

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};

use crate::evidence::{Bytes, Framing, Transport};

use super::dialect;
use super::exchange::{Connection, Errand, Until, dial, within};
use super::spawn_named;
use super::spec::{ClientFault, ClientSpec};

/// Something a client has to say.
#[derive(Debug)]
pub enum Event {
    /// A right reply has come.
    Reply(Reply),
    /// A client failed and stopped.
    Failed {
        /// Which client, from 1.
        client: u32,
        /// What happened.
        error: anyhow::Error,
    },
}

/// A reply, and how it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Which reply of all clients together, from 1.
    pub number: u32,
    /// Which client, from 1.
    pub client: u32,
    /// Which connection of all clients together, from 1.
    pub connection: u32,
    /// The client's end of the connection.
    pub local: SocketAddr,
    /// The bytes received, with their terminator.
    pub bytes: Vec<u8>,
}

/// Who hears events.
type Listener = Arc<dyn Fn(Event) + Send + Sync>;

/// What all clients of a run share.
struct Party {
    spec: ClientSpec,
    framing: Framing,
    addresses: Vec<SocketAddr>,
    /// What is sent, in this order and from the beginning again, and what must come back; nothing at all for a client that
    /// says nothing.
    messages: Vec<Message>,
    limit: Option<Duration>,
    connections: AtomicU32,
    replies: AtomicU32,
    tell: Listener,
}

/// Something to send, and what must come back.
struct Message {
    request: Option<Vec<u8>>,
    expected: Vec<u8>,
}

/// Plays all clients of `spec`, telling `tell` what happens, and returns how many of them failed.
///
/// Fails itself only when the spec cannot be played or the address cannot be understood. It resolves names before the
/// first task is started: a resolver thread would leave a timer behind.
pub async fn run(spec: &ClientSpec, tell: impl Fn(Event) + Send + Sync + 'static) -> anyhow::Result<u32> {
    let party = Arc::new(Party::gather(spec, Arc::new(tell))?);
    let mut failed = 0;
    let mut running = Vec::new();
    for number in 1..=spec.clients {
        let client = spawn_named(&format!("client {number}"), Arc::clone(&party).play(number))?;
        if spec.one_by_one {
            failed += u32::from(!client.await.context("a client's task ended early")?);
        } else {
            running.push(client);
        }
    }
    for client in running {
        failed += u32::from(!client.await.context("a client's task ended early")?);
    }
    Ok(failed)
}

/// The text of each message, at the length that was asked for.
fn text(spec: &ClientSpec) -> Vec<u8> {
    let text = spec.message.as_bytes();
    match spec.message_bytes {
        0 => text.to_vec(),
        length => text.iter().copied().cycle().take(length as usize).collect(),
    }
}

/// The script's turns; without one, the one message.
fn messages(spec: &ClientSpec, framing: Framing) -> Vec<Message> {
    // A line that one turn begins and another one ends is answered then.
    let mut begun = Vec::new();
    let mut turn = |turn: &Bytes| {
        let mut whole = std::mem::take(&mut begun);
        whole.extend_from_slice(&turn.0);
        if framing == Framing::Line {
            let end = whole.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            begun = whole.split_off(end);
        }
        Message { request: Some(turn.0.clone()), expected: dialect::expected_of_turn(framing, &spec.reply, &whole) }
    };
    if !spec.script.is_empty() {
        return spec.script.iter().map(&mut turn).collect();
    }
    let text = &text(spec)[..];
    let request = if spec.faults.contains(&ClientFault::SayNothing) {
        None
    } else if spec.faults.contains(&ClientFault::OmitTerminator) {
        Some(text.to_vec())
    } else {
        Some(dialect::request(framing, spec.terminator, text))
    };
    vec![Message { request, expected: dialect::expected(framing, spec.terminator, &spec.reply, text) }]
}

impl Party {
    fn gather(spec: &ClientSpec, tell: Listener) -> anyhow::Result<Self> {
        let udp = spec.transport == Transport::Udp;
        ensure!(udp || spec.framing != Framing::Datagram, "framing `datagram` needs transport `udp`");
        let framing = if udp { Framing::Datagram } else { spec.framing };
        let addresses: Vec<SocketAddr> = spec
            .dial
            .to_socket_addrs()
            .with_context(|| format!("{:?} is not an address to dial (host:port, such as 127.0.0.1:12345)", spec.dial))?
            .collect();
        Ok(Self {
            framing,
            addresses,
            messages: messages(spec, framing),
            limit: spec.timeout_ms.map(Duration::from_millis),
            connections: AtomicU32::new(0),
            replies: AtomicU32::new(0),
            tell,
            spec: spec.clone(),
        })
    }

    fn has(&self, fault: ClientFault) -> bool {
        self.spec.faults.contains(&fault)
    }

    fn gives_up_after(&self) -> Option<Duration> {
        self.spec.faults.iter().find_map(|fault| match fault {
            ClientFault::GiveUpAfter(ms) => Some(Duration::from_millis(*ms)),
            _ => None,
        })
    }

    /// Plays one client to its end; returns whether all went well.
    async fn play(self: Arc<Self>, client: u32) -> bool {
        match self.send_all(client).await {
            Ok(()) => true,
            Err(error) => {
                (self.tell)(Event::Failed { client, error });
                false
            }
        }
    }

    async fn send_all(&self, client: u32) -> anyhow::Result<()> {
        // Until EOF, a connection carries one message by definition.
        let per_connection = if self.spec.redial || self.framing == Framing::UntilEof { 1 } else { self.spec.repeat };
        let mut left = self.spec.repeat.max(self.spec.script.len() as u32);
        while left > 0 {
            let messages = per_connection.min(left);
            left -= messages;
            let retry = Duration::from_millis(self.spec.retry_ms);
            let mut connection = dial(self.spec.transport, &self.addresses, self.limit, retry).await?;
            let number = 1 + self.connections.fetch_add(1, Ordering::Relaxed);
            let held = self.hold(&mut connection, client, number, messages);
            match self.gives_up_after() {
                None => held.await?,
                limit => within(limit, held)
                    .await
                    .unwrap_or_else(|| Err(anyhow!("gave up after {} ms", limit.unwrap_or_default().as_millis())))?,
            }
        }
        Ok(())
    }

    /// Sends `messages` over one connection and takes leave of it.
    async fn hold(&self, connection: &mut Connection, client: u32, number: u32, messages: u32) -> anyhow::Result<()> {
        let local = connection.local()?;
        for turn in 0..messages {
            if turn > 0 && self.spec.pause_ms > 0 {
                tokio::time::sleep(Duration::from_millis(self.spec.pause_ms)).await;
            }
            let errand = self.errand(turn, turn + 1 == messages);
            if self.has(ClientFault::CloseUnread) {
                return connection.ask_only(errand).await;
            }
            let bytes = connection.run(errand).await?;
            let reply = 1 + self.replies.fetch_add(1, Ordering::Relaxed);
            (self.tell)(Event::Reply(Reply { number: reply, client, connection: number, local, bytes }));
        }
        if self.has(ClientFault::WaitForEof) && self.framing != Framing::UntilEof {
            connection.wait_for_eof(self.limit).await?;
        }
        if self.spec.linger_ms > 0 {
            tokio::time::sleep(Duration::from_millis(self.spec.linger_ms)).await;
        }
        if self.has(ClientFault::ResetAtEnd) {
            connection.reset_on_close()?;
        }
        Ok(())
    }

    fn errand(&self, turn: u32, last: bool) -> Errand<'_> {
        let message = &self.messages[turn as usize % self.messages.len()];
        // The turns of a script may hold any number of lines.
        let until = if self.spec.script.is_empty() { Until::of(self.framing) } else { Until::of_script(self.framing) };
        let half_close = last && (self.spec.half_close || self.framing == Framing::UntilEof);
        Errand {
            request: message.request.as_deref(),
            expected: &message.expected,
            until,
            half_close: half_close && !self.has(ClientFault::WaitForEof),
            limit: self.limit,
        }
    }
}
