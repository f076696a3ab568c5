//! Where jobs are put in, and where dead ones are looked after.

use std::sync::Arc;

use brisk_core::Clock;
use brisk_db::{Batch, OnConflict, Session};
use jiff::Timestamp;

use crate::error::Error;
use crate::job::{DeadJob, JobId, NewJob};
use crate::signal::Signals;
use crate::statements;

/// Dead jobs that are brought back with one batch.
const REVIVE_AT_ONCE: usize = 200;

/// Enqueues jobs and tells this process's workers about them after the commit. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    clock: Clock,
    signals: Arc<Signals>,
}

impl Queue {
    /// A queue; give its clones to all that enqueue, and one to [`Jobs`](crate::Jobs).
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            signals: Arc::default(),
        }
    }

    /// Enqueues in the session's transaction, or by itself; answers how many were stored, without repeated work.
    ///
    /// # Errors
    ///
    /// [`Error::Db`] when they could not be stored; then none of them was.
    pub async fn enqueue(&self, session: &Session, jobs: Vec<NewJob>) -> Result<u64, Error> {
        let mut batch = Batch::new();
        self.add(&mut batch, jobs);
        let outcomes = session.batch(batch).await?;
        Ok(outcomes.iter().map(|o| o.affected).sum())
    }

    /// Enqueues with a batch of other writes; the batch's step count grows by one unless `jobs` is empty.
    pub fn add(&self, batch: &mut Batch, jobs: Vec<NewJob>) {
        let now = self.clock.now();
        let mut starts: Vec<(&'static str, Timestamp)> = Vec::new();
        for job in &jobs {
            let at = job.run_at.unwrap_or(now);
            match starts.iter_mut().find(|(kind, _)| *kind == job.kind) {
                Some((_, earliest)) => *earliest = at.min(*earliest),
                None => starts.push((job.kind, at)),
            }
        }
        let records = jobs.into_iter().map(|j| j.into_record(now)).collect();
        batch.insert_many(records, OnConflict::Skip);
        let signals = Arc::clone(&self.signals);
        batch.on_commit(move || {
            for (kind, at) in starts {
                signals.of(kind).ring(at, now);
            }
        });
    }

    /// Dead jobs of a kind with ids above `after`, oldest first.
    ///
    /// # Errors
    ///
    /// [`Error::Db`] when the database cannot answer.
    pub async fn dead(
        &self,
        session: &Session,
        kind: &str,
        after: JobId,
        limit: u32,
    ) -> Result<Vec<DeadJob>, Error> {
        let params = (kind.to_owned(), after, i64::from(limit));
        Ok(session.run(&statements::DEAD, params).await?)
    }

    /// Gives dead jobs all their attempts again; answers how many. One whose work waits already stays dead.
    ///
    /// # Errors
    ///
    /// [`Error::Db`] when the database cannot answer.
    pub async fn retry_dead(
        &self,
        session: &Session,
        kind: &'static str,
        ids: &[JobId],
    ) -> Result<u64, Error> {
        let now = self.clock.now();
        let sets = ids.iter().map(|id| (*id, now));
        let mut batch = Batch::new();
        batch.run_each(&statements::REVIVE, sets);
        let signal = self.signals.of(kind);
        batch.on_commit(move || signal.ring(now, now));
        let outcomes = session.batch(batch).await?;
        Ok(outcomes.iter().map(|o| o.affected).sum())
    }

    /// Gives every dead job of a kind all its attempts again; answers how many.
    ///
    /// # Errors
    ///
    /// [`Error::Db`] when the database cannot answer; those before it are back.
    pub async fn retry_all_dead(
        &self,
        session: &Session,
        kind: &'static str,
    ) -> Result<u64, Error> {
        let mut after = JobId(0);
        let mut revived = 0;
        loop {
            let limit = u32::try_from(REVIVE_AT_ONCE).unwrap_or(u32::MAX);
            let page = self.dead(session, kind, after, limit).await?;
            let ids: Vec<JobId> = page.iter().map(|job| job.id).collect();
            let Some(last) = ids.last() else {
                return Ok(revived);
            };
            after = *last;
            revived += self.retry_dead(session, kind, &ids).await?;
        }
    }

    /// Drops dead jobs; answers how many.
    ///
    /// # Errors
    ///
    /// [`Error::Db`] when the database cannot answer.
    pub async fn drop_dead(&self, session: &Session, ids: &[JobId]) -> Result<u64, Error> {
        let ids = ids.iter().map(|id| id.get()).collect::<Vec<_>>();
        Ok(session.run(&statements::DROP_DEAD, (ids,)).await?)
    }

    pub(crate) const fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(crate) fn signals(&self) -> &Signals {
        &self.signals
    }
}
