//! All caches of a database in this process.

use std::any::Any;
use std::sync::{Arc, OnceLock, RwLock, Weak};

use brisk_core::{Clock, TenantId};
use brisk_db::{Db, HookGuard, StreamWatch, WeakDb};
use tokio::sync::{Semaphore, watch};

use crate::board::Boards;
use crate::cache::Builder;
use crate::config::{ConnectError, RemoteConfig};
use crate::fault::Planted;
use crate::nodes::{Nodes, NodesStats};
use crate::policy::Policy;
use crate::stats::CacheStats;
use crate::store::{Store, StoreStats};
use crate::tier::Wall;
use crate::trail::{Ground, Plans};
use crate::view::View;

/// Loads that nobody waits for, at once; past that old entries are handed out without one.
const REFRESHES: usize = 64;

/// Makes caches over a database, and shows and empties them. Cheap to clone; a database has one.
///
/// It follows the database's change stream from the first call of [`Caches::of`] on. Results of rows are kept while
/// that [is trusted](brisk_db::ChangeStream::is_trusted): a server [starts](brisk_db::ChangeStream::start) it, and a
/// command that does not goes without.
#[derive(Clone, Debug)]
pub struct Caches(pub(crate) Arc<Shared>);

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) ground: Arc<Ground>,
    clock: OnceLock<Clock>,
    wall: OnceLock<Wall>,
    nodes: OnceLock<Arc<Nodes>>,
    store: Arc<Store>,
    /// Results whose callers were answered and that are about to be left in a tier below.
    pub(crate) leaving: watch::Sender<usize>,
    pub(crate) refreshes: Arc<Semaphore>,
    views: RwLock<Vec<Weak<dyn View>>>,
    slots: RwLock<Vec<Option<Arc<dyn Any + Send + Sync>>>>,
    _hook: HookGuard,
}

const POISONED: &str = "no holder of this lock can panic";

/// One entry, for people.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct EntryView {
    /// Whose it is.
    pub tenant: TenantId,
    /// Its key; none for a cache whose keys are secret.
    pub key: Option<String>,
    /// How long ago it was loaded, in milliseconds.
    pub age_ms: u64,
    /// Bytes that it takes, about.
    pub bytes: u64,
    /// Whether the next caller would get it.
    pub counts: bool,
    /// What it depends on, as `table/precision`.
    pub depends_on: Vec<String>,
}

impl Caches {
    /// Those of a database.
    pub fn of(db: &Db) -> Self {
        Self::on(db).clone()
    }

    /// The same, borrowed.
    pub(crate) fn on(db: &Db) -> &Self {
        db.companion(|db| {
            Self::following(
                &db.changes().watch(),
                Planted::default(),
                Some(db.downgrade()),
            )
        })
    }

    /// Those of a database that has none yet, with a fault.
    #[cfg(feature = "mutations")]
    #[doc(hidden)]
    pub fn with_fault(db: &Db, fault: crate::fault::Fault) -> Self {
        let watch = db.changes().watch();
        let make = |db: &Db| Self::following(&watch, Planted(Some(fault)), Some(db.downgrade()));
        let caches = db.companion(make);
        assert!(caches.0.ground.planted.has(fault), "it has others already");
        caches.clone()
    }

    /// Those that follow a stream, over the database behind it, where there is one.
    pub(crate) fn following(watch: &StreamWatch, planted: Planted, db: Option<WeakDb>) -> Self {
        let ground = Arc::new(Ground {
            planted,
            watch: watch.clone(),
            boards: Boards::new(planted),
            plans: Plans::default(),
        });
        let heard = Arc::clone(&ground);
        Self(Arc::new(Shared {
            _hook: watch.on_event(move |event| heard.boards.hear(event)),
            ground,
            clock: OnceLock::new(),
            wall: OnceLock::new(),
            nodes: OnceLock::new(),
            store: Arc::new(Store::new(db)),
            leaving: watch::Sender::new(0),
            refreshes: Arc::new(Semaphore::new(REFRESHES)),
            views: RwLock::default(),
            slots: RwLock::default(),
        }))
    }

    /// Ages are measured by `clock` from now on; before the first cache is made.
    #[must_use]
    pub fn with_clock(self, clock: &Clock) -> Self {
        self.0.clock.get_or_init(|| clock.clone());
        self
    }

    /// Connects to what all nodes share, for caches whose [tier](crate::Tier) that is; those made before too. It goes on
    /// without it while it is not there.
    ///
    /// # Errors
    ///
    /// When the configuration cannot be used; not when nobody answers.
    pub fn connect(&self, config: &RemoteConfig) -> Result<(), ConnectError> {
        if self.0.nodes.get().is_some() {
            return Err(ConnectError::Twice);
        }
        let nodes = Nodes::connect(config)?;
        let set = self.0.nodes.set(Arc::new(nodes));
        set.map_err(|_another| ConnectError::Twice)
    }

