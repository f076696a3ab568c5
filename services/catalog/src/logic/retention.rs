//! Old entries of the audit log are erased.

use std::time::Duration;

use brisk_core::Scope;
use brisk_jobs::{Handler, Job, JobContext, JobOutcome};

use crate::error::Error;
use crate::state::CatalogState;
use crate::store::action::Actions;

/// The job that erases.
pub(crate) const RETENTION_JOB: &str = "catalog.retention";

/// Entries that one statement erases.
const CHUNK: i64 = 5_000;

/// Erases what is older than `kept`; one node at a time, since it is a job.
#[derive(Clone, Debug)]
pub(crate) struct Retention {
    pub(crate) state: CatalogState,
    pub(crate) kept: Duration,
}

impl Handler for Retention {
    async fn handle(&self, ctx: JobContext, jobs: Vec<Job>) -> Vec<JobOutcome> {
        let outcome = match self.erase(&ctx).await {
            Ok(()) => JobOutcome::Done,
            Err(e) => JobOutcome::retry(e.to_string()),
        };
        vec![outcome; jobs.len()]
    }
}

impl Retention {
    async fn erase(&self, ctx: &JobContext) -> Result<(), Error> {
        let now = self.state.clock.now();
        let before = now.checked_sub(self.kept).unwrap_or(jiff::Timestamp::MIN);
        let session = self.state.db.session(Scope::platform(RETENTION_JOB));
        while !ctx.stopping().is_cancelled() {
            let erased = Actions(&session).erase(before, CHUNK).await?;
            if erased < CHUNK.unsigned_abs() {
                break;
            }
        }
        Ok(())
    }
}
