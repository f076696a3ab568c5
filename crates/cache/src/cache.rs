//! A named cache: looking, loading once for all who wait, keeping.

use std::fmt;
use std::hash::{BuildHasher as _, Hash};
use std::sync::Arc;

use brisk_core::{Clock, Failure, TenantId, Ticks};
use brisk_db::Session;
use futures::future::BoxFuture;
use quick_cache::sync::{Cache as Map, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::caches::Caches;
use crate::codec::Codec;
use crate::error::Error;
use crate::fault::Fault;
use crate::flight::{Boarded, Flights, Outcome};
use crate::kept::{Cached, Kept, Key, KeyRef};
use crate::policy::{Policy, Source, Tier};
use crate::stats::Counts;
use crate::tier::Below;
use crate::trail::{Steps, Trail};

/// Bytes that an entry takes beside its key and its value: links and hashes of the map, reference counts, and what the
/// allocator adds to three pieces of memory.
const OVERHEAD: usize = 112;

/// What the map expects of an entry, to lay itself out; it grows where there are more.
const USUAL_BYTES: u64 = 1_024;

/// What keys are: comparable, printable for views, and free to travel.
pub trait CacheKey: Clone + Eq + Hash + fmt::Debug + Send + Sync + 'static {}

impl<K: Clone + Eq + Hash + fmt::Debug + Send + Sync + 'static> CacheKey for K {}

/// Results by key, each for as long as it is true. Cheap to clone.
///
/// Whoever asks gets what is there, or waits for the one load of that key; a load that a change overtakes answers those
/// who asked before the change and is kept for nobody. Inside a transaction the cache is not asked: what the transaction
/// has written is nobody else's business yet.
pub struct Cache<K, V>(pub(crate) Arc<Inner<K, V>>);

impl<K, V> Clone for Cache<K, V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K, V> fmt::Debug for Cache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cache").field(&self.0.name).finish()
    }
}

pub(crate) struct Inner<K, V> {
    pub(crate) name: &'static str,
    pub(crate) policy: Policy,
    pub(crate) caches: Caches,
    pub(crate) clock: Clock,
    pub(crate) counts: Counts,
    pub(crate) flights: Flights<K, V>,
    pub(crate) map: Map<Key<K>, Arc<Kept<V>>, Weigher, DefaultHashBuilder>,
    weigh: fn(&K, &V) -> usize,
    absent: fn(&V) -> bool,
    pub(crate) below: Option<Below<K, V>>,
    /// Why the last result that was not kept was not.
    pub(crate) refused: std::sync::Mutex<Option<Arc<str>>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Weigher;

impl<K, V> Weighter<Key<K>, Arc<Kept<V>>> for Weigher {
    fn weight(&self, _: &Key<K>, kept: &Arc<Kept<V>>) -> u64 {
        kept.weight
    }
}

/// A cache that is being made.
pub struct Builder<K, V> {
    caches: Caches,
    name: &'static str,
    policy: Policy,
    weigh: fn(&K, &V) -> usize,
    absent: fn(&V) -> bool,
}

impl<K, V> fmt::Debug for Builder<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Builder").field(&self.name).finish()
    }
}

impl<K, V> Builder<K, V> {
    pub(crate) fn new(caches: Caches, name: &'static str, policy: Policy) -> Self {
        Self {
            caches,
            name,
            policy,
            weigh: |_, _| 0,
            absent: |_| false,
        }
    }

    /// Bytes that a key and a value hold outside of themselves (texts, lists), about. Without it they hold none.
    #[must_use]
    pub fn weigh(mut self, weigh: fn(&K, &V) -> usize) -> Self {
        self.weigh = weigh;
        self
    }

    /// Which values say that there is nothing, for [`Policy::absent_for`].
    #[must_use]
    pub fn absent(mut self, absent: fn(&V) -> bool) -> Self {
        self.absent = absent;
        self
    }
}

