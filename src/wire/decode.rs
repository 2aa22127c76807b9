//! One frame to one segment: link layer, IPv4 or IPv6 with its extension headers, then TCP, UDP or ICMP.
//!
//! Frames cut short by a snap length still give their headers and say how many payload bytes they really had.
//! Checksums are ignored on purpose: the loopback device and offloading network cards do not fill them in.

use std::net::{IpAddr, SocketAddr};

use etherparse::{
    IpNumber, Ipv6ExtensionSlice, LaxIpPayloadSlice, LaxIpSlice, TcpOptionElement, TcpSlice, UdpHeader, UdpHeaderSlice,
    ip_number,
};

use crate::evidence::{Flags, Transport};

/// A link layer, by its number in the registry of tcpdump.org/linktypes.html.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// Ethernet (1); what Linux' `lo` pretends to be.
    Ethernet,
    /// Linux "cooked" (113); what the `any` device gives.
    Sll,
    /// Linux "cooked", version 2 (276).
    Sll2,
    /// Starts with the IP header (12, 14, 101, 228, 229).
    Raw,
    /// BSD loopback (0 in host order, 108 in network order): four bytes of address family.
    Null,
}

impl Link {
    /// The link layer of that number, if netdiag reads it.
    #[must_use]
    pub fn from_number(number: i32) -> Option<Self> {
        Some(match number {
            0 | 108 => Self::Null,
            1 => Self::Ethernet,
            12 | 14 | 101 | 228 | 229 => Self::Raw,
            113 => Self::Sll,
            276 => Self::Sll2,
            _ => return None,
        })
    }
}

/// What a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decoded<'a> {
    /// A TCP segment.
    Tcp(Tcp<'a>),
    /// A UDP datagram, or the first fragment of one.
    Udp(Datagram<'a>),
    /// ICMP or ICMPv6 "destination unreachable".
    Unreachable(Complaint),
    /// Something netdiag has no use for: ARP, other ICMP, later fragments.
    Other,
}

/// A TCP segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tcp<'a> {
    /// Who sent it.
    pub source: SocketAddr,
    /// Whom it is for.
    pub destination: SocketAddr,
    /// Sequence number as on the wire.
    pub seq: u32,
    /// Acknowledgement number as on the wire; meaningless without the ACK flag.
    pub ack: u32,
    /// Flags.
    pub flags: Flags,
    /// Window field, unscaled.
    pub window: u16,
    /// Window scale option (RFC 7323), present on SYN segments only.
    pub window_scale: Option<u8>,
    /// The payload bytes that were captured.
    pub payload: &'a [u8],
    /// How many payload bytes the segment had.
    pub len: u32,
}

/// A UDP datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// Who sent it.
    pub source: SocketAddr,
    /// Whom it is for.
    pub destination: SocketAddr,
    /// The payload bytes that were captured.
    pub payload: &'a [u8],
    /// How many payload bytes the datagram had.
    pub len: u32,
}

/// A "destination unreachable" message, with what it quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Complaint {
    /// ICMP code.
    pub code: u8,
    /// Whether this is ICMPv6.
    pub v6: bool,
    /// Transport of the quoted packet.
    pub transport: Transport,
    /// Who had sent the quoted packet.
    pub sender: SocketAddr,
    /// Where the quoted packet was going.
    pub target: SocketAddr,
}

/// The frame could not be read: its headers are cut short or make no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Undecodable;

/// Reads one frame. `original_len` is the frame's length on the wire, at least `frame.len()`.
///
/// # Errors
/// [`Undecodable`] when a header is cut short or malformed.
pub fn decode(link: Link, frame: &[u8], original_len: u32) -> Result<Decoded<'_>, Undecodable> {
    let cut = (original_len as usize).saturating_sub(frame.len());
    match network_layer(link, frame)? {
        Some(packet) => internet(packet, cut),
        None => Ok(Decoded::Other),
    }
}

