//! What a program prints: read as fast as it comes, so that it never blocks; only the head and the tail are kept.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::collect::clock::Clock;
use crate::evidence::{Bytes, Output};

/// Size of one read; a pipe holds that much by default (pipe(7)).
const CHUNK: usize = 64 << 10;
/// The longest wait for what is in the pipe already; only a program that prints without end needs it.
const CATCH_UP: Duration = Duration::from_millis(50);

/// One stream of one program, drained by a thread of its own.
#[derive(Debug)]
pub struct Drain {
    pipe: Arc<File>,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    output: Output,
    tail: VecDeque<u8>,
    closed: bool,
    frozen: bool,
}

impl Drain {
    /// Begins to read `pipe`.
    pub fn start(clock: Clock, pipe: OwnedFd) -> std::io::Result<Self> {
        let (pipe, kept) = (Arc::new(File::from(pipe)), Arc::default());
        let drain = Self { pipe: Arc::clone(&pipe), kept: Arc::clone(&kept) };
        super::start::thread("netdiag-drain", move || read_to_the_end(clock, &pipe, &kept))?;
        Ok(drain)
    }

    /// What has been kept of the beginning so far.
    #[cfg(test)]
    pub fn peek(&self) -> Bytes {
        lock(&self.kept).output.head.clone()
    }

    /// Everything the program has written up to now; what comes later is read and forgotten.
    pub fn freeze(&self) -> Output {
        let deadline = Instant::now() + CATCH_UP;
        loop {
            let mut kept = lock(&self.kept);
            // The reader holds the lock from taking bytes to keeping them: an empty pipe means that all have been kept.
            if kept.closed || kept.frozen || !readable(&self.pipe, Some(Duration::ZERO)) || Instant::now() > deadline {
                kept.frozen = true;
                kept.output.tail = Bytes(kept.tail.iter().copied().collect());
                return kept.output.clone();
            }
            drop(kept);
            std::thread::sleep(Duration::from_micros(100));
        }
    }
}

fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a read would return at once: bytes, end of file or an error.
fn readable(pipe: &File, limit: Option<Duration>) -> bool {
    let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
    matches!(poll(&mut [PollFd::new(pipe, PollFlags::IN)], limit.as_ref()), Ok(1..))
}

fn read_to_the_end(clock: Clock, pipe: &File, kept: &Mutex<Kept>) {
    let mut chunk = vec![0; CHUNK];
    loop {
        if !readable(pipe, None) {
            continue; // interrupted by a signal
        }
        let mut kept = lock(kept);
        let mut pipe = pipe;
        match pipe.read(&mut chunk) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => {
                kept.closed = true;
                return;
            }
            Ok(size) if !kept.frozen => kept.keep(clock, &chunk[..size]),
            Ok(_) => {}
        }
    }
}

impl Kept {
    fn keep(&mut self, clock: Clock, bytes: &[u8]) {
        self.output.first.get_or_insert_with(|| clock.now());
        self.output.total += bytes.len() as u64;
        let room = Output::HEAD - self.output.head.len();
        let (head, rest) = bytes.split_at(room.min(bytes.len()));
        self.output.head.0.extend_from_slice(head);
        let rest = &rest[rest.len().saturating_sub(Output::TAIL)..];
        let excess = (self.tail.len() + rest.len()).saturating_sub(Output::TAIL);
        self.tail.drain(..excess);
        self.tail.extend(rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(chunks: &[&[u8]]) -> Output {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let drain = Drain::start(Clock::start(), reader.into()).unwrap();
        for chunk in chunks {
            std::io::Write::write_all(&mut writer, chunk).unwrap();
        }
        drain.freeze()
    }

    #[test]
    fn short_output_is_kept_whole_while_the_writer_still_holds_the_pipe() {
        let output = printed(&[b"hello ", b"world\n"]);
        assert_eq!((output.total, output.head.0.as_slice(), output.tail.len()), (12, &b"hello world\n"[..], 0));
        assert!(output.first.is_some());
    }

    #[test]
    fn head_and_tail_of_long_output_never_overlap() {
        let long: Vec<u8> = (0..Output::HEAD + 10).map(|i| i as u8).collect();
        let output = printed(&[&long]);
        assert_eq!(output.head.0, long[..Output::HEAD]);
        assert_eq!(output.tail.0, long[Output::HEAD..]);
        let longer: Vec<u8> = (0..Output::HEAD + Output::TAIL + 777).map(|i| (i / 7) as u8).collect();
        let output = printed(&[&longer[..50_000], &longer[50_000..]]);
        assert_eq!(output.total, longer.len() as u64);
        assert_eq!(output.tail.0, longer[longer.len() - Output::TAIL..]);
    }

    #[test]
    fn what_comes_after_the_freeze_is_read_and_forgotten() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let drain = Drain::start(Clock::start(), reader.into()).unwrap();
        std::io::Write::write_all(&mut writer, b"before").unwrap();
        drain.freeze();
        std::io::Write::write_all(&mut writer, &vec![b'x'; 1 << 20]).unwrap();
        drop(writer);
        assert_eq!(drain.freeze().head.0, b"before");
    }
}
