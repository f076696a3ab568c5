//! Notes when keys were used, behind the requests that use them.

use std::collections::HashSet;
use std::sync::Mutex;
use std::time::Duration;

use brisk_core::{Clock, Scope};
use brisk_db::Db;
use jiff::Timestamp;
use quick_cache::sync::Cache;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::statements;

/// A key's use is written at most this often.
const EVERY: Duration = Duration::from_mins(1);

/// Uses that wait to be written; more are dropped, and noted with the key's next use.
const QUEUE: usize = 1_024;

/// Keys whose last write is remembered.
const REMEMBERED: usize = 10_000;

#[derive(Debug)]
pub(crate) struct Touch {
    queue: Mutex<Option<mpsc::Sender<Uuid>>>,
    written: Cache<Uuid, Timestamp>,
    writer: Mutex<Option<JoinHandle<()>>>,
    clock: Clock,
}

impl Touch {
    pub(crate) fn start(db: Db, clock: Clock) -> Self {
        let (queue, uses) = mpsc::channel(QUEUE);
        let writer = tokio::spawn(write_all(db, clock.clone(), uses));
        Self {
            queue: Mutex::new(Some(queue)),
            written: Cache::new(REMEMBERED),
            writer: Mutex::new(Some(writer)),
            clock,
        }
    }

    /// Notes a use; never waits.
    pub(crate) fn used(&self, key: Uuid) {
        let now = self.clock.now();
        let due = self.written.get(&key).is_none_or(|at| {
            Duration::try_from(now.duration_since(at)).map_or(true, |d| d >= EVERY)
        });
        if !due {
            return;
        }
        let queue = self.queue.lock().expect("no holder of the queue can panic");
        if queue.as_ref().is_some_and(|q| q.try_send(key).is_ok()) {
            self.written.insert(key, now);
        }
    }

    /// Writes what waits and ends.
    pub(crate) async fn close(&self) {
        drop(
            self.queue
                .lock()
                .expect("no holder of the queue can panic")
                .take(),
        );
        let writer = self
            .writer
            .lock()
            .expect("no holder of the writer can panic")
            .take();
        if let Some(writer) = writer
            && let Err(e) = writer.await
        {
            tracing::error!(error = %e, "the task that notes the use of keys ended badly");
        }
    }
}

async fn write_all(db: Db, clock: Clock, mut uses: mpsc::Receiver<Uuid>) {
    let session = db.session(Scope::platform("auth.touch"));
    let mut waiting = Vec::new();
    while uses.recv_many(&mut waiting, QUEUE).await > 0 {
        let ids: HashSet<Uuid> = waiting.drain(..).collect();
        let now = clock.now();
        let minute_ago = now.checked_sub(EVERY).unwrap_or(Timestamp::MIN);
        let params = (ids.into_iter().collect::<Vec<_>>(), now, minute_ago);
        if let Err(e) = session.run(&statements::TOUCH, params).await {
            tracing::warn!(error = %e, "the use of keys could not be noted");
        }
    }
}
