//! Where callers find the batch that is open, and the task that asks for them.

use std::any::Any;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use brisk_core::TenantId;
use tokio::runtime::{Handle, TryCurrentError};
use tokio::sync::Semaphore;

use super::answer::{Answer, LoadKey};
use super::batch::{Batch, Guest};
use super::declared::Load;
use super::flight::drive;
use super::joined::{Joined, Seat, Waking};
use crate::config::LoadConfig;
use crate::database::Db;
use crate::error::Error;

/// The batches of one database.
#[derive(Debug)]
pub(crate) struct Loads {
    config: LoadConfig,
    /// Callers that wait, in all batches together.
    taken: AtomicUsize,
    /// Queues in use, by load and tenant.
    queues: Mutex<HashMap<Place, Arc<dyn Any + Send + Sync>>>,
    waking: Arc<Waking>,
    asked: AtomicU64,
    sent: AtomicU64,
}

/// A load, by where it lies, and a tenant.
pub(super) type Place = (usize, TenantId);

/// How well keyed loads share statements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SharedLoads {
    /// Loads that were asked for.
    pub loads: u64,
    /// Statements that answered them.
    pub statements: u64,
}

/// The open batch of one load and tenant, and those under way.
pub(super) struct Queue<K, S> {
    open: Mutex<Option<Arc<Batch<K, S>>>>,
    pub(super) flights: Semaphore,
}

impl<K: LoadKey, S: Answer> Queue<K, S> {
    fn open(&self) -> MutexGuard<'_, Option<Arc<Batch<K, S>>>> {
        self.open.lock().expect("no holder of this lock can panic")
    }

    /// Lets nobody else into `batch`.
    pub(super) fn close(&self, batch: &Arc<Batch<K, S>>) {
        self.open().take_if(|open| Arc::ptr_eq(open, batch));
    }

    /// The same where nobody waits in it; answers whether that is so.
    pub(super) fn close_abandoned(&self, batch: &Arc<Batch<K, S>>) -> bool {
        let mut open = self.open();
        let abandoned = batch.is_abandoned();
        if abandoned {
            open.take_if(|open| Arc::ptr_eq(open, batch));
        }
        abandoned
    }
}

impl Loads {
    pub(crate) fn new(config: LoadConfig) -> Self {
        Self {
            config,
            taken: AtomicUsize::new(0),
            queues: Mutex::default(),
            waking: Arc::default(),
            asked: AtomicU64::new(0),
            sent: AtomicU64::new(0),
        }
    }

    pub(super) const fn most_keys(&self) -> usize {
        self.config.batch_max
    }

    pub(super) fn count_statement(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn shared(&self) -> SharedLoads {
        SharedLoads {
            loads: self.asked.load(Ordering::Relaxed),
            statements: self.sent.load(Ordering::Relaxed),
        }
    }

    /// Puts a caller into the open batch, or opens one.
    pub(super) fn join<'a, K: LoadKey, S: Answer>(
        &'a self,
        db: &Db,
        load: &'static Load<K, S>,
        tenant: TenantId,
        guest: Guest<K>,
    ) -> Result<Joined<'a, K, S>, Error> {
        let overloaded = || Error::Overloaded {
            statement: load.name(),
        };
        let before = self.taken.fetch_add(1, Ordering::Relaxed);
        let seat = Seat(&self.taken);
        if before >= self.config.queue {
            return Err(overloaded());
        }
        self.asked.fetch_add(1, Ordering::Relaxed);
        let place = (std::ptr::from_ref(load).addr(), load.group(tenant));
        let queue = self.queue::<K, S>(place).ok_or_else(overloaded)?;
        let mut open = queue.open();
        let unavailable = |e: TryCurrentError| Error::unavailable(load.name(), e);
        let opener = match &*open {
            None => Some(Handle::try_current().map_err(unavailable)?),
            Some(_) => None,
        };
        let ledger = guest.ledger;
        let batch = Arc::clone(open.get_or_insert_with(|| {
            let waking = Arc::clone(&self.waking);
            Arc::new(Batch::new(load.name(), waking))
        }));
        let at = batch.enter(guest);
        if at + 1 >= load.keys(self.config.batch_max) {
            // Whoever comes next opens another.
            *open = None;
            batch.tick();
        }
        drop(open);
        let opened_by = opener.is_some().then_some(ledger);
        if let Some(runtime) = opener {
            runtime.spawn(drive(db.clone(), load, place, queue, Arc::clone(&batch)));
        }
        Ok(Joined::new(batch, at, opened_by, seat))
    }

    fn queue<K: LoadKey, S: Answer>(&self, place: Place) -> Option<Arc<Queue<K, S>>> {
        let mut queues = self.queues();
        let queue = queues.entry(place).or_insert_with(|| {
            Arc::new(Queue::<K, S> {
                open: Mutex::new(None),
                flights: Semaphore::new(self.config.under_way.max(1)),
            })
        });
        Arc::clone(queue).downcast().ok()
    }

    /// Drops a queue that has nothing to do. Who is about to join it keeps it for the batch that he opens.
    pub(super) fn tidy<K: LoadKey, S: Answer>(&self, place: Place, queue: &Arc<Queue<K, S>>) {
        let mut queues = self.queues();
        let idle = queue.open().is_none()
            && queue.flights.available_permits() == self.config.under_way.max(1);
        if idle
            && let Some(listed) = queues.get(&place)
            && std::ptr::addr_eq(Arc::as_ptr(listed), Arc::as_ptr(queue))
        {
            queues.remove(&place);
        }
    }

    fn queues(&self) -> MutexGuard<'_, HashMap<Place, Arc<dyn Any + Send + Sync>>> {
        self.queues
            .lock()
            .expect("no holder of this lock can panic")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use brisk_core::Scope;
    use brisk_testkit::files::SqliteFile;

    use super::*;
    use crate::config::DbConfig;

    crate::statements! {
        prefix "test.queue";
        load ROW(id: i64) -> Option<Row> in "(SELECT 1 AS id) AS one", shared;
        load OWNED(id: i64) -> Option<Row> in "(SELECT 1 AS tenant_id, 1 AS id) AS one";
    }

    #[derive(Clone, Debug, crate::FromRow)]
    struct Row {
        id: i64,
    }

    #[tokio::test]
    async fn nothing_is_kept_of_a_load_that_has_ended() {
        let file = SqliteFile::new().unwrap();
        let db = Db::open(DbConfig::new(file.url())).await.unwrap();
        for tenant in 1..=50 {
            let session = db.session(Scope::system(TenantId(tenant), "test"));
            let (row, owned) = tokio::join!(session.load(&ROW, 1), session.load(&OWNED, 1));
            assert_eq!(row.unwrap().map(|r| r.id), Some(1));
            assert_eq!(owned.unwrap().is_some(), tenant == 1);
            let left = tokio::time::timeout(Duration::from_millis(1), session.load(&ROW, 2));
            drop(left.await);
        }
        tokio::time::timeout(Duration::from_secs(10), async {
            while !db.loads().queues().is_empty() {
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap();
        assert_eq!(db.loads().taken.load(Ordering::Relaxed), 0);
    }
}
