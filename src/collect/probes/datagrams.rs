//! The probes of a UDP server. Never an empty datagram: several servers take one for the end of everything.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout, timeout_at};

use crate::evidence::{Bytes, Probe, Reach, Shape, Transport};

use super::pace::GENEROUS;
use super::rest::{ARRIVED, Rest};
use super::talk::{KEPT, ms, reach};
use super::{Depth, Examiner, shapes};

/// The floor of patience once the server's speed is known: a datagram without an answer is taken for lost or refused, so it
/// must not be one that a busy machine is still at. At most a few get none.
const FLOOR: Duration = Duration::from_secs(1);

/// How long a datagram that answered may be followed by another one.
const MORE: Duration = Duration::from_millis(3);

/// Sizes of text datagrams: tiny, the usual buffer sizes of textbook servers, a full Ethernet frame, several of those.
const SIZES: [usize; 8] = [1, 100, 512, 1024, 1472, 2048, 4096, 8192];

/// How long a server is given to run into the closed port of a client that did not wait.
const NOTICE: Duration = Duration::from_millis(20);

/// Sends the datagrams in order; stops when nobody listens (any more).
pub(super) async fn examine(exam: &mut Examiner, depth: Depth) {
    let Some(target) = contact(exam).await else { return };
    exam.pace.floor = FLOOR;
    let line = exam.text() + "\n";
    if ask(exam, Shape::Datagram, target, line.into_bytes()).await.is_none() || depth == Depth::Dialect {
        return;
    }
    for other in exam.targets.clone().into_iter().filter(|other| *other != target) {
        if !exam.probes.iter().any(|probe| probe.target == other) {
            let text = exam.text();
            ask(exam, Shape::Datagram, other, text.into_bytes()).await;
        }
    }
    let _ = full(exam, target).await;
}

/// The first address that does not refuse. A silent one may be a port where only another family is listened on.
async fn contact(exam: &mut Examiner) -> Option<SocketAddr> {
    for target in exam.targets.clone() {
        let text = exam.text();
        ask(exam, Shape::Datagram, target, text.into_bytes()).await;
        if exam.probes.last().is_some_and(|probe| probe.reach == Reach::Connected) {
            if exam.pace.latency.is_none() {
                let line = exam.text() + "\n";
                ask(exam, Shape::Datagram, target, line.into_bytes()).await;
            }
            return exam.pace.latency.is_some().then_some(target);
        }
    }
    None
}

async fn full(exam: &mut Examiner, target: SocketAddr) -> Option<()> {
    two_at_once(exam, target).await?;
    for size in SIZES {
        let text: String = exam.text().chars().cycle().take(size).collect();
        ask(exam, Shape::Datagram, target, text.into_bytes()).await?;
        let answered = exam.probes.last().is_some_and(|probe| probe.received_total > 0);
        if !answered || !exam.has_time() {
            break;
        }
    }
    ask(exam, Shape::Binary, target, (0..=255).collect()).await?;
    still_there(exam, target).await?;
    ask(exam, Shape::Binary, target, shapes::binary_line("\n")).await?;
    hasty(exam, target).await?;
    still_there(exam, target).await
}

async fn still_there(exam: &mut Examiner, target: SocketAddr) -> Option<()> {
    let text = exam.text();
    ask(exam, Shape::Datagram, target, text.into_bytes()).await
}

/// Sends one datagram from a socket of its own and keeps the record; `None` when it was refused.
async fn ask(exam: &mut Examiner, shape: Shape, target: SocketAddr, bytes: Vec<u8>) -> Option<()> {
    let group = exam.group();
    let probe = send(exam, shape, target, bytes, group).await;
    let reach = probe.reach;
    exam.keep(probe);
    (reach == Reach::Connected).then_some(())
}

