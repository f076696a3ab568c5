//! What has ended is erased, and signing keys move on.

use std::time::Duration;

use brisk_core::Scope;
use brisk_jobs::{Handler, Job, JobContext, JobOutcome};
use metrics::gauge;

use crate::error::Error;
use crate::state::IdentityState;
use crate::store::system::AllTenants;

/// The job that does the rounds.
pub(crate) const HOUSEKEEPING_JOB: &str = "identity.housekeeping";

/// Rows of one kind that one statement erases.
const BATCH: i64 = 1_000;

/// How long what has ended stays: a token that is shown after its end can still be told from an unknown one.
const KEPT: Duration = Duration::from_hours(24);

/// How long it is known who people were that were deleted.
const ERASED_AFTER: Duration = Duration::from_hours(30 * 24);

/// Does the rounds; one node at a time, since it is a job.
#[derive(Clone, Debug)]
pub(crate) struct Housekeeper(pub(crate) IdentityState);

impl Handler for Housekeeper {
    async fn handle(&self, ctx: JobContext, jobs: Vec<Job>) -> Vec<JobOutcome> {
        let outcome = match self.round(&ctx).await {
            Ok(()) => JobOutcome::Done,
            Err(e) => JobOutcome::retry(e.to_string()),
        };
        vec![outcome; jobs.len()]
    }
}

impl Housekeeper {
    async fn round(&self, ctx: &JobContext) -> Result<(), Error> {
        let state = &self.0;
        let now = state.clock.now();
        let before = now.checked_sub(KEPT).unwrap_or(jiff::Timestamp::MIN);
        let deleted = now.checked_sub(ERASED_AFTER);
        let deleted = deleted.unwrap_or(jiff::Timestamp::MIN);
        let session = state.db.session(Scope::platform(HOUSEKEEPING_JOB));
        loop {
            let erased = AllTenants(&session)
                .delete_ended(before, now, BATCH, deleted)
                .await?;
            let is_more = erased.iter().any(|(_, rows)| *rows >= BATCH.unsigned_abs());
            for (what, rows) in erased.iter().filter(|(_, rows)| *rows > 0) {
                tracing::debug!(what, rows, "erased what has ended");
            }
            if !is_more || ctx.stopping().is_cancelled() {
                break;
            }
        }
        let live = AllTenants(&session).live_sessions(now).await?;
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
        gauge!("brisk_identity_sessions_active").set(live as f64);
        state.tokens.maintain().await?;
        Ok(())
    }
}
