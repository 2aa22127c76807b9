//! A private network namespace for this process, without root.
//!
//! A half-done attempt cannot be undone, so this is never tried in a process that is still needed: netdiag starts itself
//! anew for it (`__record --private`, `__try-namespace`).

use std::fmt;

use nix::errno::Errno;
use serde::{Deserialize, Serialize};

/// What was being done when the system refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// unshare(2), for a network namespace and, unless we are root, a user namespace.
    Unshare,
    /// Writing "deny" to /proc/self/setgroups, which user_namespaces(7) demands before a group map.
    Setgroups,
    /// Writing /proc/self/uid_map.
    UidMap,
    /// Writing /proc/self/gid_map.
    GidMap,
    /// Setting the new `lo` up.
    LoopbackUp,
    /// Opening a packet socket inside; only tried by a survey.
    PacketSocket,
}

/// Why there is no private network: the step that failed and the system's error number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What was being done.
    pub step: Step,
    /// errno(3).
    pub errno: i32,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.step {
            Step::Unshare => "unshare(2) for a private network namespace",
            Step::Setgroups => "writing /proc/self/setgroups in the new user namespace",
            Step::UidMap => "writing /proc/self/uid_map in the new user namespace",
            Step::GidMap => "writing /proc/self/gid_map in the new user namespace",
            Step::LoopbackUp => "setting `lo` up in the new network namespace",
            Step::PacketSocket => "opening a packet socket in the new network namespace",
        };
        write!(f, "{what} was refused: {}", Errno::from_raw(self.errno).desc())
    }
}

impl std::error::Error for Refusal {}

impl Refusal {
    /// What the reader can do about it, as an instruction. Reads two sysctls to name the switch that is off.
    #[must_use]
    pub fn remedy(&self) -> String {
        let switched_off = sysctl("kernel/unprivileged_userns_clone").as_deref() == Some("0");
        let apparmor = sysctl("kernel/apparmor_restrict_unprivileged_userns").as_deref() == Some("1");
        self.remedy_where(switched_off, apparmor)
    }

    fn remedy_where(self, switched_off: bool, apparmor: bool) -> String {
        match Errno::from_raw(self.errno) {
            Errno::ENOSPC => {
                "raise the limits: `sudo sysctl user.max_user_namespaces=15000 user.max_net_namespaces=15000`"
                    .to_owned()
            }
            Errno::ENOSYS | Errno::EINVAL => {
                "use Linux with user and network namespaces (CONFIG_USER_NS, CONFIG_NET_NS)".to_owned()
            }
            _ if switched_off => format!("run `sudo sysctl kernel.unprivileged_userns_clone=1`, or {CAPTURE}"),
            _ if apparmor => format!(
                "run `sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0`, or give the netdiag binary an AppArmor \
                 profile with `userns,`, or {CAPTURE}"
            ),
            _ => format!("in a container, let its seccomp profile and capabilities allow unshare(2); else {CAPTURE}"),
        }
    }
}

const CAPTURE: &str =
    "run `sudo setcap cap_net_raw+ep $(command -v netdiag)` to capture on the host's loopback instead";

fn sysctl(name: &str) -> Option<String> {
    std::fs::read_to_string(format!("/proc/sys/{name}")).ok().map(|value| value.trim().to_owned())
}

/// Moves this process, which must have one thread only, into a network namespace of its own with `lo` up.
///
/// Root keeps its user namespace, so that files of other users stay readable and dropping privileges works for the
/// programs under test. Everybody else is mapped to themselves: programs see their real uid, and as capabilities are
/// lost on exec they may do exactly what they may do outside (no port below 1024). Capturing is for this process.
pub fn enter_private_network() -> Result<(), Refusal> {
    linux::enter()
}

/// Takes `lo` of this process's network namespace down. Whoever calls this must have made that namespace.
///
/// # Errors
/// When the system refuses.
pub fn take_loopback_down() -> std::io::Result<()> {
    linux::set_loopback(false)
}

#[cfg(not(target_os = "linux"))]
mod linux {
    use super::{Errno, Refusal, Step};

    pub fn set_loopback(_: bool) -> std::io::Result<()> {
        Err(std::io::ErrorKind::Unsupported.into())
    }

    pub fn enter() -> Result<(), Refusal> {
        Err(Refusal { step: Step::Unshare, errno: Errno::ENOSYS as i32 })
    }
}