/// Two sockets that send before either has its answer.
async fn two_at_once(exam: &mut Examiner, target: SocketAddr) -> Option<()> {
    let group = exam.group();
    let texts = [exam.text(), exam.text()].map(String::into_bytes);
    let [one, other] = texts;
    let here = &*exam;
    let shape = Shape::Overlapping;
    let (one, other) = tokio::join!(send(here, shape, target, one, group), send(here, shape, target, other, group));
    let there = one.reach == Reach::Connected && other.reach == Reach::Connected;
    exam.keep(one);
    exam.keep(other);
    there.then_some(())
}

/// A client that does not wait for its answer: the server's reply runs into a closed port.
async fn hasty(exam: &mut Examiner, target: SocketAddr) -> Option<()> {
    let group = exam.group();
    let mut probe = exam.setting.blank(Shape::Rude, target, Transport::Udp, group);
    let text = exam.text().into_bytes();
    match connect(target).await {
        Ok(socket) => say(&mut probe, &socket, &text).await,
        Err(error) => probe.reach = reach(&error),
    }
    exam.keep(probe);
    tokio::time::sleep(NOTICE).await;
    Some(())
}

/// Sends one datagram from a socket of its own and waits for what comes back.
pub(super) async fn send(exam: &Examiner, shape: Shape, target: SocketAddr, bytes: Vec<u8>, group: u32) -> Probe {
    let mut probe = exam.setting.blank(shape, target, Transport::Udp, group);
    let socket = match connect(target).await {
        Ok(socket) => socket,
        Err(error) => {
            probe.reach = reach(&error);
            return probe;
        }
    };
    let patience = if exam.pace.latency.is_some() { exam.pace.patience() } else { GENEROUS };
    probe.patience_ms = patience.as_millis() as u64;
    say(&mut probe, &socket, &bytes).await;
    if probe.reach == Reach::Connected {
        hear(&mut probe, &socket, patience, &exam.setting.rest).await;
    }
    probe.before_half_close = probe.received_total;
    probe
}

/// A socket that hears only the target, and hears of the target's refusal (ICMP port unreachable).
async fn connect(target: SocketAddr) -> std::io::Result<UdpSocket> {
    let any = if target.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(target).await?;
    Ok(socket)
}

async fn say(probe: &mut Probe, socket: &UdpSocket, bytes: &[u8]) {
    probe.from = socket.local_addr().ok();
    match socket.send(bytes).await {
        Ok(count) => {
            probe.reach = Reach::Connected;
            probe.sent_total = count as u64;
            probe.sent.push(Bytes::from(bytes));
        }
        Err(error) => probe.reach = reach(&error),
    }
}

async fn hear(probe: &mut Probe, socket: &UdpSocket, patience: Duration, rest: &Rest) {
    let begun = Instant::now();
    let mut deadline = begun + patience;
    let mut buffer = vec![0u8; KEPT];
    loop {
        let heard = tokio::select! {
            biased;
            heard = timeout_at(deadline, socket.recv(&mut buffer)) => heard,
            () = rest.after(begun.into_std()), if probe.received_total == 0 => {
                let heard = timeout(ARRIVED, socket.recv(&mut buffer)).await;
                probe.at_rest = heard.is_err();
                heard
            }
        };
        let Ok(heard) = heard else { break };
        match heard {
            Ok(count) => {
                let ms = ms(begun.elapsed());
                probe.first_byte_ms.get_or_insert(ms);
                probe.last_byte_ms = Some(ms);
                probe.received_total += count as u64;
                let room = KEPT - probe.received.len();
                probe.received.0.extend_from_slice(&buffer[..count.min(room)]);
                deadline = Instant::now() + MORE;
            }
            Err(error) => {
                if probe.received_total == 0 {
                    probe.reach = reach(&error);
                }
                return;
            }
        }
        if probe.received_total > KEPT as u64 {
            return;
        }
    }
    if probe.at_rest {
        probe.patience_ms = begun.elapsed().as_millis() as u64;
    }
}
