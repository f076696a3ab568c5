//! What one request or job asked of the database, in order: the matter from which the detectors judge.
//!
//! A trace is bounded and holds no values, only prints of them: short numbers by which two values can be told apart.

use std::borrow::Cow;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};

use crate::Print;

/// Statements of one request or job that are kept; later ones are counted.
pub const MOST_EVENTS: usize = 256;

/// What a detector can find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// One statement again and again, for one key after the other.
    NPlusOne,
    /// The same question asked again, with the same answer.
    RepeatedRead,
    /// Reads that waited for each other although none needs another's answer.
    SerialReads,
    /// Rows of a relation that were loaded and that nobody looked at.
    UnusedLoad,
    /// A statement reads many rows to find few.
    MissingIndex,
}

impl FindingKind {
    /// The word in logs, metrics and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NPlusOne => "n_plus_one",
            Self::RepeatedRead => "repeated_read",
            Self::SerialReads => "serial_reads",
            Self::UnusedLoad => "unused_load",
            Self::MissingIndex => "missing_index",
        }
    }
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why something that a detector finds is meant to be so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excuse {
    /// What is meant to be so; everything else is still found.
    pub kind: FindingKind,
    /// Why, in one sentence.
    pub reason: Cow<'static, str>,
}

/// The place in the code that asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Site {
    /// The file, as the compiler names it.
    pub file: Cow<'static, str>,
    /// The line.
    pub line: u32,
    /// The column; two calls may stand in one line.
    pub column: u32,
}

impl From<&'static Location<'static>> for Site {
    fn from(place: &'static Location<'static>) -> Self {
        Self {
            file: Cow::Borrowed(place.file()),
            line: place.line(),
            column: place.column(),
        }
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// How a statement was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// By itself.
    #[default]
    Run,
    /// One key of a keyed load, which may share its statement.
    Load,
    /// Many keys of a keyed load.
    LoadMany,
    /// As part of a batch.
    Batch,
}

/// What a statement answers, by its declared shape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerShape {
    /// Any number of rows.
    #[default]
    List,
    /// Exactly one row.
    One,
    /// One row or none; often the condition for what follows.
    Maybe,
    /// No rows: how many were changed.
    Affected,
}

/// Whether anybody looked at rows that were loaded.
#[derive(Debug, Default)]
pub struct Looked(AtomicBool);

impl Looked {
    /// Somebody looks.
    pub fn note(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// One statement.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TraceEvent {
    /// Its declared name.
    #[serde(rename = "s")]
    pub statement: Cow<'static, str>,
    /// Who asked.
    #[serde(rename = "at")]
    pub site: Site,
    /// When it was asked, in nanoseconds since the beginning.
    #[serde(rename = "b")]
    pub began: u64,
    /// When the answer was there.
    #[serde(rename = "e")]
    pub ended: u64,
    /// How it was asked.
    #[serde(rename = "w", default, skip_serializing_if = "is_default")]
    pub way: Way,
    /// Whether it may change anything.
    #[serde(rename = "wr", default, skip_serializing_if = "is_default")]
    pub writes: bool,
    /// The number of its transaction in this trace; 0 outside of one. Each attempt has its own.
    #[serde(rename = "tx", default, skip_serializing_if = "is_default")]
    pub transaction: u32,
    /// What it answers.
    #[serde(rename = "a", default, skip_serializing_if = "is_default")]
    pub shape: AnswerShape,
    /// Whether it failed.
    #[serde(rename = "x", default, skip_serializing_if = "is_default")]
    pub failed: bool,
    /// Rows returned or changed.
    #[serde(rename = "r", default, skip_serializing_if = "is_default")]
    pub rows: u64,
    /// One print for each parameter; that of an array is of all of it.
    #[serde(rename = "p", default, skip_serializing_if = "Vec::is_empty")]
    pub params: Vec<Print>,
    /// The longest array's length, and prints of its first elements.
    #[serde(rename = "n", default, skip_serializing_if = "is_default")]
    pub keys: u32,
    /// The first elements of arrays.
    #[serde(rename = "k", default, skip_serializing_if = "Vec::is_empty")]
    pub elements: Vec<Print>,
    /// Prints of the values that came back.
    #[serde(rename = "o", default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<Print>,
    /// Whether some of what came back has no print in `outputs`.
    #[serde(rename = "c", default, skip_serializing_if = "is_default")]
    pub cut: bool,
    /// Whether anybody looked at the rows, where that is watched and known.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub looked_at: Option<bool>,
    /// What is meant to be so.
    #[serde(rename = "ex", default, skip_serializing_if = "Option::is_none")]
    pub excuse: Option<Excuse>,
    /// Held by the rows, too, while they live.
    #[serde(skip)]
    pub watch: Option<Arc<Looked>>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl TraceEvent {
    /// Whether the two were under way at one moment.
    pub const fn overlaps(&self, other: &Self) -> bool {
        self.began < other.ended && other.began < self.ended
    }

    /// The time waited for it, in nanoseconds.
    pub const fn nanos(&self) -> u64 {
        self.ended.saturating_sub(self.began)
    }

    /// The excuse for findings of this kind.
    pub fn excuse_for(&self, kind: FindingKind) -> Option<&Cow<'static, str>> {
        let excuse = self.excuse.as_ref().filter(|e| e.kind == kind)?;
        Some(&excuse.reason)
    }
}

/// The statements of one request or job, in the order in which they were asked.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Trace {
    /// Up to [`MOST_EVENTS`].
    pub events: Vec<TraceEvent>,
    /// How many came after those.
    #[serde(default, skip_serializing_if = "is_default")]
    pub beyond: u64,
}

impl Trace {
    pub(crate) fn push(&mut self, event: TraceEvent) {
        if self.events.len() < MOST_EVENTS {
            if self.events.capacity() == 0 {
                self.events.reserve(16);
            }
            self.events.push(event);
        } else {
            self.beyond += 1;
        }
    }

    /// Notes which loaded rows were looked at. Of rows that somebody still holds it is not known.
    pub(crate) fn settle(&mut self) {
        self.events.sort_by_key(|e| (e.began, e.ended));
        for event in &mut self.events {
            let Some(watch) = event.watch.take() else {
                continue;
            };
            let looked = watch.0.load(Ordering::Relaxed);
            let dropped = Arc::strong_count(&watch) == 1;
            event.looked_at = (looked || dropped).then_some(looked);
        }
    }
}
