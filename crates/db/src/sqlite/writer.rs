//! The writer thread: concurrent writes are folded into one commit and answered after it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_channel::{Receiver, Sender};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::execute;
use super::transaction::{self, SqliteTransaction};
use super::watch::Watch;
use crate::batch::{Batch, Outcome};
use crate::capture::{Drain, Notes};
use crate::config::SqliteConfig;
use crate::error::Error;
use crate::panics::caught;
use crate::statement::{Call, Shape};

/// How the commit of a group ended, told to each of its members.
pub(super) type Committed = Result<(), String>;

/// Answers the caller, once it is known whether the group's commit held.
type Deliver = Box<dyn FnOnce(&Committed) + Send>;

/// One write of a group, which does not panic; it gets the reason instead of the connection when no transaction could begin.
type Work = Box<dyn FnOnce(Result<&Connection, &str>) -> Deliver + Send>;

pub(super) enum Job {
    /// Runs inside the group's transaction.
    Work(Work),
    /// Has a transaction of its own.
    Transaction(transaction::Commands),
    /// Runs outside any transaction.
    Exclusive(Box<dyn FnOnce(&mut Connection) + Send>),
    /// Wakes an idle writer, which then looks for the commits of other programs.
    Look,
    /// Ends the thread.
    Close(oneshot::Sender<()>),
}

/// What the SQLite writer has committed since the file was opened; transactions are not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupCommits {
    /// Commits that held.
    pub commits: u64,
    /// Writes that they folded together.
    pub writes: u64,
}

#[derive(Debug, Default)]
struct Counts {
    commits: AtomicU64,
    writes: AtomicU64,
}

#[derive(Debug)]
pub(super) struct Writer {
    queue: Sender<Job>,
    counts: Arc<Counts>,
    notes: Notes,
}

impl Writer {
    pub(super) fn start(
        conn: Connection,
        config: &SqliteConfig,
        drain: Drain,
    ) -> Result<Self, Error> {
        let notes = drain.notes();
        let (queue, jobs) = async_channel::bounded(config.queue.max(1));
        let limits = Limits {
            group: config.group_max,
            hold: config.group_hold,
        };
        let counts = Arc::new(Counts::default());
        let counted = Arc::clone(&counts);
        std::thread::Builder::new()
            .name("sqlite-write".to_owned())
            .spawn(move || serve(conn, &jobs, &limits, &counted, drain))
            .map_err(|e| Error::unavailable("db.open", e))?;
        Ok(Self {
            queue,
            counts,
            notes,
        })
    }

    pub(super) fn group_commits(&self) -> GroupCommits {
        GroupCommits {
            commits: self.counts.commits.load(Ordering::Relaxed),
            writes: self.counts.writes.load(Ordering::Relaxed),
        }
    }