impl<K: CacheKey, V: Send + Sync + 'static> Builder<K, V> {
    /// The cache, in this process alone. It is forgotten when its last clone is dropped.
    ///
    /// # Panics
    ///
    /// When its policy names a [tier](Policy::tier) below: [`build_tiered`](Self::build_tiered) makes that.
    pub fn build(self) -> Cache<K, V> {
        assert!(
            self.policy.tier == Tier::Process,
            "the cache {} has a tier below, so its values must be serialised: build_tiered() makes it",
            self.name
        );
        self.make(None)
    }

    /// The cache with the tier that its policy names.
    ///
    /// Keys and values travel as JSON: keys that differ must differ there too, and a value must come back as it was. What
    /// a release with another type of values wrote is not found; raise [`Policy::schema`] where the type has kept its name
    /// and its meaning has changed.
    pub fn build_tiered(self) -> Cache<K, V>
    where
        K: Serialize,
        V: Serialize + DeserializeOwned,
    {
        let tiered = self.policy.tier != Tier::Process;
        let below = tiered.then(|| Below::new(Codec::new(self.policy.schema)));
        self.make(below)
    }

    fn make(self, below: Option<Below<K, V>>) -> Cache<K, V> {
        let bytes = self.policy.bytes.max(USUAL_BYTES);
        let items = usize::try_from(bytes / USUAL_BYTES).unwrap_or(usize::MAX);
        let options = OptionsBuilder::new()
            .estimated_items_capacity(items.clamp(16, 100_000))
            .weight_capacity(bytes)
            .build()
            .expect("all that the options need is given");
        let map = Map::with_options(
            options,
            Weigher,
            DefaultHashBuilder::default(),
            DefaultLifecycle::default(),
        );
        let inner = Arc::new(Inner {
            name: self.name,
            policy: self.policy,
            clock: self.caches.clock(),
            caches: self.caches.clone(),
            counts: Counts::default(),
            flights: Flights::default(),
            map,
            weigh: self.weigh,
            absent: self.absent,
            below,
            refused: std::sync::Mutex::default(),
        });
        let view = Arc::downgrade(&inner);
        self.caches.register(view);
        Cache(inner)
    }
}

/// What a look finds.
pub(crate) enum Look<V> {
    Fresh(Arc<Kept<V>>),
    /// Old enough to be replaced, and still good enough to be handed out.
    Aging(Arc<Kept<V>>),
    /// Too old, but not ended by a change as far as is known.
    Old(Arc<Kept<V>>),
    Nothing,
}

