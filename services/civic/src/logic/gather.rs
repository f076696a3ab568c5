//! Which reports belong to which issue, decided by people: moving one report, joining whole issues, judging pairs.

use brisk_db::{Json, Session};
use jiff::Timestamp;
use serde_json::json;

use super::case::{Actor, Case};
use super::changes::{Changes, Link};
use super::workflow::{Workflow, load, load_both};
use crate::error::Error;
use crate::ids::{IssueId, ReportId};
use crate::model::workflow::{CloseReason, Status};
use crate::settings::TenantSettings;
use crate::store::candidate::{CandidateRow, Candidates, NewCandidate};
use crate::store::lock;
use crate::store::report::Reports;

impl Workflow {
    /// Moves a report to another issue, or to a new one of its own; answers the issue that it belongs to then.
    pub(crate) async fn relink(
        &self,
        session: &Session,
        report: ReportId,
        to: Option<IssueId>,
        actor: &Actor,
    ) -> Result<IssueId, Error> {
        let settings = self.settings.of(session.tenant()).await?;
        let fresh = IssueId(self.issue_ids.one().await?);
        Box::pin(session.transaction(|tx| {
            let settings = &settings;
            async move {
                lock::tenant(&tx).await?;
                self.relink_in(&tx, settings, report, to, fresh, actor)
                    .await
            }
        }))
        .await
    }

    async fn relink_in(
        &self,
        tx: &Session,
        settings: &TenantSettings,
        report: ReportId,
        to: Option<IssueId>,
        fresh: IssueId,
        actor: &Actor,
    ) -> Result<IssueId, Error> {
        let now = self.clock.now();
        let row = Reports(tx)
            .for_relink(report)
            .await?
            .ok_or(Error::NotFound { what: "report" })?;
        let from = row.issue_id.ok_or(Error::NotFound { what: "issue" })?;
        if to == Some(from) {
            return Ok(from);
        }
        // The target first: another tenant's issue does not exist, whatever else is wrong.
        let (target, mut source) = match to {
            Some(id) => {
                let [target, source] = load_both(tx, [id, from]).await?;
                (Some(target), source)
            }
            None => (None, load(tx, from, true).await?),
        };
        if source.issue.report_count <= 1 {
            return Err(Error::LastReport);
        }
        let known = |people: &[(IssueId, i64)], issue| {
            row.reporter_id()
                .is_some_and(|person| people.contains(&(issue, person)))
        };
        let asked = to.map_or_else(|| vec![from.get()], |to| vec![from.get(), to.get()]);
        let people = Reports(tx).reporters_besides(asked, report).await?;
        source.issue.report_count -= 1;
        source.issue.reporter_count -= i64::from(!known(&people, from));
        source.event("split", actor, now, |e| {
            e.data = Some(Json(json!({ "report_id": report })));
        });
        let joins_known = to.is_some_and(|to| known(&people, to));
        let pending = row.into_pending();
        let mut changes = Changes::default();
        let target = if let Some(mut case) = target {
            if case.issue.status == Status::Closed {
                return Err(Error::IssueClosed);
            }
            case.link(&pending, !joins_known, settings, now);
            case
        } else {
            // The pair is noted as refused, so that it is never proposed again.
            changes.candidates.push(refused(tx, report, from, now));
            Case::open(fresh, &pending, pending.area_id, actor, settings, now)
        };
        let (id, area) = (target.issue.id, target.issue.area_id);
        changes.links.push(Link {
            report,
            from: Some(from),
            issue: id,
            area,
        });
        changes.cases.extend([source, target]);
        changes
            .write(tx, &self.queue, &self.clock, settings)
            .await?;
        Candidates(tx).refuse_split(report).await?;
        Ok(id)
    }

    /// Joins issue `from` into issue `into`: its reports move, it is closed as a duplicate and leaves the figures of
    /// promises; the other one takes the earlier creation and the worse severity.
    pub(crate) async fn merge(
        &self,
        session: &Session,
        from: IssueId,
        into: IssueId,
        actor: &Actor,
    ) -> Result<(), Error> {
        let settings = self.settings.of(session.tenant()).await?;
        Box::pin(session.transaction(|tx| {
            let settings = &settings;
            async move {
                lock::tenant(&tx).await?;
                self.merge_in(&tx, settings, from, into, actor).await
            }
        }))
        .await
    }

