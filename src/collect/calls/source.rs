//! Names and lines of places in machine code, by the symbols and the debug data (DWARF) of their files. A file that has
//! neither, or is gone, tells nothing; and since whoever is on the stand may have made it, none is read without bounds.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use addr2line::{Context, demangle_auto};
use gimli::{Dwarf, EndianArcSlice, Error, RunTimeEndian, SectionId};
use object::{CompressionFormat, Object, ObjectSection, ObjectSymbol, ReadCache, SymbolKind};

use super::line::Spot;
use crate::collect::printable::printable;
use crate::evidence::Frame;

/// Where libraries and the sources of compilers' own parts are; a program's own source is elsewhere.
const OF_OTHERS: [&str; 4] = ["/usr/", "/rustc/", "/lib", "/build/"];
/// A longer section is not read; the debug data of a large Rust program is a few tens of megabytes.
const SECTION: u64 = 64 << 20;
/// A longer source file is not looked into.
const TEXT: u64 = 4 << 20;
/// What every C program begins with before its own first function.
const START: &str = "_start";
/// Names of functions are cut to so many characters; those of C++ templates would fill a page.
const NAME: usize = 100;
/// A line of source beyond this length says nothing that a person would read.
const LINE: usize = 300;

type Debug = Context<EndianArcSlice<RunTimeEndian>>;

/// The files that have been read so far.
#[derive(Default)]
pub struct Sources {
    files: BTreeMap<PathBuf, Option<Code>>,
}

impl Sources {
    /// The program's own functions on a stack, innermost first, and the innermost line that is its own.
    pub fn read(&mut self, stack: &[Spot]) -> (Vec<String>, Option<Frame>) {
        let (mut functions, mut line) = (Vec::new(), None);
        for spot in stack.iter().filter(|spot| is_own(&spot.file.to_string_lossy())) {
            let code = self.files.entry(spot.file.clone()).or_insert_with(|| Code::read(&spot.file));
            let Some(code) = code else { continue };
            let before = functions.len();
            functions.extend(code.functions(spot.address).into_iter().filter(|name| name != START));
            let function = functions.get(before).cloned().unwrap_or_default();
            line = line.or_else(|| code.line(spot.address, function));
        }
        (functions, line)
    }
}

/// A program file or library.
struct Code {
    debug: Option<Debug>,
    functions: Vec<(Range<u64>, String)>,
}

impl Code {
    fn read(path: &Path) -> Option<Self> {
        let cache = ReadCache::new(File::open(path).ok()?);
        let file = object::File::parse(&cache).ok()?;
        let endian = if file.is_little_endian() { RunTimeEndian::Little } else { RunTimeEndian::Big };
        let section = |id: SectionId| {
            let found = file.section_by_name(id.name()).and_then(|section| bytes(&section));
            Ok::<_, Error>(EndianArcSlice::new(Arc::from(found.unwrap_or_default()), endian))
        };
        let debug = Dwarf::load(section).ok().and_then(|dwarf| Context::from_dwarf(dwarf).ok());
        let functions = file
            .symbols()
            .chain(file.dynamic_symbols())
            .filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.size() > 0)
            .filter_map(|symbol| {
                let name = shown(&demangle_auto(symbol.name().ok()?.into(), None));
                Some((symbol.address()..symbol.address().saturating_add(symbol.size()), name))
            })
            .collect();
        Some(Self { debug, functions })
    }

    /// The function at that place and those it was inlined into; without debug data, by the symbol alone.
    fn functions(&self, address: u64) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        if let Some(mut frames) = self.debug.as_ref().and_then(|debug| debug.find_frames(address).skip_all_loads().ok())
        {
            while let Ok(Some(frame)) = frames.next() {
                names.extend(frame.function.and_then(|function| Some(shown(&function.demangle().ok()?))));
            }
        }
        if names.is_empty() {
            let of_symbol = self.functions.iter().find(|(range, _)| range.contains(&address));
            names.extend(of_symbol.map(|(_, name)| name.clone()));
        }
        names
    }

    fn line(&self, address: u64, function: String) -> Option<Frame> {
        let mut frames = self.debug.as_ref()?.find_frames(address).skip_all_loads().ok()?;
        while let Ok(Some(frame)) = frames.next() {
            let place = frame.location.and_then(|place| Some((place.file?.to_owned(), place.line?)));
            if let Some((file, line)) = place.filter(|(file, line)| is_own(file) && *line > 0) {
                let source = text(Path::new(&file), line).unwrap_or_default();
                return Some(Frame { file, line, function, source });
            }
        }
        None
    }
}

/// What a section holds, unless it is very long, or packed: there is no telling how much would come out.
pub fn bytes<'data>(section: &impl ObjectSection<'data>) -> Option<Vec<u8>> {
    let packed = section.compressed_file_range().ok()?.format != CompressionFormat::None;
    if packed || section.size() > SECTION {
        return None;
    }
    Some(section.data().ok()?.to_vec())
}

/// A name may be anything that somebody wrote into the file.
fn shown(name: &str) -> String {
    printable(name.as_bytes(), NAME)
}

fn is_own(path: &str) -> bool {
    OF_OTHERS.iter().all(|start| !path.starts_with(start)) && !path.contains("/.cargo/")
}

/// That line of the file, without its indentation.
fn text(path: &Path, line: u32) -> Option<String> {
    if fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() <= TEXT) {
        let text = BufReader::new(File::open(path).ok()?).lines().nth(line as usize - 1)?.ok()?;
        return Some(text.trim().chars().take(LINE).collect());
    }
    None
}
