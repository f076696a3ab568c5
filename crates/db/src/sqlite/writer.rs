//! The writer thread: concurrent writes are folded into one commit and answered after it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use async_channel::{Receiver, Sender};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::execute;
use super::transaction::{self, SqliteTransaction};
use crate::batch::{Batch, Outcome};
use crate::config::SqliteConfig;
use crate::error::Error;
use crate::statement::{Call, Shape};

/// How the commit of a group ended, told to each of its members.
pub(super) type Committed = Result<(), String>;

/// Answers the caller, once it is known whether the group's commit held.
type Deliver = Box<dyn FnOnce(&Committed) + Send>;

/// One write of a group; it gets the reason instead of the connection when no transaction could begin.
type Work = Box<dyn FnOnce(Result<&Connection, &str>) -> Deliver + Send>;

pub(super) enum Job {
    /// Runs inside the group's transaction.
    Work(Work),
    /// Has a transaction of its own.
    Transaction(transaction::Commands),
    /// Runs outside any transaction.
    Exclusive(Box<dyn FnOnce(&mut Connection) + Send>),
    /// Ends the thread.
    Close(oneshot::Sender<()>),
}

#[derive(Debug)]
pub(super) struct Writer {
    queue: Sender<Job>,
}

impl Writer {
    pub(super) fn start(conn: Connection, config: &SqliteConfig) -> Result<Self, Error> {
        let (queue, jobs) = async_channel::bounded(config.queue);
        let limits = Limits {
            group: config.group_max,
            hold: config.group_hold,
        };
        std::thread::Builder::new()
            .name("sqlite-write".to_owned())
            .spawn(move || serve(conn, &jobs, &limits))
            .map_err(|e| Error::unavailable("db.open", e))?;
        Ok(Self { queue })
    }

    pub(super) async fn run<S: Shape>(&self, call: Call) -> Result<(S::Out, u64), Error> {
        let name = call.name;
        self.fold(name, move |conn| execute::run::<S>(conn, &call))
            .await
    }

    pub(super) async fn batch(&self, batch: Batch) -> Result<Vec<Outcome>, Error> {
        let name = batch.name();
        self.fold(name, move |conn| {
            if let [step] = batch.steps.as_slice()
                && step.is_single()
            {
                return Ok(vec![execute::step(conn, step)?]);
            }
            // A failed step must take back the ones before it, and nothing of the rest of the group.
            let raw = |text| {
                conn.execute_batch(text)
                    .map_err(|e| execute::error(name, e))
            };
            raw("SAVEPOINT batch")?;
            let result = batch
                .steps
                .iter()
                .map(|step| execute::step(conn, step))
                .collect::<Result<Vec<_>, _>>();
            if result.is_err() {
                raw("ROLLBACK TO batch")?;
            }
            raw("RELEASE batch")?;
            result
        })
        .await
    }

    pub(super) async fn begin(&self) -> Result<SqliteTransaction, Error> {
        let (transaction, commands) = transaction::pair();
        self.send("db.begin", Job::Transaction(commands)).await?;
        transaction.started().await
    }

    pub(super) async fn exclusively<T: Send + 'static>(
        &self,
        name: &'static str,
        work: impl FnOnce(&mut Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        self.send(
            name,
            Job::Exclusive(Box::new(move |conn| drop(reply.send(work(conn))))),
        )
        .await?;
        answer.await.map_err(|e| Error::unavailable(name, e))?
    }

    pub(super) async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.send("db.close", Job::Close(done)).await.is_ok() {
            drop(closed.await);
        }
        self.queue.close();
    }

    async fn fold<T: Send + 'static>(
        &self,
        name: &'static str,
        work: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let job = Job::Work(Box::new(move |conn| {
            let result = match conn {
                Ok(conn) => work(conn),
                Err(why) => Err(Error::unavailable(name, why)),
            };
            Box::new(move |committed: &Committed| {
                let result = match (result, committed) {
                    (Ok(value), Ok(())) => Ok(value),
                    (Ok(_), Err(why)) => Err(Error::unavailable(name, why.clone())),
                    (Err(e), _) => Err(e),
                };
                drop(reply.send(result));
            })
        }));
        self.send(name, job).await?;
        answer.await.map_err(|e| Error::unavailable(name, e))?
    }

    async fn send(&self, statement: &'static str, job: Job) -> Result<(), Error> {
        self.queue
            .send(job)
            .await
            .map_err(|_lost| Error::Unavailable {
                statement,
                source: None,
            })
    }
}

struct Limits {
    /// Writes in one commit at most.
    group: usize,
    /// A group takes no more members once it is this old.
    hold: Duration,
}

fn serve(mut conn: Connection, jobs: &Receiver<Job>, limits: &Limits) {
    let mut put_back = VecDeque::with_capacity(1);
    loop {
        let job = match put_back.pop_front() {
            Some(job) => job,
            None => match jobs.recv_blocking() {
                Ok(job) => job,
                Err(_) => return,
            },
        };
        match job {
            Job::Work(first) => put_back.extend(group(&conn, first, jobs, limits)),
            Job::Transaction(commands) => transaction::serve(&conn, commands),
            Job::Exclusive(work) => work(&mut conn),
            Job::Close(done) => {
                if let Err(e) =
                    conn.execute_batch("PRAGMA optimize; PRAGMA wal_checkpoint(TRUNCATE)")
                {
                    tracing::info!(error = %e, "the write-ahead log stays beside the database file");
                }
                drop(conn);
                let _nobody_waits = done.send(());
                return;
            }
        }
    }
}

/// Commits `first` together with the writes that wait; gives back the job that ended the group, if one did.
fn group(conn: &Connection, first: Work, jobs: &Receiver<Job>, limits: &Limits) -> Option<Job> {
    let started_at = Instant::now();
    let begun = conn
        .execute_batch("BEGIN IMMEDIATE")
        .map_err(|e| e.to_string());
    let mut deliveries = Vec::new();
    let mut next = Some(first);
    let mut stopper = None;
    if begun.is_ok() {
        while let Some(work) = next.take() {
            deliveries.push(work(Ok(conn)));
            if deliveries.len() >= limits.group || started_at.elapsed() > limits.hold {
                break;
            }
            match jobs.try_recv() {
                Ok(Job::Work(work)) => next = Some(work),
                Ok(other) => stopper = Some(other),
                Err(_) => {}
            }
        }
    }
    if let (Err(why), Some(work)) = (&begun, next.take()) {
        deliveries.push(work(Err(why)));
    }
    let committed = begun.and_then(|()| conn.execute_batch("COMMIT").map_err(|e| e.to_string()));
    if let Err(why) = &committed {
        tracing::error!(error = %why, writes = deliveries.len(), "a group of writes could not be committed");
        if !conn.is_autocommit()
            && let Err(e) = conn.execute_batch("ROLLBACK")
        {
            tracing::error!(error = %e, "the failed group could not be undone");
        }
    }
    for deliver in deliveries {
        deliver(&committed);
    }
    stopper
}
