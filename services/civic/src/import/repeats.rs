//! Ids that a file holds more than once, found while it is read.
//!
//! The importer's unique key decides what is stored; this only lets a dry run report it. Memory is bounded: past
//! [`Repeats::CAPACITY`] ids, new ones are no longer remembered.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use super::row::ImportRow;

/// What is known about an id at the row that carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Not seen before, or without id.
    First,
    /// Seen before, with the same content.
    Identical,
    /// Seen before, with other content; the first one counts.
    Other,
    /// The memory is full, so that it may have been seen.
    Unknown,
}

/// The ids of one file, as hashes of 64 bits under a random key.
#[derive(Debug, Default)]
pub struct Repeats {
    keys: RandomState,
    seen: HashMap<u64, u64>,
}

impl Repeats {
    /// Ids that are remembered; about 20 MiB.
    pub const CAPACITY: usize = 1_000_000;

    /// Looks up and remembers the id of `row`.
    pub fn check(&mut self, row: &ImportRow) -> Repeat {
        let Some(id) = row.external_id.as_deref() else {
            return Repeat::First;
        };
        let id = self.keys.hash_one(id);
        let content = self.keys.hash_one((
            (
                row.submitted_at,
                row.due_at,
                row.closed_at,
                row.status,
                &row.external_status,
                &row.service,
            ),
            (
                &row.description,
                &row.location,
                row.lat.map(f64::to_bits),
                row.lon.map(f64::to_bits),
            ),
            (
                &row.area,
                &row.channel,
                &row.assignee,
                &row.note,
                row.verdict,
                &row.attributes,
            ),
        ));
        match self.seen.get(&id) {
            Some(first) if *first == content => Repeat::Identical,
            Some(_) => Repeat::Other,
            None if self.seen.len() >= Self::CAPACITY => Repeat::Unknown,
            None => {
                self.seen.insert(id, content);
                Repeat::First
            }
        }
    }
}