/// The IP packet inside a frame; `None` if the frame carries something else.
pub(super) fn network_layer(link: Link, frame: &[u8]) -> Result<Option<&[u8]>, Undecodable> {
    let (mut ether_type, mut rest) = match link {
        Link::Ethernet => (be16(frame, 12)?, frame.get(14..)),
        Link::Sll => (be16(frame, 14)?, frame.get(16..)),
        Link::Sll2 => (be16(frame, 0)?, frame.get(20..)),
        Link::Raw => return Ok(Some(frame)),
        // The family's number differs between systems; the IP version says the same and is the same everywhere.
        Link::Null => return frame.get(4..).map(Some).ok_or(Undecodable),
    };
    // IEEE 802.1Q and 802.1ad tags: two bytes of tag, then the type of what follows.
    while matches!(ether_type, 0x8100 | 0x88a8 | 0x9100) {
        let tagged = rest.ok_or(Undecodable)?;
        ether_type = be16(tagged, 2)?;
        rest = tagged.get(4..);
    }
    match ether_type {
        0x0800 | 0x86dd => rest.map(Some).ok_or(Undecodable),
        _ => Ok(None),
    }
}

fn be16(bytes: &[u8], at: usize) -> Result<u16, Undecodable> {
    match bytes.get(at..at + 2) {
        Some(&[high, low]) => Ok(u16::from_be_bytes([high, low])),
        _ => Err(Undecodable),
    }
}

/// An IP payload with all that the layer above needs to know.
struct Inner<'a> {
    source: IpAddr,
    destination: IpAddr,
    bytes: &'a [u8],
    /// How many bytes the payload had, captured or not.
    len: usize,
    protocol: IpNumber,
    fragment: Fragment,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fragment {
    Whole,
    First,
    Later,
}

fn internet(packet: &[u8], cut: usize) -> Result<Decoded<'_>, Undecodable> {
    let inner = unwrap_ip(packet, cut)?;
    if inner.fragment == Fragment::Later {
        return Ok(Decoded::Other);
    }
    match inner.protocol {
        ip_number::TCP => tcp(&inner),
        ip_number::UDP => udp(&inner),
        ip_number::ICMP => icmp(&inner, 3, false),
        ip_number::IPV6_ICMP => icmp(&inner, 1, true),
        _ => Ok(Decoded::Other),
    }
}

fn unwrap_ip(packet: &[u8], cut: usize) -> Result<Inner<'_>, Undecodable> {
    let (ip, stopped) = LaxIpSlice::from_slice(packet).map_err(|_| Undecodable)?;
    if stopped.is_some() {
        return Err(Undecodable);
    }
    let (payload, claimed, fragment) = match &ip {
        LaxIpSlice::Ipv4(v4) => {
            let header = v4.header();
            let offset = header.fragments_offset().value();
            let fragment = fragment(offset, header.more_fragments());
            (v4.payload().clone(), usize::from(header.total_len()), fragment)
        }
        LaxIpSlice::Ipv6(v6) => {
            let fragment = v6.extensions().clone().into_iter().find_map(|extension| match extension {
                Ipv6ExtensionSlice::Fragment(f) => Some(fragment(f.fragment_offset().value(), f.more_fragments())),
                _ => None,
            });
            let body = usize::from(v6.header().payload_length());
            // A jumbogram (RFC 2675) has zero here, as Linux' big TCP does.
            let total = if body == 0 { 0 } else { 40 + body };
            (v6.payload().clone(), total, fragment.unwrap_or(Fragment::Whole))
        }
    };
    Ok(Inner {
        source: ip.source_addr(),
        destination: ip.destination_addr(),
        bytes: payload.payload,
        len: payload.payload.len() + absent(&payload, packet, claimed, cut),
        protocol: payload.ip_number,
        fragment,
    })
}

fn fragment(offset: u16, more: bool) -> Fragment {
    match (offset, more) {
        (0, false) => Fragment::Whole,
        (0, true) => Fragment::First,
        _ => Fragment::Later,
    }
}

/// How many bytes of the IP payload the capture cut off. The IP header's claim is believed only as far as the frame's
/// length on the wire allows: a made-up length must not invent bytes.
fn absent(payload: &LaxIpPayloadSlice<'_>, packet: &[u8], claimed: usize, cut: usize) -> usize {
    if payload.incomplete {
        claimed.saturating_sub(packet.len()).min(cut)
    } else if claimed == 0 {
        cut
    } else {
        0
    }
}

