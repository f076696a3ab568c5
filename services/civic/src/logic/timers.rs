//! What happens because time passes: missed promises, ranks that grow with age, issues that close themselves.
//!
//! Any node may run these; the version of an issue decides who was first, and the other one finds nothing left.

use std::collections::BTreeMap;
use std::time::Duration;

use brisk_core::{Scope, TenantId};
use jiff::{SignedDuration, Timestamp};

use super::case::{Actor, Case};
use super::changes::Changes;
use super::workflow::Workflow;
use crate::error::Error;
use crate::ids::IssueId;
use crate::model::workflow::{Status, StatusChange};
use crate::store::issue::{Issues, SAVE_PRIORITY};
use crate::store::sla::Slas;
use crate::store::timer::Timers;

/// Issues that one transaction takes.
const CHUNK: i64 = 500;

/// A rank that moved by less is not worth a write.
const RANK_STEP: f64 = 1.0;

/// How old a rank may grow before the sweep looks at it again.
const RANK_AGE: SignedDuration = SignedDuration::from_mins(5);

/// How long nobody looks for missed promises at most, whatever the clocks say.
pub(crate) const LOOK_AT_LEAST: Duration = Duration::from_secs(1);

impl Workflow {
    /// Notes promises that were missed by now; answers how many issues it touched and when the next one is due.
    pub(crate) async fn mark_breaches(&self) -> Result<(usize, Option<Timestamp>), Error> {
        let platform = self.db.session(Scope::platform("civic.breach"));
        let mut touched = 0;
        loop {
            let now = self.clock.now();
            let due = Slas(&platform).due(now, CHUNK).await?;
            if due.is_empty() {
                return Ok((touched, Slas(&platform).next_due().await?));
            }
            let mut by_tenant: BTreeMap<TenantId, Vec<i64>> = BTreeMap::new();
            for row in due {
                by_tenant
                    .entry(row.tenant_id)
                    .or_default()
                    .push(row.issue_id.get());
            }
            let mut progress = 0;
            for (tenant, issues) in by_tenant {
                progress += self.breach_chunk(tenant, issues).await?;
            }
            touched += progress;
            if progress == 0 {
                // Somebody else has them; what is left is looked at next time.
                return Ok((touched, Some(now)));
            }
        }
    }

    async fn breach_chunk(&self, tenant: TenantId, ids: Vec<i64>) -> Result<usize, Error> {
        let settings = self.settings.of(tenant).await?;
        let session = self.db.session(Scope::system(tenant, "civic.breach"));
        let result = session
            .transaction(|tx| {
                let (settings, ids) = (&settings, ids.clone());
                async move {
                    let now = self.clock.now();
                    let mut cases = load_many(&tx, ids).await?;
                    for case in &mut cases {
                        case.breach(now);
                    }
                    let count = cases.iter().filter(|c| c.is_changed()).count();
                    let changes = Changes {
                        cases,
                        ..Changes::default()
                    };
                    changes
                        .write(&tx, &self.queue, &self.clock, settings)
                        .await?;
                    metrics::counter!("civic_sla_breached_total").increment(count as u64);
                    Ok::<_, Error>(count)
                }
            })
            .await;
        match result {
            Err(Error::Contended) => Ok(0),
            other => other,
        }
    }

    /// Computes the ranks of a tenant's active issues anew where they are older than five minutes.
    pub(crate) async fn sweep_ranks(&self, tenant: TenantId) -> Result<usize, Error> {
        let settings = self.settings.of(tenant).await?;
        let session = self.db.session(Scope::system(tenant, "civic.rank"));
        let (mut after, mut written) = (IssueId(0), 0);
        loop {
            let now = self.clock.now();
            let before = now.saturating_sub(RANK_AGE).unwrap_or(now);
            let issues = Issues(&session)
                .ranked_before(before, after, 2 * CHUNK)
                .await?;
            let Some(last) = issues.last() else {
                return Ok(written);
            };
            after = last.id;
            let ids = issues.iter().map(|i| i.id.get()).collect();
            let clocks = Slas(&session).list_by_issues(ids).await?;
            let mut clocks: BTreeMap<_, _> = clocks.into_iter().map(|c| (c.issue_id, c)).collect();
            let mut moved = Vec::new();
            for issue in issues {
                let Some(clock) = clocks.remove(&issue.id) else {
                    continue;
                };
                let (id, old, version) = (issue.id, issue.priority, issue.version);
                let rank = Case::stored(issue, &clock, Vec::new()).rank(&settings, now);
                if (rank - old).abs() >= RANK_STEP {
                    moved.push((tenant, id, rank, now, version));
                }
            }
            written += moved.len();
            session.run_each(&SAVE_PRIORITY, moved).await?;
        }
    }

    /// Closes what was resolved long enough ago, and archives what was closed long enough ago.
    pub(crate) async fn close_old(&self, tenant: TenantId) -> Result<usize, Error> {
        let settings = self.settings.of(tenant).await?;
        let session = self.db.session(Scope::system(tenant, "civic.auto_close"));
        let rules = &settings.config.workflow;
        let mut closed = 0;
        loop {
            let now = self.clock.now();
            let ago = |days: u32| {
                now.saturating_sub(SignedDuration::from_hours(24 * i64::from(days)))
                    .unwrap_or(Timestamp::MIN)
            };
            let ids = Timers(&session)
                .resolved_before(ago(rules.auto_close_days), CHUNK)
                .await?;
            if ids.is_empty() {
                Timers(&session)
                    .archive_closed_before(ago(rules.archive_days), now)
                    .await?;
                return Ok(closed);
            }
            let result = session
                .transaction(|tx| {
                    let (settings, ids) = (&settings, ids.clone());
                    async move {
                        let mut cases = load_many(&tx, ids).await?;
                        for case in &mut cases {
                            let change = StatusChange::to(Status::Closed);
                            case.change_status(change, &Actor::system(), settings, now)?;
                        }
                        let count = cases.len();
                        let changes = Changes {
                            cases,
                            ..Changes::default()
                        };
                        changes
                            .write(&tx, &self.queue, &self.clock, settings)
                            .await?;
                        Ok::<_, Error>(count)
                    }
                })
                .await;
            match result {
                Ok(0) | Err(Error::Contended) => return Ok(closed),
                Ok(count) => closed += count,
                Err(e) => return Err(e),
            }
        }
    }
}

/// Issues with their clocks, for changes that keep them in their cells.
async fn load_many(tx: &brisk_db::Session, ids: Vec<i64>) -> Result<Vec<Case>, Error> {
    let (issues, slas) = (Issues(tx), Slas(tx));
    let (issues, clocks) =
        futures::try_join!(issues.list_by_ids(ids.clone()), slas.list_by_issues(ids))?;
    let clocks: BTreeMap<_, _> = clocks.into_iter().map(|c| (c.issue_id, c)).collect();
    Ok(issues
        .into_iter()
        .filter_map(|issue| {
            let clock = clocks.get(&issue.id)?;
            Some(Case::stored(issue, clock, Vec::new()))
        })
        .collect())
}
