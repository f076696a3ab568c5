//! Reader threads: each owns a connection and takes the next read from one bounded queue.

use std::sync::Arc;

use async_channel::{Receiver, Sender};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::execute;
use super::watch::Watch;
use crate::config::SqliteConfig;
use crate::error::Error;
use crate::panics::caught;
use crate::statement::{Call, Shape};

/// A read for one of the threads. It does not panic.
type Job = Box<dyn FnOnce(&Connection, &Watch) + Send>;

#[derive(Debug)]
pub(super) struct Readers {
    queue: Sender<Job>,
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
        Ok(Self { queue })
    }

    pub(super) async fn run<S: Shape>(&self, call: Call) -> Result<(S::Out, u64), Error> {
        let name = call.name;
        let (reply, answer) = oneshot::channel();
        // Lives as long as the caller waits.
        let caller = Arc::new(());
        let waits = Arc::downgrade(&caller);
        let job: Job = Box::new(move |conn, watch| {
            if reply.is_closed() {
                return;
            }
            watch.start(call.deadline.instant(), move || waits.strong_count() == 0);
            let result = caught(name, || execute::run::<S>(conn, &call));
            watch.stop();
            // The caller may have left in the meantime; nobody is owed the answer then.
            drop(reply.send(result));
        });
        let closed = || Error::Unavailable {
            statement: name,
            source: None,
        };
        self.queue.send(job).await.map_err(|_lost| closed())?;
        let result = answer.await.map_err(|_lost| closed())?;
        drop(caller);
        result
    }

    pub(super) fn close(&self) {
        self.queue.close();
    }
}

fn serve(mut conn: Connection, jobs: &Receiver<Job>) {
    let watch = Watch::over(&mut conn);
    while let Ok(job) = jobs.recv_blocking() {
        job(&conn, &watch);
    }
}
