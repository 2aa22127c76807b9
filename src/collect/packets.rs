//! Packets: live capture and capture files, both folded by [`crate::wire`] as they come.
//!
//! Nothing is judged here. What may not be captured is a [`Gap`] with its remedy, never an error.

mod savefile;

#[cfg(target_os = "linux")]
mod live;
#[cfg(not(target_os = "linux"))]
#[path = "packets/elsewhere.rs"]
mod live;

pub use live::Capture;
pub use savefile::{Completeness, read_file};

use crate::evidence::Gap;

/// The gap for a capture that could not be opened, told by libpcap's own message.
fn gap(device: &str, message: &str) -> Gap {
    let (why, remedy) = if message.contains("Operation not permitted") || message.contains("ermission denied") {
        (
            format!("capturing on {device} needs CAP_NET_RAW, which this process does not hold"),
            "run `sudo setcap cap_net_raw+ep` on the netdiag binary once, or run netdiag with sudo, or allow unprivileged \
             user namespaces (`sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0`, `user.max_user_namespaces` \
             above 0) so that netdiag can capture in a namespace of its own",
        )
    } else if message.contains("No such device") {
        (
            format!("there is no network device named {device}"),
            "name one that `ip link` lists; the loopback device is `lo`",
        )
    } else if message.contains("filter expression") || message.contains("syntax error") {
        (
            format!("libpcap does not understand the packet filter: {message}"),
            "write the filter as `man pcap-filter` describes it",
        )
    } else {
        (
            format!("libpcap could not capture on {device}: {message}"),
            "check that the device is up (`ip link`) and that `tcpdump` can capture on it",
        )
    };
    Gap::new("packets", why, remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_names_its_own_remedy() {
        let remedy = |message| gap("lo", message).remedy;
        assert!(remedy("socket: Operation not permitted").contains("setcap"));
        assert!(remedy("You don't have permission: Permission denied").contains("setcap"));
        assert!(remedy("SIOCGIFHWADDR: No such device").contains("ip link"));
        assert!(remedy("can't parse filter expression: syntax error").contains("pcap-filter"));
        assert!(remedy("That device is not up").contains("ip link"));
    }
}
