//! Every statement on reports.

use brisk_core::TenantId;
use brisk_db::{Affected, FromRow, Json, One, Record, Session, statements};
use jiff::Timestamp;

use crate::ids::{IssueId, ReportId};
use crate::model::classify::ClassifiedBy;
use crate::model::{Category, Severity};

/// A report about to be written.
#[derive(Clone, Debug, PartialEq, Record)]
#[record(table = "civic_reports")]
pub(crate) struct NewReport {
    pub(crate) id: ReportId,
    pub(crate) tenant_id: TenantId,
    pub(crate) issue_id: Option<IssueId>,
    pub(crate) reporter_id: Option<i64>,
    pub(crate) area_id: Option<i64>,
    pub(crate) description: String,
    pub(crate) location: Option<String>,
    pub(crate) location_norm: Option<String>,
    pub(crate) lat: Option<f64>,
    pub(crate) lon: Option<f64>,
    pub(crate) grid_cell: Option<i64>,
    pub(crate) category: Category,
    pub(crate) severity: Severity,
    pub(crate) summary: String,
    pub(crate) anchor: Option<String>,
    pub(crate) sensitive: bool,
    pub(crate) classified_by: ClassifiedBy,
    pub(crate) confidence: f64,
    pub(crate) service_code: Option<String>,
    pub(crate) attributes: Option<Json<serde_json::Value>>,
    pub(crate) media: Option<Json<serde_json::Value>>,
    pub(crate) channel: String,
    pub(crate) client_ref: Option<String>,
    pub(crate) external_id: Option<String>,
    pub(crate) external_status: Option<String>,
    pub(crate) status: String,
    pub(crate) processed: bool,
    pub(crate) spam_score: i32,
    pub(crate) public: bool,
    pub(crate) tracking_hash: Option<Vec<u8>>,
    pub(crate) submitted_at: Timestamp,
    pub(crate) received_at: Timestamp,
    pub(crate) processed_at: Option<Timestamp>,
    pub(crate) import_id: Option<i64>,
}

/// What the joining of reports into issues needs.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub(crate) struct PendingRow {
    pub(crate) id: ReportId,
    pub(crate) reporter_id: Option<i64>,
    pub(crate) area_id: Option<i64>,
    pub(crate) description: String,
    pub(crate) location: Option<String>,
    pub(crate) lat: Option<f64>,
    pub(crate) lon: Option<f64>,
    pub(crate) category: Category,
    pub(crate) severity: Severity,
    pub(crate) summary: Option<String>,
    pub(crate) anchor: Option<String>,
    pub(crate) sensitive: bool,
    pub(crate) public: bool,
    pub(crate) submitted_at: Timestamp,
}

/// A report with its present issue, about to be moved.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub(crate) struct RelinkRow {
    pub(crate) issue_id: Option<IssueId>,
    pub(crate) id: ReportId,
    reporter_id: Option<i64>,
    area_id: Option<i64>,
    description: String,
    location: Option<String>,
    lat: Option<f64>,
    lon: Option<f64>,
    category: Category,
    severity: Severity,
    summary: Option<String>,
    anchor: Option<String>,
    sensitive: bool,
    public: bool,
    submitted_at: Timestamp,
}

impl RelinkRow {
    /// Who reported it, if known.
    pub(crate) const fn reporter_id(&self) -> Option<i64> {
        self.reporter_id
    }

    /// The report as if it had just come.
    pub(crate) fn into_pending(self) -> PendingRow {
        PendingRow {
            id: self.id,
            reporter_id: self.reporter_id,
            area_id: self.area_id,
            description: self.description,
            location: self.location,
            lat: self.lat,
            lon: self.lon,
            category: self.category,
            severity: self.severity,
            summary: self.summary,
            anchor: self.anchor,
            sensitive: self.sensitive,
            public: self.public,
            submitted_at: self.submitted_at,
        }
    }
}