    async fn merge_in(
        &self,
        tx: &Session,
        settings: &TenantSettings,
        from: IssueId,
        into: IssueId,
        actor: &Actor,
    ) -> Result<(), Error> {
        if from == into {
            return Err(Error::field("into", "same_issue", "is another issue"));
        }
        let now = self.clock.now();
        let [mut source, mut target] = load_both(tx, [from, into]).await?;
        if source.issue.merged_into_id.is_some() || target.issue.merged_into_id.is_some() {
            return Err(Error::Merged);
        }
        if target.issue.status == Status::Closed {
            return Err(Error::IssueClosed);
        }
        let both = Reports(tx).people_of(vec![from.get(), into.get()]).await?;
        target.absorb(&source, both, actor, settings, now);
        source.become_duplicate(into, actor, now);
        let changes = Changes {
            cases: vec![source, target],
            ..Changes::default()
        };
        changes
            .write(tx, &self.queue, &self.clock, settings)
            .await?;
        Reports(tx).move_all(from, into).await?;
        Ok(())
    }

    /// Decides a pair that waits: confirmed, the report's issue is joined into the other one; else it stays apart for
    /// good.
    pub(crate) async fn judge(
        &self,
        session: &Session,
        candidate: i64,
        confirmed: bool,
        actor: &Actor,
    ) -> Result<CandidateRow, Error> {
        let settings = self.settings.of(session.tenant()).await?;
        Box::pin(session.transaction(|tx| {
            let settings = &settings;
            async move {
                lock::tenant(&tx).await?;
                let pair = Candidates(&tx)
                    .get(candidate)
                    .await?
                    .ok_or(Error::NotFound { what: "candidate" })?;
                let state = if confirmed { "confirmed" } else { "rejected" };
                let now = self.clock.now();
                if !Candidates(&tx)
                    .decide(candidate, state, actor.name.clone(), now)
                    .await?
                {
                    return Err(Error::Decided);
                }
                if confirmed {
                    let report = Reports(&tx).get(pair.report_id).await?;
                    let own = report
                        .and_then(|r| r.issue_id)
                        .ok_or(Error::NotFound { what: "report" })?;
                    if own != pair.issue_id {
                        self.merge_in(&tx, settings, own, pair.issue_id, actor)
                            .await?;
                    }
                }
                Ok(CandidateRow {
                    state: state.to_owned(),
                    ..pair
                })
            }
        }))
        .await
    }
}

impl Case {
    /// Takes over what another issue of the same thing has gathered; `people` reported to either.
    fn absorb(
        &mut self,
        other: &Self,
        people: i64,
        actor: &Actor,
        settings: &TenantSettings,
        now: Timestamp,
    ) {
        let (mine, theirs) = (&mut self.issue, &other.issue);
        #[expect(
            clippy::cast_precision_loss,
            reason = "an issue has far fewer than 2^52 reports"
        )]
        let (a, b) = (mine.report_count as f64, theirs.report_count as f64);
        let middle = |x: Option<f64>, y: Option<f64>| match (x, y) {
            (Some(x), Some(y)) => Some((x * a + y * b) / (a + b)),
            (x, y) => x.or(y),
        };
        mine.lat = middle(mine.lat, theirs.lat);
        mine.lon = middle(mine.lon, theirs.lon);
        mine.grid_cell = super::case::cell_of(mine.lat, mine.lon);
        mine.report_count += theirs.report_count;
        mine.reporter_count = people;
        mine.last_report_at = mine.last_report_at.max(theirs.last_report_at);
        mine.sensitive |= theirs.sensitive;
        let (id, severity, created_at) = (theirs.id, theirs.severity, theirs.created_at);
        if created_at < mine.created_at {
            mine.created_at = created_at;
            let calendar = settings.calendar(self.sla.policy.calendar_id);
            let changes = self.sla.rebase(created_at, calendar, now);
            self.note_clock(&changes, now);
        }
        if severity > self.issue.severity && !self.issue.severity_locked {
            self.set_severity(severity, false, actor, settings, now);
        }
        self.event("merged", actor, now, |e| {
            e.data = Some(Json(json!({ "from": id })));
        });
    }

    /// Ends as a duplicate of another issue.
    fn become_duplicate(&mut self, into: IssueId, actor: &Actor, now: Timestamp) {
        let changes = self.sla.stop(now, true);
        self.note_clock(&changes, now);
        let from = self.issue.status;
        self.issue.status = Status::Closed;
        self.issue.close_reason = Some(CloseReason::Duplicate);
        self.issue.hold_reason = None;
        self.issue.closed_at = self.issue.closed_at.or(Some(now));
        self.issue.merged_into_id = Some(into);
        self.issue.merged_at = Some(now);
        self.event("merged", actor, now, |e| {
            e.from_value = Some(from.as_str().to_owned());
            e.to_value = Some(Status::Closed.as_str().to_owned());
            e.data = Some(Json(json!({ "into": into })));
        });
    }
}

fn refused(tx: &Session, report: ReportId, issue: IssueId, now: Timestamp) -> NewCandidate {
    NewCandidate {
        tenant_id: tx.tenant(),
        report_id: report,
        issue_id: issue,
        score: 0.0,
        text_sim: 0.0,
        geo_sim: None,
        time_sim: 0.0,
        distance_m: None,
        source: "split",
        created_at: now,
    }
}
