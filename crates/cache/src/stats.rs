//! What a cache has done so far.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::policy::Tier;

/// Counts of one cache since the start.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) hits: Count,
    pub(crate) misses: Count,
    pub(crate) joined: Count,
    pub(crate) loads: Count,
    pub(crate) load_errors: Count,
    pub(crate) load_micros: Count,
    pub(crate) stale: Count,
    pub(crate) bypassed: Count,
    pub(crate) refused: Count,
    pub(crate) ended: Count,
    pub(crate) evicted: Count,
    pub(crate) tier_hits: Count,
    pub(crate) tier_misses: Count,
    pub(crate) tier_bad: Count,
    pub(crate) tier_large: Count,
    pub(crate) tier_dropped: Count,
}

/// On a line of memory of its own: hits of many threads must not slow the other counts down.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(crate) struct Count(AtomicU64);

impl Count {
    #[inline]
    pub(crate) fn one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A cache at one moment.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct CacheStats {
    /// Its name.
    pub name: &'static str,
    /// Entries, also those that a change has ended and nobody has asked for since.
    pub entries: u64,
    /// Bytes that they take, about.
    pub bytes: u64,
    /// Bytes that they may take.
    pub max_bytes: u64,
    /// Answers that were there, of this process or of a tier below.
    pub hits: u64,
    /// Answers that were not.
    pub misses: u64,
    /// Hits of all answers, 0 to 1 with 4 decimals; 0 before the first.
    pub hit_rate: f64,
    /// Misses that shared another caller's load.
    pub joined: u64,
    /// Loads that were begun.
    pub loads: u64,
    /// Those that failed.
    pub load_errors: u64,
    /// The mean time of a load, in microseconds.
    pub load_mean_us: u64,
    /// Answers that were older than they should be.
    pub stale: u64,
    /// Answers without the cache: inside a transaction, or while the change stream was not trusted.
    pub bypassed: u64,
    /// Results that could not be kept; see [`refused_because`](Self::refused_because).
    pub refused: u64,
    /// Why the last of them could not.
    pub refused_because: Option<String>,
    /// Entries that a change ended before they were asked for again, or that were too old.
    pub ended: u64,
    /// Entries that went because there was no room.
    pub evicted: u64,
    /// Where else its entries are; none for nowhere.
    pub tier: Option<Tier>,
    /// Entries that were found in the tier below, each for all who waited for it.
    pub tier_hits: u64,
    /// Those that were not, or that a change has ended, or of which that cannot be said.
    pub tier_misses: u64,
    /// Values there that could not be read: another version's, or damaged.
    pub tier_bad: u64,
    /// Values that were large for a tier below: over 100 KiB, or over 1 MiB and not left there.
    pub tier_large: u64,
    /// Values that were not left there because it did not keep up.
    pub tier_dropped: u64,
    /// Age of the oldest entry, in seconds.
    pub oldest_s: u64,
    /// What entries depend on, as `table/precision`.
    pub depends_on: Vec<String>,
}

/// A part of a whole with 4 decimals.
pub(crate) fn rate(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = part as f64 / whole as f64;
    (rate * 10_000.0).round() / 10_000.0
}

pub(crate) fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}
