//! Statements that count a tenant's figures anew from what they are made of.

use brisk_core::TenantId;
use brisk_db::{Affected, FromRow, Session, statements};
use jiff::Timestamp;
use jiff::civil::Date;

use crate::ids::{IssueId, ReportId};
use crate::model::workflow::Status;
use crate::model::{Category, Severity};

/// What of an issue and its clock is counted.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub(crate) struct IssueCountRow {
    pub(crate) id: IssueId,
    pub(crate) area_id: Option<i64>,
    pub(crate) category: Category,
    pub(crate) severity: Severity,
    pub(crate) status: Status,
    pub(crate) created_at: Timestamp,
    pub(crate) acknowledged_at: Option<Timestamp>,
    pub(crate) resolved_at: Option<Timestamp>,
    pub(crate) closed_at: Option<Timestamp>,
    pub(crate) merged_at: Option<Timestamp>,
    pub(crate) met_ack: Option<bool>,
    pub(crate) met_sla: Option<bool>,
    pub(crate) breached_at: Option<Timestamp>,
    pub(crate) excluded: Option<bool>,
}

/// When an issue was reopened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromRow)]
pub(crate) struct ReopenedRow {
    pub(crate) issue_id: IssueId,
    pub(crate) at: Timestamp,
}

/// What of a report is counted.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub(crate) struct ReportCountRow {
    pub(crate) id: ReportId,
    pub(crate) area_id: Option<i64>,
    pub(crate) category: Option<Category>,
    pub(crate) severity: Option<Severity>,
    pub(crate) submitted_at: Timestamp,
}

/// One counter as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromRow)]
pub(crate) struct CounterRow {
    pub(crate) area_id: i64,
    pub(crate) category: Category,
    pub(crate) severity: Severity,
    pub(crate) status: Status,
    pub(crate) n: i64,
}

/// One cell of one day as stored.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub(crate) struct DayCellRow {
    pub(crate) day: Date,
    pub(crate) area_id: i64,
    pub(crate) category: Category,
    pub(crate) severity: Severity,
    pub(crate) reports: i64,
    pub(crate) opened: i64,
    pub(crate) acknowledged: i64,
    pub(crate) resolved: i64,
    pub(crate) closed: i64,
    pub(crate) reopened: i64,
    pub(crate) breached: i64,
    pub(crate) sla_met: i64,
    pub(crate) sla_missed: i64,
    pub(crate) ack_met: i64,
    pub(crate) ack_missed: i64,
    pub(crate) merged: i64,
    pub(crate) resolution_seconds: i64,
    pub(crate) ack_seconds: i64,
}

/// One bucket of one cell and day as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromRow)]
pub(crate) struct HistCellRow {
    pub(crate) day: Date,
    pub(crate) area_id: i64,
    pub(crate) category: Category,
    pub(crate) severity: Severity,
    pub(crate) bucket: i64,
    pub(crate) n: i64,
}

statements! {
    prefix "civic.recount";

    /// One view of the database for the whole transaction, of which this is the first statement. On SQLite a
    /// transaction has that anyway; the text there changes nothing.
    ONE_VIEW() -> Affected
        = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        sqlite "UPDATE civic_tenant_config SET version = version WHERE false";

    /// Issues with their clocks, by id.
    #[slow] ISSUES(tenant: TenantId, after: IssueId, limit: i64) -> Vec<IssueCountRow>
        = "SELECT i.id, i.area_id, i.category, i.severity, i.status, i.created_at, i.acknowledged_at, i.resolved_at,
            i.closed_at, i.merged_at, s.met_ack, s.met_sla, s.breached_at, s.excluded
            FROM civic_issues i LEFT JOIN civic_sla_metrics s ON s.issue_id = i.id
            WHERE i.tenant_id = $1 AND i.id > $2 ORDER BY i.id LIMIT $3";

    /// Reopenings of the issues of a page.
    #[slow] REOPENINGS(tenant: TenantId, after: IssueId, to: IssueId) -> Vec<ReopenedRow>
        = "SELECT issue_id, at FROM civic_issue_events
            WHERE tenant_id = $1 AND issue_id > $2 AND issue_id <= $3 AND kind = 'reopened' ORDER BY issue_id, at, id";

    /// Reports that belong to an issue, in the order of their submission: others do not count yet, or never.
    #[slow] REPORTS(tenant: TenantId, at: Timestamp, id: ReportId, limit: i64) -> Vec<ReportCountRow>
        = "SELECT id, area_id, category, severity, submitted_at FROM civic_reports
            WHERE tenant_id = $1 AND (submitted_at, id) > ($2, $3) AND processed ORDER BY submitted_at, id LIMIT $4";

    /// The counters as they are.
    #[slow] COUNTERS(tenant: TenantId) -> Vec<CounterRow>
        = "SELECT area_id, category, severity, status, n FROM civic_tenant_counters WHERE tenant_id = $1";

    /// The daily figures as they are.
    #[slow] DAYS(tenant: TenantId) -> Vec<DayCellRow>
        = "SELECT day, area_id, category, severity, reports, opened, acknowledged, resolved, closed, reopened, breached,
            sla_met, sla_missed, ack_met, ack_missed, merged, resolution_seconds, ack_seconds
            FROM civic_score_daily WHERE tenant_id = $1";

    /// The times to resolution as they are.
    #[slow] HIST(tenant: TenantId) -> Vec<HistCellRow>
        = "SELECT day, area_id, category, severity, bucket, n FROM civic_score_hist WHERE tenant_id = $1";
}

/// What a recount reads.
pub(crate) struct Recount<'a>(pub(crate) &'a Session);

impl Recount<'_> {
    pub(crate) async fn one_view(&self) -> Result<(), brisk_db::Error> {
        self.0.run(&ONE_VIEW, ()).await?;
        Ok(())
    }

    pub(crate) async fn issues(
        &self,
        after: IssueId,
        limit: i64,
    ) -> Result<Vec<IssueCountRow>, brisk_db::Error> {
        self.0.run(&ISSUES, (self.0.tenant(), after, limit)).await
    }

    pub(crate) async fn reopenings(
        &self,
        after: IssueId,
        to: IssueId,
    ) -> Result<Vec<ReopenedRow>, brisk_db::Error> {
        self.0.run(&REOPENINGS, (self.0.tenant(), after, to)).await
    }

    pub(crate) async fn reports(
        &self,
        (at, id): (Timestamp, ReportId),
        limit: i64,
    ) -> Result<Vec<ReportCountRow>, brisk_db::Error> {
        self.0.run(&REPORTS, (self.0.tenant(), at, id, limit)).await
    }

    pub(crate) async fn counters(&self) -> Result<Vec<CounterRow>, brisk_db::Error> {
        self.0.run(&COUNTERS, (self.0.tenant(),)).await
    }

    pub(crate) async fn days(&self) -> Result<Vec<DayCellRow>, brisk_db::Error> {
        self.0.run(&DAYS, (self.0.tenant(),)).await
    }

    pub(crate) async fn hist(&self) -> Result<Vec<HistCellRow>, brisk_db::Error> {
        self.0.run(&HIST, (self.0.tenant(),)).await
    }
}