fn tcp<'a>(inner: &Inner<'a>) -> Result<Decoded<'a>, Undecodable> {
    let bytes = inner.bytes;
    let fixed;
    let (header, header_len) = if let Ok(whole) = TcpSlice::from_slice(bytes) {
        let len = whole.header_len();
        (whole, len)
    } else {
        // The options are cut off; the first twenty bytes still say everything but the window scale.
        let len = usize::from(bytes.get(12).ok_or(Undecodable)? >> 4) * 4;
        if len < 20 {
            return Err(Undecodable);
        }
        fixed = without_options(bytes).ok_or(Undecodable)?;
        (TcpSlice::from_slice(&fixed).map_err(|_| Undecodable)?, len)
    };
    let window_scale = if header.syn() { window_scale(&header) } else { None };
    Ok(Decoded::Tcp(Tcp {
        source: SocketAddr::new(inner.source, header.source_port()),
        destination: SocketAddr::new(inner.destination, header.destination_port()),
        seq: header.sequence_number(),
        ack: header.acknowledgment_number(),
        flags: Flags { syn: header.syn(), ack: header.ack(), fin: header.fin(), rst: header.rst(), psh: header.psh() },
        window: header.window_size(),
        window_scale,
        payload: bytes.get(header_len..).unwrap_or_default(),
        len: inner.len.saturating_sub(header_len) as u32,
    }))
}

fn without_options(bytes: &[u8]) -> Option<[u8; 20]> {
    let mut fixed: [u8; 20] = bytes.get(..20)?.try_into().ok()?;
    fixed[12] = (5 << 4) | (fixed[12] & 0x0f);
    Some(fixed)
}

fn window_scale(header: &TcpSlice<'_>) -> Option<u8> {
    header.options_iterator().map_while(Result::ok).find_map(|option| match option {
        // RFC 7323 §2.3: a larger shift must be taken as 14.
        TcpOptionElement::WindowScale(shift) => Some(shift.min(14)),
        _ => None,
    })
}

fn udp<'a>(inner: &Inner<'a>) -> Result<Decoded<'a>, Undecodable> {
    let header = UdpHeaderSlice::from_slice(inner.bytes).map_err(|_| Undecodable)?;
    let carried = inner.len.saturating_sub(UdpHeader::LEN);
    // Zero is what a jumbogram writes (RFC 2675 §4).
    let claimed = usize::from(header.length()).checked_sub(UdpHeader::LEN).unwrap_or(carried);
    // Only the first fragment may rightly claim more than its own packet carries.
    let len = if inner.fragment == Fragment::First { claimed } else { claimed.min(carried) };
    let captured = &inner.bytes[UdpHeader::LEN..];
    Ok(Decoded::Udp(Datagram {
        source: SocketAddr::new(inner.source, header.source_port()),
        destination: SocketAddr::new(inner.destination, header.destination_port()),
        payload: &captured[..captured.len().min(len)],
        len: len as u32,
    }))
}

/// `unreachable`: the message type, 3 in ICMP (RFC 792) and 1 in ICMPv6 (RFC 4443).
fn icmp<'a>(inner: &Inner<'_>, unreachable: u8, v6: bool) -> Result<Decoded<'a>, Undecodable> {
    let &[kind, code, ..] = inner.bytes else { return Err(Undecodable) };
    if kind != unreachable {
        return Ok(Decoded::Other);
    }
    let quoted = unwrap_ip(inner.bytes.get(8..).ok_or(Undecodable)?, 0)?;
    let transport = match quoted.protocol {
        ip_number::TCP => Transport::Tcp,
        ip_number::UDP => Transport::Udp,
        _ => return Ok(Decoded::Other),
    };
    if quoted.fragment == Fragment::Later {
        return Ok(Decoded::Other);
    }
    Ok(Decoded::Unreachable(Complaint {
        code,
        v6,
        transport,
        sender: SocketAddr::new(quoted.source, be16(quoted.bytes, 0)?),
        target: SocketAddr::new(quoted.destination, be16(quoted.bytes, 2)?),
    }))
}

#[cfg(test)]
mod tests;