#[cfg(target_os = "linux")]
pub(super) use linux::{first_free_port, keep_first_free_port, set_loopback};

#[cfg(target_os = "linux")]
mod linux {
    use std::io;

    use netlink_packet_core::{NLM_F_ACK, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload};
    use netlink_packet_route::RouteNetlinkMessage;
    use netlink_packet_route::link::{LinkFlags, LinkMessage};
    use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
    use nix::sched::{CloneFlags, unshare};
    use nix::unistd::{getegid, geteuid};

    use super::{Errno, Refusal, Step, sysctl};

    /// The first port an ordinary user may bind; containers lower it, and a new namespace would not know.
    const FIRST_FREE_PORT: &str = "net/ipv4/ip_unprivileged_port_start";

    pub fn enter() -> Result<(), Refusal> {
        let port = first_free_port();
        let (uid, gid) = (geteuid(), getegid());
        // A binary with file capabilities is not dumpable, and its /proc/self then belongs to root (proc_pid(5)).
        let _ = nix::sys::prctl::set_dumpable(true);
        if !(uid.is_root() && unshare(CloneFlags::CLONE_NEWNET).is_ok()) {
            unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET)
                .map_err(|errno| Refusal { step: Step::Unshare, errno: errno as i32 })?;
            write("setgroups", "deny", Step::Setgroups)?;
            write("uid_map", &format!("{uid} {uid} 1"), Step::UidMap)?;
            write("gid_map", &format!("{gid} {gid} 1"), Step::GidMap)?;
        }
        set_loopback(true).map_err(|error| refusal(Step::LoopbackUp, &error))?;
        keep_first_free_port(port.as_deref());
        Ok(())
    }

    /// The first port an ordinary user may bind here.
    pub fn first_free_port() -> Option<String> {
        sysctl(FIRST_FREE_PORT)
    }

    /// Sets it in a new namespace.
    pub fn keep_first_free_port(port: Option<&str>) {
        if let Some(port) = port {
            // Where /proc/sys is read-only the kernel's own value (1024) has to do.
            let _ = std::fs::write(format!("/proc/sys/{FIRST_FREE_PORT}"), port);
        }
    }

    fn write(file: &str, text: &str, step: Step) -> Result<(), Refusal> {
        std::fs::write(format!("/proc/self/{file}"), text).map_err(|error| refusal(step, &error))
    }

    fn refusal(step: Step, error: &io::Error) -> Refusal {
        Refusal { step, errno: error.raw_os_error().unwrap_or(Errno::EIO as i32) }
    }

    /// RTM_SETLINK with or without IFF_UP for `lo`, which is interface 1 of every namespace (rtnetlink(7)).
    pub fn set_loopback(up: bool) -> io::Result<()> {
        let mut link = LinkMessage::default();
        link.header.index = 1;
        link.header.flags = if up { LinkFlags::Up } else { LinkFlags::empty() };
        link.header.change_mask = LinkFlags::Up;
        let mut request = NetlinkMessage::from(RouteNetlinkMessage::SetLink(link));
        request.header.flags = NLM_F_REQUEST | NLM_F_ACK;
        request.finalize();
        let mut bytes = vec![0; request.buffer_len()];
        request.serialize(&mut bytes);

        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        socket.send(&bytes, 0)?;
        let (answer, _) = socket.recv_from_full()?;
        let answer = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&answer)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?;
        match answer.payload {
            NetlinkPayload::Error(error) if error.code.is_some() => Err(error.to_io()),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_which_step_failed_and_why() {
        let refusal = Refusal { step: Step::UidMap, errno: Errno::EPERM as i32 };
        let text = refusal.to_string();
        assert!(text.contains("uid_map") && text.contains("not permitted"), "{text}");
    }

    #[test]
    fn each_cause_has_its_own_remedy() {
        let refused = |errno: Errno| Refusal { step: Step::Unshare, errno: errno as i32 };
        let remedies = [
            refused(Errno::ENOSPC).remedy_where(false, false),
            refused(Errno::EINVAL).remedy_where(false, false),
            refused(Errno::EPERM).remedy_where(true, false),
            refused(Errno::EACCES).remedy_where(false, true),
            refused(Errno::EPERM).remedy_where(false, false),
        ];
        for (remedy, word) in
            remedies.iter().zip(["max_user_namespaces", "CONFIG", "userns_clone=1", "AppArmor", "seccomp"])
        {
            assert!(remedy.contains(word), "{remedy}");
        }
    }
}
