//! The tier in the database: results from outside, over restarts.
//!
//! As the tier of nodes it promises nothing and fails for nobody. Reads of one moment share a statement. Writes wait in
//! memory and go in batches, which cost the database a fraction of single ones: what was loaded in the last moment before
//! a program dies is loaded again.

mod statements;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use brisk_core::{Scope, TenantId};
use brisk_db::{Batch, Db, Declared, Error, OnConflict, Session, WeakDb};
use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;
use uuid::Uuid;

use crate::codec::Address;
use crate::stats::Count;
use statements::{DELETE_CACHE, DELETE_EXPIRED, DELETE_OF_TENANT, EntryRecord, GET, SWEEP};

/// Entries of one batch, and about how many bytes.
const BATCH: usize = 256;
const BATCH_BYTES: usize = 4 << 20;

/// How long an entry waits for others at most.
const GATHER: Duration = Duration::from_millis(100);

/// Entries that may wait, and their bytes; what is loaded past that is not kept over restarts.
const QUEUE: usize = 4_096;
const QUEUE_BYTES: usize = 32 << 20;

/// How long a read may take: the result can be had elsewhere.
const READ_LIMIT: Duration = Duration::from_millis(250);

/// How long a write may take; nobody waits for it.
const WRITE_LIMIT: Duration = Duration::from_secs(10);

const POISONED: &str = "no holder of this lock can panic";

/// Every statement of this crate, for the test that prepares them.
pub fn statements() -> Vec<&'static dyn Declared> {
    statements::STATEMENTS.to_vec()
}

/// The tier in the database as it is now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct StoreStats {
    /// Entries that wait to be written.
    pub waiting: u64,
    /// Entries that were written.
    pub writes: u64,
    /// Batches that wrote them.
    pub batches: u64,
    /// Entries that were not written: too many waited, or the database failed.
    pub dropped: u64,
    /// Reads and batches that failed.
    pub errors: u64,
}

/// The tier.
#[derive(Debug)]
pub(crate) struct Store {
    db: Option<WeakDb>,
    queue: Mutex<Queue>,
    /// There is enough for a batch, or somebody waits for the last one.
    hurry: Notify,
    is_idle: watch::Sender<bool>,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    writes: Count,
    batches: Count,
    dropped: Count,
    errors: Count,
}

/// What is to be written; a later entry of a key takes the place of an earlier one.
#[derive(Debug, Default)]
struct Queue {
    entries: HashMap<(TenantId, Uuid), EntryRecord>,
    bytes: usize,
    /// Caches that were emptied, or what they had of a tenant. Before the entries that wait.
    emptied: Vec<(&'static str, Option<TenantId>)>,
    /// Whether a task works on it.
    is_worked_on: bool,
    is_urgent: bool,
}

impl Store {
    pub(crate) fn new(db: Option<WeakDb>) -> Self {
        Self {
            db,
            queue: Mutex::default(),
            hurry: Notify::new(),
            is_idle: watch::Sender::new(true),
            counts: Counts::default(),
        }
    }

    /// What is there, at the cost of whoever asks.
    pub(crate) async fn get(
        &self,
        scope: &Scope,
        cache: &'static str,
        tenant: TenantId,
        address: &Address,
    ) -> Option<Vec<u8>> {
        let id = Uuid::from_bytes(address.identity);
        let waiting = self.queue().entries.get(&(tenant, id)).cloned();
        if let Some(record) = waiting {
            return Some(record.entry);
        }
        let db = self.db()?;
        // On the primary: a table that is not logged is not on a replica.
        let session = db.session(scope.apart(tenant, cache, READ_LIMIT)).primary();
        match session.load(&GET, id).await {
            Ok(row) => row.map(|row| row.entry),
            Err(error) => {
                if self.counts.errors.get() == 0 {
                    tracing::warn!(%error, cache, "the cache in the database cannot be read");
                }
                self.counts.errors.one();
                None
            }
        }
    }

    /// Keeps an entry in due time, unless it `is_evicted` by then; whether there was room for it.
    pub(crate) fn put(
        self: &Arc<Self>,
        cache: &'static str,
        tenant: TenantId,
        address: &Address,
        entry: Vec<u8>,
        expires_at: Timestamp,
        is_evicted: impl FnOnce() -> bool,
    ) -> bool {
        let mut queue = self.queue();
        // Asked while nobody can empty it: what is put before that goes with the rest.
        if is_evicted() {
            return true;
        }
        if queue.entries.len() >= QUEUE || queue.bytes + entry.len() > QUEUE_BYTES {
            self.counts.dropped.one();
            return false;
        }
        let id = Uuid::from_bytes(address.identity);
        queue.bytes += entry.len();
        let record = EntryRecord {
            tenant_id: tenant,
            id,
            cache,
            entry,
            expires_at,
        };
        if let Some(before) = queue.entries.insert((tenant, id), record) {
            queue.bytes -= before.entry.len();
        }
        if queue.is_full_batch() {
            self.hurry.notify_one();
        }
        self.work(&mut queue);
        true
    }

    /// Forgets what there is of a cache, or of one tenant in it.
    pub(crate) fn empty(self: &Arc<Self>, cache: &'static str, tenant: Option<TenantId>) {
        let mut queue = self.queue();
        let goes = |record: &EntryRecord| {
            record.cache == cache && tenant.is_none_or(|tenant| record.tenant_id == tenant)
        };
        queue.entries.retain(|_, record| !goes(record));
        queue.bytes = queue.entries.values().map(|r| r.entry.len()).sum();
        queue.emptied.push((cache, tenant));
        queue.is_urgent = true;
        self.hurry.notify_one();
        self.work(&mut queue);
    }

