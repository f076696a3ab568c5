//! What the detectors found since the start, each thing once.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use brisk_core::FindingKind;
use jiff::Timestamp;
use metrics::counter;
use serde::Serialize;

use crate::findings::Finding;
use crate::names;
use crate::series::millis;

/// Different findings that are kept; later ones are counted in the metrics only.
const KEPT: usize = 256;

/// The log tells of the same thing again after so long.
const REMIND: Duration = Duration::from_mins(10);

/// One thing that a detector found, with how often.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FoundStats {
    /// What it is.
    pub kind: FindingKind,
    /// Whose statements they were: `GET /v1/issues/{id}`, `job civic.link`; nobody's for a missing index.
    #[serde(rename = "where")]
    pub work: String,
    /// The statement's declared name.
    pub statement: String,
    /// The place in the code, `file:line`; empty for a missing index.
    pub site: String,
    /// How often it was found.
    pub times: u64,
    /// The most statements that made it up in one request or job.
    pub statements_max: u64,
    /// When it was found first.
    pub first_at: Timestamp,
    /// When it was found last.
    pub last_at: Timestamp,
    /// Time waited for those statements, all together.
    pub total_ms: f64,
    /// What to do; for a missing index the statement that makes it.
    pub advice: String,
    /// Why it is meant to be so, where somebody said so.
    pub excuse: Option<String>,
}

type Key = (FindingKind, String, String, String);

struct Entry {
    stats: FoundStats,
    told: Option<Instant>,
}

/// The findings of one program.
#[derive(Default)]
pub(crate) struct FoundList(Mutex<HashMap<Key, Entry>>);

impl std::fmt::Debug for FoundList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FoundList")
    }
}

impl FoundList {
    pub(crate) fn add(&self, work: &str, finding: Finding, at: Timestamp) {
        if finding.excuse.is_none() {
            counter!(names::DB_FINDINGS, "kind" => finding.kind.as_str()).increment(1);
        }
        let site = if finding.site.line == 0 {
            String::new()
        } else {
            finding.site.to_string()
        };
        let key = (
            finding.kind,
            work.to_owned(),
            finding.statement.clone(),
            site.clone(),
        );
        let mut all = self.0.lock().expect("no holder of this lock can panic");
        if all.len() >= KEPT && !all.contains_key(&key) {
            return;
        }
        let entry = all.entry(key).or_insert_with(|| Entry {
            stats: FoundStats {
                kind: finding.kind,
                work: work.to_owned(),
                statement: finding.statement,
                site,
                times: 0,
                statements_max: 0,
                first_at: at,
                last_at: at,
                total_ms: 0.0,
                advice: String::new(),
                excuse: None,
            },
            told: None,
        });
        let stats = &mut entry.stats;
        stats.times += 1;
        stats.statements_max = stats.statements_max.max(finding.count);
        stats.last_at = at;
        stats.total_ms += millis(finding.time);
        stats.advice = finding.advice;
        stats.excuse = finding.excuse;
        let due = entry.told.is_none_or(|told| told.elapsed() >= REMIND);
        if due && stats.excuse.is_none() {
            entry.told = Some(Instant::now());
            tracing::warn!(
                kind = stats.kind.as_str(),
                work = stats.work,
                statement = stats.statement,
                site = stats.site,
                statements = finding.count,
                elapsed_ms = millis(finding.time),
                times = stats.times,
                advice = stats.advice,
                "the database is asked in a wasteful way"
            );
        }
    }

    /// The costliest first.
    pub(crate) fn all(&self) -> Vec<FoundStats> {
        let all = self.0.lock().expect("no holder of this lock can panic");
        let mut list: Vec<FoundStats> = all.values().map(|e| e.stats.clone()).collect();
        list.sort_by(|a, b| {
            let order = b.total_ms.total_cmp(&a.total_ms);
            order.then_with(|| (&a.work, &a.statement).cmp(&(&b.work, &b.statement)))
        });
        list
    }
}
