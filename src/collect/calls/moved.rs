//! The bytes that a call which has returned took from the program or gave to it, read from the program's memory.

use std::io::IoSliceMut;
use std::net::SocketAddr;

use nix::libc;
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::Pid;

use super::entered;

/// More than this is not read at once; the other end's calls may show it.
const MOST: u64 = 16 << 20;
/// UIO_MAXIOV: how many pieces one call may name.
const PIECES: u64 = 1024;
/// sizeof(struct iovec), sizeof(struct msghdr) with its padding, sizeof(struct mmsghdr) (recvmsg(2), recvmmsg(2)).
const IOVEC: u64 = 16;
const MSGHDR: usize = 56;
const MMSGHDR: u64 = 64;

/// What one call moved: a stretch of a stream, or one datagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// `None` when the memory does not show them.
    pub bytes: Option<Vec<u8>>,
    /// How many.
    pub len: u64,
    /// The address named by the call.
    pub peer: Option<SocketAddr>,
}

/// Whether the flags of a receiving call mean that nothing was taken out of the stream, or that it was not of the stream.
pub fn takes_nothing(number: i64, arguments: &[u64; 6]) -> bool {
    let flags = flags(number, arguments) as i32;
    flags & (libc::MSG_PEEK | libc::MSG_OOB | libc::MSG_ERRQUEUE) != 0
}

fn flags(number: i64, arguments: &[u64; 6]) -> u64 {
    match number {
        libc::SYS_recvfrom | libc::SYS_sendto | libc::SYS_recvmmsg | libc::SYS_sendmmsg => arguments[3],
        libc::SYS_recvmsg | libc::SYS_sendmsg => arguments[2],
        _ => 0,
    }
}

/// Whether the call asked for no byte at all, so that none is no end.
pub fn asks_for_nothing(tid: Pid, number: i64, arguments: &[u64; 6]) -> bool {
    match number {
        libc::SYS_read | libc::SYS_recvfrom => arguments[2] == 0,
        libc::SYS_splice => arguments[4] == 0,
        libc::SYS_readv | libc::SYS_preadv2 => room(&spans(tid, arguments[1], arguments[2])) == 0,
        libc::SYS_recvmsg => header(tid, arguments[1]).is_none_or(|message| room(&message.spans(tid)) == 0),
        _ => true,
    }
}

fn room(spans: &[(u64, u64)]) -> u64 {
    spans.iter().map(|(_, len)| len).sum()
}

/// What the call moved; `result` is what it returned, above or at zero.
pub fn read(tid: Pid, number: i64, arguments: &[u64; 6], result: u64) -> Vec<Moved> {
    let stretch = |spans: &[(u64, u64)], peer| {
        let bytes =
            if flags(number, arguments) & libc::MSG_TRUNC as u64 == 0 { memory(tid, spans, result) } else { None };
        Moved { bytes, len: result, peer }
    };
    match number {
        libc::SYS_read | libc::SYS_write => vec![stretch(&[(arguments[1], result)], None)],
        libc::SYS_recvfrom => {
            let length = entered::word(tid, arguments[5]).unwrap_or_default();
            let peer = entered::address(tid, arguments[4], usize::try_from(length).unwrap_or_default());
            vec![stretch(&[(arguments[1], result)], peer)]
        }
        libc::SYS_sendto => {
            let peer = entered::address(tid, arguments[4], arguments[5] as usize);
            vec![stretch(&[(arguments[1], result)], peer)]
        }
        libc::SYS_readv | libc::SYS_writev | libc::SYS_preadv2 | libc::SYS_pwritev2 => {
            vec![stretch(&spans(tid, arguments[1], arguments[2]), None)]
        }
        libc::SYS_recvmsg | libc::SYS_sendmsg => match header(tid, arguments[1]) {
            Some(message) => vec![stretch(&message.spans(tid), message.peer(tid))],
            None => vec![Moved { bytes: None, len: result, peer: None }],
        },
        libc::SYS_recvmmsg | libc::SYS_sendmmsg => {
            (0..result.min(PIECES)).filter_map(|index| one_of_many(tid, arguments[1] + index * MMSGHDR)).collect()
        }
        // sendfile, splice: the bytes never were in the program's memory.
        _ => vec![Moved { bytes: None, len: result, peer: None }],
    }
}

fn one_of_many(tid: Pid, at: u64) -> Option<Moved> {
    let message = header(tid, at)?;
    let len = u64::from(entered::word(tid, at + MSGHDR as u64)?.cast_unsigned());
    Some(Moved { bytes: memory(tid, &message.spans(tid), len), len, peer: message.peer(tid) })
}

/// The parts of struct msghdr that matter.
struct Header {
    name: u64,
    name_len: usize,
    iov: u64,
    iov_len: u64,
}

