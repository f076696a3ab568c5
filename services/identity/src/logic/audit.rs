//! The audit log's writer.
//!
//! What changes something is written with the change ([`Audit::with`]). What is only worth knowing, such as sign-ins and
//! refusals, goes through a bounded queue and is written in bulk; no request waits for it, and what finds no room is counted.

use std::sync::{Arc, Mutex};

use brisk_core::{Clock, Ids, Scope};
use brisk_db::{Batch, Db, OnConflict, Session};
use metrics::counter;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::ids::AuditId;
use crate::model::audit::{Actor, Device, Entry};
use crate::store::audit::{AuditLog, AuditRow};

/// Entries that may wait.
const QUEUE: usize = 4_096;

/// Entries that are written at once.
const BATCH: usize = 256;

/// Writes the audit log. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Audit(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Clock,
    ids: Ids,
    queue: Mutex<Option<mpsc::Sender<AuditRow>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

const POISONED: &str = "no holder of this lock can panic";

impl Audit {
    /// Starts the writer; call it inside a runtime, and [`Audit::close`] at the end.
    pub(crate) fn start(db: &Db, clock: Clock, ids: Ids) -> Self {
        let (queue, rows) = mpsc::channel(QUEUE);
        let session = db.session(Scope::platform("audit"));
        let writer = tokio::spawn(write_all(session, rows));
        Self(Arc::new(Inner {
            clock,
            ids,
            queue: Mutex::new(Some(queue)),
            writer: Mutex::new(Some(writer)),
        }))
    }

    fn row(&self, entry: Entry) -> AuditRow {
        AuditRow::new(AuditId(self.0.ids.uuid()), self.0.clock.now(), entry)
    }

    /// Notes something that was read or refused; never waits.
    pub(crate) fn note(&self, entry: Entry) {
        let row = self.row(entry);
        let queue = self.0.queue.lock().expect(POISONED).clone();
        if queue.is_none_or(|queue| queue.try_send(row).is_err()) {
            counter!("brisk_identity_audit_dropped_total").increment(1);
        }
    }

    /// Writes something that is done in the same transaction.
    pub(crate) async fn with(
        &self,
        session: &Session,
        entry: Entry,
    ) -> Result<(), brisk_db::Error> {
        let rows = vec![self.row(entry)];
        AuditLog(session).insert_many(rows).await.map(|_| ())
    }

    /// Adds something that is done to what is about to be written together.
    pub(crate) fn add(&self, batch: &mut Batch, entries: impl IntoIterator<Item = Entry>) {
        let rows = entries.into_iter().map(|entry| self.row(entry));
        batch.insert_many(rows.collect(), OnConflict::Fail);
    }

    /// Writes what waits and ends.
    pub(crate) async fn close(&self) {
        drop(self.0.queue.lock().expect(POISONED).take());
        let writer = self.0.writer.lock().expect(POISONED).take();
        if let Some(writer) = writer
            && let Err(e) = writer.await
        {
            tracing::error!(error = %e, "the writer of the audit log ended badly");
        }
    }
}

/// An entry about what the caller of `session` does.
pub(crate) fn entry(session: &Session, action: &'static str, device: &Device) -> Entry {
    let actor = Actor::of(session.scope().principal());
    Entry::new(action, session.tenant(), actor, device.clone())
}

async fn write_all(session: Session, mut rows: mpsc::Receiver<AuditRow>) {
    let mut waiting = Vec::with_capacity(BATCH);
    while rows.recv_many(&mut waiting, BATCH).await > 0 {
        let batch = std::mem::take(&mut waiting);
        let entries = batch.len();
        if let Err(e) = AuditLog(&session).insert_many(batch).await {
            tracing::error!(error = %e, entries, "entries of the audit log could not be written");
            counter!("brisk_identity_audit_dropped_total")
                .increment(u64::try_from(entries).unwrap_or(u64::MAX));
        }
    }
}
