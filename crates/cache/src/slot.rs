//! Caches that belong to a place in the code: a declared statement, or a function.

use std::sync::atomic::{AtomicUsize, Ordering};

use brisk_core::Failure;
use brisk_db::{Db, Params, Session, Shape, Statement, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cache::{Builder, Cache, CacheKey};
use crate::caches::Caches;
use crate::error::Error;
use crate::kept::Cached;
use crate::policy::{Policy, Tier};

/// Names one cache of each database; a `static` behind [`cached!`](crate::cached!) and `#[cached]`.
#[derive(Debug)]
pub struct Slot {
    name: &'static str,
    policy: Policy,
    /// Where it is in each database's list, from 1; 0 before the first use.
    number: AtomicUsize,
}

static NUMBERS: AtomicUsize = AtomicUsize::new(1);

impl Slot {
    /// Its name stands in metrics and views, unless it is that of a statement.
    ///
    /// # Panics
    ///
    /// When the policy names a tier below, where [`cached_tiered!`](crate::cached_tiered!) is to be used, or
    /// [`Caches::cache`] for what is not a statement's.
    pub const fn new(name: &'static str, policy: Policy) -> Self {
        assert!(
            matches!(policy.tier, Tier::Process),
            "such a cache is in the process alone: cached_tiered! and Caches::cache() know of tiers below"
        );
        Self::tiered(name, policy)
    }

    /// The same with whatever tier the policy names.
    pub const fn tiered(name: &'static str, policy: Policy) -> Self {
        Self {
            name,
            policy,
            number: AtomicUsize::new(0),
        }
    }

    fn number(&self) -> usize {
        let known = self.number.load(Ordering::Relaxed);
        if known != 0 {
            return known;
        }
        let new = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let first = self
            .number
            .compare_exchange(0, new, Ordering::Relaxed, Ordering::Relaxed);
        // Another was faster; its number stays, and ours is never used.
        first.map_or_else(|theirs| theirs, |_| new)
    }

    fn cache<K: CacheKey, V: Send + Sync + 'static>(
        &self,
        db: &Db,
        name: &'static str,
        make: fn(Builder<K, V>) -> Cache<K, V>,
    ) -> Cache<K, V> {
        let caches = Caches::on(db);
        let cache = caches.in_slot(self.number(), |caches| {
            make(caches.cache(name, self.policy))
        });
        Cache::clone(&cache)
    }

    /// The answer of a declared statement, kept until a row that it depends on changes. Behind [`cached!`](crate::cached!).
    ///
    /// # Errors
    ///
    /// As [`Cache::get`].
    pub async fn run<P, S>(
        &'static self,
        session: &Session,
        statement: &'static Statement<P, S>,
        params: P,
    ) -> Result<Cached<S::Out>, Error>
    where
        P: Params + CacheKey,
        S: Shape,
        S::Out: Sync,
    {
        let make = |new: Builder<P, S::Out>| new.weigh(weigh::<P, S>).build();
        let cache = self.cache(session.db(), statement.name(), make);
        answer(&cache, session, statement, params).await
    }

    /// The same with the tier that the policy names. Behind [`cached_tiered!`](crate::cached_tiered!).
    ///
    /// # Errors
    ///
    /// As [`Cache::get`].
    pub async fn run_tiered<P, S>(
        &'static self,
        session: &Session,
        statement: &'static Statement<P, S>,
        params: P,
    ) -> Result<Cached<S::Out>, Error>
    where
        P: Params + CacheKey + Serialize,
        S: Shape,
        S::Out: Sync + Serialize + DeserializeOwned,
    {
        let make = |new: Builder<P, S::Out>| new.weigh(weigh::<P, S>).build_tiered();
        let cache = self.cache(session.db(), statement.name(), make);
        answer(&cache, session, statement, params).await
    }

    /// What a function answers for a key. Behind `#[cached]`.
    ///
    /// # Errors
    ///
    /// As [`Cache::get`].
    pub async fn get<K, V, F, R, E>(
        &'static self,
        session: &Session,
        key: &K,
        load: F,
    ) -> Result<Cached<V>, Error>
    where
        K: CacheKey,
        V: Send + Sync + 'static,
        F: FnOnce(Session) -> R + Send + 'static,
        R: Future<Output = Result<V, E>> + Send,
        E: Failure,
    {
        let cache = self.cache(session.db(), self.name, Builder::build);
        cache.get(session, key, load).await
    }
}

async fn answer<P, S>(
    cache: &Cache<P, S::Out>,
    session: &Session,
    statement: &'static Statement<P, S>,
    params: P,
) -> Result<Cached<S::Out>, Error>
where
    P: Params + CacheKey,
    S: Shape,
    S::Out: Sync,
{
    let wanted = params.clone();
    let load = async move |session: Session| session.run(statement, wanted).await;
    cache.get(session, &params, load).await
}

/// Bytes that parameters and an answer hold outside of themselves.
fn weigh<P: Params + Clone, S: Shape>(params: &P, out: &S::Out) -> usize {
    key_bytes(params.clone()) + S::heap_bytes(out)
}

/// Bytes that parameters hold outside of themselves.
fn key_bytes<P: Params>(params: P) -> usize {
    let bytes = |value: &Value| match value {
        Value::Text(text) => text.len(),
        Value::Json(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::Array(_, values) => size_of_val(values.as_slice()),
        _ => 0,
    };
    params.into_values().iter().map(bytes).sum()
}

/// Runs a declared statement through a cache of its own: `cached!(session, STATEMENT, (parameters,)).await`.
///
/// The rows that the answer depends on are found from the statement's text. A statement whose answer depends on more
/// than rows and parameters, such as `now()`, or that reads a table which is not captured, is run each time; the cache's
/// statistics and the log say why. After the parameters may stand a [`Policy`] as a constant expression.
#[macro_export]
macro_rules! cached {
    ($session:expr, $statement:expr, $params:expr $(,)?) => {
        $crate::cached!($session, $statement, $params, $crate::Policy::rows())
    };
    ($session:expr, $statement:expr, $params:expr, $policy:expr $(,)?) => {{
        static SLOT: $crate::Slot = $crate::Slot::new("", $policy);
        SLOT.run($session, &$statement, $params)
    }};
}

/// As [`cached!`](crate::cached!), with a [`Policy`] that may name a [tier](Policy::tier) below: what one node has asked the
/// database for serves the others. Parameters and rows must be `Serialize`, rows `Deserialize` too.
#[macro_export]
macro_rules! cached_tiered {
    ($session:expr, $statement:expr, $params:expr, $policy:expr $(,)?) => {{
        static SLOT: $crate::Slot = $crate::Slot::tiered("", $policy);
        SLOT.run_tiered($session, &$statement, $params)
    }};
}
