//! One load for all who want the same.

use std::collections::HashMap;
use std::hash::Hash;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use brisk_core::{Failure, Scope, TenantId};
use brisk_db::Session;
use futures::FutureExt as _;
use quick_cache::DefaultHashBuilder;
use tokio::sync::watch;
use tracing::Instrument as _;

use crate::cache::{Cache, CacheKey, Look, spot};
use crate::error::Error;
use crate::kept::{Kept, Key, KeyRef};
use crate::stats::micros;
use crate::tier::{Asked, Leaving};
use crate::trail::Trail;

/// Locks over the loads that are under way.
const SPOTS: usize = 16;

const POISONED: &str = "no holder of this lock can panic";

/// How a load ends, for all who wait for it.
pub(crate) type Outcome<V> = Result<Arc<Kept<V>>, Error>;

/// The loads that are under way.
pub(crate) struct Flights<K, V> {
    hasher: DefaultHashBuilder,
    // Std mutexes: held for a look-up only, never across an await.
    spots: [Mutex<HashMap<Key<K>, Flight<V>>>; SPOTS],
}

impl<K, V> Default for Flights<K, V> {
    fn default() -> Self {
        Self {
            hasher: DefaultHashBuilder::default(),
            spots: std::array::from_fn(|_| Mutex::default()),
        }
    }
}

/// A load that somebody waits for.
pub(crate) struct Flight<V> {
    pub(crate) trail: Arc<Trail>,
    end: watch::Receiver<Option<Outcome<V>>>,
}

impl<V> Clone for Flight<V> {
    fn clone(&self) -> Self {
        Self {
            trail: Arc::clone(&self.trail),
            end: self.end.clone(),
        }
    }
}

impl<V> Flight<V> {
    /// Waits until the caller's deadline. Given up, it changes nothing for the others.
    pub(crate) async fn outcome(mut self, session: &Session, cache: &'static str) -> Outcome<V> {
        let waiting = async {
            match self.end.wait_for(Option::is_some).await {
                Ok(end) => end.clone().unwrap_or(Err(Error::Stopped { cache })),
                // The runtime went away under the task.
                Err(_) => Err(Error::Stopped { cache }),
            }
        };
        match session.scope().deadline().instant() {
            None => waiting.await,
            Some(end) => tokio::time::timeout_at(end.into(), waiting)
                .await
                .unwrap_or(Err(Error::Timeout { cache })),
        }
    }
}

impl<K: Eq + Hash, V> Flights<K, V> {
    fn spot(&self, key: &Key<K>) -> &Mutex<HashMap<Key<K>, Flight<V>>> {
        let key = KeyRef {
            tenant: key.tenant,
            key: &key.key,
        };
        &self.spots[spot(&self.hasher, &key, SPOTS)]
    }

    /// Nobody joins the loads that are under way any more, all of them or a tenant's.
    pub(crate) fn disown(&self, tenant: Option<TenantId>) {
        for spot in &self.spots {
            let mut spot = spot.lock().expect(POISONED);
            spot.retain(|key, _| tenant.is_some_and(|tenant| key.tenant != tenant));
        }
    }
}

/// What a caller who found nothing gets.
pub(crate) enum Boarded<V> {
    /// A load to wait for.
    Flight(Flight<V>),
    /// What a load that has ended in between has left.
    Landed(Arc<Kept<V>>),
}

impl<V> Boarded<V> {
    /// What follows the load that is waited for.
    pub(crate) const fn trail(&self) -> Option<&Arc<Trail>> {
        match self {
            Self::Flight(flight) => Some(&flight.trail),
            Self::Landed(_) => None,
        }
    }
}

