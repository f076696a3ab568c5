//! What the public asks of issues and reports beyond lists.

use brisk_core::TenantId;
use brisk_db::{FromRow, Json, Session, statements};
use jiff::Timestamp;

use crate::ids::IssueId;
use crate::model::workflow::Status;
use crate::model::{Category, Severity};

/// A report of an issue as the public may read it.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub(crate) struct PublicReportRow {
    pub(crate) description_public: Option<String>,
    pub(crate) submitted_at: Timestamp,
}

/// A public line of an issue's history.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub(crate) struct PublicEventRow {
    pub(crate) kind: String,
    pub(crate) to_value: Option<String>,
    pub(crate) body: Option<String>,
    pub(crate) at: Timestamp,
}

/// An issue near a place, with what a new text is compared with.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub(crate) struct NearRow {
    pub(crate) id: IssueId,
    pub(crate) area_id: Option<i64>,
    pub(crate) category: Category,
    pub(crate) severity: Severity,
    pub(crate) status: Status,
    pub(crate) title: String,
    pub(crate) anchor: Option<String>,
    pub(crate) lat: Option<f64>,
    pub(crate) lon: Option<f64>,
    pub(crate) report_count: i64,
    pub(crate) created_at: Timestamp,
    pub(crate) last_report_at: Timestamp,
    pub(crate) texts: Json<Vec<String>>,
}

statements! {
    prefix "civic.public";

    /// The newest public reports of an issue that are shown already.
    REPORTS(tenant: TenantId, issue: IssueId, shown_until: Timestamp, limit: i64) -> Vec<PublicReportRow>
        = "SELECT description_public, submitted_at FROM civic_reports
            WHERE tenant_id = $1 AND issue_id = $2 AND public AND status = 'linked' AND submitted_at <= $3
            ORDER BY submitted_at DESC, id DESC LIMIT $4";

    /// The latest public lines of an issue's history.
    EVENTS(tenant: TenantId, issue: IssueId, limit: i64) -> Vec<PublicEventRow>
        = "SELECT kind, to_value, body, at FROM civic_issue_events
            WHERE tenant_id = $1 AND issue_id = $2 AND public ORDER BY at DESC, id DESC LIMIT $3";

    /// Active public issues in the cells, the latest reported first.
    NEAR(tenant: TenantId, cells: Vec<i64>, shown_until: Timestamp, limit: i64) -> Vec<NearRow>
        = "SELECT id, area_id, category, severity, status, title, anchor, lat, lon, report_count, created_at,
            last_report_at, texts FROM civic_issues WHERE tenant_id = $1 AND grid_cell = ANY($2)
            AND status <> 'closed' AND status <> 'resolved' AND public AND created_at <= $3
            ORDER BY last_report_at DESC, id DESC LIMIT $4",
        sqlite "SELECT id, area_id, category, severity, status, title, anchor, lat, lon, report_count, created_at,
            last_report_at, texts FROM civic_issues
            WHERE tenant_id = $1 AND grid_cell IN (SELECT value FROM json_each($2))
            AND status <> 'closed' AND status <> 'resolved' AND public AND created_at <= $3
            ORDER BY last_report_at DESC, id DESC LIMIT $4";
}

/// What the public asks; each statement filters by the session's tenant.
pub(crate) struct PublicReads<'a>(pub(crate) &'a Session);

impl PublicReads<'_> {
    pub(crate) async fn reports(
        &self,
        issue: IssueId,
        shown_until: Timestamp,
        limit: i64,
    ) -> Result<Vec<PublicReportRow>, brisk_db::Error> {
        self.0
            .run(&REPORTS, (self.0.tenant(), issue, shown_until, limit))
            .await
    }

    pub(crate) async fn events(
        &self,
        issue: IssueId,
        limit: i64,
    ) -> Result<Vec<PublicEventRow>, brisk_db::Error> {
        self.0.run(&EVENTS, (self.0.tenant(), issue, limit)).await
    }

    pub(crate) async fn near(
        &self,
        cells: Vec<i64>,
        shown_until: Timestamp,
        limit: i64,
    ) -> Result<Vec<NearRow>, brisk_db::Error> {
        self.0
            .run(&NEAR, (self.0.tenant(), cells, shown_until, limit))
            .await
    }
}