impl Header {
    fn spans(&self, tid: Pid) -> Vec<(u64, u64)> {
        spans(tid, self.iov, self.iov_len)
    }

    fn peer(&self, tid: Pid) -> Option<SocketAddr> {
        entered::address(tid, self.name, self.name_len)
    }
}

fn header(tid: Pid, at: u64) -> Option<Header> {
    let mut bytes = [0; MSGHDR];
    if !entered::read(tid, at, &mut bytes) {
        return None;
    }
    let word = |from: usize| u64::from_ne_bytes(std::array::from_fn(|index| bytes[from + index]));
    let name_len = u32::from_ne_bytes(std::array::from_fn(|index| bytes[8 + index])) as usize;
    Some(Header { name: word(0), name_len, iov: word(16), iov_len: word(24) })
}

/// The pieces that an array of struct iovec names: where, and how long.
fn spans(tid: Pid, at: u64, count: u64) -> Vec<(u64, u64)> {
    let mut bytes = vec![0; (count.min(PIECES) * IOVEC) as usize];
    if bytes.is_empty() || !entered::read(tid, at, &mut bytes) {
        return Vec::new();
    }
    let word = |piece: &[u8], from: usize| u64::from_ne_bytes(std::array::from_fn(|index| piece[from + index]));
    bytes.chunks_exact(IOVEC as usize).map(|piece| (word(piece, 0), word(piece, 8))).collect()
}

/// The first `len` bytes of those pieces.
fn memory(tid: Pid, spans: &[(u64, u64)], len: u64) -> Option<Vec<u8>> {
    if len > MOST {
        return None;
    }
    let mut left = len as usize;
    let mut from = Vec::new();
    for (base, room) in spans {
        let part = left.min(*room as usize);
        if part > 0 {
            from.push(RemoteIoVec { base: *base as usize, len: part });
        }
        left -= part;
    }
    let mut bytes = vec![0; len as usize];
    let whole =
        left == 0 && (len == 0 || process_vm_readv(tid, &mut [IoSliceMut::new(&mut bytes)], &from) == Ok(len as usize));
    whole.then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at<T: ?Sized>(value: &T) -> u64 {
        std::ptr::from_ref(value).cast::<()>() as u64
    }

    #[test]
    fn pieces_are_read_in_their_order_and_no_farther_than_the_call_came() {
        let (one, two) = (*b"hel", *b"lo\n...");
        let iov: [u64; 4] = [at(&one), 3, at(&two), 6];
        let moved = read(Pid::this(), libc::SYS_writev, &[7, at(&iov), 2, 0, 0, 0], 6);
        assert_eq!(moved, [Moved { bytes: Some(b"hello\n".to_vec()), len: 6, peer: None }]);
    }

    #[test]
    fn a_message_bears_the_address_it_names() {
        let text = *b"ping";
        let iov: [u64; 2] = [at(&text), 4];
        let family = (libc::AF_INET as u16).to_ne_bytes();
        let name = [&family[..], &7_u16.to_be_bytes(), &[127, 0, 0, 1], &[0; 8]].concat();
        let message: [u64; 8] = [at(name.as_slice()), 16, at(&iov), 1, 0, 0, 0, 4];
        let expected =
            Moved { bytes: Some(b"ping".to_vec()), len: 4, peer: Some(SocketAddr::from(([127, 0, 0, 1], 7))) };
        let one = read(Pid::this(), libc::SYS_recvmsg, &[7, at(&message), 0, 0, 0, 0], 4);
        assert_eq!(one, read(Pid::this(), libc::SYS_sendmmsg, &[7, at(&message), 1, 0, 0, 0], 1));
        assert_eq!(one, [expected]);
    }

    #[test]
    fn bytes_that_never_were_in_memory_are_counted_all_the_same() {
        let unknown = |len| [Moved { bytes: None, len, peer: None }];
        assert_eq!(read(Pid::this(), libc::SYS_sendfile, &[7, 8, 0, 0, 0, 0], 5), unknown(5));
        assert_eq!(read(Pid::this(), libc::SYS_write, &[7, 1, 0, 0, 0, 0], 5), unknown(5), "a wild pointer");
    }

    #[test]
    fn peeking_takes_nothing_and_asking_for_nothing_finds_no_end() {
        let flags = |number, flags: i32| takes_nothing(number, &[7, 1, 0, flags as u64, 0, 0]);
        assert!(flags(libc::SYS_recvfrom, libc::MSG_PEEK) && !flags(libc::SYS_recvfrom, libc::MSG_DONTWAIT));
        assert!(!flags(libc::SYS_read, libc::MSG_PEEK), "its fourth argument is garbage");
        assert!(asks_for_nothing(Pid::this(), libc::SYS_read, &[7, 1, 0, 0, 0, 0]));
        assert!(!asks_for_nothing(Pid::this(), libc::SYS_read, &[7, 1, 9, 0, 0, 0]));
    }
}
