//! What a handler is given besides its jobs.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use brisk_core::TenantId;
use brisk_db::{Batch, Session};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::error::Error;
use crate::job::JobId;
use crate::statements;

/// One batch in work. Cheap to clone.
#[derive(Clone, Debug)]
pub struct JobContext {
    pub(crate) session: Session,
    pub(crate) kind: &'static str,
    /// Made anew for each claim, so that a claim that lost its lease cannot touch the jobs of the next one, not even
    /// in the same process.
    pub(crate) owner: Uuid,
    pub(crate) turn: Option<TenantId>,
    pub(crate) stopping: CancellationToken,
    pub(crate) completed: Arc<Mutex<HashSet<JobId>>>,
}

impl JobContext {
    /// The database, as the platform; use [`JobContext::session_of`] for a tenant's rows.
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// The database for one tenant.
    pub fn session_of(&self, tenant: TenantId) -> Session {
        self.session.for_tenant(tenant)
    }

    /// The tenant of all jobs of this batch, where the worker groups by tenant.
    pub const fn tenant(&self) -> Option<TenantId> {
        self.turn
    }

    /// Whether the program is about to end; a long handler should then finish early and answer a retry.
    pub const fn stopping(&self) -> &CancellationToken {
        &self.stopping
    }

    /// Completes jobs inside the transaction that holds their effects, which makes the effects exactly-once: they are
    /// committed together with the end of the job, and only by the worker that still has the lease.
    ///
    /// Call it inside [`Session::transaction`], let its error undo the transaction, and answer
    /// [`JobOutcome::Done`](crate::JobOutcome::Done) for these jobs after the commit and a retry otherwise.
    ///
    /// # Errors
    ///
    /// [`Error::LeaseLost`] when another worker may have one of the jobs, or the tenant's turn, by now;
    /// [`Error::NoTransaction`] outside a transaction.
    pub async fn complete(&self, session: &Session, ids: &[JobId]) -> Result<(), Error> {
        let kind = self.kind;
        if !session.in_transaction() {
            return Err(Error::NoTransaction { kind });
        }
        if let Some(tenant) = self.turn {
            let params = (kind.to_owned(), tenant, self.owner);
            if session.run(&statements::HOLD_TURN, params).await? != 1 {
                return Err(Error::LeaseLost { kind });
            }
        }
        let ids: HashSet<JobId> = ids.iter().copied().collect();
        let list: Vec<i64> = ids.iter().map(|id| id.get()).collect();
        let gone = session.run(&statements::DONE, (list, self.owner)).await?;
        if usize::try_from(gone) != Ok(ids.len()) {
            return Err(Error::LeaseLost { kind });
        }
        session.on_commit(self.remember(ids));
        Ok(())
    }

    /// As [`JobContext::complete`], for effects that go out as one batch: it adds the end of the jobs to `batch`.
    ///
    /// A batch that answers [`brisk_db::Error::Stale`] changed nothing: the lease is lost, or whatever else the batch
    /// expected was not so.
    pub fn complete_in(&self, batch: &mut Batch, ids: &[JobId]) {
        if let Some(tenant) = self.turn {
            let params = (self.kind.to_owned(), tenant, self.owner);
            batch.run_expecting(&statements::HOLD_TURN, [params], 1);
        }
        let ids: HashSet<JobId> = ids.iter().copied().collect();
        let list: Vec<i64> = ids.iter().map(|id| id.get()).collect();
        batch.run_expecting(&statements::DONE, [(list, self.owner)], ids.len() as u64);
        batch.on_commit(self.remember(ids));
    }

    /// Notes that jobs ended with their effects, so that nobody settles them again.
    fn remember(&self, ids: HashSet<JobId>) -> impl FnOnce() + Send + 'static {
        let completed = Arc::clone(&self.completed);
        move || {
            completed
                .lock()
                .expect("no holder of the list of completed jobs can panic")
                .extend(ids);
        }
    }

    pub(crate) fn take_completed(&self) -> HashSet<JobId> {
        std::mem::take(
            &mut *self
                .completed
                .lock()
                .expect("no holder of the list of completed jobs can panic"),
        )
    }
}
