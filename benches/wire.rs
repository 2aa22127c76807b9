//! How fast a capture is folded, against what libpcap needs merely to hand over its packets.
//!
//! Run as: `cargo bench --bench wire`. The ratio is the figure to watch; the absolute ones belong to the machine.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench says what it found and may break off")]

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use etherparse::PacketBuilder;
use netdiag::collect::packets::read_file;
use pcap::{Capture, Precision};

const CONNECTIONS: u32 = 1_000;
const ROUNDS: u32 = 500;

fn main() {
    for (name, payload) in [("echo, 16 bytes", 16), ("bulk, 16 KiB", 16 << 10)] {
        let file = tempfile::NamedTempFile::new().unwrap();
        let rounds = if payload > 1000 { ROUNDS / 20 } else { ROUNDS };
        let packets = write(file.path(), rounds, &vec![b'x'; payload]);
        let bare = best_of(3, || read_only(file.path()));
        let folded = best_of(3, || {
            let (seen, _) = read_file(file.path()).unwrap();
            assert_eq!(seen.conversations.len(), CONNECTIONS as usize);
        });
        let rate = |time: Duration| f64::from(packets) / time.as_secs_f64() / 1e6;
        let ratio = folded.as_secs_f64() / bare.as_secs_f64();
        println!(
            "{name}: {packets} packets; libpcap alone {:.2} M/s, folded {:.2} M/s, {ratio:.1} times the time",
            rate(bare),
            rate(folded),
        );
    }
}

fn best_of(times: u32, mut run: impl FnMut()) -> Duration {
    let mut once = || {
        let began = Instant::now();
        run();
        began.elapsed()
    };
    (0..times).map(|_| once()).min().unwrap_or_default()
}

fn read_only(path: &Path) {
    let mut capture = Capture::from_file_with_precision(path, Precision::Nano).unwrap();
    let mut bytes = 0;
    while let Ok(packet) = capture.next_packet() {
        bytes += packet.data.len();
    }
    assert!(bytes > 0);
}

/// Echo sessions side by side, as a nanosecond pcap file: each round, every connection sends a message, gets it back and
/// acknowledges it. Returns how many packets.
fn write(path: &Path, rounds: u32, payload: &[u8]) -> u32 {
    let mut file = BufWriter::new(File::create(path).unwrap());
    for word in [0xa1b2_3c4d, 0x0004_0002, 0, 0, 262_144, 1] {
        file.write_all(&u32::to_le_bytes(word)).unwrap();
    }
    let mut count = 0u32;
    let mut put = |from: u16, to: u16, seq: u32, ack: Option<u32>, payload: &[u8]| {
        let tcp = PacketBuilder::ethernet2([0; 6], [0; 6]).ipv4([127, 0, 0, 1], [127, 0, 0, 1], 64);
        let tcp = tcp.tcp(from, to, seq, 512);
        let tcp = if let Some(ack) = ack { tcp.ack(ack) } else { tcp.syn() };
        let len = tcp.size(payload.len()) as u32;
        for word in [count / 1_000_000, count % 1_000_000 * 1000, len, len] {
            file.write_all(&u32::to_le_bytes(word)).unwrap();
        }
        tcp.write(&mut file, payload).unwrap();
        count += 1;
    };
    let size = payload.len() as u32;
    for client in 20_000..20_000 + CONNECTIONS as u16 {
        put(client, 7, 0, None, b"");
    }
    for round in 0..rounds {
        let at = 1 + round * size;
        for client in 20_000..20_000 + CONNECTIONS as u16 {
            put(client, 7, at, Some(at), payload);
            put(7, client, at, Some(at + size), payload);
            put(client, 7, at + size, Some(at + size), b"");
        }
    }
    file.flush().unwrap();
    count
}
