//! A packet filter that refuses one port, as a firewall's REJECT does; only ever in a network of netdiag's own.
//!
//! The rule goes to the kernel by netlink, so that no `nft` has to be installed. It ends with the namespace that it is in.

/// Lets the packet filter of this process's network namespace refuse every TCP connection to `port` with ICMP
/// "administratively prohibited". Whoever calls this must have made that namespace.
///
/// # Errors
/// When the system refuses, or has no nf_tables.
pub fn reject_port(port: u16) -> std::io::Result<()> {
    linux::reject_port(port)
}

#[cfg(not(target_os = "linux"))]
mod linux {
    pub fn reject_port(_: u16) -> std::io::Result<()> {
        Err(std::io::ErrorKind::Unsupported.into())
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io;

    use netlink_packet_core::{
        DefaultNla, NLM_F_ACK, NLM_F_APPEND, NLM_F_CREATE, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload,
    };
    use netlink_packet_netfilter::nftables::{
        ChainAttribute, ChainMessage, Cmp, DataAttribute, Expressions, Hook, InetHookNumber, Meta, MetaKey,
        NfTablesMessage, Operator, Payload, Register, RuleAttribute, RuleMessage, TableAttribute, TableMessage,
    };
    use netlink_packet_netfilter::none::ControlMessage;
    use netlink_packet_netfilter::{
        NetfilterHeader, NetfilterMessage, NetfilterMessageInner, NetfilterProtoFamily, NetfilterSubsystem,
    };
    use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_NETFILTER};

    /// What table and chain are called, should anybody list them.
    const TABLE: &str = "netdiag";
    const CHAIN: &str = "input";

    /// Where the bytes that a payload expression loads are counted from: the header of TCP or UDP (nf_tables.h).
    const TRANSPORT_HEADER: u32 = 2;
    /// Offset and length of the destination port in it.
    const DESTINATION: (u32, u32) = (2, 2);
    const TCP: u8 = 6;

    /// What a reject expression answers (nf_tables.h): an ICMP message whose code fits IPv4 and IPv6, "prohibited".
    const REJECT_TYPE: u16 = 1;
    const ICMPX_UNREACH: u32 = 2;
    const REJECT_CODE: u16 = 2;
    const ADMIN_PROHIBITED: u8 = 3;

    pub fn reject_port(port: u16) -> io::Result<()> {
        let (table, chain) = (TABLE.to_owned(), CHAIN.to_owned());
        let new_table = TableMessage { attributes: vec![TableAttribute::Name(table.clone())] };
        let new_chain = ChainMessage {
            attributes: vec![
                ChainAttribute::Table(table.clone()),
                ChainAttribute::Name(chain.clone()),
                ChainAttribute::Hook(vec![Hook::Number(InetHookNumber::LocalIn.into()), Hook::Priority(0)]),
                ChainAttribute::Type("filter".to_owned()),
            ],
        };
        let expressions = refusing(port).into_iter().map(Into::into).collect();
        let new_rule = RuleMessage {
            attributes: vec![
                RuleAttribute::Table(table),
                RuleAttribute::Chain(chain),
                RuleAttribute::Expressions(expressions),
            ],
        };
        transact(vec![
            NfTablesMessage::NewTable(new_table),
            NfTablesMessage::NewChain(new_chain),
            NfTablesMessage::NewRule(new_rule),
        ])
    }

    /// `tcp dport PORT reject with icmpx admin-prohibited`
    fn refusing(port: u16) -> Vec<Expressions> {
        let equals = |value: Vec<u8>| {
            Expressions::Cmp(vec![
                Cmp::SourceRegister(Register::Reg1),
                Cmp::Op(Operator::Equal),
                Cmp::Data(DataAttribute::Value(value)),
            ])
        };
        vec![
            Expressions::Meta(vec![Meta::DestinationRegister(Register::Reg1), Meta::Key(MetaKey::L4Proto)]),
            equals(vec![TCP]),
            Expressions::Payload(vec![
                Payload::DestinationRegister(Register::Reg1),
                Payload::Base(TRANSPORT_HEADER),
                Payload::Offset(DESTINATION.0),
                Payload::Len(DESTINATION.1),
            ]),
            equals(port.to_be_bytes().to_vec()),
            Expressions::Other {
                expression_type: "reject".to_owned(),
                attributes: vec![
                    DefaultNla::new(REJECT_TYPE, ICMPX_UNREACH.to_be_bytes().to_vec()),
                    DefaultNla::new(REJECT_CODE, vec![ADMIN_PROHIBITED]),
                ],
            },
        ]
    }

    /// Carries out all `steps` or none; nf_tables takes changes in a batch only. The last one is acknowledged, and the first
    /// that fails says so in its place.
    fn transact(steps: Vec<NfTablesMessage>) -> io::Result<()> {
        let bracket =
            |bracket| message(NetfilterProtoFamily::Unspec, u8::from(NetfilterSubsystem::NfTables), bracket, 0);
        let last = steps.len() - 1;
        let mut bytes = bracket(ControlMessage::BatchBegin.into());
        for (number, step) in steps.into_iter().enumerate() {
            let flags = NLM_F_CREATE | NLM_F_APPEND | if number == last { NLM_F_ACK } else { 0 };
            bytes.extend(message(NetfilterProtoFamily::Inet, 0, step.into(), flags));
        }
        bytes.extend(bracket(ControlMessage::BatchEnd.into()));
        let mut socket = Socket::new(NETLINK_NETFILTER)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        socket.send(&bytes, 0)?;
        let (answer, _) = socket.recv_from_full()?;
        let answer = NetlinkMessage::<NetfilterMessage>::deserialize(&answer)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?;
        match answer.payload {
            NetlinkPayload::Error(error) if error.code.is_some() => Err(error.to_io()),
            _ => Ok(()),
        }
    }

    fn message(family: NetfilterProtoFamily, resource: u8, inner: NetfilterMessageInner, flags: u16) -> Vec<u8> {
        let header = NetfilterHeader::new(family, 0, u16::from(resource));
        let mut message = NetlinkMessage::from(NetfilterMessage::new(header, inner));
        message.header.flags = NLM_F_REQUEST | flags;
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        bytes
    }
}
