//! Folders named after submissions, whatever these call themselves: inside their parent, on any system, one for each.

use std::collections::HashSet;

/// Characters a folder's name may have, before what tells it from another.
const LONGEST: usize = 60;

/// One name each, in the given order. Letters and digits of any script, blanks and `-_.,` stay; what would
/// then be the same as an earlier name gets a number.
pub fn names<'n>(submissions: impl Iterator<Item = &'n str>) -> Vec<String> {
    let mut taken = HashSet::new();
    submissions.map(|name| free(&clean(name), &mut taken)).collect()
}

fn clean(name: &str) -> String {
    let kept = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ',' | ' ');
    let replaced: String = name.chars().map(|c| if kept(c) { c } else { '_' }).take(LONGEST).collect();
    // A leading dot hides, `..` leaves, a leading dash is an option, and some systems drop dots and blanks at the end.
    let inner = replaced.trim_matches(|c: char| matches!(c, '.' | ' ')).trim_start_matches('-');
    if inner.is_empty() || is_device(inner) { format!("_{inner}") } else { inner.to_owned() }
}

/// Names that Windows keeps for devices, with any ending.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let numbered = |device: &str| {
        stem.strip_prefix(device).is_some_and(|rest| rest.len() == 1 && rest.chars().all(|c| c.is_ascii_digit()))
    };
    matches!(stem.as_str(), "con" | "prn" | "aux" | "nul") || numbered("com") || numbered("lpt")
}

/// Compared without case, as some file systems do.
fn free(name: &str, taken: &mut HashSet<String>) -> String {
    let mut candidate = name.to_owned();
    let mut number = 2;
    while !taken.insert(candidate.to_lowercase()) {
        candidate = format!("{name}~{number}");
        number += 1;
    }
    candidate
}

#[cfg(test)]
mod tests {
    use std::path::{Component, Path};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_ordinary_name_stays_and_a_hostile_one_stays_inside() {
        let names =
            names(["Zoë Müller", "../../etc/passwd", "", "CON.txt", "-rf", "zoë müller", "a/b", "a:b"].into_iter());
        assert_eq!(names, ["Zoë Müller", "_.._etc_passwd", "_", "_CON.txt", "rf", "zoë müller~2", "a_b", "a_b~2"]);
    }

    proptest! {
        #[test]
        fn every_name_is_one_component_and_no_two_are_the_same(wanted in prop::collection::vec(any::<String>(), 0..12)) {
            let names = names(wanted.iter().map(String::as_str));
            let distinct: HashSet<String> = names.iter().map(|name| name.to_lowercase()).collect();
            prop_assert_eq!(distinct.len(), wanted.len());
            for name in &names {
                let parts: Vec<_> = Path::new(name).components().collect();
                prop_assert!(matches!(parts[..], [Component::Normal(_)]), "{:?}", name);
                prop_assert!(name.len() <= 255);
            }
        }
    }
}
