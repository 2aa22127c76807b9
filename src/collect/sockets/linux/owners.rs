//! Which process holds which socket: the links in /proc/PID/fd name the inodes.

use std::collections::{BTreeMap, HashMap};
use std::fs;

use netstat2::{AddressFamilyFlags, ProtocolFlags};

use crate::collect::printable::printable;
use crate::evidence::{Owner, Role, Socket};

/// Fills in the owners of every socket, as far as /proc lets us look.
pub fn of_everyone(sockets: &mut [Socket]) {
    let mut holders = holders_by_netstat();
    // netstat2 takes a netlink error for the end of its list; an empty answer beside rows of our own is such an end.
    if holders.is_empty() && sockets.iter().any(|socket| socket.inode != 0) {
        holders = holders_by_scan(all_processes());
    }
    let mut names = HashMap::new();
    for socket in sockets {
        for &pid in holders.get(&socket.inode).into_iter().flatten() {
            let name = names.entry(pid).or_insert_with(|| name(pid)).clone();
            socket.owners.push(Owner { pid, name, role: None, program: None });
        }
    }
}

/// Fills in the owners among these processes only.
pub fn of_processes(processes: &BTreeMap<u32, (usize, Role)>, sockets: &mut [Socket]) {
    if sockets.is_empty() {
        return;
    }
    let holders = holders_by_scan(processes.keys().copied());
    let mut names = HashMap::new();
    for socket in sockets {
        for &pid in holders.get(&socket.inode).into_iter().flatten() {
            let name = names.entry(pid).or_insert_with(|| name(pid)).clone();
            let part = processes.get(&pid);
            let (program, role) = part.map_or((None, None), |&(program, role)| (Some(program), Some(role)));
            socket.owners.push(Owner { pid, name, role, program });
        }
    }
}

/// Inode → processes, in ascending order.
type Holders = HashMap<u64, Vec<u32>>;

fn holders_by_netstat() -> Holders {
    let mut holders = Holders::new();
    // netstat2 panics where /proc cannot be listed.
    if fs::read_dir("/proc").is_err() {
        return holders;
    }
    let families = AddressFamilyFlags::IPV4 | AddressFamilyFlags::IPV6;
    let Ok(table) = netstat2::iterate_sockets_info(families, ProtocolFlags::TCP | ProtocolFlags::UDP) else {
        return holders;
    };
    for socket in table.flatten().filter(|socket| !socket.associated_pids.is_empty()) {
        let mut pids = socket.associated_pids;
        pids.sort_unstable();
        holders.insert(socket.inode.into(), pids);
    }
    holders
}

fn holders_by_scan(pids: impl Iterator<Item = u32>) -> Holders {
    let mut holders = Holders::new();
    for pid in pids {
        for inode in socket_inodes(pid) {
            let pids = holders.entry(inode).or_default();
            // A socket that was duplicated has several descriptors in one process.
            if pids.last() != Some(&pid) {
                pids.push(pid);
            }
        }
    }
    holders
}

fn all_processes() -> impl Iterator<Item = u32> {
    let mut pids: Vec<u32> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    pids.sort_unstable();
    pids.into_iter()
}

/// The sockets a process holds; none when it is gone or may not be looked at.
fn socket_inodes(pid: u32) -> impl Iterator<Item = u64> {
    fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().filter_map(|descriptor| {
        let target = fs::read_link(descriptor.ok()?.path()).ok()?;
        target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
    })
}

/// The kernel cuts process names to 15 bytes (TASK_COMM_LEN); those of its own threads may be longer.
const NAME: usize = 64;

fn name(pid: u32) -> String {
    let name = fs::read(format!("/proc/{pid}/comm")).unwrap_or_default();
    printable(name.strip_suffix(b"\n").unwrap_or(&name), NAME)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn netstat_and_our_own_scan_find_the_same_holder() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let us = std::process::id();
        let inodes: Vec<u64> = socket_inodes(us).collect();
        assert!(!inodes.is_empty());
        let (by_netstat, by_scan) = (holders_by_netstat(), holders_by_scan(std::iter::once(us)));
        let shared =
            by_scan.keys().filter(|inode| by_netstat.get(inode).is_some_and(|pids| pids.contains(&us))).count();
        assert!(shared > 0, "{by_netstat:?} {by_scan:?}");
        drop(listener);
    }

    #[test]
    fn a_process_that_is_gone_holds_nothing() {
        assert_eq!(socket_inodes(u32::MAX).count(), 0);
        assert_eq!(name(u32::MAX), "");
    }
}