/// What a list shows of a report.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub(crate) struct ReportListRow {
    pub(crate) id: ReportId,
    pub(crate) issue_id: Option<IssueId>,
    pub(crate) area_id: Option<i64>,
    pub(crate) description: String,
    pub(crate) location: Option<String>,
    pub(crate) lat: Option<f64>,
    pub(crate) lon: Option<f64>,
    pub(crate) category: Option<Category>,
    pub(crate) severity: Option<Severity>,
    pub(crate) summary: Option<String>,
    pub(crate) status: String,
    pub(crate) channel: String,
    pub(crate) external_id: Option<String>,
    pub(crate) processed: bool,
    pub(crate) public: bool,
    pub(crate) submitted_at: Timestamp,
}

/// A report that was already there under a client's reference.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub(crate) struct RefRow {
    pub(crate) client_ref: String,
    pub(crate) id: ReportId,
}

/// Who reported to an issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromRow)]
pub(crate) struct ReporterRow {
    pub(crate) issue_id: IssueId,
    pub(crate) reporter_id: i64,
}

statements! {
    prefix "civic.report";

    const LIST_COLUMNS = "id, issue_id, area_id, description, location, lat, lon, category, severity, summary, status,
            channel, external_id, processed, public, submitted_at";
    const PENDING_COLUMNS = "id, reporter_id, area_id, description, location, lat, lon, category, severity, summary,
            anchor, sensitive, public, submitted_at";

    /// One report of the tenant.
    load GET(id: ReportId) -> Option<ReportListRow> in "civic_reports";

    /// The newest reports of an issue.
    PAGE_OF_ISSUE(tenant: TenantId, issue: IssueId, limit: i64) -> Vec<ReportListRow>
        = "SELECT {LIST_COLUMNS} FROM civic_reports WHERE tenant_id = $1 AND issue_id = $2
            ORDER BY submitted_at DESC, id DESC LIMIT $3";

    /// The reports of an issue after a line, newest first.
    PAGE_OF_ISSUE_AFTER(tenant: TenantId, issue: IssueId, at: Timestamp, id: ReportId, limit: i64)
        -> Vec<ReportListRow>
        = "SELECT {LIST_COLUMNS} FROM civic_reports WHERE tenant_id = $1 AND issue_id = $2
            AND (submitted_at, id) < ($3, $4) ORDER BY submitted_at DESC, id DESC LIMIT $5";

    /// Those of the reports that wait to be joined into issues, in the order of their arrival.
    PENDING(tenant: TenantId, ids: Vec<i64>) -> Vec<PendingRow>
        = "SELECT {PENDING_COLUMNS} FROM civic_reports WHERE tenant_id = $1 AND id = ANY($2)
            AND NOT processed AND status IN ('received', 'classified') ORDER BY received_at, id",
        sqlite "SELECT {PENDING_COLUMNS} FROM civic_reports
            WHERE tenant_id = $1 AND id IN (SELECT value FROM json_each($2))
            AND NOT processed AND status IN ('received', 'classified') ORDER BY received_at, id";

    /// One joined report with its issue.
    FOR_RELINK(tenant: TenantId, id: ReportId) -> Option<RelinkRow>
        = "SELECT issue_id, {PENDING_COLUMNS} FROM civic_reports WHERE tenant_id = $1 AND id = $2 AND processed";

    /// Joins a report to an issue, unless it belongs to another one than was read, or was turned away meanwhile.
    pub(crate) LINK(
        tenant: TenantId, id: ReportId, issue: IssueId, area: Option<i64>, at: Timestamp, from: Option<IssueId>
    ) -> Affected
        = "UPDATE civic_reports SET issue_id = $3, area_id = $4, status = 'linked', processed = true,
            processed_at = $5 WHERE tenant_id = $1 AND id = $2 AND issue_id IS NOT DISTINCT FROM $6
            AND status IN ('received', 'classified', 'linked')";

    /// The ids that were given out for a client's references.
    BY_CLIENT_REFS(tenant: TenantId, refs: Vec<String>) -> Vec<RefRow>
        = "SELECT client_ref, id FROM civic_reports WHERE tenant_id = $1 AND client_ref = ANY($2)",
        sqlite "SELECT client_ref, id FROM civic_reports
            WHERE tenant_id = $1 AND client_ref IN (SELECT value FROM json_each($2))";

    /// Which of the outside's ids are there already. One look into the index for each id: compared with an array, thousands
    /// of them would be searched for each row of the tenant.
    BY_EXTERNAL_IDS(tenant: TenantId, channel: &'static str, ids: Vec<String>) -> Vec<String>
        = "SELECT k.external_id FROM unnest($3::text[]) AS k (external_id) CROSS JOIN LATERAL (SELECT 1 FROM civic_reports r
            WHERE r.tenant_id = $1 AND r.channel = $2 AND r.external_id = k.external_id LIMIT 1) known",
        sqlite "SELECT external_id FROM civic_reports
            WHERE tenant_id = $1 AND channel = $2 AND external_id IN (SELECT value FROM json_each($3))";

    /// The known people who reported to the issues.
    REPORTERS_OF(tenant: TenantId, issues: Vec<i64>) -> Vec<ReporterRow>
        = "SELECT DISTINCT issue_id, reporter_id FROM civic_reports
            WHERE tenant_id = $1 AND issue_id = ANY($2) AND reporter_id IS NOT NULL",
        sqlite "SELECT DISTINCT issue_id, reporter_id FROM civic_reports
            WHERE tenant_id = $1 AND issue_id IN (SELECT value FROM json_each($2)) AND reporter_id IS NOT NULL";

    /// The known people who reported to the issues with other reports than this one.
    REPORTERS_BESIDES(tenant: TenantId, issues: Vec<i64>, report: ReportId) -> Vec<ReporterRow>
        = "SELECT DISTINCT issue_id, reporter_id FROM civic_reports
            WHERE tenant_id = $1 AND issue_id = ANY($2) AND id <> $3 AND reporter_id IS NOT NULL",
        sqlite "SELECT DISTINCT issue_id, reporter_id FROM civic_reports
            WHERE tenant_id = $1 AND issue_id IN (SELECT value FROM json_each($2)) AND id <> $3
            AND reporter_id IS NOT NULL";

    /// How many people reported to any of the issues; a report without contact counts as one.
    PEOPLE_OF(tenant: TenantId, issues: Vec<i64>) -> One<i64>
        = "SELECT count(DISTINCT reporter_id) + count(*) FILTER (WHERE reporter_id IS NULL) FROM civic_reports
            WHERE tenant_id = $1 AND issue_id = ANY($2)",
        sqlite "SELECT count(DISTINCT reporter_id) + count(*) FILTER (WHERE reporter_id IS NULL) FROM civic_reports
            WHERE tenant_id = $1 AND issue_id IN (SELECT value FROM json_each($2))";

    /// Gives all reports of one issue to another.
    MOVE_ALL(tenant: TenantId, from: IssueId, to: IssueId) -> Affected
        = "UPDATE civic_reports SET issue_id = $3 WHERE tenant_id = $1 AND issue_id = $2";

    /// Takes a held report back into the normal way, or refuses it for good.
    MODERATE(tenant: TenantId, id: ReportId, status: &'static str, public: bool) -> Affected
        = "UPDATE civic_reports SET status = $3, public = $4 WHERE tenant_id = $1 AND id = $2 AND status = 'held'";

    /// Reports that were held back, oldest first.
    HELD(tenant: TenantId, limit: i64) -> Vec<ReportListRow>
        = "SELECT {LIST_COLUMNS} FROM civic_reports WHERE tenant_id = $1 AND status = 'held'
            ORDER BY received_at LIMIT $2";
}

/// Everything asked of `civic_reports`.
pub(crate) struct Reports<'a>(pub(crate) &'a Session);

