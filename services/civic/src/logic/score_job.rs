//! Scores follow the figures: one job for all changes of a tenant in a second.

use std::sync::Arc;

use brisk_core::Clock;
use brisk_jobs::{Handler, Job, JobContext, JobOutcome};

use super::link::chain;
use super::scores;
use crate::error::Error;
use crate::settings::Settings;

/// Brings the scores of tenants up to date.
#[derive(Clone, Debug)]
pub(crate) struct Scorer {
    pub(crate) settings: Arc<Settings>,
    pub(crate) clock: Clock,
}

impl Handler for Scorer {
    async fn handle(&self, ctx: JobContext, jobs: Vec<Job>) -> Vec<JobOutcome> {
        let mut outcomes = Vec::with_capacity(jobs.len());
        for job in jobs {
            outcomes.push(match self.score(&ctx, &job).await {
                Ok(()) => JobOutcome::Done,
                Err(e) => JobOutcome::retry(chain(&e)),
            });
        }
        outcomes
    }
}

impl Scorer {
    async fn score(&self, ctx: &JobContext, job: &Job) -> Result<(), Error> {
        let settings = self.settings.of(job.tenant).await?;
        scores::refresh(&ctx.session_of(job.tenant), &settings, &self.clock).await
    }
}
