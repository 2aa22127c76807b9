//! Which cgroup of version 2 is netdiag's own to divide, so that each recording can have one with limits
//! ([`super::Enclosure`]).
//!
//! Only what was handed over is touched: a system's cgroups, a session's, and those that anybody else lives in stay as they
//! are. A few files are read and written here, as cgroups(7) and the kernel's cgroup-v2.rst tell; a crate for both versions,
//! systemd and container runtimes would bring more than it takes away.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::enclosure::{claim_name, end, put};

const CONTROLLERS: [&str; 2] = ["memory", "pids"];

const NO_VERSION_2: &str = "no version 2 of cgroups is mounted here";
const NO_CONTROLLERS: &str = "memory and processes are not controlled through version 2 of cgroups here";
const NOT_DELEGATED: &str = "the cgroup of netdiag is not delegated to it";
const SHARED: &str = "other programs live in the cgroup of netdiag";

/// A cgroup that netdiag may divide, from [`Delegation::claim`] until it is dropped.
#[derive(Debug)]
pub struct Delegation {
    base: PathBuf,
    leaf: Option<Leaf>,
}

/// Where netdiag itself has moved to: a cgroup that hands controllers on may hold no process (cgroups(7)).
#[derive(Debug)]
struct Leaf {
    dir: PathBuf,
    /// Tells other runs that somebody lives here.
    _claim: File,
}

impl Delegation {
    /// Takes the cgroup in which netdiag was started alone, or the one above, if somebody has prepared that: delegated, with
    /// its controllers handed on. What killed runs have left there is removed.
    ///
    /// # Errors
    /// Why there is none, as a clause.
    pub fn claim() -> Result<Self, String> {
        let (here, above) = own().ok_or(NO_VERSION_2)?;
        Self::claim_at(&here, above.as_deref())
    }

    fn claim_at(here: &Path, above: Option<&Path>) -> Result<Self, String> {
        let user = nix::unistd::geteuid().as_raw();
        let sight = Sight::of(here, user);
        let above = above.map(|dir| (dir, Sight::of(dir, user)));
        match choose(sight, above.map(|(_, sight)| sight), user == 0)? {
            Choice::Here => {
                clear_leftovers(here, here);
                let leaf = move_into_leaf(here).map_err(|error| format!("dividing a cgroup was refused: {error}"))?;
                Ok(Self { base: here.to_owned(), leaf: Some(leaf) })
            }
            Choice::Above => {
                let base = above.map_or(here, |(dir, _)| dir);
                clear_leftovers(base, here);
                Ok(Self { base: base.to_owned(), leaf: None })
            }
        }
    }

    /// Below which recordings may have cgroups of their own.
    #[must_use]
    pub fn base(&self) -> &Path {
        &self.base
    }
}

impl Drop for Delegation {
    /// Leaves the cgroup as it was found, so that whoever handed it over may start the next program in it.
    fn drop(&mut self) {
        if let Some(leaf) = &self.leaf {
            // What fails here leaves an empty directory, which the next run, or whoever handed the cgroup over, removes.
            let _ = put(&self.base.join("cgroup.subtree_control"), "-memory -pids");
            let _ = put(&self.base.join("cgroup.procs"), "0");
            let _ = fs::remove_dir(&leaf.dir);
        }
    }
}

fn move_into_leaf(base: &Path) -> io::Result<Leaf> {
    let dir = base.join(claim_name(0));
    fs::create_dir_all(&dir)?;
    let leaf = Leaf { _claim: lock(&dir)?, dir };
    put(&leaf.dir.join("cgroup.procs"), "0")?;
    if let Err(error) = put(&base.join("cgroup.subtree_control"), "+memory +pids") {
        let _ = put(&base.join("cgroup.procs"), "0");
        let _ = fs::remove_dir(&leaf.dir);
        return Err(error);
    }
    Ok(leaf)
}

/// Marks a directory as used for as long as the file is open. The kernel takes the mark away from whoever is killed, and it
/// holds across process namespaces, where a process id would mean nothing.
pub(super) fn lock(dir: &Path) -> io::Result<File> {
    let file = File::open(dir)?;
    rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive)?;
    Ok(file)
}

fn clear_leftovers(base: &Path, own: &Path) {
    let Ok(entries) = fs::read_dir(base) else { return };
    for path in entries.flatten().map(|entry| entry.path()).filter(|path| path != own && is_named_by_netdiag(path)) {
        if lock(&path).is_ok() {
            end(&path);
        }
    }
}

/// `netdiag-PID-N`: nobody else's directory is touched, however it came here.
fn is_named_by_netdiag(path: &Path) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_prefix("netdiag-"));
    name.and_then(|name| name.split_once('-')).is_some_and(|(pid, n)| is_number(pid) && is_number(n))
}

