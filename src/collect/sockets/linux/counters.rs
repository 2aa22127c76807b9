//! The accept queue's counters from /proc/net/netstat.

use crate::evidence::Counters;

/// Counters of the thread's network namespace.
pub fn counters() -> Option<Counters> {
    parse(&std::fs::read_to_string("/proc/thread-self/net/netstat").ok()?)
}

/// The file has a line of names and a line of values for each group, both beginning with the group's name.
fn parse(text: &str) -> Option<Counters> {
    let mut group = text.lines().filter_map(|line| line.strip_prefix("TcpExt:"));
    let (names, values) = (group.next()?, group.next()?);
    let value = |wanted: &str| {
        let column = names.split_whitespace().position(|name| name == wanted)?;
        values.split_whitespace().nth(column)?.parse().ok()
    };
    Some(Counters { listen_overflows: value("ListenOverflows")?, listen_drops: value("ListenDrops")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counters_are_found_by_name_wherever_they_stand() {
        let text =
            "TcpExt: SyncookiesSent ListenDrops X ListenOverflows\nTcpExt: 1 7 2 5\nIpExt: ListenDrops\nIpExt: 9\n";
        assert_eq!(parse(text), Some(Counters { listen_overflows: 5, listen_drops: 7 }));
    }

    #[test]
    fn a_file_without_them_gives_none() {
        assert_eq!(parse("TcpExt: A B\nTcpExt: 1 2\n"), None);
        assert_eq!(parse("IpExt: A\nIpExt: 1\n"), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn this_system_tells_them() {
        assert!(counters().is_some());
    }
}
