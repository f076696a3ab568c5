//! Writing cases: rows, clocks, history and figures, all in the caller's transaction.

use brisk_core::{Clock, TenantId};
use brisk_db::{Batch, OnConflict, Session};
use brisk_jobs::{NewJob, Queue};
use jiff::Timestamp;

use super::case::Case;
use crate::error::Error;
use crate::ids::{IssueId, ReportId};
use crate::model::rollup::{Deltas, ReportFacts};
use crate::settings::TenantSettings;
use crate::store::candidate::NewCandidate;
use crate::store::sla::SlaRow;
use crate::store::{issue, report, rollup, sla};

/// The job that brings a tenant's scores up to date.
pub(crate) const SCORE_JOB: &str = "civic.score";

/// How long changes of a tenant are gathered before its scores are computed anew.
const SCORE_DELAY: std::time::Duration = std::time::Duration::from_secs(1);

/// A report that found its issue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    pub(crate) report: ReportId,
    /// The issue that it belonged to so far.
    pub(crate) from: Option<IssueId>,
    pub(crate) issue: IssueId,
    pub(crate) area: Option<i64>,
}

/// Everything that one transaction changes.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) cases: Vec<Case>,
    pub(crate) links: Vec<Link>,
    pub(crate) candidates: Vec<NewCandidate>,
    /// Reports that count from now on.
    pub(crate) counted: Vec<ReportFacts>,
}

impl Changes {
    /// One case and nothing else.
    pub(crate) fn of(case: Case) -> Self {
        Self {
            cases: vec![case],
            ..Self::default()
        }
    }

    /// Writes all of it.
    ///
    /// # Errors
    ///
    /// [`Error::Contended`] when somebody else changed one of the issues or reports since it was read; nothing is written
    /// then.
    pub(crate) async fn write(
        self,
        session: &Session,
        queue: &Queue,
        clock: &Clock,
        settings: &TenantSettings,
    ) -> Result<(), Error> {
        let mut batch = Batch::new();
        self.add_to(&mut batch, session.tenant(), queue, clock, settings)?;
        session.batch(batch).await.map_err(|e| match e {
            brisk_db::Error::Stale { .. } => Error::Contended,
            other => other.into(),
        })?;
        Ok(())
    }

    /// Adds all of it to a batch, which is stale when somebody else changed one of the issues or reports since it was
    /// read.
    pub(crate) fn add_to(
        self,
        batch: &mut Batch,
        tenant: TenantId,
        queue: &Queue,
        clock: &Clock,
        settings: &TenantSettings,
    ) -> Result<(), Error> {
        let now = clock.now();
        let mut deltas = Deltas::default();
        for facts in &self.counted {
            deltas.report(&settings.zone, None, Some(facts));
        }
        let (mut saved, mut opened, mut clocks, mut events) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for mut case in self.cases.into_iter().filter(Case::is_changed) {
            case.seal(settings, now);
            deltas.issue(&settings.zone, case.before(), Some(&case.facts()));
            clocks.push(SlaRow::new(
                &case.issue,
                case.sla.clone(),
                calculated_at(&case, now),
            ));
            events.append(&mut case.events);
            if case.is_new() {
                opened.push(case.issue);
            } else {
                saved.push(case.issue);
            }
        }
        // Locks are taken in one order by all writers: issues by id, then the figures as the deltas sort them.
        saved.sort_by_key(|row| row.id);
        let (changed, joined) = (saved.len() as u64, self.links.len() as u64);
        batch.run_expecting(&issue::SAVE, saved, changed);
        batch.insert_many(opened, OnConflict::Fail);
        batch.run_each(&sla::SAVE, clocks);
        let links = self.links.into_iter();
        batch.run_expecting(
            &report::LINK,
            links.map(|l| (tenant, l.report, l.issue, l.area, now, l.from)),
            joined,
        );
        batch.insert_many(events, OnConflict::Fail);
        batch.insert_many(self.candidates, OnConflict::Skip);
        if !deltas.is_empty() {
            rollup::add(batch, tenant, &deltas);
            queue.add(batch, vec![score_job(tenant, now)?]);
        }
        Ok(())
    }
}

/// When the figures of a clock became what they are: at its end, else now.
fn calculated_at(case: &Case, now: Timestamp) -> Timestamp {
    case.sla.resolved_at.unwrap_or(now)
}

/// A job that computes the tenant's scores, one for all changes of the next second.
pub(crate) fn score_job(tenant: TenantId, now: Timestamp) -> Result<NewJob, Error> {
    let at = now.saturating_add(jiff::SignedDuration::try_from(SCORE_DELAY).unwrap_or_default());
    Ok(NewJob::new(tenant, SCORE_JOB, &())?
        .dedup("tenant")
        .run_at(at.unwrap_or(now)))
}
