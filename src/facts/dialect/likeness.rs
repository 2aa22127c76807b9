//! Whether the server's answers are made of what it was sent, even if damaged.

use super::Learned;
use super::reading::{Reading, Readings};
use super::wording::Wording;

/// Openings of protocols that may quote a request in an error message without being echo servers.
const OTHER_PROTOCOLS: [&[u8]; 4] = [b"HTTP/", b"SSH-", b"RTSP/", b"SIP/"];

/// How much of a text must come back in one piece for a damaged echo to be called one. A byte changed in the middle
/// leaves nearly half; a single quoted word of a greeting is less than a third.
const SHARE: f64 = 0.4;

/// Text compared at most.
const LONGEST: usize = 512;

pub(super) fn echoes(readings: &Readings, wording: &Wording) -> Option<Learned<bool>> {
    let answered: Vec<&Reading> = readings.all.iter().filter(|r| r.answered()).collect();
    if answered.is_empty() {
        return None;
    }
    let like: Vec<usize> = answered.iter().filter(|r| is_made_of_it(r)).map(|r| r.index).take(8).collect();
    if !like.is_empty() {
        let rests_on = if wording.rests_on.is_empty() { like } else { wording.rests_on.clone() };
        return Some(Learned::new(true, rests_on));
    }
    Some(Learned::new(false, answered.iter().map(|r| r.index).take(8).collect::<Vec<_>>()))
}

fn is_made_of_it(reading: &Reading) -> bool {
    let got = reading.got();
    if OTHER_PROTOCOLS.iter().any(|opening| got.starts_with(opening)) {
        return false;
    }
    let text = reading.text(0).unwrap_or(&reading.sent);
    let text = &text[..text.len().min(LONGEST)];
    let got = &got[..got.len().min(LONGEST)];
    longest_common_run(text, got) as f64 >= SHARE * text.len() as f64
}

/// Length of the longest run of bytes, in any case, that both hold.
fn longest_common_run(a: &[u8], b: &[u8]) -> usize {
    let mut best = 0;
    let mut above = vec![0usize; b.len() + 1];
    for x in a {
        let mut row = vec![0usize; b.len() + 1];
        for (at, y) in b.iter().enumerate() {
            if x.eq_ignore_ascii_case(y) {
                row[at + 1] = above[at] + 1;
                best = best.max(row[at + 1]);
            }
        }
        above = row;
    }
    best
}
