//! Every statement on the clocks of issues.

use brisk_core::TenantId;
use brisk_db::{Affected, FromRow, Json, Record, Session, statements};
use jiff::Timestamp;

use super::issue::IssueRow;
use crate::ids::IssueId;
use crate::model::sla::{PolicySnapshot, Sla, SlaState, Stop};
use crate::model::{Category, Severity};

/// The clock of one issue, with copies of what its figures are read by.
#[derive(Clone, Debug, PartialEq, FromRow, Record)]
#[record(table = "civic_sla_metrics")]
pub(crate) struct SlaRow {
    pub(crate) issue_id: IssueId,
    pub(crate) tenant_id: TenantId,
    pub(crate) area_id: Option<i64>,
    pub(crate) category: Category,
    pub(crate) severity: Severity,
    pub(crate) policy_id: Option<i64>,
    pub(crate) policy_snapshot: Json<PolicySnapshot>,
    pub(crate) created_at: Timestamp,
    pub(crate) started_at: Timestamp,
    pub(crate) stops: Json<Vec<Stop>>,
    pub(crate) ack_due_at: Option<Timestamp>,
    pub(crate) resolve_due_at: Option<Timestamp>,
    pub(crate) acknowledged_at: Option<Timestamp>,
    pub(crate) resolved_at: Option<Timestamp>,
    pub(crate) ack_minutes_used: Option<f64>,
    pub(crate) resolution_time_hours: Option<f64>,
    pub(crate) business_hours_used: Option<f64>,
    pub(crate) paused_seconds: i64,
    pub(crate) paused_since: Option<Timestamp>,
    pub(crate) met_ack: Option<bool>,
    pub(crate) met_sla: Option<bool>,
    pub(crate) ack_breached_at: Option<Timestamp>,
    pub(crate) breached_at: Option<Timestamp>,
    pub(crate) excluded: bool,
    pub(crate) state: SlaState,
    pub(crate) calculated_at: Timestamp,
}

impl SlaRow {
    /// The clock `sla` of `issue`, as it stood at `now`.
    pub(crate) fn new(issue: &IssueRow, sla: Sla, now: Timestamp) -> Self {
        Self {
            issue_id: issue.id,
            tenant_id: issue.tenant_id,
            area_id: issue.area_id,
            category: issue.category,
            severity: issue.severity,
            policy_id: sla.policy.policy_id,
            policy_snapshot: Json(sla.policy),
            created_at: sla.created_at,
            started_at: sla.started_at,
            stops: Json(sla.stops),
            ack_due_at: sla.ack_due_at,
            resolve_due_at: sla.resolve_due_at,
            acknowledged_at: sla.acknowledged_at,
            resolved_at: sla.resolved_at,
            ack_minutes_used: sla.ack_minutes_used,
            resolution_time_hours: sla.resolution_time_hours,
            business_hours_used: sla.business_hours_used,
            paused_seconds: sla.paused_seconds,
            paused_since: sla.paused_since,
            met_ack: sla.met_ack,
            met_sla: sla.met_sla,
            ack_breached_at: sla.ack_breached_at,
            breached_at: sla.breached_at,
            excluded: sla.excluded,
            state: sla.state,
            calculated_at: now,
        }
    }

    /// The clock by itself.
    pub(crate) fn to_sla(&self) -> Sla {
        Sla {
            policy: self.policy_snapshot.0.clone(),
            created_at: self.created_at,
            started_at: self.started_at,
            stops: self.stops.0.clone(),
            ack_due_at: self.ack_due_at,
            resolve_due_at: self.resolve_due_at,
            acknowledged_at: self.acknowledged_at,
            resolved_at: self.resolved_at,
            ack_minutes_used: self.ack_minutes_used,
            resolution_time_hours: self.resolution_time_hours,
            business_hours_used: self.business_hours_used,
            paused_seconds: self.paused_seconds,
            paused_since: self.paused_since,
            met_ack: self.met_ack,
            met_sla: self.met_sla,
            ack_breached_at: self.ack_breached_at,
            breached_at: self.breached_at,
            excluded: self.excluded,
            state: self.state,
        }
    }
}

/// An issue whose promise was missed a moment ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromRow)]
pub(crate) struct DueRow {
    pub(crate) tenant_id: TenantId,
    pub(crate) issue_id: IssueId,
}

