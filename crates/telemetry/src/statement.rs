//! Measures one declared statement.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use brisk_core::Clock;
use metrics::{Counter, Histogram, counter, histogram};
use serde::Serialize;

use crate::aliases;
use crate::names::{self, attr};
use crate::series::{Series, SeriesStats, millis};
use crate::slow::{SlowList, SlowStatement};

/// What a statement does, as the seeds' metrics name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Reads.
    Select,
    /// Adds rows.
    Insert,
    /// Changes rows.
    Update,
    /// Removes rows.
    Delete,
    /// Anything else.
    Other,
}

impl Operation {
    /// By the first word of the SQL text; a `WITH` counts as reading.
    pub fn of(sql: &str) -> Self {
        let word = sql.split_whitespace().next().unwrap_or_default();
        let is = |name: &str| word.eq_ignore_ascii_case(name);
        if is("select") || is("with") || is("values") {
            Self::Select
        } else if is("insert") || is("replace") || is("copy") {
            Self::Insert
        } else if is("update") {
            Self::Update
        } else if is("delete") {
            Self::Delete
        } else {
            Self::Other
        }
    }

    /// The label's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Select => "select",
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Other => "other",
        }
    }
}

struct Handles {
    ok: Histogram,
    failed: Histogram,
    rows: Counter,
    slow: Counter,
    alias: Option<Aliases>,
}

struct Aliases {
    duration: Histogram,
    slow: Counter,
    errors: Counter,
}

/// Measures one declared statement; made once by [`crate::PerfStats::statement`] and kept by the caller.
pub struct StatementMeter {
    name: &'static str,
    system: &'static str,
    threshold: Duration,
    series: Series,
    rows: AtomicU64,
    handles: Handles,
    slow: Arc<SlowList>,
    clock: Clock,
}

impl std::fmt::Debug for StatementMeter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StatementMeter")
            .field("name", &self.name)
            .field("system", &self.system)
            .finish_non_exhaustive()
    }
}

impl StatementMeter {
    pub(crate) fn new(
        name: &'static str,
        system: &'static str,
        operation: Operation,
        threshold: Duration,
        seed_aliases: bool,
        slow: Arc<SlowList>,
        clock: Clock,
    ) -> Self {
        let duration = names::DB_CLIENT_OPERATION_DURATION;
        let (op, sys) = (attr::DB_OPERATION, attr::DB_SYSTEM);
        let word = operation.as_str();
        let handles = Handles {
            ok: histogram!(duration, op => name, sys => system),
            failed: histogram!(duration, op => name, sys => system, attr::ERROR_TYPE => "failed"),
            rows: counter!(names::DB_CLIENT_ROWS, op => name, sys => system),
            slow: counter!(names::DB_SLOW_STATEMENTS, op => name, sys => system),
            alias: seed_aliases.then(|| Aliases {
                duration: histogram!(aliases::DB_QUERY_DURATION, "operation" => word),
                slow: counter!(aliases::DB_SLOW_QUERIES, "operation" => word),
                errors: counter!(aliases::DB_QUERY_ERRORS, "operation" => word, "error_type" => "failed"),
            }),
        };
        Self {
            name,
            system,
            threshold,
            series: Series::default(),
            rows: AtomicU64::new(0),
            handles,
            slow,
            clock,
        }
    }

    /// The declared name of the statement.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Notes one run, waiting for a connection included; says whether it was slow, so that the caller can log the
    /// statement and sample its plan.
    pub fn observe(&self, elapsed: Duration, rows: u64, ok: bool) -> bool {
        self.series.observe(elapsed, ok);
        self.rows.fetch_add(rows, Ordering::Relaxed);
        let seconds = elapsed.as_secs_f64();
        if ok {
            self.handles.ok.record(seconds);
        } else {
            self.handles.failed.record(seconds);
        }
        self.handles.rows.increment(rows);
        let slow = elapsed >= self.threshold;
        if let Some(alias) = &self.handles.alias {
            alias.duration.record(seconds);
            if !ok {
                alias.errors.increment(1);
            }
            if slow {
                alias.slow.increment(1);
            }
        }
        if slow {
            self.handles.slow.increment(1);
            self.slow.push(SlowStatement {
                name: self.name,
                system: self.system,
                at: self.clock.now(),
                elapsed_ms: millis(elapsed),
                rows,
                ok,
            });
        }
        slow
    }

    pub(crate) fn stats(&self) -> Option<StatementStats> {
        (self.series.count() > 0).then(|| StatementStats {
            name: self.name,
            system: self.system,
            rows: self.rows.load(Ordering::Relaxed),
            times: self.series.stats(),
        })
    }
}

/// What one statement cost since the start.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StatementStats {
    /// Its declared name.
    pub name: &'static str,
    /// `postgresql` or `sqlite`.
    pub system: &'static str,
    /// Rows returned or changed.
    pub rows: u64,
    /// Count and times.
    #[serde(flatten)]
    pub times: SeriesStats,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_says_what_a_statement_does() {
        for (sql, expected) in [
            ("SELECT 1", "select"),
            ("  with x AS (SELECT 1) SELECT * FROM x", "select"),
            ("Insert INTO t VALUES (1)", "insert"),
            ("UPDATE t SET a = 1", "update"),
            ("delete from t", "delete"),
            ("VACUUM", "other"),
            ("", "other"),
        ] {
            assert_eq!(Operation::of(sql).as_str(), expected, "{sql}");
        }
    }
}
