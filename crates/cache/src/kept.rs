//! One entry, and what callers get of it.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use brisk_core::{TenantId, Ticks};
use brisk_db::{Reached, StreamWatch};
use quick_cache::Equivalent;

use crate::board::Version;
use crate::trail::{Steps, Tags};

/// A result with all that decides how long it counts.
pub(crate) struct Kept<V> {
    pub(crate) value: V,
    pub(crate) version: Version,
    /// The version for other nodes.
    pub(crate) place: Option<Arc<Reached>>,
    pub(crate) tags: Tags,
    pub(crate) made: Ticks,
    pub(crate) fresh_until: Ticks,
    pub(crate) weight: u64,
    /// Whether it was found in the tier below.
    pub(crate) from_below: bool,
    /// Why it is not kept.
    pub(crate) unfit: Option<Arc<str>>,
}

impl<V> Kept<V> {
    pub(crate) fn new(value: V, steps: Steps, made: Ticks, fresh_until: Ticks) -> Self {
        Self {
            value,
            version: steps.version,
            place: steps.place,
            tags: steps.tags,
            made,
            fresh_until: fresh_until.min(steps.expires),
            weight: 1,
            from_below: false,
            unfit: steps.unfit,
        }
    }

    /// Whether no change has ended it.
    #[inline]
    pub(crate) fn holds(&self, watch: &StreamWatch) -> bool {
        self.tags.iter().all(|tag| tag.holds(self.version, watch))
    }
}

/// A result from a cache. Reads like the value; cheap to clone.
pub struct Cached<V> {
    pub(crate) kept: Arc<Kept<V>>,
    pub(crate) stale: bool,
    pub(crate) hit: bool,
}

impl<V> Cached<V> {
    /// Whether it is older than it should be, because a newer one could not be loaded or is on its way.
    pub const fn is_stale(&self) -> bool {
        self.stale
    }

    /// Whether it was there and nothing was loaded for this caller.
    pub const fn is_hit(&self) -> bool {
        self.hit
    }

    /// How long ago it was loaded; ten milliseconds more or less.
    pub fn age(&self) -> Duration {
        Ticks::now().since(self.kept.made)
    }

    /// When it is no longer fresh, as a span from now; none where only a change ends it.
    pub fn fresh_for(&self) -> Option<Duration> {
        let until = self.kept.fresh_until;
        (until != Ticks::NEVER).then(|| until.since(Ticks::now()))
    }
}

impl<V: Clone> Cached<V> {
    /// The value itself.
    pub fn into_inner(self) -> V {
        match Arc::try_unwrap(self.kept) {
            Ok(kept) => kept.value,
            Err(shared) => shared.value.clone(),
        }
    }
}

impl<V> Clone for Cached<V> {
    fn clone(&self) -> Self {
        Self {
            kept: Arc::clone(&self.kept),
            stale: self.stale,
            hit: self.hit,
        }
    }
}

impl<V> Deref for Cached<V> {
    type Target = V;

    fn deref(&self) -> &V {
        &self.kept.value
    }
}

impl<V: fmt::Debug> fmt::Debug for Cached<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kept.value.fmt(f)
    }
}

/// A key with the tenant whose entry it is: another tenant's does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key<K> {
    pub(crate) tenant: TenantId,
    pub(crate) key: K,
}

impl<K: Hash> Hash for Key<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        KeyRef {
            tenant: self.tenant,
            key: &self.key,
        }
        .hash(state);
    }
}

/// The same, borrowed.
pub(crate) struct KeyRef<'a, K> {
    pub(crate) tenant: TenantId,
    pub(crate) key: &'a K,
}

impl<K: Hash> Hash for KeyRef<'_, K> {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.tenant.hash(state);
        self.key.hash(state);
    }
}

impl<K: Eq> Equivalent<Key<K>> for KeyRef<'_, K> {
    #[inline]
    fn equivalent(&self, key: &Key<K>) -> bool {
        self.tenant == key.tenant && *self.key == key.key
    }
}
