//! A class in figures: how marks are spread, and how many submissions have which fault.

use std::collections::{BTreeMap, BTreeSet};

use super::told::Sheet;

/// Each fault and the number of submissions it was found in, most frequent first.
#[must_use]
pub fn faults(sheets: &[Sheet]) -> Vec<(&str, usize)> {
    let mut found: BTreeMap<&str, usize> = BTreeMap::new();
    for sheet in sheets {
        let own: BTreeSet<&str> =
            sheet.checks.iter().filter_map(|item| item.finding.as_ref()?.fault.as_deref()).collect();
        for fault in own {
            *found.entry(fault).or_default() += 1;
        }
    }
    let mut found: Vec<_> = found.into_iter().collect();
    found.sort_by(|(_, one), (_, other)| other.cmp(one));
    found
}

/// How many submissions have up to 10 %, 20 %, … 100 % of the points.
#[must_use]
pub fn spread(sheets: &[Sheet]) -> [usize; 10] {
    let mut bins = [0; 10];
    for share in sheets.iter().filter_map(share) {
        bins[((share * 10.0).ceil() as usize).clamp(1, 10) - 1] += 1;
    }
    bins
}

/// Mean and median of the points, if there are any submissions.
#[must_use]
pub fn averages(sheets: &[Sheet]) -> Option<(f64, f64)> {
    let mut points: Vec<f64> = sheets.iter().map(|sheet| sheet.points).collect();
    points.sort_by(f64::total_cmp);
    let middle = points.len() / 2;
    let median = match points.len() % 2 {
        _ if points.is_empty() => return None,
        0 => f64::midpoint(points[middle - 1], points[middle]),
        _ => points[middle],
    };
    Some((points.iter().sum::<f64>() / points.len() as f64, median))
}

/// Points got as a part of those there are, from 0 to 1.
#[must_use]
pub fn share(sheet: &Sheet) -> Option<f64> {
    (sheet.out_of > 0.0).then(|| (sheet.points / sheet.out_of).clamp(0.0, 1.0))
}

/// What could not be isolated for any of the submissions, once each.
#[must_use]
pub fn not_isolated(sheets: &[Sheet]) -> BTreeSet<&str> {
    sheets.iter().flat_map(|sheet| &sheet.not_isolated).map(String::as_str).collect()
}
