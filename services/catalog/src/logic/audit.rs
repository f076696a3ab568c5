//! The audit log's writer.
//!
//! Entries go through a bounded queue and are written in batches. No request waits for the database: where the queue is full,
//! one waits some milliseconds for room, and then its entry is dropped and counted. A batch that fails is tried again, then row
//! by row, so that one bad row costs no other. [`Audit::close`] writes what waits.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use brisk_core::Scope;
use brisk_db::{Asked, Db, Session};
use brisk_http::{CountSource, Numbered};
use futures::future::OptionFuture;
use futures::try_join;
use metrics::counter;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::list::Lists;
use crate::error::{Error, not_found};
use crate::ids::ActionId;
use crate::model::action::Action;
use crate::settings::CatalogSettings;
use crate::store::action::Actions;
pub(crate) use crate::store::action::{ActionRow, LIST};

/// Tries of one batch before its rows are written one by one.
const TRIES: u32 = 3;

/// The wait before the second try; doubles.
const BACKOFF: Duration = Duration::from_millis(100);

/// Takes entries for the audit log. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Audit(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    patience: Duration,
    queue: Mutex<Option<mpsc::Sender<ActionRow>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

const POISONED: &str = "no holder of this lock can panic";

impl Audit {
    /// Starts the writer; call it inside a runtime, and [`Audit::close`] at the end.
    pub(crate) fn start(db: &Db, settings: &CatalogSettings) -> Self {
        let (queue, rows) = mpsc::channel(settings.audit_queue_max_size);
        let writer = Writer {
            session: db.session(Scope::platform("catalog.audit")),
            batch: settings.audit_batch_size,
            gathering: settings.audit_batch_timeout,
        };
        Self(Arc::new(Inner {
            patience: settings.audit_queue_timeout,
            queue: Mutex::new(Some(queue)),
            writer: Mutex::new(Some(tokio::spawn(writer.run(rows)))),
        }))
    }

    /// Takes an entry.
    pub(crate) async fn note(&self, row: ActionRow) {
        let queue = self.0.queue.lock().expect(POISONED).clone();
        let is_taken = match queue {
            Some(queue) => queue.send_timeout(row, self.0.patience).await.is_ok(),
            None => false,
        };
        if !is_taken {
            dropped(1);
        }
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

fn dropped(entries: u64) {
    counter!("brisk_catalog_audit_dropped_total").increment(entries);
}

struct Writer {
    session: Session,
    batch: usize,
    gathering: Duration,
}

impl Writer {
    async fn run(self, mut rows: mpsc::Receiver<ActionRow>) {
        while let Some(first) = rows.recv().await {
            let batch = self.gather(first, &mut rows).await;
            self.write(batch).await;
        }
    }

    /// The first entry and those that come within the time, counted from the first.
    async fn gather(
        &self,
        first: ActionRow,
        rows: &mut mpsc::Receiver<ActionRow>,
    ) -> Vec<ActionRow> {
        let mut batch = vec![first];
        let more = async {
            while batch.len() < self.batch {
                match rows.recv().await {
                    Some(row) => batch.push(row),
                    None => break,
                }
            }
        };
        // A row is taken and kept in one step, so none is lost where the time runs out.
        let timed = tokio::time::timeout(self.gathering, more).await;
        drop(timed);
        batch
    }

    async fn write(&self, rows: Vec<ActionRow>) {
        let entries = rows.len() as u64;
        for attempt in 1..=TRIES {
            match Actions(&self.session).insert_many(rows.clone()).await {
                Ok(_) => {
                    counter!("brisk_catalog_audit_written_total").increment(entries);
                    return;
                }
                // Another try breaks the same rule.
                Err(e) if e.is_constraint() => break,
                Err(e) => {
                    tracing::warn!(error = %e, entries, attempt, "entries of the audit log could not be written yet");
                    tokio::time::sleep(BACKOFF * 2_u32.pow(attempt - 1)).await;
                }
            }
        }
        for row in rows {
            match Actions(&self.session).insert_many(vec![row]).await {
                Ok(_) => counter!("brisk_catalog_audit_written_total").increment(1),
                Err(e) => {
                    tracing::error!(error = %e, "an entry of the audit log was lost");
                    dropped(1);
                }
            }
        }
    }
}

/// A page of the tenant's entries.
///
/// # Errors
///
/// As [`Lists::page`].
pub(crate) async fn page(
    lists: &Lists,
    session: &Session,
    asked: &Asked,
) -> Result<Numbered<Action>, Error> {
    let total = async {
        // Each request adds a row, so that no total would be kept for long.
        let is_wanted = asked.wants_count();
        let total = is_wanted.then(|| LIST.count(session, &asked.filter));
        Ok(OptionFuture::from(total).await.transpose()?)
    };
    let (page, total) = try_join!(lists.rows(session, &LIST, asked), total)?;
    let total = total.map(|n| (n, CountSource::Exact));
    Ok(Numbered::new(page, asked, total))
}

/// One entry.
///
/// # Errors
///
/// [`Error::NotFound`].
pub(crate) async fn get(session: &Session, id: ActionId) -> Result<Action, Error> {
    let found = Actions(session).get(id).await?;
    found.ok_or_else(|| not_found("Audit log", id.to_string()))
}
