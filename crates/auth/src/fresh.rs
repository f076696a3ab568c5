//! A small cache of what was read a moment ago.

use std::fmt;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use brisk_core::Clock;
use brisk_db::ChangeStream;
use jiff::Timestamp;
use quick_cache::sync::Cache;

/// Bounded; absence is remembered too; concurrent misses of one key load once.
///
/// An entry counts as long as the change stream is trusted, else for `ttl`, and only within its generation. Whoever hears
/// of a change begins a new generation, which ends all entries at once: also the one that a load which began before it
/// is about to store.
pub(crate) struct Fresh<K, V> {
    entries: Cache<K, Entry<V>>,
    generation: AtomicU64,
    ttl: Duration,
    clock: Clock,
    stream: Option<ChangeStream>,
}

#[derive(Clone)]
struct Entry<V> {
    value: V,
    generation: u64,
    loaded_at: Timestamp,
}

impl<K, V> fmt::Debug for Fresh<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fresh")
            .field("ttl", &self.ttl)
            .finish_non_exhaustive()
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Fresh<K, V> {
    /// Empty; whoever makes it hears of changes and [forgets](Self::forget).
    pub(crate) fn new(
        capacity: usize,
        ttl: Duration,
        clock: Clock,
        stream: Option<ChangeStream>,
    ) -> Self {
        Self {
            entries: Cache::new(capacity),
            generation: AtomicU64::new(0),
            ttl,
            clock,
            stream,
        }
    }

    /// The remembered value, or what `load` answers. A failed load is not remembered.
    pub(crate) async fn get<E>(
        &self,
        key: &K,
        load: impl AsyncFnOnce() -> Result<V, E>,
    ) -> Result<V, E> {
        loop {
            match self.entries.get_value_or_guard_async(key).await {
                Ok(entry) if self.counts(&entry) => return Ok(entry.value),
                Ok(_) => {
                    self.entries.remove_if(key, |entry| !self.counts(entry));
                }
                Err(guard) => {
                    let generation = self.generation.load(Ordering::SeqCst);
                    let loaded_at = self.clock.now();
                    let value = load().await?;
                    // Only fails where the entry was removed meanwhile; then it is not to be remembered.
                    drop(guard.insert(Entry {
                        value: value.clone(),
                        generation,
                        loaded_at,
                    }));
                    return Ok(value);
                }
            }
        }
    }

    /// Ends every entry; for whoever hears of a change.
    pub(crate) fn forget(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    fn counts(&self, entry: &Entry<V>) -> bool {
        // A clock that was set back makes an entry old, not young.
        let is_young = || {
            let age = self.clock.now().duration_since(entry.loaded_at);
            Duration::try_from(age).is_ok_and(|age| age < self.ttl)
        };
        entry.generation == self.generation.load(Ordering::SeqCst)
            && (self.stream.as_ref().is_some_and(ChangeStream::is_trusted) || is_young())
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Arc;
    use std::sync::atomic::AtomicU32;

    use super::*;

    fn fresh() -> (Arc<Fresh<u8, u32>>, Clock) {
        let clock = Clock::manual("2026-03-07T12:00:00Z".parse().unwrap());
        let fresh = Fresh::new(10, Duration::from_secs(1), clock.clone(), None);
        (Arc::new(fresh), clock)
    }

    async fn get(fresh: &Fresh<u8, u32>, loads: &AtomicU32) -> u32 {
        let load = async || Ok::<_, Infallible>(loads.fetch_add(1, Ordering::SeqCst) + 1);
        fresh.get(&1, load).await.unwrap()
    }

    #[tokio::test]
    async fn a_value_lives_for_its_time_and_until_the_next_write() {
        let (fresh, clock) = fresh();
        let loads = AtomicU32::new(0);
        assert_eq!(get(&fresh, &loads).await, 1);
        clock.advance(Duration::from_millis(999));
        assert_eq!(get(&fresh, &loads).await, 1);
        clock.advance(Duration::from_millis(1));
        assert_eq!(get(&fresh, &loads).await, 2);
        fresh.forget();
        assert_eq!(get(&fresh, &loads).await, 3);
    }

    #[tokio::test]
    async fn a_load_that_began_before_a_write_is_not_remembered() {
        let (fresh, _) = fresh();
        let load = async || {
            fresh.forget();
            Ok::<_, Infallible>(1)
        };
        assert_eq!(fresh.get(&1, load).await.unwrap(), 1);
        assert_eq!(fresh.get(&1, async || Ok::<_, Infallible>(2)).await, Ok(2));
    }

    #[tokio::test]
    async fn a_hundred_concurrent_misses_load_once() {
        let (fresh, _) = fresh();
        let loads = AtomicU32::new(0);
        let gets = (0..100).map(|_| {
            fresh.get(&1, async || {
                tokio::task::yield_now().await;
                Ok::<_, Infallible>(loads.fetch_add(1, Ordering::SeqCst))
            })
        });
        futures::future::join_all(gets).await;
        assert_eq!(loads.load(Ordering::SeqCst), 1);
    }
}
