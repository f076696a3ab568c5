//! A cache as people see it.

use std::fmt;
use std::sync::Arc;

use brisk_core::TenantId;

use crate::cache::{CacheKey, Inner};
use crate::caches::EntryView;
use crate::kept::{Kept, Key};
use crate::policy::Tier;
use crate::stats::{CacheStats, rate};

/// A cache without its types, for people.
pub(crate) trait View: fmt::Debug + Send + Sync {
    fn name(&self) -> &'static str;
    fn stats(&self) -> CacheStats;
    fn entries(&self, limit: usize) -> Vec<EntryView>;
    fn evict(&self, tenant: Option<TenantId>) -> u64;
}

fn depends_on<V>(kept: &Kept<V>) -> Vec<String> {
    let mut names: Vec<String> = kept
        .tags
        .iter()
        .map(|tag| format!("{}/{}", tag.table(), tag.precision().as_str()))
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

impl<K: CacheKey, V: Send + Sync + 'static> View for Inner<K, V> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn stats(&self) -> CacheStats {
        let counts = &self.counts;
        let now = self.clock.ticks();
        let (mut oldest, mut depends) = (now, Vec::new());
        for (_, kept) in self.map.iter() {
            oldest = oldest.min(kept.made);
            for name in depends_on(&kept) {
                if !depends.contains(&name) {
                    depends.push(name);
                }
            }
        }
        depends.sort_unstable();
        let (hits, misses, loads) = (counts.hits.get(), counts.misses.get(), counts.loads.get());
        CacheStats {
            name: self.name,
            entries: u64::try_from(self.map.len()).unwrap_or_default(),
            bytes: self.map.weight(),
            max_bytes: self.map.capacity(),
            hits,
            misses,
            hit_rate: rate(hits, hits + misses),
            joined: counts.joined.get(),
            loads,
            load_errors: counts.load_errors.get(),
            load_mean_us: counts
                .load_micros
                .get()
                .checked_div(loads)
                .unwrap_or_default(),
            stale: counts.stale.get(),
            bypassed: counts.bypassed.get(),
            refused: counts.refused.get(),
            refused_because: self
                .refused
                .lock()
                .expect("no holder of this lock can panic")
                .as_deref()
                .map(str::to_owned),
            ended: counts.ended.get(),
            evicted: counts.evicted.get(),
            tier: self.below.is_some().then_some(self.policy.tier),
            tier_hits: counts.tier_hits.get(),
            tier_misses: counts.tier_misses.get(),
            tier_bad: counts.tier_bad.get(),
            tier_large: counts.tier_large.get(),
            tier_dropped: counts.tier_dropped.get(),
            oldest_s: now.since(oldest).as_secs(),
            depends_on: depends,
        }
    }

    fn entries(&self, limit: usize) -> Vec<EntryView> {
        let watch = &self.caches.0.ground.watch;
        let now = self.clock.ticks();
        let view = |(key, kept): (Key<K>, Arc<Kept<V>>)| EntryView {
            tenant: key.tenant,
            key: (!self.policy.secret).then(|| format!("{:?}", key.key)),
            age_ms: u64::try_from(now.since(kept.made).as_millis()).unwrap_or(u64::MAX),
            bytes: kept.weight,
            counts: kept.holds(watch) && now < kept.fresh_until,
            depends_on: depends_on(&kept),
        };
        self.map.iter().take(limit).map(view).collect()
    }

    fn evict(&self, tenant: Option<TenantId>) -> u64 {
        // First what lies below, then the loads under way: what they find there or have read may be what is to go.
        if let Some(below) = &self.below {
            below.evict(self.caches.wall().now_ms());
        }
        if self.policy.tier == Tier::Database {
            self.caches.store().empty(self.name, tenant);
        }
        self.flights.disown(tenant);
        let before = self.map.len();
        match tenant {
            None => self.map.clear(),
            Some(tenant) => self.map.retain(|key, _| key.tenant != tenant),
        }
        u64::try_from(before.saturating_sub(self.map.len())).unwrap_or_default()
    }
}
