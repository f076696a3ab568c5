//! The regular rounds over all tenants.

use brisk_auth::Tenants;
use brisk_core::{Scope, TenantId};
use brisk_jobs::{Handler, Job, JobContext, JobOutcome};

use super::link::chain;
use super::scores;
use super::workflow::Workflow;
use crate::error::Error;

/// The job that goes over all tenants: ranks, issues that close themselves, archives.
pub(crate) const SWEEP_JOB: &str = "civic.sweep";

/// Tenants read at a time.
const TENANTS: u32 = 200;

/// Goes over all tenants.
#[derive(Clone, Debug)]
pub(crate) struct Sweeper {
    pub(crate) workflow: Workflow,
}

impl Handler for Sweeper {
    async fn handle(&self, ctx: JobContext, jobs: Vec<Job>) -> Vec<JobOutcome> {
        let outcome = match self.sweep(&ctx).await {
            Ok(()) => JobOutcome::Done,
            Err(e) => JobOutcome::retry(chain(&e)),
        };
        vec![outcome; jobs.len()]
    }
}

impl Sweeper {
    async fn sweep(&self, ctx: &JobContext) -> Result<(), Error> {
        let mut after = TenantId::PLATFORM;
        loop {
            let tenants = Tenants::new(ctx.session()).page(after, TENANTS).await?;
            let Some(last) = tenants.last() else {
                return Ok(());
            };
            after = last.id;
            for tenant in tenants {
                if ctx.stopping().is_cancelled() {
                    return Ok(());
                }
                // One tenant's trouble must not keep the others waiting.
                if let Err(e) = self.one(tenant.id).await {
                    tracing::warn!(
                        tenant = tenant.id.get(),
                        error = chain(&e),
                        "a tenant's round was left unfinished"
                    );
                }
            }
        }
    }

    async fn one(&self, tenant: TenantId) -> Result<(), Error> {
        self.workflow.close_old(tenant).await?;
        self.workflow.sweep_ranks(tenant).await?;
        self.keep_day(tenant).await
    }

    /// Keeps the day's scores for trends, from half an hour before its end; the last round of the day is what stays.
    async fn keep_day(&self, tenant: TenantId) -> Result<(), Error> {
        let Workflow {
            db,
            settings,
            clock,
            ..
        } = &self.workflow;
        let settings = settings.of(tenant).await?;
        let local = settings.zone.to_datetime(clock.now());
        if (local.hour(), local.minute() / 30) != (23, 1) {
            return Ok(());
        }
        let session = db.session(Scope::system(tenant, "civic.score"));
        scores::snapshot(&session, &settings, clock, local.date()).await
    }
}
