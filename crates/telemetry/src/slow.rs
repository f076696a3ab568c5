//! The last slow statements.

use std::collections::VecDeque;
use std::sync::Mutex;

use jiff::Timestamp;
use serde::Serialize;

/// How many slow statements are kept; older ones go.
const KEPT: usize = 100;

/// One slow statement.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SlowStatement {
    /// Its declared name.
    pub name: &'static str,
    /// `postgresql` or `sqlite`.
    pub system: &'static str,
    /// When it ended.
    pub at: Timestamp,
    /// How long it took.
    pub elapsed_ms: f64,
    /// Rows returned or changed.
    pub rows: u64,
    /// Whether it succeeded.
    pub ok: bool,
}

#[derive(Debug, Default)]
pub(crate) struct SlowList(Mutex<VecDeque<SlowStatement>>);

impl SlowList {
    pub(crate) fn push(&self, slow: SlowStatement) {
        let mut list = self.0.lock().expect("no holder of this lock can panic");
        if list.len() == KEPT {
            list.pop_front();
        }
        list.push_back(slow);
    }

    /// The latest first.
    pub(crate) fn latest(&self) -> Vec<SlowStatement> {
        let list = self.0.lock().expect("no holder of this lock can panic");
        list.iter().rev().cloned().collect()
    }
}
