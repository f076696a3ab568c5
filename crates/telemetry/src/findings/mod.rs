//! What a trace shows to be wrong. Pure functions: a recorded trace is judged in tests exactly as a request is.

mod repeated;
mod serial;
mod unused;

use std::time::Duration;

use brisk_core::{FindingKind, Site, Trace, TraceEvent};

/// From when on something counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// One statement for so many keys, or one question so many times, one after the other, is a finding; at least 2.
    pub repeats: u32,
}

impl Default for Rules {
    fn default() -> Self {
        Self { repeats: 5 }
    }
}

/// One thing that a detector found in one trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// The statement at fault, or the first of several.
    pub statement: String,
    /// Who asked for it.
    pub site: Site,
    /// How many statements make it up.
    pub count: u64,
    /// The time waited for all of them.
    pub time: Duration,
    /// What to do, in one sentence.
    pub advice: String,
    /// Why it is meant to be so, where somebody said so.
    pub excuse: Option<String>,
}

impl Finding {
    fn new(kind: FindingKind, events: &[&TraceEvent], advice: String) -> Option<Self> {
        let first = events.first()?;
        let excuse = events.iter().find_map(|e| e.excuse_for(kind));
        Some(Self {
            kind,
            statement: first.statement.to_string(),
            site: first.site.clone(),
            count: events.len() as u64,
            time: Duration::from_nanos(events.iter().map(|e| e.nanos()).sum()),
            advice,
            excuse: excuse.map(ToString::to_string),
        })
    }
}

/// What is wrong with one request or job; `succeeded` says whether it ended as it should, because rows that were loaded
/// before a failure are no waste.
pub fn findings(trace: &Trace, rules: Rules, succeeded: bool) -> Vec<Finding> {
    if trace.events.len() < 2 && !succeeded {
        return Vec::new();
    }
    let mut in_order: Vec<&TraceEvent> = trace.events.iter().collect();
    in_order.sort_by_key(|e| (e.began, e.ended));
    let mut all = repeated::find(&in_order, rules);
    all.extend(serial::find(&in_order, &all));
    if succeeded {
        all.extend(unused::find(&in_order));
    }
    all
}
