//! The kernel's own answer: a sock_diag dump (sock_diag(7)), one table at a time. Works for every user's sockets without
//! any privilege. An error message is an error here, never the end of the list.

use anyhow::{Context, Result, bail};
use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP, IPPROTO_UDP};
use netlink_packet_sock_diag::inet::nlas::{Nla, TcpInfo as KernelInfo};
use netlink_packet_sock_diag::inet::{ExtensionFlags, InetRequest, InetResponse, SocketId, StateFlags};
use netlink_sys::protocols::NETLINK_SOCK_DIAG;
use netlink_sys::{Socket as Netlink, SocketAddr as NetlinkAddr};

use super::super::{address, peer};
use super::{Family, Raw, Rows, fin_received};
use crate::evidence::{Socket, SocketState, TcpInfo, Transport};

/// The kernel fills at most 32 KiB per datagram of a dump (netlink_dump in net/netlink/af_netlink.c).
const DATAGRAM: usize = 64 << 10;

/// The rows of one table of the thread's network namespace.
pub fn dump(transport: Transport, family: Family, rows: Rows) -> Result<Vec<Socket>> {
    let extensions = match (transport, rows) {
        (Transport::Tcp, Rows::All) => ExtensionFlags::INFO,
        _ => ExtensionFlags::empty(),
    };
    // A kernel before 5.4 has a shorter `struct tcp_info`, which the parser refuses; the rest of the row is worth having.
    exchange(&request(transport, family, rows, extensions), transport)
        .or_else(|_| exchange(&request(transport, family, rows, ExtensionFlags::empty()), transport))
}

/// The dump request. Asked for listeners alone, the kernel leaves out the walk over the table of all connections of the
/// machine (tcp_diag_dump in net/ipv4/tcp_diag.c), which costs more than all else.
fn request(transport: Transport, family: Family, rows: Rows, extensions: ExtensionFlags) -> InetRequest {
    let (family, socket_id) = match family {
        Family::V4 => (AF_INET, SocketId::new_v4()),
        Family::V6 => (AF_INET6, SocketId::new_v6()),
    };
    let protocol = match transport {
        Transport::Tcp => IPPROTO_TCP,
        Transport::Udp => IPPROTO_UDP,
    };
    let states = match (transport, rows) {
        (Transport::Tcp, Rows::Waiting) => StateFlags::LISTEN,
        _ => StateFlags::all(),
    };
    InetRequest { family, protocol, extensions, states, socket_id }
}

/// Sends a request and reads the answer, which comes in as many datagrams as it needs.
fn exchange(request: &InetRequest, transport: Transport) -> Result<Vec<Socket>> {
    let netlink = Netlink::new(NETLINK_SOCK_DIAG).context("opening a netlink socket")?;
    netlink.connect(&NetlinkAddr::new(0, 0)).context("addressing the kernel")?;
    netlink.send(&encode(request), 0).context("asking")?;
    let mut rows = Vec::new();
    let mut buffer = vec![0; DATAGRAM];
    loop {
        let size = netlink.recv(&mut &mut buffer[..], 0).context("reading the answer")?;
        let datagram = buffer.get(..size).context("the answer is longer than the kernel's limit")?;
        if read_datagram(datagram, transport, &mut rows)? {
            return Ok(rows);
        }
    }
}

fn encode(request: &InetRequest) -> Vec<u8> {
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    let mut message = NetlinkMessage::new(header, SockDiagMessage::InetRequest(request.clone()).into());
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

/// Reads the messages of one datagram; `true` after the one that ends the answer.
fn read_datagram(mut rest: &[u8], transport: Transport, rows: &mut Vec<Socket>) -> Result<bool> {
    if rest.is_empty() {
        bail!("the kernel sent an empty answer");
    }
    while !rest.is_empty() {
        let message = NetlinkMessage::<SockDiagMessage>::deserialize(rest).context("reading a row")?;
        match message.payload {
            NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(response)) => {
                rows.push(row(transport, &response));
            }
            // A dump that broke off reports its errno in the very message that ends it.
            NetlinkPayload::Done(done) if done.code < 0 => {
                return Err(std::io::Error::from_raw_os_error(-done.code)).context("the dump broke off");
            }
            NetlinkPayload::Done(_) => return Ok(true),
            NetlinkPayload::Error(error) => return Err(error.to_io()).context("the kernel refused"),
            NetlinkPayload::Noop => {}
            other => bail!("the kernel answered with something else: message type {}", other.message_type()),
        }
        // Messages start at multiples of four bytes (NLMSG_ALIGNTO).
        let length = (message.header.length as usize).next_multiple_of(4);
        rest = rest.get(length..).unwrap_or_default();
    }
    Ok(false)
}

