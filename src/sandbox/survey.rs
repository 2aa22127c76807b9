//! Which rungs of the capture ladder are open here, why the others are not, and what would open them.
//!
//! The private namespace is tried whole, in a process to throw away: on some systems unshare(2) itself succeeds and a
//! later step is refused.

use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use super::namespace::{Refusal, enter_private_network};
use crate::evidence::Rung;

/// One rung and whether it can be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RungState {
    /// Which one.
    pub rung: Rung,
    /// `None` when it is open.
    pub closed: Option<Closed>,
}

/// Why a rung cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// What stands in the way.
    pub why: String,
    /// What would open it, as an instruction.
    pub remedy: String,
}

/// Tries every rung, best first. Takes a few milliseconds and changes nothing. `calls`: why socket calls cannot be traced.
#[must_use]
pub fn survey(calls: Option<Closed>) -> Vec<RungState> {
    vec![
        RungState { rung: Rung::Namespace, closed: private_network().err() },
        RungState { rung: Rung::HostLoopback, closed: host_loopback().err() },
        RungState { rung: Rung::SocketCalls, closed: calls },
        RungState { rung: Rung::NoCapture, closed: None },
    ]
}

/// The rung to use: the best open one. Programs that netdiag did not start (`started` is false) live in the host's network,
/// and their calls cannot be traced.
#[must_use]
pub fn best(rungs: &[RungState], started: bool) -> Rung {
    rungs
        .iter()
        .filter(|state| {
            state.closed.is_none() && (started || !matches!(state.rung, Rung::Namespace | Rung::SocketCalls))
        })
        .map(|state| state.rung)
        .min()
        .unwrap_or(Rung::NoCapture)
}

/// The child's part of the survey: goes through the whole sequence in this process, which is useless afterwards.
pub fn try_namespace() -> Result<(), Refusal> {
    enter_private_network()?;
    packet_socket()
}

#[cfg(target_os = "linux")]
fn packet_socket() -> Result<(), Refusal> {
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

    socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, None)
        .map(drop)
        .map_err(|errno| Refusal { step: super::Step::PacketSocket, errno: errno as i32 })
}

#[cfg(not(target_os = "linux"))]
fn packet_socket() -> Result<(), Refusal> {
    Ok(())
}

/// Whether a private network can be had.
///
/// # Errors
/// What was refused.
pub fn private_network() -> Result<(), Closed> {
    let myself = if cfg!(target_os = "linux") { Ok("/proc/self/exe".into()) } else { std::env::current_exe() };
    let output = myself.and_then(|exe: std::path::PathBuf| {
        Command::new(exe).arg("__try-namespace").stdin(Stdio::null()).stderr(Stdio::null()).output()
    });
    let unclear = |why: String| Closed { why, remedy: "report this: netdiag could not run itself".to_owned() };
    let output = output.map_err(|error| unclear(format!("netdiag could not start itself to try: {error}")))?;
    match serde_json::from_slice::<Option<Refusal>>(&output.stdout) {
        Ok(None) => Ok(()),
        Ok(Some(refusal)) => Err(Closed { why: refusal.to_string(), remedy: refusal.remedy() }),
        Err(_) => Err(unclear(format!("the attempt in a child process ended without an answer ({})", output.status))),
    }
}

fn host_loopback() -> Result<(), Closed> {
    let device = if cfg!(target_os = "linux") { "lo" } else { "lo0" };
    let opened = pcap::Capture::from_device(device).and_then(|capture| capture.buffer_size(1 << 16).open());
    opened.map(drop).map_err(|error| Closed {
        why: format!("capturing on `{device}` was refused: {error}"),
        remedy: if cfg!(target_os = "linux") {
            "run `sudo setcap cap_net_raw+ep $(command -v netdiag)`, or run netdiag with sudo".to_owned()
        } else {
            "make /dev/bpf* readable for you, or run netdiag with sudo".to_owned()
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ladder(open: &[Rung]) -> Vec<RungState> {
        let closed = || Closed { why: "it is shut".to_owned(), remedy: "open it".to_owned() };
        [Rung::Namespace, Rung::HostLoopback, Rung::SocketCalls, Rung::NoCapture]
            .into_iter()
            .map(|rung| RungState { rung, closed: (!open.contains(&rung)).then(closed) })
            .collect()
    }

    #[test]
    fn the_best_open_rung_is_used_that_reaches_the_programs() {
        let all = ladder(&[Rung::Namespace, Rung::HostLoopback, Rung::NoCapture]);
        assert_eq!(best(&all, true), Rung::Namespace);
        assert_eq!(best(&all, false), Rung::HostLoopback);
        assert_eq!(best(&ladder(&[Rung::Namespace, Rung::NoCapture]), false), Rung::NoCapture);
        let calls = ladder(&[Rung::SocketCalls, Rung::NoCapture]);
        assert_eq!((best(&calls, true), best(&calls, false)), (Rung::SocketCalls, Rung::NoCapture));
        assert_eq!(best(&ladder(&[]), true), Rung::NoCapture);
    }
}