/// What a cgroup shows of whose it is.
#[derive(Debug, Clone, Copy)]
struct Sight {
    /// It bears the name of a unit of systemd, which manages it unless it says otherwise.
    unit: bool,
    /// systemd says that it is delegated (systemd 251 and later).
    marked: bool,
    /// It belongs to the user who runs netdiag, and that is not root, to whom everything belongs.
    owned: bool,
    /// It is the system's first one.
    top: bool,
    /// Memory and processes can be limited below it.
    controlled: bool,
    /// They are already.
    handed_on: bool,
    /// This process is the only one in it.
    alone: bool,
}

impl Sight {
    fn of(dir: &Path, user: u32) -> Self {
        let read = |file: &str| fs::read_to_string(dir.join(file)).unwrap_or_default();
        let names_controllers = |file: &str| {
            let text = read(file);
            CONTROLLERS.iter().all(|controller| text.split_ascii_whitespace().any(|word| word == *controller))
        };
        let unit = dir.extension().is_some_and(|kind| ["scope", "service", "slice"].iter().any(|unit| kind == *unit));
        let mut mark = [0; 2];
        let marked = rustix::fs::getxattr(dir, "user.delegate", &mut mark).is_ok_and(|len| mark[..len] == *b"1");
        Self {
            unit,
            marked,
            owned: user != 0 && fs::metadata(dir).is_ok_and(|about| about.uid() == user),
            top: !dir.join("cgroup.type").exists(),
            controlled: names_controllers("cgroup.controllers"),
            handed_on: names_controllers("cgroup.subtree_control"),
            alone: read("cgroup.procs").trim() == std::process::id().to_string(),
        }
    }

