//! What one piece of work cost: statements by name, rows, cache answers, model calls, and time by layer.
//!
//! The same numbers become the `Server-Timing` header, the metrics, the console's footer and the budgets in tests.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::trace::{Trace, TraceEvent};

/// Where time was spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layer {
    /// Statements, waiting for a connection included.
    Db,
    /// Cache reads and writes.
    Cache,
    /// Model calls.
    Model,
    /// Calls to other services.
    Http,
}

impl Layer {
    const COUNT: usize = 4;

    /// The name used in `Server-Timing` and in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Db => "db",
            Self::Cache => "cache",
            Self::Model => "model",
            Self::Http => "http",
        }
    }

    const ALL: [Self; Self::COUNT] = [Self::Db, Self::Cache, Self::Model, Self::Http];
}

/// How often one declared statement ran, and what it cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementUse {
    /// The statement's declared name.
    pub name: &'static str,
    /// How often it was sent.
    pub calls: u64,
    /// Rows returned, or changed.
    pub rows: u64,
    /// Keyed loads that those calls answered, where they were shared.
    pub loads: u64,
    /// Time waited for it, all calls together.
    pub time: Duration,
}

/// The sums of a ledger at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Statements sent.
    pub statements: u64,
    /// Rows returned or changed.
    pub rows: u64,
    /// Keyed loads; many of them share a statement.
    pub loads: u64,
    /// Cache answers that were there.
    pub cache_hits: u64,
    /// Cache answers that were not.
    pub cache_misses: u64,
    /// Model calls.
    pub model_calls: u64,
    /// Time by layer, in the order database, cache, model, HTTP.
    pub time: [Duration; Layer::COUNT],
}

impl Summary {
    /// The layers with their times.
    pub fn layers(&self) -> impl Iterator<Item = (Layer, Duration)> + '_ {
        Layer::ALL.into_iter().zip(self.time)
    }
}

/// Counts the cost of one request or job; shared by everything that works for it.
#[derive(Debug, Default)]
pub struct Ledger {
    statements: AtomicU64,
    rows: AtomicU64,
    loads: AtomicU64,
    cache_hits: AtomicU64,
    cache_misses: AtomicU64,
    model_calls: AtomicU64,
    nanos: [AtomicU64; Layer::COUNT],
    // A std mutex: held for a push only, never across an await.
    by_name: Mutex<Vec<StatementUse>>,
    recording: Option<Recording>,
}

/// The statements one by one, of work that the detectors are to judge.
#[derive(Debug)]
struct Recording {
    began: Instant,
    transactions: AtomicU32,
    trace: Mutex<Trace>,
}

impl Ledger {
    /// A ledger that keeps a trace, too.
    pub fn traced() -> Self {
        Self {
            recording: Some(Recording {
                began: Instant::now(),
                transactions: AtomicU32::new(0),
                trace: Mutex::default(),
            }),
            ..Self::default()
        }
    }

    /// Whether a trace is kept; what only the trace needs is not worth doing otherwise.
    pub const fn is_traced(&self) -> bool {
        self.recording.is_some()
    }

    /// Nanoseconds from the beginning of the trace to `at`.
    pub fn offset(&self, at: Instant) -> u64 {
        self.recording.as_ref().map_or(0, |r| {
            let since = at.saturating_duration_since(r.began);
            u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
        })
    }

    /// A number for one more attempt of a transaction, from 1.
    pub fn next_transaction(&self) -> u32 {
        self.recording.as_ref().map_or(0, |r| {
            r.transactions
                .fetch_add(1, Ordering::Relaxed)
                .wrapping_add(1)
        })
    }

    /// Adds a statement to the trace, where one is kept.
    pub fn note(&self, event: TraceEvent) {
        if let Some(recording) = &self.recording {
            let mut trace = recording
                .trace
                .lock()
                .expect("no holder of the trace's lock can panic");
            trace.push(event);
        }
    }

    /// The trace so far; the ledger begins a new one.
    pub fn take_trace(&self) -> Option<Trace> {
        let recording = self.recording.as_ref()?;
        let mut trace = std::mem::take(
            &mut *recording
                .trace
                .lock()
                .expect("no holder of the trace's lock can panic"),
        );
        trace.settle();
        Some(trace)
    }

    /// How often the statement that ran most often was sent.
    pub fn most_repeated(&self) -> u64 {
        let uses = self
            .by_name
            .lock()
            .expect("no holder of the ledger's lock can panic");
        uses.iter().map(|u| u.calls).max().unwrap_or(0)
    }

    /// Notes one statement: its declared name, the rows that it returned or changed, and the time waited for it.
    pub fn statement(&self, name: &'static str, rows: u64, time: Duration) {
        self.add(&StatementUse {
            name,
            calls: 1,
            rows,
            loads: 0,
            time,
        });
    }

