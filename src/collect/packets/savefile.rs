//! Capture files, pcap and pcapng, of any size: read packet by packet, never held in memory.

use std::path::Path;

use anyhow::{Context, bail};
use pcap::{Capture, Offline, PacketHeader, Precision};

use crate::evidence::{At, Packets};
use crate::wire::{Conversations, Link};

/// Whether a capture file was read to its proper end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Completeness {
    /// Every record was read.
    Whole,
    /// It broke off in the middle of a record, or a record makes no sense; nothing after that could be read.
    CutShort {
        /// What libpcap said.
        why: String,
    },
}

/// Reads a capture file. Times count from its first packet.
///
/// # Errors
/// When `path` cannot be opened, is not a capture file, or has a link layer that netdiag does not read.
pub fn read_file(path: &Path) -> anyhow::Result<(Packets, Completeness)> {
    let mut file = open(path)?;
    let number = file.get_datalink();
    let Some(link) = Link::from_number(number.0) else {
        let name = number.get_name().unwrap_or_else(|_| number.0.to_string());
        bail!(
            "{} was captured with link layer {name}, which netdiag does not read; capture on `lo` or `any`",
            path.display()
        );
    };
    let mut conversations = Conversations::new();
    let mut zero = None;
    let mut count = 0;
    let completeness = loop {
        let packet = match file.next_packet() {
            Ok(packet) => packet,
            Err(pcap::Error::NoMorePackets) => break Completeness::Whole,
            Err(error) => break Completeness::CutShort { why: message(&error) },
        };
        let ns = unix_ns(packet.header);
        let at = At(ns.saturating_sub(*zero.get_or_insert(ns)) as u64);
        count += 1;
        conversations.push(count, at, link, packet.data, packet.header.len);
    };
    let mut packets = conversations.view();
    packets.device = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    Ok((packets, completeness))
}

fn open(path: &Path) -> anyhow::Result<Capture<Offline>> {
    // libpcap takes "-" for standard input and would wait for it.
    let path = if path == Path::new("-") { Path::new("./-") } else { path };
    std::fs::File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    Capture::from_file_with_precision(path, Precision::Nano).map_err(|error| {
        anyhow::anyhow!("{} is not a capture file (pcap or pcapng): {}", path.display(), message(&error))
    })
}

/// libpcap's own words, without the crate's "libpcap error: " before them.
pub(super) fn message(error: &pcap::Error) -> String {
    match error {
        pcap::Error::PcapError(message) => message.clone(),
        other => other.to_string(),
    }
}

/// Time of a packet from a handle with nanosecond precision: `tv_usec` then holds nanoseconds.
#[allow(clippy::unnecessary_cast, reason = "the fields of timeval differ in size between systems")]
pub(super) fn unix_ns(header: &PacketHeader) -> u128 {
    let seconds = u128::try_from(header.ts.tv_sec as i64).unwrap_or_default();
    let nanoseconds = u128::try_from(header.ts.tv_usec as i64).unwrap_or_default();
    seconds * 1_000_000_000 + nanoseconds
}