    /// How what all nodes share is doing; none where none was connected.
    pub fn nodes_stats(&self) -> Option<NodesStats> {
        self.nodes().map(|nodes| nodes.stats())
    }

    pub(crate) fn nodes(&self) -> Option<&Arc<Nodes>> {
        self.0.nodes.get()
    }

    /// Ready when what callers have got so far was left in the tier below, or could not be. For the end of a program.
    pub async fn flush(&self) {
        let mut leaving = self.0.leaving.subscribe();
        // An error would mean that we are gone ourselves.
        drop(leaving.wait_for(|leaving| *leaving == 0).await);
        if let Some(nodes) = self.nodes() {
            nodes.flush().await;
        }
        self.0.store.flush().await;
    }

    /// Deletes what is too old in the database, for caches whose [tier](crate::Tier) that is; answers how much. For a
    /// schedule of every ten minutes: no reader does it.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn sweep(&self) -> Result<u64, brisk_db::Error> {
        self.0.store.sweep(self.clock().now()).await
    }

    /// How the tier in the database is doing.
    pub fn store_stats(&self) -> StoreStats {
        self.0.store.stats()
    }

    pub(crate) fn store(&self) -> &Arc<Store> {
        &self.0.store
    }

    /// A new cache. Its name stands in metrics and views: `<service>.<what>`.
    pub fn cache<K, V>(&self, name: &'static str, policy: Policy) -> Builder<K, V> {
        Builder::new(self.clone(), name, policy)
    }

    /// Each cache as it is now, by name.
    pub fn stats(&self) -> Vec<CacheStats> {
        let mut stats: Vec<_> = self.views().iter().map(|view| view.stats()).collect();
        stats.sort_by_key(|s| s.name);
        stats
    }

    /// Up to `limit` entries of a cache; none where there is no such cache.
    pub fn entries(&self, name: &str, limit: usize) -> Option<Vec<EntryView>> {
        let named: Vec<_> = self.named(name);
        let mut entries = named.first()?.entries(limit);
        for view in &named[1..] {
            entries.extend(view.entries(limit.saturating_sub(entries.len())));
        }
        Some(entries)
    }

    /// Empties a cache, or what it has of one tenant; answers how many entries went, none where there is no such cache.
    ///
    /// Rows need it never; it is for results from elsewhere, and for people who want to see a load. A load under way is
    /// not kept either, and what lies in a tier below is not taken from there. Other nodes are not told.
    pub fn evict(&self, name: &str, tenant: Option<TenantId>) -> Option<u64> {
        let named = self.named(name);
        (!named.is_empty()).then(|| named.iter().map(|view| view.evict(tenant)).sum())
    }

    /// Ends, in all caches of this process, whatever depends on a table, or on a tenant's rows of it. What another node has
    /// loaded counts here when it is made of all that is committed by now.
    pub fn evict_table(&self, table: &str, tenant: Option<TenantId>) {
        let ground = &self.0.ground;
        ground.boards.sweep(table, tenant, ground.watch.next_look());
    }

    /// Puts what the caches have done into the metrics; call it before those are read.
    pub fn publish(&self) {
        for stats in self.stats() {
            crate::metrics::publish(&stats);
        }
        if let Some(stats) = self.nodes_stats() {
            crate::metrics::publish_nodes(stats);
        }
        crate::metrics::publish_store(self.store_stats());
    }

    fn named(&self, name: &str) -> Vec<Arc<dyn View>> {
        let mut views = self.views();
        views.retain(|view| view.name() == name);
        views
    }

    fn views(&self) -> Vec<Arc<dyn View>> {
        let views = self.0.views.read().expect(POISONED);
        views.iter().filter_map(Weak::upgrade).collect()
    }

    pub(crate) fn register(&self, view: Weak<dyn View>) {
        let mut views = self.0.views.write().expect(POISONED);
        views.retain(|known| known.strong_count() > 0);
        views.push(view);
    }

    pub(crate) fn wall(&self) -> &Wall {
        self.0.wall.get_or_init(|| Wall::new(self.clock()))
    }

    pub(crate) fn clock(&self) -> Clock {
        self.0.clock.get().cloned().unwrap_or_default()
    }

    /// What belongs to a [`Slot`](crate::Slot) in this database.
    pub(crate) fn in_slot<T: Any + Send + Sync>(
        &self,
        slot: usize,
        make: impl FnOnce(&Self) -> T,
    ) -> Arc<T> {
        let find = |slots: &[Option<Arc<dyn Any + Send + Sync>>]| slots.get(slot)?.clone();
        let found = find(&self.0.slots.read().expect(POISONED));
        let found = found.unwrap_or_else(|| {
            let new: Arc<dyn Any + Send + Sync> = Arc::new(make(self));
            let mut slots = self.0.slots.write().expect(POISONED);
            if slots.len() <= slot {
                slots.resize(slot + 1, None);
            }
            Arc::clone(slots[slot].get_or_insert(new))
        });
        found
            .downcast()
            .expect("a slot holds what the one place that names it put there")
    }
}
