//! Where a thread was when its own doing ended it: the return addresses on its stack, by the unwind tables of the files it
//! was made of. It reads the stopped thread and changes nothing in it; names and lines are found later.

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use framehop::{ExplicitModuleSectionInfo, Module, Unwinder};
use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use object::{Object, ObjectSection, ObjectSegment, ReadCache};
use procfs::process::{MMPermissions, MMapPath, MemoryMap, Process};

use super::line::Spot;
use super::registers::{self, StackRegisters};
use super::source;

/// How deep a stack is followed. What matters is near its end; endless recursion is a crash of its own.
const DEPTH: usize = 64;

#[cfg(target_arch = "x86_64")]
type Machine<D> = framehop::x86_64::UnwinderX86_64<D>;
#[cfg(target_arch = "x86_64")]
type Cache = framehop::x86_64::CacheX86_64;
#[cfg(target_arch = "aarch64")]
type Machine<D> = framehop::aarch64::UnwinderAarch64<D>;
#[cfg(target_arch = "aarch64")]
type Cache = framehop::aarch64::CacheAarch64;

/// Whether the signal comes from what the thread itself did (siginfo_t, sigaction(2)), and not from somebody's kill(2).
pub fn is_own_doing(tid: i32, signal: Signal) -> bool {
    match signal {
        // abort(3) sends it to itself.
        Signal::SIGABRT => true,
        Signal::SIGSEGV | Signal::SIGBUS | Signal::SIGFPE | Signal::SIGILL => {
            ptrace::getsiginfo(Pid::from_raw(tid)).is_ok_and(|info| info.si_code > 0)
        }
        _ => false,
    }
}

/// The stack of a stopped thread, innermost first, as far as it can be followed.
pub fn stack(tid: i32) -> Vec<Spot> {
    walk(tid).unwrap_or_default()
}

fn walk(tid: i32) -> Option<Vec<Spot>> {
    let position = registers::position(Pid::from_raw(tid)).ok()?;
    let files = files(tid)?;
    let memory = File::open(format!("/proc/{tid}/mem")).ok()?;
    let mut read = |address: u64| {
        let mut word = [0; 8];
        memory.read_exact_at(&mut word, address).map_err(drop)?;
        Ok(u64::from_ne_bytes(word))
    };
    let mut unwinder = Machine::new();
    files.iter().filter_map(Loaded::module).for_each(|module| unwinder.add_module(module));
    let mut cache = Cache::new();
    let mut addresses = vec![position.instruction];
    // A call through a null pointer: no table knows the place, and the way back lies on top of the stack.
    let registers = if files.iter().any(|file| file.range.contains(&position.instruction)) {
        position.stack
    } else {
        let (caller, registers) = after_a_lost_call(position.stack, &mut read)?;
        addresses.push(caller - 1);
        registers
    };
    let start = addresses.last().copied()?;
    let mut frames = unwinder.iter_frames(start, registers, &mut cache, &mut read);
    // The first one is where it starts from.
    let _ = frames.next();
    while let Ok(Some(frame)) = frames.next() {
        addresses.push(frame.address_for_lookup());
        if addresses.len() >= DEPTH {
            break;
        }
    }
    Some(addresses.into_iter().filter_map(|address| files.iter().find_map(|file| file.spot(address))).collect())
}

/// Where a function would have returned to that was never entered, and the registers as if it had.
#[cfg(target_arch = "x86_64")]
fn after_a_lost_call(
    stack: StackRegisters,
    read: &mut impl FnMut(u64) -> Result<u64, ()>,
) -> Option<(u64, StackRegisters)> {
    let caller = read(stack.sp()).ok()?;
    Some((caller, StackRegisters::new(caller, stack.sp() + 8, stack.bp())))
}

/// Where a function would have returned to that was never entered, and the registers as if it had.
#[cfg(target_arch = "aarch64")]
fn after_a_lost_call(
    stack: StackRegisters,
    _read: &mut impl FnMut(u64) -> Result<u64, ()>,
) -> Option<(u64, StackRegisters)> {
    Some((stack.lr(), stack))
}

/// A file of which machine code is mapped.
struct Loaded {
    path: PathBuf,
    /// The addresses of its code.
    range: Range<u64>,
    /// What is added to the file's own addresses.
    bias: u64,
}

impl Loaded {
    fn new(path: &Path, map: &MemoryMap) -> Option<Self> {
        let cache = ReadCache::new(File::open(path).ok()?);
        let file = object::File::parse(&cache).ok()?;
        let segment = file.segments().find(|segment| {
            let (offset, size) = segment.file_range();
            (offset..offset + size).contains(&map.offset) || (map.offset..map.offset + page(map)).contains(&offset)
        })?;
        let stated = segment.address().wrapping_sub(segment.file_range().0).wrapping_add(map.offset);
        let (from, to) = map.address;
        Some(Self { path: path.to_owned(), range: from..to, bias: from.wrapping_sub(stated) })
    }

    /// What the unwinder needs of it.
    fn module(&self) -> Option<Module<Vec<u8>>> {
        let cache = ReadCache::new(File::open(&self.path).ok()?);
        let file = object::File::parse(&cache).ok()?;
        let section = |name: &str| file.section_by_name(name);
        let data = |name: &str| source::bytes(&section(name)?);
        let range = |name: &str| section(name).map(|it| it.address()..it.address() + it.size());
        let tables = ExplicitModuleSectionInfo {
            base_svma: 0,
            text_svma: range(".text"),
            eh_frame_svma: range(".eh_frame"),
            eh_frame: data(".eh_frame"),
            eh_frame_hdr_svma: range(".eh_frame_hdr"),
            eh_frame_hdr: data(".eh_frame_hdr"),
            got_svma: range(".got"),
            ..ExplicitModuleSectionInfo::default()
        };
        Some(Module::new(self.path.to_string_lossy().into_owned(), self.range.clone(), self.bias, tables))
    }

    fn spot(&self, address: u64) -> Option<Spot> {
        let here = self.range.contains(&address);
        here.then(|| Spot { file: self.path.clone(), address: address.wrapping_sub(self.bias) })
    }
}

fn page(map: &MemoryMap) -> u64 {
    procfs::page_size().min(map.address.1 - map.address.0)
}

/// The files whose code the process has in its memory; of each the first part that is code.
fn files(tid: i32) -> Option<Vec<Loaded>> {
    let maps = Process::new(tid).ok()?.maps().ok()?;
    let mut first = BTreeMap::new();
    for map in maps.into_iter().filter(|map| map.perms.contains(MMPermissions::EXECUTE)) {
        if let MMapPath::Path(path) = &map.pathname {
            first.entry(path.clone()).or_insert(map);
        }
    }
    Some(first.iter().filter_map(|(path, map)| Loaded::new(path, map)).collect())
}
