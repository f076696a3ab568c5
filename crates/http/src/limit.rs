//! Rate limits by key, with a bounded memory.

use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::{Clock, MonotonicClock};
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::{Quota, RateLimiter};
use http::{HeaderMap, HeaderName, HeaderValue};
use quick_cache::sync::Cache;

const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// Remembers at most so many keys. A key that was evicted starts anew: a flood of invented keys can make the limit
/// generous for cold callers, never the memory large.
struct Bounded<K>(Cache<K, Arc<AtomicU64>>);

impl<K: Hash + Eq + Clone> StateStore for Bounded<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        // Zero stands for "never seen": a real state is at least one period.
        let cell = self.0.get(key).unwrap_or_else(|| {
            let fresh = self
                .0
                .get_or_insert_with(key, || Ok::<_, std::convert::Infallible>(Arc::default()));
            match fresh {
                Ok(cell) => cell,
                Err(never) => match never {},
            }
        });
        let mut seen = cell.load(Ordering::Acquire);
        loop {
            let before = (seen != 0).then(|| Nanos::from(seen));
            let (outcome, next) = f(before)?;
            match cell.compare_exchange_weak(seen, next.into(), Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => return Ok(outcome),
                Err(other) => seen = other,
            }
        }
    }
}

/// What a limit said about one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// How many are admitted at once.
    limit: u32,
    /// How many more would be admitted now.
    remaining: u32,
    /// Until everything is admitted again.
    reset: Duration,
    /// Until the next one is admitted; `None` when this one was.
    pub(crate) wait: Option<Duration>,
}

impl Verdict {
    /// The stricter of two.
    pub(crate) fn stricter(self, other: Option<Self>) -> Self {
        match other {
            Some(other) if other.remaining < self.remaining => other,
            _ => self,
        }
    }

    /// Writes `RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset` (seconds, rounded up).
    pub(crate) fn write(self, headers: &mut HeaderMap) {
        headers.insert(LIMIT, HeaderValue::from(self.limit));
        headers.insert(REMAINING, HeaderValue::from(self.remaining));
        let reset = self.reset.as_secs() + u64::from(self.reset.subsec_nanos() > 0);
        headers.insert(RESET, HeaderValue::from(reset));
    }
}

/// A limit of so many a minute for each key.
pub(crate) struct Limiter<K: Hash + Eq + Clone> {
    inner: RateLimiter<K, Bounded<K>, MonotonicClock, StateInformationMiddleware>,
    at_once: u32,
    period: Duration,
}

impl<K: Hash + Eq + Clone> Limiter<K> {
    /// `per_minute` plus `burst` are admitted at once and refill at `per_minute`; `None` for 0, which is off.
    pub(crate) fn new(per_minute: u32, burst: u32, keys: usize) -> Option<Self> {
        let rate = NonZeroU32::new(per_minute)?;
        let period = Duration::from_mins(1) / rate.get();
        let at_once = rate.saturating_add(burst);
        let quota = Quota::with_period(period)?.allow_burst(at_once);
        let inner = RateLimiter::new(quota, Bounded(Cache::new(keys)), MonotonicClock);
        Some(Self {
            inner,
            at_once: at_once.get(),
            period,
        })
    }

    pub(crate) fn check(&self, key: &K) -> Verdict {
        let (remaining, wait) = match self.inner.check_key(key) {
            Ok(state) => (state.remaining_burst_capacity(), None),
            Err(until) => (0, Some(until.wait_time_from(MonotonicClock.now()))),
        };
        Verdict {
            limit: self.at_once,
            remaining,
            reset: self.period * (self.at_once - remaining.min(self.at_once)),
            wait,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_and_the_burst_are_admitted_at_once_and_no_more() {
        let limiter = Limiter::new(3, 2, 100).unwrap();
        let admitted = (0..10)
            .filter(|_| limiter.check(&"a").wait.is_none())
            .count();
        assert_eq!(admitted, 5);
        let refused = limiter.check(&"a");
        assert!(
            refused.wait.unwrap() > Duration::from_secs(15),
            "{refused:?}"
        );
        assert_eq!((refused.remaining, refused.limit), (0, 5));
        assert_eq!(
            limiter.check(&"b").remaining,
            4,
            "another key has its own count"
        );
    }

    #[test]
    fn the_memory_is_bounded_and_zero_is_off() {
        let store = Bounded(Cache::new(64));
        for key in 0..10_000 {
            let seen = store.measure_and_replace(&key, |before| {
                Ok::<_, ()>((before.is_some(), Nanos::from(7)))
            });
            assert_eq!(seen, Ok(false), "a new key has no state");
        }
        assert!(store.0.len() <= 64, "{}", store.0.len());
        let seen = store.measure_and_replace(&9_999, |before| {
            Ok::<_, ()>((before.is_some(), Nanos::from(8)))
        });
        assert_eq!(seen, Ok(true), "the last key is still known");
        assert!(Limiter::<u32>::new(0, 5, 64).is_none());
    }
}