impl<K: CacheKey, V: Send + Sync + 'static> Cache<K, V> {
    /// The load for a key: the one under way, where it may still answer this caller, else one that begins now.
    pub(crate) fn flight<F, R, E>(&self, session: &Session, key: &K, load: F) -> Boarded<V>
    where
        F: FnOnce(Session) -> R + Send + 'static,
        R: Future<Output = Result<V, E>> + Send,
        E: Failure,
    {
        let inner = &self.0;
        let tenant = if inner.policy.shared {
            TenantId::PLATFORM
        } else {
            session.tenant()
        };
        let key = Key {
            tenant,
            key: key.clone(),
        };
        let ended = watch::Sender::new(None);
        let (trail, flight) = {
            let mut spot = inner.flights.spot(&key).lock().expect(POISONED);
            let is_lenient = !inner.policy.untrusted.is_zero();
            let may_join = |flight: &&Flight<V>| flight.trail.is_current(is_lenient);
            // One that has read what was changed meanwhile answers those who asked before.
            if let Some(flight) = spot.get(&key).filter(may_join) {
                inner.counts.joined.one();
                return Boarded::Flight(flight.clone());
            }
            // A load keeps its result before it gives up its place here: whoever looked before the one and asks after the
            // other must not load once more.
            if let Look::Fresh(kept) = self.look(tenant, &key.key) {
                return Boarded::Landed(kept);
            }
            let trail = Trail::begin(&inner.caches.0.ground);
            let flight = Flight {
                trail: Arc::clone(&trail),
                end: ended.subscribe(),
            };
            spot.insert(key.clone(), flight.clone());
            (trail, flight)
        };
        let (scope, db) = (session.scope().clone(), session.db().clone());
        let (name, limit, footprint) = (inner.name, inner.policy.load_limit, trail.clone());
        let asking = scope.clone();
        // Its time begins when it does, whatever was asked before.
        let load = move || {
            let scope = scope.apart(tenant, name, limit);
            load(db.session(scope).followed_by(footprint))
        };
        let this = self.clone();
        let task = async move {
            inner_load(this, key, trail, asking, load, ended).await;
        };
        tokio::spawn(task.in_current_span());
        Boarded::Flight(flight)
    }
}

/// Runs a load to its end, keeps the result, tells those who wait. Nothing in it can leave them waiting: a panic is an
/// outcome, and so is a load that takes too long.
async fn inner_load<K, V, F, R, E>(
    cache: Cache<K, V>,
    key: Key<K>,
    trail: Arc<Trail>,
    asking: Scope,
    load: F,
    ended: watch::Sender<Option<Outcome<V>>>,
) where
    K: CacheKey,
    V: Send + Sync + 'static,
    F: FnOnce() -> R,
    R: Future<Output = Result<V, E>> + Send,
    E: Failure,
{
    let inner = &*cache.0;
    let asked = inner.ask_below(&key, &trail, &asking).await;
    let since = inner.clock.ticks();
    let (outcome, room): (Outcome<V>, _) = match asked {
        Asked::Found(kept) => (Ok(kept), None),
        Asked::Load(room) => {
            inner.counts.loads.one();
            let began = Instant::now();
            let work = AssertUnwindSafe(async {
                let value = load().await.map_err(|e| Error::Load(Arc::new(e)))?;
                Ok(inner.entry(&key, value, trail.steps_so_far()))
            });
            let limited = tokio::time::timeout(inner.policy.load_limit, work.catch_unwind());
            let outcome = match limited.await {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(panic)) => Err(Error::Panicked {
                    cache: inner.name,
                    message: said(&*panic),
                }),
                Err(_) => Err(Error::Timeout { cache: inner.name }),
            };
            inner.finished(&outcome, micros(began.elapsed()));
            (outcome, room)
        }
    };
    let leaving = {
        let mut spot = inner.flights.spot(&key).lock().expect(POISONED);
        // Where another has taken its place a change has overtaken it, or the cache was emptied meanwhile.
        let is_ours = |flight: &Flight<V>| Arc::ptr_eq(&flight.trail, &trail);
        let is_owned = spot.get(&key).is_some_and(is_ours);
        // Kept before the lock is given up: who finds no load finds its result, and who empties the cache finds either.
        if let Ok(kept) = &outcome {
            inner.keep(&key, kept, is_owned);
        }
        if is_owned {
            spot.remove(&key);
        }
        // What is not kept here is nothing for others either.
        let room = room.filter(|_| is_owned);
        room.map(|room| (room, Leaving::of(&inner.caches)))
    };
    ended.send_replace(Some(outcome.clone()));
    // Nobody waits for this. A lease that is left over is given back.
    if let (Some((room, _leaving)), Ok(kept)) = (leaving, outcome) {
        inner.leave_below(room, &key, &kept, since);
    }
}

fn said(panic: &(dyn std::any::Any + Send)) -> Arc<str> {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without text").into()
}