    /// Sees that somebody works on the queue. Outside of a runtime, as in a command that ends, nobody does.
    fn work(self: &Arc<Self>, queue: &mut Queue) {
        if !queue.is_worked_on
            && let Ok(runtime) = Handle::try_current()
            && let Some(db) = self.db()
        {
            queue.is_worked_on = true;
            self.is_idle.send_replace(false);
            let working = Working {
                store: Arc::clone(self),
                is_over: false,
            };
            runtime.spawn(working.run(db));
        }
    }

    /// Ready when what waits now has been written, or could not be.
    pub(crate) async fn flush(self: &Arc<Self>) {
        {
            let mut queue = self.queue();
            if queue.is_empty() && !queue.is_worked_on {
                return;
            }
            queue.is_urgent = true;
            self.hurry.notify_one();
            self.work(&mut queue);
        }
        let mut is_idle = self.is_idle.subscribe();
        // An error would mean that we are gone ourselves.
        drop(is_idle.wait_for(|idle| *idle).await);
    }

    /// Deletes what is too old; answers how much.
    pub(crate) async fn sweep(&self, now: Timestamp) -> Result<u64, Error> {
        let Some(db) = self.db() else {
            return Ok(0);
        };
        let mut gone = 0;
        loop {
            let deleted = ours(&db).run(&DELETE_EXPIRED, (now, SWEEP)).await?;
            gone += deleted;
            if i64::try_from(deleted).is_ok_and(|deleted| deleted < SWEEP) {
                return Ok(gone);
            }
        }
    }

    pub(crate) fn stats(&self) -> StoreStats {
        let waiting = self.queue().entries.len();
        StoreStats {
            waiting: u64::try_from(waiting).unwrap_or(u64::MAX),
            writes: self.counts.writes.get(),
            batches: self.counts.batches.get(),
            dropped: self.counts.dropped.get(),
            errors: self.counts.errors.get(),
        }
    }

    /// The database, while somebody keeps it open.
    fn db(&self) -> Option<Db> {
        self.db.as_ref()?.upgrade()
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().expect(POISONED)
    }

    async fn write(&self, db: &Db, batch: Work) {
        for (cache, tenant) in batch.emptied {
            let session = ours(db);
            let deleted = match tenant {
                None => session.run(&DELETE_CACHE, (cache.to_owned(),)).await,
                Some(tenant) => {
                    let params = (tenant, cache.to_owned());
                    session.run(&DELETE_OF_TENANT, params).await
                }
            };
            if let Err(error) = deleted {
                self.counts.errors.one();
                tracing::warn!(%error, cache, "a cache in the database could not be emptied");
            }
        }
        if batch.entries.is_empty() {
            return;
        }
        let n = u64::try_from(batch.entries.len()).unwrap_or(u64::MAX);
        let key = &["tenant_id", "id"];
        let mut insert = Batch::new();
        insert.insert_many(batch.entries, OnConflict::Update { key });
        match ours(db).batch(insert).await {
            Ok(_) => {
                self.counts.batches.one();
                self.counts.writes.add(n);
            }
            Err(error) => {
                self.counts.errors.one();
                self.counts.dropped.add(n);
                tracing::debug!(%error, entries = n, "the cache in the database cannot be written");
            }
        }
    }
}

/// A session of the platform for what belongs to many tenants.
fn ours(db: &Db) -> Session {
    db.session(Scope::system(TenantId::PLATFORM, "cache").shortened(WRITE_LIMIT))
}

/// What goes in one batch.
struct Work {
    emptied: Vec<(&'static str, Option<TenantId>)>,
    entries: Vec<EntryRecord>,
}

impl Queue {
    fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.emptied.is_empty()
    }

    fn is_full_batch(&self) -> bool {
        self.entries.len() >= BATCH || self.bytes >= BATCH_BYTES
    }

    /// The next batch; none when there is nothing left.
    fn next(&mut self) -> Option<Work> {
        let emptied = std::mem::take(&mut self.emptied);
        let (mut keys, mut bytes) = (Vec::new(), 0);
        for (key, record) in &self.entries {
            if keys.len() == BATCH || bytes >= BATCH_BYTES {
                break;
            }
            bytes += record.entry.len();
            keys.push(*key);
        }
        let records = keys.iter().filter_map(|key| self.entries.remove(key));
        let entries: Vec<_> = records.collect();
        self.bytes -= bytes;
        let is_empty = emptied.is_empty() && entries.is_empty();
        (!is_empty).then_some(Work { emptied, entries })
    }
}

/// The task that writes what waits. However it ends, the next entry starts another.
struct Working {
    store: Arc<Store>,
    is_over: bool,
}

impl Working {
    async fn run(mut self, db: Db) {
        let store = Arc::clone(&self.store);
        loop {
            let waits = {
                let queue = store.queue();
                !queue.is_urgent && !queue.is_full_batch()
            };
            if waits {
                drop(timeout(GATHER, store.hurry.notified()).await);
            }
            let work = {
                let mut queue = store.queue();
                let Some(work) = queue.next() else {
                    // In one step with having found nothing: an entry that comes now starts another task.
                    self.end(&mut queue);
                    self.is_over = true;
                    return;
                };
                work
            };
            store.write(&db, work).await;
        }
    }
}

impl Working {
    fn end(&self, queue: &mut Queue) {
        queue.is_worked_on = false;
        queue.is_urgent = false;
        self.store.is_idle.send_replace(true);
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        if !self.is_over {
            let store = Arc::clone(&self.store);
            self.end(&mut store.queue());
        }
    }
}
