//! The settings of the tenants that are asked for, kept until they change.

use std::sync::Arc;
use std::time::Duration;

use brisk_auth::{TenantDirectory, TenantStatus};
use brisk_core::{Clock, Scope, TenantId};
use brisk_db::{ChangeStream, Db, HookGuard};
use jiff::{SignedDuration, Timestamp};
use quick_cache::sync::{Cache, DefaultLifecycle, EntryAction, EntryResult};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

use super::tenant::TenantSettings;
use crate::error::Error;

/// What the settings are made of.
const TABLES: &[&str] = &[
    "brisk_tenants",
    "civic_tenant_config",
    "civic_areas",
    "civic_categories",
    "civic_calendars",
    "civic_sla_policies",
];

/// How long settings are used before they are read again where the change stream is not trusted: the bound on how stale
/// another node's change can be here.
const LIFE: SignedDuration = SignedDuration::from_secs(5);
/// The longest that one load may take; its waiters then hear of a timeout.
const LOAD_LIMIT: Duration = Duration::from_secs(10);
/// Memory for all tenants together, in bytes; the least used go first.
const CAPACITY: u64 = 256 * 1024 * 1024;
/// Tenants for which the table is laid out at start.
const EXPECTED_TENANTS: usize = 1_000;
/// One tenant's settings must fit a shard, so there are few.
const SHARDS: usize = 2;

/// Gives out [`TenantSettings`].
///
/// Settings live until the change stream tells of a change, whoever made it, and a load that began before the change
/// cannot put its result back. While the stream is not trusted they live for five seconds at most, and a change through
/// this process is seen at once all the same, because [`Settings::changed`] drops the entry. Callers that miss together
/// share one load.
#[derive(Debug)]
pub(crate) struct Settings {
    db: Db,
    clock: Clock,
    tenants: TenantDirectory,
    stream: ChangeStream,
    cache: Arc<Cache<TenantId, Entry, Weigher>>,
    _hook: HookGuard,
}

#[derive(Clone, Debug)]
struct Entry {
    /// Before the first statement was sent.
    loaded_at: Timestamp,
    settings: Arc<TenantSettings>,
}

impl Entry {
    /// A clock that was put back makes entries of the future, which do not count as fresh either.
    fn is_fresh(&self, now: Timestamp) -> bool {
        let age = now.duration_since(self.loaded_at);
        age >= SignedDuration::ZERO && age < LIFE
    }
}

#[derive(Clone, Debug)]
struct Weigher;

impl Weighter<TenantId, Entry> for Weigher {
    fn weight(&self, _: &TenantId, entry: &Entry) -> u64 {
        entry.settings.weight()
    }
}

impl Settings {
    /// An empty cache over `db`.
    pub(crate) fn new(db: Db, clock: Clock, tenants: TenantDirectory) -> Self {
        let options = OptionsBuilder::new()
            .estimated_items_capacity(EXPECTED_TENANTS)
            .weight_capacity(CAPACITY)
            .shards(SHARDS)
            .build()
            .expect("all that the options need is given");
        let cache = Cache::with_options(
            options,
            Weigher,
            DefaultHashBuilder::default(),
            DefaultLifecycle::default(),
        );
        let cache = Arc::new(cache);
        let stream = db.changes();
        let told = Arc::clone(&cache);
        // After the directory's own hook, which was there before: what is loaded from now on sees the new tenant.
        let hook = stream.on_change_of(TABLES, move |tenant| match tenant {
            Some(tenant) => drop(told.remove(&tenant)),
            None => told.clear(),
        });
        Self {
            db,
            clock,
            tenants,
            stream,
            cache,
            _hook: hook,
        }
    }

    fn counts(&self, entry: &Entry, now: Timestamp) -> bool {
        self.stream.is_trusted() || entry.is_fresh(now)
    }

    /// The settings of `tenant`.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when there is no such tenant, [`Error::Stored`] when what it has set no longer fits the rules,
    /// else what kept the database from answering.
    pub(crate) async fn of(&self, tenant: TenantId) -> Result<Arc<TenantSettings>, Error> {
        let now = self.clock.now();
        if let Some(entry) = self.cache.get(&tenant).filter(|e| self.counts(e, now)) {
            return Ok(entry.settings);
        }
        let found = self.cache.entry_async(&tenant, |_, entry| {
            if self.counts(entry, now) {
                EntryAction::Retain(Arc::clone(&entry.settings))
            } else {
                EntryAction::ReplaceWithGuard
            }
        });
        let (guard, previous) = match found.await {
            EntryResult::Retained(settings) => return Ok(settings),
            EntryResult::Vacant(guard) => (Some(guard), None),
            EntryResult::Replaced(guard, old) => (Some(guard), Some(old)),
            EntryResult::Removed(..) | EntryResult::Timeout => (None, None),
        };
        let loaded_at = self.clock.now();
        let settings = self.load(tenant, previous.map(|e| e.settings)).await?;
        if let Some(guard) = guard {
            let entry = Entry {
                loaded_at,
                settings: Arc::clone(&settings),
            };
            // Refused when the settings were changed meanwhile; this caller began before that.
            drop(guard.insert(entry));
        }
        Ok(settings)
    }

    /// The settings of the tenant with that slug; `None` when there is none, or it is not in use.
    ///
    /// # Errors
    ///
    /// As [`Settings::of`].
    pub(crate) async fn by_slug(&self, slug: &str) -> Result<Option<Arc<TenantSettings>>, Error> {
        match self.tenants.by_slug(slug).await? {
            Some(tenant) if tenant.status == TenantStatus::Active => {
                self.of(tenant.id).await.map(Some)
            }
            Some(_) | None => Ok(None),
        }
    }

    /// Forgets the settings of `tenant`; call it after the commit and before the answer.
    pub(crate) fn changed(&self, tenant: TenantId) {
        self.cache.remove(&tenant);
    }

    async fn load(
        &self,
        tenant: TenantId,
        previous: Option<Arc<TenantSettings>>,
    ) -> Result<Arc<TenantSettings>, Error> {
        // Not the first caller's scope: its deadline would be that of all who wait with it.
        let scope = Scope::system(tenant, "civic.settings").shortened(LOAD_LIMIT);
        let session = self.db.session(scope);
        let known = self.tenants.get(tenant).await?;
        let known = known.ok_or(Error::NotFound { what: "tenant" })?;
        // Boxed, because its statements would make every request's future 24 KB larger for the rare miss.
        let load = TenantSettings::load(&session, known, previous.as_deref());
        let loaded = Box::pin(load).await?;
        Ok(Arc::new(loaded))
    }
}
