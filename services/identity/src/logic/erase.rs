//! The rows of a tenant that was deleted are erased, some at a time.

use brisk_auth::{TenantStatus, Tenants};
use brisk_db::{Batch, Session};
use brisk_jobs::{Handler, Job, JobContext, JobOutcome, NewJob};

use crate::error::Error;
use crate::state::IdentityState;
use crate::store::tenant_admin::{ERASERS, TenantAdmin};

/// The job that erases the rows of a tenant.
pub(crate) const ERASE_JOB: &str = "identity.erase_tenant";

/// Rows of one kind that one round erases.
const BATCH: i64 = 1_000;

/// Erases tenants. A round that was cut off is done again: what is gone is gone.
#[derive(Clone, Debug)]
pub(crate) struct Eraser(pub(crate) IdentityState);

impl Handler for Eraser {
    async fn handle(&self, ctx: JobContext, jobs: Vec<Job>) -> Vec<JobOutcome> {
        let mut outcomes = Vec::with_capacity(jobs.len());
        for job in jobs {
            let session = ctx.session_of(job.tenant);
            outcomes.push(match self.round(&session).await {
                Ok(()) => JobOutcome::Done,
                Err(e) => JobOutcome::retry(e),
            });
        }
        outcomes
    }
}

impl Eraser {
    async fn round(&self, session: &Session) -> Result<(), Error> {
        let state = &self.0;
        let tenant = session.tenant();
        // The audit log stays until its own time is over: it is the proof of who deleted the rest.
        let found = Tenants::new(session).get(tenant).await?;
        if found.is_none_or(|found| found.status != TenantStatus::Deleting) {
            return Ok(());
        }
        let mut batch = Batch::new();
        for statement in ERASERS {
            batch.run(statement, (tenant, BATCH));
        }
        let outcomes = session.batch(batch).await?;
        let is_more = outcomes
            .iter()
            .any(|outcome| outcome.affected >= BATCH.unsigned_abs());
        if is_more {
            let next = NewJob::new(tenant, ERASE_JOB, &())?.dedup("erase");
            state.queue.enqueue(session, vec![next]).await?;
        } else {
            let now = state.clock.now();
            TenantAdmin(session).forget(tenant, now).await?;
        }
        Ok(())
    }
}
