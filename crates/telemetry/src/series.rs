//! Count, errors, mean, quantiles and maximum of one kind of work.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;

use crate::histogram::Histogram;

#[derive(Debug, Default)]
pub(crate) struct Series {
    count: AtomicU64,
    errors: AtomicU64,
    nanos: AtomicU64,
    max: AtomicU64,
    histogram: Histogram,
}

impl Series {
    pub(crate) fn observe(&self, elapsed: Duration, ok: bool) {
        let nanos = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        self.count.fetch_add(1, Ordering::Relaxed);
        if !ok {
            self.errors.fetch_add(1, Ordering::Relaxed);
        }
        self.nanos.fetch_add(nanos, Ordering::Relaxed);
        // A plain load first: the maximum rarely moves, and a write would take the cache line from other cores.
        if nanos > self.max.load(Ordering::Relaxed) {
            self.max.fetch_max(nanos, Ordering::Relaxed);
        }
        self.histogram.record(nanos);
    }

    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    pub(crate) fn stats(&self) -> SeriesStats {
        let count = self.count();
        let nanos = self.nanos.load(Ordering::Relaxed);
        let [p50, p95, p99] = self.histogram.quantiles([0.50, 0.95, 0.99]);
        let max = Duration::from_nanos(self.max.load(Ordering::Relaxed));
        SeriesStats {
            count,
            errors: self.errors.load(Ordering::Relaxed),
            total_ms: millis(Duration::from_nanos(nanos)),
            mean_ms: millis(Duration::from_nanos(nanos.checked_div(count).unwrap_or(0))),
            p50_ms: millis(p50.min(max)),
            p95_ms: millis(p95.min(max)),
            p99_ms: millis(p99.min(max)),
            max_ms: millis(max),
        }
    }
}

/// Milliseconds with three decimals.
pub(crate) fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// The numbers of one kind of work since the start; times in milliseconds, quantiles within 6.25 %.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SeriesStats {
    /// How often.
    pub count: u64,
    /// How often it failed.
    pub errors: u64,
    /// All times together.
    pub total_ms: f64,
    /// The mean.
    pub mean_ms: f64,
    /// Half were at most this long.
    pub p50_ms: f64,
    /// 95 % were at most this long.
    pub p95_ms: f64,
    /// 99 % were at most this long.
    pub p99_ms: f64,
    /// The longest.
    pub max_ms: f64,
}
