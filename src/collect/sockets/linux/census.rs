//! How many sockets each table holds, from /proc/net/sockstat: a table that is empty need not be asked for. Asking makes the
//! kernel walk a table of all connections of the machine, however few are ours.

use super::Family;
use crate::evidence::Transport;

/// Sockets of the thread's network namespace. A number that the system does not tell is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Census {
    tcp: Option<u64>,
    tcp6: Option<u64>,
    udp: Option<u64>,
    udp6: Option<u64>,
    /// Closed connections of both families that are still remembered; they count in none of the others.
    time_wait: Option<u64>,
}

impl Census {
    /// Counts.
    pub fn take() -> Self {
        let read = |file: &str| std::fs::read_to_string(format!("/proc/thread-self/net/{file}")).unwrap_or_default();
        Self::parse(&read("sockstat"), &read("sockstat6"))
    }

    fn parse(text: &str, text6: &str) -> Self {
        Self {
            tcp: number(text, "TCP:", "inuse"),
            tcp6: number(text6, "TCP6:", "inuse"),
            udp: number(text, "UDP:", "inuse"),
            udp6: number(text6, "UDP6:", "inuse"),
            time_wait: number(text, "TCP:", "tw"),
        }
    }

    /// Whether the table surely holds nothing. `own`: datagram sockets of IPv4 that are ours and do not count.
    /// `remembered`: how many closed connections were found in the tables that have been asked.
    pub fn is_empty(&self, transport: Transport, family: Family, own: u64, remembered: u64) -> bool {
        match (transport, family) {
            (Transport::Tcp, Family::V4) => self.tcp == Some(0) && self.time_wait == Some(0),
            (Transport::Tcp, Family::V6) => self.tcp6 == Some(0) && self.time_wait == Some(remembered),
            (Transport::Udp, Family::V4) => self.udp == Some(own),
            (Transport::Udp, Family::V6) => self.udp6 == Some(0),
        }
    }
}

/// The number behind `name` in the line that begins with `line`.
fn number(text: &str, line: &str, name: &str) -> Option<u64> {
    let mut words = text.lines().find_map(|one| one.strip_prefix(line))?.split_whitespace();
    words.find(|word| *word == name)?;
    words.next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOBODY: &str =
        "sockets: used 14\nTCP: inuse 0 orphan 0 tw 0 alloc 1 mem 193\nUDP: inuse 1 mem 0\nUDPLITE: inuse 0\n";
    const NOBODY6: &str = "TCP6: inuse 0\nUDP6: inuse 0\nUDPLITE6: inuse 3\n";
    const TABLES: [(Transport, Family); 4] = [
        (Transport::Tcp, Family::V4),
        (Transport::Tcp, Family::V6),
        (Transport::Udp, Family::V4),
        (Transport::Udp, Family::V6),
    ];

    fn empty(census: Census, own: u64, remembered: u64) -> [bool; 4] {
        TABLES.map(|(transport, family)| census.is_empty(transport, family, own, remembered))
    }

    #[test]
    fn only_a_table_that_surely_holds_nothing_is_empty() {
        let nobody = Census::parse(NOBODY, NOBODY6);
        assert_eq!(empty(nobody, 1, 0), [true, true, true, true], "the one datagram socket is ours");
        assert_eq!(empty(nobody, 0, 0), [true, true, false, true]);
        let somebody = Census::parse(&NOBODY.replace("TCP: inuse 0", "TCP: inuse 2"), &NOBODY6.replace('0', "1"));
        assert_eq!(empty(somebody, 1, 0), [false, false, true, false]);
        assert_eq!(empty(Census::parse("", ""), 0, 0), [false; 4], "nothing is known");
    }

    #[test]
    fn a_closed_connection_that_was_not_found_may_be_in_the_other_table() {
        let closed = Census::parse(&NOBODY.replace("tw 0", "tw 2"), NOBODY6);
        assert_eq!(empty(closed, 1, 0)[..2], [false, false]);
        assert_eq!(empty(closed, 1, 2)[..2], [false, true]);
    }

    #[test]
    fn this_system_counts_what_is_opened() {
        let before = Census::take();
        let sockets: Vec<_> = (0..50).map(|_| std::net::UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
        let counted = |census: Census| census.udp.unwrap();
        assert!(counted(Census::take()) >= counted(before).max(sockets.len() as u64));
        assert!(before.tcp.is_some() && before.time_wait.is_some());
    }
}