    /// Notes one keyed load, answered by a statement that it shared with others.
    ///
    /// `waited` is given for one load of each statement: it counts the statement with the time waited for it.
    pub fn load(&self, name: &'static str, rows: u64, waited: Option<Duration>) {
        self.add(&StatementUse {
            name,
            calls: waited.is_some().into(),
            rows,
            loads: 1,
            time: waited.unwrap_or_default(),
        });
    }

    fn add(&self, new: &StatementUse) {
        self.statements.fetch_add(new.calls, Ordering::Relaxed);
        self.rows.fetch_add(new.rows, Ordering::Relaxed);
        self.loads.fetch_add(new.loads, Ordering::Relaxed);
        self.add_time(Layer::Db, new.time);
        let mut uses = self
            .by_name
            .lock()
            .expect("no holder of the ledger's lock can panic");
        if let Some(found) = uses
            .iter_mut()
            .find(|u| std::ptr::eq(u.name, new.name) || u.name == new.name)
        {
            found.calls += new.calls;
            found.rows += new.rows;
            found.loads += new.loads;
            found.time += new.time;
        } else {
            uses.push(new.clone());
        }
    }

    /// Adds time to a layer.
    ///
    /// # Panics
    ///
    /// As [`outside_transaction`](crate::outside_transaction), for a layer whose calls leave the program. Those begin with
    /// [`Scope::model_call`](crate::Scope::model_call) and [`Scope::http_call`](crate::Scope::http_call), which notice it
    /// before the call and keep the time.
    pub fn time(&self, layer: Layer, time: Duration) {
        if matches!(layer, Layer::Model | Layer::Http) {
            crate::outside_transaction(layer.as_str());
        }
        self.add_time(layer, time);
    }

    fn add_time(&self, layer: Layer, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.nanos[layer as usize].fetch_add(nanos, Ordering::Relaxed);
    }

    /// Notes a cache answer.
    pub fn cache(&self, hit: bool) {
        let counter = if hit {
            &self.cache_hits
        } else {
            &self.cache_misses
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes a model call.
    ///
    /// # Panics
    ///
    /// As [`Ledger::time`].
    pub fn model_call(&self, time: Duration) {
        crate::outside_transaction("model");
        self.called(Layer::Model, time);
    }

    /// Notes a call that was looked at when it began.
    pub(crate) fn called(&self, layer: Layer, time: Duration) {
        if layer == Layer::Model {
            self.model_calls.fetch_add(1, Ordering::Relaxed);
        }
        self.add_time(layer, time);
    }

    /// The sums so far.
    pub fn summary(&self) -> Summary {
        Summary {
            statements: self.statements.load(Ordering::Relaxed),
            rows: self.rows.load(Ordering::Relaxed),
            loads: self.loads.load(Ordering::Relaxed),
            cache_hits: self.cache_hits.load(Ordering::Relaxed),
            cache_misses: self.cache_misses.load(Ordering::Relaxed),
            model_calls: self.model_calls.load(Ordering::Relaxed),
            time: std::array::from_fn(|i| {
                Duration::from_nanos(self.nanos[i].load(Ordering::Relaxed))
            }),
        }
    }

    /// Each statement that ran, in the order of its first use.
    pub fn statements(&self) -> Vec<StatementUse> {
        self.by_name
            .lock()
            .expect("no holder of the ledger's lock can panic")
            .clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_statement_is_one_line_with_its_sums() {
        let ledger = Ledger::default();
        ledger.statement("civic.issue.get", 1, Duration::from_millis(2));
        ledger.statement("civic.issue.get", 1, Duration::from_millis(3));
        ledger.statement("civic.report.page", 20, Duration::from_millis(5));
        let uses = ledger.statements();
        assert_eq!((uses.len(), uses[0].calls, uses[1].rows), (2, 2, 20));
        let sum = ledger.summary();
        assert_eq!((sum.statements, sum.rows), (3, 22));
        assert_eq!(
            sum.layers().next(),
            Some((Layer::Db, Duration::from_millis(10)))
        );
    }

    #[test]
    fn loads_that_share_a_statement_count_it_once() {
        let ledger = Ledger::default();
        ledger.load("catalog.book", 1, Some(Duration::from_millis(2)));
        ledger.load("catalog.book", 0, None);
        ledger.load("catalog.book", 1, None);
        let sum = ledger.summary();
        assert_eq!((sum.statements, sum.loads, sum.rows), (1, 3, 2));
        let uses = ledger.statements();
        assert_eq!((uses[0].calls, uses[0].loads), (1, 3));
        assert_eq!(uses[0].time, Duration::from_millis(2));
    }
}