    pub(super) fn knock(&self) -> impl Fn() + Send + 'static {
        let queue = self.queue.downgrade();
        move || {
            // A full queue means that the writer is awake.
            if let Some(queue) = queue.upgrade() {
                drop(queue.try_send(Job::Look));
            }
        }
    }

    pub(super) async fn run<S: Shape>(&self, call: Call) -> Result<(S::Out, u64), Error> {
        let name = call.name;
        self.fold(name, move |conn| execute::run::<S>(conn, &call))
            .await
    }

    pub(super) async fn batch(&self, batch: Batch) -> Result<Vec<Outcome>, Error> {
        let name = batch.name();
        let notes = self.notes.clone();
        self.fold(name, move |conn| {
            if let [step] = batch.steps.as_slice()
                && step.is_single()
            {
                return Ok(vec![execute::step(conn, step, &notes)?]);
            }
            // A failed step must take back the ones before it, and nothing of the rest of the group.
            let raw = |text| {
                conn.execute_batch(text)
                    .map_err(|e| execute::error(name, e))
            };
            raw("SAVEPOINT batch")?;
            let mark = notes.mark();
            let result = caught(name, || {
                batch
                    .steps
                    .iter()
                    .map(|step| execute::step(conn, step, &notes))
                    .collect::<Result<Vec<_>, _>>()
            });
            // Where the engine has undone everything by itself, the savepoint is gone too.
            if !conn.is_autocommit() {
                if result.is_err() {
                    raw("ROLLBACK TO batch")?;
                    notes.undo(mark);
                }
                raw("RELEASE batch")?;
            }
            result
        })
        .await
    }

    pub(super) async fn begin(&self) -> Result<SqliteTransaction, Error> {
        let (transaction, commands) = transaction::pair(self.notes.clone());
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
            Job::Exclusive(Box::new(move |conn| {
                drop(reply.send(caught(name, || work(conn))));
            })),
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
        let notes = self.notes.clone();
        let job = Job::Work(Box::new(move |conn| {
            // Nothing was begun yet, and nobody waits for it any more.
            if reply.is_closed() {
                return Box::new(|_: &Committed| ());
            }
            let result = match conn {
                Ok(conn) => notes.of(|| caught(name, || work(conn))),
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

fn serve(
    mut conn: Connection,
    jobs: &Receiver<Job>,
    limits: &Limits,
    counts: &Counts,
    mut drain: Drain,
) {
    let watch = Watch::over(&mut conn);
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
            Job::Work(first) => {
                put_back.extend(group(&conn, first, jobs, limits, counts, &mut drain));
            }
            Job::Transaction(commands) => transaction::serve(&conn, commands, &watch, &mut drain),
            Job::Exclusive(work) => {
                drain.before_exclusive();
                work(&mut conn);
                // A transaction that the work left open, by a panic for example, would swallow all that follows.
                transaction::rollback(&conn);
                drain.after_exclusive(&conn);
            }
            Job::Look => {}
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
        drain.look(&conn);
    }
}

/// Commits `first` together with the writes that wait; gives back the job that ended the group, if one did.
fn group(
    conn: &Connection,
    first: Work,
    jobs: &Receiver<Job>,
    limits: &Limits,
    counts: &Counts,
    drain: &mut Drain,
) -> Option<Job> {
    let started_at = Instant::now();
    let begun = conn
        .execute_batch("BEGIN IMMEDIATE")
        .map_err(|e| e.to_string());
    if begun.is_ok() {
        drain.begun(conn);
    }
    // Where another program holds the file, those that wait hear of it together and not one after the other.
    let place = match &begun {
        Ok(()) => Ok(conn),
        Err(why) => Err(why.as_str()),
    };
    let mut deliveries = Vec::new();
    let mut next = Some(first);
    let mut stopper = None;
    let mut undone = false;
    while let Some(work) = next.take() {
        deliveries.push(work(place));
        // A full disk and its like undo the whole group; what came after would stand by itself.
        undone = begun.is_ok() && conn.is_autocommit();
        let aged = begun.is_ok() && started_at.elapsed() > limits.hold;
        if undone || aged || deliveries.len() >= limits.group {
            break;
        }
        match jobs.try_recv() {
            Ok(Job::Work(work)) => next = Some(work),
            Ok(other) => stopper = Some(other),
            Err(_) => {}
        }
    }
    let committed = match begun {
        Ok(()) if undone => Err("the engine undid the group of writes".to_owned()),
        Ok(()) => transaction::commit_and_tell(conn, drain).map_err(|e| e.to_string()),
        Err(why) => Err(why),
    };
    match &committed {
        Ok(()) => {
            counts.commits.fetch_add(1, Ordering::Relaxed);
            counts
                .writes
                .fetch_add(deliveries.len() as u64, Ordering::Relaxed);
        }
        Err(why) => {
            tracing::error!(error = %why, writes = deliveries.len(), "a group of writes could not be committed");
            transaction::rollback(conn);
            drain.undone();
        }
    }
    for deliver in deliveries {
        deliver(&committed);
    }
    stopper
}
