//! Serves UDP: one task per socket, one reply per datagram.

use std::io;
use std::net::{SocketAddr, UdpSocket as StdSocket};
use std::sync::Arc;

use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use super::server::House;
use super::session::{Session, Step};
use super::spawn_named;

/// Starts to answer on every socket.
pub fn open(sockets: Vec<StdSocket>, house: &Arc<House>, present: &mpsc::Sender<()>) -> io::Result<()> {
    for socket in sockets {
        socket.set_nonblocking(true)?;
        let name = format!("datagrams {}", socket.local_addr()?);
        let socket = Arc::new(UdpSocket::from_std(socket)?);
        spawn_named(&name, receive(socket, Arc::clone(house), present.clone()))?;
    }
    Ok(())
}

async fn receive(socket: Arc<UdpSocket>, house: Arc<House>, present: mpsc::Sender<()>) {
    if house.manners.never_read {
        house.closing.wait().await;
        return;
    }
    let mut buffer = vec![0; 64 << 10];
    loop {
        let (size, peer) = tokio::select! {
            () = house.closing.wait() => return,
            received = socket.recv_from(&mut buffer) => match received {
                Ok(datagram) => datagram,
                // An ICMP error about an earlier reply; the socket works on.
                Err(_) => continue,
            },
        };
        let mut steps = Vec::new();
        let ended = Session::new(Arc::clone(&house.manners)).feed(&buffer[..size], &mut steps);
        house.metrics.received(size, ended);
        let waits = |step: &Step| matches!(step, Step::Pause(_) | Step::PauseUnlessHalfClosed(_));
        if steps.iter().any(waits) {
            let (socket, house, present) = (Arc::clone(&socket), Arc::clone(&house), present.clone());
            let answer = async move {
                let _present = present;
                let _ = carry_out(steps, &socket, peer, &house).await;
            };
            // A reply that cannot be sent is lost, as any datagram may be.
            let _ = spawn_named(&format!("reply {peer}"), answer);
        } else if matches!(carry_out(steps, &socket, peer, &house).await, Ok(true)) {
            return;
        }
    }
}

/// Carries out the steps for one datagram; returns whether the socket is to be closed.
async fn carry_out(steps: Vec<Step>, socket: &UdpSocket, peer: SocketAddr, house: &House) -> io::Result<bool> {
    for step in steps {
        match step {
            Step::Send(bytes) => {
                socket.send_to(&bytes, peer).await?;
                house.metrics.sent(bytes.len());
            }
            Step::Pause(time) | Step::PauseUnlessHalfClosed(time) => tokio::time::sleep(time).await,
            Step::Block(time) => std::thread::sleep(time),
            Step::Suspend => nix::sys::signal::raise(nix::sys::signal::Signal::SIGSTOP)?,
            Step::Close | Step::Reset => return Ok(true),
        }
    }
    Ok(false)
}
