//! Which processes belong to which program, however they detached themselves.
//!
//! Descendants are walked from our own children. A daemon that lost its parent comes back to us, the reaper, as a direct
//! child; it is recognised by having been seen before, by its session or process group, or by its environment.

use std::collections::{BTreeMap, BTreeSet};

use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;
use procfs::process::{Process, Stat, all_processes};

/// All processes of all programs of one stage.
#[derive(Debug)]
pub struct Tree {
    /// `NAME=value` up to the program's index, as it stands in a process's environment.
    mark: String,
    claims_orphans: bool,
    /// Found programs: process id, start time and program.
    found: Vec<(u32, u64, usize)>,
    /// Processes at the last look.
    members: BTreeMap<u32, Member>,
    /// Sessions and process groups the programs' processes were seen in.
    groups: BTreeMap<i32, usize>,
    /// Programs the stage has started.
    started: BTreeSet<usize>,
}

#[derive(Debug, Clone, Copy)]
struct Member {
    /// `None` for a stray: ours to end, but of a program unknown.
    program: Option<usize>,
    /// In clock ticks since boot: with it a process id is never mistaken for its successor.
    starttime: u64,
    group: u32,
    zombie: bool,
    ours: bool,
}

/// What is known of a program that was found running.
#[derive(Debug)]
pub struct Found {
    /// Its first process.
    pub pid: u32,
    /// /proc/PID/cmdline.
    pub command: Vec<String>,
    /// /proc/PID/cwd.
    pub cwd: Option<String>,
}

impl Tree {
    /// No process yet; `mark` is how the programs' environment begins that entry.
    pub fn new(mark: String) -> Self {
        Self {
            mark,
            claims_orphans: false,
            found: Vec::new(),
            members: BTreeMap::new(),
            groups: BTreeMap::new(),
            started: BTreeSet::new(),
        }
    }

    /// See [`super::Stage::claim_orphans`].
    pub fn claim_orphans(&mut self) {
        self.claims_orphans = true;
    }

    /// The stage has started this program; as long as it is the only one, every stray is its.
    pub fn started(&mut self, program: usize) {
        self.started.insert(program);
    }

    /// Takes the running processes `pids` in as `program`. The oldest one stands for it: workers come after their master.
    pub fn find(&mut self, pids: &[u32], program: usize) -> Option<Found> {
        let mut stats: Vec<Stat> = pids.iter().filter_map(|&pid| stat(pid.cast_signed())).collect();
        stats.sort_by_key(|stat| (stat.starttime, stat.pid));
        let first = stats.first()?.pid;
        let process = Process::new(first).ok()?;
        self.found.extend(stats.iter().map(|stat| (stat.pid.cast_unsigned(), stat.starttime, program)));
        self.refresh(&[]);
        Some(Found {
            pid: first.cast_unsigned(),
            command: process.cmdline().unwrap_or_default(),
            cwd: process.cwd().ok().map(|path| path.to_string_lossy().into_owned()),
        })
    }