statements! {
    prefix "civic.sla";

    const COLUMNS = "issue_id, tenant_id, area_id, category, severity, policy_id, policy_snapshot, created_at,
            started_at, stops, ack_due_at, resolve_due_at, acknowledged_at, resolved_at, ack_minutes_used,
            resolution_time_hours, business_hours_used, paused_seconds, paused_since, met_ack, met_sla,
            ack_breached_at, breached_at, excluded, state, calculated_at";

    /// The clock of one issue.
    load GET(issue_id: IssueId) -> Option<SlaRow> in "civic_sla_metrics";

    /// The clocks of issues.
    LIST_BY_ISSUES(tenant: TenantId, issues: Vec<i64>) -> Vec<SlaRow>
        = "SELECT {COLUMNS} FROM civic_sla_metrics WHERE tenant_id = $1 AND issue_id = ANY($2)",
        sqlite "SELECT {COLUMNS} FROM civic_sla_metrics WHERE tenant_id = $1 AND issue_id IN (SELECT value FROM json_each($2))";

    /// Saves a clock. Its issue's version guards it: both are written in one transaction.
    pub(crate) SAVE[SlaRow] -> Affected
        = "INSERT INTO civic_sla_metrics ({COLUMNS})
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22,
            $23, $24, $25, $26)
            ON CONFLICT (issue_id) DO UPDATE SET area_id = excluded.area_id, category = excluded.category, severity = excluded.severity, policy_id =
            excluded.policy_id, policy_snapshot = excluded.policy_snapshot, created_at = excluded.created_at,
            started_at = excluded.started_at, stops = excluded.stops, ack_due_at = excluded.ack_due_at,
            resolve_due_at = excluded.resolve_due_at, acknowledged_at = excluded.acknowledged_at, resolved_at =
            excluded.resolved_at, ack_minutes_used = excluded.ack_minutes_used, resolution_time_hours =
            excluded.resolution_time_hours, business_hours_used = excluded.business_hours_used, paused_seconds =
            excluded.paused_seconds, paused_since = excluded.paused_since, met_ack = excluded.met_ack, met_sla =
            excluded.met_sla, ack_breached_at = excluded.ack_breached_at, breached_at = excluded.breached_at,
            excluded = excluded.excluded, state = excluded.state, calculated_at = excluded.calculated_at";

    /// Running clocks whose resolution is due, of all tenants, the longest overdue first.
    DUE(now: Timestamp, limit: i64) -> Vec<DueRow>
        = "SELECT tenant_id, issue_id FROM civic_sla_metrics
            WHERE state = 'running' AND breached_at IS NULL AND resolve_due_at <= $1
            ORDER BY resolve_due_at LIMIT $2";

    /// Running clocks whose acknowledgement is due, of all tenants, the longest overdue first.
    ACK_DUE(now: Timestamp, limit: i64) -> Vec<DueRow>
        = "SELECT tenant_id, issue_id FROM civic_sla_metrics
            WHERE state = 'running' AND acknowledged_at IS NULL AND ack_breached_at IS NULL AND ack_due_at <= $1
            ORDER BY ack_due_at LIMIT $2";

    /// When the next resolution is due, of all tenants.
    NEXT_DUE() -> Option<Option<Timestamp>>
        = "SELECT min(resolve_due_at) FROM civic_sla_metrics WHERE state = 'running' AND breached_at IS NULL";

    /// When the next acknowledgement is due, of all tenants.
    NEXT_ACK_DUE() -> Option<Option<Timestamp>>
        = "SELECT min(ack_due_at) FROM civic_sla_metrics
            WHERE state = 'running' AND acknowledged_at IS NULL AND ack_breached_at IS NULL";
}

/// Everything asked of `civic_sla_metrics`.
pub(crate) struct Slas<'a>(pub(crate) &'a Session);

impl Slas<'_> {
    pub(crate) async fn get(&self, issue: IssueId) -> Result<Option<SlaRow>, brisk_db::Error> {
        self.0.load(&GET, issue).await
    }

    /// Each in its place; none where there is no such issue.
    pub(crate) async fn get_each(
        &self,
        issues: Vec<IssueId>,
    ) -> Result<Vec<Option<SlaRow>>, brisk_db::Error> {
        self.0.load_many(&GET, issues).await
    }

    pub(crate) async fn list_by_issues(
        &self,
        issues: Vec<i64>,
    ) -> Result<Vec<SlaRow>, brisk_db::Error> {
        if issues.is_empty() {
            return Ok(Vec::new());
        }
        self.0.run(&LIST_BY_ISSUES, (self.0.tenant(), issues)).await
    }

    /// Up to `limit` issues of all tenants with a promise that was due by `now` and not yet marked as missed.
    pub(crate) async fn due(
        &self,
        now: Timestamp,
        limit: i64,
    ) -> Result<Vec<DueRow>, brisk_db::Error> {
        let (resolve, ack) = futures::try_join!(
            self.0.run(&DUE, (now, limit)),
            self.0.run(&ACK_DUE, (now, limit))
        )?;
        let mut due = resolve;
        due.extend(ack);
        due.sort_by_key(|row| (row.tenant_id, row.issue_id));
        due.dedup();
        Ok(due)
    }

    /// The earliest instant at which [`Slas::due`] will find something.
    pub(crate) async fn next_due(&self) -> Result<Option<Timestamp>, brisk_db::Error> {
        let (resolve, ack) =
            futures::try_join!(self.0.run(&NEXT_DUE, ()), self.0.run(&NEXT_ACK_DUE, ()))?;
        Ok([resolve.flatten(), ack.flatten()]
            .into_iter()
            .flatten()
            .min())
    }
}
