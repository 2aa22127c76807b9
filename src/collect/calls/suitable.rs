//! Which commands can be started under the tracer without anything changing for them. All others are started plainly.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Programs that trace others, and programs that run others with more rights.
const OTHERS: [&str; 14] = [
    "strace",
    "ltrace",
    "gdb",
    "gdbserver",
    "lldb",
    "lldb-server",
    "rr",
    "perf",
    "bpftrace",
    "sudo",
    "su",
    "doas",
    "pkexec",
    "run0",
];
/// Bytes of an ELF header up to and with e_machine (elf(5)).
pub const HEADER: usize = 20;
/// e_machine of this processor.
#[cfg(target_arch = "x86_64")]
const MACHINE: [u8; 2] = [62, 0];
#[cfg(target_arch = "aarch64")]
const MACHINE: [u8; 2] = [183, 0];
/// set-user-ID, and set-group-ID with execution by the group (without it that bit means locking, inode(7)).
const SETUID: u32 = 0o4000;
const SETGID: u32 = 0o2010;

/// Why the command cannot be traced, as a clause; `None` when it can.
pub fn obstacle(command: &[String], cwd: Option<&Path>) -> Option<String> {
    let word = command.first()?;
    let name = Path::new(word).file_name().unwrap_or_default().to_string_lossy();
    if OTHERS.contains(&name.as_ref()) {
        return Some(format!("{name} cannot work under another tracer"));
    }
    let Some(file) = find(word, cwd) else { return Some(format!("{word} was not found")) };
    let mut start = Vec::new();
    let read = File::open(&file).and_then(|file| file.take(HEADER as u64).read_to_end(&mut start));
    if read.is_err() {
        return Some(format!("{word} may not be read"));
    }
    // Whatever else the kernel or a shell would make of it is left to them.
    if !(start.starts_with(b"#!") || is_native(&start)) {
        return Some(format!("{word} is no program for this processor and no script that names its interpreter"));
    }
    let (uid, gid) = (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw());
    grants_rights(&file, uid, gid).then(|| format!("{word} runs with other rights than its starter's"))
}

/// Whether this is the beginning of an ELF file for this processor at this word size.
pub fn is_native(start: &[u8]) -> bool {
    start.starts_with(b"\x7fELF\x02") && start.get(18..20) == Some(&MACHINE[..])
}

/// Whether a process of this user and group that becomes this program changes its rights (execve(2), capabilities(7)).
pub fn grants_rights(file: &Path, uid: u32, gid: u32) -> bool {
    let Ok(about) = fs::metadata(file) else { return false };
    let mode = about.permissions().mode();
    let changes_user = mode & SETUID != 0 && about.uid() != uid;
    let changes_group = mode & SETGID == SETGID && about.gid() != gid;
    changes_user || changes_group || uid != 0 && has_capabilities(file)
}

fn has_capabilities(file: &Path) -> bool {
    rustix::fs::getxattr(file, "security.capability", &mut [0_u8; 64][..]).is_ok()
}

/// The file that execvp(3) would start.
fn find(word: &str, cwd: Option<&Path>) -> Option<PathBuf> {
    let is_program = |file: &PathBuf| {
        fs::metadata(file).is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0)
    };
    if word.contains('/') {
        let file = cwd.map_or_else(|| PathBuf::from(word), |cwd| cwd.join(word));
        return Some(file).filter(is_program);
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(word)).find(is_program)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(words: &[&str]) -> Option<String> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        obstacle(&words, None)
    }

    #[test]
    fn ordinary_programs_and_scripts_can_be_traced() {
        let directory = tempfile::tempdir().unwrap();
        let script = directory.path().join("script");
        fs::write(&script, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(why(&["sh", "-c", ":"]), None);
        assert_eq!(why(&[script.to_str().unwrap()]), None);
        assert_eq!(obstacle(&["./script".to_owned()], Some(directory.path())), None);
    }

    #[test]
    fn debuggers_and_whatever_raises_rights_is_left_alone() {
        assert!(why(&["/usr/bin/strace", "ls"]).is_some());
        assert!(why(&["sudo", "ls"]).is_some());
        let directory = tempfile::tempdir().unwrap();
        let raised = directory.path().join("raised");
        fs::copy("/bin/sh", &raised).unwrap();
        fs::set_permissions(&raised, fs::Permissions::from_mode(0o4755)).unwrap();
        let about = fs::metadata(&raised).unwrap();
        assert!(grants_rights(&raised, about.uid() + 1, about.gid()));
        assert!(!grants_rights(&raised, about.uid(), about.gid()), "one's own rights are no other ones");
    }

    #[test]
    fn what_is_missing_or_strange_is_left_to_the_system_to_refuse() {
        let directory = tempfile::tempdir().unwrap();
        let strange = directory.path().join("strange");
        fs::write(&strange, "echo hello\n").unwrap();
        fs::set_permissions(&strange, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(why(&[strange.to_str().unwrap()]).is_some());
        assert!(why(&["netdiag-no-such-program"]).is_some());
        assert!(!is_native(b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x03\0"), "32 bits");
    }
}
