//! Ties between the process that records, whoever started it, and the programs under it, so that nothing is left behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// Whether somebody asked this process to stop.
#[derive(Debug, Clone)]
pub struct Interruption(Arc<AtomicBool>);

impl Interruption {
    /// Nobody can ask: for the keeper of a room, whose guests could send it signals.
    #[must_use]
    pub fn never() -> Self {
        Self(Arc::new(AtomicBool::new(false)))
    }

    /// From now on SIGINT, SIGTERM and SIGHUP are only noted; ending in good order is the caller's business.
    pub fn listen() -> anyhow::Result<Self> {
        let requested = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&requested))
                .with_context(|| format!("while preparing for signal {signal}"))?;
        }
        Ok(Self(requested))
    }

    /// Whether one of the signals has come.
    #[must_use]
    pub fn requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Makes this process end when the thread that started it ends, and inherit the orphans of its own descendants.
///
/// Call it once, in the process that records, after [`super::enter_private_network`] (changing credentials forgets the
/// parent-death signal, prctl(2)). The process leaves its terminal too (setsid(2)): the programs below it can neither
/// write to `/dev/tty` nor be stopped for reading from it, and Ctrl-C reaches only whoever started us, who passes it on
/// as SIGINT or just dies. In each case [`Interruption::requested`] turns true and the caller ends its children.
pub fn tie_to_parent() -> anyhow::Result<Interruption> {
    let interruption = Interruption::listen()?;
    leave_terminal_and_reap()?;
    #[cfg(target_os = "linux")]
    nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGTERM)
        .context("while asking for a signal when the parent dies")?;
    Ok(interruption)
}

/// The part of [`tie_to_parent`] that a keeper needs too, who is ended by the kernel and hears nobody.
pub fn leave_terminal_and_reap() -> anyhow::Result<()> {
    // Refused to a process that leads its group already, as when somebody types `netdiag __record` in a shell.
    let _ = nix::unistd::setsid();
    #[cfg(target_os = "linux")]
    nix::sys::prctl::set_child_subreaper(true).context("while becoming the reaper of orphaned descendants")?;
    Ok(())
}

/// Makes the orphans of a recorder that was killed come back to this process instead of init.
pub fn inherit_orphans() {
    #[cfg(target_os = "linux")]
    {
        // Refused only by kernels older than 3.4; then a killed recorder's programs outlive it.
        let _ = nix::sys::prctl::set_child_subreaper(true);
    }
}

/// Passes the user's Ctrl-C on to a recorder.
pub fn interrupt(recorder: u32) {
    let _ = kill(Pid::from_raw(recorder.cast_signed()), Signal::SIGINT);
}

/// Ends every process that a recorder which no longer lives had started. They bear its process id in their environment.
pub fn end_orphans_of(recorder: u32) {
    #[cfg(target_os = "linux")]
    {
        let mark = format!("NETDIAG_PROGRAM={recorder}-");
        let Ok(processes) = procfs::process::all_processes() else { return };
        for process in processes.flatten() {
            let environment = std::fs::read(format!("/proc/{}/environ", process.pid())).unwrap_or_default();
            if environment.split(|byte| *byte == 0).any(|variable| variable.starts_with(mark.as_bytes())) {
                let _ = kill(Pid::from_raw(process.pid()), Signal::SIGKILL);
            }
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = recorder;
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::os::unix::process::CommandExt;
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    use super::*;

    /// Plays the recording process when it is started by itself with this set.
    const INNER: &str = "NETDIAG_TEST_TIES";

    fn tied() {
        let interruption = tie_to_parent().unwrap();
        println!("tied");
        let begun = Instant::now();
        while !interruption.requested() && begun.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(1));
        }
        println!("requested: {}", interruption.requested());
    }

    #[test]
    fn the_death_of_the_parent_is_a_request_to_stop() {
        if std::env::var_os(INNER).is_some() {
            return tied();
        }
        let name = "sandbox::ties::tests::the_death_of_the_parent_is_a_request_to_stop";
        let mut parent = Command::new("sh")
            .args(["-c", "\"$@\" & wait", "sh"])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .env(INNER, "1")
            .process_group(0)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(parent.stdout.take().unwrap()).lines().map_while(Result::ok);
        assert!(lines.any(|line| line.ends_with("tied")), "it never came up");
        parent.kill().unwrap();
        parent.wait().unwrap();
        let answer = lines.find(|line| line.starts_with("requested")).unwrap();
        assert_eq!(answer, "requested: true");
    }
}