impl<K: CacheKey, V: Send + Sync + 'static> Cache<K, V> {
    /// What is kept for `key`, or what `load` answers.
    ///
    /// `load` gets a session of the same tenant, which it must read through: it tells the cache which rows the result
    /// depends on. It runs in a task of its own, so that it goes on for others when this caller gives up; its statements
    /// are counted in this caller's ledger. Errors are not kept.
    ///
    /// # Errors
    ///
    /// [`Error::Load`] with the load's own error, [`Error::Timeout`] when the session's deadline passes first.
    #[inline]
    pub async fn get<F, R, E>(
        &self,
        session: &Session,
        key: &K,
        load: F,
    ) -> Result<Cached<V>, Error>
    where
        F: FnOnce(Session) -> R + Send + 'static,
        R: Future<Output = Result<V, E>> + Send,
        E: Failure,
    {
        if self.may_look(session)
            && let Some(cached) = self.hit(session, key)
        {
            return Ok(cached);
        }
        // On the heap: the miss is rare, and would make the future of each hit kilobytes larger.
        Box::pin(self.miss(session, key, load)).await
    }

    /// What is kept for `key` and counts.
    #[inline]
    pub fn peek(&self, session: &Session, key: &K) -> Option<Cached<V>> {
        if self.may_look(session) {
            self.hit(session, key)
        } else {
            None
        }
    }

    /// What was kept last for `key`, also when it no longer counts: for a load that can use parts of it again.
    pub fn last(&self, session: &Session, key: &K) -> Option<Cached<V>> {
        let tenant = self.tenant(session);
        let kept = self.0.map_peek(&KeyRef { tenant, key })?;
        Some(Cached {
            kept,
            stale: true,
            hit: false,
        })
    }

    #[inline]
    fn hit(&self, session: &Session, key: &K) -> Option<Cached<V>> {
        match self.find(session, key) {
            Look::Fresh(kept) => Some(self.hand_out(session, kept, true)),
            _ => None,
        }
    }

    /// Whether what is kept may be what this session should see.
    #[inline]
    fn may_look(&self, session: &Session) -> bool {
        let is_inside = session.in_transaction() && !self.0.has(Fault::AskedInside);
        !is_inside && session.positions().is_empty()
    }

    /// Looks, and makes what is found a part of the load that asks.
    #[inline]
    fn find(&self, session: &Session, key: &K) -> Look<V> {
        let found = self.look(self.tenant(session), key);
        if session.footprint().is_some()
            && let Look::Fresh(kept) | Look::Aging(kept) = &found
        {
            join(session, kept);
            // Who joined that load before it knew of this part came after all changes until then.
            if !kept.holds(&self.0.caches.0.ground.watch) {
                return Look::Nothing;
            }
        }
        found
    }

    fn tenant(&self, session: &Session) -> TenantId {
        if self.0.policy.shared {
            TenantId::PLATFORM
        } else {
            session.tenant()
        }
    }

    /// Counts an answer.
    #[inline]
    fn hand_out(&self, session: &Session, kept: Arc<Kept<V>>, hit: bool) -> Cached<V> {
        session.scope().ledger().cache(hit);
        if hit {
            self.0.counts.hits.one();
        }
        Cached {
            kept,
            stale: false,
            hit,
        }
    }

    #[inline]
    pub(crate) fn look(&self, tenant: TenantId, key: &K) -> Look<V> {
        let inner = &*self.0;
        let Some(kept) = inner.map.get(&KeyRef { tenant, key }) else {
            return Look::Nothing;
        };
        let watch = &inner.caches.0.ground.watch;
        if !kept.holds(watch) {
            return Look::Nothing;
        }
        if !kept.tags.is_empty() && !watch.is_trusted() && !inner.has(Fault::TrustIgnored) {
            let age = || inner.clock.ticks().since(kept.made);
            let untrusted = inner.policy.untrusted;
            if untrusted.is_zero() || !watch.is_started() || age() >= untrusted {
                return Look::Old(kept);
            }
        }
        if kept.fresh_until == Ticks::NEVER {
            return Look::Fresh(kept);
        }
        let now = inner.clock.ticks();
        if now < kept.fresh_until {
            Look::Fresh(kept)
        } else if now < kept.fresh_until.after(inner.policy.serve_stale) {
            Look::Aging(kept)
        } else {
            Look::Old(kept)
        }
    }

    async fn miss<F, R, E>(&self, session: &Session, key: &K, load: F) -> Result<Cached<V>, Error>
    where
        F: FnOnce(Session) -> R + Send + 'static,
        R: Future<Output = Result<V, E>> + Send,
        E: Failure,
    {
        let inner = &*self.0;
        if session.in_transaction() && !self.0.has(Fault::AskedInside) {
            inner.counts.bypassed.one();
            session.scope().ledger().cache(false);
            let value = load(session.clone())
                .await
                .map_err(|e| Error::Load(Arc::new(e)))?;
            return Ok(apart(value));
        }
        let changes = session.db().changes();
        for position in session.positions() {
            let reached = changes.reached(position, session.scope().deadline());
            reached.await.map_err(|e| Error::Load(Arc::new(e)))?;
        }
        let old = match self.find(session, key) {
            Look::Fresh(kept) => return Ok(self.hand_out(session, kept, true)),
            Look::Aging(kept) => {
                self.refresh(session, key, load);
                inner.counts.stale.one();
                let mut cached = self.hand_out(session, kept, true);
                cached.stale = true;
                return Ok(cached);
            }
            Look::Old(kept) => Some(kept),
            Look::Nothing => None,
        };
        let begin = || {
            let boarded = self.flight(session, key, load);
            if let Boarded::Landed(kept) = &boarded {
                join(session, kept);
            }
            boarded
        };
        let boarded = match Trail::of(session) {
            Some(outer) => outer.waits_for(begin, Boarded::trail),
            None => begin(),
        };
        let waiting = match boarded {
            Boarded::Flight(flight) => flight,
            Boarded::Landed(kept) => return Ok(self.hand_out(session, kept, true)),
        };
        let part = Arc::clone(&waiting.trail);
        let soft = inner
            .policy
            .soft_timeout
            .filter(|_| old.as_ref().is_some_and(|old| self.may_serve(old)));
        let outcome = match soft {
            Some(soft) => {
                match tokio::time::timeout(soft, waiting.outcome(session, inner.name)).await {
                    Ok(outcome) => outcome,
                    Err(_) => Err(Error::Timeout { cache: inner.name }),
                }
            }
            None => waiting.outcome(session, inner.name).await,
        };
        match (outcome, old) {
            (Ok(kept), _) => {
                let hit = kept.from_below;
                if !hit {
                    inner.counts.misses.one();
                }
                join(session, &kept);
                drop(part);
                Ok(self.hand_out(session, kept, hit))
            }
            (Err(_), Some(old)) if self.serves(session, &old) => {
                inner.counts.stale.one();
                let mut cached = self.hand_out(session, old, true);
                cached.stale = true;
                Ok(cached)
            }
            (Err(error), _) => {
                inner.counts.misses.one();
                session.scope().ledger().cache(false);
                Err(error)
            }
        }
    }

    /// Whether an entry that is too old may be handed out where there is nothing better.
    fn may_serve(&self, old: &Kept<V>) -> bool {
        let inner = &*self.0;
        let span = inner.policy.stale_if_error;
        if span.is_zero() {
            return false;
        }
        let since = if old.fresh_until == Ticks::NEVER {
            old.made
        } else {
            old.fresh_until
        };
        inner.clock.ticks() < since.after(span) && old.holds(&inner.caches.0.ground.watch)
    }

    /// The same, once it is a part of the load that asks.
    fn serves(&self, session: &Session, old: &Kept<V>) -> bool {
        join(session, old);
        self.may_serve(old)
    }

    /// Loads what nobody waits for, unless there is enough of that.
    fn refresh<F, R, E>(&self, session: &Session, key: &K, load: F)
    where
        F: FnOnce(Session) -> R + Send + 'static,
        R: Future<Output = Result<V, E>> + Send,
        E: Failure,
    {
        let refreshes = Arc::clone(&self.0.caches.0.refreshes);
        if let Ok(permit) = refreshes.try_acquire_owned() {
            let loaded = async move |session| {
                let _permit = permit;
                load(session).await
            };
            drop(self.flight(session, key, loaded));
        }
    }

    /// Loads keys that will be asked for, at most `side_by_side` at once; answers how many are kept now. For the start of
    /// a program.
    ///
    /// A load that fails is left to the first caller.
    pub async fn warm<F, R, E>(
        &self,
        session: &Session,
        keys: impl IntoIterator<Item = K> + Send,
        side_by_side: usize,
        load: F,
    ) -> u64
    where
        F: Fn(Session, K) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = Result<V, E>> + Send,
        E: Failure,
    {
        use futures::StreamExt as _;
        let keys: Vec<K> = keys.into_iter().collect();
        let loads = keys.into_iter().map(|key| {
            let (load, wanted) = (load.clone(), key.clone());
            async move {
                let loaded = self.get(session, &key, move |session| load(session, wanted));
                u64::from(loaded.await.is_ok())
            }
        });
        let loads: Vec<BoxFuture<'_, u64>> = loads.map(|l| Box::pin(l) as _).collect();
        let loads = futures::stream::iter(loads).buffer_unordered(side_by_side.max(1));
        loads.fold(0, async |sum, n| sum + n).await
    }
}