impl Reports<'_> {
    pub(crate) async fn get(&self, id: ReportId) -> Result<Option<ReportListRow>, brisk_db::Error> {
        self.0.load(&GET, id).await
    }

    /// The newest `limit` reports of an issue, or those after `(submitted_at, id)`.
    pub(crate) async fn page_of_issue(
        &self,
        issue: IssueId,
        after: Option<(Timestamp, ReportId)>,
        limit: i64,
    ) -> Result<Vec<ReportListRow>, brisk_db::Error> {
        match after {
            None => {
                self.0
                    .run(&PAGE_OF_ISSUE, (self.0.tenant(), issue, limit))
                    .await
            }
            Some((at, id)) => {
                self.0
                    .run(
                        &PAGE_OF_ISSUE_AFTER,
                        (self.0.tenant(), issue, at, id, limit),
                    )
                    .await
            }
        }
    }

    pub(crate) async fn for_relink(
        &self,
        id: ReportId,
    ) -> Result<Option<RelinkRow>, brisk_db::Error> {
        self.0.run(&FOR_RELINK, (self.0.tenant(), id)).await
    }

    pub(crate) async fn pending(&self, ids: Vec<i64>) -> Result<Vec<PendingRow>, brisk_db::Error> {
        self.0.run(&PENDING, (self.0.tenant(), ids)).await
    }

    pub(crate) async fn by_client_refs(
        &self,
        refs: Vec<String>,
    ) -> Result<Vec<RefRow>, brisk_db::Error> {
        self.0.run(&BY_CLIENT_REFS, (self.0.tenant(), refs)).await
    }

    pub(crate) async fn by_external_ids(
        &self,
        channel: &'static str,
        ids: Vec<String>,
    ) -> Result<Vec<String>, brisk_db::Error> {
        self.0
            .run(&BY_EXTERNAL_IDS, (self.0.tenant(), channel, ids))
            .await
    }

    pub(crate) async fn reporters_of(
        &self,
        issues: Vec<i64>,
    ) -> Result<Vec<ReporterRow>, brisk_db::Error> {
        if issues.is_empty() {
            return Ok(Vec::new());
        }
        self.0.run(&REPORTERS_OF, (self.0.tenant(), issues)).await
    }

    pub(crate) async fn reporters_besides(
        &self,
        issues: Vec<i64>,
        report: ReportId,
    ) -> Result<Vec<(IssueId, i64)>, brisk_db::Error> {
        let rows = self
            .0
            .run(&REPORTERS_BESIDES, (self.0.tenant(), issues, report))
            .await?;
        Ok(rows
            .into_iter()
            .map(|row| (row.issue_id, row.reporter_id))
            .collect())
    }

    pub(crate) async fn people_of(&self, issues: Vec<i64>) -> Result<i64, brisk_db::Error> {
        self.0.run(&PEOPLE_OF, (self.0.tenant(), issues)).await
    }

    pub(crate) async fn move_all(
        &self,
        from: IssueId,
        to: IssueId,
    ) -> Result<u64, brisk_db::Error> {
        self.0.run(&MOVE_ALL, (self.0.tenant(), from, to)).await
    }

    pub(crate) async fn held(&self, limit: i64) -> Result<Vec<ReportListRow>, brisk_db::Error> {
        self.0.run(&HELD, (self.0.tenant(), limit)).await
    }

    /// Releases or rejects a held report; `false` when it was not held.
    pub(crate) async fn moderate(
        &self,
        id: ReportId,
        status: &'static str,
        public: bool,
    ) -> Result<bool, brisk_db::Error> {
        Ok(self
            .0
            .run(&MODERATE, (self.0.tenant(), id, status, public))
            .await?
            == 1)
    }
}
