//! Reader threads: each owns a connection and takes the next read from one bounded queue.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use async_channel::{Receiver, Sender};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::execute;
use crate::config::SqliteConfig;
use crate::error::Error;
use crate::statement::{Call, Shape};

/// A read for one of the threads.
type Job = Box<dyn FnOnce(&Connection, &Limit) + Send>;

/// SQLite calls the progress handler after this many of its instructions; well under a millisecond of work.
const PROGRESS_OPS: i32 = 20_000;

#[derive(Debug)]
pub(super) struct Readers {
    queue: Sender<Job>,
}

impl Readers {
    pub(super) fn start(
        config: &SqliteConfig,
        connect: impl Fn() -> Result<Connection, Error>,
    ) -> Result<Self, Error> {
        let (queue, jobs) = async_channel::bounded::<Job>(config.queue);
        for i in 0..config.readers.max(1) {
            let conn = connect()?;
            let jobs = jobs.clone();
            std::thread::Builder::new()
                .name(format!("sqlite-read-{i}"))
                .spawn(move || serve(conn, &jobs))
                .map_err(|e| Error::unavailable("db.open", e))?;
        }
        Ok(Self { queue })
    }

    pub(super) async fn run<S: Shape>(&self, call: Call) -> Result<(S::Out, u64), Error> {
        let name = call.name;
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |conn, limit| {
            if reply.is_closed() {
                return;
            }
            limit.set(call.time_left);
            let result = execute::run::<S>(conn, &call);
            limit.set(None);
            // The caller may have left in the meantime; nobody is owed the answer then.
            drop(reply.send(result));
        });
        let closed = || Error::Unavailable {
            statement: name,
            source: None,
        };
        self.queue.send(job).await.map_err(|_lost| closed())?;
        answer.await.map_err(|_lost| closed())?
    }

    pub(super) fn close(&self) {
        self.queue.close();
    }
}

fn serve(mut conn: Connection, jobs: &Receiver<Job>) {
    let limit = Limit::default();
    let watched = limit.clone();
    if conn
        .progress_handler(PROGRESS_OPS, Some(move || watched.is_over()))
        .is_err()
    {
        tracing::warn!("reads on this connection cannot be interrupted at their deadline");
    }
    while let Ok(job) = jobs.recv_blocking() {
        job(&conn, &limit);
    }
}

/// When the running statement must stop, in microseconds since the process began; 0 for never.
#[derive(Clone, Debug, Default)]
pub(super) struct Limit(Arc<AtomicU64>);

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

fn micros() -> u64 {
    u64::try_from(START.elapsed().as_micros()).unwrap_or(u64::MAX)
}

impl Limit {
    pub(super) fn set(&self, left: Option<Duration>) {
        let end = left.map_or(0, |left| {
            micros()
                .saturating_add(u64::try_from(left.as_micros()).unwrap_or(u64::MAX))
                .max(1)
        });
        self.0.store(end, Ordering::Relaxed);
    }

    fn is_over(&self) -> bool {
        let end = self.0.load(Ordering::Relaxed);
        end != 0 && micros() > end
    }
}
