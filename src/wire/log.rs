//! Which packets passed and who spoke when: the same list for connections and for UDP exchanges.

use super::kept::{Ends, Room};
use crate::evidence::{At, Conversation, Note, Port, Segment, Turn};

/// How many turns of the beginning are kept.
pub const TURNS_HEAD: usize = 200;
/// How many turns of the end are kept.
pub const TURNS_TAIL: usize = 50;
const SEGMENTS_HEAD: usize = 200;
const SEGMENTS_TAIL: usize = 50;
/// How many segments of the beginning are kept even when the common room is used up.
const SEGMENTS_AT_LEAST: usize = 16;
/// What a kept segment costs, its excerpt included.
const SEGMENT_COST: usize = size_of::<Segment>() + Segment::EXCERPT;

/// What is common to connections and to UDP exchanges: the packets and the turns.
#[derive(Debug, Clone)]
pub(super) struct Log {
    segments: Ends<Segment>,
    turns: Ends<Turn>,
}

impl Log {
    pub(super) fn new() -> Self {
        Self { segments: Ends::new(SEGMENTS_TAIL), turns: Ends::new(TURNS_TAIL) }
    }

    pub(super) fn segment(&mut self, segment: Segment, room: &mut Room) {
        let list = &mut self.segments;
        let begins = list.begins() && list.head_len() < SEGMENTS_HEAD;
        if begins && (list.head_len() < SEGMENTS_AT_LEAST || room.take(SEGMENT_COST) == SEGMENT_COST) {
            list.push_head(segment);
        } else {
            list.push_tail(segment);
        }
    }

    /// Notes `fresh` payload bytes at `offset`.
    pub(super) fn speak(&mut self, from: Port, offset: u64, fresh: u64, at: At) {
        match self.turns.last_mut() {
            Some(turn) if turn.from == from => {
                turn.len += fresh;
                turn.segments += 1;
                turn.last = at;
            }
            _ => {
                let turn = Turn { from, offset, len: fresh, segments: 1, first: at, last: at };
                if self.turns.begins() && self.turns.head_len() < TURNS_HEAD {
                    self.turns.push_head(turn);
                } else {
                    self.turns.push_tail(turn);
                }
            }
        }
    }

    /// A hole before `next` was filled: what had come after it was only out of order.
    pub(super) fn fill(&mut self, from: Port, next: u64) {
        for segment in self.segments.iter_mut() {
            if segment.from == from && segment.note == Some(Note::AfterGap) && segment.offset < next {
                segment.note = Some(Note::OutOfOrder);
            }
        }
    }

    /// Writes the log into `conversation`.
    pub(super) fn write(&self, conversation: &mut Conversation) {
        conversation.segments = self.segments.to_vec();
        conversation.segments_head = self.segments.head_len();
        conversation.segments_omitted = self.segments.omitted();
        conversation.turns = self.turns.to_vec();
        conversation.turns_omitted = self.turns.omitted();
    }
}
