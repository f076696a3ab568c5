//! Reader threads: each owns a connection and takes the next read from one bounded queue.

use std::sync::Arc;
use std::time::Instant;

use async_channel::{Receiver, Sender};
use rusqlite::Connection;
use tokio::sync::{Semaphore, oneshot};

use super::execute;
use super::transaction::{self, SqliteTransaction};
use super::watch::Watch;
use crate::capture::Notes;
use crate::config::SqliteConfig;
use crate::error::Error;
use crate::pace::Pace;
use crate::panics::caught;
use crate::statement::{Call, Shape};

/// A read for one of the threads. It does not panic.
type Job = Box<dyn FnOnce(&Connection, &Watch) + Send>;

#[derive(Debug)]
pub(super) struct Readers {
    queue: Sender<Job>,
    pace: Pace,
    /// All readers but one: those that slow reads may take.
    slow: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn start(
        config: &SqliteConfig,
        connect: impl Fn() -> Result<Connection, Error>,
    ) -> Result<Self, Error> {
        let (queue, jobs) = async_channel::bounded::<Job>(config.queue.max(1));
        for i in 0..config.readers.max(1) {
            let conn = connect()?;
            let jobs = jobs.clone();
            std::thread::Builder::new()
                .name(format!("sqlite-read-{i}"))
                .spawn(move || serve(conn, &jobs))
                .map_err(|e| Error::unavailable("db.open", e))?;
        }
        Ok(Self {
            queue,
            pace: Pace::new(config.slow_apart),
            slow: Arc::new(Semaphore::new(config.readers.saturating_sub(1).max(1))),
        })
    }

    pub(super) async fn run<S: Shape>(&self, call: Call) -> Result<(S::Out, u64), Error> {
        let name = call.name;
        let closed = || Error::Unavailable {
            statement: name,
            source: None,
        };
        let recent = self.pace.of(&call);
        let place = if call.slow || recent.is_slow() {
            let slow = Arc::clone(&self.slow).acquire_owned().await;
            Some(slow.map_err(|_closed| closed())?)
        } else {
            None
        };
        let (reply, answer) = oneshot::channel();
        // Lives as long as the caller waits.
        let caller = Arc::new(());
        let waits = Arc::downgrade(&caller);
        let job: Job = Box::new(move |conn, watch| {
            if reply.is_closed() {
                return;
            }
            watch.start(call.deadline.instant(), move || waits.strong_count() == 0);
            let began = Instant::now();
            let result = caught(name, || execute::run::<S>(conn, &call));
            recent.note(began.elapsed());
            watch.stop();
            drop(place);
            // The caller may have left in the meantime; nobody is owed the answer then.
            drop(reply.send(result));
        });
        self.queue.send(job).await.map_err(|_lost| closed())?;
        let result = answer.await.map_err(|_lost| closed())?;
        drop(caller);
        result
    }

    /// Begins a transaction that has a reader to itself until it ends. It takes the place of a slow read, so that one
    /// reader is left to the others where there are two.
    pub(super) async fn begin(&self) -> Result<SqliteTransaction, Error> {
        let closed = || Error::Unavailable {
            statement: "db.begin",
            source: None,
        };
        let place = Arc::clone(&self.slow).acquire_owned().await;
        let place = place.map_err(|_closed| closed())?;
        // Nothing can be written in it, so nothing is noted.
        let (transaction, commands) = transaction::pair(Notes::default());
        let job: Job = Box::new(move |conn, watch| {
            transaction::serve_reads(conn, commands, watch);
            drop(place);
        });
        self.queue.send(job).await.map_err(|_lost| closed())?;
        transaction.started().await
    }

    pub(super) fn close(&self) {
        self.slow.close();
        self.queue.close();
    }
}

fn serve(mut conn: Connection, jobs: &Receiver<Job>) {
    let watch = Watch::over(&mut conn);
    while let Ok(job) = jobs.recv_blocking() {
        job(&conn, &watch);
    }
}
