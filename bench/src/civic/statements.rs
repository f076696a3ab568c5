//! Q1 to Q5 as the specification writes them.

use brisk_core::TenantId;
use brisk_db::{FromRow, One, statements};
use jiff::Timestamp;

/// A report in the list of Q1 and Q3.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct ReportRow {
    pub(crate) id: i64,
    pub(crate) issue_id: Option<i64>,
    pub(crate) description: String,
    pub(crate) location: Option<String>,
    pub(crate) submitted_at: Timestamp,
    pub(crate) processed: bool,
    pub(crate) category: Option<String>,
    pub(crate) severity: Option<String>,
    pub(crate) status: String,
}

/// An issue in the list of Q5, and the issue of Q3.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct IssueRow {
    pub(crate) id: i64,
    pub(crate) category: String,
    pub(crate) severity: String,
    pub(crate) status: String,
    pub(crate) title: String,
    pub(crate) report_count: i64,
    pub(crate) reporter_count: i64,
    pub(crate) priority: f64,
    pub(crate) created_at: Timestamp,
    pub(crate) resolved_at: Option<Timestamp>,
    pub(crate) updated_at: Timestamp,
}

/// The figures of Q4.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct SlaRow {
    pub(crate) met: i64,
    pub(crate) missed: i64,
    pub(crate) hours: Option<f64>,
}

statements! {
    prefix "bench.civic";

    const REPORT = "id, issue_id, description, location, submitted_at, processed, category, severity, status";
    const ISSUE = "id, category, severity, status, title, report_count, reporter_count, priority, created_at,
            resolved_at, updated_at";

    /// Q1: reports of a tenant from a line on.
    pub(crate) Q1(tenant: TenantId, at: Timestamp, id: i64, limit: i64) -> Vec<ReportRow>
        = "SELECT {REPORT} FROM civic_reports WHERE tenant_id = $1 AND (submitted_at, id) < ($2, $3)
            ORDER BY submitted_at DESC, id DESC LIMIT $4";

    /// Q2 as it is served: the sum over the open rows of the counters.
    pub(crate) Q2_SERVED(tenant: TenantId) -> One<i64>
        = "SELECT coalesce(sum(n), 0)::bigint FROM civic_tenant_counters WHERE tenant_id = $1 AND status = 'open'",
        sqlite "SELECT coalesce(sum(n), 0) FROM civic_tenant_counters WHERE tenant_id = $1 AND status = 'open'";

    /// Q2 as it is checked.
    pub(crate) Q2(tenant: TenantId) -> One<i64>
        = "SELECT count(*) FROM civic_issues WHERE tenant_id = $1 AND status = 'open'";

    /// Q3, its issue.
    pub(crate) Q3_ISSUE(tenant: TenantId, id: i64) -> Option<IssueRow>
        = "SELECT {ISSUE} FROM civic_issues WHERE id = $2 AND tenant_id = $1";

    /// Q3, the newest reports of the issue.
    pub(crate) Q3_REPORTS(id: i64) -> Vec<ReportRow>
        = "SELECT {REPORT} FROM civic_reports WHERE issue_id = $1 ORDER BY submitted_at DESC, id DESC LIMIT 51";

    /// Q4 in its raw form.
    pub(crate) Q4(tenant: TenantId, since: Timestamp) -> One<SlaRow>
        = "SELECT count(*) FILTER (WHERE met_sla) AS met, count(*) FILTER (WHERE NOT met_sla) AS missed,
            avg(resolution_time_hours) AS hours
            FROM civic_sla_metrics WHERE tenant_id = $1 AND calculated_at >= $2 AND NOT excluded AND met_sla IS NOT NULL";

    /// Q5: issues of a tenant in a status from a line on, with the counts of their reports.
    pub(crate) Q5(tenant: TenantId, status: &'static str, at: Timestamp, id: i64) -> Vec<IssueRow>
        = "SELECT {ISSUE} FROM civic_issues WHERE tenant_id = $1 AND status = $2 AND (created_at, id) < ($3, $4)
            ORDER BY created_at DESC, id DESC LIMIT 50";
}
