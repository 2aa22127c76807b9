//! What is kept of something endless: its first and its last entries, and a common allowance for all beginnings.

use std::collections::VecDeque;

/// The first and the last entries of a list that may grow without end.
#[derive(Debug, Clone)]
pub(super) struct Ends<T> {
    head: Vec<T>,
    tail: VecDeque<T>,
    tail_limit: usize,
    omitted: u64,
}

impl<T> Ends<T> {
    /// An empty list that keeps at most `tail_limit` entries of its end.
    pub(super) fn new(tail_limit: usize) -> Self {
        Self { head: Vec::new(), tail: VecDeque::new(), tail_limit, omitted: 0 }
    }

    /// Whether the beginning still takes entries: it ends for good with the first entry that went to the end.
    pub(super) fn begins(&self) -> bool {
        self.tail.is_empty()
    }

    /// How many entries the beginning has.
    pub(super) fn head_len(&self) -> usize {
        self.head.len()
    }

    /// How many entries in the middle were not kept.
    pub(super) fn omitted(&self) -> u64 {
        self.omitted
    }

    /// Adds an entry to the beginning. Only right while [`Ends::begins`].
    pub(super) fn push_head(&mut self, entry: T) {
        self.head.push(entry);
    }

    /// Adds an entry to the end, and drops the oldest one there if there are too many.
    pub(super) fn push_tail(&mut self, entry: T) {
        self.tail.push_back(entry);
        if self.tail.len() > self.tail_limit {
            self.tail.pop_front();
            self.omitted += 1;
        }
    }

    /// The newest entry.
    pub(super) fn last_mut(&mut self) -> Option<&mut T> {
        if self.tail.is_empty() { self.head.last_mut() } else { self.tail.back_mut() }
    }

    /// All kept entries, oldest first.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.head.iter_mut().chain(&mut self.tail)
    }
}

impl<T: Clone> Ends<T> {
    /// All kept entries, oldest first.
    pub(super) fn to_vec(&self) -> Vec<T> {
        self.head.iter().chain(&self.tail).cloned().collect()
    }
}

/// The memory that all conversations share, in bytes. When it is used up, a conversation still keeps a small beginning of
/// its own, and always its end.
#[derive(Debug, Clone)]
pub(super) struct Room {
    /// What is left for beginnings.
    heads: usize,
    /// What waits.
    held: usize,
}

impl Room {
    /// For beginnings of streams and of segment lists.
    const HEADS: usize = 64 << 20;
    /// For bytes that wait for a hole before them to be filled.
    const WAITING: usize = 16 << 20;

    pub(super) fn new() -> Self {
        Self { heads: Self::HEADS, held: 0 }
    }

    /// Takes up to `bytes` for a beginning and says how many were granted.
    pub(super) fn take(&mut self, bytes: usize) -> usize {
        let granted = bytes.min(self.heads);
        self.heads -= granted;
        granted
    }

    /// Takes `bytes` for something that waits, whether or not there is that much left.
    pub(super) fn hold(&mut self, bytes: usize) {
        self.held += bytes;
    }

    /// Gives back what [`Room::hold`] took.
    pub(super) fn release(&mut self, bytes: usize) {
        self.held -= bytes;
    }

    /// Whether more waits than may.
    pub(super) fn overdrawn(&self) -> bool {
        self.held > Self::WAITING
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_and_the_last_entries_are_kept_and_the_middle_is_counted() {
        let mut ends = Ends::new(2);
        for entry in 0..10 {
            if entry < 3 { ends.push_head(entry) } else { ends.push_tail(entry) }
        }
        assert_eq!(ends.to_vec(), [0, 1, 2, 8, 9]);
        assert_eq!((ends.head_len(), ends.omitted()), (3, 5));
        assert_eq!(ends.last_mut(), Some(&mut 9));
    }

    #[test]
    fn no_more_is_granted_than_there_is() {
        let mut room = Room::new();
        assert_eq!(room.take(Room::HEADS - 1), Room::HEADS - 1);
        assert_eq!(room.take(5), 1);
        assert_eq!(room.take(5), 0);
        room.hold(Room::WAITING);
        assert!(!room.overdrawn());
        room.hold(1);
        assert!(room.overdrawn());
        room.release(1);
        assert!(!room.overdrawn());
    }
}
