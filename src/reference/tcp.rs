//! Serves TCP by tasks, one per connection.
//!
//! Ten thousand idle connections must be cheap: a connection owns no read buffer, since bytes are read into its thread's
//! and go through the session before anything is awaited.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io;
use std::net::TcpListener as StdListener;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::futures::Notified;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::server::{Guest, House};
use super::session::{Session, Step};
use super::spawn_named;

thread_local! {
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; 64 << 10].into_boxed_slice());
}

/// Starts to accept on every listener.
pub fn open(listeners: Vec<StdListener>, house: &Arc<House>, present: &mpsc::Sender<()>) -> io::Result<()> {
    for listener in listeners {
        listener.set_nonblocking(true)?;
        let name = format!("accept {}", listener.local_addr()?);
        let listener = TcpListener::from_std(listener)?;
        spawn_named(&name, accept(listener, Arc::clone(house), present.clone()))?;
    }
    Ok(())
}

async fn accept(listener: TcpListener, house: Arc<House>, present: mpsc::Sender<()>) {
    loop {
        let arrival = tokio::select! {
            () = house.closing.wait() => return,
            arrival = listener.accept() => arrival,
        };
        match arrival {
            Ok((stream, peer)) => {
                let guest = Guest::enter(&house, &present);
                if spawn_named(&format!("connection {peer}"), converse(stream, guest)).is_err() {
                    house.metrics.accept_failed();
                }
            }
            Err(error) => {
                house.metrics.accept_failed();
                // The connection is gone; the next one may be fine.
                if error.kind() != io::ErrorKind::ConnectionAborted {
                    // Out of descriptors or memory: the kernel would say so again at once.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }
}

/// What reading brought.
enum Heard {
    Bytes,
    /// The client half-closed or closed.
    End,
    /// Nothing, and the server is leaving.
    Closing,
}

/// Serves one connection to its end. A peer that vanishes is no error of the server.
async fn converse(stream: TcpStream, guest: Guest) {
    let _ = talk(stream, guest.house()).await;
}

async fn talk(mut stream: TcpStream, house: &House) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut bell = pin!(house.closing.bell());
    bell.as_mut().enable();
    if house.manners.never_read {
        if !house.closing.rung() {
            bell.await;
        }
        return Ok(());
    }
    let mut session = Session::new(Arc::clone(&house.manners));
    let mut listening = false;
    loop {
        let mut steps = Vec::new();
        let hearing = hear(&mut stream, &mut session, &mut steps, house, bell.as_mut(), &mut listening);
        let heard = match house.idle {
            None => hearing.await?,
            Some(limit) => match timeout(limit, hearing).await {
                Ok(heard) => heard?,
                Err(_) => return stream.shutdown().await,
            },
        };
        match heard {
            Heard::Bytes => (),
            Heard::End => house.metrics.received(0, session.end(&mut steps)),
            Heard::Closing => return stream.shutdown().await,
        }
        for step in steps {
            if carry_out(step, &mut stream, house).await? {
                return Ok(());
            }
        }
    }
}

/// Reads once and feeds the session.
///
/// `bell` is polled for the first connection only and keeps this task's waker from then on: polling it each time would
/// take its lock for every message of every connection.
async fn hear(
    stream: &mut TcpStream,
    session: &mut Session,
    steps: &mut Vec<Step>,
    house: &House,
    mut bell: Pin<&mut Notified<'_>>,
    listening: &mut bool,
) -> io::Result<Heard> {
    poll_fn(|cx| {
        if !*listening {
            *listening = true;
            let _ = bell.as_mut().poll(cx);
        }
        SCRATCH.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            match Pin::new(&mut *stream).poll_read(cx, &mut buffer) {
                Poll::Pending if house.closing.rung() && session.is_idle() => return Poll::Ready(Ok(Heard::Closing)),
                read => ready!(read)?,
            }
            let bytes = buffer.filled();
            if bytes.is_empty() {
                return Poll::Ready(Ok(Heard::End));
            }
            house.metrics.received(bytes.len(), session.feed(bytes, steps));
            Poll::Ready(Ok(Heard::Bytes))
        })
    })
    .await
}

/// Carries out one step; returns whether it was the last one.
async fn carry_out(step: Step, stream: &mut TcpStream, house: &House) -> io::Result<bool> {
    match step {
        Step::Send(bytes) => {
            match house.idle {
                None => stream.write_all(&bytes).await?,
                Some(limit) => timeout(limit, stream.write_all(&bytes)).await.map_err(io::Error::from)??,
            }
            house.metrics.sent(bytes.len());
        }
        Step::Pause(time) => tokio::time::sleep(time).await,
        Step::PauseUnlessHalfClosed(time) => {
            // Peeking zero bytes means end of input; anything else means that the client still speaks.
            if let Ok(Ok(0)) = timeout(time, stream.peek(&mut [0])).await {
                return Ok(true);
            }
        }
        Step::Block(time) => std::thread::sleep(time),
        Step::Suspend => nix::sys::signal::raise(nix::sys::signal::Signal::SIGSTOP)?,
        Step::Close => {
            stream.shutdown().await?;
            return Ok(true);
        }
        Step::Reset => {
            SockRef::from(&*stream).set_linger(Some(Duration::ZERO))?;
            return Ok(true);
        }
    }
    Ok(false)
}
