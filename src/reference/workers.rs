//! Serves TCP by threads with blocking sockets, as the designs of every textbook do: one after the other, a thread for
//! each connection, or a fixed number of threads.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::SockRef;
use tokio::sync::mpsc;

use super::server::{Guest, House};
use super::session::{Session, Step};
use super::spec::Workers;

/// The listeners and open connections of a server with threads; closing it wakes those who block on them.
#[derive(Debug)]
pub struct Hall {
    listeners: Vec<TcpListener>,
    open: Mutex<Guests>,
}

#[derive(Debug, Default)]
struct Guests {
    next: u64,
    streams: HashMap<u64, Arc<TcpStream>>,
}

/// What a worker thread needs.
#[derive(Clone)]
struct Post {
    hall: Arc<Hall>,
    house: Arc<House>,
    present: mpsc::Sender<()>,
}

/// Starts the threads of `design`.
pub fn open(
    listeners: Vec<TcpListener>,
    design: Workers,
    house: &Arc<House>,
    present: &mpsc::Sender<()>,
) -> io::Result<Arc<Hall>> {
    if listeners.len() > 1 {
        // Who waits for several listeners must not get stuck in accept on one of them.
        for listener in &listeners {
            listener.set_nonblocking(true)?;
        }
    }
    let hall = Arc::new(Hall { listeners, open: Mutex::default() });
    let (threads, one_each) = match design {
        Workers::Async | Workers::Sequential => (1, false),
        Workers::Threads => (1, true),
        Workers::Pool(size) => (size, false),
    };
    for n in 1..=threads {
        let post = Post { hall: Arc::clone(&hall), house: Arc::clone(house), present: present.clone() };
        let name = if one_each { "acceptor".to_owned() } else { format!("worker {n}") };
        thread::Builder::new().name(name).spawn(move || post.work(one_each))?;
    }
    Ok(hall)
}

impl Hall {
    /// Ends the waiting of every thread: acceptors find no more connections, connections the end of their input.
    pub fn close(&self) {
        for listener in &self.listeners {
            // Wakes accept(2) on Linux; elsewhere its thread waits on, and the end of the process takes it along.
            let _ = SockRef::from(listener).shutdown(Shutdown::Both);
        }
        for stream in self.guests().streams.values() {
            let _ = stream.shutdown(Shutdown::Read);
        }
    }

    fn guests(&self) -> std::sync::MutexGuard<'_, Guests> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, stream: &Arc<TcpStream>) -> u64 {
        let mut guests = self.guests();
        guests.next += 1;
        let number = guests.next;
        guests.streams.insert(number, Arc::clone(stream));
        number
    }

    fn leave(&self, number: u64) {
        self.guests().streams.remove(&number);
    }
}

impl Post {
    /// Accepts until closing time, serving each connection here or in a thread of its own.
    fn work(self, one_each: bool) {
        while !self.house.closing.rung() {
            let Some(stream) = self.accept() else { continue };
            let guest = Guest::enter(&self.house, &self.present);
            if !one_each {
                self.serve(stream, &guest);
                continue;
            }
            let post = self.clone();
            let spawned =
                thread::Builder::new().name("connection".to_owned()).spawn(move || post.serve(stream, &guest));
            if spawned.is_err() {
                self.house.metrics.accept_failed();
            }
        }
    }

    fn accept(&self) -> Option<TcpStream> {
        let accepted = match self.hall.listeners.as_slice() {
            [only] => only.accept(),
            several => accept_any(several),
        };
        match accepted {
            Ok((stream, _)) => Some(stream),
            // Another worker of the pool was faster.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            Err(error) => {
                if !self.house.closing.rung() {
                    self.house.metrics.accept_failed();
                    if error.kind() != io::ErrorKind::ConnectionAborted {
                        // Out of descriptors or memory: the kernel would say so again at once.
                        thread::sleep(Duration::from_millis(50));
                    }
                }
                None
            }
        }
    }

    /// Serves one connection to its end. A peer that vanishes is no error of the server.
    fn serve(&self, stream: TcpStream, guest: &Guest) {
        let stream = Arc::new(stream);
        let number = self.hall.enter(&stream);
        if self.house.closing.rung() {
            // Closing time may have come before it was entered; nobody else will end its waiting then.
            let _ = stream.shutdown(Shutdown::Read);
        }
        let _ = talk(&stream, guest.house());
        self.hall.leave(number);
    }
}

fn accept_any(listeners: &[TcpListener]) -> io::Result<(TcpStream, std::net::SocketAddr)> {
    let mut waiting: Vec<PollFd> =
        listeners.iter().map(|listener| PollFd::new(listener.as_fd(), PollFlags::POLLIN)).collect();
    poll(&mut waiting, PollTimeout::NONE)?;
    let ready = waiting.iter().position(|one| one.any().unwrap_or(false)).unwrap_or(0);
    let (stream, peer) = listeners[ready].accept()?;
    stream.set_nonblocking(false)?;
    Ok((stream, peer))
}

fn talk(stream: &TcpStream, house: &House) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_write_timeout(house.idle)?;
    if house.manners.never_read {
        while !house.closing.rung() {
            thread::park();
        }
        return Ok(());
    }
    let mut session = Session::new(Arc::clone(&house.manners));
    let mut scratch = vec![0; 16 << 10];
    loop {
        if !wait_for_input(stream, house.idle)? {
            return stream.shutdown(Shutdown::Write);
        }
        let mut input = stream;
        let got = input.read(&mut scratch)?;
        let mut steps = Vec::new();
        if got > 0 {
            house.metrics.received(got, session.feed(&scratch[..got], &mut steps));
        } else if house.closing.rung() {
            return stream.shutdown(Shutdown::Write);
        } else {
            house.metrics.received(0, session.end(&mut steps));
        }
        for step in steps {
            if carry_out(step, stream, house)? {
                return Ok(());
            }
        }
    }
}

/// Waits at most `limit`; false when nothing came. Without a limit `read` itself does the waiting, and is seen to.
fn wait_for_input(stream: &TcpStream, limit: Option<Duration>) -> io::Result<bool> {
    let Some(limit) = limit else { return Ok(true) };
    let limit = PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX);
    Ok(poll(&mut [PollFd::new(stream.as_fd(), PollFlags::POLLIN)], limit)? > 0)
}

/// Carries out one step; returns whether it was the last one.
fn carry_out(step: Step, mut stream: &TcpStream, house: &House) -> io::Result<bool> {
    match step {
        Step::Send(bytes) => {
            stream.write_all(&bytes)?;
            house.metrics.sent(bytes.len());
        }
        Step::Pause(time) | Step::Block(time) => thread::sleep(time),
        Step::PauseUnlessHalfClosed(time) => {
            // Peeking zero bytes means end of input; anything else means that the client still speaks.
            if wait_for_input(stream, Some(time))? && stream.peek(&mut [0])? == 0 {
                return Ok(true);
            }
        }
        Step::Suspend => nix::sys::signal::raise(nix::sys::signal::Signal::SIGSTOP)?,
        Step::Close => {
            stream.shutdown(Shutdown::Write)?;
            return Ok(true);
        }
        Step::Reset => {
            SockRef::from(stream).set_linger(Some(Duration::ZERO))?;
            return Ok(true);
        }
    }
    Ok(false)
}