    fn is_delegated(self) -> bool {
        !self.top && (self.marked || (self.owned && !self.unit))
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Choice {
    Here,
    Above,
}

/// Root may write everywhere, so for root being allowed to means nothing: it takes the cgroup it is alone in, and nothing
/// above that is not marked. (A container's own is such a one; above it lies what would free its programs of its limits.)
fn choose(here: Sight, above: Option<Sight>, root: bool) -> Result<Choice, &'static str> {
    if above.is_some_and(|above| above.is_delegated() && above.handed_on) && !here.unit {
        return Ok(Choice::Above);
    }
    if !here.controlled {
        return Err(NO_CONTROLLERS);
    }
    if here.top || !(here.is_delegated() || root && !here.unit) {
        return Err(NOT_DELEGATED);
    }
    if here.alone { Ok(Choice::Here) } else { Err(SHARED) }
}

/// The cgroup of this process, and the one above as far as it can be reached.
#[cfg(target_os = "linux")]
fn own() -> Option<(PathBuf, Option<PathBuf>)> {
    let this = procfs::process::Process::myself().ok()?;
    let path = this.cgroups().ok()?.into_iter().find(|cgroup| cgroup.hierarchy == 0)?.pathname;
    let mount = this.mountinfo().ok()?.into_iter().find(|mount| mount.fs_type == "cgroup2")?;
    below(&mount.mount_point, &mount.root, &path)
}

/// Elsewhere there are none.
#[cfg(not(target_os = "linux"))]
fn own() -> Option<(PathBuf, Option<PathBuf>)> {
    None
}

/// Where a cgroup is to be found, if `root` of the hierarchy is mounted at `mount`. A path that leads out of what is mounted
/// (from a cgroup namespace that began elsewhere) has no place.
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "only Linux has cgroups"))]
fn below(mount: &Path, root: &str, path: &str) -> Option<(PathBuf, Option<PathBuf>)> {
    let inside = Path::new(path).strip_prefix(root).ok()?;
    let plain = |part| matches!(part, std::path::Component::Normal(_));
    if !inside.components().all(plain) {
        return None;
    }
    // Joining nothing would add a slash, and with it another path.
    let here = if inside.as_os_str().is_empty() { mount.to_owned() } else { mount.join(inside) };
    let above = here.parent().filter(|above| above.starts_with(mount)).map(Path::to_owned);
    Some((here, above))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    const OURS: Sight =
        Sight { unit: false, marked: false, owned: true, top: false, controlled: true, handed_on: false, alone: true };

    /// A directory with the files of a cgroup.
    fn cgroup(dir: &Path, files: &[(&str, &str)]) {
        fs::create_dir_all(dir).unwrap();
        for (name, text) in files {
            fs::write(dir.join(name), text).unwrap();
        }
    }

    fn told(dir: &Path, file: &str) -> String {
        fs::read_to_string(dir.join(file)).unwrap()
    }

    #[test]
    fn what_nobody_has_handed_over_is_not_taken() {
        let unit = Sight { unit: true, ..OURS };
        assert_eq!(choose(unit, None, false), Err(NOT_DELEGATED));
        assert_eq!(choose(unit, None, true), Err(NOT_DELEGATED));
        assert_eq!(choose(Sight { marked: true, ..unit }, None, false), Ok(Choice::Here));
        assert_eq!(choose(Sight { top: true, ..OURS }, None, true), Err(NOT_DELEGATED));
        assert_eq!(choose(Sight { owned: false, ..OURS }, None, false), Err(NOT_DELEGATED));
        assert_eq!(choose(Sight { owned: false, ..OURS }, None, true), Ok(Choice::Here));
    }

    #[test]
    fn a_cgroup_that_others_live_in_is_not_divided() {
        assert_eq!(choose(Sight { alone: false, ..OURS }, None, false), Err(SHARED));
        assert_eq!(choose(Sight { controlled: false, ..OURS }, None, false), Err(NO_CONTROLLERS));
    }

    #[test]
    fn the_cgroup_above_is_taken_only_if_somebody_prepared_it() {
        let prepared = Sight { handed_on: true, alone: false, ..OURS };
        let here = Sight { alone: false, controlled: false, ..OURS };
        assert_eq!(choose(here, Some(prepared), false), Ok(Choice::Above));
        // A scope below the manager of a user's session, which is delegated to that manager.
        let manager = Sight { unit: true, marked: true, ..prepared };
        assert_eq!(choose(Sight { unit: true, ..OURS }, Some(manager), false), Err(NOT_DELEGATED));
        assert_eq!(choose(OURS, Some(Sight { handed_on: false, ..prepared }), false), Ok(Choice::Here));
        // What a container's root may write above the container is the engine's all the same.
        let engine = Sight { owned: false, ..prepared };
        assert_eq!(choose(Sight { owned: false, ..OURS }, Some(engine), true), Ok(Choice::Here));
    }

    #[test]
    fn netdiag_moves_into_a_leaf_hands_the_controllers_on_and_takes_all_of_it_back() {
        let place = tempfile::tempdir().unwrap();
        let base = place.path().join("ours");
        let me = std::process::id().to_string();
        cgroup(&base, &[("cgroup.type", "domain"), ("cgroup.procs", &format!("{me}\n"))]);
        cgroup(&base, &[("cgroup.controllers", "cpu memory pids\n"), ("cgroup.subtree_control", "")]);
        let leaf = base.join(claim_name(0));
        cgroup(&leaf, &[("cgroup.procs", "")]);
        let delegation = Delegation::claim_at(&base, None).unwrap();
        assert_eq!(delegation.base(), base);
        assert_eq!(told(&leaf, "cgroup.procs"), "0");
        assert_eq!(told(&base, "cgroup.subtree_control"), "+memory +pids");
        drop(delegation);
        assert_eq!(told(&base, "cgroup.subtree_control"), "-memory -pids");
        assert_eq!(told(&base, "cgroup.procs"), "0");
    }

    #[test]
    fn a_cgroup_with_another_process_in_it_stays_untouched() {
        let place = tempfile::tempdir().unwrap();
        let base = place.path().join("ours");
        let both = format!("{}\n1\n", std::process::id());
        cgroup(&base, &[("cgroup.type", "domain"), ("cgroup.procs", &both)]);
        cgroup(&base, &[("cgroup.controllers", "memory pids"), ("cgroup.subtree_control", "")]);
        assert_eq!(Delegation::claim_at(&base, None).unwrap_err(), SHARED);
        assert_eq!((told(&base, "cgroup.procs"), told(&base, "cgroup.subtree_control")), (both, String::new()));
    }

    #[test]
    fn what_a_killed_run_left_is_removed_and_nothing_else() {
        let base = tempfile::tempdir().unwrap();
        let names = ["netdiag-1-2", "netdiag-3-4", "netdiag-5-6", "netdiag-class", "netdiag-7-", "other"];
        let [left, used, own, ..] = names.map(|name| base.path().join(name));
        for name in names {
            fs::create_dir_all(base.path().join(name).join("guests/deeper")).unwrap();
        }
        let claim = lock(&used).unwrap();
        clear_leftovers(base.path(), &own);
        assert!(!left.exists());
        assert!(names[1..].iter().all(|name| base.path().join(name).is_dir()));
        drop(claim);
        // A program that another test is just starting holds a copy of the lock until its exec.
        let deadline = Instant::now() + Duration::from_secs(10);
        while used.exists() {
            assert!(Instant::now() < deadline, "a cgroup nobody claims is left");
            clear_leftovers(base.path(), &own);
        }
    }

    #[test]
    fn the_way_to_a_cgroup_starts_at_what_is_mounted_and_never_leads_out_of_it() {
        let at = |root, path| below(Path::new("/sys/fs/cgroup"), root, path);
        let (here, above) = at("/", "/user.slice/a.scope").unwrap();
        assert_eq!(here, Path::new("/sys/fs/cgroup/user.slice/a.scope"));
        assert_eq!(above.as_deref(), Some(Path::new("/sys/fs/cgroup/user.slice")));
        assert_eq!(at("/docker/1", "/docker/1"), Some(("/sys/fs/cgroup".into(), None)));
        assert_eq!(at("/docker/1", "/docker/2"), None);
        assert_eq!(at("/", "/../other"), None);
    }
}