/// A result that is nobody else's.
fn apart<V>(value: V) -> Cached<V> {
    let steps = Steps::apart();
    Cached {
        kept: Arc::new(Kept::new(value, steps, Ticks::now(), Ticks::NEVER)),
        stale: false,
        hit: false,
    }
}

/// Makes an entry a part of the load that a session works for.
fn join<V>(session: &Session, kept: &Kept<V>) {
    if let Some(outer) = Trail::of(session) {
        outer.include(&kept.tags, kept.fresh_until);
        if let Some(why) = &kept.unfit {
            outer.refuse(why);
        }
    }
}

impl<K, V> Inner<K, V> {
    #[inline]
    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.caches.0.ground.planted.has(fault)
    }
}

impl<K: CacheKey, V: Send + Sync + 'static> Inner<K, V> {
    /// Makes an entry of a result.
    pub(crate) fn entry(&self, key: &Key<K>, value: V, mut steps: Steps) -> Arc<Kept<V>> {
        let made = self.clock.ticks();
        let absent = self.policy.absent.filter(|_| (self.absent)(&value));
        let life = absent.or(self.policy.fresh);
        let until = life.map_or(Ticks::NEVER, |life| made.after(self.policy.life(life)));
        if self.policy.source == Source::Rows && !steps.has_read && steps.unfit.is_none() {
            steps.unfit =
                Some("the load read nothing through the session that it was given".into());
        }
        Arc::new(self.weighed(key, value, steps, made, until))
    }

    pub(crate) fn weighed(
        &self,
        key: &Key<K>,
        value: V,
        steps: Steps,
        made: Ticks,
        until: Ticks,
    ) -> Kept<V> {
        let fixed = size_of::<Kept<V>>() + size_of::<Key<K>>() + OVERHEAD;
        let mut kept = Kept::new(value, steps, made, until);
        let weight = fixed + (self.weigh)(&key.key, &kept.value);
        kept.weight = u64::try_from(weight).unwrap_or(u64::MAX);
        kept
    }

    fn map_peek(&self, key: &KeyRef<'_, K>) -> Option<Arc<Kept<V>>> {
        self.map.peek(key)
    }

    /// Keeps an entry where that is right. One whose load `is_owned` by nobody any more must not come back.
    pub(crate) fn keep(&self, key: &Key<K>, kept: &Arc<Kept<V>>, is_owned: bool) {
        if let Some(why) = &kept.unfit {
            self.refuse(why);
            return;
        }
        let watch = &self.caches.0.ground.watch;
        let is_gone = !is_owned && !self.has(Fault::KeptOnceEmptied);
        if is_gone || !kept.holds(watch) {
            self.counts.ended.one();
            return;
        }
        if let Some(known) = self.map.peek(key) {
            if known.version > kept.version && known.holds(watch) {
                return;
            }
            if !known.holds(watch) {
                self.counts.ended.one();
            }
        }
        let before = self.map.len();
        self.map.insert(key.clone(), Arc::clone(kept));
        let gone = (before + 1).saturating_sub(self.map.len());
        self.counts
            .evicted
            .add(u64::try_from(gone).unwrap_or_default());
    }

    fn refuse(&self, why: &Arc<str>) {
        self.counts.refused.one();
        let mut last = self
            .refused
            .lock()
            .expect("no holder of this lock can panic");
        if last.as_deref() != Some(&**why) {
            tracing::warn!(cache = self.name, "{why}");
            *last = Some(Arc::clone(why));
        }
    }

    pub(crate) fn finished(&self, outcome: &Outcome<V>, micros: u64) {
        self.counts.load_micros.add(micros);
        if outcome.is_err() {
            self.counts.load_errors.one();
        }
    }
}

impl<K, V> fmt::Debug for Inner<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Which of some places belongs to a key.
pub(crate) fn spot<K: Hash>(
    hasher: &DefaultHashBuilder,
    key: &KeyRef<'_, K>,
    spots: usize,
) -> usize {
    usize::try_from(hasher.hash_one(key)).unwrap_or(usize::MAX) % spots
}