fn row(transport: Transport, response: &InetResponse) -> Socket {
    let header = &response.header;
    let id = &header.socket_id;
    let raw = Raw {
        transport,
        local: address(id.source_address, id.source_port, id.interface_id),
        remote: peer(id.destination_address, id.destination_port, id.interface_id),
        state: header.state,
        inode: header.inode.into(),
        uid: header.uid,
        recv_queue: header.recv_queue,
        send_queue: Some(header.send_queue),
    };
    let mut socket = raw.tidy();
    for attribute in &response.nlas {
        match attribute {
            Nla::SkV6Only(only) if socket.local.is_ipv6() => socket.v6only = Some(*only),
            // For a listener the kernel puts its queue into fields that mean something else everywhere else.
            Nla::TcpInfo(info) if socket.state != SocketState::Listen => {
                socket.info = Some(payload_info(info, socket.state, header.send_queue));
            }
            _ => {}
        }
    }
    socket
}

/// TCP_INFO in payload bytes: the kernel's counters also count the SYN (on the dialling side) and the FIN.
fn payload_info(info: &KernelInfo, state: SocketState, raw_send_queue: u32) -> TcpInfo {
    let in_flight = u64::from(raw_send_queue.saturating_sub(info.notsent_bytes));
    let sent_once = info.bytes_sent.saturating_sub(info.bytes_retrans);
    // `bytes_sent` counts payload alone, so what is sent and no longer in flight is acknowledged payload. A FIN or SYN in
    // flight would make it too small by one, hence the lower bound.
    let flag = u64::from(super::flag_in_flight(state));
    let acked = (sent_once + flag).saturating_sub(in_flight).min(info.bytes_acked);
    TcpInfo {
        bytes_received: info.bytes_received.saturating_sub(u64::from(fin_received(state))),
        bytes_acked: acked,
        total_retrans: info.total_retrans,
        last_data_recv_ms: info.last_data_recv,
        last_data_sent_ms: info.last_data_sent,
        notsent_bytes: info.notsent_bytes,
        rtt_us: info.rtt,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_message_is_an_error_and_not_an_empty_table() {
        let mut unknown = request(Transport::Tcp, Family::V4, Rows::All, ExtensionFlags::empty());
        unknown.protocol = 200;
        let error = exchange(&unknown, Transport::Tcp).unwrap_err();
        // ENOENT: no module answers for this protocol. Linux 6 says so in the message that ends the dump.
        assert_eq!(error.downcast_ref::<std::io::Error>().and_then(std::io::Error::raw_os_error), Some(2), "{error:#}");
    }

    #[test]
    fn an_answer_in_many_datagrams_is_read_to_its_end() {
        // Some 350 bytes per row: 200 rows cannot fit into one datagram of 32 KiB.
        let listeners: Vec<_> = (0..200).map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        for rows in [Rows::All, Rows::Waiting].map(|rows| dump(Transport::Tcp, Family::V4, rows).unwrap()) {
            for listener in &listeners {
                let local = listener.local_addr().unwrap();
                assert!(rows.iter().any(|row| row.local == local && row.state == SocketState::Listen), "{local}");
            }
        }
    }

    #[test]
    fn a_datagram_cut_short_is_an_error() {
        let whole = encode(&request(Transport::Tcp, Family::V4, Rows::All, ExtensionFlags::empty()));
        assert!(read_datagram(&whole[..whole.len() - 8], Transport::Tcp, &mut Vec::new()).is_err());
        assert!(read_datagram(&[], Transport::Tcp, &mut Vec::new()).is_err());
    }
}
