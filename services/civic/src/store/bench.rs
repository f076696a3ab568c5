//! The benchmarked queries in the raw form of the specification, for measuring and for checking the served figures.

use brisk_core::TenantId;
#[cfg(test)]
use brisk_db::Session;
use brisk_db::{FromRow, One, statements};
use jiff::Timestamp;

use super::issue::IssueListRow;
use super::report::ReportListRow;
use crate::ids::{IssueId, ReportId};

/// The raw aggregate of clocks.
#[derive(Clone, Copy, Debug, PartialEq, FromRow)]
pub(crate) struct SlaSums {
    pub(crate) met: i64,
    pub(crate) missed: i64,
    pub(crate) average_hours: Option<f64>,
}

statements! {
    prefix "civic.bench";

    const REPORT = "id, issue_id, area_id, description, location, lat, lon, category, severity, summary, status,
            channel, external_id, processed, public, submitted_at";
    const ISSUE = "id, area_id, category, severity, status, title, location, lat, lon, report_count, reporter_count,
            priority, assignee, sensitive, created_at, resolved_at, updated_at, version";

    /// Q1: the newest reports before a place in the list.
    REPORT_PAGE(tenant: TenantId, at: Timestamp, id: ReportId, limit: i64) -> Vec<ReportListRow>
        = "SELECT {REPORT} FROM civic_reports WHERE tenant_id = $1 AND (submitted_at, id) < ($2, $3)
            ORDER BY submitted_at DESC, id DESC LIMIT $4";

    /// Q2: open issues, counted.
    OPEN_COUNT(tenant: TenantId) -> One<i64>
        = "SELECT count(*) AS n FROM civic_issues WHERE tenant_id = $1 AND status = 'open'";

    /// Q3, second half: the reports of an issue; the first is `civic.issue.get`.
    ISSUE_WITH_REPORTS(issue: IssueId, limit: i64) -> Vec<ReportListRow>
        = "SELECT {REPORT} FROM civic_reports WHERE issue_id = $1 ORDER BY submitted_at DESC, id DESC LIMIT $2";

    /// Q4: promises kept and missed since an instant, and the mean time to resolution.
    SLA_SUMS(tenant: TenantId, since: Timestamp) -> One<SlaSums>
        = "SELECT count(*) FILTER (WHERE met_sla) AS met, count(*) FILTER (WHERE NOT met_sla) AS missed,
            avg(resolution_time_hours) AS average_hours FROM civic_sla_metrics
            WHERE tenant_id = $1 AND calculated_at >= $2 AND NOT excluded AND met_sla IS NOT NULL";

    /// Q5: issues of a status before a place in the list.
    ISSUE_PAGE(tenant: TenantId, status: String, at: Timestamp, id: IssueId, limit: i64) -> Vec<IssueListRow>
        = "SELECT {ISSUE} FROM civic_issues WHERE tenant_id = $1 AND status = $2 AND (created_at, id) < ($3, $4)
            ORDER BY created_at DESC, id DESC LIMIT $5";
}

/// The benchmarked queries.
#[cfg(test)]
pub(crate) struct Bench<'a>(pub(crate) &'a Session);

#[cfg(test)]
impl Bench<'_> {
    pub(crate) async fn open_count(&self) -> Result<i64, brisk_db::Error> {
        self.0.run(&OPEN_COUNT, (self.0.tenant(),)).await
    }

    pub(crate) async fn sla_sums(&self, since: Timestamp) -> Result<SlaSums, brisk_db::Error> {
        self.0.run(&SLA_SUMS, (self.0.tenant(), since)).await
    }
}