    /// Every live process with its program.
    pub fn members(&self) -> impl Iterator<Item = (u32, usize)> + '_ {
        self.everybody().filter(|(pid, _)| !self.members[pid].zombie)
    }

    /// Zombies too.
    pub fn everybody(&self) -> impl Iterator<Item = (u32, usize)> + '_ {
        self.members.iter().filter_map(|(&pid, member)| Some((pid, member.program?)))
    }

    /// Every live process that we may end, with its process group.
    pub fn ours(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.members
            .iter()
            .filter(|(_, member)| member.ours && !member.zombie)
            .map(|(&pid, member)| (pid, member.group))
    }

    /// Whether the process was alive at the last look.
    pub fn holds(&self, pid: u32) -> bool {
        self.members.get(&pid).is_some_and(|member| !member.zombie)
    }

    /// Looks anew. `roots` are the stage's own children that have not been reaped.
    pub fn refresh(&mut self, roots: &[(u32, usize)]) {
        let children = Children::open();
        let before = std::mem::take(&mut self.members);
        for (pid, starttime, program) in self.found.clone() {
            if let Some(stat) = stat(pid.cast_signed()).filter(|stat| stat.starttime == starttime) {
                self.take(&children, stat, Some(program), false);
            }
        }
        for stat in children.of(std::process::id().cast_signed()).into_iter().filter_map(stat) {
            self.take_child(&children, stat, roots, &before);
        }
        // Those that another reaper took over, where we are not the reaper.
        for (pid, member) in before {
            if let Some(stat) =
                stat(pid.cast_signed()).filter(|stat| stat.starttime == member.starttime && !ended(stat))
            {
                self.take(&children, stat, member.program, member.ours);
            }
        }
    }

    /// Takes in a direct child of this process if it is the stage's: one it started, or an orphan that came back.
    fn take_child(&mut self, children: &Children, stat: Stat, roots: &[(u32, usize)], before: &BTreeMap<u32, Member>) {
        let pid = stat.pid.cast_unsigned();
        if let Some(&(_, program)) = roots.iter().find(|&&(root, _)| root == pid) {
            return self.take(children, stat, Some(program), true);
        }
        let known =
            before.get(&pid).filter(|member| member.starttime == stat.starttime).and_then(|member| member.program);
        let program = known.or_else(|| self.recognise(&stat));
        let stray = self.claims_orphans && stat.pgrp != nix::unistd::getpgrp().as_raw();
        if program.is_none() && !stray {
            return;
        }
        if ended(&stat) {
            // Nobody else will reap it.
            let _ = waitpid(Pid::from_raw(stat.pid), Some(WaitPidFlag::WNOHANG));
            return;
        }
        let only = self.started.first().copied().filter(|_| self.started.len() == 1);
        self.take(children, stat, program.or(only), true);
    }

    /// Whose orphan this is, by its session, its group or its environment.
    fn recognise(&self, stat: &Stat) -> Option<usize> {
        let group = self.groups.get(&stat.session).or_else(|| self.groups.get(&stat.pgrp));
        group.copied().or_else(|| {
            let environment = std::fs::read(format!("/proc/{}/environ", stat.pid)).ok()?;
            let entry =
                environment.split(|&byte| byte == 0).find_map(|entry| entry.strip_prefix(self.mark.as_bytes()))?;
            std::str::from_utf8(entry).ok()?.parse().ok()
        })
    }

    /// Takes in a process and all its descendants.
    fn take(&mut self, children: &Children, stat: Stat, program: Option<usize>, ours: bool) {
        let mut waiting = vec![stat];
        while let Some(stat) = waiting.pop() {
            let pid = stat.pid.cast_unsigned();
            if pid == std::process::id() || self.members.contains_key(&pid) {
                continue;
            }
            if let (Some(program), true) = (program, ours) {
                self.remember_groups(&stat, program);
            }
            let (starttime, group) = (stat.starttime, stat.pgrp.cast_unsigned());
            self.members.insert(pid, Member { program, starttime, group, zombie: ended(&stat), ours });
            waiting.extend(children.of(stat.pid).into_iter().filter_map(self::stat));
        }
    }

    fn remember_groups(&mut self, stat: &Stat, program: usize) {
        let own = (nix::unistd::getpgrp().as_raw(), nix::unistd::getsid(None).map_or(0, Pid::as_raw));
        for group in [stat.pgrp, stat.session] {
            if group != own.0 && group != own.1 {
                self.groups.insert(group, program);
            }
        }
    }
}

/// A process that is gone by now is none.
fn stat(pid: i32) -> Option<Stat> {
    Process::new(pid).ok()?.stat().ok()
}

/// Whether nothing of the process runs any more. A first thread that left before the others is a zombie too.
pub fn ended(stat: &Stat) -> bool {
    matches!(stat.state, 'Z' | 'X') && stat.num_threads <= 1
}

/// Where the children of a process are read.
enum Children {
    /// /proc/PID/task/TID/children: as many reads as there are processes of ours.
    Listed,
    /// Every process of the machine by its parent, on kernels without that file (CONFIG_PROC_CHILDREN).
    Table(BTreeMap<i32, Vec<i32>>),
}

impl Children {
    fn open() -> Self {
        if std::fs::exists("/proc/thread-self/children").unwrap_or(false) { Self::Listed } else { Self::table() }
    }

    fn table() -> Self {
        let mut table: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
        let stats = all_processes().into_iter().flatten().filter_map(|process| process.ok()?.stat().ok());
        stats.for_each(|stat| table.entry(stat.ppid).or_default().push(stat.pid));
        Self::Table(table)
    }

    fn of(&self, pid: i32) -> Vec<i32> {
        match self {
            Self::Table(table) => table.get(&pid).cloned().unwrap_or_default(),
            Self::Listed => {
                let tasks = Process::new(pid).and_then(|process| process.tasks()).into_iter().flatten();
                let children = tasks.filter_map(|task| task.ok()?.children().ok()).flatten();
                children.map(u32::cast_signed).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_finding_children_agree() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let pid = child.id().cast_signed();
        let myself = std::process::id().cast_signed();
        let both = [Children::open(), Children::table()].map(|children| children.of(myself).contains(&pid));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(both, [true, true]);
    }
}
